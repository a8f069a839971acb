/*
 * Fuzz target: reshaping completions (choices_reshape.h says what must hold).
 */
#include "choices_reshape.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	reshape_choices(WIRE_COMPLETIONS, data, size);
	return 0;
}
