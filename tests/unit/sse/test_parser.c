/*
 * The SSE parser: the rules of the WHATWG standard one by one, and that
 * the events do not depend on where the network split the bytes.
 */
#include "../base/random.h"
#include "../wire/fixture.h"

#include "sse/parser.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

enum { BOUND = 64 * 1024 };

/* Events as text, one line each: name|data| or name|- without data. */
static void
log_event(struct buf *log, const char *name, const char *data, size_t len,
    bool has_data)
{
	buf_puts(log, name);
	buf_puts(log, "|");
	if (has_data)
		buf_append(log, data, len);
	buf_puts(log, has_data ? "|\n" : "-\n");
}

static int
on_event(void *arg, const struct sse_event *event)
{
	assert_int_equal(event->data[event->data_len], '\0');
	log_event(arg, event->name, event->data, event->data_len,
	    event->has_data);
	return 0;
}

/* Parse with a cut after each of the n given places (rising). */
static bool
parse_cut(struct buf *log, const char *bytes, size_t len, const size_t *cuts,
    size_t n)
{
	struct sse_parser p;
	size_t at = 0, i, to;
	bool boundary;

	buf_init(log, 1 << 20);
	sse_parser_init(&p, BOUND);
	for (i = 0; i <= n; i++) {
		to = i < n ? cuts[i] : len;
		assert_int_equal(
		    sse_parser_feed(&p, bytes + at, to - at, on_event, log), 0);
		at = to;
	}
	boundary = sse_parser_at_boundary(&p);
	sse_parser_fini(&p);
	return boundary;
}

static void
assert_same(const struct buf *a, const struct buf *b)
{
	assert_int_equal(a->len, b->len);
	if (a->len > 0)
		assert_memory_equal(a->data, b->data, a->len);
}

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

/* A line of the reference below. */
static void
reference_line(struct buf *log, struct buf *data, char *name, bool *has_data,
    const char *line, size_t len)
{
	const char *colon = memchr(line, ':', len);
	size_t key = colon == NULL ? len : (size_t)(colon - line);
	const char *value = colon == NULL ? line + len : colon + 1;

	if (value < line + len && *value == ' ')
		value++;
	if (key == 4 && strncmp(line, "data", 4) == 0) {
		if (*has_data)
			buf_putc(data, '\n');
		buf_append(data, value, (size_t)(line + len - value));
		*has_data = true;
	} else if (key == 5 && strncmp(line, "event", 5) == 0) {
		snprintf(name, 128, "%.*s", (int)(line + len - value), value);
	} else if (len == 0) {
		if (*has_data || *name != '\0')
			log_event(log, name, data->data, data->len, *has_data);
		buf_reset(data);
		*has_data = false;
		*name = '\0';
	}
}

/*
 * The standard read naively: the whole text at once, line ends made LF
 * first. Returns whether the text ends at a boundary.
 */
static bool
reference(struct buf *log, const char *bytes, size_t len)
{
	struct buf data;
	char name[128] = "", *text = malloc(len + 1), *end, *at = text;
	bool has_data = false, boundary = true;
	size_t i;

	for (i = 0, end = text; i < len; i++) {
		if (bytes[i] == '\n' && i > 0 && bytes[i - 1] == '\r')
			continue;
		*end++ = bytes[i] == '\r' ? '\n' : bytes[i];
	}
	buf_init(log, 1 << 20);
	buf_init(&data, BOUND);
	buf_append(&data, "", 0);
	for (; (i = (size_t)(end - at)) > 0; at += i + 1) {
		char *lf = memchr(at, '\n', i);

		if (lf == NULL)
			break;
		i = (size_t)(lf - at);
		if (at == text && i >= 3 && memcmp(at, "\xef\xbb\xbf", 3) == 0)
			at += 3, i -= 3;
		boundary = i == 0 || (boundary && *at == ':');
		reference_line(log, &data, name, &has_data, at, i);
	}
	boundary = boundary && at == end;
	buf_fini(&data);
	free(text);
	return boundary;
}

