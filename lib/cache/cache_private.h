/*
 * What the files behind cache.h share. Private to the cache room.
 */
#ifndef CACHE_CACHE_PRIVATE_H
#define CACHE_CACHE_PRIVATE_H

#include "cache/cache.h"
#include "cache/names.h"

struct flight_watches;

/* Immutable once made, but for what the store does with itself. */
struct cache {
	struct store *store;
	struct cache_config config;
	struct flight_watches *watches; /* locks for itself */
};

/* The names of one question. */
struct question {
	char space[NAMES_SPACE];
	char manifest[NAMES_BYTES]; /* and the group of all of them */
	char epoch[NAMES_BYTES];
};

/* Make a question's names. 0, or -1 when hashing failed. Any thread. */
int question_name(struct question *q, const char *ns,
    const uint8_t key[CACHE_KEY_BYTES]);

/*
 * Make a value no epoch ever had: the time, and bytes nobody can guess. 0,
 * or -1 when the system gives none. Any thread.
 */
int epoch_new(uint8_t epoch[ENTRY_EPOCH_BYTES]);

#endif
