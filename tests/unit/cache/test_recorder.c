/*
 * The recorder: the exact bytes and one verdict, however the network cut
 * the answer; and memory let go as soon as the answer is ruled out.
 */
#include "../wire/fixture.h"

#include "cache/recorder.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static const char sse[] = "text/event-stream";
static const char json[] = "application/json";

static const char good_json[] =
    "{\"choices\":[{\"index\":0,\"message\":{\"content\":\"Hi\"},"
    "\"finish_reason\":\"stop\"}],\"usage\":{\"total_tokens\":13}}";

static const char good_stream[] =
    "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"},"
    "\"finish_reason\":\"stop\"}]}\n\n"
    "data: {\"choices\":[],\"usage\":{\"total_tokens\":13}}\n\n"
    "data: [DONE]\n\n";

static void
start(struct recorder *r, size_t max_bytes)
{
	const struct recorder_config config = {
	    .format = wire_format_get(WIRE_CHAT),
	    .policy = {.store_length = true, .store_tool_calls = true},
	    .max_bytes = max_bytes,
	};

	recorder_init(r, &config);
}

static void
feed_steps(struct recorder *r, const char *bytes, size_t len, size_t step)
{
	size_t at, n;

	for (at = 0; at < len; at += n) {
		n = step < len - at ? step : len - at;
		recorder_data(r, bytes + at, n);
	}
}

static int
ignore_event(void *arg, const struct sse_event *event)
{
	(void)arg;
	(void)event;
	return 0;
}

static json_int_t
total(const struct recorder *r)
{
	return wire_usage_tokens(r->usage).total;
}

/* The verdict on a clean 200 in steps; checks what goes with it. */
static enum wire_verdict
record(const char *type, const char *bytes, size_t len, size_t step,
    size_t max_bytes)
{
	struct recorder r;
	enum wire_verdict v;

	start(&r, max_bytes);
	recorder_head(&r, 200, type, NULL);
	feed_steps(&r, bytes, len, step);
	v = recorder_end(&r, true);
	assert_int_equal(r.verdict, v);
	if (v == WIRE_STORABLE) {
		assert_int_equal(r.body.len, len);
		assert_memory_equal(r.body.data, bytes, len);
	} else {
		assert_null(r.body.data);
	}
	recorder_fini(&r);
	return v;
}

static void
test_verdict_and_bytes_in_any_steps(void **state)
{
	static const struct {
		const char *name, *type;
		enum wire_verdict verdict;
	} cases[] = {
	    {"plain.sse", sse, WIRE_STORABLE},
	    {"crlf.sse", sse, WIRE_STORABLE},
	    {"bom.sse", sse, WIRE_STORABLE},
	    {"keepalive.sse", sse, WIRE_STORABLE},
	    {"comment-after-done.sse", sse, WIRE_STORABLE},
	    {"tools.sse", sse, WIRE_STORABLE},
	    {"bad-error-done.sse", sse, WIRE_ERROR_EVENT},
	    {"bad-done-cut.sse", sse, WIRE_NO_TERMINATOR},
	    {"bad-done-unended.sse", sse, WIRE_NO_TERMINATOR},
	    {"bad-after-done.sse", sse, WIRE_AFTER_END},
	    {"bad-not-json.sse", sse, WIRE_BAD_JSON},
	    {"plain.json", json, WIRE_STORABLE},
	    {"bad-error.json", json, WIRE_ERROR_ANSWER},
	    {"plain.sse", json, WIRE_BAD_JSON},
	    {"plain.json", sse, WIRE_NO_TERMINATOR},
	};
	size_t i, step, len;
	char *bytes;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		bytes = fixture_read("chat", cases[i].name, &len);
		for (step = 1; step <= len; step++)
			assert_int_equal(record(cases[i].type, bytes, len, step,
			    1 << 20), cases[i].verdict);
		free(bytes);
	}
}

