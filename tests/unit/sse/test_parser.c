/*
 * The SSE parser: the rules of the WHATWG standard one by one, and that
 * the events do not depend on where the network split the bytes.
 */
#include "../wire/fixture.h"
#include "event_log.h"

/* One cut at every place, and a cut at all places at once. */
static void
check_splits(const char *bytes, size_t len)
{
	struct buf whole, parts;
	size_t *cuts = calloc(len + 1, sizeof(*cuts)), i;
	bool boundary = parse_cut(&whole, bytes, len, NULL, 0);

	for (i = 0; i <= len; i++) {
		assert_int_equal(
		    parse_cut(&parts, bytes, len, &i, 1), boundary);
		assert_same(&whole, &parts);
		buf_fini(&parts);
		cuts[i] = i;
	}
	assert_int_equal(parse_cut(&parts, bytes, len, cuts, len), boundary);
	assert_same(&whole, &parts);
	buf_fini(&parts);
	buf_fini(&whole);
	free(cuts);
}

static void
expect(const char *bytes, size_t len, const char *want)
{
	struct buf log;

	parse_cut(&log, bytes, len, NULL, 0);
	assert_string_equal(log.data == NULL ? "" : log.data, want);
	buf_fini(&log);
	check_splits(bytes, len);
}

static void
expect_text(const char *text, const char *want)
{
	expect(text, strlen(text), want);
}

static void
test_fields(void **state)
{
	(void)state;
	expect_text("data: a\n\n", "|a|\n");
	expect_text("data:a\n\n", "|a|\n");
	expect_text("data:  a \n\n", "| a |\n");
	expect_text("data:\ta\n\n", "|\ta|\n");
	expect_text("data: a: b\n\n", "|a: b|\n");
	expect_text("event: x\ndata: a\n\ndata: b\n\n", "x|a|\n|b|\n");
	expect_text("event: x\nevent: y\ndata: a\n\n", "y|a|\n");
	expect_text("event: x\n\n", "x|-\n");
	expect_text("event: x\nevent:\n\n", "");
	expect_text("id: 1\nretry: 5\nfoo: bar\nfoo\ndata: a\n\n", "|a|\n");
	expect_text("id: 1\n\nretry: 5\n\n", "");
	expect_text("DATA: a\nData: b\n data: c\ndatas: d\ndat: e\n\n", "");
	expect_text(": data: a\n:data: b\n\n", "");
	expect_text("\n\n\ndata: a\n\n\n\n", "|a|\n");
}

static void
test_several_data_lines(void **state)
{
	(void)state;
	expect_text("data: a\ndata: b\ndata: c\n\n", "|a\nb\nc|\n");
	expect_text("data\n\n", "||\n");
	expect_text("data:\n\n", "||\n");
	expect_text("data\ndata\n\n", "|\n|\n");
	expect_text("data: a\ndata\n: c\ndata: b\n\n", "|a\n\nb|\n");
}

static void
test_line_ends(void **state)
{
	(void)state;
	expect_text("data: a\r\n\r\ndata: b\r\n\r\n", "|a|\n|b|\n");
	expect_text("data: a\r\rdata: b\r\r", "|a|\n|b|\n");
	expect_text("data: a\r\n\ndata: b\n\r\n", "|a|\n|b|\n");
	expect_text("data: a\rdata: b\ndata: c\r\n\r\n", "|a\nb\nc|\n");
	expect_text("data: a\n\r", "|a|\n");
	expect_text("data: a\r\n", "");
}

static void
test_bom(void **state)
{
	(void)state;
	expect_text("\xef\xbb\xbf" "data: a\n\n", "|a|\n");
	expect_text("\xef\xbb\xbf\xef\xbb\xbf" "data: a\n\n", "");
	expect_text("\n\xef\xbb\xbf" "data: a\n\n", "");
	expect_text("\xef\xbb" "data: a\n\n", "");
	expect_text("\xef\xbb\xbf\n\ndata: a\n\n", "|a|\n");
}

static void
test_nul_and_utf8_pass(void **state)
{
	static const char nul[] = "data: a\0b\n\n";
	static const char odd[] = "da\0ta: a\n\ndata\0: b\n\n";

	(void)state;
	struct buf log;
	parse_cut(&log, nul, sizeof(nul) - 1, NULL, 0);
	assert_int_equal(log.len, 6);
	assert_memory_equal(log.data, "|a\0b|\n", 6);
	buf_fini(&log);
	check_splits(nul, sizeof(nul) - 1);
	expect(odd, sizeof(odd) - 1, "");
	expect_text("data: \xf0\x9f\x8c\x8d \xff\n\n",
	    "|\xf0\x9f\x8c\x8d \xff|\n");
}

static void
test_unended_event_is_not_reported(void **state)
{
	(void)state;
	expect_text("data: a\n\ndata: b\n", "|a|\n");
	expect_text("data: a\n\ndata: b", "|a|\n");
	expect_text("data: a\n\ndata: b\n:", "|a|\n");
}

static void
test_long_names_are_cut(void **state)
{
	char text[400] = "event: ", want[400] = "";
	size_t i;

	(void)state;
	for (i = 0; i < 300; i++)
		text[7 + i] = 'n';
	memcpy(text + 307, "\ndata: a\n\n", 11);
	for (i = 0; i < sizeof(((struct sse_parser *)0)->name) - 1; i++)
		want[i] = 'n';
	memcpy(want + i, "|a|\n", 5);
	expect_text(text, want);
}

