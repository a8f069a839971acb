#include "cache/cache_private.h"

#include "base/clock.h"
#include "cache/compress.h"
#include "cache/meta.h"

#include <stdlib.h>
#include <string.h>

enum {
	/* All but the body of a manifest, and the epoch beside it. */
	MANIFEST_SLACK = ENTRY_OVERHEAD + ENTRY_META_MAX + ENTRY_TIMES_MAX +
	    ENTRY_EPOCH_BYTES,
	/* What one look-up of many holds, as stored and as plain bodies. */
	MANY_BYTES_MAX = 256 << 20
};

/* One question on its way. */
struct query {
	struct question names;
	size_t server;
	const uint8_t *key;
	struct cache_found *found;
	enum cache_result *result;
};

/* What a look-up may still take. */
struct room {
	size_t stored;    /* bytes of manifests with what is in them */
	size_t plain;     /* bytes of bodies */
	int64_t stale_ms; /* what has been stale for longer is of no use */
};

/* ---- epochs ------------------------------------------------------------ */

/* Keep an epoch that was read. Whether it is one. */
static bool
keep_epoch(struct cache_found *found, const struct store_value *v)
{
	if (v->result != STORE_OK || v->len != ENTRY_EPOCH_BYTES)
		return false;
	memcpy(found->epoch, v->data, ENTRY_EPOCH_BYTES);
	found->epoch_known = true;
	return true;
}

/* Somebody else was quicker to set the epoch: read theirs. */
static enum store_result
read_epoch(struct cache *cache, const struct question *q,
    struct cache_found *found)
{
	struct store_value v = {.name = q->epoch};
	enum store_result result;

	result = store_get(cache->store, q->manifest, &v, 1,
	    ENTRY_EPOCH_BYTES);
	keep_epoch(found, &v);
	free(v.data);
	return result;
}

bool
cache_is_purged(struct cache *cache, const char *ns,
    const uint8_t key[CACHE_KEY_BYTES], const struct cache_found *found)
{
	struct cache_found now = {0};
	struct question q;

	if (!found->epoch_known || question_name(&q, ns, key) == -1)
		return false;
	read_epoch(cache, &q, &now);
	return now.epoch_known &&
	    !digest_equal(now.epoch, found->epoch, ENTRY_EPOCH_BYTES);
}

/*
 * Set the epoch anew: what was stored under a lost one is not to come back.
 * A value that is no epoch is overwritten.
 */
static enum cache_result
renew_epoch(struct cache *cache, const struct question *q,
    struct cache_found *found, const struct store_value *seen)
{
	uint8_t epoch[ENTRY_EPOCH_BYTES];
	enum store_result result;

	found->why = "epoch-new";
	if (epoch_new(epoch) == -1)
		return CACHE_MISS;
	if (seen->result == STORE_OK)
		result = store_set(cache->store, q->manifest, q->epoch, epoch,
		    sizeof(epoch), 0);
	else
		result = store_add(cache->store, q->manifest, q->epoch, epoch,
		    sizeof(epoch), 0);
	if (result == STORE_OK) {
		memcpy(found->epoch, epoch, sizeof(epoch));
		found->epoch_known = true;
	} else if (result == STORE_ABSENT) {
		result = read_epoch(cache, q, found);
	}
	return result == STORE_DOWN ? CACHE_DOWN : CACHE_MISS;
}

/* ---- one entry --------------------------------------------------------- */

/* Free what an entry holds; why and the epoch are kept for cache_save. */
static void
forget_entry(struct cache_found *found)
{
	free(found->value);
	free(found->plain);
	json_decref(found->meta);
	memset(&found->entry, 0, sizeof(found->entry));
	found->value = found->plain = NULL;
	found->body = found->times = NULL;
	found->meta = NULL;
}

static enum cache_result
miss(struct cache_found *found, const char *why)
{
	found->why = why;
	return CACHE_MISS;
}

/* NULL, or why this manifest does not answer the question. */
static const char *
judge_manifest(const struct cache *cache, const struct cache_found *found,
    const uint8_t key[CACHE_KEY_BYTES], const struct room *room,
    int64_t stale_ms)
{
	const struct entry *e = &found->entry;

	if (!digest_equal(e->key, key, CACHE_KEY_BYTES))
		return "foreign-key";
	if (!digest_equal(e->epoch, found->epoch, ENTRY_EPOCH_BYTES))
		return "purged";
	if (stale_ms >= room->stale_ms)
		return "expired";
	if (e->plain_len > cache->config.max_entry_bytes ||
	    e->plain_len > room->plain)
		return "too-large";
	return NULL;
}

static uint32_t
chunk_len(const struct entry *e, uint32_t n)
{
	return n + 1 < e->n_chunks
	    ? e->chunk_size
	    : (uint32_t)(e->stored_len - (uint64_t)n * e->chunk_size);
}

