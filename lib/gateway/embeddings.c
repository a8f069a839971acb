/*
 * Requests of several inputs, each a question of its own: what is stored is
 * served from the cache, the rest is asked for in one call, and the answer
 * is what the upstream alone would have given. What is stored of an input
 * is the answer to it alone.
 */
#include "gateway/batch.h"
#include "gateway/follow.h"

#include "wire/token_count.h"
#include "wire/usage.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	ok = bill_make(b, &bill) == 0 &&
	    batch_put_answer(b, batch_first_hit(b), bill.total, &body) == 0;
	if (ok) {
		join_entries(b, &body, bill.total);
		hit_serve(x, CACHE_STATUS_HIT);
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

/* A usage that is shared out among thousands of inputs is not to be long. */
enum { USAGE_BYTES_MAX = 2048 };

/* Whether an answer is whole, but no list of vectors to be merged. */
static bool
is_of_another_kind(const struct batch *b, enum wire_verdict verdict)
{
	const struct buf *body = &b->collect.body;

	if (b->collect.ended_by_close)
		return false;
	return verdict == WIRE_BAD_JSON || (verdict == WIRE_EMPTY &&
	    json_member_value(body->data, body->len, "data").at == NULL);
}

static void
refuse_answer(struct batch *b, enum wire_verdict verdict)
{
	bool other_kind = is_of_another_kind(b, verdict);
	struct err err = ERR_INIT;

	if (verdict == WIRE_ERROR_ANSWER || (other_kind && !is_altered(b))) {
		collect_pass(&b->collect, verdict);
		return;
	}
	if (other_kind) {
		ask_as_it_was(b, verdict);
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
	int rc;

	wire_embeddings_fini(&b->fresh);
	rc = wire_embeddings_read(&b->fresh, body->data != NULL ? body->data :
	    "", body->len, b->in.n_unique - b->n_hits, &verdict);
	if (rc == 0 && b->fresh.usage_text.len > USAGE_BYTES_MAX) {
		verdict = WIRE_BAD_JSON;
		rc = -1;
	}
	if (rc == 0 && batch_add_usage(&b->spent, b->fresh.usage) == -1) {
		verdict = WIRE_MEMORY;
		rc = -1;
	}
	if (rc == -1) {
		refuse_answer(b, verdict);
		return false;
	}
	b->x->spent = wire_usage_tokens(b->spent);
	return true;
}

/*
 * Share the usage out among the new questions: by their tokens where these
 * can be told, else by their length. 0 or -1.
 */
static int
share_usage(struct batch *b)
{
	struct wire_tokens total = wire_usage_tokens(b->fresh.usage);
	struct json_span *texts = calloc(b->fresh.n, sizeof(*texts));
	size_t *weights = calloc(b->fresh.n, sizeof(*weights));
	size_t i, n = 0;

	for (i = 0; texts != NULL && weights != NULL &&
	    i < b->in.n_unique; i++) {
		if (b->parts[i].hit)
			continue;
		texts[n] = b->in.unique[i].text;
		weights[n++] = b->in.unique[i].weight;
	}
	if (n > 0) {
		wire_count_tokens(weights, texts, n,
		    total.prompt > 0 ? total.prompt : total.total);
		b->shares = wire_usage_share(b->fresh.usage, weights, n);
	}
	free(texts);
	free(weights);
	return b->shares == NULL ? -1 : 0;
}

/* Give each new question its element and its share of the usage. */
static int
deal_out(struct batch *b)
{
	size_t i, n = 0;

	if (b->fresh.usage != NULL && share_usage(b) == -1)
		return -1;
	for (i = 0; i < b->in.n_unique; i++) {
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
	if (batch_put_answer(b, &b->fresh, bill->total, &body) == 0)
		collect_send(&b->collect, body.data, body.len, true);
	else
		ask_as_it_was(b, WIRE_TOO_LARGE);
	buf_fini(&body);
}

/* Store and answer, once all is here. */
static void
finish_miss(struct batch *b)
{
	struct err err = ERR_INIT;
	struct bill bill = {NULL, NULL};

	if (deal_out(b) == -1 || bill_make(b, &bill) == -1) {
		err_set(&err, ERR_MEMORY, "out of memory");
		collect_fail(&b->collect, WIRE_MEMORY, &err);
	} else {
		store_parts(b);
		send_answer(b, &bill);
	}
	bill_fini(&bill);
}

/* Ask and check. */
static void
serve_miss(struct batch *b)
{
	if (!ask(b) || !read_answer(b))
		return;
	if (b->n_hits > 0 &&
	    !wire_embeddings_alike(&b->fresh, batch_first_hit(b))) {
		/* The model behind the name has changed: all anew. */
		batch_drop_hits(b);
		if (!ask(b) || !read_answer(b))
			return;
	}
	finish_miss(b);
}

/* ---- the walk ----------------------------------------------------------- */

/* Whether all is there, and served. */
static bool
serve_stored(struct batch *b)
{
	batch_look_up(b);
	if (b->n_hits < b->in.n_unique)
		return false;
	if (serve_hits(b))
		return true;
	batch_drop_hits(b);
	return false;
}

/*
 * Look once more. Of what was missing one is enough to tell whether anybody
 * has stored it since.
 */
static bool
look_again(void *arg)
{
	struct batch *b = arg;

	return batch_has_news(b) && serve_stored(b);
}

static void
serve(struct batch *b, struct err *err)
{
	struct exchange *x = b->x;
	uint8_t whole[CACHE_KEY_BYTES];

	memcpy(whole, x->key, sizeof(whole));
	/* The one entry that answers has a name to purge it by. */
	if (b->in.n_unique == 1)
		lookup_take_key(x, b->questions[0].key);
	if (serve_stored(b))
		return;
	if (x->control.only_if_cached)
		forward_refuse(x, err);
	else if (!follow_join(x, whole, &b->questions[0].found, look_again, b))
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
embeddings_explain(struct exchange *x, struct buf *out, struct err *err)
{
	uint8_t key[CACHE_KEY_BYTES];
	char hex[CACHE_KEY_HEX];
	struct cache_inputs in;
	size_t i;
	int rc = batch_read_inputs(&in, x);

	for (i = 0; rc == 0 && i < in.n; i++) {
		rc = batch_key(x, &in.unique[in.unique_of[i]], key);
		text_hex(key, sizeof(key), hex);
		if (rc == 0)
			buf_printf(out, "input %-6zu %s\n", i, hex);
	}
	if (rc == 0 && in.n > 0 && in.n_unique == 1)
		lookup_take_key(x, key);
	cache_inputs_fini(&in);
	return rc == 0 ? 0 : err_set(err, ERR_MEMORY, "out of memory");
}
