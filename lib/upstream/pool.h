/*
 * The pool of curl handles. A handle is a multi handle, which owns the
 * connections it opened, and the easy handle that is used with it.
 */
#ifndef UPSTREAM_POOL_H
#define UPSTREAM_POOL_H

#include "upstream/curl_api.h"
#include "upstream/sockets.h"
#include "upstream/upstream.h"

#include <stdint.h>

struct pool_handle {
	CURLM *multi;
	CURL *easy;
	struct sockets sockets; /* of both */
	const struct conf_upstream *upstream; /* of its last transfer */
	int64_t idle_since_us;
};

/*
 * Take a handle out: the one last used for this upstream, else the last
 * one used, else a new one. Those whose servers have said something unasked
 * are freed. It belongs to the caller until pool_give. NULL with err
 * (ERR_MEMORY). Any thread.
 */
struct pool_handle *pool_take(struct upstream_pool *pool,
    const struct curl_api *api, const struct conf_upstream *upstream,
    struct err *err);

/*
 * Give a handle back, its easy handle no longer in the multi handle. It is
 * kept with its connections, or freed when enough are idle. Any thread.
 */
void pool_give(struct upstream_pool *pool, const struct curl_api *api,
    struct pool_handle *handle);

/* Free a handle instead of giving it back. handle may be NULL. */
void pool_drop(const struct curl_api *api, struct pool_handle *handle);

#endif
