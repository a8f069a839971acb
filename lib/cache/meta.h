/*
 * The meta block of an entry: a JSON object with "model" and "usage", then
 * a NUL, then the pairs of headers and Vary values, each a tag ('h' or
 * 'v'), the name, NUL, the value, NUL. The pairs are not JSON because every
 * hit reads them all: parsing them cost more than the round trip to
 * memcached, and JSON cannot hold every byte that a header may.
 *
 * Private to the cache room; any thread.
 */
#ifndef CACHE_META_H
#define CACHE_META_H

#include "base/buf.h"
#include "cache/cache.h"

#include <stdbool.h>

/*
 * Append the block of an answer to out. 0; or -1 with err: ERR_LIMIT when
 * it passes out's ceiling or the model is no UTF-8, ERR_MEMORY.
 */
int meta_write(struct buf *out, const struct cache_answer *answer,
    struct err *err);

/*
 * Read a block: its JSON object, a new reference, or NULL when the block
 * is malformed anywhere or memory is short.
 */
json_t *meta_read(const char *block, size_t len);

/*
 * Call fn for each pair of a block that meta_read has accepted and that has
 * this tag, until fn returns non-zero; returns that or 0.
 */
int meta_each(const char *block, size_t len, char tag,
    int (*fn)(void *arg, const char *name, const char *value), void *arg);

#endif
