/*
 * The plan of a paced replay: in every pace its steps are the body, and
 * none ends inside an event.
 */
#include "../wire/fixture.h"

#include "cache/replay.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

enum { STEPS_MAX = 4096 };

static const char *const streams[][2] = {{"chat", "openai.sse"},
    {"chat", "crlf.sse"}, {"chat", "cr.sse"}, {"chat", "bom.sse"},
    {"chat", "keepalive.sse"}, {"chat", "comment-after-done.sse"},
    {"chat", "several-lines.sse"}, {"chat", "fields.sse"},
    {"chat", "openrouter.sse"}, {"chat", "tools-repeated.sse"},
    {"completions", "crlf.sse"}, {"completions", "plain.sse"}};

enum { STREAMS = sizeof(streams) / sizeof(streams[0]) };

/* A plan, all of it. */
struct plan {
	struct replay_step steps[STEPS_MAX];
	size_t n;
};

static uint32_t
next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

static int
count_data(void *arg, const struct sse_event *event)
{
	size_t *n = arg;

	*n += event->has_data;
	return 0;
}

/* Events with data in the first len bytes; whether events end there. */
static bool
look_at(const char *body, size_t len, size_t *events)
{
	struct sse_parser p;
	bool boundary;

	*events = 0;
	sse_parser_init(&p, len);
	assert_int_equal(sse_parser_feed(&p, body, len, count_data, events),
	    0);
	boundary = sse_parser_at_boundary(&p);
	sse_parser_fini(&p);
	return boundary;
}

/* Make a plan, and check what holds for all of them. */
static void
make(struct plan *plan, const struct replay_pace *pace, const char *body,
    size_t len, const char *times, size_t times_len)
{
	struct replay_step step, last = {0, -1};
	struct replay r;
	size_t events;

	plan->n = 0;
	replay_init(&r, pace, body, len, times, times_len);
	while (replay_next(&r, &step)) {
		assert_true(step.until > last.until);
		assert_true(step.until <= len);
		assert_true(step.due_us > last.due_us);
		if (step.until < len) {
			assert_true(look_at(body, step.until, &events));
			assert_false(body[step.until - 1] == '\r' &&
			    body[step.until] == '\n');
		}
		assert_true(plan->n < STEPS_MAX);
		last = plan->steps[plan->n++] = step;
	}
	assert_int_equal(last.until, len);
	assert_false(replay_next(&r, &step));
	replay_fini(&r);
}

/* A timeline of reads of up to read_max bytes, as a recorder makes it. */
static void
record(struct timeline *t, const char *body, size_t len, unsigned read_max,
    uint32_t *seed)
{
	struct sse_parser p;
	size_t at, n, unused = 0;
	int64_t ms = 0;

	timeline_init(t);
	sse_parser_init(&p, len);
	for (at = 0; at < len; at += n) {
		n = 1 + next_random(seed) % read_max;
		if (n > len - at)
			n = len - at;
		sse_parser_feed(&p, body + at, n, count_data, &unused);
		timeline_note(t, ms, p.whole);
		ms += next_random(seed) % 40;
	}
	sse_parser_fini(&p);
}

/* The same with records that know nothing of the body but its length. */
static void
invent(struct timeline *t, size_t len, uint32_t *seed)
{
	size_t whole = 0;
	int64_t ms = 0;

	timeline_init(t);
	while ((whole += 1 + next_random(seed) % 70) <= len) {
		timeline_note(t, ms, whole);
		ms += next_random(seed) % 3;
	}
}

static void
test_any_timeline(void **state)
{
	const struct replay_pace paces[] = {{REPLAY_RECORDED, 1},
	    {REPLAY_RECORDED, 4}, {REPLAY_RECORDED, 0.001},
	    {REPLAY_RECORDED, 1000000}};
	struct timeline t[2];
	uint32_t seed = 7;
	struct plan plan;
	const char *bytes;
	char *body;
	size_t i, k, len, times_len;

	(void)state;
	for (i = 0; i < 40 * STREAMS; i++) {
		body = fixture_read(streams[i % STREAMS][0],
		    streams[i % STREAMS][1], &len);
		record(&t[0], body, len, 150, &seed);
		invent(&t[1], len, &seed);
		for (k = 0; k < 8; k++) {
			bytes = timeline_bytes(&t[k % 2], &times_len);
			make(&plan, &paces[k / 2], body, len, bytes,
			    times_len);
		}
		timeline_fini(&t[0]);
		timeline_fini(&t[1]);
		free(body);
	}
}

