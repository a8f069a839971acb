/*
 * The inputs of a request whose format answers each by itself (embeddings):
 * which of them are the same question, and what stands for each in its key.
 */
#ifndef CACHE_INPUTS_H
#define CACHE_INPUTS_H

#include "base/digest.h"
#include "base/json_text.h"
#include "cache/canonical.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* More inputs than servers take; a request of more is cached as a whole. */
enum { CACHE_INPUTS_MAX = 8192 };

/* One question among them. */
struct cache_input {
	struct json_span text;   /* as it is written the first time */
	uint8_t digest[DIGEST_BYTES];
	size_t weight;           /* what it costs, next to the others: tokens
				    of a list of them, else bytes */
};

struct cache_inputs {
	size_t n;                /* places; 0: it cannot be split */
	size_t n_unique;
	size_t *unique_of;       /* n: of each place, its question; owned */
	struct cache_input *unique; /* by their first places; owned */
};

/*
 * Read the inputs of a request that cache_body_read found storable: body is
 * what it found, text the request or what is left of it without the cache
 * object, which out borrows. Taken apart are a string, a list of tokens
 * (integers), and an array of such; anything else, the empty array, and one
 * of more than CACHE_INPUTS_MAX inputs are not: out->n is 0 then.
 *
 * A question is the same in any spelling ("a", "\u0061"), alone or in an
 * array. 0, or -1 when memory is short. End with cache_inputs_fini in either
 * case. Any thread.
 */
int cache_inputs_read(struct cache_inputs *out, const struct cache_body *body,
    const char *text, size_t len, const struct wire_format *format);

/* Free what it holds. */
void cache_inputs_fini(struct cache_inputs *inputs);

/*
 * What cache_key takes for the body of a request that has this one input.
 * No request as a whole has the same. Any thread.
 */
void cache_inputs_body(struct cache_body *out, const struct cache_body *whole,
    const struct cache_input *input);

#endif
