#include "gateway/batch.h"

#include "wire/usage.h"

#include <stdlib.h>
#include <string.h>

/* ---- begin and end ------------------------------------------------------ */

int
batch_key(const struct exchange *x, const struct cache_input *input,
    uint8_t key[CACHE_KEY_BYTES])
{
	struct cache_body body;

	cache_inputs_body(&body, &x->facts, input);
	return lookup_key_of(x, &body, key);
}

int
batch_read_inputs(struct cache_inputs *in, const struct exchange *x)
{
	return cache_inputs_read(in, &x->facts, x->body.data, x->body.len,
	    x->format);
}

int
batch_init(struct batch *b, struct exchange *x)
{
	size_t i;

	memset(b, 0, sizeof(*b));
	b->x = x;
	collect_init(&b->collect, x);
	if (batch_read_inputs(&b->in, x) == -1)
		return -1;
	b->questions = calloc(b->in.n_unique + 1, sizeof(*b->questions));
	b->parts = calloc(b->in.n_unique + 1, sizeof(*b->parts));
	if (b->questions == NULL || b->parts == NULL)
		return -1;
	for (i = 0; i < b->in.n_unique; i++) {
		if (batch_key(x, &b->in.unique[i], b->questions[i].key) == -1)
			return -1;
	}
	return 0;
}

/* Drop what look-ups have found. */
static void
forget(struct batch *b)
{
	size_t i;

	for (i = 0; i < b->in.n_unique; i++) {
		wire_embeddings_fini(&b->parts[i].stored);
		cache_found_fini(&b->questions[i].found);
		memset(&b->parts[i], 0, sizeof(b->parts[i]));
	}
	b->n_hits = 0;
}

void
batch_fini(struct batch *b)
{
	if (b->parts != NULL && b->questions != NULL)
		forget(b);
	free(b->parts);
	free(b->questions);
	wire_embeddings_fini(&b->fresh);
	json_decref(b->shares);
	json_decref(b->spent);
	collect_fini(&b->collect);
	cache_inputs_fini(&b->in);
}

/* ---- what is stored ----------------------------------------------------- */

/* Take the entry of a question as its answer, if it is fit for that. */
static void
open_hit(struct batch *b, size_t i)
{
	const struct cache_found *found = &b->questions[i].found;
	struct part *part = &b->parts[i];
	enum wire_verdict verdict;

	if (!lookup_is_fit(b->x, found) ||
	    wire_embeddings_read(&part->stored, found->body,
	    (size_t)found->entry.plain_len, 1, &verdict) == -1)
		return;
	part->hit = true;
	part->element = part->stored.elements[0];
	part->usage = part->stored.usage;
	b->n_hits++;
}

void
batch_drop_hits(struct batch *b)
{
	size_t i;

	for (i = 0; i < b->in.n_unique; i++)
		b->parts[i].hit = false;
	b->n_hits = 0;
}

const struct wire_embeddings *
batch_first_hit(const struct batch *b)
{
	size_t i = 0;

	while (!b->parts[i].hit)
		i++;
	return &b->parts[i].stored;
}

/* Vectors of different models are not to be mixed. */
static bool
hits_agree(const struct batch *b)
{
	const struct wire_embeddings *first = batch_first_hit(b);
	size_t i;

	for (i = 0; i < b->in.n_unique; i++) {
		if (b->parts[i].hit &&
		    !wire_embeddings_alike(&b->parts[i].stored, first))
			return false;
	}
	return true;
}

/* Whether any of what is missing could be stored. */
static bool
any_to_store(const struct batch *b)
{
	size_t i;

	for (i = 0; i < b->in.n_unique; i++) {
		if (!b->parts[i].hit && b->questions[i].found.epoch_known)
			return true;
	}
	return false;
}

void
batch_look_up(struct batch *b)
{
	struct exchange *x = b->x;
	bool down = false;
	size_t i;

	forget(b);
	/* Also when nothing may be read: storing needs the epochs. */
	cache_lookup_many(x->gateway->cache, x->control.namespace,
	    b->questions, b->in.n_unique);
	x->fwd = "fwd=miss";
	for (i = 0; i < b->in.n_unique; i++) {
		if (b->questions[i].result == CACHE_DOWN)
			down = true;
		else if (b->questions[i].result == CACHE_HIT &&
		    x->control.read)
			open_hit(b, i);
		else if (b->questions[i].result == CACHE_HIT)
			x->fwd = "fwd=request";
	}
	if (down)
		counter_add(&x->gateway->counters->store_down, 1);
	if (b->n_hits > 0 && !hits_agree(b))
		batch_drop_hits(b);
	if (b->n_hits < b->in.n_unique && !any_to_store(b))
		x->verdict = WIRE_STORE_DOWN;
}

bool
batch_has_news(const struct batch *b)
{
	const struct exchange *x = b->x;
	struct cache_found found;
	size_t i = 0;
	bool there;

	while (i < b->in.n_unique && b->parts[i].hit)
		i++;
	if (i == b->in.n_unique)
		return false;
	there = cache_lookup(x->gateway->cache, x->control.namespace,
	    b->questions[i].key, &found) == CACHE_HIT;
	cache_found_fini(&found);
	return there;
}

/* ---- putting together --------------------------------------------------- */

int
batch_add_usage(json_t **sum, const json_t *more)
{
	json_t *both = wire_usage_add(*sum, more);

	if (both == NULL)
		return *sum == NULL && more == NULL ? 0 : -1;
	json_decref(*sum);
	*sum = both;
	return 0;
}

int
bill_make(const struct batch *b, struct bill *bill)
{
	bool *asked = calloc(b->in.n_unique, sizeof(*asked));
	int rc = asked != NULL ? 0 : -1;
	size_t i, u;

	memset(bill, 0, sizeof(*bill));
	for (i = 0; i < b->in.n && rc == 0; i++) {
		u = b->in.unique_of[i];
		rc = batch_add_usage(&bill->total, b->parts[u].usage);
		if (rc == 0 && (b->parts[u].hit || asked[u]))
			rc = batch_add_usage(&bill->saved,
			    b->parts[u].usage);
		asked[u] = true;
	}
	free(asked);
	return rc;
}

void
bill_fini(struct bill *bill)
{
	json_decref(bill->total);
	json_decref(bill->saved);
}

int
batch_put_answer(const struct batch *b, const struct wire_embeddings *tmpl,
    const json_t *usage, struct buf *out)
{
	struct json_span *elements = calloc(b->in.n, sizeof(*elements));
	size_t i;
	int rc;

	if (elements == NULL)
		return -1;
	for (i = 0; i < b->in.n; i++)
		elements[i] = b->parts[b->in.unique_of[i]].element;
	rc = wire_embeddings_write(out, tmpl, elements, b->in.n, usage);
	free(elements);
	return rc;
}
