/*
 * Addresses: an upstream's base URL and a request's raw target put
 * together, and the part of it that may be shown.
 */
#ifndef UPSTREAM_URL_H
#define UPSTREAM_URL_H

#include "base/buf.h"
#include "base/err.h"

/*
 * Append base, path and query as one URL. Slashes at base's end are
 * dropped, and so is its last segment "v1" when path begins with it, so
 * that a base URL works with and without it. path begins with '/'; query
 * may be NULL; both go out as they are.
 *
 * 0, or -1 with err: ERR_BAD_REQUEST when path or query holds a byte that
 * cannot be part of a request target (RFC 9112 section 3.2): blanks,
 * control bytes, '#', or '?' in the path; ERR_MEMORY. Any thread.
 */
int url_join(struct buf *out, const char *base, const char *path,
    const char *query, struct err *err);

/*
 * Write host and port of a URL to out (size > 0), cut to fit and
 * printable, without any user and password. Any thread.
 */
void url_host(const char *url, char *out, size_t size);

#endif
