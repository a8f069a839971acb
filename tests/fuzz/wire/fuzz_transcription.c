/*
 * Fuzz target: judging transcriptions. Any bytes are judged as a stream, as
 * JSON and as a form without a crash; and of a stream that may be stored, no
 * part may be that lacks the event that ends it. The first byte picks the
 * part.
 */
#include "wire/format.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct judged {
	struct wire_stream stream;
	size_t ended_at; /* how many payloads there were when it ended */
	size_t payloads;
};

static int
on_event(void *arg, const struct sse_event *event)
{
	struct judged *j = arg;

	wire_format_get(WIRE_TRANSCRIPTIONS)->stream_event(&j->stream, event);
	j->payloads += event->has_data;
	if (j->stream.ended && j->ended_at == 0)
		j->ended_at = j->payloads;
	return 0;
}

static bool
is_storable(const char *text, size_t len, size_t *ended_at)
{
	static const struct wire_policy policy = {true, true};
	const struct wire_format *f = wire_format_get(WIRE_TRANSCRIPTIONS);
	struct judged j = {.ended_at = 0};
	struct sse_parser p;
	bool good;

	sse_parser_init(&p, 1 << 20);
	good = sse_parser_feed(&p, text, len, on_event, &j) == 0;
	good = f->stream_end(&j.stream, &policy) == WIRE_STORABLE && good;
	good = good && sse_parser_at_boundary(&p);
	if (good && (!j.stream.ended || !j.stream.any_payload))
		abort();
	*ended_at = j.ended_at;
	f->stream_fini(&j.stream);
	sse_parser_fini(&p);
	return good;
}

static void
judge_json(const char *text, size_t len)
{
	static const struct wire_policy policy = {true, true};
	const struct wire_format *f = wire_format_get(WIRE_TRANSCRIPTIONS);
	json_t *usage = NULL, *body;

	body = json_loadb(text, len, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
	if (body == NULL)
		return;
	(void)f->judge_request(body);
	if (f->judge_json(body, &policy, &usage) == WIRE_STORABLE &&
	    json_string_length(json_object_get(body, "text")) == 0)
		abort();
	(void)wire_usage_tokens(usage);
	json_decref(usage);
	json_decref(body);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;
	size_t whole, part, cut;

	if (size < 2)
		return 0;
	judge_json(text, size - 1);
	if (!is_storable(text, size - 1, &whole))
		return 0;
	for (cut = data[0] % 8; cut < size - 1; cut += 8)
		if (is_storable(text, cut, &part) && part != whole)
			abort();
	return 0;
}
