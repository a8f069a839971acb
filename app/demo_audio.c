/*
 * POST /v1/audio/transcriptions and /v1/audio/translations. What was
 * "heard" depends on the file's bytes and on the other parts, but for
 * those that say how to tell it; not on the boundary or the file's name.
 */
#include "demo_answer.h"
#include "demo_form.h"
#include "demo_formats.h"
#include "demo_json.h"

#include "base/digest.h"

#include <inttypes.h>
#include <string.h>

enum { SEGMENT_WORDS = 10, BYTES_A_TOKEN = 3200 };

struct audio {
	struct demo_answer a; /* first: callbacks get this */
	struct demo_form form;
	size_t file_bytes;
	bool translation;
};

/* How many tokens of audio there are: a tenth of a second each. */
static uint64_t
audio_tokens(const struct audio *x)
{
	return x->file_bytes / BYTES_A_TOKEN + 1;
}

static void
put_usage(const struct audio *x, struct buf *out)
{
	uint64_t heard = audio_tokens(x), told = x->a.words;

	if (!x->a.reply->knobs->usage)
		return;
	buf_printf(out, ",\"usage\":{\"type\":\"tokens\",\"input_tokens\":%"
	    PRIu64 ",\"input_token_details\":{\"text_tokens\":0,"
	    "\"audio_tokens\":%" PRIu64 "},\"output_tokens\":%" PRIu64
	    ",\"total_tokens\":%" PRIu64 "}",
	    heard, heard, told, heard + told);
}

/* The next segment of text from at on: some words. */
static size_t
segment_length(const struct buf *text, size_t at)
{
	size_t start = at;

	for (int i = 0; i < SEGMENT_WORDS && at < text->len; i++)
		at += demo_text_piece(text->data + at, text->len - at, 1);
	return at - start;
}

static void
put_segments(const struct audio *x, struct buf *out, const struct buf *text)
{
	double length = 0.1 * (double)audio_tokens(x);
	size_t n, at;
	int id = 0;

	buf_puts(out, ",\"segments\":[");
	for (at = 0; at < text->len; at += n, id++) {
		n = segment_length(text, at);
		buf_printf(out, "%s{\"id\":%d,\"seek\":0,\"start\":%.2f,"
		    "\"end\":%.2f,\"text\":", id > 0 ? "," : "", id,
		    length * (double)at / (double)text->len,
		    length * (double)(at + n) / (double)text->len);
		demo_put_text(out, text->data + at, n);
		buf_puts(out, ",\"tokens\":[],\"temperature\":0.0,"
		    "\"avg_logprob\":-0.25,\"compression_ratio\":1.5,"
		    "\"no_speech_prob\":0.01}");
	}
	buf_puts(out, "]");
}

static void
put_verbose(const struct audio *x, struct buf *out, const struct buf *text)
{
	double length = 0.1 * (double)audio_tokens(x);

	buf_printf(out, "{\"task\":\"%s\",\"language\":\"english\","
	    "\"duration\":%.2f,\"text\":", x->translation ? "translate" :
	    "transcribe", length);
	demo_put_text(out, text->data, text->len);
	put_segments(x, out, text);
	if (x->a.reply->knobs->usage)
		buf_printf(out, ",\"usage\":{\"type\":\"duration\","
		    "\"seconds\":%" PRIu64 "}", (uint64_t)length + 1);
	buf_puts(out, "}");
}

/* SubRip or WebVTT, with one cue. */
static void
put_captions(struct buf *out, const struct buf *text, bool vtt)
{
	buf_puts(out, vtt ? "WEBVTT\n\n00:00:00.000 --> 00:00:10.000\n" :
	    "1\n00:00:00,000 --> 00:00:10,000\n");
	buf_append(out, text->data, text->len);
	buf_puts(out, "\n\n");
}

static void
put_answer(const struct audio *x, struct buf *out, const struct buf *text)
{
	const struct demo_form *form = &x->form;
	bool vtt = demo_form_says(form, "response_format", "vtt");

	if (demo_form_says(form, "response_format", "verbose_json")) {
		put_verbose(x, out, text);
	} else if (vtt || demo_form_says(form, "response_format", "srt")) {
		put_captions(out, text, vtt);
	} else if (demo_form_says(form, "response_format", "text")) {
		buf_append(out, text->data, text->len);
		buf_putc(out, '\n');
	} else {
		buf_puts(out, "{\"text\":");
		demo_put_text(out, text->data, text->len);
		put_usage(x, out);
		buf_puts(out, "}");
	}
}

