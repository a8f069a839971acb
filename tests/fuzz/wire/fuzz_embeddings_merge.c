/*
 * Fuzz target: embeddings answers taken apart and put together. Of any
 * bytes, what is said of them is what judging their tree says, and what is
 * written is what was read; the shares of a usage add up to it. The first
 * byte picks the weights.
 */
#include "../../unit/wire/embeddings_rules.h"

#include "wire/format.h"
#include "wire/usage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whether there is a real, whose shares may add up a little beside it. */
static bool
has_real(const json_t *value)
{
	json_t *members = (json_t *)(uintptr_t)value, *member;
	const char *key;

	json_object_foreach(members, key, member) {
		if (has_real(member))
			return true;
	}
	return json_is_real(value);
}

static void
share(const json_t *usage, uint8_t seed)
{
	size_t weights[4] = {seed % 4, seed / 4 % 4, seed / 16 % 4, seed / 64};
	json_t *shares = wire_usage_share(usage, weights, 4), *sum = NULL;
	json_t *was;
	size_t i;

	for (i = 0; i < json_array_size(shares); i++) {
		was = sum;
		sum = wire_usage_add(was, json_array_get(shares, i));
		json_decref(was);
	}
	(void)wire_usage_tokens(sum);
	if (i != 4 || sum == NULL ||
	    (!has_real(usage) && !json_equal(sum, usage)))
		abort();
	json_decref(sum);
	json_decref(shares);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;
	json_t *tree, *usage;

	if (size < 2)
		return 0;
	if (!rules_hold(text, size - 1))
		abort();
	tree = rules_parse(text, size - 1, NULL);
	usage = json_object_get(tree, "usage");
	if (json_is_object(usage))
		share(usage, data[0]);
	json_decref(tree);
	return 0;
}
