/* POST /v1/completions. */
#include "demo_answer.h"
#include "demo_choices.h"
#include "demo_formats.h"
#include "demo_json.h"

#include <inttypes.h>
#include <string.h>

static void
put_start(const struct demo_answer *a, struct buf *out)
{
	buf_printf(out, "{\"id\":\"cmpl-%s\",\"object\":\"text_completion\","
	    "\"created\":%" PRId64 ",\"model\":", a->hex, a->created);
	demo_put_text(out, a->model, strlen(a->model));
}

static bool
wants_logprobs(const struct demo_answer *a)
{
	return json_is_integer(json_object_get(a->body, "logprobs"));
}

/* The members of logprobs: four arrays in step, an element a token. */
enum part { TOKENS, TOKEN_LOGPROBS, TOP_LOGPROBS, TEXT_OFFSET };

static void
put_element(struct buf *out, enum part part, const char *token, size_t len,
    size_t offset)
{
	double logprob = -0.125 * (double)(1 + len % 7);

	switch (part) {
	case TOKENS:
		demo_put_text(out, token, len);
		return;
	case TOKEN_LOGPROBS:
		buf_printf(out, "%.3f", logprob);
		return;
	case TOP_LOGPROBS:
		buf_puts(out, "{");
		demo_put_text(out, token, len);
		buf_printf(out, ":%.3f}", logprob);
		return;
	case TEXT_OFFSET:
		buf_printf(out, "%zu", offset);
		return;
	}
}

/* Those of len bytes of text that begin at offset of all. */
static void
put_logprobs(const struct demo_answer *a, struct buf *out,
    const struct buf *text, size_t offset, size_t len)
{
	static const char *const names[] = {"{\"tokens\":[",
	    "],\"token_logprobs\":[", "],\"top_logprobs\":[",
	    "],\"text_offset\":["};
	size_t n, at;

	if (!wants_logprobs(a)) {
		buf_puts(out, "null");
		return;
	}
	for (int part = TOKENS; part <= TEXT_OFFSET; part++) {
		buf_puts(out, names[part]);
		for (at = offset; at < offset + len; at += n) {
			n = demo_answer_piece(a, text, at);
			if (at > offset)
				buf_putc(out, ',');
			put_element(out, (enum part)part, text->data + at, n,
			    at);
		}
	}
	buf_puts(out, "]}");
}

/* A choice: len bytes of its text, from offset; finish is NULL: not yet. */
static void
put_choice(const struct demo_answer *a, struct buf *out, uint64_t choice,
    const struct buf *text, size_t offset, size_t len, const char *finish)
{
	buf_puts(out, "{\"text\":");
	demo_put_text(out, text->data + offset, len);
	buf_printf(out, ",\"index\":%" PRIu64 ",\"logprobs\":", choice);
	put_logprobs(a, out, text, offset, len);
	if (finish == NULL)
		buf_puts(out, ",\"finish_reason\":null}");
	else
		buf_printf(out, ",\"finish_reason\":\"%s\"}", finish);
}

static void
put_whole(struct demo_answer *a, struct buf *out, uint64_t choice)
{
	bool finished = a->reply->knobs->fault != DEMO_FAULT_NO_FINISH;
	struct buf text;
	bool full;

	buf_init(&text, DEMO_CONTENT_MAX);
	full = demo_answer_text(a, &text, choice);
	put_choice(a, out, choice, &text, 0, text.len,
	    finished ? demo_answer_finish(a, full) : NULL);
	buf_fini(&text);
}

static int
send_chunk(struct demo_stream *s, struct demo_answer *a, uint64_t choice,
    const struct buf *text, size_t offset, size_t len, const char *finish)
{
	struct buf out;

	buf_init(&out, DEMO_CONTENT_MAX);
	put_start(a, &out);
	buf_puts(&out, ",\"choices\":[");
	put_choice(a, &out, choice, text, offset, len, finish);
	buf_puts(&out, a->stream_usage ? "],\"usage\":null}" : "]}");
	return demo_stream_take(s, NULL, &out);
}

static int
send_choice(struct demo_stream *s, struct demo_answer *a, uint64_t choice)
{
	struct buf text;
	size_t n, at;
	bool full;
	int rc = 0;

	buf_init(&text, DEMO_CONTENT_MAX);
	full = demo_answer_text(a, &text, choice);
	for (at = 0; rc == 0 && at < text.len; at += n) {
		n = demo_answer_piece(a, &text, at);
		rc = send_chunk(s, a, choice, &text, at, n, NULL);
	}
	if (rc == 0 && a->reply->knobs->fault != DEMO_FAULT_NO_FINISH)
		rc = send_chunk(s, a, choice, &text, text.len, 0,
		    demo_answer_finish(a, full));
	buf_fini(&text);
	return rc;
}

static int
send_after(struct demo_stream *s, struct demo_answer *a)
{
	struct buf text;
	int rc;

	buf_init(&text, 16);
	buf_puts(&text, "after");
	rc = send_chunk(s, a, 0, &text, 0, text.len, NULL);
	buf_fini(&text);
	return rc;
}

/* A prompt may be a list of prompts: of strings, or of lists of tokens. */
static uint64_t
count_prompts(const json_t *body)
{
	const json_t *prompt = json_object_get(body, "prompt");

	if (json_array_size(prompt) == 0 ||
	    json_is_integer(json_array_get(prompt, 0)))
		return 1;
	return json_array_size(prompt);
}

static const struct demo_choice_format choice = {
	put_start, put_whole, send_choice
};
static const struct demo_format completions = {
	demo_choices_json, demo_choices_events, send_after
};

int
demo_completions(struct demo_reply *r, uint64_t seed)
{
	struct demo_answer a;
	int rc;

	if (demo_answer_read(&a, r, seed, "max_tokens") != 0)
		return r->conn->gone ? -1 : 0;
	demo_choices_init(&a, &choice, count_prompts(a.body));
	rc = demo_answer_send(&a, &completions);
	demo_answer_fini(&a);
	return rc;
}
