/*
 * The cache: one documented way in, one out. A fault of the store is a
 * miss, never an error; nothing is handed out that was not verified whole.
 *
 * Names in the store: r1:<namespace>:<64 hex> the manifest,
 * r1:<namespace>:<64 hex>:<generation>:<n> its chunks, and
 * r1:<namespace>:epoch a value that purging renews.
 *
 * A struct cache may be used by many threads at once.
 */
#ifndef CACHE_CACHE_H
#define CACHE_CACHE_H

#include "base/text.h"
#include "cache/entry.h"
#include "cache/key.h"
#include "cache/store.h"

#include <jansson.h>

struct cache_config {
	size_t chunk_bytes;  /* stored bytes in one value */
	size_t max_entry_bytes; /* of a plain body */
	bool compress;
	int64_t stale_ms;    /* how long past its freshness one is kept */
};

struct cache;

/* Make a cache over a store, which it then owns. NULL: memory. */
struct cache *cache_new(struct store *store, const struct cache_config *config);

/* Free it and its store. cache may be NULL; no thread may be using it. */
void cache_free(struct cache *cache);

enum cache_result {
	CACHE_HIT,
	CACHE_STALE, /* as a hit, but past its freshness */
	CACHE_MISS,
	CACHE_DOWN /* a miss because the store does not answer */
};

/*
 * What a look-up found, and what a later cache_save of the same question
 * needs. Zero-initialised by cache_lookup; ended by cache_found_fini.
 */
struct cache_found {
	struct entry entry;      /* on a hit, a stale one included */
	json_t *meta;            /* "model", and "usage" or nothing; owned */
	const char *body;        /* the plain body, verified; entry.plain_len */
	const char *times;       /* when its events came (cache/timeline.h);
				    entry.times_len, perhaps 0 */
	char *value, *plain;     /* what the pointers above point into; owned */
	bool epoch_known;        /* the namespace's epoch was read or set */
	uint8_t epoch[ENTRY_EPOCH_BYTES];
	const char *why;         /* of a miss, e.g. "chunk-absent"; NULL when
				    there just was no entry */
};

/*
 * Look a question up: one round trip for manifest and epoch, one more for
 * chunks. Only a fresh, whole, verified entry of this very key and the
 * namespace's present epoch is a hit, and one that has been stale for less
 * than stale_ms is CACHE_STALE; a missing epoch is set anew. The caller
 * judges Vary and max-age with cache_found_each and entry, and whether a
 * stale entry will do.
 */
enum cache_result cache_lookup(struct cache *cache, const char *ns,
    const uint8_t key[CACHE_KEY_BYTES], struct cache_found *found);

/* One of many questions. */
struct cache_question {
	uint8_t key[CACHE_KEY_BYTES]; /* set by the caller */
	enum cache_result result;
	struct cache_found found;     /* each is ended by cache_found_fini */
};

/*
 * Look n questions up, each as cache_lookup does, but that a stale entry is
 * a miss: answers are not put together of such. One round trip for each
 * server that holds any of them, and one more for each entry in chunks.
 * 256 MB at most are fetched, and as many held as plain bodies; what goes
 * beyond that is a miss. A server that does not answer is CACHE_DOWN for
 * its own questions only.
 */
void cache_lookup_many(struct cache *cache, const char *ns,
    struct cache_question *questions, size_t n);

/* Free what a look-up holds. */
void cache_found_fini(struct cache_found *found);

/* What is stored of an answer. All borrowed. */
struct cache_answer {
	enum entry_mode mode;
	uint8_t format;
	int status;
	int64_t ttl_ms;
	const struct text_pair *headers; /* to replay */
	size_t n_headers;
	const struct text_pair *vary;    /* request header names, values */
	size_t n_vary;
	const char *model;
	json_t *usage;                   /* or NULL */
	const char *body;
	size_t body_len;
	const char *times;               /* of a stream (cache/timeline.h); */
	size_t times_len;                /* or none */
};

/*
 * Store an answer under the epoch that its look-up saw (found), so that a
 * purge in between wins. Chunks first, the manifest last. 0; or -1 with err
 * (ERR_STORE, ERR_LIMIT, ERR_MEMORY): nothing that could be served is left.
 */
int cache_save(struct cache *cache, const char *ns,
    const uint8_t key[CACHE_KEY_BYTES], const struct cache_found *found,
    const struct cache_answer *answer, struct err *err);

/*
 * Whether the namespace was purged since a look-up (found): what would be
 * saved then is of no use, and must not take the place of what is. One round
 * trip; false when the store does not answer.
 */
bool cache_is_purged(struct cache *cache, const char *ns,
    const uint8_t key[CACHE_KEY_BYTES], const struct cache_found *found);

/*
 * Call fn for each of a hit's pairs, in the order they were saved, until it
 * returns non-zero; returns that or 0. member: "headers" (to replay) or
 * "vary" (request header names and their values).
 */
int cache_found_each(const struct cache_found *found, const char *member,
    int (*fn)(void *arg, const char *name, const char *value), void *arg);

/*
 * Purge a namespace: renew its epoch on every server. 0; or -1 with err
 * naming the servers that did not answer, whose entries remain.
 */
int cache_purge_namespace(struct cache *cache, const char *ns,
    struct err *err);

/* Purge one entry. 1 when it was there, 0 when not, -1 with err. */
int cache_purge_key(struct cache *cache, const char *ns,
    const uint8_t key[CACHE_KEY_BYTES], struct err *err);

/* The store behind it, for status pages and `reprise check`. Borrowed. */
struct store *cache_store(struct cache *cache);

#endif
