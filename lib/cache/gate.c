#include "cache/gate.h"

#include "base/clock.h"

#include <errno.h>
#include <time.h>

void
gate_init(struct gate *g, int inside_max, int64_t wait_ms,
    int64_t first_rest_ms)
{
	pthread_condattr_t attr;

	breaker_init(&g->breaker, first_rest_ms);
	g->inside = 0;
	g->inside_max = inside_max;
	g->wait_ms = wait_ms;
	pthread_mutex_init(&g->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&g->changed, &attr);
	pthread_condattr_destroy(&attr);
}

void
gate_fini(struct gate *g)
{
	pthread_cond_destroy(&g->changed);
	pthread_mutex_destroy(&g->lock);
}

/* Wait for room. The lock is held. */
static bool
wait_for_room(struct gate *g)
{
	int64_t until_us = clock_steady_us() + g->wait_ms * 1000;
	struct timespec until;

	until.tv_sec = (time_t)(until_us / 1000000);
	until.tv_nsec = (long)(until_us % 1000000) * 1000;
	while (g->inside >= g->inside_max) {
		if (pthread_cond_timedwait(&g->changed, &g->lock, &until) ==
		    ETIMEDOUT)
			break;
	}
	return g->inside < g->inside_max;
}

enum breaker_pass
gate_enter(struct gate *g)
{
	enum breaker_pass pass;

	pthread_mutex_lock(&g->lock);
	pass = breaker_admit(&g->breaker, clock_steady_us());
	if (pass != BREAKER_REFUSE && g->inside >= g->inside_max) {
		/* A pass does not keep; nor does anybody probe while full. */
		breaker_return(&g->breaker, pass);
		pass = BREAKER_REFUSE;
		if (!g->breaker.open && wait_for_room(g))
			pass = breaker_admit(&g->breaker, clock_steady_us());
	}
	if (pass != BREAKER_REFUSE)
		g->inside++;
	pthread_mutex_unlock(&g->lock);
	return pass;
}

bool
gate_leave(struct gate *g, enum breaker_pass pass, bool answered)
{
	bool changed;

	pthread_mutex_lock(&g->lock);
	g->inside--;
	changed = breaker_report(&g->breaker, pass, answered,
	    clock_steady_us());
	/* All of them: one that is refused now would swallow a signal. */
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
	return changed;
}

void
gate_return(struct gate *g, enum breaker_pass pass)
{
	pthread_mutex_lock(&g->lock);
	g->inside--;
	breaker_return(&g->breaker, pass);
	pthread_cond_broadcast(&g->changed);
	pthread_mutex_unlock(&g->lock);
}
