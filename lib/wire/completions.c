#include "wire/completions.h"

#include "wire/choices.h"
#include "wire/payload.h"
#include "wire/signs.h"

static unsigned
content_flags(const json_t *choice, bool streamed)
{
	const json_t *text = json_object_get(choice, "text");

	(void)streamed;
	if (wire_is_set(text) && !json_is_string(text))
		return WIRE_SIGN_MISSHAPEN;
	return wire_has_substance(text) ? WIRE_SIGN_CONTENT : 0;
}

enum wire_verdict
wire_completions_judge_request(const json_t *body)
{
	const json_t *prompt = json_object_get(body, "prompt");

	if (json_is_string(json_object_get(body, "model")) &&
	    (json_is_string(prompt) || json_is_array(prompt)))
		return WIRE_STORABLE;
	return WIRE_BODY_SHAPE;
}

enum wire_verdict
wire_completions_judge_json(const json_t *body,
    const struct wire_policy *policy, json_t **usage)
{
	return wire_choices_judge_json(body, policy, usage, content_flags);
}

void
wire_completions_stream_event(struct wire_stream *s,
    const struct sse_event *event)
{
	wire_choices_stream_event(s, event, content_flags);
}
