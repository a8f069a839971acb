/*
 * Taking the usage chunk out of a stream whose client did not ask for it
 * (usage.ask). All else passes as it came; some upstreams, when asked, say
 * "usage":null in every other chunk.
 *
 * Bytes pass as they come, but for an event that is not whole yet. One
 * filter a stream, one thread at a time.
 */
#ifndef GATEWAY_USAGE_FILTER_H
#define GATEWAY_USAGE_FILTER_H

#include "base/buf.h"
#include "sse/parser.h"

#include <jansson.h>
#include <stdbool.h>

struct usage_filter {
	struct sse_parser parser;
	struct buf out;      /* whole events, and behind them the last one */
	size_t whole;        /* bytes of out that are whole events */
	json_t *usage;       /* what the chunk said; owned; or NULL */
	bool is_usage;       /* the event that ends now is the chunk */
	bool after_cr;       /* a chunk was cut at CR: an LF belongs to it */
	bool off;            /* the stream cannot be followed: all passes */
};

/* Begin. max_bytes bounds one event. End with usage_filter_fini. */
void usage_filter_init(struct usage_filter *f, size_t max_bytes);

/* Free all it holds. */
void usage_filter_fini(struct usage_filter *f);

/*
 * Feed len bytes. What may pass is then f->out.data[0..f->whole-1], until
 * usage_filter_sent is called. 0, or -1 when memory is short.
 */
int usage_filter_feed(struct usage_filter *f, const char *bytes, size_t len);

/* The stream has ended: what is left of an unfinished event may pass. */
void usage_filter_end(struct usage_filter *f);

/* What might pass has been sent. */
void usage_filter_sent(struct usage_filter *f);

#endif
