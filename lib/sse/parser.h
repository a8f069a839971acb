/*
 * Server-sent events, read incrementally: bytes go in as the network gives
 * them, split anywhere; whole events come out. Follows the WHATWG HTML
 * standard, section 9.2 "Server-sent events": a BOM at the start, lines
 * ended by LF, CR or CRLF, comments, several data lines in one event.
 */
#ifndef SSE_PARSER_H
#define SSE_PARSER_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

struct sse_event {
	const char *name;  /* of the event: field; "" when there was none */
	const char *data;  /* data lines joined by LF, NUL-terminated */
	size_t data_len;   /* bytes; data may contain NUL */
	bool has_data;     /* at least one data line */
};

/*
 * Called for each event that a blank line ended (an event without data and
 * name, e.g. only comments, is not reported). The strings are valid during
 * the call. Return 0 to go on, else parsing stops with that value.
 */
typedef int sse_event_fn(void *arg, const struct sse_event *event);

struct sse_parser {
	struct buf line;  /* the unfinished line */
	struct buf data;  /* data of the unfinished event */
	char name[128];   /* its name, cut */
	bool has_data;
	bool after_cr;    /* the last byte was CR: an LF now belongs to it */
	bool started;     /* the place for a BOM has passed */
	bool pending;     /* a field has come since the last blank line */
	size_t fed;       /* bytes taken in so far */
	size_t whole;     /* of them, those up to the last place that was
			     between two events (sse_parser_at_boundary) */
};

/*
 * Begin. max_event_bytes (below SIZE_MAX) bounds one line and one event's
 * data; names are cut to fit. End with sse_parser_fini. One thread at a
 * time.
 */
void sse_parser_init(struct sse_parser *p, size_t max_event_bytes);

/* Free what it holds. */
void sse_parser_fini(struct sse_parser *p);

/*
 * Feed len bytes. 0; -1 when a bound was exceeded or memory is short (the
 * parser is then spent); or what fn returned: nothing behind that event
 * has been taken in then, and ->fed tells where to go on.
 */
int sse_parser_feed(struct sse_parser *p, const char *bytes, size_t len,
    sse_event_fn *fn, void *arg);

/*
 * Whether the bytes so far end between two events, so that an event of
 * another origin may be put in and the end of the stream would lose
 * nothing: at the start, after a blank line, and after whole comment lines
 * that follow one. Never on a spent parser.
 */
bool sse_parser_at_boundary(const struct sse_parser *p);

/*
 * Whether the stream may end here without losing an event: between two
 * events, or in the middle of a comment there.
 */
bool sse_parser_may_end(const struct sse_parser *p);

#endif
