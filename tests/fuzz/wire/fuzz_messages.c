/*
 * Fuzz target: judging messages. Any bytes are judged as a stream and as
 * JSON without a crash; and of a stream that may be stored, no part may be
 * that lacks more than a [DONE] at its end. The first byte picks the part.
 */
#include "judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
judge_message(const char *text, size_t len)
{
	static const struct wire_policy policy = {true, true};
	const struct wire_format *messages = wire_format_get(WIRE_MESSAGES);
	json_t *usage = NULL, *body;

	body = json_loadb(text, len, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
	if (body == NULL)
		return;
	(void)messages->judge_request(body);
	if (messages->judge_json(body, &policy, &usage) == WIRE_STORABLE &&
	    (json_array_size(json_object_get(body, "content")) == 0 ||
	    !json_is_string(json_object_get(body, "stop_reason"))))
		abort();
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
	judge_message(text, size - 1);
	if (!judge_stream(WIRE_MESSAGES, text, size - 1, &all))
		return 0;
	for (cut = data[0] % 8; cut < size - 1; cut += 8)
		if (judge_stream(WIRE_MESSAGES, text, cut, &events) &&
		    events + 1 < all)
			abort();
	return 0;
}
