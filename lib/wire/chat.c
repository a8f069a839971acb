#include "wire/chat.h"

#include <stdlib.h>
#include <string.h>

/* What is known of a choice: one byte each, by its index. */
enum {
	SEEN = 1,
	FINISHED = 2,
	CONTENT = 4,
	BY_LENGTH = 8,
	CALLS_TOOLS = 16,
	FILTERED = 32,
	FAILED = 64,
	MISSHAPEN = 128
};

/* More than any server offers as "n"; a higher index is not believed. */
enum { CHOICES_MAX = 1024 };

struct choices {
	size_t n;
	unsigned char flags[CHOICES_MAX];
};

/*
 * What a finish_reason says beyond "finished". error: OpenRouter and vLLM;
 * abort: vLLM and SGLang; insufficient_system_resource: DeepSeek.
 */
static const struct {
	const char *word;
	unsigned flags;
} reasons[] = {
    {"length", BY_LENGTH},
    {"tool_calls", CALLS_TOOLS},
    {"function_call", CALLS_TOOLS},
    {"content_filter", FILTERED},
    {"error", FAILED},
    {"abort", FAILED},
    {"insufficient_system_resource", FAILED},
};

/* Members of a message or delta that are an answer when not empty. */
static const struct {
	const char *name;
	unsigned flags;
} parts[] = {
    {"content", CONTENT},
    {"reasoning", CONTENT},
    {"reasoning_content", CONTENT},
    {"refusal", CONTENT},
    {"audio", CONTENT},
    {"tool_calls", CONTENT | CALLS_TOOLS},
    {"function_call", CONTENT | CALLS_TOOLS},
};

static bool
is_set(const json_t *value)
{
	return value != NULL && !json_is_null(value);
}

/* Some servers send content as an array of parts, so any kind may be. */
static bool
has_substance(const json_t *value)
{
	return json_string_length(value) > 0 || json_array_size(value) > 0 ||
	    json_object_size(value) > 0;
}

static unsigned
reason_flags(const json_t *reason)
{
	const char *word = json_string_value(reason);
	size_t i;

	/* "" is how some servers write null. */
	if (word == NULL || word[0] == '\0')
		return 0;
	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (strcmp(word, reasons[i].word) == 0)
			return FINISHED | reasons[i].flags;
	return FINISHED;
}

static unsigned
payload_flags(const json_t *payload)
{
	unsigned flags = 0;
	size_t i;

	if (!is_set(payload))
		return 0;
	if (!json_is_object(payload))
		return MISSHAPEN;
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (has_substance(json_object_get(payload, parts[i].name)))
			flags |= parts[i].flags;
	return flags;
}

/* payload: "message" in JSON, "delta" in a stream. */
static unsigned
choice_flags(const json_t *choice, const char *payload)
{
	unsigned flags = SEEN;

	if (!json_is_object(choice))
		return MISSHAPEN;
	if (is_set(json_object_get(choice, "error")))
		flags |= FAILED;
	flags |= reason_flags(json_object_get(choice, "finish_reason"));
	return flags | payload_flags(json_object_get(choice, payload));
}

/*
 * Whether a top-level object is an error: "error" as OpenAI has it,
 * "detail" as FastAPI has it, "object":"error" as older vLLM has it.
 */
static bool
is_error(const json_t *body)
{
	const char *object = json_string_value(json_object_get(body, "object"));

	if (is_set(json_object_get(body, "error")))
		return true;
	if (object != NULL && strcmp(object, "error") == 0)
		return true;
	return is_set(json_object_get(body, "detail")) &&
	    !is_set(json_object_get(body, "choices"));
}

/* The faults that show at once, whatever may follow. */
static enum wire_verdict
fault_of(unsigned flags, enum wire_verdict error)
{
	if (flags & MISSHAPEN)
		return WIRE_BAD_JSON;
	if (flags & FAILED)
		return error;
	return flags & FILTERED ? WIRE_FILTERED : WIRE_STORABLE;
}

/* What a choice lacks when the answer has ended. */
static enum wire_verdict
lack_of(unsigned flags)
{
	if (!(flags & FINISHED))
		return WIRE_NO_FINISH;
	return flags & CONTENT ? WIRE_STORABLE : WIRE_EMPTY;
}

static enum wire_verdict
apply_policy(unsigned flags, const struct wire_policy *policy)
{
	if (flags & BY_LENGTH && !policy->store_length)
		return WIRE_LENGTH;
	if (flags & CALLS_TOOLS && !policy->store_tool_calls)
		return WIRE_TOOL_CALLS;
	return WIRE_STORABLE;
}

