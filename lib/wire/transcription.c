#include "wire/transcription.h"

#include "wire/payload.h"

#include <string.h>

enum wire_verdict
wire_transcription_judge_request(const json_t *form)
{
	if (json_is_true(json_object_get(form, "file")) &&
	    json_is_string(json_object_get(form, "model")))
		return WIRE_STORABLE;
	return WIRE_BODY_SHAPE;
}

enum wire_verdict
wire_transcription_judge_json(const json_t *body,
    const struct wire_policy *policy, json_t **usage)
{
	const json_t *text = json_object_get(body, "text");

	(void)policy;
	*usage = wire_usage_of(body);
	if (!json_is_object(body))
		return WIRE_BAD_JSON;
	if (wire_is_error(body, "text"))
		return WIRE_ERROR_ANSWER;
	if (wire_is_set(text) && !json_is_string(text))
		return WIRE_BAD_JSON;
	return json_string_length(text) > 0 ? WIRE_STORABLE : WIRE_EMPTY;
}

/*
 * The events that carry text, and in which member. There are others, and
 * there will be more: they pass.
 */
static const struct {
	const char *type, *member;
	bool last;
} events[] = {
    {"transcript.text.delta", "delta", false},
    {"transcript.text.segment", "text", false},
    {"transcript.text.done", "text", true},
};

static void
take_text(struct wire_stream *s, const json_t *text)
{
	if (wire_is_set(text) && !json_is_string(text))
		wire_stream_fault(s, WIRE_BAD_JSON);
	s->any_payload = s->any_payload || json_string_length(text) > 0;
}

static void
take_payload(struct wire_stream *s, const json_t *payload)
{
	const char *type = json_string_value(json_object_get(payload, "type"));
	size_t i;

	if (!json_is_object(payload))
		wire_stream_fault(s, WIRE_BAD_JSON);
	else if (wire_is_error(payload, "type") ||
	    (type != NULL && strcmp(type, "error") == 0))
		wire_stream_fault(s, WIRE_ERROR_EVENT);
	for (i = 0; type != NULL && i < sizeof(events) / sizeof(events[0]);
	    i++) {
		if (strcmp(type, events[i].type) != 0)
			continue;
		take_text(s, json_object_get(payload, events[i].member));
		s->ended = s->ended || events[i].last;
	}
	wire_stream_usage(s, json_object_get(payload, "usage"));
}

void
wire_transcription_stream_event(struct wire_stream *s,
    const struct sse_event *event)
{
	wire_stream_take(s, event, take_payload);
}

enum wire_verdict
wire_transcription_stream_end(struct wire_stream *s,
    const struct wire_policy *policy)
{
	(void)policy;
	if (s->bad != WIRE_STORABLE)
		return s->bad;
	if (!s->ended)
		return WIRE_NO_TERMINATOR;
	return s->any_payload ? WIRE_STORABLE : WIRE_EMPTY;
}
