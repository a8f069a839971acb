/*
 * The health of one upstream in one word that processes share: whether it
 * is asked, left out, or to be tried by one request. Whatever changes it is
 * one compare-and-swap, so that a process killed at any point locks nobody
 * out: even the claim of the one that tries is no more than a date.
 *
 * Times are milliseconds of the steady clock, which all processes of a
 * host read the same.
 */
#ifndef UPSTREAM_CELL_H
#define UPSTREAM_CELL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
	CELL_STRIKES = 3,              /* answers with 500, in a row */
	CELL_REST_MAX_MS = 60 * 1000,  /* where the doubling ends */
	CELL_FIRST_REST_MAX_MS = 600 * 1000, /* of upstream.rest */
	CELL_ASKED_MAX_MS = 3600 * 1000, /* the longest Retry-After heeded */
	CELL_CLAIM_MS = 5000           /* of a probe that is not renewed */
};

typedef _Atomic uint64_t health_cell; /* 0: well */

enum cell_standing {
	CELL_IN,  /* asked as usual */
	CELL_DUE, /* one request is to try it */
	CELL_OUT  /* left out, or being tried */
};

struct cell_view {
	enum cell_standing standing;
	bool resting;     /* it failed last: CELL_DUE or CELL_OUT */
	bool asked;       /* it asked by Retry-After to be left alone */
	int64_t until_ms; /* when it is to be tried; 0 when CELL_IN */
};

/* Where it stands. Any thread, any process. */
struct cell_view cell_look(const health_cell *cell, int64_t now_ms);

/* The right to say how a try went. */
struct cell_pass {
	unsigned epoch; /* what was known when it began */
	bool probing;   /* it is the one that tries */
};

/*
 * A try begins. One that is due becomes the caller's to try alone; false
 * when another was faster. True in all other cases, also when it is left
 * out. cell_well, cell_failed or cell_undecided must follow. Any thread, any
 * process.
 */
bool cell_enter(health_cell *cell, int64_t now_ms, struct cell_pass *pass);

/*
 * The one that tries is still at it: to be called within CELL_CLAIM_MS,
 * else the next may try. Any thread, any process.
 */
void cell_renew(health_cell *cell, const struct cell_pass *pass,
    int64_t now_ms);

/* It answered. Whether this ended its being left out. */
bool cell_well(health_cell *cell, const struct cell_pass *pass);

struct cell_failure {
	bool strike;            /* only CELL_STRIKES in a row count */
	int64_t rest_ms;        /* the first rest, upstream.rest */
	int64_t retry_after_ms; /* what it asked for; 0: nothing */
};

/*
 * It failed. For how long it is left out by this, in milliseconds; 0 when
 * it is not: too few strikes, what others found meanwhile is newer, or it
 * was left out already and asks for no more. Only who tries it makes the
 * rests grow.
 */
int64_t cell_failed(health_cell *cell, const struct cell_pass *pass,
    const struct cell_failure *failure, int64_t now_ms);

/* The try ended without telling anything: a claim is given back. */
void cell_undecided(health_cell *cell, const struct cell_pass *pass,
    int64_t now_ms);

#endif
