#include "cache/cache_private.h"

#include "base/clock.h"
#include "cache/flight_watch.h"

#include <stdlib.h>
#include <string.h>

enum {
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
	cache->watches = flight_watches_new();
	if (cache->watches == NULL) {
		free(cache);
		return NULL;
	}
	cache->store = store;
	cache->config = *config;
	if (cache->config.chunk_bytes == 0)
		cache->config.chunk_bytes = 1;
	if (cache->config.chunk_bytes > UINT32_MAX)
		cache->config.chunk_bytes = UINT32_MAX;
	if (cache->config.stale_ms < 0)
		cache->config.stale_ms = 0;
	return cache;
}

void
cache_free(struct cache *cache)
{
	if (cache == NULL)
		return;
	flight_watches_free(cache->watches);
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

int
epoch_new(uint8_t epoch[ENTRY_EPOCH_BYTES])
{
	uint64_t now_ms = (uint64_t)clock_wall_ms();
	size_t i;

	for (i = 0; i < 8; i++)
		epoch[i] = (uint8_t)(now_ms >> (8 * i));
	return digest_random(epoch + 8, ENTRY_EPOCH_BYTES - 8);
}

/* ---- purging ----------------------------------------------------------- */

/* Renew the epoch of a namespace on one server. Whether it is done. */
static bool
purge_on_server(struct cache *cache, const char *epoch_name, size_t server)
{
	uint8_t epoch[ENTRY_EPOCH_BYTES];
	char group[GROUP_BYTES];

	return store_server_group(cache->store, server, group,
	    sizeof(group)) == 0 && epoch_new(epoch) == 0 &&
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
