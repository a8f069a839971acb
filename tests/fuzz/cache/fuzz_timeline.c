/*
 * Whatever stands behind a body as its times: the plan made of both goes
 * through the whole body, forward in time, and never stops inside an event.
 * What passes for a timeline says the same when written again.
 *
 * The input: a byte for the pace, two for the length of the timeline, then
 * that, then the body.
 */
#include "cache/replay.h"

#include "pass_event.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
write_again(const char *times, size_t len)
{
	struct timeline_reader r = {.at = times, .end = times + len};
	struct timeline t;
	const char *again;
	size_t n;

	timeline_init(&t);
	while (timeline_next(&r))
		timeline_note(&t, r.ms, r.whole);
	again = timeline_bytes(&t, &n);
	if (n != len || memcmp(again, times, n) != 0)
		abort();
	timeline_fini(&t);
}

static void
follow_plan(struct replay *r, const char *body, size_t len)
{
	struct replay_step step, last = {0, -1};
	struct sse_parser p;

	sse_parser_init(&p, len);
	while (replay_next(r, &step)) {
		if (step.until <= last.until || step.until > len ||
		    step.due_us <= last.due_us)
			abort();
		if (sse_parser_feed(&p, body + last.until,
		    step.until - last.until, pass_event, NULL) != 0)
			abort();
		if (step.until < len && !sse_parser_at_boundary(&p))
			abort();
		last = step;
	}
	if (last.until != len)
		abort();
	sse_parser_fini(&p);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct replay_pace paces[] = {{REPLAY_RECORDED, 1},
	    {REPLAY_RECORDED, 0.001}, {REPLAY_RECORDED, 1000000},
	    {REPLAY_RATE, 0.001}, {REPLAY_RATE, 1000000}};
	const char *times = (const char *)data + 3, *body;
	struct replay r;
	size_t times_len, len;

	if (size < 3)
		return 0;
	times_len = data[1] | (size_t)data[2] << 8;
	if (times_len > size - 3)
		return 0;
	body = times + times_len;
	len = size - 3 - times_len;
	if (timeline_ok(times, times_len, len))
		write_again(times, times_len);
	replay_init(&r, &paces[data[0] % (sizeof(paces) / sizeof(paces[0]))],
	    body, len, times, times_len);
	follow_plan(&r, body, len);
	replay_fini(&r);
	return 0;
}
