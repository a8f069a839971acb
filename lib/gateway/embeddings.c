/*
 * Requests of several inputs, each a question of its own: what is stored is
 * served from the cache, the rest is asked for in one call, and the answer
 * is what the upstream alone would have given. What is stored of an input
 * is the answer to it alone.
 */
#include "gateway/collect.h"

#include "base/json_text.h"
#include "cache/inputs.h"
#include "wire/embeddings_merge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* ---- begin and end ------------------------------------------------------ */

static int
key_of(const struct exchange *x, const struct cache_input *input,
    uint8_t key[CACHE_KEY_BYTES])
{
	struct cache_body body;

	cache_inputs_body(&body, &x->facts, input);
	return lookup_key_of(x, &body, key);
}

static int
read_inputs(struct cache_inputs *in, const struct exchange *x)
{
	return cache_inputs_read(in, &x->facts, x->body.data, x->body.len,
	    x->format);
}

static int
batch_init(struct batch *b, struct exchange *x)
{
	size_t i;

	memset(b, 0, sizeof(*b));
	b->x = x;
	collect_init(&b->collect, x);
	if (read_inputs(&b->in, x) == -1)
		return -1;
	b->questions = calloc(b->in.n_unique + 1, sizeof(*b->questions));
	b->parts = calloc(b->in.n_unique + 1, sizeof(*b->parts));
	if (b->questions == NULL || b->parts == NULL)
		return -1;
	for (i = 0; i < b->in.n_unique; i++) {
		if (key_of(x, &b->in.unique[i], b->questions[i].key) == -1)
			return -1;
	}
	return 0;
}

static void
batch_fini(struct batch *b)
{
	size_t i;

	for (i = 0; b->parts != NULL && i < b->in.n_unique; i++)
		wire_embeddings_fini(&b->parts[i].stored);
	for (i = 0; b->questions != NULL && i < b->in.n_unique; i++)
		cache_found_fini(&b->questions[i].found);
	free(b->parts);
	free(b->questions);
	wire_embeddings_fini(&b->fresh);
	json_decref(b->shares);
	json_decref(b->spent);
	collect_fini(&b->collect);
	cache_inputs_fini(&b->in);
}

/* ---- what is stored ----------------------------------------------------- */

static bool
open_hit(struct batch *b, size_t i)
{
	const struct cache_found *found = &b->questions[i].found;
	struct part *part = &b->parts[i];
	enum wire_verdict verdict;

	if (!lookup_is_fit(b->x, found) ||
	    wire_embeddings_read(&part->stored, found->body,
	    (size_t)found->entry.plain_len, 1, &verdict) == -1)
		return false;
	part->hit = true;
	part->element = part->stored.elements[0];
	part->usage = part->stored.usage;
	b->n_hits++;
	return true;
}

static void
drop_hits(struct batch *b)
{
	size_t i;

	for (i = 0; i < b->in.n_unique; i++)
		b->parts[i].hit = false;
	b->n_hits = 0;
}

static bool
is_same_model(const json_t *a, const json_t *b)
{
	return (a == NULL && b == NULL) || json_equal(a, b);
}

