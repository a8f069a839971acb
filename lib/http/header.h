/*
 * HTTP header fields (RFC 9110 section 5): a list that owns its strings,
 * and the rules which of them stop at a proxy.
 */
#ifndef HTTP_HEADER_H
#define HTTP_HEADER_H

#include <stdbool.h>
#include <stddef.h>

struct http_header {
	char *name;  /* as it was written */
	char *value; /* without surrounding blanks */
};

struct http_headers {
	struct http_header *list; /* in order of arrival */
	size_t count;
	size_t bytes; /* of all names and values, bounded */
};

enum { HTTP_HEADERS_MAX = 256, HTTP_HEADERS_MAX_BYTES = 256 * 1024 };

/* Make an empty list. One thread at a time, like all below. */
void http_headers_init(struct http_headers *h);

/* Free all of it; the list is then empty. */
void http_headers_fini(struct http_headers *h);

/*
 * Append a field, copying both strings. 0, or -1 when the name is not a
 * token, the value holds CR, LF, NUL or another control byte (a tab is
 * fine), the list is full, or memory is short: nothing is appended then.
 */
int http_headers_add(struct http_headers *h, const char *name,
    const char *value);

/* Add every field of from. 0, or -1: a part of them may be there. */
int http_headers_copy(struct http_headers *h, const struct http_headers *from);

/* As http_headers_add after removing every field of that name. */
int http_headers_set(struct http_headers *h, const char *name,
    const char *value);

/* Remove every field of that name (any case). */
void http_headers_remove(struct http_headers *h, const char *name);

/* The value of the first field of that name (any case), or NULL. */
const char *http_headers_get(const struct http_headers *h, const char *name);

/*
 * Whether any field of that name lists token (comma-separated, any case),
 * e.g. ("Connection", "close").
 */
bool http_headers_has_token(const struct http_headers *h, const char *name,
    const char *token);

/*
 * Remove what must not travel past a proxy (RFC 9110 section 7.6.1):
 * Connection and all it names, Keep-Alive, Proxy-Connection,
 * Proxy-Authenticate, Proxy-Authorization, TE, Trailer, Transfer-Encoding,
 * Upgrade, and Proxy (which CGI would turn into HTTP_PROXY).
 */
void http_headers_strip_hop_by_hop(struct http_headers *h);

/*
 * Whether a web server takes a field of that name as an order when a CGI
 * program says it: Status, X-Accel-* (nginx), X-LIGHTTPD-*, X-Sendfile and
 * its variants (lighttpd, Apache). It could make the server hand out a
 * local file, so an upstream must not be able to give it. Any thread.
 */
bool http_is_server_order(const char *name);

/* Whether s is a non-empty token (RFC 9110 section 5.6.2). Any thread. */
bool http_is_token(const char *s);

/*
 * Whether a field value is safe to send: no control byte but tab.
 * Any thread.
 */
bool http_is_field_value(const char *s);

#endif
