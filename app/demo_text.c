#include "demo_text.h"

#include <inttypes.h>
#include <string.h>

static const char *const vocabulary[] = {
	"the", "cache", "café", "answers", "a", "river", "—", "of", "quiet",
	"你好", "stones", "and", "the", "morning", "😀", "naïve", "light",
	"turns", "slowly", "over", "“water”", "where", "every", "token",
	"世界", "waits", "\n", "for", "its", "echo,", "then", "goes.",
};

enum { N_VOCABULARY = sizeof(vocabulary) / sizeof(vocabulary[0]) };

uint64_t
demo_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15U;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9U;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebU;
	return z ^ (z >> 31);
}

uint64_t
demo_text(struct buf *out, uint64_t seed, const struct demo_text_size *size)
{
	size_t start = out->len;
	uint64_t n;

	for (n = 0; n < size->max_words && !out->failed; n++) {
		if (n >= size->words && out->len - start >= size->bytes)
			break;
		if (size->random) {
			buf_printf(out, "%08" PRIx32,
			    (uint32_t)demo_random(&seed));
			continue;
		}
		if (n > 0)
			buf_putc(out, ' ');
		buf_puts(out, vocabulary[demo_random(&seed) % N_VOCABULARY]);
	}
	return n;
}

size_t
demo_text_piece(const char *s, size_t len, size_t least)
{
	const char *blank;

	if (len <= least)
		return len;
	blank = memchr(s + least, ' ', len - least);
	if (blank != NULL)
		return (size_t)(blank - s) + 1;
	/* Hex digits have no blanks; a last word is one piece. */
	return least >= 8 || len > 64 ? (least < 8 ? 8 : least) : len;
}
