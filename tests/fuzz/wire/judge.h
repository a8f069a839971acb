/*
 * What the fuzz targets of the formats' judging share.
 */
#ifndef FUZZ_JUDGE_H
#define FUZZ_JUDGE_H

#include "wire/format.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct judged {
	const struct wire_format *format;
	struct wire_stream stream;
	size_t events;
};

static inline int
judge_on_event(void *arg, const struct sse_event *event)
{
	struct judged *j = arg;

	j->events += event->has_data;
	j->format->stream_event(&j->stream, event);
	return 0;
}

/* Whether a stream may be stored, and how many events with data it has. */
static inline bool
judge_stream(enum wire_format_id id, const char *text, size_t len,
    size_t *events)
{
	static const struct wire_policy policy = {true, true};
	struct judged j = {.format = wire_format_get(id)};
	struct sse_parser p;
	bool good;

	sse_parser_init(&p, 1 << 20);
	good = sse_parser_feed(&p, text, len, judge_on_event, &j) == 0;
	good = j.format->stream_end(&j.stream, &policy) == WIRE_STORABLE &&
	    good;
	good = good && sse_parser_at_boundary(&p);
	if (good && (!j.stream.ended || !j.stream.any_payload))
		abort();
	*events = j.events;
	j.format->stream_fini(&j.stream);
	sse_parser_fini(&p);
	return good;
}

/*
 * Judge text as a request and as an answer. is_answer: whether an answer
 * that may be stored has what it must have.
 */
static inline void
judge_json(enum wire_format_id id, const char *text, size_t len,
    bool (*is_answer)(const json_t *body))
{
	static const struct wire_policy policy = {true, true};
	const struct wire_format *format = wire_format_get(id);
	json_t *usage = NULL, *body;

	body = json_loadb(text, len, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
	if (body == NULL)
		return;
	(void)format->judge_request(body);
	if (format->judge_json(body, &policy, &usage) == WIRE_STORABLE &&
	    !is_answer(body))
		abort();
	(void)wire_usage_tokens(usage);
	json_decref(usage);
	json_decref(body);
}

/*
 * Any bytes are judged as a stream and as JSON without a crash; and of a
 * stream that may be stored, no part may be that lacks more than spare of
 * its events. The first byte picks the part.
 */
static inline void
judge_bytes(enum wire_format_id id, const uint8_t *data, size_t size,
    bool (*is_answer)(const json_t *body), size_t spare)
{
	const char *text = (const char *)data + 1;
	size_t all, events, cut;

	if (size < 2)
		return;
	judge_json(id, text, size - 1, is_answer);
	if (!judge_stream(id, text, size - 1, &all))
		return;
	for (cut = data[0] % 8; cut < size - 1; cut += 8)
		if (judge_stream(id, text, cut, &events) &&
		    (events > all || events + spare < all))
			abort();
}

static inline bool
judge_has_choices(const json_t *body)
{
	return json_array_size(json_object_get(body, "choices")) > 0;
}

/* Of the formats that answer with choices. */
static inline void
judge_choices(enum wire_format_id id, const uint8_t *data, size_t size)
{
	judge_bytes(id, data, size, judge_has_choices, 0);
}

#endif
