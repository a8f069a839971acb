/*
 * Messages made of one another: what the tests of their reshaping share.
 */
#ifndef TEST_MESSAGES_RESHAPING_H
#define TEST_MESSAGES_RESHAPING_H

#include "golden.h"

#include "wire/payload.h"
#include "wire/reshape.h"

enum { OUT_MAX = 4 * 1024 * 1024 };

static inline const struct wire_format *
messages(void)
{
	return wire_format_get(WIRE_MESSAGES);
}

/* The stream of an answer, empty when it is refused. */
static inline struct buf
stream_of(const json_t *answer)
{
	struct buf out;

	buf_init(&out, OUT_MAX);
	if (messages()->to_stream(&out, answer, false) != 0)
		buf_reset(&out);
	return out;
}

/* The answer of payloads, NULL when they are refused. */
static inline json_t *
json_of_payloads(const json_t *payloads)
{
	json_t *answer = NULL;
	struct buf out;

	buf_init(&out, OUT_MAX);
	if (messages()->to_json(&out, payloads, NULL) == 0) {
		answer = json_loadb(out.data, out.len,
		    JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(answer);
	}
	buf_fini(&out);
	return answer;
}

static inline json_t *
json_of_stream(const char *stream, size_t len)
{
	json_t *payloads = wire_payloads(stream, len), *answer;

	assert_non_null(payloads);
	answer = json_of_payloads(payloads);
	json_decref(payloads);
	return answer;
}

/*
 * An answer's stream is good, is judged as the answer is, has its usage,
 * and says it all: back comes an equal answer.
 */
static inline void
expect_round_trip(const char *name, const json_t *answer)
{
	struct buf stream = stream_of(answer);
	json_t *usage = NULL, *back;

	if (stream.len == 0)
		fail_msg("%s is refused", name);
	golden_expect(name, golden_judge_stream(WIRE_MESSAGES, stream.data,
	    stream.len, &golden_lax, &usage), WIRE_STORABLE);
	golden_expect(name, golden_judge_stream(WIRE_MESSAGES, stream.data,
	    stream.len, &golden_strict, NULL),
	    golden_judge_value(WIRE_MESSAGES, answer, &golden_strict,
	    NULL));
	if (!json_equal(usage, json_object_get(answer, "usage")))
		fail_msg("the usage of %s is another", name);
	back = json_of_stream(stream.data, stream.len);
	if (back == NULL || !json_equal(back, answer))
		fail_msg("%s comes back as another", name);
	json_decref(back);
	json_decref(usage);
	buf_fini(&stream);
}

static inline const char *
text_at(const json_t *object, const char *member)
{
	return json_string_value(json_object_get(object, member));
}

static inline bool
is_delta(const json_t *payload, const char *type)
{
	const char *is = text_at(json_object_get(payload, "delta"), "type");

	return is != NULL && strcmp(is, type) == 0;
}

#endif
