#include "gateway/pace.h"

#include "base/clock.h"
#include "cache/replay.h"
#include "gateway/wait.h"

/* How late it may be noticed that the process is to end. */
enum { LOOK_MS = 250 };

/* One stream on its way. */
struct pacing {
	struct exchange *x;
	struct wait wait;
	int64_t start_us; /* steady clock; all that is due counts from here */
};

static int64_t
due_in_us(const struct pacing *p, const struct replay_step *step)
{
	return p->start_us + step->due_us - clock_steady_us();
}

/*
 * Send what has been written so far, and wait until the step is due or the
 * process is to end. 0, or -1 when the client has left.
 */
static int
await(struct pacing *p, const struct replay_step *step)
{
	const struct gateway *g = p->x->gateway;
	int64_t left_us = due_in_us(p, step), ms;

	if (left_us <= 0 || atomic_load(&g->giving_up))
		return 0;
	if (http_response_flush(&p->x->response) == -1)
		return -1;
	while ((left_us = due_in_us(p, step)) > 0 &&
	    !atomic_load(&g->giving_up)) {
		ms = (left_us + 999) / 1000;
		if (wait_for(&p->wait, ms < LOOK_MS ? ms : LOOK_MS) == -1)
			return -1;
	}
	return 0;
}

/* 0, or -1 when the client has left. */
static int
send_steps(struct pacing *p, const char *body, struct replay *replay)
{
	struct http_response *response = &p->x->response;
	struct replay_step step;
	size_t at = 0;

	while (replay_next(replay, &step)) {
		if (await(p, &step) == -1 || http_response_body(response,
		    body + at, step.until - at) == -1)
			return -1;
		at = step.until;
	}
	return 0;
}

static struct replay_pace
asked_pace(const struct exchange *x)
{
	const struct conf_replay *asked = &x->control.replay;
	struct replay_pace pace = {REPLAY_INSTANT, asked->value};

	if (asked->kind == CONF_REPLAY_RECORDED)
		pace.kind = REPLAY_RECORDED;
	else if (asked->kind == CONF_REPLAY_RATE)
		pace.kind = REPLAY_RATE;
	return pace;
}

void
pace_serve(struct exchange *x, const struct pace_stream *stream)
{
	const struct replay_pace pace = asked_pace(x);
	struct pacing p = {.x = x};
	struct replay replay;
	int rc = 0;

	if (pace.kind == REPLAY_INSTANT) {
		http_response_body(&x->response, stream->body, stream->len);
		http_response_end(&x->response);
		return;
	}
	x->paced = true;
	wait_init(&p.wait, x->conn);
	replay_init(&replay, &pace, stream->body, stream->len, stream->times,
	    stream->times_len);
	if (http_response_start(&x->response) == -1)
		rc = -1;
	p.start_us = clock_steady_us();
	if (rc == 0)
		rc = send_steps(&p, stream->body, &replay);
	replay_fini(&replay);
	if (rc == 0) {
		http_response_end(&x->response);
	} else {
		/* Nobody listens; the cut must not look like an end. */
		x->aborted = true;
		http_response_break(&x->response);
	}
}
