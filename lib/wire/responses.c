#include "wire/responses.h"

#include "wire/payload.h"
#include "wire/responses_text.h"

#include <string.h>

/* What is known of an output item, or of several together. */
enum item_flag {
	ITEM_ADDED = 1,
	ITEM_DONE = 2,
	ITEM_CONTENT = 4,
	ITEM_CALLS_TOOLS = 8,
	ITEM_UNFINISHED = 16,
	ITEM_MISSHAPEN = 32
};

struct responses {
	json_int_t sequence; /* the last sequence_number, if numbered */
	bool numbered;
	size_t n;            /* items, by the highest index */
	unsigned char items[WIRE_RESPONSES_ITEMS_MAX];
};

static const char *
string_of(const json_t *object, const char *member)
{
	const char *s = json_string_value(json_object_get(object, member));

	return s != NULL ? s : "";
}

/* ---- the request -------------------------------------------------------- */

/* Some servers take "true" and 1 for true as well. */
static bool
is_asked(const json_t *value)
{
	return wire_is_set(value) && !json_is_false(value);
}

enum wire_verdict
wire_responses_judge_request(const json_t *body)
{
	const json_t *model = json_object_get(body, "model");
	bool prompt = json_is_object(json_object_get(body, "prompt"));

	if (is_asked(json_object_get(body, "background")))
		return WIRE_BACKGROUND;
	if (wire_is_set(json_object_get(body, "conversation")))
		return WIRE_CONVERSATION;
	if (wire_is_set(json_object_get(body, "previous_response_id")))
		return WIRE_PREVIOUS_RESPONSE;
	if (is_asked(json_object_get(body, "store")))
		return WIRE_STORE_UPSTREAM;
	if (!json_is_string(model) && (!prompt || wire_is_set(model)))
		return WIRE_BODY_SHAPE;
	return prompt || wire_is_set(json_object_get(body, "input")) ?
	    WIRE_STORABLE : WIRE_BODY_SHAPE;
}

/* ---- an answer ---------------------------------------------------------- */

/* Whether a part of a list says something. */
static bool
has_text(const json_t *parts)
{
	const json_t *part;
	size_t i;

	for (i = 0; i < json_array_size(parts); i++) {
		part = json_array_get(parts, i);
		if (json_string_length(json_object_get(part, "text")) > 0 ||
		    json_string_length(json_object_get(part, "refusal")) > 0)
			return true;
	}
	return false;
}

/*
 * A call is an answer by itself; so is the question whether one may be
 * made. Of other types that are not known, nothing is believed.
 */
static unsigned
content_flags(const json_t *item)
{
	static const char call[] = "_call";
	const char *type = string_of(item, "type");
	size_t len = strlen(type), tail = sizeof(call) - 1;

	if (len >= tail && strcmp(type + len - tail, call) == 0)
		return ITEM_CONTENT | ITEM_CALLS_TOOLS;
	if (strcmp(type, "mcp_approval_request") == 0)
		return ITEM_CONTENT | ITEM_CALLS_TOOLS;
	if (strcmp(type, "message") != 0 && strcmp(type, "reasoning") != 0)
		return 0;
	return has_text(json_object_get(item, "content")) ||
	    has_text(json_object_get(item, "summary")) ? ITEM_CONTENT : 0;
}

static unsigned
item_flags(const json_t *item)
{
	if (!json_is_string(json_object_get(item, "type")))
		return ITEM_MISSHAPEN;
	if (wire_responses_says(item, "status", "in_progress") ||
	    wire_responses_says(item, "status", "incomplete"))
		return ITEM_UNFINISHED | content_flags(item);
	return content_flags(item);
}

static unsigned
output_flags(const json_t *output)
{
	unsigned all = 0;
	size_t i;

	if (wire_is_set(output) && !json_is_array(output))
		return ITEM_MISSHAPEN;
	for (i = 0; i < json_array_size(output); i++)
		all |= item_flags(json_array_get(output, i));
	return all;
}

/* Why an answer that calls itself incomplete is so. */
static enum wire_verdict
incomplete_verdict(const json_t *answer)
{
	const json_t *details = json_object_get(answer, "incomplete_details");

	return wire_responses_says(details, "reason", "content_filter") ?
	    WIRE_FILTERED : WIRE_INCOMPLETE;
}

static enum wire_verdict
status_verdict(const json_t *answer)
{
	const json_t *details = json_object_get(answer, "incomplete_details");

	if (wire_is_error(answer, "output") ||
	    wire_responses_says(answer, "status", "failed"))
		return WIRE_ERROR_ANSWER;
	if (!wire_responses_says(answer, "status", "completed") ||
	    wire_is_set(json_object_get(details, "reason")))
		return incomplete_verdict(answer);
	return WIRE_STORABLE;
}

/* The verdict on a completed answer with such items. */
static enum wire_verdict
items_verdict(unsigned flags)
{
	if (flags & ITEM_MISSHAPEN)
		return WIRE_BAD_JSON;
	if (flags & ITEM_UNFINISHED)
		return WIRE_NO_FINISH;
	return flags & ITEM_CONTENT ? WIRE_STORABLE : WIRE_EMPTY;
}

enum wire_verdict
wire_responses_judge_json(const json_t *body, const struct wire_policy *policy,
    json_t **usage)
{
	unsigned flags = output_flags(json_object_get(body, "output"));
	enum wire_verdict v;

	*usage = wire_usage_of(body);
	if (!json_is_object(body))
		return WIRE_BAD_JSON;
	v = status_verdict(body);
	if (v == WIRE_STORABLE)
		v = items_verdict(flags);
	if (v == WIRE_STORABLE && flags & ITEM_CALLS_TOOLS &&
	    !policy->store_tool_calls)
		v = WIRE_TOOL_CALLS;
	return v;
}

