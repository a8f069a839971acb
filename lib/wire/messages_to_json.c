#include "wire/messages.h"

#include "wire/payload.h"

#include <string.h>

static bool
is(const char *s, const char *word)
{
	return strcmp(s, word) == 0;
}

bool
wire_messages_owns_payload(const json_t *payload)
{
	return wire_messages_is(payload, "message_start") &&
	    json_is_object(json_object_get(payload, "message"));
}

struct reader {
	json_t *message; /* NULL before its start */
	json_t *content; /* its blocks so far */
	json_t *end;     /* what message_deltas have brought */
	json_t *usage;   /* of the events so far */
	json_t *block;   /* the open one, or NULL */
	struct buf text; /* of the open block, or its input as JSON text */
	bool called;     /* the open block has had a piece of its input */
	bool stopped;
};

static bool
is_text(const json_t *block)
{
	return wire_messages_is(block, "text");
}

static bool
is_thinking(const json_t *block)
{
	return wire_messages_is(block, "thinking");
}

static bool
is_call(const json_t *block)
{
	return wire_messages_is(block, "tool_use") ||
	    wire_messages_is(block, "server_tool_use") ||
	    wire_messages_is(block, "mcp_tool_use");
}

/* Append a string, or nothing: the text of a block so far, or a piece. */
static int
add_text(struct reader *r, json_t *text)
{
	if (!wire_is_set(text))
		return 0;
	if (!json_is_string(text))
		return -1;
	return buf_append(&r->text, json_string_value(text),
	    json_string_length(text));
}

static int
add_input(struct reader *r, json_t *piece)
{
	/* Pieces replace an input, so one that was there is in doubt. */
	if (wire_has_substance(json_object_get(r->block, "input")))
		return -1;
	r->called = true;
	return json_is_string(piece) ? add_text(r, piece) : -1;
}

static int
add_signature(struct reader *r, json_t *signature)
{
	json_t *old = json_object_get(r->block, "signature");

	/* A second one may be its sequel or its successor. */
	if (!json_is_string(signature) || (wire_is_set(old) &&
	    (!json_is_string(old) || json_string_length(old) > 0)))
		return -1;
	return json_object_set(r->block, "signature", signature);
}

static int
add_citation(struct reader *r, json_t *citation)
{
	json_t *all = json_object_get(r->block, "citations");

	if (!wire_is_set(all)) {
		all = json_array();
		if (json_object_set_new(r->block, "citations", all) != 0)
			return -1;
	}
	return json_array_append(all, citation);
}

static int
add_piece(struct reader *r, json_t *piece)
{
	return json_is_string(piece) ? add_text(r, piece) : -1;
}

static const struct delta_kind {
	const char *type;
	const char *member;
	bool (*fits)(const json_t *block);
	int (*add)(struct reader *r, json_t *value);
} deltas[] = {
    {"text_delta", "text", is_text, add_piece},
    {"thinking_delta", "thinking", is_thinking, add_piece},
    {"input_json_delta", "partial_json", is_call, add_input},
    {"signature_delta", "signature", is_thinking, add_signature},
    {"citations_delta", "citation", is_text, add_citation},
};

/*
 * Whether an object says nothing but its type and what these members say:
 * anything else would be lost.
 */
static bool
has_only(json_t *object, const char *a, const char *b)
{
	const char *key;
	json_t *value;

	json_object_foreach(object, key, value) {
		if (wire_is_set(value) && !is(key, "type") && !is(key, a) &&
		    !is(key, b))
			return false;
	}
	return json_is_object(object);
}

/* The index of an event is the one that is due. */
static bool
is_index(const json_t *payload, size_t due)
{
	const json_t *index = json_object_get(payload, "index");

	return json_is_integer(index) &&
	    json_integer_value(index) == (json_int_t)due;
}

