#include "wire/messages.h"

#include "wire/payload.h"

bool
wire_messages_owns_json(const json_t *answer)
{
	return wire_messages_is(answer, "message") &&
	    json_is_array(json_object_get(answer, "content")) &&
	    !json_is_string(json_object_get(answer, "object"));
}

/* Where the deltas of a block go, and what they are. */
struct writer {
	struct buf *out;
	size_t index;
	const char *delta;  /* type of the delta */
	const char *member; /* its member that holds the piece */
};

/* Put an event named as its type says. Takes the payload, NULL too. */
static int
put_event(struct buf *out, json_t *payload)
{
	const json_t *type = json_object_get(payload, "type");
	int rc = -1;

	if (payload != NULL)
		rc = wire_put_event(out, json_string_value(type), payload);
	json_decref(payload);
	return rc;
}

static int
put_delta(void *arg, json_t *piece)
{
	const struct writer *w = arg;

	return put_event(w->out, json_pack("{s:s, s:I, s:{s:s, s:O}}", "type",
	    "content_block_delta", "index", (json_int_t)w->index, "delta",
	    "type", w->delta, w->member, piece));
}

/* Empty a member that must be a string. */
static int
empty_string(json_t *shell, const char *member)
{
	if (!json_is_string(json_object_get(shell, member)))
		return -1;
	return json_object_set_new(shell, member, json_string(""));
}

static int
empty_text(json_t *shell)
{
	if (json_is_array(json_object_get(shell, "citations")) &&
	    json_object_set_new(shell, "citations", json_array()) != 0)
		return -1;
	return empty_string(shell, "text");
}

static int
put_text(struct writer *w, const json_t *block)
{
	const json_t *citations = json_object_get(block, "citations");
	size_t i;
	int rc;

	w->delta = "text_delta";
	w->member = "text";
	rc = wire_each_piece(json_object_get(block, "text"), put_delta, w);
	w->delta = "citations_delta";
	w->member = "citation";
	for (i = 0; i < json_array_size(citations) && rc == 0; i++)
		rc = put_delta(w, json_array_get(citations, i));
	return rc;
}

static int
empty_thinking(json_t *shell)
{
	if (json_is_string(json_object_get(shell, "signature")) &&
	    empty_string(shell, "signature") != 0)
		return -1;
	return empty_string(shell, "thinking");
}

static int
put_thinking(struct writer *w, const json_t *block)
{
	json_t *signature = json_object_get(block, "signature");

	w->delta = "thinking_delta";
	w->member = "thinking";
	if (wire_each_piece(json_object_get(block, "thinking"), put_delta, w))
		return -1;
	w->delta = "signature_delta";
	w->member = "signature";
	return json_string_length(signature) == 0 ? 0 : put_delta(w, signature);
}

static int
empty_input(json_t *shell)
{
	if (!json_is_object(json_object_get(shell, "input")))
		return -1;
	return json_object_set_new(shell, "input", json_object());
}

/* An input's first piece is "", and the only one of an empty input. */
static int
put_input(struct writer *w, const json_t *block)
{
	const json_t *input = json_object_get(block, "input");
	json_t *text = json_string("");
	struct buf b;
	int rc;

	w->delta = "input_json_delta";
	w->member = "partial_json";
	rc = text == NULL ? -1 : put_delta(w, text);
	json_decref(text);
	if (rc != 0 || json_object_size(input) == 0)
		return rc;
	buf_init(&b, w->out->max);
	rc = wire_put_json(&b, input);
	text = rc == 0 ? json_stringn(b.data, b.len) : NULL;
	rc = text == NULL ? -1 : wire_each_piece(text, put_delta, w);
	json_decref(text);
	buf_fini(&b);
	return rc;
}

/* The blocks that come in deltas; all others come whole. */
static const struct block_kind {
	const char *type;
	int (*empty)(json_t *shell);
	int (*put)(struct writer *w, const json_t *block);
} streamed[] = {
    {"text", empty_text, put_text},
    {"thinking", empty_thinking, put_thinking},
    {"tool_use", empty_input, put_input},
    {"server_tool_use", empty_input, put_input},
    {"mcp_tool_use", empty_input, put_input},
};