/* Put fetched chunks together. NULL with found->why. */
static char *
join_chunks(struct cache_found *found, struct store_value *values)
{
	const struct entry *e = &found->entry;
	char *stored;
	uint32_t i;

	for (i = 0; i < e->n_chunks; i++) {
		found->why = "chunk-absent";
		if (values[i].result != STORE_OK)
			return NULL;
		found->why = "chunk-length";
		if (values[i].len != chunk_len(e, i))
			return NULL;
	}
	found->why = "memory";
	stored = malloc((size_t)e->stored_len);
	for (i = 0; stored != NULL && i < e->n_chunks; i++) {
		memcpy(stored + (size_t)i * e->chunk_size, values[i].data,
		    values[i].len);
		free(values[i].data);
		values[i].data = NULL;
	}
	return stored;
}

/*
 * Fetch the chunks that the entry names: entry_decode has bounded their
 * number, judge_manifest their sum. The stored body, or NULL with
 * found->why and *result.
 */
static char *
fetch_chunks(struct cache *cache, const struct question *q,
    struct cache_found *found, enum cache_result *result)
{
	const struct entry *e = &found->entry;
	struct store_value *values = calloc(e->n_chunks, sizeof(*values));
	char(*names)[NAMES_BYTES] = malloc(e->n_chunks * sizeof(*names));
	char *stored = NULL;
	uint32_t i;

	*result = miss(found, "memory");
	if (values == NULL || names == NULL)
		goto out;
	for (i = 0; i < e->n_chunks; i++) {
		names_chunk(names[i], q->manifest, e->generation, i);
		values[i].name = names[i];
	}
	if (store_get(cache->store, q->manifest, values, e->n_chunks,
	    (size_t)e->stored_len) == STORE_DOWN) {
		found->why = "store-down";
		*result = CACHE_DOWN;
		goto out;
	}
	stored = join_chunks(found, values);
	for (i = 0; i < e->n_chunks; i++)
		free(values[i].data);
out:
	free(names);
	free(values);
	return stored;
}

/*
 * Verify the stored body and make it plain. Inline, it lies in
 * found->value; in chunks, in found->plain.
 */
static enum cache_result
unpack(struct cache_found *found, const char *stored, size_t len)
{
	const struct entry *e = &found->entry;
	size_t plain_len = (size_t)e->plain_len + e->times_len;
	char *plain;

	if (!entry_body_ok(e, stored, len))
		return miss(found, "corrupt-body");
	if (!e->compressed) {
		found->body = len > 0 ? stored : "";
		found->times = found->body + e->plain_len;
		return CACHE_HIT;
	}
	plain = malloc(plain_len);
	if (plain == NULL)
		return miss(found, "memory");
	if (decompress_zstd(plain, plain_len, stored, len) == -1) {
		free(plain);
		return miss(found, "corrupt-body");
	}
	free(found->plain);
	found->plain = plain;
	found->body = plain;
	found->times = plain + e->plain_len;
	return CACHE_HIT;
}

/* Fetch, verify and unpack the body of a manifest that answers. */
static enum cache_result
load_body(struct cache *cache, const struct question *q,
    struct cache_found *found)
{
	const struct entry *e = &found->entry;
	enum cache_result result;

	if (e->n_chunks == 0)
		return unpack(found, e->body, e->body_len);
	found->plain = fetch_chunks(cache, q, found, &result);
	if (found->plain == NULL)
		return result;
	return unpack(found, found->plain, (size_t)e->stored_len);
}

/*
 * Read the manifest in found->value of len bytes, then the body, if there is
 * room for it.
 */
static enum cache_result
load_entry(struct cache *cache, const struct question *q,
    const uint8_t key[CACHE_KEY_BYTES], struct cache_found *found, size_t len,
    const struct room *room)
{
	enum cache_result result;
	int64_t stale_ms;
	const char *why;

	if (entry_decode(&found->entry, found->value, len, NULL) == -1)
		return miss(found, "corrupt");
	/* Below zero it is fresh. */
	stale_ms = clock_wall_ms() - found->entry.fresh_until_ms;
	why = judge_manifest(cache, found, key, room, stale_ms);
	if (why != NULL)
		return miss(found, why);
	found->meta = meta_read(found->entry.meta, found->entry.meta_len);
	if (found->meta == NULL)
		return miss(found, "corrupt");
	result = load_body(cache, q, found);
	if (result != CACHE_HIT)
		return result;
	found->why = NULL;
	return stale_ms >= 0 ? CACHE_STALE : CACHE_HIT;
}

/* ---- looking up -------------------------------------------------------- */