static int
start_message(struct reader *r, json_t *payload)
{
	json_t *message = json_object_get(payload, "message");
	const json_t *content = json_object_get(message, "content");
	json_t *usage = json_object_get(message, "usage");

	if (r->message != NULL || !has_only(payload, "message", "") ||
	    !wire_messages_is(message, "message") ||
	    (wire_is_set(content) && !json_is_array(content)) ||
	    json_array_size(content) > 0 ||
	    (wire_is_set(usage) && !json_is_object(usage)))
		return -1;
	r->message = wire_copy(message);
	r->content = json_array();
	r->end = json_object();
	if (r->content == NULL || r->end == NULL)
		return -1;
	if (json_object_set(r->message, "content", r->content) != 0)
		return -1;
	return wire_messages_add_usage(&r->usage, usage);
}

/* The block's member that its deltas continue; NULL: it has none. */
static const char *
text_member(const json_t *block)
{
	return is_text(block) ? "text" : is_thinking(block) ? "thinking" : NULL;
}

static int
start_block(struct reader *r, json_t *payload)
{
	json_t *block = json_object_get(payload, "content_block"), *citations;
	const char *member = text_member(block);

	if (r->block != NULL || !wire_messages_may_reshape(block) ||
	    !has_only(payload, "index", "content_block") ||
	    !is_index(payload, json_array_size(r->content)))
		return -1;
	r->block = wire_copy(block);
	r->called = false;
	buf_reset(&r->text);
	/* What is added to must be a copy of its own. */
	citations = json_object_get(r->block, "citations");
	if (json_is_array(citations) && json_object_set_new(r->block,
	    "citations", wire_copy(citations)) != 0)
		return -1;
	if (member != NULL)
		return add_text(r, json_object_get(block, member));
	return r->block == NULL ? -1 : 0;
}

static const struct delta_kind *
kind_of(const json_t *delta)
{
	size_t i;

	for (i = 0; i < sizeof(deltas) / sizeof(deltas[0]); i++)
		if (wire_messages_is(delta, deltas[i].type))
			return &deltas[i];
	return NULL;
}

static int
add_delta(struct reader *r, json_t *payload)
{
	json_t *delta = json_object_get(payload, "delta"), *value;
	const struct delta_kind *kind = kind_of(delta);

	if (kind == NULL || r->block == NULL || !kind->fits(r->block) ||
	    !has_only(payload, "index", "delta") ||
	    !is_index(payload, json_array_size(r->content)) ||
	    !has_only(delta, kind->member, ""))
		return -1;
	value = json_object_get(delta, kind->member);
	return value == NULL ? -1 : kind->add(r, value);
}

