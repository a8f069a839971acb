/* POST /v1/messages, Anthropic's: https://docs.anthropic.com/en/api */
#include "demo_answer.h"
#include "demo_formats.h"
#include "demo_json.h"

#include <inttypes.h>
#include <string.h>

static const json_t *
last_user_content(const json_t *body)
{
	const json_t *messages = json_object_get(body, "messages");
	size_t n = json_array_size(messages);

	return json_object_get(json_array_get(messages, n - 1), "content");
}

/* The words OpenAI has for it are understood, too. */
static const char *
stop_reason(const struct demo_answer *a, bool full)
{
	static const char *const words[][2] = {
		{"stop", "end_turn"}, {"length", "max_tokens"},
		{"tool_calls", "tool_use"}, {"content_filter", "refusal"},
	};
	const char *finish = demo_answer_finish(a, full);

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(finish, words[i][0]) == 0)
			return words[i][1];
	}
	return finish;
}

static void
put_usage(const struct demo_answer *a, struct buf *out, uint64_t words)
{
	if (!a->reply->knobs->usage)
		return;
	buf_printf(out, ",\"usage\":{\"input_tokens\":%" PRIu64
	    ",\"cache_creation_input_tokens\":0,"
	    "\"cache_read_input_tokens\":0,\"output_tokens\":%" PRIu64 "}",
	    a->prompt_words, words);
}

static void
put_start(const struct demo_answer *a, struct buf *out)
{
	buf_printf(out, "{\"id\":\"msg_%s\",\"type\":\"message\","
	    "\"role\":\"assistant\",\"model\":", a->hex);
	demo_put_text(out, a->model, strlen(a->model));
	buf_puts(out, ",\"content\":[");
}

/* The signature of thinking: opaque to all but who made it. */
static void
put_signature(const struct demo_answer *a, struct buf *out)
{
	struct buf seed;

	buf_init(&seed, 256);
	buf_printf(&seed, "demo-signature-%s-%" PRIx64, a->hex, a->seed);
	buf_putc(out, '"');
	demo_put_base64(out, seed.data, seed.len);
	buf_putc(out, '"');
	buf_fini(&seed);
}

/* A tool call's block but for its input. */
static void
put_tool_head(const struct demo_answer *a, struct buf *out, uint64_t block)
{
	buf_printf(out, "{\"type\":\"tool_use\",\"id\":\"toolu_%s%" PRIu64
	    "\",\"name\":", a->hex, block);
	demo_put_text(out, a->tool, strlen(a->tool));
	buf_puts(out, ",\"input\":");
}

static void
put_thinking(struct demo_answer *a, struct buf *out)
{
	struct buf text;

	buf_init(&text, 4096);
	demo_answer_reasoning(a, &text, 0);
	buf_puts(out, "{\"type\":\"thinking\",\"thinking\":");
	demo_put_text(out, text.data, text.len);
	buf_puts(out, ",\"signature\":");
	put_signature(a, out);
	buf_puts(out, "},");
	buf_fini(&text);
}

/* Returns whether the text ended at the limit. */
static bool
put_block(struct demo_answer *a, struct buf *out, uint64_t block)
{
	struct buf text;
	bool full;

	buf_init(&text, DEMO_CONTENT_MAX);
	full = demo_answer_text(a, &text, block);
	if (a->tool != NULL) {
		put_tool_head(a, out, block);
		buf_append(out, text.data, text.len);
	} else {
		buf_puts(out, "{\"type\":\"text\",\"text\":");
		demo_put_text(out, text.data, text.len);
	}
	buf_puts(out, "}");
	buf_fini(&text);
	return full;
}

static void
put_json(struct demo_answer *a, struct buf *out)
{
	bool full = false;

	put_start(a, out);
	if (a->reply->knobs->reasoning)
		put_thinking(a, out);
	for (uint64_t i = 0; i < a->choices; i++) {
		if (i > 0)
			buf_putc(out, ',');
		full |= put_block(a, out, i);
	}
	if (a->reply->knobs->fault == DEMO_FAULT_NO_FINISH)
		buf_puts(out, "],\"stop_reason\":null");
	else
		buf_printf(out, "],\"stop_reason\":\"%s\"",
		    stop_reason(a, full));
	buf_puts(out, ",\"stop_sequence\":null");
	put_usage(a, out, a->words);
	buf_puts(out, "}");
}

static int
send_start(struct demo_stream *s, struct demo_answer *a)
{
	struct buf out;

	buf_init(&out, 64 * 1024);
	buf_puts(&out, "{\"type\":\"message_start\",\"message\":");
	put_start(a, &out);
	buf_puts(&out, "],\"stop_reason\":null,\"stop_sequence\":null");
	put_usage(a, &out, 1);
	buf_puts(&out, "}}");
	return demo_stream_take(s, "message_start", &out);
}

static int
send_ping(struct demo_stream *s)
{
	static const char ping[] = "{\"type\":\"ping\"}";

	return demo_stream_event(s,
	    &(struct demo_event){"ping", ping, sizeof(ping) - 1});
}

/* shell: the block in its first state, JSON. */
static int
send_block_start(struct demo_stream *s, uint64_t index, const char *shell)
{
	struct buf out;

	buf_init(&out, DEMO_CONTENT_MAX);
	buf_printf(&out, "{\"type\":\"content_block_start\",\"index\":%" PRIu64
	    ",\"content_block\":%s}", index, shell);
	return demo_stream_take(s, "content_block_start", &out);
}

