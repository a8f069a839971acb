#include "wire/responses.h"

#include "wire/payload.h"
#include "wire/responses_text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { EVENT_NAME_MAX = 64 };

bool
wire_responses_owns_json(const json_t *answer)
{
	return wire_responses_says(answer, "object", "response");
}

bool
wire_responses_owns_payload(const json_t *payload)
{
	static const char prefix[] = "response.";
	const char *type = json_string_value(json_object_get(payload, "type"));

	return type != NULL && strncmp(type, prefix, sizeof(prefix) - 1) == 0;
}

struct writer {
	struct buf *out;
	json_int_t sequence;
	const json_t *item;    /* the one being written, and its place */
	json_int_t item_index;
	const struct wire_responses_text *kind; /* the text of it, and its place */
	json_int_t part_index;
	bool failed;           /* memory was short: sticky */
};

static void
set_new(struct writer *w, json_t *object, const char *name, json_t *value)
{
	if (json_object_set_new(object, name, value) != 0)
		w->failed = true;
}

static void
set(struct writer *w, json_t *object, const char *name, const json_t *value)
{
	if (json_object_set(object, name, (json_t *)(uintptr_t)value) != 0)
		w->failed = true;
}

static void
set_index(struct writer *w, json_t *event, const char *name, json_int_t index)
{
	set_new(w, event, name, json_integer(index));
}

static json_t *
new_event(struct writer *w, const char *type, const char *suffix)
{
	char name[EVENT_NAME_MAX];
	json_t *event = json_object();

	snprintf(name, sizeof(name), "%s%s", type, suffix);
	set_new(w, event, "type", json_string(name));
	set_index(w, event, "sequence_number", w->sequence++);
	return event;
}

/* An event about a text of the item, or about the part that it is in. */
static json_t *
new_text_event(struct writer *w, const char *type, const char *suffix)
{
	json_t *event = new_event(w, type, suffix);

	set(w, event, "item_id", json_object_get(w->item, "id"));
	set_index(w, event, "output_index", w->item_index);
	if (w->kind->list != NULL)
		set_index(w, event, w->kind->index_name, w->part_index);
	return event;
}

static int
put(struct writer *w, json_t *event)
{
	const char *name = json_string_value(json_object_get(event, "type"));
	int rc = -1;

	if (!w->failed)
		rc = wire_put_event(w->out, name, event);
	json_decref(event);
	return rc;
}

static int
put_response(struct writer *w, const char *type, const json_t *answer)
{
	json_t *event = new_event(w, type, "");

	set(w, event, "response", answer);
	return put(w, event);
}

static int
put_item_event(struct writer *w, const char *type, const json_t *item)
{
	json_t *event = new_event(w, type, "");

	set_index(w, event, "output_index", w->item_index);
	set(w, event, "item", item);
	return put(w, event);
}

static int
put_part_event(struct writer *w, const char *suffix, const json_t *part)
{
	json_t *event = new_text_event(w, w->kind->part_event, suffix);

	set(w, event, "part", part);
	return put(w, event);
}

/* logprobs: a new reference. */
static int
put_delta_with(struct writer *w, json_t *piece, json_t *logprobs)
{
	json_t *event = new_text_event(w, w->kind->event, ".delta");

	set(w, event, "delta", piece);
	if (w->kind->has_extras)
		set_new(w, event, "logprobs", logprobs);
	else
		json_decref(logprobs);
	return put(w, event);
}

static int
put_delta(void *arg, json_t *piece)
{
	return put_delta_with(arg, piece, json_array());
}

static int
put_tokens(struct writer *w, const json_t *logprobs)
{
	json_t *entry;
	size_t i;

	for (i = 0; i < json_array_size(logprobs); i++) {
		entry = json_array_get(logprobs, i);
		if (put_delta_with(w, json_object_get(entry, "token"),
		    json_pack("[O]", entry)) != 0)
			return -1;
	}
	return 0;
}

static int
put_deltas(struct writer *w, const json_t *holder, const json_t *text)
{
	const json_t *logprobs = json_object_get(holder, "logprobs");

	if (w->kind->has_extras && json_array_size(logprobs) > 0 &&
	    wire_tokens_spell(logprobs, "token", text))
		return put_tokens(w, logprobs);
	return wire_each_piece(text, put_delta, w);
}

static int
put_annotations(struct writer *w, const json_t *annotations)
{
	json_t *event;
	size_t i;

	for (i = 0; i < json_array_size(annotations); i++) {
		event = new_text_event(w, w->kind->event, ".annotation.added");
		set_index(w, event, "annotation_index", (json_int_t)i);
		set(w, event, "annotation", json_array_get(annotations, i));
		if (put(w, event) != 0)
			return -1;
	}
	return 0;
}

static int
put_text_done(struct writer *w, const json_t *holder, const json_t *text)
{
	const json_t *logprobs = json_object_get(holder, "logprobs");
	const json_t *name = json_object_get(holder, "name");
	json_t *event = new_text_event(w, w->kind->event, ".done");

	set(w, event, w->kind->member, text);
	if (w->kind->has_extras && wire_is_set(logprobs))
		set(w, event, "logprobs", logprobs);
	else if (w->kind->has_extras)
		set_new(w, event, "logprobs", json_array());
	else if (strcmp(w->kind->member, "arguments") == 0 &&
	    json_is_string(name))
		set(w, event, "name", name);
	return put(w, event);
}