bool
wire_chat_request_ok(const json_t *body)
{
	return json_is_string(json_object_get(body, "model")) &&
	    json_is_array(json_object_get(body, "messages"));
}

enum wire_verdict
wire_chat_judge_json(const json_t *body, const struct wire_policy *policy,
    json_t **usage)
{
	json_t *found = json_object_get(body, "usage");
	json_t *choices = json_object_get(body, "choices");
	enum wire_verdict v = WIRE_STORABLE;
	unsigned flags, all = 0;
	size_t i;

	*usage = json_is_object(found) ? json_incref(found) : NULL;
	if (!json_is_object(body))
		return WIRE_BAD_JSON;
	if (is_error(body))
		return WIRE_ERROR_ANSWER;
	if (json_array_size(choices) == 0)
		return WIRE_EMPTY;
	for (i = 0; i < json_array_size(choices) && v == WIRE_STORABLE; i++) {
		flags = choice_flags(json_array_get(choices, i), "message");
		v = fault_of(flags, WIRE_ERROR_ANSWER);
		if (v == WIRE_STORABLE)
			v = lack_of(flags);
		all |= flags;
	}
	return v != WIRE_STORABLE ? v : apply_policy(all, policy);
}

static void
set_bad(struct wire_stream *s, enum wire_verdict why)
{
	if (s->bad == WIRE_STORABLE)
		s->bad = why;
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

	if (!is_set(index))
		i = place < CHOICES_MAX ? (json_int_t)place : -1;
	else if (!json_is_integer(index))
		i = -1;
	return i >= 0 && i < CHOICES_MAX ? (int)i : -1;
}

static struct choices *
choices_of(struct wire_stream *s)
{
	if (s->choices == NULL)
		s->choices = calloc(1, sizeof(struct choices));
	if (s->choices == NULL)
		set_bad(s, WIRE_MEMORY);
	return s->choices;
}

static void
add_choice(struct wire_stream *s, const json_t *choice, size_t place)
{
	struct choices *c = choices_of(s);
	int i = choice_index(choice, place);
	unsigned flags = choice_flags(choice, "delta");

	if (c == NULL)
		return;
	if (i == -1)
		flags |= MISSHAPEN;
	set_bad(s, fault_of(flags, WIRE_ERROR_EVENT));
	if (i == -1)
		return;
	c->flags[i] = (unsigned char)(c->flags[i] | flags);
	if ((size_t)i >= c->n)
		c->n = (size_t)i + 1;
	s->any_payload = s->any_payload || flags & CONTENT;
	s->ended_by_length = s->ended_by_length || flags & BY_LENGTH;
	s->calls_tools = s->calls_tools || flags & CALLS_TOOLS;
}

static void
add_chunk(struct wire_stream *s, const json_t *chunk)
{
	json_t *usage = json_object_get(chunk, "usage");
	json_t *choices = json_object_get(chunk, "choices");
	size_t i;

	if (json_is_object(usage)) {
		json_decref(s->usage);
		s->usage = json_incref(usage);
	}
	if (!json_is_object(chunk) ||
	    (is_set(choices) && !json_is_array(choices)))
		set_bad(s, WIRE_BAD_JSON);
	else if (is_error(chunk))
		set_bad(s, WIRE_ERROR_EVENT);
	for (i = 0; i < json_array_size(choices); i++)
		add_choice(s, json_array_get(choices, i), i);
}

void
wire_chat_stream_event(struct wire_stream *s, const struct sse_event *event)
{
	static const char done[] = "[DONE]";
	json_t *chunk;

	if (strcmp(event->name, "error") == 0)
		set_bad(s, WIRE_ERROR_EVENT);
	if (!event->has_data)
		return;
	if (s->ended)
		set_bad(s, WIRE_AFTER_END);
	if (event->data_len == sizeof(done) - 1 &&
	    memcmp(event->data, done, sizeof(done) - 1) == 0) {
		s->ended = true;
		return;
	}
	chunk = json_loadb(event->data, event->data_len, JSON_ALLOW_NUL, NULL);
	if (chunk == NULL)
		set_bad(s, WIRE_BAD_JSON);
	else
		add_chunk(s, chunk);
	json_decref(chunk);
}

enum wire_verdict
wire_chat_stream_end(struct wire_stream *s, const struct wire_policy *policy)
{
	const struct choices *c = s->choices;
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
			v = lack_of(c->flags[i]);
		all |= c->flags[i];
	}
	return v != WIRE_STORABLE ? v : apply_policy(all, policy);
}

void
wire_chat_stream_fini(struct wire_stream *s)
{
	json_decref(s->usage);
	free(s->choices);
	memset(s, 0, sizeof(*s));
}
