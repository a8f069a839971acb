/*
 * What all connections of demo-upstream share, and the pages it has.
 */
#ifndef DEMO_SERVER_H
#define DEMO_SERVER_H

#include "demo_http.h"
#include "demo_knobs.h"
#include "demo_last.h"

#include <stdatomic.h>
#include <stdint.h>

/* The formats that are counted apart, in this order. */
enum demo_count {
	DEMO_COUNT_CHAT,
	DEMO_COUNT_COMPLETIONS,
	DEMO_COUNT_RESPONSES,
	DEMO_COUNT_MESSAGES,
	DEMO_COUNT_EMBEDDINGS,
	DEMO_COUNT_RERANK,
	DEMO_COUNT_TRANSCRIPTIONS,
	DEMO_COUNT_TRANSLATIONS,
	DEMO_COUNT_NONE /* all others, and how many there are */
};

/* Counters may be read and written by all threads; the rest is constant. */
struct demo_server {
	uint64_t seed;
	struct demo_knobs knobs; /* defaults */
	atomic_uint_least64_t number;      /* of requests ever, for ids */
	atomic_uint_least64_t requests;    /* but for /demo/stats */
	atomic_uint_least64_t counts[DEMO_COUNT_NONE]; /* of requests so far */
	atomic_uint_least64_t aborted;     /* the client left before the end */
	atomic_uint_least64_t connections; /* that made a counted request */
	atomic_int_least64_t active;       /* being answered now */
	struct demo_last last;
};

/*
 * Serve a connection to its end and close it. Any number of threads, a
 * connection each.
 */
void demo_server_serve(struct demo_server *server, int fd);

#endif
