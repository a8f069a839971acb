#include "wire/token_count.h"

#include <stdlib.h>
#include <string.h>

/* An input as the ways of counting see it. */
struct size {
	bool tokens;  /* an array of tokens, so many */
	size_t n, words, characters, bytes;
};

static bool
is_blank(unsigned char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

static void
measure_text(struct size *size, const char *text, size_t len)
{
	bool in_word = false;
	size_t i;

	size->bytes = len;
	for (i = 0; i < len; i++) {
		if (((unsigned char)text[i] & 0xc0) != 0x80)
			size->characters++;
		if (!is_blank((unsigned char)text[i]) && !in_word)
			size->words++;
		in_word = !is_blank((unsigned char)text[i]);
	}
}

/* Whether it is one of the two kinds. */
static bool
measure(struct size *size, const struct json_span *input)
{
	json_t *value = json_loadb(input->at, input->len,
	    JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	bool good = json_is_string(value) || json_is_array(value);

	memset(size, 0, sizeof(*size));
	size->tokens = json_is_array(value);
	size->n = json_array_size(value);
	if (json_is_string(value))
		measure_text(size, json_string_value(value),
		    json_string_length(value));
	json_decref(value);
	return good;
}

/* ---- ways to count a text ----------------------------------------------- */

static size_t
words(const struct size *s)
{
	return s->words;
}

static size_t
words_or_one(const struct size *s)
{
	return s->words > 0 ? s->words : 1;
}

static size_t
four_characters(const struct size *s)
{
	return s->characters / 4;
}

static size_t
four_characters_or_one(const struct size *s)
{
	return s->characters >= 4 ? s->characters / 4 : 1;
}

static size_t
four_characters_begun(const struct size *s)
{
	return (s->characters + 3) / 4;
}

static size_t
four_bytes(const struct size *s)
{
	return s->bytes / 4;
}

static size_t
four_bytes_begun(const struct size *s)
{
	return (s->bytes + 3) / 4;
}

static size_t
characters(const struct size *s)
{
	return s->characters;
}

static size_t
bytes(const struct size *s)
{
	return s->bytes;
}

typedef size_t count_fn(const struct size *size);

static count_fn *const ways[] = {words, words_or_one, four_characters,
    four_characters_or_one, four_characters_begun, four_bytes,
    four_bytes_begun, characters, bytes};

static size_t
count(const struct size *size, count_fn *way)
{
	return size->tokens ? size->n : way(size);
}

/* The first way that gives the total, or NULL. */
static count_fn *
find_way(const struct size *sizes, size_t n, json_int_t total)
{
	size_t w, i;
	json_int_t sum;

	for (w = 0; w < sizeof(ways) / sizeof(ways[0]); w++) {
		sum = 0;
		for (i = 0; i < n; i++)
			sum += (json_int_t)count(&sizes[i], ways[w]);
		if (sum == total)
			return ways[w];
	}
	return NULL;
}

bool
wire_count_tokens(size_t *counts, const struct json_span *inputs, size_t n,
    json_int_t total)
{
	struct size *sizes = calloc(n + 1, sizeof(*sizes));
	count_fn *way = NULL;
	size_t i = 0;

	while (sizes != NULL && i < n && measure(&sizes[i], &inputs[i]))
		i++;
	if (sizes != NULL && i == n)
		way = find_way(sizes, n, total);
	for (i = 0; way != NULL && i < n; i++)
		counts[i] = count(&sizes[i], way);
	free(sizes);
	return way != NULL;
}
