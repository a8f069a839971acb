#include "wire/chat.h"

#include "wire/choices.h"
#include "wire/payload.h"
#include "wire/signs.h"

/* Members of a message or delta that are an answer when not empty. */
static const struct {
	const char *name;
	unsigned flags;
} parts[] = {
    {"content", WIRE_SIGN_CONTENT},
    {"reasoning", WIRE_SIGN_CONTENT},
    {"reasoning_content", WIRE_SIGN_CONTENT},
    {"refusal", WIRE_SIGN_CONTENT},
    {"audio", WIRE_SIGN_CONTENT},
    {"images", WIRE_SIGN_CONTENT}, /* OpenRouter, beside content "" */
    {"tool_calls", WIRE_SIGN_CONTENT | WIRE_SIGN_CALLS_TOOLS},
    {"function_call", WIRE_SIGN_CONTENT | WIRE_SIGN_CALLS_TOOLS},
};

static unsigned
payload_flags(const json_t *payload)
{
	unsigned flags = 0;
	size_t i;

	if (!wire_is_set(payload))
		return 0;
	if (!json_is_object(payload))
		return WIRE_SIGN_MISSHAPEN;
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (wire_has_substance(json_object_get(payload, parts[i].name)))
			flags |= parts[i].flags;
	return flags;
}

static unsigned
content_flags(const json_t *choice, bool streamed)
{
	return payload_flags(json_object_get(choice,
	    streamed ? "delta" : "message"));
}

enum wire_verdict
wire_chat_judge_request(const json_t *body)
{
	if (json_is_string(json_object_get(body, "model")) &&
	    json_is_array(json_object_get(body, "messages")))
		return WIRE_STORABLE;
	return WIRE_BODY_SHAPE;
}

enum wire_verdict
wire_chat_judge_json(const json_t *body, const struct wire_policy *policy,
    json_t **usage)
{
	return wire_choices_judge_json(body, policy, usage, content_flags);
}

void
wire_chat_stream_event(struct wire_stream *s, const struct sse_event *event)
{
	wire_choices_stream_event(s, event, content_flags);
}
