/*
 * Compression of stored answers, by zstd (RFC 8878). The only module that
 * knows libzstd. Contexts are kept per thread. Any thread.
 */
#ifndef CACHE_COMPRESS_H
#define CACHE_COMPRESS_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Compress bytes into out (appended). 0; or -1 when it failed or would not
 * get smaller by an eighth at least: store it plain then.
 */
int compress_zstd(struct buf *out, const void *bytes, size_t len);

/*
 * Decompress into plain, whose length must come out as plain_len exactly.
 * 0, or -1 on damage, another length, or short memory.
 */
int decompress_zstd(void *plain, size_t plain_len, const void *bytes,
    size_t len);

#endif
