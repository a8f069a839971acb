/*
 * Reading request bodies in tests, and saying what was expected of one.
 */
#ifndef TESTS_BODY_CHECK_H
#define TESTS_BODY_CHECK_H

#include "cache/canonical.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { TEXT_MAX = 1 << 20 };

#define START "{\"model\":\"m\",\"messages\":[]"

/* Read from a copy of just its length, so that overreads are caught. */
static inline struct cache_body
read_bytes(const char *text, size_t len)
{
	struct cache_body body;
	char *copy = malloc(len == 0 ? 1 : len);

	assert_non_null(copy);
	memcpy(copy, text, len);
	memset(&body, 0x55, sizeof(body));
	assert_int_equal(cache_body_read(&body, copy, len,
	    wire_format_get(WIRE_CHAT), NULL), 0);
	free(copy);
	return body;
}

static inline struct cache_body
read_text(const char *text)
{
	return read_bytes(text, strlen(text));
}

static inline void
assert_storable(const struct cache_body *body)
{
	if (body->verdict != WIRE_STORABLE)
		fail_msg("%s: %s", wire_verdict_word(body->verdict), body->why);
	assert_false(body->malformed);
	assert_string_equal(body->why, "");
}

static inline bool
same_digest(const struct cache_body *a, const struct cache_body *b)
{
	return memcmp(a->digest, b->digest, DIGEST_BYTES) == 0 &&
	    a->has_options == b->has_options &&
	    memcmp(a->options, b->options, DIGEST_BYTES) == 0;
}

static inline void
assert_odd(const char *text, size_t len, enum wire_verdict verdict)
{
	struct cache_body body = read_bytes(text, len);

	if (body.verdict != verdict || body.malformed)
		fail_msg("%.*s: %s, not %s: %s", (int)(len < 80 ? len : 80),
		    text, wire_verdict_word(body.verdict),
		    wire_verdict_word(verdict), body.why);
	assert_string_not_equal(body.why, "");
}

static inline void
assert_malformed(const char *text, size_t len)
{
	struct cache_body body = read_bytes(text, len);

	if (!body.malformed || body.verdict == WIRE_STORABLE)
		fail_msg("%.*s: %s", (int)len, text,
		    wire_verdict_word(body.verdict));
	assert_string_not_equal(body.why, "");
}

#define ODD(text, verdict) assert_odd(text, sizeof(text) - 1, verdict)
#define MALFORMED(text) assert_malformed(text, sizeof(text) - 1)

/* START with "x" as one more member. */
#define WITH(x) START ",\"x\":" x "}"

/* Valid, with a bit of everything. */
#define SAMPLE                                                                 \
	"{\"model\":\"gpt-4o\",\"messages\":[{\"role\":\"user\","           \
	"\"content\":\"caf\\u00e9 \xe2\x82\xac \\ud83d\\ude00 \\\"q\\\""    \
	"\\\\\"},null],\"temperature\":0.7,\"n\":-12,\"big\":1.5e-7,"       \
	"\"stream\":true,\"stream_options\":{\"include_usage\":true},"     \
	"\"stop\":[\"\"]}"

#endif