/* Every record ends where events end, and what came whole is in one. */
static void
check_times(const struct recorder *r)
{
	struct timeline_reader t = {0};
	struct sse_parser p;
	size_t len, at = 0;
	int64_t ms = 0;

	t.at = timeline_bytes(&r->times, &len);
	t.end = t.at + len;
	assert_true(timeline_ok(t.at, len, r->body.len));
	sse_parser_init(&p, r->body.len);
	while (timeline_next(&t)) {
		assert_true(t.ms >= ms);
		ms = t.ms;
		sse_parser_feed(&p, r->body.data + at, (size_t)t.whole - at,
		    ignore_event, NULL);
		at = (size_t)t.whole;
		assert_true(sse_parser_at_boundary(&p));
	}
	sse_parser_feed(&p, r->body.data + at, r->body.len - at, ignore_event,
	    NULL);
	assert_int_equal(p.whole, at);
	sse_parser_fini(&p);
}

static void
test_times_in_any_steps(void **state)
{
	static const char *const names[] = {"plain.sse", "crlf.sse", "cr.sse",
	    "bom.sse", "keepalive.sse", "comment-after-done.sse"};
	struct recorder r;
	size_t i, step, len;
	char *bytes;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		bytes = fixture_read("chat", names[i], &len);
		for (step = 1; step <= len; step++) {
			start(&r, 1 << 20);
			recorder_head(&r, 200, sse, NULL);
			feed_steps(&r, bytes, len, step);
			assert_int_equal(recorder_end(&r, true),
			    WIRE_STORABLE);
			check_times(&r);
			recorder_fini(&r);
		}
		free(bytes);
	}
}

/* A read is one record; JSON, and what is let go, has none. */
static void
test_what_has_times(void **state)
{
	const size_t len = sizeof(good_stream) - 1;
	struct timeline_reader t = {0};
	struct recorder r;
	size_t n;

	(void)state;
	start(&r, 4096);
	recorder_head(&r, 200, sse, NULL);
	recorder_data(&r, good_stream, len);
	t.at = timeline_bytes(&r.times, &n);
	t.end = t.at + n;
	assert_true(timeline_next(&t));
	assert_int_equal(t.whole, len);
	assert_false(timeline_next(&t));
	recorder_refuse(&r, WIRE_NO_STORE_ANSWERED);
	timeline_bytes(&r.times, &n);
	assert_int_equal(n, 0);
	recorder_data(&r, good_stream, len);
	timeline_bytes(&r.times, &n);
	assert_int_equal(n, 0);
	recorder_fini(&r);

	start(&r, 4096);
	recorder_head(&r, 200, json, NULL);
	recorder_data(&r, good_json, sizeof(good_json) - 1);
	assert_int_equal(recorder_end(&r, true), WIRE_STORABLE);
	timeline_bytes(&r.times, &n);
	assert_int_equal(n, 0);
	recorder_fini(&r);
}

static void
test_transport_that_broke(void **state)
{
	struct recorder r;

	(void)state;
	start(&r, 4096);
	recorder_head(&r, 200, sse, NULL);
	recorder_data(&r, good_stream, sizeof(good_stream) - 1);
	assert_int_equal(recorder_end(&r, false), WIRE_TRANSPORT);
	assert_null(r.body.data);
	recorder_fini(&r);

	start(&r, 4096);
	recorder_head(&r, 200, json, NULL);
	recorder_data(&r, good_json, sizeof(good_json) - 1);
	assert_int_equal(recorder_end(&r, false), WIRE_TRANSPORT);
	recorder_fini(&r);

	/* It broke before it began. */
	start(&r, 4096);
	assert_int_equal(recorder_end(&r, false), WIRE_TRANSPORT);
	recorder_fini(&r);
}

static void
test_nothing_came(void **state)
{
	(void)state;
	assert_int_equal(record(sse, "", 0, 1, 4096), WIRE_NO_TERMINATOR);
	assert_int_equal(record(json, "", 0, 1, 4096), WIRE_BAD_JSON);
}

/* An event after the terminator was cut: it is not known what it said. */
static void
test_cut_after_the_terminator(void **state)
{
	static const struct {
		const char *tail;
		enum wire_verdict want;
	} cases[] = {
	    {"", WIRE_STORABLE},
	    {"\n: bye\n", WIRE_STORABLE},
	    {": by", WIRE_STORABLE},
	    {"data: {\"error\":{}}", WIRE_NO_TERMINATOR},
	    {"data: {\"error\":{}}\n", WIRE_NO_TERMINATOR},
	    {"event: error\n", WIRE_NO_TERMINATOR},
	    {"data: {\"error\":{}}\n\n", WIRE_AFTER_END},
	};
	char text[512];
	size_t i, len, step;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		len = (size_t)snprintf(text, sizeof(text), "%s%s", good_stream,
		    cases[i].tail);
		for (step = 1; step <= len; step++)
			assert_int_equal(record(sse, text, len, step, 4096),
			    cases[i].want);
	}
}

