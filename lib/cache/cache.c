#include "cache/cache_private.h"

#include "base/clock.h"
#include "cache/compress.h"
#include "cache/meta.h"

#include <stdlib.h>
#include <string.h>

enum {
	/* Head and meta block of a manifest, and the epoch beside it. */
	MANIFEST_SLACK = ENTRY_OVERHEAD + ENTRY_META_MAX + ENTRY_EPOCH_BYTES,
	GROUP_BYTES = 32,
	LABEL_BYTES = 256,
	LABELS_MAX = 64 * 1024
};

struct cache *
cache_new(struct store *store, const struct cache_config *config)
{
	struct cache *cache = calloc(1, sizeof(*cache));

	if (cache == NULL)
		return NULL;
	cache->store = store;
	cache->config = *config;
	if (cache->config.chunk_bytes == 0)
		cache->config.chunk_bytes = 1;
	if (cache->config.chunk_bytes > UINT32_MAX)
		cache->config.chunk_bytes = UINT32_MAX;
	return cache;
}

void
cache_free(struct cache *cache)
{
	if (cache == NULL)
		return;
	store_free(cache->store);
	free(cache);
}

struct store *
cache_store(struct cache *cache)
{
	return cache->store;
}

int
question_name(struct question *q, const char *ns,
    const uint8_t key[CACHE_KEY_BYTES])
{
	if (names_space(q->space, ns) == -1)
		return -1;
	names_manifest(q->manifest, q->space, key);
	names_epoch(q->epoch, q->space);
	return 0;
}

/* ---- epochs ------------------------------------------------------------ */

/* A value no epoch ever had: the time, and bytes nobody can guess. */
static int
new_epoch(uint8_t epoch[ENTRY_EPOCH_BYTES])
{
	uint64_t now_ms = (uint64_t)clock_wall_ms();
	size_t i;

	for (i = 0; i < 8; i++)
		epoch[i] = (uint8_t)(now_ms >> (8 * i));
	return digest_random(epoch + 8, ENTRY_EPOCH_BYTES - 8);
}

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
	if (new_epoch(epoch) == -1)
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

/* ---- looking up -------------------------------------------------------- */

/* Free what an entry holds; why and the epoch are kept for cache_save. */
static void
forget_entry(struct cache_found *found)
{
	free(found->value);
	free(found->plain);
	json_decref(found->meta);
	memset(&found->entry, 0, sizeof(found->entry));
	found->value = found->plain = NULL;
	found->body = NULL;
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
    const uint8_t key[CACHE_KEY_BYTES])
{
	const struct entry *e = &found->entry;

	if (!digest_equal(e->key, key, CACHE_KEY_BYTES))
		return "foreign-key";
	if (!digest_equal(e->epoch, found->epoch, ENTRY_EPOCH_BYTES))
		return "purged";
	if (e->fresh_until_ms <= clock_wall_ms())
		return "expired";
	if (e->plain_len > cache->config.max_entry_bytes)
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
	char *plain;

	if (!entry_body_ok(e, stored, len))
		return miss(found, "corrupt-body");
	if (!e->compressed) {
		found->body = len > 0 ? stored : "";
		return CACHE_HIT;
	}
	plain = malloc((size_t)e->plain_len);
	if (plain == NULL)
		return miss(found, "memory");
	if (decompress_zstd(plain, (size_t)e->plain_len, stored, len) == -1) {
		free(plain);
		return miss(found, "corrupt-body");
	}
	free(found->plain);
	found->plain = plain;
	found->body = plain;
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

/* Read the manifest in found->value of len bytes, then the body. */
static enum cache_result
load_entry(struct cache *cache, const struct question *q,
    const uint8_t key[CACHE_KEY_BYTES], struct cache_found *found, size_t len)
{
	enum cache_result result;
	const char *why;

	if (entry_decode(&found->entry, found->value, len, NULL) == -1)
		return miss(found, "corrupt");
	why = judge_manifest(cache, found, key);
	if (why != NULL)
		return miss(found, why);
	found->meta = meta_read(found->entry.meta, found->entry.meta_len);
	if (found->meta == NULL)
		return miss(found, "corrupt");
	result = load_body(cache, q, found);
	if (result == CACHE_HIT)
		found->why = NULL;
	return result;
}

enum cache_result
cache_lookup(struct cache *cache, const char *ns,
    const uint8_t key[CACHE_KEY_BYTES], struct cache_found *found)
{
	struct question q;
	struct store_value v[2] = {{.name = q.manifest}, {.name = q.epoch}};
	enum cache_result result;

	memset(found, 0, sizeof(*found));
	if (question_name(&q, ns, key) == -1)
		return miss(found, "memory");
	if (store_get(cache->store, q.manifest, v, 2,
	    cache->config.max_entry_bytes + MANIFEST_SLACK) == STORE_DOWN) {
		found->why = "store-down";
		return CACHE_DOWN;
	}
	found->value = v[0].data;
	if (!keep_epoch(found, &v[1]))
		result = renew_epoch(cache, &q, found, &v[1]);
	else if (v[0].result != STORE_OK)
		result = CACHE_MISS;
	else
		result = load_entry(cache, &q, key, found, v[0].len);
	free(v[1].data);
	if (result != CACHE_HIT)
		forget_entry(found);
	return result;
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

/* ---- purging ----------------------------------------------------------- */

/* Renew the epoch of a namespace on one server. Whether it is done. */
static bool
purge_on_server(struct cache *cache, const char *epoch_name, size_t server)
{
	uint8_t epoch[ENTRY_EPOCH_BYTES];
	char group[GROUP_BYTES];

	return store_server_group(cache->store, server, group,
	    sizeof(group)) == 0 && new_epoch(epoch) == 0 &&
	    store_set(cache->store, group, epoch_name, epoch, sizeof(epoch),
	    0) == STORE_OK;
}

static int
no_hash(struct err *err)
{
	return err_set(err, ERR_MEMORY, "hashing the namespace failed");
}

/* Report the servers that were not reached, as many as fit err's text. */
static int
purge_failed(const struct buf *labels, size_t n_failed, size_t n,
    struct err *err)
{
	return err_set(err, ERR_STORE,
	    "%zu of %zu memcached servers did not answer: %s", n_failed, n,
	    labels->failed ? "many" : labels->data);
}

int
cache_purge_namespace(struct cache *cache, const char *ns, struct err *err)
{
	size_t n = store_server_count(cache->store), n_failed = 0, i;
	char space[NAMES_SPACE], epoch_name[NAMES_BYTES], label[LABEL_BYTES];
	struct buf labels;
	int rc = 0;

	if (names_space(space, ns) == -1)
		return no_hash(err);
	names_epoch(epoch_name, space);
	buf_init(&labels, LABELS_MAX);
	for (i = 0; i < n; i++) {
		if (purge_on_server(cache, epoch_name, i))
			continue;
		store_server_label(cache->store, i, label, sizeof(label));
		buf_printf(&labels, "%s%s", n_failed++ > 0 ? ", " : "", label);
	}
	if (n_failed > 0)
		rc = purge_failed(&labels, n_failed, n, err);
	buf_fini(&labels);
	return rc;
}

int
cache_purge_key(struct cache *cache, const char *ns,
    const uint8_t key[CACHE_KEY_BYTES], struct err *err)
{
	struct question q;

	if (question_name(&q, ns, key) == -1)
		return no_hash(err);
	switch (store_remove(cache->store, q.manifest, q.manifest)) {
	case STORE_OK:
		return 1;
	case STORE_ABSENT:
		return 0;
	default:
		return err_set(err, ERR_STORE,
		    "the entry's memcached server did not answer");
	}
}
