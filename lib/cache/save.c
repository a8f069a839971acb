#include "cache/cache_private.h"

#include "base/clock.h"
#include "cache/compress.h"
#include "cache/meta.h"

#include <string.h>

enum {
	CHUNK_GRACE_S = 60 /* chunks outlive their manifest by this */
};

/* An answer on its way into the store. */
struct parcel {
	struct question q;
	struct entry entry;
	int64_t ttl_s;
	struct buf meta;
	struct buf whole;    /* the body with its times */
	struct buf packed;   /* that, or the body alone, compressed */
	struct buf manifest;
	const char *stored;  /* the body as it is stored */
};

/* ---- packing ----------------------------------------------------------- */

static int
check_answer(const struct cache *cache, const struct cache_answer *a,
    struct err *err)
{
	if (a->body_len > cache->config.max_entry_bytes)
		return err_set(err, ERR_LIMIT,
		    "an answer of %zu bytes is too long to store",
		    a->body_len);
	if (a->times_len > ENTRY_TIMES_MAX)
		return err_set(err, ERR_LIMIT,
		    "a timeline of %zu bytes is too long to store",
		    a->times_len);
	if (a->ttl_ms <= 0 || a->ttl_ms > INT64_MAX - clock_wall_ms())
		return err_set(err, ERR_LIMIT,
		    "%lld ms is no time to keep an answer",
		    (long long)a->ttl_ms);
	return 0;
}

/* Of a time that is not below zero. */
static int64_t
seconds_up(int64_t ms)
{
	return ms / 1000 + (ms % 1000 != 0);
}

static void
describe(const struct cache *cache, struct parcel *p,
    const struct cache_answer *a, const struct cache_found *found,
    const uint8_t key[CACHE_KEY_BYTES])
{
	struct entry *e = &p->entry;

	e->mode = a->mode;
	e->format = a->format;
	e->status = (uint16_t)a->status;
	e->created_ms = clock_wall_ms();
	e->fresh_until_ms = e->created_ms + a->ttl_ms;
	e->plain_len = a->body_len;
	e->times_len = (uint32_t)a->times_len;
	memcpy(e->key, key, sizeof(e->key));
	memcpy(e->epoch, found->epoch, sizeof(e->epoch));
	/*
	 * memcached's clock goes by whole seconds, so what it is given ends
	 * up to a second early. The manifest itself knows the exact end.
	 */
	p->ttl_s = seconds_up(a->ttl_ms) +
	    seconds_up(cache->config.stale_ms) + 1;
}

/* Choose the stored form of the body and its times. */
static int
pack_body(const struct cache *cache, struct parcel *p,
    const struct cache_answer *a, struct err *err)
{
	struct entry *e = &p->entry;
	const char *plain = a->body;
	size_t len = a->body_len + a->times_len;

	if (a->times_len > 0) {
		if (buf_reserve(&p->whole, len) == -1)
			return err_set(err, ERR_MEMORY, "out of memory");
		buf_append(&p->whole, a->body, a->body_len);
		buf_append(&p->whole, a->times, a->times_len);
		plain = p->whole.data;
	}
	e->compressed = cache->config.compress &&
	    compress_zstd(&p->packed, plain, len) == 0;
	p->stored = e->compressed ? p->packed.data : plain;
	e->stored_len = e->compressed ? p->packed.len : len;
	if (digest_sha256(p->stored, (size_t)e->stored_len, e->body_digest) ==
	    -1)
		return err_set(err, ERR_MEMORY, "hashing the answer failed");
	return 0;
}

/* Put the body into the manifest, or lay it out in chunks. */
static int
place_body(const struct cache *cache, struct parcel *p, struct err *err)
{
	struct entry *e = &p->entry;
	size_t chunk = cache->config.chunk_bytes;
	uint64_t n;

	if (ENTRY_OVERHEAD + e->meta_len + e->stored_len <= chunk ||
	    e->stored_len == 0) {
		e->body = p->stored;
		e->body_len = (size_t)e->stored_len;
		return 0;
	}
	n = e->stored_len / chunk + (e->stored_len % chunk != 0);
	if (n > ENTRY_CHUNKS_MAX)
		return err_set(err, ERR_LIMIT,
		    "the answer would need %llu chunks",
		    (unsigned long long)n);
	e->chunk_size = (uint32_t)chunk;
	e->n_chunks = (uint32_t)n;
	if (digest_random(e->generation, sizeof(e->generation)) == -1)
		return err_set(err, ERR_MEMORY, "no random bytes");
	return 0;
}

