/*
 * Fuzz target: reshaping Responses answers. What is made of an answer that
 * may be stored may be stored, too, and comes back as the same answer; of a
 * stream that may be stored, an answer that may be, or it is refused.
 */
#include "judge.h"

#include "wire/payload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Nested deeper, an answer fits the parser, but not as part of an event. */
enum { OUT_MAX = 4 << 20, BRACKETS_MAX = 1000 };

static bool
is_deep(const uint8_t *data, size_t size)
{
	size_t i, n = 0;

	for (i = 0; i < size; i++)
		n += data[i] == '[' || data[i] == '{';
	return n > BRACKETS_MAX;
}

static bool
may_be_stored(const json_t *answer)
{
	static const struct wire_policy policy = {true, true};
	json_t *usage = NULL;
	enum wire_verdict v;

	v = wire_format_get(WIRE_RESPONSES)->judge_json(answer, &policy,
	    &usage);
	json_decref(usage);
	return v == WIRE_STORABLE;
}

/* The answer that a stream says; NULL when it is refused. */
static json_t *
answer_of(const char *stream, size_t len)
{
	json_t *payloads = wire_payloads(stream, len), *answer = NULL;
	struct buf out;

	buf_init(&out, OUT_MAX);
	if (payloads != NULL && wire_format_get(WIRE_RESPONSES)->to_json(&out,
	    payloads, NULL) == 0) {
		answer = json_loadb(out.data, out.len, JSON_ALLOW_NUL, NULL);
		if (!may_be_stored(answer))
			abort();
	}
	json_decref(payloads);
	buf_fini(&out);
	return answer;
}

static void
there_and_back(const json_t *answer)
{
	struct buf out;
	json_t *back;
	size_t events;

	buf_init(&out, OUT_MAX);
	if (wire_format_get(WIRE_RESPONSES)->to_stream(&out, answer, false) ==
	    0) {
		if (!may_be_stored(answer) || !judge_stream(WIRE_RESPONSES,
		    out.data, out.len, &events))
			abort();
		back = answer_of(out.data, out.len);
		if (back == NULL || !json_equal(back, answer))
			abort();
		json_decref(back);
	}
	buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	size_t events;
	json_t *answer;

	if (is_deep(data, size))
		return 0;
	answer = json_loadb(text, size, JSON_ALLOW_NUL, NULL);
	if (answer == NULL &&
	    judge_stream(WIRE_RESPONSES, text, size, &events))
		answer = answer_of(text, size);
	if (answer != NULL)
		there_and_back(answer);
	json_decref(answer);
	return 0;
}
