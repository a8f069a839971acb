#include "demo_answer.h"

#include "demo_json.h"

#include "base/digest.h"
#include "base/text.h"

#include <inttypes.h>
#include <string.h>

enum { EVENTS_ABOUT = 2048, REASONING_WORDS = 8, ARGUMENT_WORDS = 4 };

int
demo_answer_init(struct demo_answer *a, struct demo_reply *r, uint64_t seed,
    const void *bytes, size_t len)
{
	const struct demo_knobs *k = r->knobs;
	struct digest *d = digest_new();
	uint8_t out[DIGEST_BYTES];
	uint32_t n;

	memset(a, 0, sizeof(*a));
	if (d == NULL)
		return -1;
	digest_field(d, &seed, sizeof(seed));
	digest_field(d, bytes, len);
	if (digest_finish(d, out) != 0)
		return -1;
	memcpy(&a->seed, out, sizeof(a->seed));
	memcpy(&n, out + 8, sizeof(n));
	a->created = 1700000000 + n % 50000000;
	text_hex(out + 12, 12, a->hex);
	a->reply = r;
	a->type = "application/json";
	a->model = k->model[0] != '\0' ? k->model : "demo-model";
	a->stream = k->sse;
	a->choices = k->choices > 0 ? k->choices : 1;
	a->size = (struct demo_text_size){.words = k->bytes > 0 ? 0 : k->words,
	    .bytes = k->bytes, .random = k->random, .max_words = UINT64_MAX};
	a->prompt_words = r->request->body.len / 4;
	return 0;
}

static void
read_wishes(struct demo_answer *a, const char *tokens)
{
	const struct demo_knobs *k = a->reply->knobs;
	const json_t *options = json_object_get(a->body, "stream_options");
	const char *model;

	model = json_string_value(json_object_get(a->body, "model"));
	if (k->model[0] == '\0' && model != NULL)
		a->model = model;
	a->stream = k->sse ||
	    (!k->json && json_is_true(json_object_get(a->body, "stream")));
	a->stream_usage = k->usage &&
	    json_is_true(json_object_get(options, "include_usage"));
	a->size.max_words = demo_json_number(a->body, tokens, UINT64_MAX);
}

int
demo_answer_read(struct demo_answer *a, struct demo_reply *r, uint64_t seed,
    const char *tokens)
{
	const struct buf *body = &r->request->body;
	json_t *read;

	read = json_loadb(body->data == NULL ? "" : body->data, body->len, 0,
	    NULL);
	if (!json_is_object(read) ||
	    demo_answer_init(a, r, seed, body->data, body->len) != 0) {
		json_decref(read);
		demo_reply_error(r, 400, "The body is no JSON object");
		return -1;
	}
	a->body = read;
	read_wishes(a, tokens);
	return 0;
}

void
demo_answer_fini(struct demo_answer *a)
{
	json_decref(a->body);
	a->body = NULL;
}

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

/* Some APIs put a tool's name into "function", others beside it. */
static const char *
tool_name(const json_t *body)
{
	const json_t *tool = json_array_get(json_object_get(body, "tools"), 0);
	const json_t *function = json_object_get(tool, "function");

	return json_string_value(json_object_get(
	    function == NULL ? tool : function, "name"));
}

static bool
forbids_tools(const json_t *choice)
{
	const char *word = json_string_value(json_is_object(choice) ?
	    json_object_get(choice, "type") : choice);

	return word != NULL && strcmp(word, "none") == 0;
}

void
demo_answer_choose_tool(struct demo_answer *a, const json_t *content)
{
	const json_t *choice = json_object_get(a->body, "tool_choice");
	const char *name = tool_name(a->body);

	if (a->reply->knobs->tools)
		a->tool = name != NULL ? name : "demo_tool";
	else if (name != NULL && !forbids_tools(choice) &&
	    ((choice != NULL && !json_is_null(choice)) ||
	    mentions_tool(content)))
		a->tool = name;
}

static uint64_t
put_words(struct demo_answer *a, struct buf *out, uint64_t salt,
    uint64_t words)
{
	struct demo_text_size size = {.words = words, .max_words = words};

	return demo_text(out, a->seed ^ (salt << 32), &size);
}

