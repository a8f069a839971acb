/*
 * Fuzz target: judging Responses answers. Any bytes are judged as a stream
 * and as JSON without a crash; and of a stream that may be stored, no part
 * may be that lacks one of its events, but a [DONE] at its end. The first
 * byte picks the part.
 */
#include "judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
judge_as_json(const char *text, size_t len)
{
	static const struct wire_policy policy = {true, true};
	const struct wire_format *responses = wire_format_get(WIRE_RESPONSES);
	json_t *usage = NULL, *body;

	body = json_loadb(text, len, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
	if (body == NULL)
		return;
	(void)responses->judge_request(body);
	if (responses->judge_json(body, &policy, &usage) == WIRE_STORABLE &&
	    json_array_size(json_object_get(body, "output")) == 0)
		abort();
	(void)wire_usage_tokens(usage);
	json_decref(usage);
	json_decref(body);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;
	size_t all, events, cut;

	if (size < 2)
		return 0;
	judge_as_json(text, size - 1);
	if (!judge_stream(WIRE_RESPONSES, text, size - 1, &all))
		return 0;
	for (cut = data[0] % 8; cut < size - 1; cut += 8)
		if (judge_stream(WIRE_RESPONSES, text, cut, &events) &&
		    events + 1 < all)
			abort();
	return 0;
}