/* holder: the part, or the item itself. */
static int
put_text(struct writer *w, const json_t *holder)
{
	const json_t *text = json_object_get(holder, w->kind->member);

	if (!json_is_string(text) ||
	    !json_is_string(json_object_get(w->item, "id")))
		return -1;
	if (put_deltas(w, holder, text) != 0)
		return -1;
	if (w->kind->has_extras && put_annotations(w,
	    json_object_get(holder, "annotations")) != 0)
		return -1;
	return put_text_done(w, holder, text);
}

static bool
is_list_or_unset(const json_t *object, const char *member)
{
	const json_t *value = json_object_get(object, member);

	return !wire_is_set(value) || json_is_array(value);
}

/* A list begins as an empty one, where there is one. */
static void
empty_list(struct writer *w, json_t *shell, const char *member)
{
	if (json_is_array(json_object_get(shell, member)))
		set_new(w, shell, member, json_array());
}

static int
put_part(struct writer *w, const json_t *part)
{
	json_t *shell = wire_copy(part);
	int rc;

	set_new(w, shell, w->kind->member, json_string(""));
	if (w->kind->has_extras) {
		empty_list(w, shell, "annotations");
		empty_list(w, shell, "logprobs");
	}
	rc = put_part_event(w, ".added", shell);
	json_decref(shell);
	if (rc != 0 || put_text(w, part) != 0)
		return -1;
	return put_part_event(w, ".done", part);
}

static int
put_list(struct writer *w, const char *list)
{
	const json_t *parts = json_object_get(w->item, list), *part;
	size_t i;

	if (!is_list_or_unset(w->item, list))
		return -1;
	for (i = 0; i < json_array_size(parts); i++) {
		part = json_array_get(parts, i);
		w->kind = wire_responses_text_of_part(w->item, list, part);
		w->part_index = (json_int_t)i;
		if (w->kind == NULL || !is_list_or_unset(part, "annotations") ||
		    !is_list_or_unset(part, "logprobs") ||
		    put_part(w, part) != 0)
			return -1;
	}
	return 0;
}

/* What of the item comes between its two events. */
static int
put_inside(struct writer *w)
{
	size_t i;

	if (wire_responses_says(w->item, "type", "message"))
		return put_list(w, "content");
	if (wire_responses_says(w->item, "type", "reasoning"))
		return put_list(w, "summary") == 0 ? put_list(w, "content") :
		    -1;
	for (i = 0; i < WIRE_RESPONSES_TEXTS; i++) {
		w->kind = &wire_responses_texts[i];
		if (wire_responses_says(w->item, "type", w->kind->item_type))
			return put_text(w, w->item);
	}
	return 0;
}

/* The item as it was when it began: without all that its deltas bring. */
static json_t *
shell_of(struct writer *w)
{
	json_t *shell = wire_copy(w->item);
	const struct wire_responses_text *kind = wire_responses_texts;
	size_t i;

	if (wire_is_set(json_object_get(shell, "status")))
		set_new(w, shell, "status", json_string("in_progress"));
	for (i = 0; i < WIRE_RESPONSES_TEXTS; i++, kind++) {
		if (!wire_responses_says(shell, "type", kind->item_type))
			continue;
		if (kind->list != NULL)
			empty_list(w, shell, kind->list);
		else
			set_new(w, shell, kind->member, json_string(""));
	}
	return shell;
}

static int
put_item(struct writer *w, const json_t *item, size_t index)
{
	json_t *shell;
	int rc;

	w->item = item;
	w->item_index = (json_int_t)index;
	shell = shell_of(w);
	rc = put_item_event(w, "response.output_item.added", shell);
	json_decref(shell);
	if (rc != 0 || put_inside(w) != 0)
		return -1;
	return put_item_event(w, "response.output_item.done", item);
}

/* The answer as it was when it began. */
static int
put_beginning(struct writer *w, const json_t *answer)
{
	json_t *shell = wire_copy(answer);
	int rc;

	set_new(w, shell, "status", json_string("in_progress"));
	set_new(w, shell, "output", json_array());
	if (json_object_get(shell, "usage") != NULL)
		set_new(w, shell, "usage", json_null());
	if (json_object_get(shell, "completed_at") != NULL)
		set_new(w, shell, "completed_at", json_null());
	/* The official packages' name for all texts; some servers send it. */
	if (json_is_string(json_object_get(shell, "output_text")))
		set_new(w, shell, "output_text", json_string(""));
	rc = put_response(w, "response.created", shell);
	if (rc == 0)
		rc = put_response(w, "response.in_progress", shell);
	json_decref(shell);
	return rc;
}

int
wire_responses_to_stream(struct buf *out, const json_t *answer, bool usage)
{
	const json_t *output = json_object_get(answer, "output");
	struct writer w = {.out = out};
	size_t i;

	(void)usage;
	if (!wire_responses_is_whole(answer) ||
	    json_array_size(output) > WIRE_RESPONSES_ITEMS_MAX)
		return -1;
	if (put_beginning(&w, answer) != 0)
		return -1;
	for (i = 0; i < json_array_size(output); i++) {
		if (put_item(&w, json_array_get(output, i), i) != 0)
			return -1;
	}
	return put_response(&w, "response.completed", answer);
}
