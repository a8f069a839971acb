#include "demo_chat.h"

#include "demo_stream.h"
#include "demo_text.h"

#include "base/digest.h"
#include "base/text.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { CONTENT_MAX = 400 * 1024 * 1024, EVENTS_ABOUT = 2048 };
enum { CHOICES_MAX = 64, REASONING_WORDS = 8, ARGUMENT_WORDS = 4 };

/* What the request asked for, and what every event of the answer repeats. */
struct chat {
	struct demo_reply *reply;
	json_t *body;
	char id[40];
	int64_t created;
	uint64_t seed;
	const char *model;
	const char *tool; /* the tool to call, or NULL */
	bool stream;
	bool stream_usage;
	uint64_t choices;
	struct demo_text_size size;
	uint64_t words; /* told so far, for usage */
	uint64_t prompt_words;
};

static bool
mentions_tool(const json_t *content)
{
	const char *text = json_string_value(content);
	size_t i;
	json_t *part;

	if (text != NULL)
		return strstr(text, "tool") != NULL;
	json_array_foreach(content, i, part) {
		text = json_string_value(json_object_get(part, "text"));
		if (text != NULL && strstr(text, "tool") != NULL)
			return true;
	}
	return false;
}

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

static const char *
choose_tool(const json_t *body, const struct demo_knobs *k)
{
	const json_t *first = json_array_get(json_object_get(body, "tools"), 0);
	const json_t *choice = json_object_get(body, "tool_choice");
	const char *word = json_string_value(choice);
	const char *name;

	name = json_string_value(json_object_get(
	    json_object_get(first, "function"), "name"));
	if (k->tools)
		return name != NULL ? name : "demo_tool";
	if (name == NULL || (word != NULL && strcmp(word, "none") == 0))
		return NULL;
	if (choice != NULL && !json_is_null(choice))
		return name;
	return mentions_tool(last_user_content(body)) ? name : NULL;
}

static uint64_t
number(const json_t *body, const char *name, uint64_t otherwise)
{
	const json_t *value = json_object_get(body, name);

	if (!json_is_integer(value) || json_integer_value(value) < 1)
		return otherwise;
	return (uint64_t)json_integer_value(value);
}

/* Identity of the answer: the digest of the body and the server's seed. */
static int
derive(struct chat *c, uint64_t seed)
{
	const struct buf *body = &c->reply->request->body;
	struct digest *d = digest_new();
	uint8_t out[DIGEST_BYTES];
	uint32_t n;
	char hex[25];

	if (d == NULL)
		return -1;
	digest_field(d, &seed, sizeof(seed));
	digest_field(d, body->data, body->len);
	if (digest_finish(d, out) != 0)
		return -1;
	memcpy(&c->seed, out, sizeof(c->seed));
	memcpy(&n, out + 8, sizeof(n));
	c->created = 1700000000 + n % 50000000;
	text_hex(out + 12, 12, hex);
	snprintf(c->id, sizeof(c->id), "chatcmpl-%s", hex);
	return 0;
}

static void
read_wishes(struct chat *c)
{
	const struct demo_knobs *k = c->reply->knobs;
	const json_t *options = json_object_get(c->body, "stream_options");
	uint64_t n;

	c->model = json_string_value(json_object_get(c->body, "model"));
	if (c->model == NULL)
		c->model = "demo-model";
	c->tool = choose_tool(c->body, k);
	c->stream = k->fault != DEMO_FAULT_BAD_JSON && (k->sse ||
	    (!k->json && json_is_true(json_object_get(c->body, "stream"))));
	c->stream_usage = k->usage &&
	    json_is_true(json_object_get(options, "include_usage"));
	n = k->choices > 0 ? k->choices : number(c->body, "n", 1);
	c->choices = n < CHOICES_MAX ? n : CHOICES_MAX;
	c->size = (struct demo_text_size){.words = k->bytes > 0 ? 0 : k->words,
	    .bytes = k->bytes, .random = k->random};
	c->size.max_words = number(c->body, "max_completion_tokens",
	    number(c->body, "max_tokens", UINT64_MAX));
	c->prompt_words = c->reply->request->body.len / 4;
}

