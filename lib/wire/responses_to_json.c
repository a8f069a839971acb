#include "wire/responses.h"

#include "wire/payload.h"
#include "wire/responses_text.h"

#include <stdio.h>
#include <string.h>

/*
 * A stream says everything twice: in pieces, and whole at the end. The
 * answer is taken from the end; the pieces are held against it.
 */
struct reader {
	const json_t *answer; /* of response.completed */
	json_t *output;       /* the answer's, or made of the items; owned */
	json_t *lengths;      /* bytes that came, by text; owned */
};

static const char *
type_of(const json_t *payload)
{
	const char *type = json_string_value(json_object_get(payload, "type"));

	return type != NULL ? type : "";
}

/* The answer that ends a stream which may be stored; NULL: it does not. */
static const json_t *
answer_of(const json_t *payloads)
{
	static const struct wire_policy storing_all = {true, true};
	struct wire_stream s = {.usage = NULL};
	size_t i, n = json_array_size(payloads);
	enum wire_verdict v;

	for (i = 0; i < n && !s.ended; i++)
		wire_responses_stream_payload(&s, json_array_get(payloads, i));
	v = wire_responses_stream_end(&s, &storing_all);
	wire_stream_fini(&s);
	if (v != WIRE_STORABLE || i != n)
		return NULL;
	return json_object_get(json_array_get(payloads, n - 1), "response");
}

/* ---- items -------------------------------------------------------------- */

static size_t
count_done(const json_t *payloads)
{
	size_t i, n = 0;

	for (i = 0; i < json_array_size(payloads); i++)
		n += wire_responses_says(json_array_get(payloads, i), "type",
		    "response.output_item.done");
	return n;
}

static json_int_t
index_in(const json_t *event, const char *name)
{
	const json_t *index = json_object_get(event, name);

	return json_is_integer(index) ? json_integer_value(index) : -1;
}

/* An element by the index an event names; NULL when there is none. */
static json_t *
element_of(const json_t *array, const json_t *event, const char *name)
{
	json_int_t i = index_in(event, name);

	return i < 0 ? NULL : json_array_get(array, (size_t)i);
}

static int
place_item(json_t *output, const json_t *event)
{
	json_int_t i = index_in(event, "output_index");

	if (!json_is_null(element_of(output, event, "output_index")))
		return -1;
	return json_array_set(output, (size_t)i,
	    json_object_get(event, "item"));
}

/*
 * The items that the stream brought, as a new array: as many as there are
 * places, each in a place of its own. NULL when it is not so.
 */
static json_t *
items_of(const json_t *payloads)
{
	json_t *output = json_array();
	const json_t *event;
	size_t i;
	int rc = 0;

	for (i = count_done(payloads); i > 0 && rc == 0; i--)
		rc = json_array_append_new(output, json_null());
	for (i = 0; i < json_array_size(payloads) && rc == 0; i++) {
		event = json_array_get(payloads, i);
		if (strcmp(type_of(event), "response.output_item.done") == 0)
			rc = place_item(output, event);
	}
	if (rc == 0)
		return output;
	json_decref(output);
	return NULL;
}

/* ---- texts -------------------------------------------------------------- */

/* A text's name in r->lengths. */
struct text_key {
	char s[64];
};

static struct text_key
key_of(size_t kind, json_int_t item, json_int_t part)
{
	struct text_key key;

	snprintf(key.s, sizeof(key.s),
	    "%zu:%" JSON_INTEGER_FORMAT ":%" JSON_INTEGER_FORMAT, kind, item,
	    part);
	return key;
}

/* The text that an event is about, as the answer has it; or NULL. */
static const json_t *
text_of(const struct reader *r, const struct wire_responses_text *kind,
    const json_t *event)
{
	const json_t *holder = element_of(r->output, event, "output_index");
	const json_t *list;

	if (!wire_responses_says(holder, "type", kind->item_type))
		return NULL;
	if (kind->list != NULL) {
		list = json_object_get(holder, kind->list);
		holder = element_of(list, event, kind->index_name);
		if (!wire_responses_says(holder, "type", kind->part_type))
			return NULL;
	}
	return json_object_get(holder, kind->member);
}

/* A piece must be what the answer's text has at its place. */
static int
check_delta(struct reader *r, size_t kind_index, const json_t *event)
{
	const struct wire_responses_text *kind =
	    &wire_responses_texts[kind_index];
	const json_t *text = text_of(r, kind, event);
	const json_t *delta = json_object_get(event, "delta");
	struct text_key key = key_of(kind_index,
	    index_in(event, "output_index"),
	    kind->list != NULL ? index_in(event, kind->index_name) : 0);
	size_t n = json_string_length(delta);
	size_t had = (size_t)json_integer_value(
	    json_object_get(r->lengths, key.s));

	if (!json_is_string(text) || !json_is_string(delta) ||
	    n > json_string_length(text) - had ||
	    memcmp(json_string_value(text) + had, json_string_value(delta),
	    n) != 0)
		return -1;
	had += n;
	return json_object_set_new(r->lengths, key.s,
	    json_integer((json_int_t)had));
}

/* All of a text must have come. */
static int
check_length(const struct reader *r, const json_t *holder,
    const struct text_key *key, const char *member)
{
	size_t want = json_string_length(json_object_get(holder, member));
	json_int_t had = json_integer_value(
	    json_object_get(r->lengths, key->s));

	return (size_t)had == want ? 0 : -1;
}

