#include "wire/choices.h"

#include "wire/payload.h"
#include "wire/signs.h"

#include <string.h>
#include <strings.h>

/* More than any server offers as "n"; a higher index is not believed. */
enum { CHOICES_MAX = 1024 };

/* A choice of this index has come: a flag beside enum wire_sign. */
enum { SEEN = 128 };

struct choices {
	size_t n;
	unsigned char flags[CHOICES_MAX];
};

/*
 * What a finish_reason says beyond "finished", in any case of letters. An
 * answer that was taken back or went wrong must not pass for a whole one,
 * so that the dialects count: after OpenAI's words those of Mistral
 * (model_length, error), Cohere and Gemini (max_tokens), Zhipu (sensitive,
 * network_error, model_context_window_exceeded), Gemini (safety to
 * malformed_function_call), Bedrock (guardrail_intervened), vLLM and SGLang
 * (abort), DeepSeek (insufficient_system_resource).
 */
static const struct {
	const char *word;
	unsigned flags;
} reasons[] = {
    {"length", WIRE_SIGN_BY_LENGTH},
    {"tool_calls", WIRE_SIGN_CALLS_TOOLS},
    {"function_call", WIRE_SIGN_CALLS_TOOLS},
    {"content_filter", WIRE_SIGN_FILTERED},
    {"model_length", WIRE_SIGN_BY_LENGTH},
    {"max_tokens", WIRE_SIGN_BY_LENGTH},
    {"model_context_window_exceeded", WIRE_SIGN_BY_LENGTH},
    {"sensitive", WIRE_SIGN_FILTERED},
    {"safety", WIRE_SIGN_FILTERED},
    {"recitation", WIRE_SIGN_FILTERED},
    {"blocklist", WIRE_SIGN_FILTERED},
    {"prohibited_content", WIRE_SIGN_FILTERED},
    {"spii", WIRE_SIGN_FILTERED},
    {"image_safety", WIRE_SIGN_FILTERED},
    {"guardrail_intervened", WIRE_SIGN_FILTERED},
    {"function_call_filter", WIRE_SIGN_FAILED},
    {"malformed_function_call", WIRE_SIGN_FAILED},
    {"network_error", WIRE_SIGN_FAILED},
    {"error", WIRE_SIGN_FAILED},
    {"abort", WIRE_SIGN_FAILED},
    {"insufficient_system_resource", WIRE_SIGN_FAILED},
};

static unsigned
reason_flags(const json_t *reason)
{
	const char *word = json_string_value(reason);
	size_t i, len;

	/* "" is how some servers write null. */
	if (word == NULL || word[0] == '\0')
		return 0;
	/* Gemini: "content_filter: RECITATION". */
	len = strcspn(word, ":");
	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (strlen(reasons[i].word) == len &&
		    strncasecmp(word, reasons[i].word, len) == 0)
			return WIRE_SIGN_FINISHED | reasons[i].flags;
	return WIRE_SIGN_FINISHED;
}

static unsigned
choice_flags(const json_t *choice, bool streamed, wire_choice_fn *content)
{
	unsigned flags = SEEN;

	if (!json_is_object(choice))
		return WIRE_SIGN_MISSHAPEN;
	if (wire_is_set(json_object_get(choice, "error")))
		flags |= WIRE_SIGN_FAILED;
	flags |= reason_flags(json_object_get(choice, "finish_reason"));
	return flags | content(choice, streamed);
}

enum wire_verdict
wire_choices_judge_json(const json_t *body, const struct wire_policy *policy,
    json_t **usage, wire_choice_fn *content)
{
	json_t *choices = json_object_get(body, "choices");
	enum wire_verdict v = WIRE_STORABLE;
	unsigned flags, all = 0;
	size_t i;

	*usage = wire_usage_of(body);
	if (!json_is_object(body))
		return WIRE_BAD_JSON;
	if (wire_is_error(body, "choices"))
		return WIRE_ERROR_ANSWER;
	if (json_array_size(choices) == 0)
		return WIRE_EMPTY;
	for (i = 0; i < json_array_size(choices) && v == WIRE_STORABLE; i++) {
		flags = choice_flags(json_array_get(choices, i), false,
		    content);
		v = wire_signs_fault(flags, WIRE_ERROR_ANSWER);
		if (v == WIRE_STORABLE)
			v = wire_signs_lack(flags);
		all |= flags;
	}
	return v != WIRE_STORABLE ? v : wire_signs_allowed(all, policy);
}

