/*
 * The store on memcached: a small pool of connections a process to each
 * server, consistent hashing, and a breaker for each.
 */
#ifndef CACHE_MEMCACHED_H
#define CACHE_MEMCACHED_H

#include "cache/store.h"

struct memcached_store_config {
	const char *servers;  /* as cache.servers: blanks or commas between */
	int pool_max;         /* connections to each server, at most */
	int64_t timeout_ms;   /* the longest silence within an operation */
	int64_t retry_ms;     /* a failed server's first rest */
};

/*
 * Make the store; connects only when first used. NULL with err
 * (ERR_CONFIG names the address that is malformed, ERR_MEMORY).
 *
 * A server that times out or refuses is left alone for retry_ms, then
 * probed by one operation; each further failure doubles that up to a
 * minute. Meanwhile its names answer STORE_DOWN at once.
 */
struct store *memcached_store_new(const struct memcached_store_config *config,
    struct err *err);

#endif
