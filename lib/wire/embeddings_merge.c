#include "wire/embeddings_merge.h"

#include "wire/embeddings.h"
#include "wire/payload.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- taking apart ------------------------------------------------------- */

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Behind the digits at p; NULL when there are none. */
static const char *
skip_digits(const char *p, const char *end)
{
	const char *start = p;

	while (p < end && is_digit(*p))
		p++;
	return p == start ? NULL : p;
}

/* Behind the number at p (RFC 8259 section 6); NULL when it is none. */
static const char *
skip_number(const char *p, const char *end)
{
	p += p < end && *p == '-';
	if (p < end && *p == '0')
		p++;
	else
		p = skip_digits(p, end);
	if (p != NULL && p < end && *p == '.')
		p = skip_digits(p + 1, end);
	if (p == NULL || p == end || (*p | 32) != 'e')
		return p;
	p++;
	p += p < end && (*p == '+' || *p == '-');
	return skip_digits(p, end);
}

static bool
is_list_of_numbers(const struct json_span *s)
{
	const char *p = s->at + 1, *end = s->at + s->len;

	for (;;) {
		p = skip_number(json_skip_blanks(p, end), end);
		if (p == NULL)
			return false;
		p = json_skip_blanks(p, end);
		if (p < end && *p == ',')
			p++;
		else
			return end - p == 1 && *p == ']';
	}
}

/* As base64 is: printable ASCII that needs no unescaping. */
static bool
is_plain_string(const struct json_span *s)
{
	size_t i;

	if (s->len < 3 || s->at[s->len - 1] != '"')
		return false;
	for (i = 1; i < s->len - 1; i++)
		if (s->at[i] < ' ' || s->at[i] > '~' || s->at[i] == '\\' ||
		    s->at[i] == '"')
			return false;
	return true;
}

/* The short JSON that says as much of a vector's grammar; NULL: none does. */
static const char *
stand_in_for(const struct json_span *vector)
{
	if (vector->at == NULL)
		return NULL;
	if (*vector->at == '[' && is_list_of_numbers(vector))
		return "[0]";
	if (*vector->at == '"' && is_plain_string(vector))
		return "\"x\"";
	return NULL;
}

/*
 * Append the answer with a stand-in for each vector that has been looked
 * through here. It is an answer of the same shape, and JSON if and only if
 * the whole is: a token or two in place of others, at the same place. That
 * saves the parser millions of numbers, each one a value on the heap.
 */
static void
put_outline(struct buf *outline, const struct wire_embeddings *e)
{
	const char *done = e->text, *stand_in;
	struct json_item element;
	struct json_span vector;
	struct json_walk w;

	if (e->data.at != NULL &&
	    json_walk_begin(&w, e->data.at, e->data.len) && !w.object) {
		while (json_walk_next(&w, &element)) {
			vector = json_member_value(element.value.at,
			    element.value.len, "embedding");
			stand_in = stand_in_for(&vector);
			if (stand_in == NULL)
				continue;
			buf_append(outline, done, (size_t)(vector.at - done));
			buf_puts(outline, stand_in);
			done = vector.at + vector.len;
		}
	}
	buf_append(outline, done, (size_t)(e->text + e->len - done));
}

static void
find_members(struct wire_embeddings *e)
{
	struct json_item item;
	struct json_walk w;

	if (!json_walk_begin(&w, e->text, e->len) || !w.object)
		return;
	while (json_walk_next(&w, &item)) {
		if (json_key_is(&item.key, "data"))
			e->data = item.value;
		else if (json_key_is(&item.key, "usage"))
			e->usage_text = item.value;
	}
}

/* The tree of an answer's outline; NULL and why when it is no JSON. */
static json_t *
parse_outline(const struct wire_embeddings *e, enum wire_verdict *verdict)
{
	struct buf outline;
	json_error_t error;
	json_t *tree = NULL;

	/* No stand-in is longer than what it stands for. */
	buf_init(&outline, e->len);
	put_outline(&outline, e);
	*verdict = WIRE_MEMORY;
	if (outline.failed)
		goto out;
	tree = json_loadb(outline.data != NULL ? outline.data : "",
	    outline.len, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, &error);
	if (tree == NULL &&
	    json_error_code(&error) != json_error_out_of_memory)
		*verdict = WIRE_BAD_JSON;
out:
	buf_fini(&outline);
	return tree;
}

static enum wire_verdict
take_elements(struct wire_embeddings *e, size_t n)
{
	struct json_item item;
	struct json_walk w;

	e->elements = calloc(n, sizeof(*e->elements));
	if (e->elements == NULL)
		return WIRE_MEMORY;
	json_walk_begin(&w, e->data.at, e->data.len);
	while (e->n < n && json_walk_next(&w, &item))
		e->elements[e->n++] = item.value;
	return e->n == n ? WIRE_STORABLE : WIRE_BAD_JSON;
}

/*
 * How wide a vector is: its numbers but one, or its characters, as they are
 * meant ("\\/" is one).
 */
static size_t
width_of(const struct json_span *vector)
{
	size_t i, n = 0;

	for (i = 0; i < vector->len; i++)
		n += *vector->at == '[' ? vector->at[i] == ',' :
		    vector->at[i] != '\\';
	return n;
}