/* The arguments of a tool call: JSON text. */
static uint64_t
put_arguments(struct demo_answer *a, struct buf *out, uint64_t choice)
{
	struct buf words;
	uint64_t n;

	buf_init(&words, 4096);
	n = put_words(a, &words, choice + 200, ARGUMENT_WORDS);
	buf_puts(out, "{\"query\":");
	demo_put_text(out, words.data, words.len);
	buf_puts(out, "}");
	buf_fini(&words);
	return n;
}

bool
demo_answer_text(struct demo_answer *a, struct buf *out, uint64_t choice)
{
	uint64_t n;

	if (a->tool != NULL) {
		a->words += put_arguments(a, out, choice);
		return false;
	}
	n = demo_text(out, a->seed + choice, &a->size);
	if (out->data == NULL)
		buf_puts(out, "");
	a->words += n;
	return n >= a->size.max_words;
}

uint64_t
demo_answer_reasoning(struct demo_answer *a, struct buf *out,
    uint64_t choice)
{
	uint64_t n = put_words(a, out, choice + 100, REASONING_WORDS);

	a->words += n;
	return n;
}

size_t
demo_answer_piece(const struct demo_answer *a, const struct buf *text,
    size_t at)
{
	return demo_text_piece(text->data + at, text->len - at,
	    a->size.bytes == 0 ? 1 : text->len / EVENTS_ABOUT);
}

const char *
demo_answer_finish(const struct demo_answer *a, bool ended_by_length)
{
	if (a->reply->knobs->finish[0] != '\0')
		return a->reply->knobs->finish;
	if (a->tool != NULL)
		return "tool_calls";
	return ended_by_length ? "length" : "stop";
}

void
demo_answer_put_usage(const struct demo_answer *a, struct buf *out)
{
	buf_printf(out, ",\"usage\":{\"prompt_tokens\":%" PRIu64
	    ",\"completion_tokens\":%" PRIu64 ",\"total_tokens\":%" PRIu64 "}",
	    a->prompt_words, a->words, a->prompt_words + a->words);
}

static int
send_json(struct demo_answer *a, const struct demo_format *f)
{
	struct buf out;
	int rc = -1;

	buf_init(&out, DEMO_CONTENT_MAX);
	f->json(a, &out);
	if (a->reply->knobs->fault == DEMO_FAULT_BAD_JSON && out.len > 0)
		out.len--;
	if (out.failed)
		a->reply->close = true;
	else
		rc = demo_reply_body(a->reply, 200, a->type, out.data,
		    out.len);
	buf_fini(&out);
	return rc;
}

static int
send_events(struct demo_stream *s, struct demo_answer *a,
    const struct demo_format *f)
{
	a->words = 0;
	if (f->events(s, a) != 0)
		return -1;
	if (a->reply->knobs->fault == DEMO_FAULT_AFTER_DONE &&
	    f->after(s, a) != 0)
		return -1;
	return demo_stream_comment(s);
}

/* The length of all events, or -1 when the knobs do not want it told. */
static int64_t
count_events(struct demo_answer *a, const struct demo_format *f)
{
	struct demo_stream s;
	int64_t length;

	if (!a->reply->knobs->length)
		return -1;
	demo_stream_init(&s, a->reply);
	s.counting = true;
	send_events(&s, a, f);
	length = (int64_t)s.length;
	demo_stream_fini(&s);
	return length;
}

static int
send_stream(struct demo_answer *a, const struct demo_format *f)
{
	struct demo_stream s;
	int rc = 0;

	if (demo_reply_head(a->reply, 200, "text/event-stream",
	    count_events(a, f)) != 0)
		return -1;
	demo_stream_init(&s, a->reply);
	if (a->reply->knobs->fault == DEMO_FAULT_EMPTY ||
	    send_events(&s, a, f) == 0)
		rc = demo_reply_end(a->reply);
	demo_stream_fini(&s);
	return a->reply->conn->gone ? -1 : rc;
}

int
demo_answer_send(struct demo_answer *a, const struct demo_format *f)
{
	enum demo_fault fault = a->reply->knobs->fault;

	if (fault == DEMO_FAULT_BAD_JSON || f->events == NULL)
		a->stream = false;
	if (fault == DEMO_FAULT_ERROR_BODY)
		return demo_reply_error(a->reply, 200,
		    "The model is overloaded");
	return a->stream ? send_stream(a, f) : send_json(a, f);
}
