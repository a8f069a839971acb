#include "cache/canonical.h"

#include "base/diag.h"
#include "base/json_text.h"
#include "base/text.h"
#include "cache/json_scan.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	/*
	 * Jansson parses 2048 levels, and its dump of them takes 610 KB of
	 * stack; of this many, 160 KB.
	 */
	DEPTH_MAX = 512,
	TREE_BYTES_MAX = 128 * 1024 * 1024,
	SINK_BYTES = 4096
};

#define PARSE_FLAGS (JSON_DECODE_ANY | JSON_ALLOW_NUL)
#define DUMP_FLAGS                                                             \
	(JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17) |             \
	    JSON_ENCODE_ANY)

enum { BOM_BYTES = 3 };

/* ---- memory for Jansson ---------------------------------------------- */

/*
 * When an allocation fails, Jansson 2.14 goes on without the bytes it could
 * not save: a string of the parsed text silently misses a byte in its
 * middle, which would be the canonical form of somebody else's question,
 * or misses its closing quote, and Jansson reads past its end. Neither can
 * be seen from outside, so a process without memory ends instead.
 */
static void *
json_malloc_or_end(size_t size)
{
	void *p = malloc(size);

	if (p != NULL)
		return p;
	diag(LOG_ERR, "out of memory for %zu bytes of JSON; ending", size);
	abort();
}

/* Before main, as all of the process's use of Jansson has to be behind it. */
__attribute__((constructor)) static void
guard_json_memory(void)
{
	json_set_alloc_funcs(json_malloc_or_end, free);
}

/* ---- verdicts --------------------------------------------------------- */

static void
set_odd(struct cache_body *out, enum wire_verdict verdict, const char *why)
{
	out->verdict = verdict;
	snprintf(out->why, sizeof(out->why), "%s", why);
}

static void
set_malformed(struct cache_body *out, const char *why)
{
	set_odd(out, WIRE_BODY_SHAPE, why);
	out->malformed = true;
}

/* Name the place of text[at], columns in characters, from 1. */
static void
set_odd_number(struct cache_body *out, const char *text, size_t at)
{
	size_t line = 1, column = 1, i;

	for (i = 0; i < at; i++) {
		if (text[i] == '\n') {
			line++;
			column = 1;
		} else if (((unsigned char)text[i] & 0xc0) != 0x80) {
			column++;
		}
	}
	out->verdict = WIRE_BODY_NUMBER;
	snprintf(out->why, sizeof(out->why),
	    "line %zu, column %zu: the number cannot be held exactly", line,
	    column);
}

static bool
begins_with(const char *s, const char *start)
{
	return strncmp(s, start, strlen(start)) == 0;
}

/* Why a text that Jansson refused has no key; STORABLE: it is no JSON. */
static enum wire_verdict
refusal_verdict(const json_error_t *e)
{
	static const struct {
		enum json_error_code code;
		enum wire_verdict verdict;
	} odd[] = {
		{json_error_duplicate_key, WIRE_BODY_DUPLICATE_KEY},
		{json_error_numeric_overflow, WIRE_BODY_NUMBER},
		{json_error_invalid_utf8, WIRE_BODY_ENCODING},
		{json_error_null_byte_in_key, WIRE_BODY_ENCODING},
		{json_error_stack_overflow, WIRE_BODY_DEPTH},
	};
	size_t i;

	for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		if (json_error_code(e) == odd[i].code)
			return odd[i].verdict;
	}
	/* Lone surrogates have no code of their own, only this text. */
	if (begins_with(e->text, "invalid Unicode '"))
		return WIRE_BODY_ENCODING;
	return WIRE_STORABLE;
}

static void
set_refused(struct cache_body *out, const json_error_t *e)
{
	char why[sizeof(out->why)];
	const char *quoted = strstr(e->text, " near '");
	size_t len = quoted == NULL ? strlen(e->text)
				    : (size_t)(quoted - e->text);
	enum wire_verdict verdict = refusal_verdict(e);

	/* What follows "near" is the body's, which may be a secret. */
	snprintf(why, sizeof(why), "line %d, column %d: %.*s", e->line,
	    e->column, (int)len, e->text);
	if (verdict == WIRE_STORABLE)
		set_malformed(out, why);
	else
		set_odd(out, verdict, why);
}

/* ---- what routing needs of an odd body --------------------------------- */