/* A random text of what matters to the parser. */
static void
random_text(struct buf *text, struct rng *r)
{
	static const struct {
		const char *s;
		size_t len;
	} tokens[] = {{"data", 4}, {"data: x", 7}, {"event", 5}, {":", 1},
	    {" ", 1}, {"\n", 1}, {"\n", 1}, {"\n\n", 2}, {"\r", 1},
	    {"\r\n", 2}, {"\r\n\r\n", 4}, {"id", 2}, {"a", 1}, {"\0", 1},
	    {"\xef\xbb\xbf", 3}, {"event: e", 8}};
	size_t n = rng_below(r, 24), i;

	buf_reset(text);
	buf_append(text, "", 0);
	while (n-- > 0) {
		i = rng_below(r, sizeof(tokens) / sizeof(tokens[0]));
		buf_append(text, tokens[i].s, tokens[i].len);
	}
}

/* ->whole is the last place where feeding could have ended. */
static void
test_whole_is_the_last_boundary(void **state)
{
	struct sse_parser at_once, by_byte;
	struct rng r = rng_new(5);
	struct buf text, log;
	size_t i, last;
	int round;

	(void)state;
	buf_init(&text, 4096);
	buf_init(&log, 1 << 16);
	for (round = 0; round < 5000; round++) {
		random_text(&text, &r);
		sse_parser_init(&at_once, BOUND);
		sse_parser_init(&by_byte, BOUND);
		for (i = 0, last = 0; i < text.len; i++) {
			sse_parser_feed(&by_byte, text.data + i, 1, on_event,
			    &log);
			if (sse_parser_at_boundary(&by_byte))
				last = i + 1;
			assert_int_equal(by_byte.fed, i + 1);
			assert_int_equal(by_byte.whole, last);
		}
		sse_parser_feed(&at_once, text.data, text.len, on_event, &log);
		assert_int_equal(at_once.fed, text.len);
		assert_int_equal(at_once.whole, last);
		sse_parser_fini(&at_once);
		sse_parser_fini(&by_byte);
		buf_reset(&log);
	}
	buf_fini(&text);
	buf_fini(&log);
}

static int
log_and_stop(void *arg, const struct sse_event *event)
{
	on_event(arg, event);
	return 7;
}

/* Stopped at every event and gone on, it says the same. */
static void
test_going_on_after_a_stop(void **state)
{
	struct buf text, whole, parts;
	struct sse_parser p;
	struct rng r = rng_new(6);
	int round, rc;

	(void)state;
	buf_init(&text, 4096);
	for (round = 0; round < 5000; round++) {
		random_text(&text, &r);
		parse_cut(&whole, text.data, text.len, NULL, 0);
		buf_init(&parts, 1 << 16);
		sse_parser_init(&p, BOUND);
		do {
			rc = sse_parser_feed(&p, text.data + p.fed,
			    text.len - p.fed, log_and_stop, &parts);
			if (rc == 7)
				assert_int_equal(p.whole, p.fed);
		} while (rc == 7);
		assert_int_equal(rc, 0);
		assert_int_equal(p.fed, text.len);
		assert_same(&whole, &parts);
		sse_parser_fini(&p);
		buf_fini(&whole);
		buf_fini(&parts);
	}
	buf_fini(&text);
}

static void
test_random_against_reference(void **state)
{
	struct rng r = rng_new(42);
	size_t cuts[8], n, i;
	struct buf text, want, got;
	int round;
	bool boundary;

	(void)state;
	buf_init(&text, 4096);
	for (round = 0; round < 20000; round++) {
		random_text(&text, &r);
		for (i = 0, n = 0; i < text.len && n < 8; i++)
			if (rng_below(&r, 6) == 0)
				cuts[n++] = i;
		boundary = reference(&want, text.data, text.len);
		assert_int_equal(
		    parse_cut(&got, text.data, text.len, cuts, n), boundary);
		assert_same(&want, &got);
		buf_fini(&want);
		buf_fini(&got);
	}
	buf_fini(&text);
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
	    cmocka_unit_test(test_whole_is_the_last_boundary),
	    cmocka_unit_test(test_going_on_after_a_stop),
	    cmocka_unit_test(test_random_against_reference),
	    cmocka_unit_test(test_fixtures_in_any_split),
	};

	return cmocka_run_group_tests_name("sse parser", tests, NULL, NULL);
}
