/*
 * Sending a stored stream at a pace of its own. Private to the gateway.
 */
#ifndef GATEWAY_PACE_H
#define GATEWAY_PACE_H

#include "gateway/exchange.h"

/* A stored stream. All borrowed. */
struct pace_stream {
	const char *body;
	size_t len;
	const char *times; /* its timeline (cache/timeline.h) */
	size_t times_len;  /* 0: it has none */
};

/*
 * Send it as the body of x's response, whose status and headers are set, at
 * the pace that was asked for, and end the response. The client's leaving
 * breaks it off; when the process is to end, the rest goes at once. Holds
 * nothing but this thread.
 */
void pace_serve(struct exchange *x, const struct pace_stream *stream);

#endif
