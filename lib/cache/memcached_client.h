/*
 * What is asked of libmemcached: which server a name is placed on, and
 * operations on one server over a few connections. Private to
 * cache/memcached.c, and the only module that knows libmemcached.
 *
 * All but making and freeing may be called by many threads at once.
 */
#ifndef CACHE_MEMCACHED_CLIENT_H
#define CACHE_MEMCACHED_CLIENT_H

#include "cache/address.h"
#include "cache/store.h"

#include <stddef.h>
#include <stdint.h>

/* Places names on servers: ketama by MD5, whatever order they come in. */
struct memcached_ring;

/* A ring of n servers. NULL: memory. End with memcached_ring_free. */
struct memcached_ring *memcached_ring_new(const struct address *list,
    size_t n);

/* Free it; ring may be NULL. */
void memcached_ring_free(struct memcached_ring *ring);

/* Which server of its list a name is placed on, from 0. */
size_t memcached_ring_place(struct memcached_ring *ring, const char *name);

/* One server, and what is connected to it. */
struct memcached_client;

/*
 * A client that holds max (> 0) connections at most; it connects when first
 * used, and waits timeout_ms (1 to INT32_MAX / 1000: libmemcached counts
 * microseconds) for each step of an answer. NULL: memory. End with
 * memcached_client_free.
 */
struct memcached_client *memcached_client_new(const struct address *server,
    int max, int64_t timeout_ms);

/* Close and free it; nobody may be using it. client may be NULL. */
void memcached_client_free(struct memcached_client *client);

enum memcached_verb {
	MEMCACHED_GET, MEMCACHED_SET, MEMCACHED_ADD, MEMCACHED_REMOVE
};

/* An operation; all it points at is borrowed. */
struct memcached_op {
	enum memcached_verb verb;
	/* set, add, remove */
	const char *name;
	const char *data;
	size_t len;
	int64_t ttl_s; /* 0: for ever; below 0: it has passed */
	/* get: as store_get */
	struct store_value *values;
	size_t n;
	size_t max_bytes;
};

enum memcached_outcome {
	MEMCACHED_ANSWERED,  /* *result is what the server said */
	MEMCACHED_SILENT,    /* it did not answer: *err says why */
	MEMCACHED_NOT_ASKED  /* there was no connection to be had */
};

/*
 * Perform an operation, on no more threads at once than there may be
 * connections: for one, nobody waits. Tried once more when the connection
 * turns out to be gone, as every one is after a restart of memcached, but not
 * after a time-out. Unless the server answered, *result is STORE_DOWN and all
 * values are absent. err: ERR_STORE.
 */
enum memcached_outcome memcached_client_run(struct memcached_client *client,
    const struct memcached_op *op, enum store_result *result,
    struct err *err);

#endif
