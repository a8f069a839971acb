/*
 * Any embeddings request: its inputs are those that a parser sees, two of
 * them are the same question only if they mean the same, and they are the
 * same questions in another spelling.
 */
#include "cache/inputs.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { COMPARE_MAX = 64 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool holds)
{
	if (!holds)
		abort();
}

static bool
is_tokens(const json_t *value)
{
	size_t i;

	for (i = 0; i < json_array_size(value); i++) {
		if (!json_is_integer(json_array_get(value, i)))
			return false;
	}
	return json_array_size(value) > 0;
}

static bool
is_input(const json_t *value)
{
	return json_is_string(value) || is_tokens(value);
}

/* How many inputs there are, by a parser; 0: not to be taken apart. */
static size_t
count(const json_t *input)
{
	size_t i, n = json_array_size(input);

	if (is_input(input))
		return 1;
	for (i = 0; i < n; i++) {
		if (!is_input(json_array_get(input, i)))
			return 0;
	}
	return n <= CACHE_INPUTS_MAX ? n : 0;
}

static const json_t *
at(const json_t *input, size_t i)
{
	return is_input(input) ? input : json_array_get(input, i);
}

static void
check_places(const struct cache_inputs *in, const json_t *input)
{
	size_t i, j, n = in->n < COMPARE_MAX ? in->n : COMPARE_MAX;
	json_t *first;

	for (i = 0; i < n; i++) {
		require(in->unique_of[i] < in->n_unique);
		first = json_loadb(in->unique[in->unique_of[i]].text.at,
		    in->unique[in->unique_of[i]].text.len,
		    JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		require(json_equal(first, at(input, i)));
		json_decref(first);
		for (j = 0; j < i; j++)
			require(json_equal(at(input, i), at(input, j)) ==
			    (in->unique_of[i] == in->unique_of[j]));
	}
}

/* The same request as Jansson spells it. */
static void
check_spelling(const struct cache_inputs *in, const json_t *root)
{
	const struct wire_format *f = wire_format_get(WIRE_EMBEDDINGS);
	char *text = json_dumps(root, JSON_ENSURE_ASCII | JSON_INDENT(1) |
	    JSON_REAL_PRECISION(17));
	struct cache_inputs again;
	struct cache_body body;
	size_t i;

	require(text != NULL);
	require(cache_body_read(&body, text, strlen(text), f, NULL) == 0);
	require(body.verdict == WIRE_STORABLE);
	require(cache_inputs_read(&again, &body, text, strlen(text), f) == 0);
	require(again.n == in->n && again.n_unique == in->n_unique);
	for (i = 0; i < in->n_unique; i++)
		require(memcmp(again.unique[i].digest, in->unique[i].digest,
		    DIGEST_BYTES) == 0 &&
		    again.unique[i].weight == in->unique[i].weight);
	cache_inputs_fini(&again);
	free(text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct wire_format *f = wire_format_get(WIRE_EMBEDDINGS);
	const char *text = (const char *)data;
	struct cache_inputs in;
	struct cache_body body;
	json_t *root, *input;

	if (cache_body_read(&body, text, size, f, NULL) == -1 ||
	    body.verdict != WIRE_STORABLE)
		return 0;
	require(cache_inputs_read(&in, &body, text, size, f) == 0);
	root = json_loadb(text, size, JSON_ALLOW_NUL, NULL);
	input = json_object_get(root, "input");
	require(in.n == count(input));
	check_places(&in, input);
	check_spelling(&in, root);
	json_decref(root);
	cache_inputs_fini(&in);
	return 0;
}
