/*
 * Random JSON values, and random spellings of one value, for tests. All
 * from a seed, so that a failure can be had again.
 */
#ifndef TESTS_JSON_SPELLER_H
#define TESTS_JSON_SPELLER_H

#include "base/buf.h"
#include "base/text.h"

#include <jansson.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

struct rng {
	uint64_t state; /* not 0 */
};

/* A number below n (xorshift64*, Vigna 2016). */
static inline size_t
rng_below(struct rng *r, size_t n)
{
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return (size_t)((r->state * 0x2545f4914f6cdd1dULL) >> 33) % n;
}

static inline const char *
random_text(struct rng *r)
{
	static const char *const texts[] = {"", "a", "b", "/", "a/b", "\"",
	    "\\", "\n\r\t\b\f", "\x01\x1f\x7f", "caf\xc3\xa9", "\xe2\x82\xac",
	    "\xf0\x9f\x98\x80", "\xef\xbf\xbf", "\xef\xbb\xbf", "true", "1",
	    "stream", "a longer text, of more than a few words: {\"x\":1}"};

	return texts[rng_below(r, sizeof(texts) / sizeof(texts[0]))];
}

static inline json_t *
random_scalar(struct rng *r)
{
	static const double reals[] = {0.0, 1.0, -1.0, 0.5, 0.1, 1e22, 1e300,
	    2.2250738585072014e-308, 1.7976931348623157e308, 100.0,
	    9007199254740992.0, 0.30000000000000004};
	static const json_int_t integers[] = {0, 1, -1, 2, 100, INT64_MAX,
	    INT64_MIN, 9007199254740993};

	switch (rng_below(r, 6)) {
	case 0:
		return json_null();
	case 1:
		return json_true();
	case 2:
		return json_false();
	case 3:
		return json_integer(integers[rng_below(r, 8)]);
	case 4:
		return json_real(reals[rng_below(r, 12)]);
	default:
		return json_string(random_text(r));
	}
}

/* A value nested depth levels at most. The caller owns it. */
static inline json_t *
random_value(struct rng *r, int depth)
{
	size_t kind = rng_below(r, 4), n = rng_below(r, 5);
	json_t *v;

	if (depth == 0 || kind < 2)
		return random_scalar(r);
	v = kind == 2 ? json_array() : json_object();
	while (n-- > 0) {
		if (kind == 2)
			json_array_append_new(v, random_value(r, depth - 1));
		else
			json_object_set_new(v, random_text(r),
			    random_value(r, depth - 1));
	}
	return v;
}

/* A chat request with some random fields. The caller owns it. */
static inline json_t *
random_request(struct rng *r)
{
	json_t *root = random_value(r, 3);

	if (!json_is_object(root)) {
		json_decref(root);
		root = json_object();
	}
	json_object_set_new(root, "model", json_string("m"));
	json_object_set_new(root, "messages", json_array());
	json_array_append_new(json_object_get(root, "messages"),
	    random_value(r, 3));
	json_object_set_new(root, "extra", random_value(r, 2));
	json_object_del(root, "stream");
	if (rng_below(r, 2) == 0)
		json_object_set_new(root, "stream", json_true());
	return root;
}

static inline void
spell_space(struct rng *r, struct buf *b)
{
	static const char *const spaces[] = {"", "", "", " ", "\n", "\t",
	    "\r\n  "};

	buf_puts(b, spaces[rng_below(r, 7)]);
}

static inline void
spell_unit(struct rng *r, struct buf *b, uint32_t unit)
{
	if (rng_below(r, 2) == 0)
		buf_printf(b, "\\u%04x", (unsigned)unit);
	else
		buf_printf(b, "\\u%04X", (unsigned)unit);
}

static inline void
spell_char(struct rng *r, struct buf *b, const char *s, size_t n, uint32_t c)
{
	static const char shorts[] = "\"\"\\\\//b\bf\fn\nr\rt\t";
	bool must = c < 0x20 || c == '"' || c == '\\';
	size_t i;

	if (!must && rng_below(r, 3) != 0) {
		buf_append(b, s, n);
		return;
	}
	for (i = 0; i + 1 < sizeof(shorts); i += 2) {
		if ((uint32_t)shorts[i + 1] == c && rng_below(r, 2) == 0) {
			buf_printf(b, "\\%c", shorts[i]);
			return;
		}
	}
	if (c < 0x10000) {
		spell_unit(r, b, c);
		return;
	}
	spell_unit(r, b, 0xd800 + ((c - 0x10000) >> 10));
	spell_unit(r, b, 0xdc00 + ((c - 0x10000) & 0x3ff));
}

static inline void
spell_string(struct rng *r, struct buf *b, const char *s, size_t len)
{
	size_t i = 0, n;
	uint32_t c;

	buf_putc(b, '"');
	for (; i < len; i += n) {
		n = text_utf8_next(s + i, len - i, &c);
		spell_char(r, b, s + i, n, c);
	}
	buf_putc(b, '"');
}

static inline void
spell_real(struct rng *r, struct buf *b, double v)
{
	switch (rng_below(r, 3)) {
	case 0:
		buf_printf(b, "%.16e", v);
		break;
	case 1:
		buf_printf(b, "%.16E", v);
		break;
	default:
		buf_printf(b, "%#.17g", v);
	}
}

static inline void spell(struct rng *r, struct buf *b, const json_t *v);

static inline void
spell_array(struct rng *r, struct buf *b, const json_t *v)
{
	size_t i;

	buf_putc(b, '[');
	for (i = 0; i < json_array_size(v); i++) {
		if (i > 0)
			buf_putc(b, ',');
		spell(r, b, json_array_get(v, i));
	}
	spell_space(r, b);
	buf_putc(b, ']');
}

/* Members in any order: from a copy, a random one at a time. */
static inline void
spell_object(struct rng *r, struct buf *b, const json_t *v)
{
	json_t *left = json_copy((json_t *)(uintptr_t)v);
	const char *comma = "";
	void *it;
	size_t skip;

	buf_putc(b, '{');
	while (json_object_size(left) > 0) {
		it = json_object_iter(left);
		for (skip = rng_below(r, json_object_size(left)); skip > 0;
		     skip--)
			it = json_object_iter_next(left, it);
		buf_puts(b, comma);
		comma = ",";
		spell_space(r, b);
		spell_string(r, b, json_object_iter_key(it),
		    strlen(json_object_iter_key(it)));
		spell_space(r, b);
		buf_putc(b, ':');
		spell(r, b, json_object_iter_value(it));
		json_object_del(left, json_object_iter_key(it));
	}
	spell_space(r, b);
	buf_putc(b, '}');
	json_decref(left);
}

/* Append one of the many texts that mean v. */
static inline void
spell(struct rng *r, struct buf *b, const json_t *v)
{
	spell_space(r, b);
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		spell_object(r, b, v);
		break;
	case JSON_ARRAY:
		spell_array(r, b, v);
		break;
	case JSON_STRING:
		spell_string(r, b, json_string_value(v),
		    json_string_length(v));
		break;
	case JSON_REAL:
		spell_real(r, b, json_real_value(v));
		break;
	case JSON_INTEGER:
		buf_printf(b, "%lld", (long long)json_integer_value(v));
		break;
	default:
		buf_puts(b, json_is_null(v) ? "null"
				: json_is_true(v) ? "true" : "false");
	}
	spell_space(r, b);
}

#endif