static void
test_head(void **state)
{
	static const struct {
		int status;
		const char *type, *encoding;
		enum wire_verdict want; /* STORABLE: no obstacle yet */
		enum entry_mode mode;
	} cases[] = {
	    {200, "text/event-stream", NULL, WIRE_STORABLE, ENTRY_STREAM},
	    {200, "Text/Event-Stream; charset=utf-8", NULL, WIRE_STORABLE,
		ENTRY_STREAM},
	    {200, " text/event-stream;charset=utf-8", "", WIRE_STORABLE,
		ENTRY_STREAM},
	    {200, "application/json", "identity", WIRE_STORABLE, ENTRY_JSON},
	    {200, "APPLICATION/JSON ; charset=utf-8", "Identity",
		WIRE_STORABLE, ENTRY_JSON},
	    {200, "application/vnd.x+json", NULL, WIRE_STORABLE, ENTRY_JSON},
	    {200, "+json", NULL, WIRE_CONTENT_TYPE, ENTRY_JSON},
	    {200, "application/jsonl", NULL, WIRE_CONTENT_TYPE, ENTRY_JSON},
	    {200, "text/event-streams", NULL, WIRE_CONTENT_TYPE, ENTRY_JSON},
	    {200, "text/html", NULL, WIRE_CONTENT_TYPE, ENTRY_JSON},
	    {200, "", NULL, WIRE_CONTENT_TYPE, ENTRY_JSON},
	    {200, NULL, NULL, WIRE_CONTENT_TYPE, ENTRY_JSON},
	    {200, "application/json", "gzip", WIRE_ENCODED, ENTRY_JSON},
	    {200, "text/event-stream", "br", WIRE_ENCODED, ENTRY_JSON},
	    {201, "application/json", NULL, WIRE_STATUS, ENTRY_JSON},
	    {204, NULL, NULL, WIRE_STATUS, ENTRY_JSON},
	    {429, "application/json", NULL, WIRE_STATUS, ENTRY_JSON},
	    {500, "text/event-stream", NULL, WIRE_STATUS, ENTRY_STREAM},
	};
	struct recorder r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start(&r, 4096);
		recorder_head(&r, cases[i].status, cases[i].type,
		    cases[i].encoding);
		assert_int_equal(r.verdict, cases[i].want);
		assert_int_equal(r.mode, cases[i].mode);
		recorder_data(&r, "data: x", 7);
		if (cases[i].want != WIRE_STORABLE)
			assert_null(r.body.data);
		recorder_fini(&r);
	}
}

/* Whatever its body, an answer that is not 200 is not stored. */
static void
test_good_body_with_bad_status(void **state)
{
	struct recorder r;

	(void)state;
	start(&r, 4096);
	recorder_head(&r, 500, sse, NULL);
	recorder_data(&r, good_stream, sizeof(good_stream) - 1);
	assert_int_equal(recorder_end(&r, true), WIRE_STATUS);
	recorder_fini(&r);

	start(&r, 4096);
	recorder_head(&r, 429, json, NULL);
	recorder_data(&r, good_json, sizeof(good_json) - 1);
	assert_int_equal(recorder_end(&r, true), WIRE_STATUS);
	recorder_fini(&r);
}

static void
test_ceiling_is_exact_in_any_steps(void **state)
{
	const size_t stream_len = sizeof(good_stream) - 1;
	const size_t json_len = sizeof(good_json) - 1;
	size_t step;

	(void)state;
	for (step = 1; step <= stream_len; step++) {
		assert_int_equal(record(sse, good_stream, stream_len, step,
		    stream_len), WIRE_STORABLE);
		assert_int_equal(record(sse, good_stream, stream_len, step,
		    stream_len - 1), WIRE_TOO_LARGE);
		assert_int_equal(record(json, good_json, json_len, step,
		    json_len), WIRE_STORABLE);
		assert_int_equal(record(json, good_json, json_len, step,
		    json_len - 1), WIRE_TOO_LARGE);
	}
}

