/*
 * The plan of a paced replay: how much of a stored stream is due when. Only
 * whole events are ever due, and all steps together are the body. No I/O
 * and no clock of its own.
 *
 * One replay for one answer, one thread at a time.
 */
#ifndef CACHE_REPLAY_H
#define CACHE_REPLAY_H

#include "cache/timeline.h"
#include "sse/parser.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct replay_pace {
	enum {
		REPLAY_INSTANT,
		REPLAY_RECORDED, /* as it came, value times as fast */
		REPLAY_RATE      /* value events a second, the first at once */
	} kind;
	double value; /* from 0.001 to 1000000 */
};

/* Bytes that are due at one moment. */
struct replay_step {
	size_t until;   /* the body's bytes before this one */
	int64_t due_us; /* since the replay's start */
};

struct replay {
	struct replay_pace pace;
	const char *body;             /* borrowed */
	size_t len;
	size_t at;                    /* the end of the last step */
	struct replay_step ahead;     /* an event, or some, still to be due */
	struct timeline_reader times; /* REPLAY_RECORDED */
	uint64_t events;              /* REPLAY_RATE: found so far */
	struct sse_parser parser;     /* has seen the body up to ahead */
};

/*
 * Begin. times is the body's timeline, times_len 0 when there is none.
 * Without one that fits the body REPLAY_RECORDED is REPLAY_INSTANT. body and
 * times must outlive the replay. End with replay_fini.
 */
void replay_init(struct replay *r, const struct replay_pace *pace,
    const char *body, size_t len, const char *times, size_t times_len);

/* Free what it holds. */
void replay_fini(struct replay *r);

/*
 * The next step: more bytes, due later, than the one before. What is no
 * event with data, such as a comment, is due with the event behind it
 * (REPLAY_RATE) or as it came; what is behind the last one, with that.
 * false when all of the body has been given. Short memory ends the pacing:
 * the rest is then one step.
 */
bool replay_next(struct replay *r, struct replay_step *step);

#endif
