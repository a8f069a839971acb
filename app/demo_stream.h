/*
 * A stream of server-sent events for demo-upstream, and the faults that
 * hit it. Events are counted from 0.
 */
#ifndef DEMO_STREAM_H
#define DEMO_STREAM_H

#include "demo_http.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct demo_stream {
	struct demo_reply *reply;
	bool counting;   /* send nothing, add up the length */
	bool skipping;   /* send nothing more but the terminator */
	bool half_utf8;  /* the next event with a long character is split */
	uint64_t length; /* bytes of all events, when counting */
	uint64_t index;  /* of the next event */
	struct buf event;
};

/* One event: its data, and its name or NULL when it has no event: line. */
struct demo_event {
	const char *name;
	const char *data;
	size_t len;
};

/* Begin. End with demo_stream_fini. */
void demo_stream_init(struct demo_stream *s, struct demo_reply *reply);

/* Free what s holds. */
void demo_stream_fini(struct demo_stream *s);

/*
 * Send one event, or do what the fault says. 0, or -1 when nothing more
 * may be sent: the client left or the fault ended it.
 */
int demo_stream_event(struct demo_stream *s, const struct demo_event *event);

/*
 * Send the event that data is, called name (NULL: without a name), and
 * free data. As demo_stream_event; -1 also when data has failed, which
 * breaks the stream off.
 */
int demo_stream_take(struct demo_stream *s, const char *name,
    struct buf *data);

/*
 * Send the event that ends the format's streams: as demo_stream_event, and
 * as demo_stream_take.
 */
int demo_stream_last(struct demo_stream *s, const struct demo_event *event);
int demo_stream_take_last(struct demo_stream *s, const char *name,
    struct buf *data);

/* Send a comment if the knobs ask for them. 0 or -1 as above. */
int demo_stream_comment(struct demo_stream *s);

#endif
