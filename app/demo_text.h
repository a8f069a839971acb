/*
 * The text demo-upstream answers with: word salad, the same for the same
 * seed, with characters of two, three and four bytes in it.
 */
#ifndef DEMO_TEXT_H
#define DEMO_TEXT_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A small generator (SplitMix64, Steele et al. 2014): state is the seed. */
uint64_t demo_random(uint64_t *state);

struct demo_text_size {
	uint64_t words; /* at least so many, unless max_words is less */
	uint64_t bytes; /* at least so many */
	uint64_t max_words;
	bool random;    /* hex digits without blanks */
};

/*
 * Append text to out. Returns how many words it has (8 digits count as a
 * word).
 */
uint64_t demo_text(struct buf *out, uint64_t seed,
    const struct demo_text_size *size);

/*
 * The length of the first piece of s[0..len-1]: whole words, at least
 * least bytes when there are so many. Never inside a character.
 */
size_t demo_text_piece(const char *s, size_t len, size_t least);

#endif
