#include "wire/choices_reshape.h"

#include "wire/payload.h"

#include <string.h>

static const struct wire_policy any_policy = {true, true};

const struct wire_fold_rule wire_groq_rules[] = {
    {.name = "id", .how = WIRE_FOLD_SAME},
    {.how = WIRE_FOLD_ONCE},
};

bool
wire_choices_own(const json_t *value, const char *object)
{
	const char *is = json_string_value(json_object_get(value, "object"));

	return is != NULL && strcmp(is, object) == 0 &&
	    json_is_array(json_object_get(value, "choices"));
}

static bool
is_storable(const json_t *answer, const struct wire_choices_shape *shape)
{
	enum wire_verdict v;
	json_t *usage;

	if (!wire_choices_own(answer, shape->json_object))
		return false;
	v = shape->judge_json(answer, &any_policy, &usage);
	json_decref(usage);
	return v == WIRE_STORABLE;
}

/* ---- JSON to stream: the chunks ----------------------------------------- */

/*
 * Usage as OpenAI sends it: where it was asked for, null in all chunks but
 * its own; else it is left out, though a null that is there stays.
 */
static int
prepare_usage(json_t *chunk, bool asked)
{
	const json_t *usage = json_object_get(chunk, "usage");

	if (asked)
		return json_is_object(usage) ?
		    json_object_set_new(chunk, "usage", json_null()) : -1;
	if (json_is_object(usage))
		return json_object_del(chunk, "usage");
	return wire_is_set(usage) ? -1 : 0;
}

static int
chunks_begin(struct wire_chunks *c, struct buf *out, const json_t *answer,
    const char *object, bool usage)
{
	c->out = out;
	c->begun = false;
	/* A copy of the first level; Jansson only counts a reference. */
	c->chunk = wire_copy(answer);
	if (c->chunk == NULL || prepare_usage(c->chunk, usage) != 0)
		return -1;
	return json_object_set_new(c->chunk, "object", json_string(object));
}

/* Arrays and objects are said once, not in each of a thousand chunks. */
static void
drop_bulk(json_t *chunk)
{
	const char *name;
	json_t *value;
	void *next;

	json_object_foreach_safe(chunk, next, name, value) {
		if ((json_is_object(value) || json_is_array(value)) &&
		    strcmp(name, "choices") != 0)
			json_object_del(chunk, name);
	}
}

/* Write a chunk with one choice, which is taken over. 0 or -1. */
static int
put_chunk(struct wire_chunks *c, json_t *choice)
{
	json_t *choices = json_array();

	if (json_array_append_new(choices, choice) != 0 ||
	    json_object_set(c->chunk, "choices", choices) != 0) {
		json_decref(choices);
		return -1;
	}
	json_decref(choices);
	if (wire_put_event(c->out, NULL, c->chunk) != 0)
		return -1;
	if (!c->begun) {
		drop_bulk(c->chunk);
		c->begun = true;
	}
	return 0;
}

static int
chunks_end(struct wire_chunks *c, const json_t *answer, bool usage)
{
	json_t *told = json_object_get(answer, "usage");

	if (usage && (json_object_set_new(c->chunk, "choices",
	    json_array()) != 0 || json_object_set(c->chunk, "usage",
	    told) != 0 || wire_put_event(c->out, NULL, c->chunk) != 0))
		return -1;
	return buf_puts(c->out, "data: [DONE]\n\n");
}

/*
 * A choice of a chunk: the index of the whole one, content, logprobs, and
 * no finish_reason yet. Both values are taken over. New; or NULL.
 */
static json_t *
part_of(const json_t *choice, const char *name, json_t *content,
    json_t *logprobs)
{
	json_t *part = json_object();
	int rc = json_object_set(part, "index",
	    json_object_get(choice, "index"));

	if (json_object_set_new(part, name, content) != 0)
		rc = -1;
	if (logprobs == NULL && json_object_get(choice, "logprobs") != NULL)
		logprobs = json_null();
	if (logprobs != NULL &&
	    json_object_set_new(part, "logprobs", logprobs) != 0)
		rc = -1;
	if (rc == 0 && json_object_set_new(part, "finish_reason",
	    json_null()) == 0)
		return part;
	json_decref(part);
	return NULL;
}

