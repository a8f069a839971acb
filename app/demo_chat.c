/* POST /v1/chat/completions. */
#include "demo_answer.h"
#include "demo_choices.h"
#include "demo_formats.h"
#include "demo_json.h"

#include <inttypes.h>
#include <string.h>

static const json_t *
last_user_content(const json_t *body)
{
	const json_t *messages = json_object_get(body, "messages");
	const json_t *message;
	const char *role;

	for (size_t i = json_array_size(messages); i > 0; i--) {
		message = json_array_get(messages, i - 1);
		role = json_string_value(json_object_get(message, "role"));
		if (role != NULL && strcmp(role, "user") == 0)
			return json_object_get(message, "content");
	}
	return NULL;
}

static void
put_start(const struct demo_answer *a, struct buf *out)
{
	buf_printf(out, "{\"id\":\"chatcmpl-%s\",\"object\":\"%s\","
	    "\"created\":%" PRId64 ",\"model\":", a->hex, a->stream ?
	    "chat.completion.chunk" : "chat.completion", a->created);
	demo_put_text(out, a->model, strlen(a->model));
}

static void
put_tool_head(const struct demo_answer *a, struct buf *out, uint64_t choice)
{
	buf_printf(out, "\"tool_calls\":[{%s\"id\":\"call_%s%" PRIu64
	    "\",\"type\":\"function\",\"function\":{\"name\":",
	    a->stream ? "\"index\":0," : "", a->hex, choice);
	demo_put_text(out, a->tool, strlen(a->tool));
	buf_puts(out, ",\"arguments\":");
}

static void
put_message(struct demo_answer *a, struct buf *out, uint64_t choice)
{
	struct buf text;
	bool full;

	buf_init(&text, DEMO_CONTENT_MAX);
	full = demo_answer_text(a, &text, choice);
	buf_printf(out, "{\"index\":%" PRIu64 ",\"message\":{\"role\":"
	    "\"assistant\",\"content\":", choice);
	if (a->tool != NULL) {
		buf_puts(out, "null,");
		put_tool_head(a, out, choice);
	}
	demo_put_text(out, text.data == NULL ? "" : text.data, text.len);
	if (a->tool != NULL)
		buf_puts(out, "}}]");
	if (a->reply->knobs->reasoning) {
		buf_reset(&text);
		demo_answer_reasoning(a, &text, choice);
		buf_puts(out, ",\"reasoning_content\":");
		demo_put_text(out, text.data, text.len);
	}
	buf_puts(out, "},\"logprobs\":null,\"finish_reason\":");
	if (a->reply->knobs->fault == DEMO_FAULT_NO_FINISH)
		buf_puts(out, "null}");
	else
		buf_printf(out, "\"%s\"}", demo_answer_finish(a, full));
	buf_fini(&text);
}

/* One chunk: a delta, or with finish the last one of its choice. */
static int
send_delta(struct demo_stream *s, struct demo_answer *a, uint64_t choice,
    const char *delta, const char *finish)
{
	struct buf out;

	buf_init(&out, DEMO_CONTENT_MAX);
	put_start(a, &out);
	buf_printf(&out, ",\"choices\":[{\"index\":%" PRIu64
	    ",\"delta\":{%s},\"logprobs\":null,\"finish_reason\":%s%s%s}]",
	    choice, delta, finish == NULL ? "" : "\"",
	    finish == NULL ? "null" : finish, finish == NULL ? "" : "\"");
	if (a->stream_usage)
		buf_puts(&out, ",\"usage\":null");
	buf_puts(&out, "}");
	return demo_stream_take(s, NULL, &out);
}

/* before, the text quoted, after: one delta. */
static int
send_quoted(struct demo_stream *s, struct demo_answer *a, uint64_t choice,
    const char *before, const char *text, size_t len, const char *after)
{
	struct buf delta;
	int rc;

	buf_init(&delta, DEMO_CONTENT_MAX);
	buf_puts(&delta, before);
	demo_put_text(&delta, text, len);
	buf_puts(&delta, after);
	rc = delta.failed ? -1 : send_delta(s, a, choice, delta.data, NULL);
	buf_fini(&delta);
	return rc;
}

static int
send_pieces(struct demo_stream *s, struct demo_answer *a, uint64_t choice,
    const char *before, const struct buf *text, const char *after)
{
	size_t n, at;

	for (at = 0; at < text->len; at += n) {
		n = demo_answer_piece(a, text, at);
		if (send_quoted(s, a, choice, before, text->data + at, n,
		    after) != 0)
			return -1;
	}
	return 0;
}

static int
send_reasoning(struct demo_stream *s, struct demo_answer *a,
    uint64_t choice)
{
	struct buf text;
	int rc;

	if (!a->reply->knobs->reasoning)
		return 0;
	buf_init(&text, 4096);
	demo_answer_reasoning(a, &text, choice);
	rc = send_pieces(s, a, choice, "\"reasoning_content\":", &text, "");
	buf_fini(&text);
	return rc;
}

/* The first chunk of a choice: its role, and the head of a tool call. */
static int
send_role(struct demo_stream *s, struct demo_answer *a, uint64_t choice)
{
	struct buf delta;
	int rc;

	buf_init(&delta, DEMO_CONTENT_MAX);
	buf_printf(&delta, "\"role\":\"assistant\",\"content\":%s",
	    a->tool == NULL ? "\"\"" : "null");
	if (a->tool != NULL) {
		buf_puts(&delta, ",");
		put_tool_head(a, &delta, choice);
		buf_puts(&delta, "\"\"}}]");
	}
	rc = delta.failed ? -1 : send_delta(s, a, choice, delta.data, NULL);
	buf_fini(&delta);
	return rc;
}

static int
send_choice(struct demo_stream *s, struct demo_answer *a, uint64_t choice)
{
	struct buf text;
	bool full;
	int rc;

	buf_init(&text, DEMO_CONTENT_MAX);
	full = demo_answer_text(a, &text, choice);
	rc = send_role(s, a, choice);
	if (rc == 0)
		rc = send_reasoning(s, a, choice);
	if (rc == 0 && a->tool == NULL)
		rc = send_pieces(s, a, choice, "\"content\":", &text, "");
	else if (rc == 0)
		rc = send_pieces(s, a, choice, "\"tool_calls\":[{\"index\":0,"
		    "\"function\":{\"arguments\":", &text, "}}]");
	if (rc == 0 && a->reply->knobs->fault != DEMO_FAULT_NO_FINISH)
		rc = send_delta(s, a, choice, "",
		    demo_answer_finish(a, full));
	buf_fini(&text);
	return rc;
}

static int
send_after(struct demo_stream *s, struct demo_answer *a)
{
	return send_delta(s, a, 0, "\"content\":\"after\"", NULL);
}

static const struct demo_choice_format choice = {
	put_start, put_message, send_choice
};
static const struct demo_format chat = {
	demo_choices_json, demo_choices_events, send_after
};

int
demo_chat(struct demo_reply *r, uint64_t seed)
{
	struct demo_answer a;
	int rc;

	if (demo_answer_read(&a, r, seed, "max_tokens") != 0)
		return r->conn->gone ? -1 : 0;
	a.size.max_words = demo_json_number(a.body, "max_completion_tokens",
	    a.size.max_words);
	demo_choices_init(&a, &choice, 1);
	demo_answer_choose_tool(&a, last_user_content(a.body));
	rc = demo_answer_send(&a, &chat);
	demo_answer_fini(&a);
	return rc;
}