/*
 * A choice's index; its place in the array when it does not say (a server
 * that leaves it out has one choice). -1 when it cannot be believed.
 */
static int
choice_index(const json_t *choice, size_t place)
{
	const json_t *index = json_object_get(choice, "index");
	json_int_t i = json_integer_value(index);

	if (!wire_is_set(index))
		i = place < CHOICES_MAX ? (json_int_t)place : -1;
	else if (!json_is_integer(index))
		i = -1;
	return i >= 0 && i < CHOICES_MAX ? (int)i : -1;
}

static void
add_choice(struct wire_stream *s, const json_t *choice, size_t place,
    wire_choice_fn *content)
{
	struct choices *c = wire_stream_state(s, sizeof(*c));
	int i = choice_index(choice, place);
	unsigned flags = choice_flags(choice, true, content);

	if (c == NULL)
		return;
	if (i == -1) {
		wire_stream_fault(s, WIRE_BAD_JSON);
		return;
	}
	wire_signs_note(s, flags);
	c->flags[i] = (unsigned char)(c->flags[i] | flags);
	if ((size_t)i >= c->n)
		c->n = (size_t)i + 1;
}

/*
 * Keep the usage a chunk tells: as OpenAI has it, or as Groq does where it
 * was not asked for.
 */
static void
keep_usage(struct wire_stream *s, const json_t *chunk)
{
	json_t *usage = json_object_get(chunk, "usage");

	if (!json_is_object(usage))
		usage = json_object_get(json_object_get(chunk, "x_groq"),
		    "usage");
	wire_stream_usage(s, usage);
}

/* Whether a chunk tells of an error; Groq has a place of its own for it. */
static bool
is_error(const json_t *chunk)
{
	const json_t *groq = json_object_get(chunk, "x_groq");

	return wire_is_error(chunk, "choices") ||
	    wire_is_set(json_object_get(groq, "error"));
}

static void
add_chunk(struct wire_stream *s, const json_t *chunk, wire_choice_fn *content)
{
	json_t *choices = json_object_get(chunk, "choices");
	size_t i;

	keep_usage(s, chunk);
	if (!json_is_object(chunk) ||
	    (wire_is_set(choices) && !json_is_array(choices)))
		wire_stream_fault(s, WIRE_BAD_JSON);
	else if (is_error(chunk))
		wire_stream_fault(s, WIRE_ERROR_EVENT);
	for (i = 0; i < json_array_size(choices); i++)
		add_choice(s, json_array_get(choices, i), i, content);
}

void
wire_choices_stream_event(struct wire_stream *s,
    const struct sse_event *event, wire_choice_fn *content)
{
	json_t *chunk = wire_stream_payload(s, event);

	s->ended = s->done;
	if (chunk != NULL)
		add_chunk(s, chunk, content);
	json_decref(chunk);
}

enum wire_verdict
wire_choices_stream_end(struct wire_stream *s, const struct wire_policy *policy)
{
	const struct choices *c = s->state;
	enum wire_verdict v = WIRE_STORABLE;
	unsigned all = 0;
	size_t i;

	if (s->bad != WIRE_STORABLE)
		return s->bad;
	if (!s->ended)
		return WIRE_NO_TERMINATOR;
	if (c == NULL)
		return WIRE_EMPTY;
	for (i = 0; i < c->n && v == WIRE_STORABLE; i++) {
		if (c->flags[i] & SEEN)
			v = wire_signs_lack(c->flags[i]);
		all |= c->flags[i];
	}
	return v != WIRE_STORABLE ? v : wire_signs_allowed(all, policy);
}
