/*
 * Random JSON with what is easily got wrong: texts with blanks, escapes,
 * NUL bytes, UTF-8 and the marks of streams, and values of any kind.
 */
#ifndef TEST_RANDOM_JSON_H
#define TEST_RANDOM_JSON_H

#include "../base/random.h"
#include "golden.h"

/* A string of up to max bits: words, blanks, what JSON escapes, UTF-8. */
static inline json_t *
random_text(struct rng *r, size_t max)
{
	static const char *const bits[] = {"word", " ", " ", "  ", "\n", "\t",
	    "\r\n", "\"", "\\", "\x01", "\x1f", "\x7f", "ß", "€", "語",
	    "🌍", "👋🏽", "\xe2\x80\xa8", "{", "}", "data: [DONE]\n\n", "x",
	    "a-very-long-word-that-does-not-fit-in-one-piece-"};
	size_t n = rng_below(r, max + 1), i;
	struct buf all;
	json_t *text;

	buf_init(&all, 1 << 16);
	buf_reserve(&all, 1);
	while (n-- > 0) {
		i = rng_below(r, N_OF(bits) + 1);
		if (i == N_OF(bits))
			buf_append(&all, "\0", 1);
		else
			buf_puts(&all, bits[i]);
	}
	text = json_stringn(all.data, all.len);
	assert_non_null(text);
	buf_fini(&all);
	return text;
}

/* Any JSON value. */
static inline json_t *
random_value(struct rng *r, int depth)
{
	static const char *const names[] = {"a", "content", "index", "type",
	    "text", "ä\n", ""};
	size_t kind = rng_below(r, depth > 0 ? 8 : 6), n = rng_below(r, 4);
	json_t *value;

	switch (kind) {
	case 0:
		return json_null();
	case 1:
		return json_boolean(n < 2);
	case 2:
		return json_integer(n == 0 ? (json_int_t)r->state :
		    (json_int_t)rng_below(r, 1000) - 500);
	case 3:
		return json_real((double)rng_below(r, 1 << 20) / 977.0 - 300.0);
	case 4:
	case 5:
		return random_text(r, 5);
	case 6:
		for (value = json_array(); n > 0; n--)
			json_array_append_new(value,
			    random_value(r, depth - 1));
		return value;
	default:
		for (value = json_object(); n > 0; n--)
			json_object_set_new(value,
			    names[rng_below(r, N_OF(names))],
			    random_value(r, depth - 1));
		return value;
	}
}

#endif