/* Set the open block's input from its pieces; it must be an object. */
static int
finish_input(struct reader *r)
{
	json_t *input = json_object_get(r->block, "input");

	if (r->called && r->text.len == 0)
		input = json_object();
	else if (r->called)
		input = json_loadb(r->text.data, r->text.len,
		    JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
	else
		json_incref(input);
	if (!json_is_object(input)) {
		json_decref(input);
		return -1;
	}
	return json_object_set_new(r->block, "input", input);
}

static int
finish_text(struct reader *r, const char *member)
{
	const char *text = r->text.data != NULL ? r->text.data : "";

	return json_object_set_new(r->block, member,
	    json_stringn(text, r->text.len));
}

static int
stop_block(struct reader *r, json_t *payload)
{
	const char *member = text_member(r->block);
	int rc = 0;

	if (r->block == NULL || !has_only(payload, "index", "") ||
	    !is_index(payload, json_array_size(r->content)))
		return -1;
	if (member != NULL)
		rc = finish_text(r, member);
	else if (is_call(r->block))
		rc = finish_input(r);
	if (rc == 0)
		rc = json_array_append(r->content, r->block);
	json_decref(r->block);
	r->block = NULL;
	return rc;
}

/* A member of a message that message_delta brings; a null brings nothing. */
static int
add_to_end(struct reader *r, const char *key, json_t *value)
{
	json_t *old = json_object_get(r->end, key);

	if (is(key, "type") || is(key, "content") || is(key, "usage"))
		return -1;
	if (!wire_is_set(value) && old != NULL)
		return 0;
	if (wire_is_set(old) && !json_equal(old, value))
		return -1;
	return json_object_set(r->end, key, value);
}

static bool
is_beside(const char *key)
{
	size_t i;

	for (i = 0; i < WIRE_MESSAGES_BESIDE; i++)
		if (is(key, wire_messages_beside[i]))
			return true;
	return false;
}

static int
add_to_message(struct reader *r, json_t *payload)
{
	json_t *delta = json_object_get(payload, "delta"), *value;
	json_t *usage = json_object_get(payload, "usage");
	const char *key;

	if (r->block != NULL || !json_is_object(delta) ||
	    (wire_is_set(usage) && !json_is_object(usage)))
		return -1;
	json_object_foreach(payload, key, value) {
		if (is(key, "type") || is(key, "delta") || is(key, "usage"))
			continue;
		if (wire_is_set(value) && (!is_beside(key) ||
		    add_to_end(r, key, value) != 0))
			return -1;
	}
	json_object_foreach(delta, key, value) {
		if (add_to_end(r, key, value) != 0)
			return -1;
	}
	return wire_messages_add_usage(&r->usage, usage);
}

static int
stop_message(struct reader *r, json_t *payload)
{
	r->stopped = true;
	return r->block == NULL && has_only(payload, "", "") ? 0 : -1;
}

static const struct {
	const char *type;
	int (*take)(struct reader *r, json_t *payload);
} events[] = {
    {"content_block_delta", add_delta},
    {"content_block_start", start_block},
    {"content_block_stop", stop_block},
    {"message_start", start_message},
    {"message_delta", add_to_message},
    {"message_stop", stop_message},
};

static int
take_payload(struct reader *r, json_t *payload)
{
	size_t i;

	if (r->stopped)
		return -1;
	if (wire_messages_is(payload, "ping"))
		return has_only(payload, "", "") ? 0 : -1;
	if (r->message == NULL && !wire_messages_is(payload, "message_start"))
		return -1;
	for (i = 0; i < sizeof(events) / sizeof(events[0]); i++)
		if (wire_messages_is(payload, events[i].type))
			return events[i].take(r, payload);
	return -1;
}

/* Bring in what the stream's end has told. */
static int
finish_message(struct reader *r, json_t *usage)
{
	const char *key;
	json_t *value;
	int rc = 0;

	json_object_foreach(r->end, key, value) {
		if (wire_is_set(value) ||
		    json_object_get(r->message, key) == NULL)
			rc |= json_object_set(r->message, key, value);
	}
	if (r->usage != NULL)
		usage = r->usage;
	if (usage != NULL)
		rc |= json_object_set(r->message, "usage", usage);
	return r->stopped ? rc : -1;
}

/* Put the message with its members in the order the API has them. */
static int
put_message(struct buf *out, json_t *message)
{
	static const char *const order[] = {"id", "type", "role", "model",
	    "content", "stop_reason", "stop_sequence", "usage"};
	json_t *ordered = json_object(), *value;
	size_t i;
	int rc = 0;

	for (i = 0; i < sizeof(order) / sizeof(order[0]); i++) {
		value = json_object_get(message, order[i]);
		if (value != NULL)
			rc |= json_object_set(ordered, order[i], value);
	}
	/* What it could not add, it does not tell. */
	rc |= json_object_update_missing(ordered, message);
	if (json_object_size(ordered) != json_object_size(message))
		rc = -1;
	if (rc == 0)
		rc = wire_put_json(out, ordered);
	json_decref(ordered);
	return rc;
}

int
wire_messages_to_json(struct buf *out, const json_t *payloads, json_t *usage)
{
	struct reader r = {.stopped = false};
	size_t i;
	int rc = 0;

	buf_init(&r.text, out->max);
	for (i = 0; i < json_array_size(payloads) && rc == 0; i++)
		rc = take_payload(&r, json_array_get(payloads, i));
	if (rc == 0)
		rc = finish_message(&r, usage);
	if (rc == 0)
		rc = put_message(out, r.message);
	json_decref(r.message);
	json_decref(r.content);
	json_decref(r.end);
	json_decref(r.usage);
	json_decref(r.block);
	buf_fini(&r.text);
	return rc == 0 ? 0 : -1;
}