static void
read_facts(struct cache_body *out, const json_t *root)
{
	const json_t *model = json_object_get(root, "model");
	const char *name = json_string_value(model);
	size_t len = json_string_length(model);

	out->stream = wire_wants_stream(root);
	if (name != NULL && len < sizeof(out->model) && strlen(name) == len)
		memcpy(out->model, name, len + 1);
}

static bool
is_surrogate_escape(const char *s, size_t len)
{
	return len >= 6 && s[1] == 'u' && (s[2] == 'd' || s[2] == 'D') &&
	    strchr("89abcdefABCDEF", s[3]) != NULL && s[3] != '\0';
}

/* Overwrite what is not UTF-8 or a surrogate, so that a parser goes on. */
static void
launder(char *s, size_t len)
{
	size_t i = 0, n;
	uint32_t c;

	while (i < len) {
		n = text_utf8_next(s + i, len - i, &c);
		if (c == 0xfffd && n == 1) {
			s[i] = '?';
		} else if (s[i] == '\\' && len - i >= 2) {
			if (is_surrogate_escape(s + i, len - i))
				memcpy(s + i + 2, "fffd", 4);
			n = 2;
		}
		i += n;
	}
}

/*
 * Model and stream of a body that has no key, which is passed on and so
 * has to find its upstream: duplicate keys, big integers and bad characters
 * are overlooked, and the last of two keys counts, as in most parsers.
 */
static int
read_odd(struct cache_body *out, const char *body, size_t len)
{
	char *copy = malloc(len + 1);
	json_t *root;

	if (copy == NULL)
		return -1;
	memcpy(copy, body, len);
	launder(copy, len);
	root = json_loadb(copy, len, PARSE_FLAGS | JSON_DECODE_INT_AS_REAL,
	    NULL);
	if (root != NULL)
		read_facts(out, root);
	json_decref(root);
	free(copy);
	return 0;
}

/* ---- the canonical form ------------------------------------------------ */

struct sink {
	struct digest *digest;
	struct buf *copy; /* or NULL */
	size_t used;
	char bytes[SINK_BYTES];
};

static void
sink_flush(struct sink *sink)
{
	digest_update(sink->digest, sink->bytes, sink->used);
	if (sink->copy != NULL)
		buf_append(sink->copy, sink->bytes, sink->used);
	sink->used = 0;
}

/* Jansson hands out single bytes; hashing those is slow. */
static int
sink_put(const char *bytes, size_t len, void *arg)
{
	struct sink *sink = arg;
	size_t n;

	while (len > 0) {
		if (sink->used == sizeof(sink->bytes))
			sink_flush(sink);
		n = sizeof(sink->bytes) - sink->used;
		if (n > len)
			n = len;
		memcpy(sink->bytes + sink->used, bytes, n);
		sink->used += n;
		bytes += n;
		len -= n;
	}
	return 0;
}

static int
digest_tree(uint8_t out[DIGEST_BYTES], const json_t *tree, struct buf *copy)
{
	struct sink sink = {.copy = copy, .digest = digest_new()};

	if (sink.digest == NULL)
		return -1;
	if (json_dump_callback(tree, sink_put, &sink, DUMP_FLAGS) == -1) {
		digest_free(sink.digest);
		return -1;
	}
	sink_flush(&sink);
	return digest_finish(sink.digest, out);
}

/* Whether stream_options say nothing that is not understood here. */
static bool
options_plain(const json_t *options)
{
	/* Obfuscation pads chunks; a recording has what it was given. */
	static const char *const known[] = {"include_usage",
	    "include_obfuscation"};
	size_t i, n = 0;
	json_t *value;

	if (json_is_null(options))
		return true;
	for (i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		value = json_object_get(options, known[i]);
		n += json_is_boolean(value) || json_is_null(value);
	}
	return json_is_object(options) && json_object_size(options) == n;
}

/* Take out of root what is a dimension of the key by itself. */
static int
take_dimensions(struct cache_body *out, json_t *root)
{
	const json_t *stream = json_object_get(root, "stream");
	const json_t *options = json_object_get(root, "stream_options");
	int rc = 0;

	if (json_is_boolean(stream) || json_is_null(stream))
		json_object_del(root, "stream");
	if (json_is_object(json_object_get(root, "cache")))
		json_object_del(root, "cache");
	if (options == NULL)
		return 0;
	if (out->stream) {
		out->has_options = true;
		out->usage_asked =
		    json_is_true(json_object_get(options, "include_usage"));
		out->options_odd = !options_plain(options);
		rc = digest_tree(out->options, options, NULL);
	}
	json_object_del(root, "stream_options");
	return rc;
}

