/*
 * A breaker: whether a server that failed may be asked again. Closed, all
 * may ask. After a failure it is open for a while; then exactly one asker
 * is let through as a probe, whose outcome closes it or opens it for twice
 * as long.
 *
 * The caller locks: one thread at a time, like all below.
 */
#ifndef CACHE_BREAKER_H
#define CACHE_BREAKER_H

#include <stdbool.h>
#include <stdint.h>

enum {
	BREAKER_REST_MAX_MS = 60 * 1000 /* where the doubling ends */
};

struct breaker {
	int64_t first_rest_us;
	int64_t rest_us;  /* of the present opening */
	int64_t until_us; /* on the steady clock, while open */
	bool open;
	bool probing;     /* somebody is asking, to find out */
};

enum breaker_pass {
	BREAKER_REFUSE, /* do not ask */
	BREAKER_ASK,    /* ask, as everybody may */
	BREAKER_PROBE   /* ask; the others wait for the outcome */
};

/* Make a closed breaker whose first rest is first_rest_ms long. */
void breaker_init(struct breaker *b, int64_t first_rest_ms);

/* May the caller ask, at now_us of clock_steady_us? */
enum breaker_pass breaker_admit(struct breaker *b, int64_t now_us);

/*
 * How it went for a caller that got pass. Exactly once for each pass but
 * BREAKER_REFUSE. What others began before the opening counts no more.
 * Returns whether it opened or closed just now, for a line in the log.
 */
bool breaker_report(struct breaker *b, enum breaker_pass pass, bool answered,
    int64_t now_us);

/*
 * Take a pass back: the caller did not ask after all. The next may probe.
 */
void breaker_return(struct breaker *b, enum breaker_pass pass);

#endif
