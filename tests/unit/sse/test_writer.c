/*
 * The SSE writer: its exact bytes, and that the parser reads back what was
 * written.
 */
#include "sse/parser.h"
#include "sse/writer.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void
expect_event(const char *name, const char *data, const char *want)
{
	struct buf out;

	buf_init(&out, 4096);
	assert_int_equal(sse_write_event(&out, name, data), 0);
	assert_string_equal(out.data, want);
	buf_fini(&out);
}

static void
test_events(void **state)
{
	(void)state;
	expect_event(NULL, "a", "data: a\n\n");
	expect_event("x", "a", "event: x\ndata: a\n\n");
	expect_event(NULL, "", "data: \n\n");
	expect_event(NULL, "a\nb\r\nc\rd",
	    "data: a\ndata: b\ndata: c\ndata: d\n\n");
	expect_event(NULL, "a\n", "data: a\ndata: \n\n");
	expect_event("x\ndata: forged\n\n", "a", "event: x\ndata: a\n\n");
}

static void
test_comments(void **state)
{
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	assert_int_equal(sse_write_comment(&out, "ping"), 0);
	assert_int_equal(sse_write_comment(&out, "a\ndata: b\r\n"), 0);
	assert_string_equal(out.data, ": ping\n\n: a\n: data: b\n: \n\n");
	buf_fini(&out);
}

static void
test_a_full_buffer_is_told(void **state)
{
	struct buf out;
	size_t max;

	(void)state;
	for (max = 0; max < strlen("event: x\ndata: a\n\n"); max++) {
		buf_init(&out, max);
		assert_int_equal(sse_write_event(&out, "x", "a"), -1);
		buf_fini(&out);
	}
	buf_init(&out, 5);
	assert_int_equal(sse_write_comment(&out, "ping"), -1);
	buf_fini(&out);
}

struct expected {
	const char *name, *data;
	int seen;
};

static int
compare(void *arg, const struct sse_event *event)
{
	struct expected *want = arg;

	want->seen++;
	assert_string_equal(event->name, want->name);
	assert_string_equal(event->data, want->data);
	return 0;
}

static void
test_read_back(void **state)
{
	static const char *const datas[] = {"", " ", "a", " a ", "a\nb", "\n",
	    "\n\n", ": a", "data: a", "{\"x\":\"data: [DONE]\"}"};
	struct expected want = {"name", NULL, 0};
	struct sse_parser p;
	struct buf out;
	size_t i;

	(void)state;
	buf_init(&out, 4096);
	sse_parser_init(&p, 4096);
	for (i = 0; i < sizeof(datas) / sizeof(datas[0]); i++) {
		want.data = datas[i];
		buf_reset(&out);
		sse_write_comment(&out, "between");
		sse_write_event(&out, "name", datas[i]);
		assert_int_equal(
		    sse_parser_feed(&p, out.data, out.len, compare, &want), 0);
		assert_int_equal(want.seen, (int)i + 1);
		assert_true(sse_parser_at_boundary(&p));
	}
	sse_parser_fini(&p);
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_events),
	    cmocka_unit_test(test_comments),
	    cmocka_unit_test(test_a_full_buffer_is_told),
	    cmocka_unit_test(test_read_back),
	};

	return cmocka_run_group_tests_name("sse writer", tests, NULL, NULL);
}