static void
put_json(struct demo_answer *a, struct buf *out)
{
	struct buf text;

	buf_init(&text, DEMO_CONTENT_MAX);
	demo_answer_text(a, &text, 0);
	put_answer((const struct audio *)a, out, &text);
	buf_fini(&text);
}

static int
send_delta(struct demo_stream *s, const char *text, size_t len)
{
	struct buf out;

	buf_init(&out, DEMO_CONTENT_MAX);
	buf_puts(&out, "{\"type\":\"transcript.text.delta\",\"delta\":");
	demo_put_text(&out, text, len);
	buf_puts(&out, "}");
	return demo_stream_take(s, NULL, &out);
}

static int
send_done(struct demo_stream *s, const struct audio *x,
    const struct buf *text)
{
	struct buf out;

	buf_init(&out, DEMO_CONTENT_MAX);
	buf_puts(&out, "{\"type\":\"transcript.text.done\",\"text\":");
	demo_put_text(&out, text->data, text->len);
	put_usage(x, &out);
	buf_puts(&out, "}");
	return demo_stream_take_last(s, NULL, &out);
}

static int
send_events(struct demo_stream *s, struct demo_answer *a)
{
	struct buf text;
	size_t n, at;
	int rc = 0;

	buf_init(&text, DEMO_CONTENT_MAX);
	demo_answer_text(a, &text, 0);
	for (at = 0; rc == 0 && at < text.len; at += n) {
		n = demo_answer_piece(a, &text, at);
		rc = send_delta(s, text.data + at, n);
	}
	if (rc == 0)
		rc = send_done(s, (const struct audio *)a, &text);
	buf_fini(&text);
	return rc;
}

static int
send_after(struct demo_stream *s, struct demo_answer *a)
{
	(void)a;
	return send_delta(s, "after", 5);
}

/* Parts that do not change what is heard. */
static bool
is_manner(const struct demo_part *part)
{
	return (part->name_len == 6 && memcmp(part->name, "stream", 6) == 0) ||
	    (part->name_len == 15 &&
	    memcmp(part->name, "response_format", 15) == 0);
}

/* The sum of all parts' digests, so that their order does not matter. */
static int
add_parts(const struct audio *x, uint8_t sum[DIGEST_BYTES])
{
	const struct demo_part *part;
	uint8_t one[DIGEST_BYTES];
	struct digest *d;

	memset(sum, 0, DIGEST_BYTES);
	for (size_t i = 0; i < x->form.n; i++) {
		part = &x->form.parts[i];
		if (is_manner(part))
			continue;
		d = digest_new();
		if (d == NULL)
			return -1;
		digest_field(d, part->name, part->name_len);
		digest_field(d, part->bytes, part->len);
		if (digest_finish(d, one) != 0)
			return -1;
		for (size_t k = 0; k < DIGEST_BYTES; k++)
			sum[k] = (uint8_t)(sum[k] + one[k]);
	}
	sum[0] = (uint8_t)(sum[0] + x->translation);
	return 0;
}

static int
prepare(struct audio *x, struct demo_reply *r, uint64_t seed)
{
	const struct demo_form *form = &x->form;
	const struct demo_knobs *k = r->knobs;
	uint8_t sum[DIGEST_BYTES];

	if (add_parts(x, sum) != 0 ||
	    demo_answer_init(&x->a, r, seed, sum, sizeof(sum)) != 0)
		return -1;
	x->a.stream = k->sse ||
	    (!k->json && demo_form_says(form, "stream", "true"));
	if (demo_form_says(form, "response_format", "text") ||
	    demo_form_says(form, "response_format", "srt") ||
	    demo_form_says(form, "response_format", "vtt"))
		x->a.type = "text/plain; charset=utf-8";
	return 0;
}

static const struct demo_format audio = {put_json, send_events, send_after};

int
demo_audio(struct demo_reply *r, uint64_t seed)
{
	struct audio x = {.file_bytes = 0};
	const struct demo_part *file;

	if (demo_form_read(&x.form, r->request) != 0)
		return demo_reply_error(r, 400, "The body is no form");
	file = demo_form_get(&x.form, "file");
	if (file == NULL)
		return demo_reply_error(r, 400, "The form has no file");
	x.file_bytes = file->len;
	x.translation = strstr(r->request->target, "translations") != NULL;
	if (prepare(&x, r, seed) != 0)
		return demo_reply_error(r, 500, "No digest");
	return demo_answer_send(&x.a, &audio);
}
