/*
 * What a request's body says to the cache in its "cache" object, which is
 * taken out before the body is keyed and forwarded.
 */
#ifndef CACHE_ASKED_H
#define CACHE_ASKED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes of a namespace as asked for. */
enum { CACHE_NAMESPACE_MAX = 128 };

enum cache_use { CACHE_USE_UNSAID, CACHE_USE_YES, CACHE_USE_NO };

struct cache_asked {
	bool no_cache, no_store;  /* true was said */
	enum cache_use use;       /* "use-cache" */
	int64_t ttl_s;            /* "ttl"; -1: unsaid */
	int64_t max_age_s;        /* "s-maxage", "s-max-age"; -1: unsaid */
	char namespace[CACHE_NAMESPACE_MAX + 1]; /* "": unsaid */
	char wrong[96];           /* what is wrong with it, in words; "" */
};

/* Nothing was asked. */
void cache_asked_init(struct cache_asked *asked);

/*
 * Read the JSON text of a "cache" object. Members: no-cache, no-store and
 * use-cache (true or false), ttl and s-maxage (or s-max-age; whole seconds,
 * up to ten years), namespace (a string); null is as good as absent. With
 * anything else, ->wrong says so. Any thread.
 */
void cache_asked_read(struct cache_asked *asked, const char *text, size_t len);

#endif
