#include "demo_stream.h"

#include "demo_error.h"

#include <string.h>

static const char garbage_event[] = "{\"id\":\"chatcmpl-broken\",\"choices\":[";

void
demo_stream_init(struct demo_stream *s, struct demo_reply *reply)
{
	memset(s, 0, sizeof(*s));
	s->reply = reply;
	buf_init(&s->event, 512 * 1024 * 1024);
}

void
demo_stream_fini(struct demo_stream *s)
{
	buf_fini(&s->event);
}

static const char *
line_end(const struct demo_knobs *k)
{
	return k->crlf ? "\r\n" : k->cr ? "\r" : "\n";
}

static void
put_event(struct demo_stream *s, const struct demo_event *event)
{
	const struct demo_knobs *k = s->reply->knobs;
	const char *end = line_end(k), *data = event->data;
	size_t len = event->len;

	buf_reset(&s->event);
	if (k->bom && s->index == 0)
		buf_puts(&s->event, "\xef\xbb\xbf");
	if (event->name != NULL)
		buf_printf(&s->event, "event: %s%s", event->name, end);
	buf_puts(&s->event, "data: ");
	if (k->multiline && data[0] == '{') {
		buf_printf(&s->event, "{%sdata: ", end);
		data++;
		len--;
	}
	buf_append(&s->event, data, len);
	buf_puts(&s->event, end);
	buf_puts(&s->event, end);
}

/*
 * Where to cut so that the first multi-byte character falls apart; 0 when
 * there is none.
 */
static size_t
inside_character(const struct buf *b)
{
	for (size_t i = 0; i < b->len; i++) {
		if ((unsigned char)b->data[i] >= 0xc0)
			return i + 1;
	}
	return 0;
}

static int
send_event(struct demo_stream *s, const struct demo_event *event)
{
	size_t cut = 0;

	put_event(s, event);
	if (s->counting) {
		s->length += s->event.len;
		return 0;
	}
	if (s->half_utf8)
		cut = inside_character(&s->event);
	if (cut > 0) {
		s->half_utf8 = false;
		if (demo_reply_piece(s->reply, s->event.data, cut) != 0)
			return -1;
	}
	return demo_reply_piece(s->reply, s->event.data + cut,
	    s->event.len - cut);
}

/*
 * What each fault does at its event. 0: the event itself follows, unless
 * all is skipped now; -1: the stream is over.
 */
typedef int strike(struct demo_stream *s, const struct demo_event *event);

static int
strike_cut(struct demo_stream *s, const struct demo_event *event)
{
	(void)event;
	demo_reply_end(s->reply);
	return -1;
}

static int
strike_half(struct demo_stream *s, const struct demo_event *event)
{
	put_event(s, event);
	if (demo_reply_piece(s->reply, s->event.data, s->event.len / 2) == 0)
		demo_reply_end(s->reply);
	return -1;
}

static int
strike_drop(struct demo_stream *s, const struct demo_event *event)
{
	put_event(s, event);
	demo_reply_broken_piece(s->reply, s->event.data, s->event.len);
	return -1;
}

static int
strike_reset(struct demo_stream *s, const struct demo_event *event)
{
	(void)event;
	s->reply->close = true;
	s->reply->conn->reset = true;
	return -1;
}

static int
strike_stall(struct demo_stream *s, const struct demo_event *event)
{
	(void)event;
	s->reply->close = true;
	demo_conn_wait(s->reply->conn, -1);
	return -1;
}

static int
strike_half_utf8(struct demo_stream *s, const struct demo_event *event)
{
	(void)event;
	s->half_utf8 = true;
	return 0;
}

static int
strike_garbage(struct demo_stream *s, const struct demo_event *event)
{
	struct demo_event garbage = {.name = event->name,
	    .data = garbage_event, .len = sizeof(garbage_event) - 1};

	return send_event(s, &garbage);
}

static int
send_error(struct demo_stream *s)
{
	struct demo_event event;
	struct buf data;
	int rc;

	buf_init(&data, 4096);
	event.name = demo_put_error_event(&data, s->reply->shape, s->index);
	event.data = data.data;
	event.len = data.len;
	rc = data.failed ? -1 : send_event(s, &event);
	buf_fini(&data);
	s->index++;
	return rc;
}

static int
strike_error(struct demo_stream *s, const struct demo_event *event)
{
	(void)event;
	if (send_error(s) == 0)
		demo_reply_end(s->reply);
	return -1;
}

static int
strike_error_done(struct demo_stream *s, const struct demo_event *event)
{
	(void)event;
	s->skipping = true;
	return send_error(s);
}

static strike *const strikes[DEMO_FAULT_COUNT] = {
	[DEMO_FAULT_CUT] = strike_cut,
	[DEMO_FAULT_HALF] = strike_half,
	[DEMO_FAULT_DROP] = strike_drop,
	[DEMO_FAULT_RESET] = strike_reset,
	[DEMO_FAULT_STALL] = strike_stall,
	[DEMO_FAULT_HALF_UTF8] = strike_half_utf8,
	[DEMO_FAULT_GARBAGE_EVENT] = strike_garbage,
	[DEMO_FAULT_ERROR_EVENT] = strike_error,
	[DEMO_FAULT_ERROR_DONE] = strike_error_done,
};

int
demo_stream_comment(struct demo_stream *s)
{
	const char *end = line_end(s->reply->knobs);

	if (!s->reply->knobs->comments)
		return 0;
	buf_reset(&s->event);
	buf_printf(&s->event, ": keep-alive%s%s", end, end);
	s->length += s->event.len;
	if (s->counting)
		return 0;
	return demo_reply_piece(s->reply, s->event.data, s->event.len);
}

int
demo_stream_event(struct demo_stream *s, const struct demo_event *event)
{
	const struct demo_knobs *k = s->reply->knobs;
	strike *hit = strikes[k->fault];

	if (s->skipping)
		return 0;
	if (s->index > 0 && demo_stream_comment(s) != 0)
		return -1;
	if (s->index > 0 && !s->counting &&
	    demo_conn_wait(s->reply->conn, (int64_t)k->gap) != 0)
		return -1;
	if (s->index == k->at && hit != NULL && !s->counting &&
	    hit(s, event) != 0)
		return -1;
	if (s->skipping)
		return 0;
	if (send_event(s, event) != 0)
		return -1;
	s->index++;
	return 0;
}

int
demo_stream_last(struct demo_stream *s, const struct demo_event *event)
{
	if (s->reply->knobs->fault == DEMO_FAULT_NO_DONE)
		return 0;
	if (demo_stream_event(s, event) != 0)
		return -1;
	if (!s->skipping)
		return 0;
	if (send_event(s, event) == 0)
		demo_reply_end(s->reply);
	return -1;
}

/* send: demo_stream_event or demo_stream_last. */
static int
take(struct demo_stream *s, const char *name, struct buf *data,
    int (*send)(struct demo_stream *s, const struct demo_event *event))
{
	struct demo_event event = {name, data->data, data->len};
	int rc = -1;

	if (data->failed)
		s->reply->close = true;
	else
		rc = send(s, &event);
	buf_fini(data);
	return rc;
}

int
demo_stream_take(struct demo_stream *s, const char *name, struct buf *data)
{
	return take(s, name, data, demo_stream_event);
}

int
demo_stream_take_last(struct demo_stream *s, const char *name,
    struct buf *data)
{
	return take(s, name, data, demo_stream_last);
}
