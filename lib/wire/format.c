#include "wire/format.h"

#include "wire/chat.h"
#include "wire/error.h"

#include <string.h>

/* ---- anything else: passed through, nothing is known of it ---- */

static bool
other_request_ok(const json_t *body)
{
	(void)body;
	return false;
}

static enum wire_verdict
other_judge_json(const json_t *body, const struct wire_policy *policy,
    json_t **usage)
{
	(void)body;
	(void)policy;
	*usage = NULL;
	return WIRE_NOT_A_FORMAT;
}

static void
other_stream_event(struct wire_stream *s, const struct sse_event *event)
{
	(void)event;
	s->bad = WIRE_NOT_A_FORMAT;
}

static enum wire_verdict
other_stream_end(struct wire_stream *s, const struct wire_policy *policy)
{
	(void)s;
	(void)policy;
	return WIRE_NOT_A_FORMAT;
}

static void
other_stream_fini(struct wire_stream *s)
{
	memset(s, 0, sizeof(*s));
}

/* ---- the table: a new format is a row here and a file of its own ---- */

static const struct wire_format formats[WIRE_FORMAT_COUNT] = {
    [WIRE_CHAT] = {
	.id = WIRE_CHAT,
	.name = "chat",
	.path = "/v1/chat/completions",
	.request_ok = wire_chat_request_ok,
	.judge_json = wire_chat_judge_json,
	.stream_event = wire_chat_stream_event,
	.stream_end = wire_chat_stream_end,
	.stream_fini = wire_chat_stream_fini,
	.error_body = wire_openai_error_body,
	.error_event = wire_openai_error_event,
    },
    [WIRE_OTHER] = {
	.id = WIRE_OTHER,
	.name = "other",
	.path = NULL,
	.request_ok = other_request_ok,
	.judge_json = other_judge_json,
	.stream_event = other_stream_event,
	.stream_end = other_stream_end,
	.stream_fini = other_stream_fini,
	.error_body = wire_openai_error_body,
	.error_event = wire_openai_error_event,
    },
};

const struct wire_format *
wire_format_get(enum wire_format_id id)
{
	return &formats[(unsigned)id < WIRE_FORMAT_COUNT ? id : WIRE_OTHER];
}

const struct wire_format *
wire_format_for_path(const char *path)
{
	size_t i;

	for (i = 0; i < WIRE_FORMAT_COUNT; i++)
		if (formats[i].path != NULL &&
		    strcmp(formats[i].path, path) == 0)
			return &formats[i];
	return &formats[WIRE_OTHER];
}

bool
wire_wants_stream(const json_t *body)
{
	return json_is_true(json_object_get(body, "stream"));
}

/* The first of two members that is a count; 0 when neither is. */
static json_int_t
count_of(const json_t *usage, const char *name, const char *other_name)
{
	const json_t *value = json_object_get(usage, name);

	if (!json_is_integer(value))
		value = json_object_get(usage, other_name);
	return json_integer_value(value) > 0 ? json_integer_value(value) : 0;
}

struct wire_tokens
wire_usage_tokens(const json_t *usage)
{
	struct wire_tokens tokens = {
	    .prompt = count_of(usage, "prompt_tokens", "input_tokens"),
	    .completion = count_of(usage, "completion_tokens", "output_tokens"),
	    .total = count_of(usage, "total_tokens", "total_tokens"),
	};

	return tokens;
}
