/*
 * A request of several inputs: its questions, what the cache has of each,
 * and how their answers are put together. Private to the gateway.
 */
#ifndef GATEWAY_BATCH_H
#define GATEWAY_BATCH_H

#include "base/json_text.h"
#include "cache/inputs.h"
#include "gateway/collect.h"
#include "wire/embeddings_merge.h"

/* One question, and what is known of its answer. */
struct part {
	bool hit;
	struct wire_embeddings stored; /* its entry's body, of a hit */
	struct json_span element;
	json_t *usage;                 /* its own, borrowed; or NULL */
};

struct batch {
	struct exchange *x;
	struct cache_inputs in;
	struct cache_question *questions; /* of each question in ->in */
	struct part *parts;               /* likewise */
	size_t n_hits;                    /* of the questions */
	struct collect collect;
	struct wire_embeddings fresh;     /* taken apart; n 0: not yet */
	json_t *shares;                   /* of its usage, one a question */
	json_t *spent;                    /* usage of every call; or NULL */
	char fwd[64];
};

/* Read the inputs of a request. 0, or -1 when memory is short. */
int batch_read_inputs(struct cache_inputs *in, const struct exchange *x);

/* The key of one of them. 0 or -1. */
int batch_key(const struct exchange *x, const struct cache_input *input,
    uint8_t key[CACHE_KEY_BYTES]);

/*
 * Begin: read the inputs (->in.n is 0 when they cannot be told apart) and
 * make their keys. 0, or -1 when memory is short; end with batch_fini in
 * either case.
 */
int batch_init(struct batch *b, struct exchange *x);

/* Free what it holds. */
void batch_fini(struct batch *b);

/*
 * Look all questions up, perhaps once more, and mark those that are answered,
 * all by vectors that may stand together. Sets x->fwd, and x->verdict when
 * nothing that is missing could be stored.
 */
void batch_look_up(struct batch *b);

/* Whether one that was missing is there now. */
bool batch_has_news(const struct batch *b);

/* Go on as if nothing had been found. */
void batch_drop_hits(struct batch *b);

/* The answer of the first hit; there must be one. */
const struct wire_embeddings *batch_first_hit(const struct batch *b);

/*
 * Add a usage, or NULL, to *sum, which may be NULL. 0; or -1 when memory is
 * short, and *sum is as it was.
 */
int batch_add_usage(json_t **sum, const json_t *more);

/* What an answer costs, and what of that was not asked for this time. */
struct bill {
	json_t *total, *saved; /* owned; or NULL */
};

/*
 * Add up what each place costs: a repeat costs again, a hit is saved. 0, or
 * -1 when memory is short. End with bill_fini in either case.
 */
int bill_make(const struct batch *b, struct bill *bill);

/* Free what it holds. */
void bill_fini(struct bill *bill);

/*
 * Append the answer to all places, made after the template. 0, or -1 when
 * out failed or memory is short.
 */
int batch_put_answer(const struct batch *b,
    const struct wire_embeddings *tmpl, const json_t *usage,
    struct buf *out);

#endif