/* The first hit; there must be one. */
static const struct wire_embeddings *
first_hit(const struct batch *b)
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
	const json_t *model = first_hit(b)->model;
	size_t i;

	for (i = 0; i < b->in.n_unique; i++) {
		if (b->parts[i].hit &&
		    !is_same_model(b->parts[i].stored.model, model))
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

static void
look_up(struct batch *b)
{
	struct exchange *x = b->x;
	bool down = false;
	size_t i;

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
		drop_hits(b);
	if (b->n_hits < b->in.n_unique && !any_to_store(b))
		x->verdict = WIRE_STORE_DOWN;
}

/* ---- putting together --------------------------------------------------- */

/* What an answer costs, and what of that was not asked for this time. */
struct bill {
	json_t *total, *saved; /* owned; or NULL */
};

static void
add_usage(json_t **sum, const json_t *more)
{
	json_t *both = wire_usage_add(*sum, more);

	json_decref(*sum);
	*sum = both;
}

/* Add up what each place costs: a repeat costs again, a hit is saved. */
static int
make_bill(const struct batch *b, struct bill *bill)
{
	bool *asked = calloc(b->in.n_unique, sizeof(*asked));
	size_t i, u;

	memset(bill, 0, sizeof(*bill));
	if (asked == NULL)
		return -1;
	for (i = 0; i < b->in.n; i++) {
		u = b->in.unique_of[i];
		add_usage(&bill->total, b->parts[u].usage);
		if (b->parts[u].hit || asked[u])
			add_usage(&bill->saved, b->parts[u].usage);
		asked[u] = true;
	}
	free(asked);
	return 0;
}

static void
bill_fini(struct bill *bill)
{
	json_decref(bill->total);
	json_decref(bill->saved);
}

/* Append the answer to all places, made after the template. 0 or -1. */
static int
put_answer(const struct batch *b, const struct wire_embeddings *tmpl,
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

/* ---- all from the cache ------------------------------------------------- */

/*
 * Make of the entries the one that answers the request: as old as the
 * oldest, as fresh as the least fresh, with the headers of the first.
 */
static void
join_entries(struct batch *b, const struct buf *body, json_t *usage)
{
	struct exchange *x = b->x;
	const struct entry *e;
	struct entry *all = &x->found.entry;
	size_t i;

	x->found = b->questions[0].found;
	x->looked_up = true;
	memset(&b->questions[0].found, 0, sizeof(b->questions[0].found));
	for (i = 1; i < b->in.n_unique; i++) {
		e = &b->questions[i].found.entry;
		if (e->created_ms < all->created_ms)
			all->created_ms = e->created_ms;
		if (e->fresh_until_ms < all->fresh_until_ms)
			all->fresh_until_ms = e->fresh_until_ms;
	}
	json_decref(x->found.meta);
	x->found.meta = json_object();
	if (usage != NULL)
		json_object_set(x->found.meta, "usage", usage);
	x->found.body = body->data;
	all->plain_len = body->len;
}

/* Whether it could be put together. */
static bool
serve_hits(struct batch *b)
{
	struct exchange *x = b->x;
	struct buf body;
	struct bill bill;
	bool ok;

	buf_init(&body, COLLECT_BYTES_MAX);
	ok = make_bill(b, &bill) == 0 &&
	    put_answer(b, first_hit(b), bill.total, &body) == 0;
	if (ok) {
		join_entries(b, &body, bill.total);
		hit_serve(x);
		x->found.body = NULL;
	}
	bill_fini(&bill);
	buf_fini(&body);
	return ok;
}

/* ---- storing ------------------------------------------------------------ */

/* Store the answer to one question, as if it had been the only one. */
static int
store_part(struct batch *b, size_t i, struct buf *text, struct err *err)
{
	const struct part *part = &b->parts[i];
	struct save_part save = {
	    .key = b->questions[i].key,
	    .found = &b->questions[i].found,
	    .usage = part->usage,
	};

	buf_reset(text);
	if (wire_embeddings_write(text, &b->fresh, &part->element, 1,
	    part->usage) == -1)
		return err_set(err, ERR_LIMIT, "an answer is too long");
	save.body = text->data;
	save.body_len = text->len;
	return save_part(&b->collect.record, &save, err);
}

/* Store all that is new; the first that cannot be stored sets the verdict. */
static void
store_parts(struct batch *b)
{
	struct exchange *x = b->x;
	struct err err = ERR_INIT;
	struct buf text;
	size_t i;

	x->verdict = collect_verdict(&b->collect);
	if (x->verdict != WIRE_STORABLE)
		return;
	buf_init(&text, (size_t)x->gateway->conf->cache.max_entry_bytes);
	for (i = 0; i < b->in.n_unique; i++) {
		if (b->parts[i].hit)
			continue;
		if (!b->questions[i].found.epoch_known)
			x->verdict = WIRE_STORE_DOWN;
		else
			store_part(b, i, &text, &err);
	}
	buf_fini(&text);
	if (err.code == ERR_LIMIT)
		x->verdict = WIRE_TOO_LARGE;
	else if (err.code != ERR_NONE)
		save_failed(x, &err);
}

/* ---- asking ------------------------------------------------------------- */

/* Whether the upstream is asked for something else than the client asked. */
static bool
is_altered(const struct batch *b)
{
	return b->n_hits > 0 || b->in.n_unique < b->in.n;
}

/* The request with only those inputs that are missing, each once. */
static int
put_request(const struct batch *b, struct buf *out)
{
	const struct exchange *x = b->x;
	struct json_span value;
	struct buf list;
	size_t i;
	int rc;

	buf_init(&list, x->body.len + 2);
	for (i = 0; i < b->in.n_unique; i++) {
		if (b->parts[i].hit)
			continue;
		buf_putc(&list, list.len == 0 ? '[' : ',');
		buf_append(&list, b->in.unique[i].text.at,
		    b->in.unique[i].text.len);
	}
	buf_putc(&list, ']');
	value.at = list.data;
	value.len = list.len;
	rc = list.failed ? -1 : json_put_with(out, x->body.data, x->body.len,
	    x->format->split_member, &value);
	buf_fini(&list);
	return rc;
}

/* As the client asked, for what cannot be put together; all is passed on. */
static void
ask_as_it_was(struct batch *b, enum wire_verdict why)
{
	struct exchange *x = b->x;

	if (x->fwd == b->fwd)
		x->fwd = "fwd=miss";
	if (collect_ask(&b->collect, x->body.data, x->body.len, false) ==
	    COLLECT_WHOLE)
		collect_pass(&b->collect, why);
}

/* Ask for what is missing. Whether an answer is to be looked at. */
static bool
ask(struct batch *b)
{
	struct exchange *x = b->x;
	enum collect_result result;
	struct buf body;

	if (!is_altered(b))
		return collect_ask(&b->collect, x->body.data, x->body.len,
		    false) == COLLECT_WHOLE;
	buf_init(&body, 2 * x->body.len + 2);
	if (put_request(b, &body) == 0)
		result = collect_ask(&b->collect, body.data, body.len, true);
	else
		result = COLLECT_UNFIT;
	buf_fini(&body);
	if (result == COLLECT_UNFIT)
		ask_as_it_was(b, WIRE_CONTENT_TYPE);
	return result == COLLECT_WHOLE;
}

/*
 * Whether an answer that is no list of embeddings may go to the client:
 * it is whole, and one to what the client asked or an error.
 */
static bool
may_pass(const struct batch *b, enum wire_verdict verdict)
{
	const struct buf *body = &b->collect.body;

	if (verdict == WIRE_ERROR_ANSWER)
		return true;
	if (is_altered(b) || b->collect.ended_by_close)
		return false;
	return verdict == WIRE_BAD_JSON || (verdict == WIRE_EMPTY &&
	    json_member_value(body->data, body->len, "data").at == NULL);
}

static void
refuse_answer(struct batch *b, enum wire_verdict verdict)
{
	struct err err = ERR_INIT;

	if (may_pass(b, verdict)) {
		collect_pass(&b->collect, verdict);
		return;
	}
	err_set(&err, verdict == WIRE_MEMORY ? ERR_MEMORY :
	    ERR_UPSTREAM_BROKEN, "upstream %s, asked for %zu embeddings: %s",
	    b->x->upstream->name, b->in.n_unique - b->n_hits,
	    wire_verdict_text(verdict));
	collect_fail(&b->collect, verdict, &err);
}

/* Take the collected answer apart. Whether it is as it should be. */
static bool
read_answer(struct batch *b)
{
	const struct buf *body = &b->collect.body;
	enum wire_verdict verdict;

	wire_embeddings_fini(&b->fresh);
	if (wire_embeddings_read(&b->fresh, body->data != NULL ? body->data :
	    "", body->len, b->in.n_unique - b->n_hits, &verdict) == -1) {
		refuse_answer(b, verdict);
		return false;
	}
	add_usage(&b->spent, b->fresh.usage);
	b->x->spent = wire_usage_tokens(b->spent);
	return true;
}

/* Give each new question its element and its share of the usage. */
static int
deal_out(struct batch *b)
{
	size_t *weights = calloc(b->fresh.n, sizeof(*weights));
	size_t i, n = 0;

	if (weights == NULL)
		return -1;
	for (i = 0; i < b->in.n_unique; i++) {
		if (!b->parts[i].hit)
			weights[n++] = b->in.unique[i].weight;
	}
	if (b->fresh.usage != NULL)
		b->shares = wire_usage_share(b->fresh.usage, weights, n);
	free(weights);
	if (b->fresh.usage != NULL && b->shares == NULL)
		return -1;
	for (i = 0, n = 0; i < b->in.n_unique; i++) {
		if (b->parts[i].hit)
			continue;
		b->parts[i].element = b->fresh.elements[n];
		b->parts[i].usage = json_array_get(b->shares, n++);
	}
	return 0;
}

/* How many places of the request are answered from the cache. */
static size_t
count_hit_places(const struct batch *b)
{
	size_t i, n = 0;

	for (i = 0; i < b->in.n; i++)
		n += b->parts[b->in.unique_of[i]].hit;
	return n;
}

static void
record(struct batch *b, const struct bill *bill)
{
	struct exchange *x = b->x;

	x->usage = json_incref(b->spent);
	x->saved = wire_usage_tokens(bill->saved);
	if (b->n_hits == 0)
		return;
	snprintf(b->fwd, sizeof(b->fwd), "fwd=partial; detail=\"%zu of %zu\"",
	    count_hit_places(b), b->in.n);
	x->fwd = b->fwd;
}

static void
send_answer(struct batch *b, const struct bill *bill)
{
	const struct buf *came = &b->collect.body;
	struct buf body;

	record(b, bill);
	if (!is_altered(b)) {
		collect_send(&b->collect, came->data, came->len, false);
		return;
	}
	buf_init(&body, COLLECT_BYTES_MAX);
	if (put_answer(b, &b->fresh, bill->total, &body) == 0)
		collect_send(&b->collect, body.data, body.len, true);
	else
		ask_as_it_was(b, WIRE_TOO_LARGE);
	buf_fini(&body);
}

/* Ask, check, store, answer. */
static void
serve_miss(struct batch *b)
{
	struct err err = ERR_INIT;
	struct bill bill;

	if (!ask(b) || !read_answer(b))
		return;
	if (b->n_hits > 0 &&
	    !is_same_model(b->fresh.model, first_hit(b)->model)) {
		/* The model behind the name has changed: all anew. */
		drop_hits(b);
		if (!ask(b) || !read_answer(b))
			return;
	}
	if (deal_out(b) == -1 || make_bill(b, &bill) == -1) {
		err_set(&err, ERR_MEMORY, "out of memory");
		collect_fail(&b->collect, WIRE_MEMORY, &err);
		return;
	}
	store_parts(b);
	send_answer(b, &bill);
	bill_fini(&bill);
}

/* ---- the walk ----------------------------------------------------------- */

static void
serve(struct batch *b, struct err *err)
{
	struct exchange *x = b->x;

	if (b->in.n_unique == 1) {
		/* The entry that answers has a name to purge it by. */
		memcpy(x->key, b->questions[0].key, sizeof(x->key));
		text_hex(x->key, sizeof(x->key), x->key_hex);
	}
	look_up(b);
	if (b->n_hits == b->in.n_unique && serve_hits(b))
		return;
	if (b->n_hits == b->in.n_unique)
		drop_hits(b);
	if (x->control.only_if_cached)
		forward_refuse(x, err);
	else
		serve_miss(b);
	if (x->fwd == b->fwd)
		x->fwd = "fwd=partial"; /* b ends before x */
}

bool
embeddings_serve(struct exchange *x, struct err *err)
{
	struct batch b;
	bool split = true;

	if (batch_init(&b, x) == -1)
		err_set(err, ERR_MEMORY, "out of memory");
	else if (b.in.n == 0)
		split = false;
	else
		serve(&b, err);
	batch_fini(&b);
	return split;
}

int
embeddings_explain(const struct exchange *x, struct buf *out, struct err *err)
{
	uint8_t keys[CACHE_KEY_BYTES];
	char hex[CACHE_KEY_HEX];
	struct cache_inputs in;
	size_t i;
	int rc = read_inputs(&in, x);

	for (i = 0; rc == 0 && i < in.n; i++) {
		rc = key_of(x, &in.unique[in.unique_of[i]], keys);
		text_hex(keys, sizeof(keys), hex);
		if (rc == 0)
			buf_printf(out, "input %-6zu %s\n", i, hex);
	}
	cache_inputs_fini(&in);
	return rc == 0 ? 0 : err_set(err, ERR_MEMORY, "out of memory");
}