static const struct block_kind *
kind_of(const json_t *block)
{
	size_t i;

	for (i = 0; i < sizeof(streamed) / sizeof(streamed[0]); i++)
		if (wire_messages_is(block, streamed[i].type))
			return &streamed[i];
	return NULL;
}

static int
put_content(struct writer *w, const json_t *block, json_t *shell)
{
	const struct block_kind *kind = kind_of(block);

	if (shell == NULL || (kind != NULL && kind->empty(shell) != 0))
		return -1;
	if (put_event(w->out, json_pack("{s:s, s:I, s:O}", "type",
	    "content_block_start", "index", (json_int_t)w->index,
	    "content_block", shell)) != 0)
		return -1;
	return kind != NULL ? kind->put(w, block) : 0;
}

static int
put_block(struct buf *out, size_t index, json_t *block)
{
	struct writer w = {.out = out, .index = index};
	json_t *shell;
	int rc;

	if (!wire_messages_may_reshape(block))
		return -1;
	shell = wire_copy(block);
	rc = put_content(&w, block, shell);
	json_decref(shell);
	if (rc != 0)
		return -1;
	return put_event(out, json_pack("{s:s, s:I}", "type",
	    "content_block_stop", "index", (json_int_t)index));
}

/* What only the end of a stream tells, in its delta. */
static const char *const at_end[] = {
    "stop_reason", "stop_sequence", "stop_details", "container"};

enum { N_AT_END = sizeof(at_end) / sizeof(at_end[0]) };

/* Copy the members of these names that an answer has. 0 or -1. */
static int
copy_members(json_t *to, const json_t *answer, const char *const *names,
    size_t n)
{
	json_t *value;
	size_t i;
	int rc = 0;

	for (i = 0; i < n; i++) {
		value = json_object_get(answer, names[i]);
		if (value != NULL)
			rc |= json_object_set(to, names[i], value);
	}
	return rc;
}

/* The same members are null as yet. */
static int
clear_members(json_t *message, const char *const *names, size_t n)
{
	size_t i;
	int rc = 0;

	for (i = 0; i < n; i++) {
		if (json_object_get(message, names[i]) != NULL)
			rc |= json_object_set_new(message, names[i],
			    json_null());
	}
	return rc;
}

/* The message at its start takes usage; its tokens are yet to come. */
static int
put_start(struct buf *out, const json_t *answer, json_t *usage)
{
	json_t *message = wire_copy(answer);
	int rc = 0;

	if (json_is_integer(json_object_get(usage, "output_tokens")))
		rc |= json_object_set_new(usage, "output_tokens",
		    json_integer(0));
	rc |= clear_members(message, at_end, N_AT_END);
	rc |= clear_members(message, wire_messages_beside,
	    WIRE_MESSAGES_BESIDE);
	rc |= json_object_set_new(message, "content", json_array());
	rc |= json_object_set_new(message, "usage", usage);
	if (rc == 0)
		rc = put_event(out, json_pack("{s:s, s:O}", "type",
		    "message_start", "message", message));
	json_decref(message);
	return rc;
}

static int
put_end(struct buf *out, const json_t *answer)
{
	json_t *delta = json_object(), *event;
	int rc = copy_members(delta, answer, at_end, N_AT_END);

	event = json_pack("{s:s, s:o, s:O}", "type", "message_delta", "delta",
	    delta, "usage", json_object_get(answer, "usage"));
	rc |= copy_members(event, answer, wire_messages_beside,
	    WIRE_MESSAGES_BESIDE);
	if (rc == 0)
		return put_event(out, event) != 0 ? -1 :
		    put_event(out, json_pack("{s:s}", "type", "message_stop"));
	json_decref(event);
	return -1;
}

int
wire_messages_to_stream(struct buf *out, const json_t *answer, bool usage)
{
	const json_t *content = json_object_get(answer, "content");
	json_t *spent = json_object_get(answer, "usage");
	size_t i;

	(void)usage;
	if (!wire_messages_owns_json(answer) || !json_is_object(spent) ||
	    json_array_size(content) > WIRE_MESSAGES_BLOCKS_MAX)
		return -1;
	if (put_start(out, answer, wire_copy(spent)) != 0)
		return -1;
	for (i = 0; i < json_array_size(content); i++)
		if (put_block(out, i, json_array_get(content, i)) != 0)
			return -1;
	return put_end(out, answer);
}