/* ---- a stream ----------------------------------------------------------- */

/* A number that does not rise tells of events lost, doubled or swapped. */
static void
note_sequence(struct wire_stream *s, struct responses *r, const json_t *event)
{
	const json_t *number = json_object_get(event, "sequence_number");
	json_int_t n = json_integer_value(number);

	if (!wire_is_set(number))
		return;
	if (!json_is_integer(number) || (r->numbered && n <= r->sequence))
		wire_stream_fault(s, WIRE_BAD_JSON);
	r->numbered = true;
	r->sequence = n;
}

static void
note_item(struct wire_stream *s, struct responses *r, const json_t *event,
    unsigned flags)
{
	const json_t *index = json_object_get(event, "output_index");
	json_int_t i = json_integer_value(index);

	if (!json_is_integer(index) || i < 0 ||
	    i >= WIRE_RESPONSES_ITEMS_MAX || flags & ITEM_MISSHAPEN) {
		wire_stream_fault(s, WIRE_BAD_JSON);
		return;
	}
	r->items[i] = (unsigned char)flags;
	if ((size_t)i >= r->n)
		r->n = (size_t)i + 1;
}

static void
on_added(struct wire_stream *s, struct responses *r, const json_t *event)
{
	note_item(s, r, event, ITEM_ADDED);
}

static void
on_done(struct wire_stream *s, struct responses *r, const json_t *event)
{
	unsigned flags = item_flags(json_object_get(event, "item"));

	note_item(s, r, event, flags | ITEM_DONE);
	s->any_payload = s->any_payload || flags & ITEM_CONTENT;
}

static void
keep_usage(struct wire_stream *s, const json_t *event)
{
	const json_t *answer = json_object_get(event, "response");

	wire_stream_usage(s, json_object_get(answer, "usage"));
}

static unsigned
streamed_flags(struct wire_stream *s, const struct responses *r)
{
	unsigned all = 0;
	size_t i;

	for (i = 0; i < r->n; i++) {
		if ((r->items[i] & (ITEM_ADDED | ITEM_DONE)) == ITEM_ADDED)
			wire_stream_fault(s, WIRE_NO_FINISH);
		all |= r->items[i];
	}
	return all;
}

static void
on_completed(struct wire_stream *s, struct responses *r, const json_t *event)
{
	const json_t *answer = json_object_get(event, "response");
	const json_t *output = json_object_get(answer, "output");
	enum wire_verdict v = status_verdict(answer);
	unsigned flags = output_flags(output), streamed;

	keep_usage(s, event);
	if (!json_is_object(answer))
		v = WIRE_BAD_JSON;
	wire_stream_fault(s, v == WIRE_ERROR_ANSWER ? WIRE_ERROR_EVENT : v);
	streamed = streamed_flags(s, r);
	if (!wire_is_set(output) || json_array_size(output) == 0)
		flags |= streamed;
	wire_stream_fault(s, items_verdict(flags));
	s->any_payload = s->any_payload || flags & ITEM_CONTENT;
	s->calls_tools = flags & ITEM_CALLS_TOOLS;
	s->ended = true;
}

static void
on_incomplete(struct wire_stream *s, struct responses *r, const json_t *event)
{
	(void)r;
	keep_usage(s, event);
	wire_stream_fault(s,
	    incomplete_verdict(json_object_get(event, "response")));
}

static void
on_failed(struct wire_stream *s, struct responses *r, const json_t *event)
{
	(void)r;
	keep_usage(s, event);
	wire_stream_fault(s, WIRE_ERROR_EVENT);
}

/* The events that decide. All others only go by. */
static const struct {
	const char *type;
	void (*on)(struct wire_stream *s, struct responses *r,
	    const json_t *event);
} events[] = {
    {"response.output_item.added", on_added},
    {"response.output_item.done", on_done},
    {"response.completed", on_completed},
    {"response.incomplete", on_incomplete},
    {"response.cancelled", on_incomplete},
    {"response.failed", on_failed},
    {"error", on_failed},
};

void
wire_responses_stream_payload(struct wire_stream *s, const json_t *payload)
{
	struct responses *r = wire_stream_state(s, sizeof(*r));
	size_t i;

	if (r == NULL)
		return;
	if (wire_is_error(payload, "type"))
		wire_stream_fault(s, WIRE_ERROR_EVENT);
	if (string_of(payload, "type")[0] == '\0')
		wire_stream_fault(s, WIRE_BAD_JSON);
	note_sequence(s, r, payload);
	for (i = 0; i < sizeof(events) / sizeof(events[0]); i++) {
		if (wire_responses_says(payload, "type", events[i].type))
			events[i].on(s, r, payload);
	}
}

void
wire_responses_stream_event(struct wire_stream *s,
    const struct sse_event *event)
{
	wire_stream_take(s, event, wire_responses_stream_payload);
}

enum wire_verdict
wire_responses_stream_end(struct wire_stream *s,
    const struct wire_policy *policy)
{
	if (s->bad != WIRE_STORABLE)
		return s->bad;
	if (!s->ended)
		return WIRE_NO_TERMINATOR;
	return s->calls_tools && !policy->store_tool_calls ? WIRE_TOOL_CALLS :
	    WIRE_STORABLE;
}