static const char *
finish_reason(const struct chat *c, uint64_t words)
{
	if (c->reply->knobs->finish[0] != '\0')
		return c->reply->knobs->finish;
	if (c->tool != NULL)
		return "tool_calls";
	return words >= c->size.max_words ? "length" : "stop";
}

static void
put_text(struct buf *out, const char *s, size_t len)
{
	json_t *text = json_stringn(s, len);
	char *quoted = json_dumps(text, JSON_ENCODE_ANY);

	buf_puts(out, quoted == NULL ? "\"\"" : quoted);
	free(quoted);
	json_decref(text);
}

static void
put_words(struct chat *c, struct buf *out, uint64_t salt, uint64_t words)
{
	struct demo_text_size size = {.words = words, .max_words = words};

	c->words += demo_text(out, c->seed ^ (salt << 32), &size);
}

static void
put_start(const struct chat *c, struct buf *out)
{
	buf_printf(out, "{\"id\":\"%s\",\"object\":\"%s\",\"created\":%" PRId64
	    ",\"model\":", c->id, c->stream ? "chat.completion.chunk" :
	    "chat.completion", c->created);
	put_text(out, c->model, strlen(c->model));
}

static void
put_usage(const struct chat *c, struct buf *out)
{
	buf_printf(out, "\"usage\":{\"prompt_tokens\":%" PRIu64
	    ",\"completion_tokens\":%" PRIu64 ",\"total_tokens\":%" PRIu64 "}",
	    c->prompt_words, c->words, c->prompt_words + c->words);
}

/* The arguments of the tool call: JSON text. */
static void
put_arguments(struct chat *c, struct buf *out, uint64_t choice)
{
	struct buf words;

	buf_init(&words, 4096);
	put_words(c, &words, choice + 200, ARGUMENT_WORDS);
	buf_puts(out, "{\"query\":");
	put_text(out, words.data, words.len);
	buf_puts(out, "}");
	buf_fini(&words);
}

static void
put_tool_head(const struct chat *c, struct buf *out, uint64_t choice,
    bool indexed)
{
	buf_printf(out, "\"tool_calls\":[{%s\"id\":\"call_%s%" PRIu64
	    "\",\"type\":\"function\",\"function\":{\"name\":",
	    indexed ? "\"index\":0," : "", c->id + 9, choice);
	put_text(out, c->tool, strlen(c->tool));
	buf_puts(out, ",\"arguments\":");
}

/* The text of one choice. Returns its words. */
static uint64_t
make_content(struct chat *c, struct buf *out, uint64_t choice)
{
	uint64_t n = 0;

	if (c->tool == NULL)
		n = demo_text(out, c->seed + choice, &c->size);
	else
		put_arguments(c, out, choice);
	if (out->data == NULL)
		buf_puts(out, "");
	c->words += n;
	return n;
}

static void
put_message(struct chat *c, struct buf *out, uint64_t choice)
{
	struct buf content;
	uint64_t words;

	buf_init(&content, CONTENT_MAX);
	words = make_content(c, &content, choice);
	buf_printf(out, "{\"index\":%" PRIu64 ",\"message\":{\"role\":"
	    "\"assistant\",\"content\":", choice);
	if (c->tool != NULL) {
		buf_puts(out, "null,");
		put_tool_head(c, out, choice, false);
	}
	put_text(out, content.data == NULL ? "" : content.data, content.len);
	if (c->tool != NULL)
		buf_puts(out, "}}]");
	if (c->reply->knobs->reasoning) {
		buf_reset(&content);
		put_words(c, &content, choice + 100, REASONING_WORDS);
		buf_puts(out, ",\"reasoning_content\":");
		put_text(out, content.data, content.len);
	}
	buf_puts(out, "},\"logprobs\":null,\"finish_reason\":");
	if (c->reply->knobs->fault == DEMO_FAULT_NO_FINISH)
		buf_puts(out, "null}");
	else
		buf_printf(out, "\"%s\"}", finish_reason(c, words));
	buf_fini(&content);
}

