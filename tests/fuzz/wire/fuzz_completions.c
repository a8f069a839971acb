/*
 * Fuzz target: judging completions (judge.h says what must hold).
 */
#include "judge.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	judge_choices(WIRE_COMPLETIONS, data, size);
	return 0;
}
