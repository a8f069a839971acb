#include "cache/replay.h"

#include <string.h>

enum {
	EVENT_SEEN = 1,
	/*
	 * The parser looks for line ends in all that it is given, and is
	 * stopped at every event: given all the rest each time, it would
	 * read a long body once for each of its events.
	 */
	LOOK_BYTES = 1024
};

static int
pass(void *arg, const struct sse_event *event)
{
	(void)arg;
	(void)event;
	return 0;
}

static int
stop_at_data(void *arg, const struct sse_event *event)
{
	(void)arg;
	return event->has_data ? EVENT_SEEN : 0;
}

/*
 * Let the parser take in the body up to to, and the LF of a CR that is last
 * there. Returns as sse_parser_feed.
 */
static int
look_up_to(struct replay *r, size_t to, sse_event_fn *fn)
{
	size_t from = r->parser.fed;

	if (to < r->len && r->body[to - 1] == '\r' && r->body[to] == '\n')
		to++;
	if (to <= from)
		return 0;
	return sse_parser_feed(&r->parser, r->body + from, to - from, fn,
	    NULL);
}

/* The end of the next event with data, due at its own moment. */
static bool
find_event(struct replay *r)
{
	size_t left;
	int rc = 0;

	while (rc == 0 && (left = r->len - r->parser.fed) > 0)
		rc = look_up_to(r, r->parser.fed + (left < LOOK_BYTES ? left :
		    LOOK_BYTES), stop_at_data);
	if (rc != EVENT_SEEN)
		return false;
	r->ahead.until = r->parser.whole;
	r->ahead.due_us = (int64_t)((double)r->events++ * 1e6 /
	    r->pace.value);
	return true;
}

/*
 * The whole events that had come by the next record that has any. A read
 * may have ended between a CR and its LF.
 */
static bool
find_record(struct replay *r)
{
	while (timeline_next(&r->times)) {
		if (look_up_to(r, (size_t)r->times.whole, pass) == -1)
			return false;
		if (r->parser.whole <= r->ahead.until)
			continue;
		r->ahead.until = r->parser.whole;
		r->ahead.due_us = (int64_t)((double)r->times.ms * 1e3 /
		    r->pace.value);
		return true;
	}
	return false;
}

static bool
find(struct replay *r)
{
	switch (r->pace.kind) {
	case REPLAY_RECORDED:
		return find_record(r);
	case REPLAY_RATE:
		return find_event(r);
	default:
		return false;
	}
}

void
replay_init(struct replay *r, const struct replay_pace *pace,
    const char *body, size_t len, const char *times, size_t times_len)
{
	memset(r, 0, sizeof(*r));
	r->pace = *pace;
	r->body = body;
	r->len = len;
	sse_parser_init(&r->parser, len);
	if (pace->kind == REPLAY_RECORDED) {
		if (timeline_ok(times, times_len, len))
			r->times = (struct timeline_reader){.at = times,
			    .end = times + times_len};
		else
			r->pace.kind = REPLAY_INSTANT;
	}
	find(r);
}

void
replay_fini(struct replay *r)
{
	sse_parser_fini(&r->parser);
}

bool
replay_next(struct replay *r, struct replay_step *step)
{
	bool more;

	if (r->at == r->len)
		return false;
	step->due_us = r->ahead.due_us;
	do {
		step->until = r->ahead.until;
		more = find(r);
	} while (more && r->ahead.due_us == step->due_us);
	if (!more)
		step->until = r->len;
	r->at = step->until;
	return true;
}