static int
query_init(struct query *q, const char *ns, const uint8_t *key,
    struct cache_found *found, enum cache_result *result)
{
	q->key = key;
	q->found = found;
	q->result = result;
	memset(found, 0, sizeof(*found));
	*result = miss(found, "memory");
	return question_name(&q->names, ns, key);
}

/* Read what was fetched for a question, with the epoch known. */
static enum cache_result
answer(struct cache *cache, const struct query *q, struct store_value *v,
    struct room *room)
{
	enum cache_result result;

	q->found->why = NULL;
	if (v->result != STORE_OK)
		return CACHE_MISS;
	q->found->value = v->data;
	v->data = NULL;
	result = load_entry(cache, &q->names, q->key, q->found, v->len, room);
	if (result == CACHE_HIT || result == CACHE_STALE)
		room->plain -= (size_t)q->found->entry.plain_len;
	else
		forget_entry(q->found);
	return result;
}

/* None of them can be answered; what is known of the epoch, all know. */
static void
answer_none(const struct query *queries, size_t n, enum cache_result result)
{
	const struct cache_found *first = queries[0].found;
	size_t i;

	for (i = 0; i < n; i++) {
		*queries[i].found = *first;
		*queries[i].result = result;
	}
}

/*
 * Ask the server of n questions of one namespace, in one round trip for the
 * epoch and all manifests. values has room for n + 1. The epoch comes first:
 * it must not be what there is no room for.
 */
static void
ask_server(struct cache *cache, const struct query *queries, size_t n,
    struct store_value *values, struct room *room)
{
	struct cache_found *first = queries[0].found;
	const struct question *names = &queries[0].names;
	size_t i;

	values[0].name = names->epoch;
	for (i = 0; i < n; i++)
		values[i + 1].name = queries[i].names.manifest;
	if (store_get(cache->store, names->manifest, values, n + 1,
	    room->stored) == STORE_DOWN) {
		first->why = "store-down";
		answer_none(queries, n, CACHE_DOWN);
	} else if (!keep_epoch(first, &values[0])) {
		answer_none(queries, n,
		    renew_epoch(cache, names, first, &values[0]));
	} else {
		for (i = 0; i < n; i++) {
			keep_epoch(queries[i].found, &values[0]);
			room->stored -= values[i + 1].len;
			*queries[i].result = answer(cache, &queries[i],
			    &values[i + 1], room);
		}
	}
	for (i = 0; i <= n; i++)
		free(values[i].data);
}

enum cache_result
cache_lookup(struct cache *cache, const char *ns,
    const uint8_t key[CACHE_KEY_BYTES], struct cache_found *found)
{
	struct room room = {
	    .stored = cache->config.max_entry_bytes + MANIFEST_SLACK,
	    .plain = cache->config.max_entry_bytes,
	    .stale_ms = cache->config.stale_ms,
	};
	struct store_value values[2];
	enum cache_result result;
	struct query q;

	if (query_init(&q, ns, key, found, &result) == 0)
		ask_server(cache, &q, 1, values, &room);
	return result;
}

static int
by_server(const void *a, const void *b)
{
	const struct query *x = a, *y = b;

	return (x->server > y->server) - (x->server < y->server);
}

void
cache_lookup_many(struct cache *cache, const char *ns,
    struct cache_question *questions, size_t n)
{
	struct room room = {MANY_BYTES_MAX, MANY_BYTES_MAX, 0};
	struct query *queries = calloc(n + 1, sizeof(*queries));
	struct store_value *values = calloc(n + 1, sizeof(*values));
	bool ok = queries != NULL && values != NULL;
	struct query unused;
	size_t i, from;

	for (i = 0; i < n; i++) {
		if (query_init(ok ? &queries[i] : &unused, ns,
		    questions[i].key, &questions[i].found,
		    &questions[i].result) == -1)
			ok = false;
		else if (ok)
			queries[i].server = store_server_of(cache->store,
			    queries[i].names.manifest);
	}
	if (ok)
		qsort(queries, n, sizeof(*queries), by_server);
	for (from = 0; ok && from < n; from = i) {
		for (i = from; i < n &&
		     queries[i].server == queries[from].server;)
			i++;
		ask_server(cache, &queries[from], i - from, values, &room);
	}
	free(queries);
	free(values);
}

void
cache_found_fini(struct cache_found *found)
{
	forget_entry(found);
	found->epoch_known = false;
}

int
cache_found_each(const struct cache_found *found, const char *member,
    int (*fn)(void *arg, const char *name, const char *value), void *arg)
{
	if (found->meta == NULL)
		return 0;
	return meta_each(found->entry.meta, found->entry.meta_len,
	    strcmp(member, "vary") == 0 ? 'v' : 'h', fn, arg);
}

