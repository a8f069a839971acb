/*
 * Fuzz target: the SSE parser. The first byte says how the rest is cut; the
 * events and the boundary must be those of the uncut text.
 */
#include "sse/parser.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { BOUND = 512 };

static int
on_event(void *arg, const struct sse_event *event)
{
	struct buf *log = arg;

	if (event->data[event->data_len] != '\0')
		abort();
	if (!event->has_data && event->data_len > 0)
		abort();
	buf_append(log, event->name, strlen(event->name) + 1);
	buf_putc(log, event->has_data ? '+' : '-');
	return buf_append(log, event->data, event->data_len + 1);
}

/* Feed in steps; 0 or -1 as the parser says. */
static int
parse(struct buf *log, bool *boundary, const char *text, size_t len,
    size_t step)
{
	struct sse_parser p;
	size_t at, n;
	int rc = 0;

	buf_init(log, 1 << 24);
	sse_parser_init(&p, BOUND);
	for (at = 0; at < len && rc == 0; at += n) {
		n = step < len - at ? step : len - at;
		rc = sse_parser_feed(&p, text + at, n, on_event, log);
	}
	*boundary = sse_parser_at_boundary(&p);
	sse_parser_fini(&p);
	return rc;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;
	struct buf whole, parts;
	bool whole_boundary, parts_boundary;

	if (size < 2)
		return 0;
	if (parse(&whole, &whole_boundary, text, size - 1, size) !=
	    parse(&parts, &parts_boundary, text, size - 1, data[0] % 16 + 1))
		abort();
	if (whole.len != parts.len || whole_boundary != parts_boundary)
		abort();
	if (whole.len > 0 && memcmp(whole.data, parts.data, whole.len) != 0)
		abort();
	buf_fini(&whole);
	buf_fini(&parts);
	return 0;
}
