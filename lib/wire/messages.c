#include "wire/messages.h"

#include "wire/payload.h"
#include "wire/signs.h"

#include <string.h>

enum block_state { BLOCK_NONE, BLOCK_OPEN, BLOCK_STOPPED };

/* How far a stream has come. */
struct progress {
	bool started;  /* message_start has come */
	bool finished; /* a stop_reason has come */
	size_t open;   /* blocks started and not stopped */
	unsigned char blocks[WIRE_MESSAGES_BLOCKS_MAX]; /* enum block_state */
};

/*
 * What a stop_reason says beyond "finished". The first four are
 * Anthropic's; the others are chat's, which bridges let through.
 */
static const struct {
	const char *word;
	unsigned flags;
} reasons[] = {
    {"max_tokens", WIRE_SIGN_BY_LENGTH},
    {"model_context_window_exceeded", WIRE_SIGN_BY_LENGTH},
    {"tool_use", WIRE_SIGN_CALLS_TOOLS},
    {"refusal", WIRE_SIGN_FILTERED},
    {"length", WIRE_SIGN_BY_LENGTH},
    {"tool_calls", WIRE_SIGN_CALLS_TOOLS},
    {"content_filter", WIRE_SIGN_FILTERED},
    {"error", WIRE_SIGN_FAILED},
    {"abort", WIRE_SIGN_FAILED},
};

const char *const wire_messages_beside[WIRE_MESSAGES_BESIDE] = {
    "context_management", "input_transformations"};

static const char *
type_of(const json_t *object)
{
	return json_string_value(json_object_get(object, "type"));
}

bool
wire_messages_is(const json_t *object, const char *type)
{
	const char *its = type_of(object);

	return its != NULL && strcmp(its, type) == 0;
}

bool
wire_messages_may_reshape(const json_t *block)
{
	return type_of(block) != NULL && !wire_messages_is(block, "fallback");
}

/* ---- what answers and streams share ------------------------------------- */

static unsigned
reason_flags(const json_t *reason)
{
	const char *word = json_string_value(reason);
	size_t i;

	if (wire_is_set(reason) && word == NULL)
		return WIRE_SIGN_MISSHAPEN;
	/* "" is how some servers write null. */
	if (word == NULL || word[0] == '\0')
		return 0;
	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (strcmp(word, reasons[i].word) == 0)
			return WIRE_SIGN_FINISHED | reasons[i].flags;
	return WIRE_SIGN_FINISHED;
}

static bool
ends_with(const char *s, const char *tail)
{
	size_t len = strlen(s), tail_len = strlen(tail);

	return len >= tail_len && strcmp(s + len - tail_len, tail) == 0;
}

/*
 * A block's member that is text: content when there is some. Its absence is
 * no fault, for a delta may yet bring it.
 */
static unsigned
text_flags(const json_t *text)
{
	if (wire_is_set(text) && !json_is_string(text))
		return WIRE_SIGN_MISSHAPEN;
	return json_string_length(text) > 0 ? WIRE_SIGN_CONTENT : 0;
}

static unsigned
block_flags(const json_t *block)
{
	const char *type = type_of(block);

	if (type == NULL)
		return WIRE_SIGN_MISSHAPEN;
	if (strcmp(type, "text") == 0 || strcmp(type, "thinking") == 0)
		return text_flags(json_object_get(block, type));
	/* Of any other it is enough that it is there: a call may be bare. */
	return ends_with(type, "tool_use") ?
	    WIRE_SIGN_CONTENT | WIRE_SIGN_CALLS_TOOLS : WIRE_SIGN_CONTENT;
}

static enum wire_verdict
verdict_of(unsigned flags, const struct wire_policy *policy)
{
	enum wire_verdict v = wire_signs_lack(flags);

	return v != WIRE_STORABLE ? v : wire_signs_allowed(flags, policy);
}

int
wire_messages_add_usage(json_t **usage, json_t *update)
{
	const char *key;
	json_t *value;
	int rc = 0;

	if (!json_is_object(update))
		return 0;
	if (*usage == NULL)
		*usage = json_object();
	json_object_foreach(update, key, value) {
		if (!json_is_null(value) ||
		    json_object_get(*usage, key) == NULL)
			rc |= json_object_set(*usage, key, value);
	}
	return *usage == NULL ? -1 : rc;
}

/* ---- requests and JSON answers ------------------------------------------ */

enum wire_verdict
wire_messages_judge_request(const json_t *body)
{
	if (json_is_string(json_object_get(body, "model")) &&
	    json_is_array(json_object_get(body, "messages")))
		return WIRE_STORABLE;
	return WIRE_BODY_SHAPE;
}

enum wire_verdict
wire_messages_judge_json(const json_t *body, const struct wire_policy *policy,
    json_t **usage)
{
	const json_t *content = json_object_get(body, "content");
	enum wire_verdict v;
	unsigned flags;
	size_t i;

	*usage = wire_usage_of(body);
	if (!json_is_object(body))
		return WIRE_BAD_JSON;
	if (wire_is_error(body, "content") || wire_messages_is(body, "error"))
		return WIRE_ERROR_ANSWER;
	if (!wire_messages_is(body, "message") ||
	    (wire_is_set(content) && !json_is_array(content)))
		return WIRE_BAD_JSON;
	flags = reason_flags(json_object_get(body, "stop_reason"));
	for (i = 0; i < json_array_size(content); i++)
		flags |= block_flags(json_array_get(content, i));
	v = wire_signs_fault(flags, WIRE_ERROR_ANSWER);
	if (v != WIRE_STORABLE)
		return v;
	/* Without a block it is empty, whatever it says of its end. */
	if (json_array_size(content) == 0)
		return WIRE_EMPTY;
	return verdict_of(flags, policy);
}

