/*
 * What all connections of demo-upstream share, and the pages it has.
 */
#ifndef DEMO_SERVER_H
#define DEMO_SERVER_H

#include "demo_http.h"
#include "demo_knobs.h"

#include <stdatomic.h>
#include <stdint.h>

/* Counters may be read and written by all threads; the rest is constant. */
struct demo_server {
	uint64_t seed;
	struct demo_knobs knobs; /* defaults */
	atomic_uint_least64_t number;      /* of requests ever, for ids */
	atomic_uint_least64_t requests;    /* but for /demo/stats */
	atomic_uint_least64_t chat;
	atomic_uint_least64_t aborted;     /* the client left before the end */
	atomic_uint_least64_t connections; /* that made a counted request */
	atomic_int_least64_t active;       /* being answered now */
};

/*
 * Serve a connection to its end and close it. Any number of threads, a
 * connection each.
 */
void demo_server_serve(struct demo_server *server, int fd);

#endif