static int
answer_json(struct chat *c)
{
	struct buf out;
	int rc = -1;

	buf_init(&out, CONTENT_MAX);
	put_start(c, &out);
	buf_puts(&out, ",\"choices\":[");
	for (uint64_t i = 0; i < c->choices; i++) {
		if (i > 0)
			buf_putc(&out, ',');
		put_message(c, &out, i);
	}
	buf_puts(&out, "]");
	if (c->reply->knobs->usage) {
		buf_puts(&out, ",");
		put_usage(c, &out);
	}
	if (c->reply->knobs->fault != DEMO_FAULT_BAD_JSON)
		buf_puts(&out, "}");
	if (!out.failed)
		rc = demo_reply_body(c->reply, 200, "application/json",
		    out.data, out.len);
	buf_fini(&out);
	return rc;
}

/* One chunk: a delta, or with finish the last one of its choice. */
static int
send_delta(struct demo_stream *s, struct chat *c, uint64_t choice,
    const char *delta, const char *finish)
{
	struct buf out;
	int rc;

	buf_init(&out, CONTENT_MAX);
	put_start(c, &out);
	buf_printf(&out, ",\"choices\":[{\"index\":%" PRIu64
	    ",\"delta\":{%s},\"logprobs\":null,\"finish_reason\":%s%s%s}]",
	    choice, delta, finish == NULL ? "" : "\"",
	    finish == NULL ? "null" : finish, finish == NULL ? "" : "\"");
	if (c->stream_usage)
		buf_puts(&out, ",\"usage\":null");
	buf_puts(&out, "}");
	rc = out.failed ? -1 : demo_stream_event(s, out.data, out.len);
	buf_fini(&out);
	return rc;
}

/* before, the text quoted, after: one delta. */
static int
send_quoted(struct demo_stream *s, struct chat *c, uint64_t choice,
    const char *before, const char *text, size_t len, const char *after)
{
	struct buf delta;
	int rc;

	buf_init(&delta, CONTENT_MAX);
	buf_puts(&delta, before);
	put_text(&delta, text, len);
	buf_puts(&delta, after);
	rc = delta.failed ? -1 : send_delta(s, c, choice, delta.data, NULL);
	buf_fini(&delta);
	return rc;
}

static int
send_pieces(struct demo_stream *s, struct chat *c, uint64_t choice,
    const char *before, const struct buf *text, const char *after)
{
	size_t n, at, least = text->len / EVENTS_ABOUT;

	if (c->size.bytes == 0)
		least = 1;
	for (at = 0; at < text->len; at += n) {
		n = demo_text_piece(text->data + at, text->len - at, least);
		if (send_quoted(s, c, choice, before, text->data + at, n,
		    after) != 0)
			return -1;
	}
	return 0;
}

static int
send_reasoning(struct demo_stream *s, struct chat *c, uint64_t choice)
{
	struct buf text;
	int rc;

	if (!c->reply->knobs->reasoning)
		return 0;
	buf_init(&text, 4096);
	put_words(c, &text, choice + 100, REASONING_WORDS);
	rc = send_pieces(s, c, choice, "\"reasoning_content\":", &text, "");
	buf_fini(&text);
	return rc;
}

/* The first chunk of a choice: its role, and the head of a tool call. */
static int
send_role(struct demo_stream *s, struct chat *c, uint64_t choice)
{
	struct buf delta;
	int rc;

	buf_init(&delta, 64 * 1024 * 1024);
	buf_printf(&delta, "\"role\":\"assistant\",\"content\":%s",
	    c->tool == NULL ? "\"\"" : "null");
	if (c->tool != NULL) {
		buf_puts(&delta, ",");
		put_tool_head(c, &delta, choice, true);
		buf_puts(&delta, "\"\"}}]");
	}
	rc = delta.failed ? -1 : send_delta(s, c, choice, delta.data, NULL);
	buf_fini(&delta);
	return rc;
}

