/*
 * POST /v1/responses. An answer is a list of output items: reasoning when
 * the knob is on, then as many messages, or calls of a tool, as choices.
 * https://platform.openai.com/docs/api-reference/responses-streaming
 */
#include "demo_answer.h"
#include "demo_formats.h"
#include "demo_json.h"

#include <inttypes.h>
#include <string.h>

struct responses {
	struct demo_answer a; /* first: callbacks get this */
	uint64_t reasoning;   /* words of it */
	bool full;            /* a text ended at its limit */
};

/* One item of the output, as it is sent. */
struct item {
	uint64_t index;      /* in the output */
	uint64_t choice;
	const char *id;      /* its prefix */
	struct buf text;     /* or arguments, or summary */
	bool full;
};

static const json_t *
last_user_content(const json_t *body)
{
	const json_t *input = json_object_get(body, "input");
	const json_t *item;
	const char *role;

	if (json_is_string(input))
		return input;
	item = json_array_get(input, json_array_size(input) - 1);
	role = json_string_value(json_object_get(item, "role"));
	return role != NULL && strcmp(role, "user") == 0 ?
	    json_object_get(item, "content") : NULL;
}

static bool
is_reasoning(const struct item *item)
{
	return item->id[0] == 'r';
}

/* The item's text and kind. End with buf_fini of its text. */
static void
make_item(struct responses *x, struct item *item, uint64_t index)
{
	bool reasoning = x->a.reply->knobs->reasoning;

	*item = (struct item){.index = index, .choice = index};
	buf_init(&item->text, DEMO_CONTENT_MAX);
	if (reasoning && index == 0) {
		item->id = "rs";
		x->reasoning += demo_answer_reasoning(&x->a, &item->text, 0);
		return;
	}
	item->choice -= reasoning ? 1 : 0;
	item->id = x->a.tool != NULL ? "fc" : "msg";
	item->full = demo_answer_text(&x->a, &item->text, item->choice);
	x->full |= item->full;
}

static uint64_t
count_items(const struct responses *x)
{
	return x->a.choices + (x->a.reply->knobs->reasoning ? 1 : 0);
}

static void
put_item_id(const struct responses *x, struct buf *out,
    const struct item *item)
{
	buf_printf(out, "\"%s_%s%" PRIu64 "\"", item->id, x->a.hex,
	    item->index);
}

/* A message's content part, or a summary's, with its text or without. */
static void
put_part(struct buf *out, const struct item *item, bool whole)
{
	buf_puts(out, is_reasoning(item) ? "{\"type\":\"summary_text\"" :
	    "{\"type\":\"output_text\",\"annotations\":[],\"logprobs\":[]");
	buf_puts(out, ",\"text\":");
	demo_put_text(out, item->text.data, whole ? item->text.len : 0);
	buf_puts(out, "}");
}

static void
put_call(const struct responses *x, struct buf *out,
    const struct item *item, bool whole)
{
	buf_puts(out, ",\"type\":\"function_call\",\"arguments\":");
	demo_put_text(out, item->text.data, whole ? item->text.len : 0);
	buf_printf(out, ",\"call_id\":\"call_%s%" PRIu64 "\",\"name\":",
	    x->a.hex, item->choice);
	demo_put_text(out, x->a.tool, strlen(x->a.tool));
}

/* An item: whole, or in progress and without its content. */
static void
put_item(const struct responses *x, struct buf *out,
    const struct item *item, bool whole)
{
	buf_puts(out, "{\"id\":");
	put_item_id(x, out, item);
	if (is_reasoning(item)) {
		buf_puts(out, ",\"type\":\"reasoning\",\"summary\":[");
		if (whole)
			put_part(out, item, true);
		buf_puts(out, "]}");
		return;
	}
	if (x->a.tool != NULL) {
		put_call(x, out, item, whole);
	} else {
		buf_puts(out, ",\"type\":\"message\",\"role\":\"assistant\","
		    "\"content\":[");
		if (whole)
			put_part(out, item, true);
		buf_puts(out, "]");
	}
	buf_printf(out, ",\"status\":\"%s\"}", !whole ? "in_progress" :
	    item->full ? "incomplete" : "completed");
}

/* All items whole; what they add up to is told in x. */
static void
put_output(struct responses *x, struct buf *out)
{
	struct item item;

	x->a.words = x->reasoning = 0;
	x->full = false;
	for (uint64_t i = 0; i < count_items(x); i++) {
		if (i > 0)
			buf_putc(out, ',');
		make_item(x, &item, i);
		put_item(x, out, &item, true);
		buf_fini(&item.text);
	}
}

static void
put_usage(const struct responses *x, struct buf *out)
{
	const struct demo_answer *a = &x->a;

	buf_printf(out, "{\"input_tokens\":%" PRIu64
	    ",\"input_tokens_details\":{\"cached_tokens\":0},"
	    "\"output_tokens\":%" PRIu64 ",\"output_tokens_details\":{"
	    "\"reasoning_tokens\":%" PRIu64 "},\"total_tokens\":%" PRIu64 "}",
	    a->prompt_words, a->words, x->reasoning,
	    a->prompt_words + a->words);
}