static int
check_lengths_of(const struct reader *r, size_t kind_index, size_t item_index)
{
	const struct wire_responses_text *kind =
	    &wire_responses_texts[kind_index];
	const json_t *item = json_array_get(r->output, item_index), *list;
	struct text_key key = key_of(kind_index, (json_int_t)item_index, 0);
	size_t i;

	if (!wire_responses_says(item, "type", kind->item_type))
		return 0;
	if (kind->list == NULL)
		return check_length(r, item, &key, kind->member);
	list = json_object_get(item, kind->list);
	for (i = 0; i < json_array_size(list); i++) {
		item = json_array_get(list, i);
		key = key_of(kind_index, (json_int_t)item_index,
		    (json_int_t)i);
		if (wire_responses_says(item, "type", kind->part_type) &&
		    check_length(r, item, &key, kind->member) != 0)
			return -1;
	}
	return 0;
}

static int
check_lengths(const struct reader *r)
{
	size_t i, n = json_array_size(r->output) * WIRE_RESPONSES_TEXTS;

	for (i = 0; i < n; i++) {
		if (check_lengths_of(r, i % WIRE_RESPONSES_TEXTS,
		    i / WIRE_RESPONSES_TEXTS) != 0)
			return -1;
	}
	return 0;
}

/* ---- events ------------------------------------------------------------- */

/* Whether members are equal, or both absent. */
static bool
same_members(const json_t *a, const json_t *b, const char *const *names)
{
	const json_t *x, *y;

	for (; *names != NULL; names++) {
		x = json_object_get(a, *names);
		y = json_object_get(b, *names);
		if (x != y && !json_equal(x, y))
			return false;
	}
	return true;
}

static bool
same_part(const json_t *a, const json_t *b)
{
	static const char *const names[] = {"type", "text", "refusal", NULL};

	return same_members(a, b, names);
}

static bool
same_list(const json_t *a, const json_t *b, const char *name)
{
	size_t i, n;

	a = json_object_get(a, name);
	b = json_object_get(b, name);
	n = json_array_size(a);
	if (n != json_array_size(b))
		return false;
	for (i = 0; i < n; i++) {
		if (!same_part(json_array_get(a, i), json_array_get(b, i)))
			return false;
	}
	return true;
}

/*
 * Whether two items say the same. Their ids may differ: some servers make
 * them anew for the end; encrypted reasoning is never the same twice.
 */
static bool
same_item(const json_t *a, const json_t *b)
{
	static const char *const names[] = {"type", "name", "arguments",
	    "input", NULL};

	return same_members(a, b, names) && same_list(a, b, "content") &&
	    same_list(a, b, "summary");
}

static int
check_item(const struct reader *r, const json_t *event)
{
	return same_item(element_of(r->output, event, "output_index"),
	    json_object_get(event, "item")) ? 0 : -1;
}

static int
check_text_event(struct reader *r, size_t kind_index, const json_t *event)
{
	const struct wire_responses_text *kind =
	    &wire_responses_texts[kind_index];
	size_t len = strlen(kind->event);
	const char *type = type_of(event);

	if (strncmp(type, kind->event, len) != 0)
		return 0;
	if (strcmp(type + len, ".delta") == 0)
		return check_delta(r, kind_index, event);
	if (strcmp(type + len, ".done") != 0)
		return 0;
	return json_equal(text_of(r, kind, event),
	    json_object_get(event, kind->member)) ? 0 : -1;
}

static int
check_event(struct reader *r, const json_t *event)
{
	static const char *const names[] = {"id", NULL};
	const json_t *answer = json_object_get(event, "response");
	size_t i;

	if (json_is_object(answer) && !same_members(answer, r->answer, names))
		return -1;
	if (strcmp(type_of(event), "response.output_item.done") == 0)
		return check_item(r, event);
	for (i = 0; i < WIRE_RESPONSES_TEXTS; i++) {
		if (check_text_event(r, i, event) != 0)
			return -1;
	}
	return 0;
}

static int
check_events(struct reader *r, const json_t *payloads)
{
	size_t i;

	for (i = 0; i < json_array_size(payloads); i++) {
		if (check_event(r, json_array_get(payloads, i)) != 0)
			return -1;
	}
	return 0;
}

/* ---- the answer --------------------------------------------------------- */

static int
put_answer(struct buf *out, const struct reader *r)
{
	json_t *whole = wire_copy(r->answer);
	int rc = -1;

	if (json_object_set(whole, "output", r->output) == 0 &&
	    wire_responses_is_whole(whole))
		rc = wire_put_json(out, whole);
	json_decref(whole);
	return rc;
}

int
wire_responses_to_json(struct buf *out, const json_t *payloads, json_t *usage)
{
	struct reader r = {.answer = answer_of(payloads)};
	json_t *streamed, *own;
	int rc = -1;

	(void)usage;
	if (r.answer == NULL)
		return -1;
	own = json_object_get(r.answer, "output");
	streamed = items_of(payloads);
	r.output = json_incref(json_array_size(own) > 0 ? own : streamed);
	r.lengths = json_object();
	/* Who read the stream has seen as many items as are in the answer. */
	if (streamed != NULL &&
	    json_array_size(streamed) == json_array_size(r.output) &&
	    check_events(&r, payloads) == 0 && check_lengths(&r) == 0)
		rc = put_answer(out, &r);
	json_decref(streamed);
	json_decref(r.output);
	json_decref(r.lengths);
	return rc;
}
