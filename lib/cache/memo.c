#include "cache/memo.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { WAYS = 4, SHARDS_MAX = 64 };

struct slot {
	uint64_t used_at; /* its set's clock when last used; 0: empty */
	enum wire_format_id format;
	uint8_t raw[DIGEST_BYTES]; /* of the body as it came */
	struct cache_body body;
};

/* A body may be in any slot of one set; the least recently used makes way. */
struct set {
	uint64_t clock;
	struct slot slots[WAYS];
};

/*
 * Every set is guarded by the lock of its index modulo the locks. A lock is
 * held for a look or a copy only, never while a body is read.
 */
struct cache_memo {
	size_t n_sets, n_locks;
	struct set *sets;
	pthread_mutex_t locks[SHARDS_MAX];
};

struct cache_memo *
cache_memo_new(size_t slots)
{
	struct cache_memo *memo = calloc(1, sizeof(*memo));
	size_t i;

	if (memo == NULL)
		return NULL;
	memo->n_sets = slots / WAYS + (slots % WAYS != 0 || slots == 0);
	memo->sets = calloc(memo->n_sets, sizeof(*memo->sets));
	if (memo->sets == NULL) {
		free(memo);
		return NULL;
	}
	memo->n_locks = memo->n_sets < SHARDS_MAX ? memo->n_sets : SHARDS_MAX;
	for (i = 0; i < memo->n_locks; i++)
		pthread_mutex_init(&memo->locks[i], NULL);
	return memo;
}

void
cache_memo_free(struct cache_memo *memo)
{
	size_t i;

	if (memo == NULL)
		return;
	for (i = 0; i < memo->n_locks; i++)
		pthread_mutex_destroy(&memo->locks[i]);
	free(memo->sets);
	free(memo);
}

static size_t
set_index(const struct cache_memo *memo, const uint8_t raw[DIGEST_BYTES])
{
	uint64_t n;

	memcpy(&n, raw, sizeof(n));
	return (size_t)(n % memo->n_sets);
}

static struct slot *
find_slot(struct set *set, const uint8_t raw[DIGEST_BYTES],
    enum wire_format_id format)
{
	struct slot *slot;
	size_t i;

	for (i = 0; i < WAYS; i++) {
		slot = &set->slots[i];
		if (slot->used_at != 0 && slot->format == format &&
		    memcmp(slot->raw, raw, DIGEST_BYTES) == 0)
			return slot;
	}
	return NULL;
}

static struct slot *
oldest_slot(struct set *set)
{
	struct slot *oldest = &set->slots[0];
	size_t i;

	for (i = 1; i < WAYS; i++) {
		if (set->slots[i].used_at < oldest->used_at)
			oldest = &set->slots[i];
	}
	return oldest;
}

static bool
recall(struct cache_memo *memo, struct cache_body *out,
    const uint8_t raw[DIGEST_BYTES], enum wire_format_id format)
{
	size_t i = set_index(memo, raw);
	pthread_mutex_t *lock = &memo->locks[i % memo->n_locks];
	struct set *set = &memo->sets[i];
	struct slot *slot;

	pthread_mutex_lock(lock);
	slot = find_slot(set, raw, format);
	if (slot != NULL) {
		slot->used_at = ++set->clock;
		*out = slot->body;
	}
	pthread_mutex_unlock(lock);
	return slot != NULL;
}

static void
remember(struct cache_memo *memo, const struct cache_body *body,
    const uint8_t raw[DIGEST_BYTES], enum wire_format_id format)
{
	size_t i = set_index(memo, raw);
	pthread_mutex_t *lock = &memo->locks[i % memo->n_locks];
	struct set *set = &memo->sets[i];
	struct slot *slot;

	pthread_mutex_lock(lock);
	/* Another thread may have been quicker with the same body. */
	slot = find_slot(set, raw, format);
	if (slot == NULL)
		slot = oldest_slot(set);
	slot->used_at = ++set->clock;
	slot->format = format;
	memcpy(slot->raw, raw, DIGEST_BYTES);
	slot->body = *body;
	pthread_mutex_unlock(lock);
}

int
cache_memo_read(struct cache_memo *memo, struct cache_body *out,
    const char *body, size_t len, const struct wire_format *format)
{
	uint8_t raw[DIGEST_BYTES];

	if (memo == NULL || digest_sha256(body, len, raw) == -1)
		return cache_body_read(out, body, len, format, NULL);
	if (recall(memo, out, raw, format->id))
		return 0;
	if (cache_body_read(out, body, len, format, NULL) == -1)
		return -1;
	/* Malformed ones end at once and would only push others out. */
	if (!out->malformed)
		remember(memo, out, raw, format->id);
	return 0;
}
