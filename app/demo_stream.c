#include "demo_stream.h"

#include <string.h>

static const char error_event[] = "{\"error\":{\"message\":\"The server had an "
    "error while processing your request\",\"type\":\"server_error\","
    "\"param\":null,\"code\":null}}";
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
put_event(struct demo_stream *s, const char *data, size_t len)
{
	const struct demo_knobs *k = s->reply->knobs;
	const char *end = line_end(k);

	buf_reset(&s->event);
	if (k->bom && s->index == 0)
		buf_puts(&s->event, "\xef\xbb\xbf");
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
send_event(struct demo_stream *s, const char *data, size_t len)
{
	size_t cut = 0;

	put_event(s, data, len);
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
 * What each fault does at its event. 0: the event itself follows; -1: the
 * stream is over.
 */
typedef int strike(struct demo_stream *s, const char *data, size_t len);

static int
strike_cut(struct demo_stream *s, const char *data, size_t len)
{
	(void)data;
	(void)len;
	demo_reply_end(s->reply);
	return -1;
}

static int
strike_half(struct demo_stream *s, const char *data, size_t len)
{
	put_event(s, data, len);
	if (demo_reply_piece(s->reply, s->event.data, s->event.len / 2) == 0)
		demo_reply_end(s->reply);
	return -1;
}

static int
strike_drop(struct demo_stream *s, const char *data, size_t len)
{
	put_event(s, data, len);
	demo_reply_broken_piece(s->reply, s->event.data, s->event.len);
	return -1;
}

static int
strike_reset(struct demo_stream *s, const char *data, size_t len)
{
	(void)data;
	(void)len;
	s->reply->close = true;
	s->reply->conn->reset = true;
	return -1;
}

static int
strike_stall(struct demo_stream *s, const char *data, size_t len)
{
	(void)data;
	(void)len;
	s->reply->close = true;
	demo_conn_wait(s->reply->conn, -1);
	return -1;
}

static int
strike_half_utf8(struct demo_stream *s, const char *data, size_t len)
{
	(void)data;
	(void)len;
	s->half_utf8 = true;
	return 0;
}

static int
strike_garbage(struct demo_stream *s, const char *data, size_t len)
{
	(void)data;
	(void)len;
	return send_event(s, garbage_event, sizeof(garbage_event) - 1);
}

static int
strike_error(struct demo_stream *s, const char *data, size_t len)
{
	(void)data;
	(void)len;
	if (send_event(s, error_event, sizeof(error_event) - 1) == 0)
		demo_reply_end(s->reply);
	return -1;
}

static int
strike_error_done(struct demo_stream *s, const char *data, size_t len)
{
	(void)data;
	(void)len;
	if (send_event(s, error_event, sizeof(error_event) - 1) == 0 &&
	    send_event(s, "[DONE]", 6) == 0)
		demo_reply_end(s->reply);
	return -1;
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
demo_stream_event(struct demo_stream *s, const char *data, size_t len)
{
	const struct demo_knobs *k = s->reply->knobs;
	strike *hit = strikes[k->fault];

	if (s->index > 0 && demo_stream_comment(s) != 0)
		return -1;
	if (s->index > 0 && !s->counting &&
	    demo_conn_wait(s->reply->conn, (int64_t)k->gap) != 0)
		return -1;
	if (s->index == k->at && hit != NULL && !s->counting &&
	    hit(s, data, len) != 0)
		return -1;
	if (send_event(s, data, len) != 0)
		return -1;
	s->index++;
	return 0;
}