/* Which of two faults comes first does not depend on the steps. */
static void
test_error_near_the_ceiling(void **state)
{
	static const char text[] = "data: {\"error\":1}\n\ndata: more\n\n";
	const size_t len = sizeof(text) - 1, first = 19;
	size_t max, step;

	(void)state;
	for (max = 10; max < len; max++)
		for (step = 1; step <= len; step++)
			assert_int_equal(record(sse, text, len, step, max),
			    max < first ? WIRE_TOO_LARGE : WIRE_ERROR_EVENT);
}

static void
test_too_large_is_let_go_but_followed(void **state)
{
	struct recorder r;
	char line[200];
	int i;

	(void)state;
	start(&r, 1000);
	recorder_head(&r, 200, sse, NULL);
	snprintf(line, sizeof(line), "data: {\"choices\":[{\"index\":0,"
	    "\"delta\":{\"content\":\"%.50d\"},\"finish_reason\":null}]}\n\n",
	    0);
	for (i = 0; i < 100; i++) {
		recorder_data(&r, line, strlen(line) - 1);
		assert_false(recorder_at_boundary(&r));
		recorder_data(&r, "\n", 1);
		assert_true(recorder_at_boundary(&r));
		assert_true(r.body.cap <= 1001);
	}
	assert_null(r.body.data);
	recorder_data(&r, good_stream, sizeof(good_stream) - 1);
	assert_int_equal(recorder_end(&r, true), WIRE_TOO_LARGE);
	assert_int_equal(total(&r), 13);
	assert_int_equal(r.events, 103);
	recorder_fini(&r);
}

/* An endless line is not gathered up, and ends the following of events. */
static void
test_endless_line_is_bounded(void **state)
{
	struct recorder r;
	int i;

	(void)state;
	start(&r, 1000);
	recorder_head(&r, 200, sse, NULL);
	for (i = 0; i < 5000; i++)
		recorder_data(&r, "data: aaaaaaaaaa", 16);
	assert_true(r.parser.line.cap <= 1001);
	recorder_data(&r, "\n\n", 2);
	assert_false(recorder_at_boundary(&r));
	assert_int_equal(recorder_end(&r, true), WIRE_TOO_LARGE);
	recorder_fini(&r);
}

static void
test_fault_mid_stream_lets_the_body_go(void **state)
{
	struct recorder r;

	(void)state;
	start(&r, 4096);
	recorder_head(&r, 200, sse, NULL);
	recorder_data(&r, "data: {\"choices\":[]}\n\n", 22);
	assert_non_null(r.body.data);
	recorder_data(&r, "data: {\"error\":{}}\n\n", 20);
	assert_null(r.body.data);
	assert_int_equal(r.verdict, WIRE_ERROR_EVENT);
	recorder_data(&r, good_stream, sizeof(good_stream) - 1);
	assert_null(r.body.data);
	assert_int_equal(recorder_end(&r, true), WIRE_ERROR_EVENT);
	recorder_fini(&r);
}

/* Refused before the head, after it, or when all of the body is there. */
static void
check_refusal(const char *type, const char *bytes, size_t len, int when,
    enum wire_verdict why, json_int_t usage)
{
	struct recorder r;

	start(&r, 4096);
	if (when == 0)
		recorder_refuse(&r, why);
	recorder_head(&r, 200, type, NULL);
	if (when == 1)
		recorder_refuse(&r, why);
	feed_steps(&r, bytes, len, 10);
	if (when == 2)
		recorder_refuse(&r, why);
	if (r.mode == ENTRY_STREAM || usage == 0)
		assert_null(r.body.data);
	recorder_refuse(&r, WIRE_VARY_ANY);
	assert_int_equal(recorder_end(&r, true), why);
	assert_int_equal(total(&r), usage);
	assert_null(r.body.data);
	recorder_fini(&r);
}

static void
test_refusals(void **state)
{
	int when;

	(void)state;
	for (when = 0; when < 3; when++) {
		check_refusal(sse, good_stream, sizeof(good_stream) - 1, when,
		    WIRE_NO_STORE_ASKED, 13);
		check_refusal(sse, good_stream, sizeof(good_stream) - 1, when,
		    WIRE_CLIENT_CANCELLED, 13);
		check_refusal(json, good_json, sizeof(good_json) - 1, when,
		    WIRE_NO_STORE_ASKED, 13);
		check_refusal(json, good_json, sizeof(good_json) - 1, when,
		    WIRE_BODY_CODED, 13);
		check_refusal(json, good_json, sizeof(good_json) - 1, when,
		    WIRE_CLIENT_CANCELLED, 0);
	}
}

