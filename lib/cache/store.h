/*
 * The interface to a store of small values by name: memcached in life
 * (cache/memcached.h), a double in tests. Names and limits are memcached's
 * (doc/protocol.txt): at most 250 bytes, no blank, no control byte.
 *
 * All names of one entry are placed by one group name, so that an entry
 * lives on one server as a whole and is read in one round trip.
 *
 * A store may be used by many threads at once.
 */
#ifndef CACHE_STORE_H
#define CACHE_STORE_H

#include "base/buf.h"
#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

enum store_result {
	STORE_OK,
	STORE_ABSENT,  /* get: not there; add: already there */
	STORE_DOWN,    /* no answer, or left alone after failures */
	STORE_REFUSED  /* the server answered and would not (too large...) */
};

/* One value of a get. */
struct store_value {
	const char *name;        /* asked for; borrowed from the caller */
	enum store_result result;
	char *data;              /* owned by the caller, free(); NULL when
				    there is none or it is empty */
	size_t len;
};

struct store {
	const struct store_ops *ops;
};

struct store_ops {
	enum store_result (*get)(struct store *s, const char *group,
	    struct store_value *values, size_t n, size_t max_bytes);
	enum store_result (*set)(struct store *s, const char *group,
	    const char *name, const void *data, size_t len, int64_t ttl_s);
	enum store_result (*add)(struct store *s, const char *group,
	    const char *name, const void *data, size_t len, int64_t ttl_s);
	enum store_result (*remove)(struct store *s, const char *group,
	    const char *name);
	size_t (*server_count)(struct store *s);
	size_t (*server_of)(struct store *s, const char *group);
	int (*server_group)(struct store *s, size_t server, char *group,
	    size_t size);
	void (*server_label)(struct store *s, size_t server, char *label,
	    size_t size);
	void (*free)(struct store *s);
};

/*
 * Fetch n values in one round trip. Each value's result is STORE_OK or
 * STORE_ABSENT; a value that would take the sum past max_bytes is absent.
 * STORE_OK, or STORE_DOWN when the server did not answer (all values are
 * then absent). The caller frees every data.
 */
enum store_result store_get(struct store *s, const char *group,
    struct store_value *values, size_t n, size_t max_bytes);

/*
 * Write a value. ttl_s: seconds to live, 0 for ever; any length (the
 * 30-day rule of memcached is the store's business).
 */
enum store_result store_set(struct store *s, const char *group,
    const char *name, const void *data, size_t len, int64_t ttl_s);

/* As store_set, only where there is none: else STORE_ABSENT. */
enum store_result store_add(struct store *s, const char *group,
    const char *name, const void *data, size_t len, int64_t ttl_s);

/* Delete a value. STORE_ABSENT when there was none. */
enum store_result store_remove(struct store *s, const char *group,
    const char *name);

/* How many servers it spreads over. */
size_t store_server_count(struct store *s);

/* Which of them a group name is placed on, from 0. */
size_t store_server_of(struct store *s, const char *group);

/*
 * A group name that is placed on that server, into group (size bytes, 32
 * suffice). 0, or -1 when none was found.
 */
int store_server_group(struct store *s, size_t server, char *group,
    size_t size);

/* A server's address for people, into label. */
void store_server_label(struct store *s, size_t server, char *label,
    size_t size);

/* End it. s may be NULL; no other thread may be using it. */
void store_free(struct store *s);

#endif