static int
send_choice(struct demo_stream *s, struct chat *c, uint64_t choice)
{
	struct buf text;
	uint64_t words;
	int rc;

	buf_init(&text, CONTENT_MAX);
	words = make_content(c, &text, choice);
	rc = send_role(s, c, choice);
	if (rc == 0)
		rc = send_reasoning(s, c, choice);
	if (rc == 0 && c->tool == NULL)
		rc = send_pieces(s, c, choice, "\"content\":", &text, "");
	else if (rc == 0)
		rc = send_pieces(s, c, choice, "\"tool_calls\":[{\"index\":0,"
		    "\"function\":{\"arguments\":", &text, "}}]");
	if (rc == 0 && c->reply->knobs->fault != DEMO_FAULT_NO_FINISH)
		rc = send_delta(s, c, choice, "", finish_reason(c, words));
	buf_fini(&text);
	return rc;
}

static int
send_usage(struct demo_stream *s, struct chat *c)
{
	struct buf out;
	int rc;

	if (!c->stream_usage)
		return 0;
	buf_init(&out, 64 * 1024);
	put_start(c, &out);
	buf_puts(&out, ",\"choices\":[],");
	put_usage(c, &out);
	buf_puts(&out, "}");
	rc = out.failed ? -1 : demo_stream_event(s, out.data, out.len);
	buf_fini(&out);
	return rc;
}

static int
send_events(struct demo_stream *s, struct chat *c)
{
	enum demo_fault fault = c->reply->knobs->fault;

	c->words = 0;
	for (uint64_t i = 0; i < c->choices; i++) {
		if (send_choice(s, c, i) != 0)
			return -1;
	}
	if (send_usage(s, c) != 0)
		return -1;
	if (fault != DEMO_FAULT_NO_DONE &&
	    demo_stream_event(s, "[DONE]", 6) != 0)
		return -1;
	if (fault == DEMO_FAULT_AFTER_DONE &&
	    send_delta(s, c, 0, "\"content\":\"after\"", NULL) != 0)
		return -1;
	return demo_stream_comment(s);
}

/* The length of all events, or -1 when the knobs do not want it told. */
static int64_t
count_events(struct chat *c)
{
	struct demo_stream s;
	int64_t length;

	if (!c->reply->knobs->length)
		return -1;
	demo_stream_init(&s, c->reply);
	s.counting = true;
	send_events(&s, c);
	length = (int64_t)s.length;
	demo_stream_fini(&s);
	return length;
}

static int
answer_stream(struct chat *c)
{
	struct demo_stream s;
	int rc = 0;

	if (demo_reply_head(c->reply, 200, "text/event-stream",
	    count_events(c)) != 0)
		return -1;
	demo_stream_init(&s, c->reply);
	if (c->reply->knobs->fault == DEMO_FAULT_EMPTY ||
	    send_events(&s, c) == 0)
		rc = demo_reply_end(c->reply);
	demo_stream_fini(&s);
	return c->reply->conn->gone ? -1 : rc;
}

int
demo_chat(struct demo_reply *r, uint64_t seed)
{
	struct chat c = {.reply = r};
	const struct buf *body = &r->request->body;
	int rc;

	c.body = json_loadb(body->data == NULL ? "" : body->data, body->len, 0,
	    NULL);
	if (!json_is_object(c.body) || derive(&c, seed) != 0) {
		json_decref(c.body);
		return demo_reply_error(r, 400, "The body is no JSON object");
	}
	read_wishes(&c);
	if (r->knobs->fault == DEMO_FAULT_ERROR_BODY)
		rc = demo_reply_error(r, 200, "The model is overloaded");
	else if (c.stream)
		rc = answer_stream(&c);
	else
		rc = answer_json(&c);
	json_decref(c.body);
	return rc;
}
