/*
 * Fuzz target: judging Responses answers. Any bytes are judged as a stream
 * and as JSON without a crash; and of a stream that may be stored, no part
 * may be that lacks one of its events, but a [DONE] at its end. The first
 * byte picks the part.
 */
#include "judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool
has_output(const json_t *body)
{
	return json_array_size(json_object_get(body, "output")) > 0;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	judge_bytes(WIRE_RESPONSES, data, size, has_output, 1);
	return 0;
}