static void
expect_boundary(const char *text, bool want)
{
	struct buf log;

	if (parse_cut(&log, text, strlen(text), NULL, 0) != want)
		fail_msg("boundary of \"%s\" is not %d", text, want);
	buf_fini(&log);
}

static void
test_boundary(void **state)
{
	(void)state;
	expect_boundary("", true);
	expect_boundary("\n", true);
	expect_boundary("data: a\n\n", true);
	expect_boundary("data: a\r\r", true);
	expect_boundary("data: a\r\n\r", true);
	expect_boundary("data: a\r\n\r\n", true);
	expect_boundary("data: a\n\n: ping\n", true);
	expect_boundary("data: a\n\n: ping\n\n", true);
	expect_boundary("d", false);
	expect_boundary("data: a", false);
	expect_boundary("data: a\n", false);
	expect_boundary("data: a\r\n", false);
	expect_boundary("data: a\n: ping\n", false);
	expect_boundary("data: a\n\n: pin", false);
	expect_boundary("data: a\n\nid: 1\n", false);
	expect_boundary("data: a\n\nevent: x\n", false);
	expect_boundary("data: a\n\n\xef", false);
	expect_boundary("\xef\xbb\xbf", false);
}

static int
stop_at_b(void *arg, const struct sse_event *event)
{
	(*(int *)arg)++;
	return strcmp(event->data, "b") == 0 ? 7 : 0;
}

static void
test_callback_may_stop(void **state)
{
	static const char text[] = "data: a\n\ndata: b\n\ndata: c\n\n";
	struct sse_parser p;
	int seen = 0;

	(void)state;
	sse_parser_init(&p, BOUND);
	assert_int_equal(sse_parser_feed(&p, text, sizeof(text) - 1, stop_at_b,
	    &seen), 7);
	assert_int_equal(seen, 2);
	sse_parser_fini(&p);
}

/* Feed text in steps; the events seen, or -1 when it was refused. */
static int
feed_bounded(size_t bound, const char *text, size_t step)
{
	struct sse_parser p;
	size_t len = strlen(text), at, n;
	int seen = 0, rc = 0;

	sse_parser_init(&p, bound);
	for (at = 0; at < len && rc == 0; at += n) {
		n = step < len - at ? step : len - at;
		rc = sse_parser_feed(&p, text + at, n, stop_at_b, &seen);
	}
	if (rc == -1) {
		assert_int_equal(
		    sse_parser_feed(&p, "\n\n", 2, stop_at_b, &seen), -1);
		assert_false(sse_parser_at_boundary(&p));
	}
	sse_parser_fini(&p);
	return rc == 0 ? seen : -1;
}

static void
test_where_a_stream_may_end(void **state)
{
	static const struct {
		const char *text;
		bool may_end;
	} cases[] = {
	    {"", true}, {"data: a\n\n", true}, {"data: a\n", false},
	    {"data: a", false}, {"d", false}, {":", true}, {": a", true},
	    {": a\n", true}, {"data: a\n\n: a", true},
	    {"data: a\n: a", false}, {"data: a\n\nid", false},
	    {"data: a\n\n : a", false},
	};
	struct sse_parser p;
	int seen;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		seen = 0;
		sse_parser_init(&p, 4096);
		assert_int_equal(sse_parser_feed(&p, cases[i].text,
		    strlen(cases[i].text), stop_at_b, &seen), 0);
		if (sse_parser_may_end(&p) != cases[i].may_end)
			fail_msg("%s", cases[i].text);
		sse_parser_fini(&p);
	}
}

static void
test_bounds(void **state)
{
	static const struct {
		const char *text;
		size_t bound;
		int seen;
	} cases[] = {
	    {"data: abc\n\n", 9, 1},
	    {"data: abc\n\n", 8, -1},
	    {": a long comment\n\n", 9, -1},
	    {"data:abcd\ndata:efgh\n\n", 9, 1},
	    {"data:abcd\ndata:efghi\n\n", 9, -1},
	    {"data:abcd\ndata:efgh\ndata\n\n", 9, -1},
	    {"data:abcd\n\ndata:efgh\n\ndata:ijkl\n\n", 9, 3},
	    {"data:abc", 7, -1},
	};
	size_t i, step;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		for (step = 1; step < 40; step++)
			assert_int_equal(feed_bounded(cases[i].bound,
			    cases[i].text, step), cases[i].seen);
}

static void
test_fixtures_in_any_split(void **state)
{
	static const char *const names[] = {"plain.sse", "usage.sse",
	    "tools.sse", "keepalive.sse", "fields.sse", "crlf.sse", "cr.sse",
	    "bom.sse", "no-space.sse", "several-lines.sse", "azure.sse",
	    "done-in-text.sse", "comment-after-done.sse", "bad-done-cut.sse"};
	size_t i, len;
	char *bytes;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		bytes = fixture_read("chat", names[i], &len);
		check_splits(bytes, len);
		free(bytes);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_several_data_lines),
	    cmocka_unit_test(test_line_ends),
	    cmocka_unit_test(test_bom),
	    cmocka_unit_test(test_nul_and_utf8_pass),
	    cmocka_unit_test(test_unended_event_is_not_reported),
	    cmocka_unit_test(test_long_names_are_cut),
	    cmocka_unit_test(test_boundary),
	    cmocka_unit_test(test_callback_may_stop),
	    cmocka_unit_test(test_where_a_stream_may_end),
	    cmocka_unit_test(test_bounds),
	    cmocka_unit_test(test_fixtures_in_any_split),
	};

	return cmocka_run_group_tests_name("sse parser", tests, NULL, NULL);
}