static int
pack(const struct cache *cache, struct parcel *p,
    const struct cache_answer *a, struct err *err)
{
	if (meta_write(&p->meta, a, err) == -1)
		return -1;
	p->entry.meta = p->meta.data;
	p->entry.meta_len = p->meta.len;
	if (pack_body(cache, p, a, err) == -1 ||
	    place_body(cache, p, err) == -1)
		return -1;
	return entry_encode(&p->entry, &p->manifest, err);
}

/* ---- writing ----------------------------------------------------------- */

static int
not_written(enum store_result result, size_t len, struct err *err)
{
	if (result == STORE_REFUSED)
		return err_set(err, ERR_STORE, "memcached refused a value of "
		    "%zu bytes: is its item limit below cache.chunk?", len);
	return err_set(err, ERR_STORE, "memcached did not answer");
}

static int
write_chunks(struct cache *cache, const struct parcel *p, uint32_t *written,
    struct err *err)
{
	const struct entry *e = &p->entry;
	char name[NAMES_BYTES];
	enum store_result result;
	size_t at, len;

	for (*written = 0; *written < e->n_chunks; ++*written) {
		at = (size_t)*written * e->chunk_size;
		len = (size_t)e->stored_len - at;
		if (len > e->chunk_size)
			len = e->chunk_size;
		names_chunk(name, p->q.manifest, e->generation, *written);
		result = store_set(cache->store, p->q.manifest, name,
		    p->stored + at, len, p->ttl_s + CHUNK_GRACE_S);
		if (result != STORE_OK)
			return not_written(result, len, err);
	}
	return 0;
}

/*
 * Best effort: whatever stays is named by no manifest and runs out. n
 * chunks were written, and perhaps one more whose answer was lost.
 */
static void
remove_chunks(struct cache *cache, const struct parcel *p, uint32_t n)
{
	char name[NAMES_BYTES];
	uint32_t i;

	for (i = 0; i <= n && i < p->entry.n_chunks; i++) {
		names_chunk(name, p->q.manifest, p->entry.generation, i);
		if (store_remove(cache->store, p->q.manifest, name) ==
		    STORE_DOWN)
			return;
	}
}

static int
write_all(struct cache *cache, const struct parcel *p, struct err *err)
{
	enum store_result result;
	uint32_t n;

	if (write_chunks(cache, p, &n, err) == -1) {
		remove_chunks(cache, p, n);
		return -1;
	}
	result = store_set(cache->store, p->q.manifest, p->q.manifest,
	    p->manifest.data, p->manifest.len, p->ttl_s);
	if (result == STORE_OK)
		return 0;
	/* It may be there all the same: only the answer was lost. */
	store_remove(cache->store, p->q.manifest, p->q.manifest);
	remove_chunks(cache, p, n);
	return not_written(result, p->manifest.len, err);
}

int
cache_save(struct cache *cache, const char *ns,
    const uint8_t key[CACHE_KEY_BYTES], const struct cache_found *found,
    const struct cache_answer *answer, struct err *err)
{
	struct parcel p;
	int rc = -1;

	if (!found->epoch_known)
		return err_set(err, ERR_STORE,
		    "memcached did not answer the look-up");
	if (check_answer(cache, answer, err) == -1)
		return -1;
	memset(&p, 0, sizeof(p));
	buf_init(&p.meta, ENTRY_META_MAX);
	buf_init(&p.whole, answer->body_len + answer->times_len);
	buf_init(&p.packed, answer->body_len + answer->times_len);
	buf_init(&p.manifest, cache->config.chunk_bytes + ENTRY_OVERHEAD +
	    ENTRY_META_MAX);
	describe(cache, &p, answer, found, key);
	if (question_name(&p.q, ns, key) == -1)
		err_set(err, ERR_MEMORY, "hashing the namespace failed");
	else if (pack(cache, &p, answer, err) == 0)
		rc = write_all(cache, &p, err);
	buf_fini(&p.packed);
	buf_fini(&p.whole);
	buf_fini(&p.manifest);
	buf_fini(&p.meta);
	return rc;
}
