/*
 * Fuzz target: messages reshaped. The stream made of an answer that may be
 * stored may be stored, too, and says an equal answer; so does the answer
 * made of such a stream, unless it is refused.
 */
#include "judge.h"

#include "wire/payload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { OUT_MAX = 1 << 20, BRACKETS_MAX = 1000 };

static bool
may_store(const json_t *answer)
{
	static const struct wire_policy policy = {true, true};
	const struct wire_format *messages = wire_format_get(WIRE_MESSAGES);
	json_t *usage = NULL;
	enum wire_verdict v = messages->judge_json(answer, &policy, &usage);

	json_decref(usage);
	return v == WIRE_STORABLE;
}

/* The answer of a stream, NULL when it is refused. */
static json_t *
to_json(const char *stream, size_t len)
{
	json_t *payloads = wire_payloads(stream, len), *answer = NULL;
	struct buf out;

	/* A member that is there twice: refused. */
	if (payloads == NULL)
		return NULL;
	buf_init(&out, OUT_MAX);
	if (wire_format_get(WIRE_MESSAGES)->to_json(&out, payloads, NULL) ==
	    0) {
		answer = json_loadb(out.data, out.len,
		    JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
		if (answer == NULL || !may_store(answer))
			abort();
	}
	buf_fini(&out);
	json_decref(payloads);
	return answer;
}

static void
check_answer(const json_t *answer)
{
	size_t events;
	struct buf out;
	json_t *back;

	buf_init(&out, OUT_MAX);
	if (wire_format_get(WIRE_MESSAGES)->to_stream(&out, answer, true) ==
	    0) {
		if (!judge_stream(WIRE_MESSAGES, out.data, out.len, &events))
			abort();
		back = to_json(out.data, out.len);
		if (back == NULL || !json_equal(back, answer))
			abort();
		json_decref(back);
	}
	buf_fini(&out);
}

/* Nesting beyond what the parser takes may be reached by one level more. */
static bool
may_be_deep(const uint8_t *data, size_t size)
{
	size_t i, n = 0;

	for (i = 0; i < size; i++)
		n += data[i] == '[' || data[i] == '{';
	return n > BRACKETS_MAX;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	size_t events;
	json_t *answer;

	if (may_be_deep(data, size))
		return 0;
	answer = json_loadb(text, size, JSON_ALLOW_NUL, NULL);
	if (answer == NULL && judge_stream(WIRE_MESSAGES, text, size, &events))
		answer = to_json(text, size);
	if (answer != NULL && may_store(answer))
		check_answer(answer);
	json_decref(answer);
	return 0;
}
