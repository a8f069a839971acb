#include "wire/format.h"

#include "wire/chat.h"
#include "wire/choices.h"
#include "wire/completions.h"
#include "wire/embeddings.h"
#include "wire/error.h"
#include "wire/messages.h"
#include "wire/payload.h"
#include "wire/rerank.h"
#include "wire/responses.h"
#include "wire/transcription.h"

#include <string.h>

/* ---- anything else: passed through, nothing is known of it ---- */

static enum wire_verdict
other_judge_request(const json_t *body)
{
	(void)body;
	return WIRE_NOT_A_FORMAT;
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

/* ---- formats that never stream ---- */

static void
unary_stream_event(struct wire_stream *s, const struct sse_event *event)
{
	(void)event;
	s->bad = WIRE_CONTENT_TYPE;
}

static enum wire_verdict
unary_stream_end(struct wire_stream *s, const struct wire_policy *policy)
{
	(void)s;
	(void)policy;
	return WIRE_CONTENT_TYPE;
}

/* ---- the table: a new format is a row here and a file of its own ---- */

#define OTHER                                                                  \
	.judge_request = other_judge_request, .judge_json = other_judge_json,  \
	.stream_event = other_stream_event, .stream_end = other_stream_end,    \
	.stream_fini = wire_stream_fini
#define UNARY                                                                  \
	.stream_event = unary_stream_event, .stream_end = unary_stream_end,    \
	.stream_fini = wire_stream_fini
#define TRANSCRIPTION                                                          \
	.judge_request = wire_transcription_judge_request,                     \
	.judge_json = wire_transcription_judge_json,                           \
	.stream_event = wire_transcription_stream_event,                       \
	.stream_end = wire_transcription_stream_end,                           \
	.stream_fini = wire_stream_fini,                                       \
	.error_body = wire_openai_error_body,                                  \
	.error_event = wire_transcription_error_event
#define OPENAI_ERRORS                                                          \
	.error_body = wire_openai_error_body,                                  \
	.error_event = wire_openai_error_event
#define RESPONSES_ERRORS                                                       \
	.error_body = wire_openai_error_body,                                  \
	.error_event = wire_responses_error_event
#define ANTHROPIC                                                              \
	.anthropic = true,                                                     \
	.error_body = wire_anthropic_error_body,                               \
	.error_event = wire_anthropic_error_event

static const struct wire_format formats[WIRE_FORMAT_COUNT] = {
    [WIRE_CHAT] = {
	.id = WIRE_CHAT,
	.name = "chat",
	.paths = {"/v1/chat/completions"},
	.body = WIRE_BODY_JSON,
	.asks_usage = true,
	.judge_request = wire_chat_judge_request,
	.judge_json = wire_chat_judge_json,
	.stream_event = wire_chat_stream_event,
	.stream_end = wire_choices_stream_end,
	.stream_fini = wire_stream_fini,
	OPENAI_ERRORS,
	.owns_json = wire_chat_owns_json,
	.owns_payload = wire_chat_owns_payload,
	.to_stream = wire_chat_to_stream,
	.to_json = wire_chat_to_json,
    },
    [WIRE_COMPLETIONS] = {
	.id = WIRE_COMPLETIONS,
	.name = "completions",
	.paths = {"/v1/completions"},
	.body = WIRE_BODY_JSON,
	.asks_usage = true,
	.judge_request = wire_completions_judge_request,
	.judge_json = wire_completions_judge_json,
	.stream_event = wire_completions_stream_event,
	.stream_end = wire_choices_stream_end,
	.stream_fini = wire_stream_fini,
	OPENAI_ERRORS,
	.owns_json = wire_completions_owns_json,
	.owns_payload = wire_completions_owns_payload,
	.to_stream = wire_completions_to_stream,
	.to_json = wire_completions_to_json,
    },
    [WIRE_RESPONSES] = {
	.id = WIRE_RESPONSES,
	.name = "responses",
	.paths = {"/v1/responses"},
	.body = WIRE_BODY_JSON,
	.judge_request = wire_responses_judge_request,
	.judge_json = wire_responses_judge_json,
	.stream_event = wire_responses_stream_event,
	.stream_end = wire_responses_stream_end,
	.stream_fini = wire_stream_fini,
	RESPONSES_ERRORS,
	.owns_json = wire_responses_owns_json,
	.owns_payload = wire_responses_owns_payload,
	.to_stream = wire_responses_to_stream,
	.to_json = wire_responses_to_json,
    },
    [WIRE_MESSAGES] = {
	.id = WIRE_MESSAGES,
	.name = "messages",
	.paths = {"/v1/messages"},
	.body = WIRE_BODY_JSON,
	.judge_request = wire_messages_judge_request,
	.judge_json = wire_messages_judge_json,
	.stream_event = wire_messages_stream_event,
	.stream_end = wire_messages_stream_end,
	.stream_fini = wire_stream_fini,
	ANTHROPIC,
	.owns_json = wire_messages_owns_json,
	.owns_payload = wire_messages_owns_payload,
	.to_stream = wire_messages_to_stream,
	.to_json = wire_messages_to_json,
    },
    [WIRE_EMBEDDINGS] = {
	.id = WIRE_EMBEDDINGS,
	.name = "embeddings",
	.paths = {"/v1/embeddings"},
	.body = WIRE_BODY_JSON,
	.split_member = "input",
	.judge_request = wire_embeddings_judge_request,
	.judge_json = wire_embeddings_judge_json,
	UNARY,
	OPENAI_ERRORS,
    },
    [WIRE_RERANK] = {
	.id = WIRE_RERANK,
	.name = "rerank",
	.paths = {"/v1/rerank", "/v2/rerank", "/rerank"},
	.body = WIRE_BODY_JSON,
	.judge_request = wire_rerank_judge_request,
	.judge_json = wire_rerank_judge_json,
	UNARY,
	OPENAI_ERRORS,
    },
    [WIRE_TRANSCRIPTIONS] = {
	.id = WIRE_TRANSCRIPTIONS,
	.name = "transcriptions",
	.paths = {"/v1/audio/transcriptions"},
	.body = WIRE_BODY_FORM,
	TRANSCRIPTION,
    },
    [WIRE_TRANSLATIONS] = {
	.id = WIRE_TRANSLATIONS,
	.name = "translations",
	.paths = {"/v1/audio/translations"},
	.body = WIRE_BODY_FORM,
	TRANSCRIPTION,
    },
    [WIRE_OTHER] = {
	.id = WIRE_OTHER,
	.name = "other",
	OTHER,
	OPENAI_ERRORS,
    },
};

/* /v1/messages/count_tokens, /v1/messages/batches, ... */
static const char below_messages[] = "/v1/messages/";
static const struct wire_format other_of_anthropic = {
    .id = WIRE_OTHER,
    .name = "other",
    OTHER,
    ANTHROPIC,
};

const struct wire_format *
wire_format_get(enum wire_format_id id)
{
	return &formats[(unsigned)id < WIRE_FORMAT_COUNT ? id : WIRE_OTHER];
}

static bool
has_path(const struct wire_format *format, const char *path)
{
	size_t i;

	for (i = 0; i < WIRE_PATHS_MAX && format->paths[i] != NULL; i++) {
		if (strcmp(format->paths[i], path) == 0)
			return true;
	}
	return false;
}

const struct wire_format *
wire_format_for_path(const char *path)
{
	size_t i;

	for (i = 0; i < WIRE_FORMAT_COUNT; i++) {
		if (has_path(&formats[i], path))
			return &formats[i];
	}
	if (strncmp(path, below_messages, sizeof(below_messages) - 1) == 0)
		return &other_of_anthropic;
	return &formats[WIRE_OTHER];
}

const struct wire_format *
wire_format_of_json(const json_t *answer, const struct wire_format *asked)
{
	size_t i;

	for (i = 0; asked->owns_json != NULL && i < WIRE_FORMAT_COUNT; i++) {
		if (formats[i].owns_json != NULL &&
		    formats[i].owns_json(answer))
			return &formats[i];
	}
	return asked;
}

const struct wire_format *
wire_format_of_payload(const json_t *payload, const struct wire_format *asked)
{
	size_t i;

	for (i = 0; asked->owns_payload != NULL && i < WIRE_FORMAT_COUNT; i++) {
		if (formats[i].owns_payload != NULL &&
		    formats[i].owns_payload(payload))
			return &formats[i];
	}
	return asked;
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
	const json_t *inner = json_object_get(usage, "tokens");
	struct wire_tokens tokens;

	if (json_is_object(inner))
		usage = inner;
	tokens.prompt = count_of(usage, "prompt_tokens", "input_tokens");
	tokens.completion =
	    count_of(usage, "completion_tokens", "output_tokens");
	tokens.total = count_of(usage, "total_tokens", "total_tokens");
	if (tokens.total == 0 && __builtin_add_overflow(tokens.prompt,
	    tokens.completion, &tokens.total))
		tokens.total = INT64_MAX;
	return tokens;
}
