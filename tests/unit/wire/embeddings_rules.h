/*
 * What must hold of every text: taking it apart as an embeddings answer
 * says what judging its tree says, and putting it together again gives it
 * back. For the unit test and for the fuzz target.
 */
#ifndef TEST_EMBEDDINGS_RULES_H
#define TEST_EMBEDDINGS_RULES_H

#include "wire/embeddings.h"
#include "wire/embeddings_merge.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static inline json_t *
rules_parse(const char *text, size_t len, json_error_t *error)
{
	return json_loadb(text, len, JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES,
	    error);
}

/* How many elements say their place; when some do, all are made to. */
static inline size_t
rules_numbered(const json_t *tree)
{
	const json_t *data = json_object_get(tree, "data");
	size_t i, n = 0;

	for (i = 0; i < json_array_size(data); i++)
		n += json_object_get(json_array_get(data, i), "index") != NULL;
	return n;
}

/* The tree with its elements reversed and this usage. */
static inline json_t *
rules_reversed(const json_t *tree, json_t *usage)
{
	json_t *copy = json_deep_copy(tree), *element, *was;
	json_t *data = json_object_get(copy, "data"), *other = json_array();
	size_t i, n = json_array_size(data);

	for (i = 0; i < n; i++) {
		element = json_deep_copy(json_array_get(data, n - 1 - i));
		was = json_object_get(element, "index");
		if (was == NULL ? rules_numbered(tree) > 0 :
		    json_number_value(was) != (double)i)
			json_object_set_new(element, "index",
			    json_integer((json_int_t)i));
		json_array_append_new(other, element);
	}
	json_object_set_new(copy, "data", other);
	json_object_set(copy, "usage", usage);
	return copy;
}

static inline bool
rules_write_reversed(const struct wire_embeddings *e, const json_t *tree)
{
	struct json_span *elements = calloc(e->n, sizeof(*elements));
	json_t *usage = json_pack("{s:i}", "total_tokens", 77);
	json_t *want = rules_reversed(tree, usage), *got;
	struct buf out;
	size_t i;
	bool good;

	for (i = 0; i < e->n; i++)
		elements[i] = e->elements[e->n - 1 - i];
	buf_init(&out, 2 * e->len + 64 * e->n + 256);
	good = wire_embeddings_write(&out, e, elements, e->n, usage) == 0;
	got = good ? rules_parse(out.data, out.len, NULL) : NULL;
	good = good && got != NULL && json_equal(got, want);
	json_decref(got);
	json_decref(want);
	json_decref(usage);
	free(elements);
	buf_fini(&out);
	return good;
}

/*
 * What has not changed keeps its bytes; but for the blanks between
 * elements, which are those between the first two throughout.
 */
static inline bool
rules_write_same(const struct wire_embeddings *e, const json_t *tree)
{
	json_t *got = NULL;
	struct buf out;
	bool good;

	buf_init(&out, 2 * e->len + 64 * e->n);
	good = wire_embeddings_write(&out, e, e->elements, e->n,
	    e->usage) == 0;
	if (good && e->n > 2)
		got = rules_parse(out.data, out.len, NULL);
	if (got != NULL)
		good = json_equal(got, tree);
	else
		good = good && out.len == e->len &&
		    memcmp(out.data, e->text, e->len) == 0;
	json_decref(got);
	buf_fini(&out);
	return good;
}

static inline bool
rules_elements(const struct wire_embeddings *e, const json_t *tree)
{
	const json_t *data = json_object_get(tree, "data");
	json_t *element;
	size_t i;
	bool good = e->n == json_array_size(data);

	for (i = 0; i < e->n && good; i++) {
		element = rules_parse(e->elements[i].at, e->elements[i].len,
		    NULL);
		good = element != NULL &&
		    json_equal(element, json_array_get(data, i));
		json_decref(element);
	}
	return good;
}

static inline bool
rules_same_or_null(const json_t *found, const json_t *value, bool is_kind)
{
	return is_kind ? found != NULL && json_equal(found, value) :
	    found == NULL;
}

static inline bool
rules_taken_apart(const struct wire_embeddings *e, const json_t *tree)
{
	const json_t *model = json_object_get(tree, "model");
	const json_t *usage = json_object_get(tree, "usage");

	return rules_elements(e, tree) &&
	    rules_same_or_null(e->model, model, json_is_string(model)) &&
	    rules_same_or_null(e->usage, usage, json_is_object(usage)) &&
	    ((rules_numbered(tree) > 0 && rules_numbered(tree) < e->n) ||
	    rules_write_same(e, tree)) && rules_write_reversed(e, tree);
}

/*
 * Whether a text keeps the rules. Only a vector's number that no double
 * holds may be taken where a parser refuses: it is never parsed.
 */
static inline bool
rules_hold(const char *text, size_t len)
{
	struct wire_embeddings e;
	enum wire_verdict v = WIRE_STORABLE;
	json_error_t error;
	json_t *tree = rules_parse(text, len, &error);
	size_t n = json_array_size(json_object_get(tree, "data"));
	bool good, taken;

	if (tree == NULL) {
		if (wire_embeddings_read(&e, text, len, 1, &v) == -1)
			return v == WIRE_BAD_JSON ||
			    json_error_code(&error) ==
			    json_error_numeric_overflow;
		wire_embeddings_fini(&e);
		return json_error_code(&error) == json_error_numeric_overflow;
	}
	taken = wire_embeddings_read(&e, text, len, n, &v) == 0;
	good = v == wire_embeddings_judge(tree, n) &&
	    taken == (v == WIRE_STORABLE) &&
	    (!taken || rules_taken_apart(&e, tree));
	if (taken)
		wire_embeddings_fini(&e);
	json_decref(tree);
	return good;
}

#endif
