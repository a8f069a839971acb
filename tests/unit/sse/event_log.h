/*
 * What the tests of the parser share: the events of a text, cut anywhere,
 * as a log that can be compared.
 */
#ifndef TEST_EVENT_LOG_H
#define TEST_EVENT_LOG_H

#include "sse/parser.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

enum { BOUND = 64 * 1024 };

/* Events as text, one line each: name|data| or name|- without data. */
static inline void
log_event(struct buf *log, const char *name, const char *data, size_t len,
    bool has_data)
{
	buf_puts(log, name);
	buf_puts(log, "|");
	if (has_data)
		buf_append(log, data, len);
	buf_puts(log, has_data ? "|\n" : "-\n");
}

static inline int
on_event(void *arg, const struct sse_event *event)
{
	assert_int_equal(event->data[event->data_len], '\0');
	log_event(arg, event->name, event->data, event->data_len,
	    event->has_data);
	return 0;
}

/* Parse with a cut after each of the n given places (rising). */
static inline bool
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

static inline void
assert_same(const struct buf *a, const struct buf *b)
{
	assert_int_equal(a->len, b->len);
	if (a->len > 0)
		assert_memory_equal(a->data, b->data, a->len);
}

#endif
