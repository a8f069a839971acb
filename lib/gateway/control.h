/*
 * Request control: what a caller may say about the cache, in its headers
 * and in the cache object of its body.
 */
#ifndef GATEWAY_CONTROL_H
#define GATEWAY_CONTROL_H

#include "base/err.h"
#include "cache/asked.h"
#include "conf/conf.h"
#include "http/header.h"

#include <stdbool.h>
#include <stdint.h>

struct control {
	bool used;             /* the cache takes part at all */
	bool read;             /* an entry may answer */
	bool store;            /* the answer may be stored */
	bool only_if_cached;   /* never ask the upstream */
	int64_t max_age_s;     /* oldest acceptable entry; -1: any */
	int64_t ttl_ms;        /* of what is stored */
	struct conf_replay replay; /* the pace of a stored stream */
	const char *namespace; /* borrowed from headers, asked or conf */
};

/*
 * Read Cache-Control (no-cache, no-store, max-age, only-if-cached),
 * X-Cache-TTL (a duration) and X-Cache-Replay (a pace), both as in the
 * configuration, X-Cache-Namespace, and what the body asked for. Where both
 * speak, each no-... counts, the lesser age, and of ttl and namespace the
 * body's.
 *
 * 0, or -1 with err: ERR_BAD_REQUEST naming what is wrong, or ERR_FORBIDDEN
 * for what cache.allow_control does not list. Any thread.
 */
int control_read(struct control *out, const struct http_headers *h,
    const struct cache_asked *asked, const struct conf *conf,
    struct err *err);

#endif
