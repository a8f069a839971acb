/*
 * A bounded memory of cache_body_read by the raw body's digest, so that the
 * same bytes are parsed once a process. Safe for many threads.
 */
#ifndef CACHE_MEMO_H
#define CACHE_MEMO_H

#include "cache/canonical.h"

struct cache_memo;

/* Make one for about slots bodies. NULL when memory is short. */
struct cache_memo *cache_memo_new(size_t slots);

/* Free it; no other thread may be using it. memo may be NULL. */
void cache_memo_free(struct cache_memo *memo);

/*
 * cache_body_read through the memory. memo may be NULL (nothing is
 * remembered). The format is part of what is looked up. 0, or -1 when
 * memory is short. Any thread.
 */
int cache_memo_read(struct cache_memo *memo, struct cache_body *out,
    const char *body, size_t len, const struct wire_format *format);

#endif
