/*
 * The gate before a server: so many callers at once and no more, and none
 * while its breaker is open. Private to the cache room.
 *
 * All but gate_init and gate_fini may be called by many threads at once.
 */
#ifndef CACHE_GATE_H
#define CACHE_GATE_H

#include "cache/breaker.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct gate {
	pthread_mutex_t lock;   /* guards what follows */
	pthread_cond_t changed; /* somebody left */
	struct breaker breaker;
	int inside;
	int inside_max;
	int64_t wait_ms;
};

/*
 * Make a gate that lets inside_max (> 0) in, has the next wait for wait_ms
 * at most, and rests for first_rest_ms after a failure. End with gate_fini.
 */
void gate_init(struct gate *g, int inside_max, int64_t wait_ms,
    int64_t first_rest_ms);

/* End it; nobody may be using it. */
void gate_fini(struct gate *g);

/*
 * Ask to be let in. BREAKER_REFUSE: the server is left alone, or all stayed
 * busy for wait_ms; else gate_leave or gate_return must follow.
 */
enum breaker_pass gate_enter(struct gate *g);

/*
 * Leave with the pass one has, and say whether the server answered. Returns
 * whether that opened or closed the breaker.
 */
bool gate_leave(struct gate *g, enum breaker_pass pass, bool answered);

/* Leave without having asked the server. */
void gate_return(struct gate *g, enum breaker_pass pass);

#endif
