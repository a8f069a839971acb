/*
 * Cache-Control (RFC 9111 section 5.2), the directives Reprise honours.
 */
#ifndef HTTP_CACHE_CONTROL_H
#define HTTP_CACHE_CONTROL_H

#include "http/header.h"

#include <stdbool.h>
#include <stdint.h>

struct http_cache_control {
	bool no_cache;
	bool no_store;
	bool is_private;
	bool must_revalidate; /* or proxy-revalidate */
	bool only_if_cached;
	int64_t max_age_s; /* -1: not given; a malformed one counts as 0 */
};

/*
 * Read all Cache-Control fields of h. Unknown directives are ignored,
 * quoted arguments understood, names compared in any case. Cannot fail:
 * what is malformed is taken in the careful sense. Any thread.
 */
void http_cache_control_parse(struct http_cache_control *out,
    const struct http_headers *h);

#endif