/* Members the answer repeats from the request, and what they are else. */
static void
put_echo(const struct responses *x, struct buf *out)
{
	static const struct {
		const char *name;
		const char *otherwise;
	} table[] = {
		{"instructions", "null"}, {"max_output_tokens", "null"},
		{"metadata", "{}"}, {"parallel_tool_calls", "true"},
		{"previous_response_id", "null"},
		{"reasoning", "{\"effort\":null,\"summary\":null}"},
		{"store", "true"}, {"temperature", "1.0"},
		{"text", "{\"format\":{\"type\":\"text\"}}"},
		{"tool_choice", "\"auto\""}, {"tools", "[]"},
		{"top_p", "1.0"}, {"truncation", "\"disabled\""},
		{"user", "null"},
	};
	const json_t *value;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		value = json_object_get(x->a.body, table[i].name);
		buf_printf(out, ",\"%s\":", table[i].name);
		if (value == NULL)
			buf_puts(out, table[i].otherwise);
		else
			demo_put_value(out, value);
	}
}

/* How the response ended, as its status and its last event have it. */
static const char *
final_status(const struct responses *x)
{
	const char *finish = demo_answer_finish(&x->a, x->full);

	if (x->a.reply->knobs->fault == DEMO_FAULT_NO_FINISH)
		return "in_progress";
	if (strcmp(finish, "stop") == 0 || strcmp(finish, "tool_calls") == 0)
		return "completed";
	if (strcmp(finish, "length") == 0 ||
	    strcmp(finish, "content_filter") == 0)
		return "incomplete";
	return finish;
}

static void
put_reasons(const struct responses *x, struct buf *out, const char *status)
{
	const char *finish = demo_answer_finish(&x->a, x->full);

	buf_puts(out, ",\"error\":");
	buf_puts(out, strcmp(status, "failed") != 0 ? "null" :
	    "{\"code\":\"server_error\",\"message\":\"The model failed\"}");
	buf_puts(out, ",\"incomplete_details\":");
	if (strcmp(status, "incomplete") != 0)
		buf_puts(out, "null");
	else
		buf_printf(out, "{\"reason\":\"%s\"}",
		    strcmp(finish, "content_filter") == 0 ? finish :
		    "max_output_tokens");
}

/* The response object; output is NULL before there is any. */
static void
put_response(struct responses *x, struct buf *out, const char *status,
    const struct buf *output)
{
	const struct demo_answer *a = &x->a;

	buf_printf(out, "{\"id\":\"resp_%s\",\"object\":\"response\","
	    "\"created_at\":%" PRId64 ",\"status\":\"%s\","
	    "\"background\":false", a->hex, a->created, status);
	put_reasons(x, out, status);
	buf_puts(out, ",\"model\":");
	demo_put_text(out, a->model, strlen(a->model));
	buf_puts(out, ",\"output\":[");
	if (output != NULL && output->len > 0)
		buf_append(out, output->data, output->len);
	buf_puts(out, "]");
	put_echo(x, out);
	buf_puts(out, ",\"usage\":");
	if (output != NULL && a->reply->knobs->usage)
		put_usage(x, out);
	else
		buf_puts(out, "null");
	buf_puts(out, "}");
}

static void
put_final(struct responses *x, struct buf *out)
{
	struct buf output;

	buf_init(&output, DEMO_CONTENT_MAX);
	put_output(x, &output);
	put_response(x, out, final_status(x), &output);
	out->failed |= output.failed;
	buf_fini(&output);
}

static void
put_json(struct demo_answer *a, struct buf *out)
{
	put_final((struct responses *)a, out);
}

/* The members every event has. */
static void
begin(struct demo_stream *s, struct buf *out, const char *type)
{
	buf_init(out, DEMO_CONTENT_MAX);
	buf_printf(out, "{\"type\":\"%s\",\"sequence_number\":%" PRIu64, type,
	    s->index);
}

static int
end(struct demo_stream *s, struct buf *out, const char *type)
{
	buf_puts(out, "}");
	return demo_stream_take(s, type, out);
}

static int
send_response(struct demo_stream *s, struct responses *x, const char *type)
{
	struct buf out;

	begin(s, &out, type);
	buf_puts(&out, ",\"response\":");
	put_response(x, &out, "in_progress", NULL);
	return end(s, &out, type);
}

static int
send_item(struct demo_stream *s, struct responses *x,
    const struct item *item, const char *type, bool whole)
{
	struct buf out;

	begin(s, &out, type);
	buf_printf(&out, ",\"output_index\":%" PRIu64 ",\"item\":",
	    item->index);
	put_item(x, &out, item, whole);
	return end(s, &out, type);
}

