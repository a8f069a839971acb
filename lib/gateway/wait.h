/*
 * Waiting for a moment on behalf of a request, and noticing meanwhile that
 * its client leaves. Private to the gateway.
 */
#ifndef GATEWAY_WAIT_H
#define GATEWAY_WAIT_H

#include "http/conn.h"

#include <stdint.h>

struct wait {
	struct http_conn *conn;
	int64_t watch_from_us; /* not before: it was readable for nothing */
};

/* Begin waiting on behalf of a connection's client. Holds nothing. */
void wait_init(struct wait *w, struct http_conn *conn);

/*
 * Wait for ms milliseconds (0: only look), or until the client has left.
 * 0, or -1: it has left.
 */
int wait_for(struct wait *w, int64_t ms);

#endif
