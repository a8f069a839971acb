/*
 * However a stream is split into reads, a millisecond apart: the replay of
 * what was noted of them gives, at each moment, what had come by then up to
 * the last place between two events, and a CR never without its LF. In any
 * pace the steps are the body.
 *
 * The input: a byte for how many reads there are, a byte for the length of
 * each but the last, then the body.
 */
#include "cache/replay.h"

#include "pass_event.h"

#include <stdlib.h>
#include <string.h>

enum { READS_MAX = 1 + UINT8_MAX };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* How much was whole after each read. */
struct reads {
	size_t n;
	size_t whole[READS_MAX];
};

/* Read a body in steps, as a recorder does. */
static void
read_body(struct reads *reads, struct timeline *t, const uint8_t *lengths,
    const char *body, size_t len)
{
	struct sse_parser p;
	size_t i, at = 0, n;

	sse_parser_init(&p, len);
	for (i = 0; i < reads->n; i++) {
		n = len - at;
		if (i + 1 < reads->n && lengths[i] < n)
			n = lengths[i];
		if (sse_parser_feed(&p, body + at, n, pass_event, NULL) != 0)
			abort();
		at += n;
		reads->whole[i] = p.whole;
		timeline_note(t, (int64_t)i, p.whole);
	}
	sse_parser_fini(&p);
}

/* Where a replay that stops at whole stops. */
static size_t
with_lf(size_t whole, const char *body, size_t len)
{
	if (whole > 0 && whole < len && body[whole - 1] == '\r' &&
	    body[whole] == '\n')
		return whole + 1;
	return whole;
}

static void
follow_recorded(const struct reads *reads, const struct timeline *t,
    const char *body, size_t len)
{
	const struct replay_pace pace = {REPLAY_RECORDED, 1};
	struct replay_step step = {0, -1};
	const char *times;
	struct replay r;
	size_t i, stop, sent = 0, times_len;
	bool more;

	times = timeline_bytes(t, &times_len);
	if (times_len > 0 && !timeline_ok(times, times_len, len))
		abort();
	replay_init(&r, &pace, body, len, times, times_len);
	more = replay_next(&r, &step);
	for (i = 0; times_len > 0 && i < reads->n; i++) {
		stop = with_lf(reads->whole[i], body, len);
		if (more && step.due_us == (int64_t)i * 1000) {
			sent = step.until;
			more = replay_next(&r, &step);
		}
		/* The last step takes along what never became an event. */
		if (sent != stop && !(sent == len && !more))
			abort();
	}
	if (more && times_len > 0)
		abort();
	replay_fini(&r);
}

static void
follow_rate(const char *body, size_t len)
{
	const struct replay_pace pace = {REPLAY_RATE, 1000};
	struct replay_step step, last = {0, -1};
	struct replay r;

	replay_init(&r, &pace, body, len, NULL, 0);
	while (replay_next(&r, &step)) {
		if (step.until <= last.until ||
		    step.due_us != last.due_us + (last.due_us < 0 ? 1 : 1000))
			abort();
		if (with_lf(step.until, body, len) != step.until)
			abort();
		last = step;
	}
	if (last.until != len)
		abort();
	replay_fini(&r);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reads reads = {0};
	struct timeline t;
	const char *body;
	size_t len;

	if (size < 1 || data[0] > size - 1)
		return 0;
	reads.n = (size_t)data[0] + 1;
	body = (const char *)data + reads.n;
	len = size - reads.n;
	timeline_init(&t);
	read_body(&reads, &t, data + 1, body, len);
	follow_recorded(&reads, &t, body, len);
	follow_rate(body, len);
	timeline_fini(&t);
	return 0;
}