static int
send_delta(struct demo_stream *s, uint64_t index, const char *type,
    const char *member, const char *text, size_t len)
{
	struct buf out;

	buf_init(&out, DEMO_CONTENT_MAX);
	buf_printf(&out, "{\"type\":\"content_block_delta\",\"index\":%" PRIu64
	    ",\"delta\":{\"type\":\"%s\",\"%s\":", index, type, member);
	demo_put_text(&out, text, len);
	buf_puts(&out, "}}");
	return demo_stream_take(s, "content_block_delta", &out);
}

static int
send_deltas(struct demo_stream *s, struct demo_answer *a, uint64_t index,
    const char *type, const char *member, const struct buf *text)
{
	size_t n, at;

	for (at = 0; at < text->len; at += n) {
		n = demo_answer_piece(a, text, at);
		if (send_delta(s, index, type, member, text->data + at, n) !=
		    0)
			return -1;
	}
	return 0;
}

static int
send_block_stop(struct demo_stream *s, uint64_t index)
{
	struct buf out;

	buf_init(&out, 4096);
	buf_printf(&out, "{\"type\":\"content_block_stop\",\"index\":%" PRIu64
	    "}", index);
	return demo_stream_take(s, "content_block_stop", &out);
}

static int
send_signature(struct demo_stream *s, struct demo_answer *a, uint64_t index)
{
	struct buf out;

	buf_init(&out, 4096);
	buf_printf(&out, "{\"type\":\"content_block_delta\",\"index\":%" PRIu64
	    ",\"delta\":{\"type\":\"signature_delta\",\"signature\":", index);
	put_signature(a, &out);
	buf_puts(&out, "}}");
	return demo_stream_take(s, "content_block_delta", &out);
}

static int
send_thinking(struct demo_stream *s, struct demo_answer *a)
{
	struct buf text;
	int rc;

	buf_init(&text, 4096);
	demo_answer_reasoning(a, &text, 0);
	rc = send_block_start(s, 0, "{\"type\":\"thinking\",\"thinking\":\"\","
	    "\"signature\":\"\"}");
	if (rc == 0)
		rc = send_ping(s);
	if (rc == 0)
		rc = send_deltas(s, a, 0, "thinking_delta", "thinking", &text);
	if (rc == 0)
		rc = send_signature(s, a, 0);
	buf_fini(&text);
	return rc == 0 ? send_block_stop(s, 0) : -1;
}

/* What a block begins as: without its text, or its input. */
static int
send_shell(struct demo_stream *s, struct demo_answer *a, uint64_t index,
    uint64_t block)
{
	struct buf shell;
	int rc;

	if (a->tool == NULL)
		return send_block_start(s, index,
		    "{\"type\":\"text\",\"text\":\"\"}");
	buf_init(&shell, DEMO_CONTENT_MAX);
	put_tool_head(a, &shell, block);
	buf_puts(&shell, "{}}");
	rc = shell.failed ? -1 : send_block_start(s, index, shell.data);
	buf_fini(&shell);
	return rc;
}

static int
send_content(struct demo_stream *s, struct demo_answer *a, uint64_t index,
    const struct buf *text)
{
	if (a->tool == NULL)
		return send_deltas(s, a, index, "text_delta", "text", text);
	if (send_delta(s, index, "input_json_delta", "partial_json", "", 0) !=
	    0)
		return -1;
	return send_deltas(s, a, index, "input_json_delta", "partial_json",
	    text);
}

static int
send_block(struct demo_stream *s, struct demo_answer *a, uint64_t block,
    bool *full)
{
	uint64_t index = a->reply->knobs->reasoning ? block + 1 : block;
	struct buf text;
	int rc;

	rc = send_shell(s, a, index, block);
	if (rc == 0 && index == 0)
		rc = send_ping(s);
	if (rc != 0)
		return -1;
	buf_init(&text, DEMO_CONTENT_MAX);
	*full |= demo_answer_text(a, &text, block);
	rc = send_content(s, a, index, &text);
	buf_fini(&text);
	return rc == 0 ? send_block_stop(s, index) : -1;
}

static int
send_message_delta(struct demo_stream *s, struct demo_answer *a, bool full)
{
	struct buf out;

	if (a->reply->knobs->fault == DEMO_FAULT_NO_FINISH)
		return 0;
	buf_init(&out, 4096);
	buf_printf(&out, "{\"type\":\"message_delta\",\"delta\":{"
	    "\"stop_reason\":\"%s\",\"stop_sequence\":null}",
	    stop_reason(a, full));
	put_usage(a, &out, a->words);
	buf_puts(&out, "}");
	return demo_stream_take(s, "message_delta", &out);
}

static int
send_events(struct demo_stream *s, struct demo_answer *a)
{
	static const char stop[] = "{\"type\":\"message_stop\"}";
	bool full = false;

	if (send_start(s, a) != 0)
		return -1;
	if (a->reply->knobs->reasoning && send_thinking(s, a) != 0)
		return -1;
	for (uint64_t i = 0; i < a->choices; i++) {
		if (send_block(s, a, i, &full) != 0)
			return -1;
	}
	if (send_message_delta(s, a, full) != 0)
		return -1;
	return demo_stream_last(s,
	    &(struct demo_event){"message_stop", stop, sizeof(stop) - 1});
}

static int
send_after(struct demo_stream *s, struct demo_answer *a)
{
	(void)a;
	return send_delta(s, 0, "text_delta", "text", "after", 5);
}

static const struct demo_format messages = {
	put_json, send_events, send_after
};

int
demo_messages(struct demo_reply *r, uint64_t seed)
{
	struct demo_answer a;
	int rc;

	if (demo_answer_read(&a, r, seed, "max_tokens") != 0)
		return r->conn->gone ? -1 : 0;
	demo_answer_choose_tool(&a, last_user_content(a.body));
	rc = demo_answer_send(&a, &messages);
	demo_answer_fini(&a);
	return rc;
}