/* What came in one read is one step, due when the read was. */
static void
test_recorded_is_what_came(void **state)
{
	static const char body[] = "data: 1\n\n" "data: 2\n\ndata: 3\n\n"
	    ": on\n\n" "data: 4\n\n: the end";
	static const struct replay_step want[] = {{9, 12000}, {27, 40000},
	    {33, 41000}, {sizeof(body) - 1, 2000000}};
	const struct replay_pace pace = {REPLAY_RECORDED, 1};
	const size_t len = sizeof(body) - 1;
	struct timeline t;
	struct plan plan;
	const char *bytes;
	size_t i, times_len;

	(void)state;
	timeline_init(&t);
	timeline_note(&t, 12, 9);
	timeline_note(&t, 40, 18);
	timeline_note(&t, 40, 27);
	timeline_note(&t, 41, 33);
	timeline_note(&t, 2000, 42);
	bytes = timeline_bytes(&t, &times_len);
	make(&plan, &pace, body, len, bytes, times_len);
	assert_int_equal(plan.n, 4);
	for (i = 0; i < plan.n; i++) {
		assert_int_equal(plan.steps[i].until, want[i].until);
		assert_true(plan.steps[i].due_us == want[i].due_us);
	}
	timeline_fini(&t);
}

static void
test_speed(void **state)
{
	static const double speeds[] = {0.5, 2, 3, 10};
	struct replay_pace pace = {REPLAY_RECORDED, 1};
	struct plan once, fast;
	struct timeline t;
	uint32_t seed = 3;
	const char *bytes;
	char *body;
	size_t i, k, len, times_len;

	(void)state;
	body = fixture_read("chat", "openai.sse", &len);
	record(&t, body, len, 20, &seed);
	bytes = timeline_bytes(&t, &times_len);
	make(&once, &pace, body, len, bytes, times_len);
	assert_true(once.n > 3);
	for (i = 0; i < sizeof(speeds) / sizeof(speeds[0]); i++) {
		pace.value = speeds[i];
		make(&fast, &pace, body, len, bytes, times_len);
		assert_int_equal(fast.n, once.n);
		for (k = 0; k < once.n; k++) {
			assert_int_equal(fast.steps[k].until,
			    once.steps[k].until);
			assert_true(fast.steps[k].due_us ==
			    (int64_t)((double)once.steps[k].due_us /
			    speeds[i]));
		}
	}
	timeline_fini(&t);
	free(body);
}

/* Event number i, from 0, is due i/N seconds after the start. */
static void
test_rate(void **state)
{
	static const double rates[] = {0.001, 0.5, 3, 20, 1000, 1000000};
	struct replay_pace pace = {.kind = REPLAY_RATE};
	struct plan plan;
	char *body;
	size_t i, k, s, len, events, all;

	(void)state;
	for (s = 0; s < STREAMS; s++) {
		body = fixture_read(streams[s][0], streams[s][1], &len);
		look_at(body, len, &all);
		for (i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
			pace.value = rates[i];
			make(&plan, &pace, body, len, "junk", 4);
			assert_int_equal(plan.n, all);
			for (k = 0; k < plan.n; k++) {
				look_at(body, plan.steps[k].until, &events);
				assert_int_equal(events, k + 1);
				assert_true(plan.steps[k].due_us ==
				    (int64_t)((double)k * 1e6 / rates[i]));
			}
		}
		free(body);
	}
}

/* A comment belongs to the event behind it, the last one to the last. */
static void
test_rate_keeps_comments_with_events(void **state)
{
	static const char body[] = ": one\n\nid: 4\n\ndata: a\r\n\r\n"
	    "event: x\n\n: two\ndata: b\r\r: three\n\n: fo";
	const struct replay_pace pace = {REPLAY_RATE, 10};
	struct plan plan;

	(void)state;
	make(&plan, &pace, body, sizeof(body) - 1, NULL, 0);
	assert_int_equal(plan.n, 2);
	assert_ptr_equal(body + plan.steps[0].until, strstr(body, "event: x"));
	assert_true(plan.steps[1].due_us == 100000);
}

