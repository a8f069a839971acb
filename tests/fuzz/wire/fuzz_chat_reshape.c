/*
 * Fuzz target: reshaping chat (choices_reshape.h says what must hold).
 */
#include "choices_reshape.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	reshape_choices(WIRE_CHAT, data, size);
	return 0;
}
