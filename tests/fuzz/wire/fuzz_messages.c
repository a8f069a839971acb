/*
 * Fuzz target: judging messages. Any bytes are judged as a stream and as
 * JSON without a crash; and of a stream that may be stored, no part may be
 * that lacks more than a [DONE] at its end. The first byte picks the part.
 */
#include "judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
is_message(const json_t *body)
{
	return json_array_size(json_object_get(body, "content")) > 0 &&
	    json_is_string(json_object_get(body, "stop_reason"));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	judge_bytes(WIRE_MESSAGES, data, size, is_message, 1);
	return 0;
}
