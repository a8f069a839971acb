/*
 * The SSE parser on random texts: it says what a naive reading of the
 * whole says, wherever it is cut or stopped.
 */
#include "../base/random.h"
#include "event_log.h"

#include <stdio.h>
#include <stdlib.h>

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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_whole_is_the_last_boundary),
	    cmocka_unit_test(test_going_on_after_a_stop),
	    cmocka_unit_test(test_random_against_reference),
	};

	return cmocka_run_group_tests_name("sse parser random", tests, NULL,
	    NULL);
}