bool
wire_embeddings_alike(const struct wire_embeddings *a,
    const struct wire_embeddings *b)
{
	struct json_span x, y;

	x = json_member_value(a->elements[0].at, a->elements[0].len,
	    "embedding");
	y = json_member_value(b->elements[0].at, b->elements[0].len,
	    "embedding");
	return *x.at == *y.at && width_of(&x) == width_of(&y) &&
	    ((a->model == NULL && b->model == NULL) ||
	    json_equal(a->model, b->model));
}

int
wire_embeddings_read(struct wire_embeddings *out, const char *text,
    size_t len, size_t expected, enum wire_verdict *verdict)
{
	json_t *tree, *model;

	memset(out, 0, sizeof(*out));
	out->text = text;
	out->len = len;
	find_members(out);
	tree = parse_outline(out, verdict);
	if (tree == NULL)
		return -1;
	*verdict = wire_embeddings_judge(tree, expected);
	if (*verdict == WIRE_STORABLE)
		*verdict = take_elements(out,
		    json_array_size(json_object_get(tree, "data")));
	model = json_object_get(tree, "model");
	out->model = json_is_string(model) ? json_incref(model) : NULL;
	out->usage = wire_usage_of(tree);
	json_decref(tree);
	if (*verdict == WIRE_STORABLE)
		return 0;
	wire_embeddings_fini(out);
	return -1;
}

void
wire_embeddings_fini(struct wire_embeddings *e)
{
	json_decref(e->model);
	json_decref(e->usage);
	free(e->elements);
	memset(e, 0, sizeof(*e));
}

/* ---- putting together --------------------------------------------------- */

/* Append text from *at up to a piece of it, and go behind that. */
static void
put_up_to(struct buf *out, const char **at, const struct json_span *piece)
{
	buf_append(out, *at, (size_t)(piece->at - *at));
	*at = piece->at + piece->len;
}

/* An element that does not say its place, beside others that do. */
static void
put_numbered(struct buf *out, const struct json_span *element, size_t place)
{
	char text[24];
	int len = snprintf(text, sizeof(text), "%zu", place);
	struct json_span index = {text, (size_t)len};

	json_put_with(out, element->at, element->len, "index", &index);
}

/* Whether any of the elements says its place. */
static bool
are_numbered(const struct json_span *elements, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (json_member_value(elements[i].at, elements[i].len,
		    "index").at != NULL)
			return true;
	}
	return false;
}

static void
put_element(struct buf *out, const struct json_span *element, size_t place,
    bool numbered)
{
	const char *at = element->at, *end = element->at + element->len;
	struct json_span index;

	index = json_member_value(element->at, element->len, "index");
	if (index.at == NULL && numbered) {
		put_numbered(out, element, place);
		return;
	}
	/* It is a number, and something that is none is behind it. */
	if (index.at != NULL && strtod(index.at, NULL) != (double)place) {
		put_up_to(out, &at, &index);
		buf_printf(out, "%zu", place);
	}
	buf_append(out, at, (size_t)(end - at));
}

/* Append the array, set as the template sets it. */
static void
put_data(struct buf *out, const struct wire_embeddings *tmpl,
    const struct json_span *elements, size_t n)
{
	const struct json_span *first = &tmpl->elements[0];
	const struct json_span *last = &tmpl->elements[tmpl->n - 1];
	const char *open = tmpl->data.at, *behind = first->at + first->len;
	const char *close = tmpl->data.at + tmpl->data.len;
	const char *tail = last->at + last->len;
	const bool numbered = are_numbered(elements, n);
	size_t i;

	buf_append(out, open, (size_t)(first->at - open));
	for (i = 0; i < n; i++) {
		if (i > 0 && tmpl->n > 1) {
			buf_append(out, behind,
			    (size_t)(tmpl->elements[1].at - behind));
		} else if (i > 0) {
			buf_putc(out, ',');
			buf_append(out, open + 1,
			    (size_t)(first->at - open - 1));
		}
		put_element(out, &elements[i], i, numbered);
	}
	buf_append(out, tail, (size_t)(close - tail));
}

/* Append a "usage" as the last member; the answer has others. */
static void
add_usage(struct buf *out, const struct wire_embeddings *tmpl,
    const char **at, const json_t *usage)
{
	struct json_span end = {json_members_end(tmpl->text, tmpl->len), 0};

	put_up_to(out, at, &end);
	buf_puts(out, ",\"usage\":");
	wire_put_json(out, usage);
}

int
wire_embeddings_write(struct buf *out,
    const struct wire_embeddings *tmpl, const struct json_span *elements,
    size_t n, const json_t *usage)
{
	const char *at = tmpl->text, *end = tmpl->text + tmpl->len;
	const struct json_span *old = &tmpl->usage_text;
	bool change = usage != NULL && !json_equal(tmpl->usage, usage);

	if (change && old->at != NULL && old->at < tmpl->data.at) {
		put_up_to(out, &at, old);
		wire_put_json(out, usage);
	}
	put_up_to(out, &at, &tmpl->data);
	put_data(out, tmpl, elements, n);
	if (change && old->at == NULL) {
		add_usage(out, tmpl, &at, usage);
	} else if (change && old->at > tmpl->data.at) {
		put_up_to(out, &at, old);
		wire_put_json(out, usage);
	}
	return buf_append(out, at, (size_t)(end - at));
}