int
wire_chunks_put(struct wire_chunks *c, const json_t *choice,
    const char *name, json_t *content, json_t *logprobs)
{
	json_t *part = part_of(choice, name, content, logprobs);

	return part == NULL ? -1 : put_chunk(c, part);
}

int
wire_chunks_put_last(struct wire_chunks *c, json_t *choice,
    const char *name, json_t *empty, const char *whole)
{
	json_t *part = part_of(choice, name, empty, NULL), *value;
	const char *member;

	json_object_foreach(choice, member, value) {
		if (strcmp(member, "index") == 0 ||
		    strcmp(member, "logprobs") == 0 ||
		    strcmp(member, whole) == 0)
			continue;
		if (json_object_set(part, member, value) != 0) {
			json_decref(part);
			return -1;
		}
	}
	return part == NULL ? -1 : put_chunk(c, part);
}

static int
put_choices(struct wire_chunks *c, const json_t *choices,
    const struct wire_choices_shape *shape)
{
	json_int_t index, last = -1;
	json_t *choice;
	size_t i;

	/* In another order they would come back in another order. */
	json_array_foreach(choices, i, choice) {
		index = wire_fold_index(choice);
		if (index <= last || shape->put_choice(c, choice) != 0)
			return -1;
		last = index;
	}
	return 0;
}

int
wire_choices_to_stream(struct buf *out, const json_t *answer, bool usage,
    const struct wire_choices_shape *shape)
{
	struct wire_chunks c;
	int rc = -1;

	/* Padding of streams would be lost; no JSON answer has it. */
	if (!is_storable(answer, shape) ||
	    json_object_get(answer, "obfuscation") != NULL ||
	    json_object_get(answer, "p") != NULL)
		return -1;
	if (chunks_begin(&c, out, answer, shape->chunk_object, usage) == 0 &&
	    put_choices(&c, json_object_get(answer, "choices"), shape) == 0)
		rc = chunks_end(&c, answer, usage);
	json_decref(c.chunk);
	return rc;
}

/* ---- stream to JSON ----------------------------------------------------- */

static int
fold_payloads(json_t *whole, const json_t *payloads,
    const struct wire_choices_shape *shape)
{
	json_t *payload;
	size_t i;

	json_array_foreach(payloads, i, payload) {
		if (wire_fold(whole, payload, shape->rules) != 0)
			return -1;
	}
	return wire_fold_finish(whole, shape->rules);
}

static int
settle_choices(json_t *whole, const struct wire_choices_shape *shape)
{
	json_t *choice;
	size_t i;

	if (shape->settle == NULL)
		return 0;
	json_array_foreach(json_object_get(whole, "choices"), i, choice) {
		if (shape->settle(choice) != 0)
			return -1;
	}
	return 0;
}

/* The usage the stream tells, else the one known beside it. */
static int
settle_usage(json_t *whole, json_t *usage)
{
	const json_t *told = json_object_get(whole, "usage");

	if (wire_is_set(told))
		return json_is_object(told) ? 0 : -1;
	if (!json_is_object(usage))
		return 0;
	return json_object_set(whole, "usage", usage);
}

/* The first chunk that is about choices, or NULL. */
static const json_t *
first_of_choices(const json_t *payloads)
{
	json_t *payload;
	size_t i;

	json_array_foreach(payloads, i, payload) {
		if (json_array_size(json_object_get(payload, "choices")) > 0)
			return payload;
	}
	return NULL;
}

int
wire_choices_to_json(struct buf *out, const json_t *payloads, json_t *usage,
    const struct wire_choices_shape *shape)
{
	json_t *whole = json_object();
	int rc = -1;

	if (wire_choices_own(first_of_choices(payloads),
	    shape->chunk_object) &&
	    fold_payloads(whole, payloads, shape) == 0 &&
	    settle_choices(whole, shape) == 0 &&
	    settle_usage(whole, usage) == 0 &&
	    json_object_set_new(whole, "object",
	    json_string(shape->json_object)) == 0 &&
	    is_storable(whole, shape))
		rc = wire_put_json(out, whole);
	json_decref(whole);
	return rc;
}
