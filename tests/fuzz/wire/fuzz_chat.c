/*
 * Fuzz target: judging chat answers (judge.h says what must hold).
 */
#include "judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	judge_choices(WIRE_CHAT, data, size);
	return 0;
}