static int
digest_canonical(struct cache_body *out, json_t *root, const char *split,
    struct buf *canonical)
{
	if (take_dimensions(out, root) == -1 ||
	    digest_tree(out->digest, root, canonical) == -1)
		return -1;
	if (split != NULL) {
		json_object_del(root, split);
		if (digest_tree(out->rest, root, NULL) == -1)
			return -1;
	}
	return canonical != NULL && canonical->failed ? -1 : 0;
}

int
cache_body_twin(struct cache_body *twin, const struct cache_body *body,
    bool usage)
{
	static const char options[] = "{\"include_usage\":true}";

	*twin = *body;
	twin->stream = !body->stream;
	twin->has_options = twin->stream && usage;
	memset(twin->options, 0, sizeof(twin->options));
	if (!twin->has_options)
		return 0;
	return digest_sha256(options, sizeof(options) - 1, twin->options);
}

/* ---- the cache object --------------------------------------------------- */

static bool
has_bom(const char *body, size_t len)
{
	return len >= BOM_BYTES && memcmp(body, "\xef\xbb\xbf", BOM_BYTES) == 0;
}

/* Whatever else is odd about the body, it is not for the upstream to see. */
static void
find_asked(struct cache_body *out, const char *body, size_t len)
{
	const size_t skip = has_bom(body, len) ? BOM_BYTES : 0;
	struct json_item item;
	struct json_span cut;

	if (!json_member(&item, body + skip, len - skip, "cache") ||
	    *item.value.at != '{')
		return;
	cache_asked_read(&out->asked, item.value.at, item.value.len);
	cut = json_member_cut(&item, body + skip, len - skip);
	out->cut_at = (size_t)(cut.at - body);
	out->cut_len = cut.len;
}

/* ---- reading ------------------------------------------------------------ */

/* What must be known before Jansson sees the text. Whether it may see it. */
static bool
scan_ok(struct cache_body *out, struct json_scan *scan, const char *body,
    size_t len)
{
	json_scan(scan, body, len);
	if (len == 0)
		set_malformed(out, "the body is empty");
	else if (memchr(body, '\0', len) != NULL)
		/* Jansson swallows one that follows a number or a literal. */
		set_malformed(out, "the body has a NUL byte");
	else if (scan->depth > DEPTH_MAX)
		set_odd(out, WIRE_BODY_DEPTH, "nested too deeply");
	else if (scan->tree_bytes > TREE_BYTES_MAX)
		set_odd(out, WIRE_MEMORY, "too many values");
	else
		return true;
	return false;
}

static int
read_tree(struct cache_body *out, json_t *root,
    const struct wire_format *format, struct buf *canonical)
{
	read_facts(out, root);
	if (out->verdict != WIRE_STORABLE)
		return 0;
	if (!json_is_object(root)) {
		set_odd(out, WIRE_BODY_SHAPE, "not a JSON object");
		return 0;
	}
	out->verdict = format->judge_request(root);
	if (out->verdict != WIRE_STORABLE) {
		set_odd(out, out->verdict, out->verdict == WIRE_BODY_SHAPE ?
		    "lacks a required field" : "");
		return 0;
	}
	return digest_canonical(out, root, format->split_member, canonical);
}

static int
read_json(struct cache_body *out, const char *body, size_t len,
    const struct wire_format *format, struct buf *canonical)
{
	json_error_t e = {0};
	json_t *root;
	int rc;

	root = json_loadb(body, len, PARSE_FLAGS | JSON_REJECT_DUPLICATES, &e);
	if (root == NULL) {
		set_refused(out, &e);
		return out->malformed ? 0 : read_odd(out, body, len);
	}
	rc = read_tree(out, root, format, canonical);
	json_decref(root);
	return rc;
}

int
cache_body_read(struct cache_body *out, const char *body, size_t len,
    const struct wire_format *format, struct buf *canonical)
{
	struct json_scan scan;

	memset(out, 0, sizeof(*out));
	cache_asked_init(&out->asked);
	if (!scan_ok(out, &scan, body, len))
		return 0;
	find_asked(out, body, len);
	if (scan.number_odd)
		set_odd_number(out, body, scan.number_at);
	if (has_bom(body, len)) {
		/* Not JSON by RFC 8259, but many a parser forgives it. */
		set_odd(out, WIRE_BODY_ENCODING, "a byte order mark");
		return read_odd(out, body + BOM_BYTES, len - BOM_BYTES);
	}
	return read_json(out, body, len, format, canonical);
}