/* ---- streams ------------------------------------------------------------ */

static void
note_usage(struct wire_stream *s, json_t *update)
{
	if (wire_messages_add_usage(&s->usage, update) != 0)
		wire_stream_fault(s, WIRE_MEMORY);
}

/* The state of the block an event is about; NULL when it names none. */
static unsigned char *
block_of(struct progress *p, const json_t *payload)
{
	const json_t *index = json_object_get(payload, "index");
	json_int_t i = json_integer_value(index);

	if (!json_is_integer(index) || i < 0 || i >= WIRE_MESSAGES_BLOCKS_MAX)
		return NULL;
	return &p->blocks[i];
}

static void
start_message(struct wire_stream *s, struct progress *p, const json_t *payload)
{
	const json_t *message = json_object_get(payload, "message");

	if (p->started || !json_is_object(message))
		wire_stream_fault(s, WIRE_BAD_JSON);
	if (wire_is_error(message, "content"))
		wire_stream_fault(s, WIRE_ERROR_EVENT);
	p->started = true;
	note_usage(s, json_object_get(message, "usage"));
}

static void
start_block(struct wire_stream *s, struct progress *p, const json_t *payload)
{
	unsigned char *block = block_of(p, payload);

	wire_signs_note(s,
	    block_flags(json_object_get(payload, "content_block")));
	if (block == NULL || *block != BLOCK_NONE || p->finished) {
		wire_stream_fault(s, WIRE_BAD_JSON);
		return;
	}
	*block = BLOCK_OPEN;
	p->open++;
}

static void
add_delta(struct wire_stream *s, struct progress *p, const json_t *payload)
{
	const unsigned char *block = block_of(p, payload);
	const json_t *delta = json_object_get(payload, "delta");

	if (block == NULL || *block != BLOCK_OPEN ||
	    type_of(delta) == NULL)
		wire_stream_fault(s, WIRE_BAD_JSON);
	wire_signs_note(s, text_flags(json_object_get(delta, "text")));
	wire_signs_note(s, text_flags(json_object_get(delta, "thinking")));
}

static void
stop_block(struct wire_stream *s, struct progress *p, const json_t *payload)
{
	unsigned char *block = block_of(p, payload);

	if (block == NULL || *block != BLOCK_OPEN) {
		wire_stream_fault(s, WIRE_BAD_JSON);
		return;
	}
	*block = BLOCK_STOPPED;
	p->open--;
}

static void
add_to_message(struct wire_stream *s, struct progress *p, const json_t *payload)
{
	const json_t *delta = json_object_get(payload, "delta");
	unsigned flags = reason_flags(json_object_get(delta, "stop_reason"));

	if (!json_is_object(delta))
		flags |= WIRE_SIGN_MISSHAPEN;
	wire_signs_note(s, flags);
	p->finished = p->finished || flags & WIRE_SIGN_FINISHED;
	note_usage(s, json_object_get(payload, "usage"));
}

static void
stop_message(struct wire_stream *s, struct progress *p, const json_t *payload)
{
	(void)p;
	(void)payload;
	s->ended = true;
}

static const struct {
	const char *type;
	void (*take)(struct wire_stream *s, struct progress *p,
	    const json_t *payload);
} events[] = {
    {"content_block_delta", add_delta},
    {"content_block_start", start_block},
    {"content_block_stop", stop_block},
    {"message_start", start_message},
    {"message_delta", add_to_message},
    {"message_stop", stop_message},
};

static void
take_payload(struct wire_stream *s, const json_t *payload)
{
	struct progress *p = wire_stream_state(s, sizeof(*p));
	size_t i;

	if (wire_is_error(payload, "type") ||
	    wire_messages_is(payload, "error"))
		wire_stream_fault(s, WIRE_ERROR_EVENT);
	else if (type_of(payload) == NULL)
		wire_stream_fault(s, WIRE_BAD_JSON);
	for (i = 0; p != NULL && i < sizeof(events) / sizeof(events[0]); i++) {
		if (!wire_messages_is(payload, events[i].type))
			continue;
		if (!p->started && events[i].take != start_message)
			wire_stream_fault(s, WIRE_BAD_JSON);
		events[i].take(s, p, payload);
	}
}

void
wire_messages_stream_event(struct wire_stream *s,
    const struct sse_event *event)
{
	wire_stream_take(s, event, take_payload);
}

enum wire_verdict
wire_messages_stream_end(struct wire_stream *s,
    const struct wire_policy *policy)
{
	const struct progress *p = s->state;
	unsigned flags = 0;

	if (s->bad != WIRE_STORABLE)
		return s->bad;
	if (!s->ended)
		return WIRE_NO_TERMINATOR;
	if (p != NULL && p->finished && p->open == 0)
		flags |= WIRE_SIGN_FINISHED;
	flags |= s->any_payload ? WIRE_SIGN_CONTENT : 0;
	flags |= s->ended_by_length ? WIRE_SIGN_BY_LENGTH : 0;
	flags |= s->calls_tools ? WIRE_SIGN_CALLS_TOOLS : 0;
	return verdict_of(flags, policy);
}
