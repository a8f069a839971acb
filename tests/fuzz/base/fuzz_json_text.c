/*
 * Fuzz target: JSON as text. Of any bytes, all that is found lies within
 * them; of those that are JSON, it is what a parser finds.
 */
#include "../../unit/base/json_text_rules.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!rules_hold((const char *)data, size))
		abort();
	return 0;
}
