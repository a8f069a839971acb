/*
 * The last API request demo-upstream was sent, for tests to look at.
 */
#ifndef DEMO_LAST_H
#define DEMO_LAST_H

#include "demo_http.h"

#include "base/buf.h"

#include <pthread.h>

/* All functions may be called by any thread. */
struct demo_last {
	pthread_mutex_t lock;
	struct buf about; /* of JSON: its members but for the body */
	struct buf body;
};

/* Begin; nothing was sent yet. It lasts until the program ends. */
void demo_last_init(struct demo_last *last);

/* Remember a request. */
void demo_last_set(struct demo_last *last, const struct demo_request *q);

/*
 * Append it as a JSON object: as demo_about has it, then "body" as a
 * string, or "body_base64" when it is not UTF-8. null when there was none.
 */
void demo_last_put(struct demo_last *last, struct buf *out);

/*
 * Append a request's method, target, headers, body_bytes and body_sha256
 * as members of a JSON object, without its braces.
 */
void demo_about(struct buf *out, const struct demo_request *q);

#endif
