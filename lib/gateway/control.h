/*
 * Request control: what a caller may say about the cache in its headers.
 */
#ifndef GATEWAY_CONTROL_H
#define GATEWAY_CONTROL_H

#include "base/err.h"
#include "conf/conf.h"
#include "http/header.h"

#include <stdbool.h>
#include <stdint.h>

struct control {
	bool read;             /* an entry may answer */
	bool store;            /* the answer may be stored */
	bool only_if_cached;   /* never ask the upstream */
	int64_t max_age_s;     /* oldest acceptable entry; -1: any */
	int64_t ttl_ms;        /* of what is stored */
	const char *namespace; /* borrowed from the headers or conf */
};

/*
 * Read Cache-Control (no-cache, no-store, max-age, only-if-cached),
 * X-Cache-TTL (a duration as in the configuration) and X-Cache-Namespace.
 * 0, or -1 with err ERR_BAD_REQUEST naming the header that is wrong.
 * Any thread.
 */
int control_read(struct control *out, const struct http_headers *h,
    const struct conf *conf, struct err *err);

#endif