/* A body kept for its usage only is under the ceiling like any other. */
static void
test_refused_json_is_bounded(void **state)
{
	struct recorder r;
	int i;

	(void)state;
	start(&r, 1000);
	recorder_refuse(&r, WIRE_NO_STORE_ASKED);
	recorder_head(&r, 200, json, NULL);
	for (i = 0; i < 200; i++)
		recorder_data(&r, "          ", 10);
	assert_null(r.body.data);
	assert_int_equal(recorder_end(&r, true), WIRE_NO_STORE_ASKED);
	recorder_fini(&r);
}

static void
test_other_format_is_not_kept(void **state)
{
	const struct recorder_config config = {
	    .format = wire_format_get(WIRE_OTHER), .max_bytes = 4096};
	struct recorder r;

	(void)state;
	recorder_init(&r, &config);
	recorder_head(&r, 200, sse, NULL);
	recorder_data(&r, good_stream, sizeof(good_stream) - 2);
	assert_null(r.body.data);
	assert_false(recorder_at_boundary(&r));
	recorder_data(&r, "\n", 1);
	assert_true(recorder_at_boundary(&r));
	assert_int_equal(recorder_end(&r, true), WIRE_NOT_A_FORMAT);
	recorder_fini(&r);
}

/* A number that no integer holds is not the answer's fault. */
static void
test_json_with_a_long_number(void **state)
{
	static const char text[] = "{\"choices\":[{\"index\":0,\"message\":"
	    "{\"content\":\"hi\"},\"finish_reason\":\"stop\",\"seed\":"
	    "12345678901234567890}]}";

	(void)state;
	assert_int_equal(record(json, text, sizeof(text) - 1, 7, 4096),
	    WIRE_STORABLE);
}

/* A comment that was not finished when the stream ended says nothing. */
static void
test_stream_may_end_in_a_comment(void **state)
{
	struct recorder r;

	(void)state;
	start(&r, 4096);
	recorder_head(&r, 200, sse, NULL);
	recorder_data(&r, good_stream, sizeof(good_stream) - 1);
	recorder_data(&r, ": good-b", 8);
	assert_int_equal(recorder_end(&r, true), WIRE_STORABLE);
	assert_int_equal(r.body.len, sizeof(good_stream) - 1 + 8);
	recorder_fini(&r);
}

static void
test_json_has_no_boundary(void **state)
{
	struct recorder r;

	(void)state;
	start(&r, 4096);
	assert_false(recorder_at_boundary(&r));
	recorder_head(&r, 200, json, NULL);
	assert_false(recorder_at_boundary(&r));
	recorder_data(&r, "{}\n\n", 4);
	assert_false(recorder_at_boundary(&r));
	recorder_fini(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_verdict_and_bytes_in_any_steps),
	    cmocka_unit_test(test_times_in_any_steps),
	    cmocka_unit_test(test_what_has_times),
	    cmocka_unit_test(test_transport_that_broke),
	    cmocka_unit_test(test_nothing_came),
	    cmocka_unit_test(test_cut_after_the_terminator),
	    cmocka_unit_test(test_head),
	    cmocka_unit_test(test_good_body_with_bad_status),
	    cmocka_unit_test(test_ceiling_is_exact_in_any_steps),
	    cmocka_unit_test(test_error_near_the_ceiling),
	    cmocka_unit_test(test_too_large_is_let_go_but_followed),
	    cmocka_unit_test(test_endless_line_is_bounded),
	    cmocka_unit_test(test_fault_mid_stream_lets_the_body_go),
	    cmocka_unit_test(test_refusals),
	    cmocka_unit_test(test_refused_json_is_bounded),
	    cmocka_unit_test(test_other_format_is_not_kept),
	    cmocka_unit_test(test_stream_may_end_in_a_comment),
	    cmocka_unit_test(test_json_with_a_long_number),
	    cmocka_unit_test(test_json_has_no_boundary),
	};

	return cmocka_run_group_tests_name("recorder", tests, NULL, NULL);
}