/*
 * However long the body: were all that is left looked at for each event,
 * this would not end in any useful time.
 */
static void
test_a_million_events(void **state)
{
	static const char event[] = "data:\n\n";
	const size_t len = sizeof(event) - 1, n = 1000000;
	const struct replay_pace pace = {REPLAY_RATE, 1000};
	char *body = malloc(n * len);
	struct replay_step step;
	struct replay r;
	size_t i;

	(void)state;
	assert_non_null(body);
	for (i = 0; i < n; i++)
		memcpy(body + i * len, event, len);
	replay_init(&r, &pace, body, n * len, NULL, 0);
	for (i = 0; i < n; i++) {
		assert_true(replay_next(&r, &step));
		assert_int_equal(step.until, (i + 1) * len);
		assert_true(step.due_us == (int64_t)i * 1000);
	}
	assert_false(replay_next(&r, &step));
	replay_fini(&r);
	free(body);
}

/* Events of every length up to some thousand bytes, with every line end. */
static void
test_rate_with_events_of_any_length(void **state)
{
	static const char *const ends[] = {"\n\n", "\r\n\r\n", "\r\r"};
	const struct replay_pace pace = {REPLAY_RATE, 20};
	static char body[4096];
	struct plan plan;
	size_t data, i, end;

	(void)state;
	for (data = 900; data < 1100; data++) {
		for (i = 0; i < 3; i++) {
			end = strlen(ends[i]);
			memset(body, 'x', sizeof(body));
			memcpy(body, "data:", 5);
			memcpy(body + data, ends[i], end);
			memcpy(body + data + end, "data:", 5);
			memcpy(body + 2000, ends[i], end);
			make(&plan, &pace, body, 2000 + end, NULL, 0);
			assert_int_equal(plan.n, 2);
			assert_int_equal(plan.steps[0].until, data + end);
		}
	}
}

static void
test_what_has_no_timeline_is_instant(void **state)
{
	static const char body[] = "data: a\n\ndata: b\n\n";
	static const struct {
		const char *bytes;
		size_t len;
	} bad[] = {{NULL, 0}, {"\x05", 1}, {"\x05\x00", 2},
	    {"\x05\x09\x05\x0a", 4}, {"\x85\x00\x09", 3}};
	const struct replay_pace paces[] = {{REPLAY_RECORDED, 1},
	    {REPLAY_INSTANT, 1}};
	struct plan plan;
	size_t i;

	(void)state;
	for (i = 0; i < 2 * sizeof(bad) / sizeof(bad[0]); i++) {
		make(&plan, &paces[i % 2], body, sizeof(body) - 1,
		    bad[i / 2].bytes, bad[i / 2].len);
		assert_int_equal(plan.n, 1);
		assert_true(plan.steps[0].due_us == 0);
	}
	/* The one that is right is not. */
	make(&plan, &paces[0], body, sizeof(body) - 1, "\x05\x09\x05\x09", 4);
	assert_int_equal(plan.n, 2);
}

static void
test_without_any_event(void **state)
{
	const struct replay_pace paces[] = {{REPLAY_INSTANT, 1},
	    {REPLAY_RECORDED, 1}, {REPLAY_RATE, 5}};
	struct replay_step step;
	struct replay r;
	struct plan plan;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		replay_init(&r, &paces[i], "", 0, NULL, 0);
		assert_false(replay_next(&r, &step));
		replay_fini(&r);
		make(&plan, &paces[i], ": nothing\n\n", 11, NULL, 0);
		assert_int_equal(plan.n, 1);
		assert_true(plan.steps[0].due_us == 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_any_timeline),
	    cmocka_unit_test(test_recorded_is_what_came),
	    cmocka_unit_test(test_speed),
	    cmocka_unit_test(test_rate),
	    cmocka_unit_test(test_rate_keeps_comments_with_events),
	    cmocka_unit_test(test_a_million_events),
	    cmocka_unit_test(test_rate_with_events_of_any_length),
	    cmocka_unit_test(test_what_has_no_timeline_is_instant),
	    cmocka_unit_test(test_without_any_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