/* Where an event belongs: item, output, and part. */
static void
put_place(const struct responses *x, struct buf *out,
    const struct item *item)
{
	buf_puts(out, ",\"item_id\":");
	put_item_id(x, out, item);
	buf_printf(out, ",\"output_index\":%" PRIu64, item->index);
	if (is_reasoning(item))
		buf_puts(out, ",\"summary_index\":0");
	else if (x->a.tool == NULL)
		buf_puts(out, ",\"content_index\":0");
}

static int
send_part(struct demo_stream *s, struct responses *x,
    const struct item *item, const char *type, bool whole)
{
	struct buf out;

	begin(s, &out, type);
	put_place(x, &out, item);
	buf_puts(&out, ",\"part\":");
	put_part(&out, item, whole);
	return end(s, &out, type);
}

/* len bytes of text as the member called so. */
static int
send_text(struct demo_stream *s, struct responses *x,
    const struct item *item, const char *type, const char *member,
    const char *text, size_t len)
{
	struct buf out;

	begin(s, &out, type);
	put_place(x, &out, item);
	buf_printf(&out, ",\"%s\":", member);
	demo_put_text(&out, text, len);
	if (!is_reasoning(item) && x->a.tool == NULL)
		buf_puts(&out, ",\"logprobs\":[]");
	return end(s, &out, type);
}

/* The events between an item's first and last, by kind. */
struct kind {
	const char *added; /* NULL: has no part */
	const char *delta;
	const char *done;
	const char *member; /* of done, the whole text */
	const char *part_done;
};

static const struct kind kinds[] = {
	{"response.content_part.added", "response.output_text.delta",
	    "response.output_text.done", "text",
	    "response.content_part.done"},
	{"response.reasoning_summary_part.added",
	    "response.reasoning_summary_text.delta",
	    "response.reasoning_summary_text.done", "text",
	    "response.reasoning_summary_part.done"},
	{NULL, "response.function_call_arguments.delta",
	    "response.function_call_arguments.done", "arguments", NULL},
};

static int
send_content(struct demo_stream *s, struct responses *x,
    const struct item *item)
{
	const struct kind *kind = &kinds[is_reasoning(item) ? 1 :
	    x->a.tool != NULL ? 2 : 0];
	const struct buf *text = &item->text;
	size_t n, at;

	if (kind->added != NULL &&
	    send_part(s, x, item, kind->added, false) != 0)
		return -1;
	for (at = 0; at < text->len; at += n) {
		n = demo_answer_piece(&x->a, text, at);
		if (send_text(s, x, item, kind->delta, "delta",
		    text->data + at, n) != 0)
			return -1;
	}
	if (send_text(s, x, item, kind->done, kind->member, text->data,
	    text->len) != 0)
		return -1;
	return kind->part_done == NULL ? 0 :
	    send_part(s, x, item, kind->part_done, true);
}

static int
send_output(struct demo_stream *s, struct responses *x, uint64_t index)
{
	struct item item;
	int rc;

	make_item(x, &item, index);
	rc = send_item(s, x, &item, "response.output_item.added", false);
	if (rc == 0)
		rc = send_content(s, x, &item);
	if (rc == 0)
		rc = send_item(s, x, &item, "response.output_item.done",
		    true);
	buf_fini(&item.text);
	return rc;
}

/* response.completed, or how else it ended. */
static int
send_final(struct demo_stream *s, struct responses *x)
{
	const char *status = final_status(x);
	const char *type = strcmp(status, "failed") == 0 ? "response.failed" :
	    strcmp(status, "incomplete") == 0 ? "response.incomplete" :
	    "response.completed";
	struct buf out;

	begin(s, &out, type);
	buf_puts(&out, ",\"response\":");
	put_final(x, &out);
	buf_puts(&out, "}");
	return demo_stream_take_last(s, type, &out);
}

static int
send_events(struct demo_stream *s, struct demo_answer *a)
{
	struct responses *x = (struct responses *)a;

	x->full = false;
	if (send_response(s, x, "response.created") != 0 ||
	    send_response(s, x, "response.in_progress") != 0)
		return -1;
	for (uint64_t i = 0; i < count_items(x); i++) {
		if (send_output(s, x, i) != 0)
			return -1;
	}
	return send_final(s, x);
}

static int
send_after(struct demo_stream *s, struct demo_answer *a)
{
	struct responses *x = (struct responses *)a;
	struct item item = {.index = 0, .id = "msg"};

	return send_text(s, x, &item, "response.output_text.delta", "delta",
	    "after", 5);
}

static const struct demo_format responses = {
	put_json, send_events, send_after
};

int
demo_responses(struct demo_reply *r, uint64_t seed)
{
	struct responses x = {.full = false};
	int rc;

	if (demo_answer_read(&x.a, r, seed, "max_output_tokens") != 0)
		return r->conn->gone ? -1 : 0;
	demo_answer_choose_tool(&x.a, last_user_content(x.a.body));
	rc = demo_answer_send(&x.a, &responses);
	demo_answer_fini(&x.a);
	return rc;
}
