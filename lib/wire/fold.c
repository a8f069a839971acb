#include "wire/fold.h"

#include "base/buf.h"
#include "wire/payload.h"

#include <string.h>

/* A higher index is not believed. */
enum { INDEX_MAX = 1023 };

static const struct wire_fold_rule *
rule_for(const struct wire_fold_rule *rules, const char *name)
{
	while (rules->name != NULL && strcmp(rules->name, name) != 0)
		rules++;
	return rules;
}

/* ---- adding a part ------------------------------------------------------ */

static int
fold_once(json_t *whole, const char *name, json_t *value, int same_is_fine)
{
	json_t *have = json_object_get(whole, name);

	if (!wire_is_set(have))
		return json_object_set(whole, name, value);
	return same_is_fine && json_equal(have, value) ? 0 : -1;
}

static int
fold_last(json_t *whole, const char *name, json_t *value)
{
	if (json_is_string(value) && json_string_length(value) == 0 &&
	    wire_is_set(json_object_get(whole, name)))
		return 0;
	return json_object_set(whole, name, value);
}

static bool
is_nothing(const json_t *value)
{
	if (json_is_integer(value))
		return json_integer_value(value) == 0;
	return !json_is_real(value) && !json_is_boolean(value) &&
	    !wire_has_substance(value);
}

static int
fold_settled(json_t *whole, const char *name, json_t *value)
{
	json_t *have = json_object_get(whole, name);

	if (is_nothing(have))
		return json_object_set(whole, name, value);
	return is_nothing(value) || json_equal(have, value) ? 0 : -1;
}

/* The array that collects a member's parts. Borrowed; NULL without memory. */
static json_t *
list_of(json_t *whole, const char *name)
{
	json_t *list = json_object_get(whole, name);

	if (json_is_array(list))
		return list;
	if (json_object_set_new(whole, name, json_array()) != 0)
		return NULL;
	return json_object_get(whole, name);
}

/* Until the end the pieces are kept apart: joining each would be slow. */
static int
fold_text(json_t *whole, const char *name, json_t *value)
{
	json_t *list = list_of(whole, name);

	if (list == NULL || !json_is_string(value))
		return -1;
	return json_array_append(list, value);
}

static int
fold_list(json_t *whole, const char *name, json_t *value)
{
	json_t *list = list_of(whole, name);

	if (list == NULL || !json_is_array(value))
		return -1;
	return json_array_extend(list, value);
}

static int
fold_object(json_t *whole, const char *name, json_t *value,
    const struct wire_fold_rule *inner)
{
	if (!json_is_object(value))
		return -1;
	if (!json_is_object(json_object_get(whole, name)) &&
	    json_object_set_new(whole, name, json_object()) != 0)
		return -1;
	return wire_fold(json_object_get(whole, name), value, inner);
}

json_int_t
wire_fold_index(const json_t *element)
{
	const json_t *index = json_object_get(element, "index");
	json_int_t i = json_integer_value(index);

	return json_is_integer(index) && i >= 0 && i <= INDEX_MAX ? i : -1;
}

/*
 * The whole of an index in a list that is sorted by it, put there when it
 * is new. Borrowed; NULL without memory.
 */
static json_t *
indexed(json_t *list, json_int_t index)
{
	size_t at = json_array_size(list);
	json_t *fresh;

	while (at > 0 && wire_fold_index(json_array_get(list, at - 1)) > index)
		at--;
	if (at > 0 && wire_fold_index(json_array_get(list, at - 1)) == index)
		return json_array_get(list, at - 1);
	fresh = json_pack("{s:I}", "index", index);
	if (json_array_insert_new(list, at, fresh) != 0)
		return NULL;
	return fresh;
}

/* Where a list's element belongs; -1: nowhere. */
static json_int_t
index_in(const json_t *list, const json_t *element,
    const struct wire_fold_rule *rule)
{
	/* Where there is one choice, some servers do not number it. */
	if (rule->how == WIRE_FOLD_INDEXED && json_array_size(list) == 1 &&
	    json_object_get(element, "index") == NULL)
		return 0;
	return wire_fold_index(element);
}

static int
fold_indexed(json_t *whole, const char *name, json_t *value,
    const struct wire_fold_rule *rule)
{
	json_t *list = list_of(whole, name), *element, *into;
	json_int_t index;
	size_t i;

	if (list == NULL || !json_is_array(value))
		return -1;
	json_array_foreach(value, i, element) {
		index = index_in(value, element, rule);
		into = index < 0 ? NULL : indexed(list, index);
		if (into == NULL || wire_fold(into, element, rule->inner) != 0)
			return -1;
	}
	return 0;
}

static int
fold_member(json_t *whole, const char *name, json_t *value,
    const struct wire_fold_rule *rule)
{
	if (rule->how == WIRE_FOLD_DROPPED)
		return 0;
	if (json_is_null(value))
		return json_object_get(whole, name) != NULL ? 0 :
		    json_object_set(whole, name, value);
	switch (rule->how) {
	case WIRE_FOLD_SAME:
		return fold_once(whole, name, value, 1);
	case WIRE_FOLD_ONCE:
		return fold_once(whole, name, value, 0);
	case WIRE_FOLD_LAST:
		return fold_last(whole, name, value);
	case WIRE_FOLD_SETTLED:
		return fold_settled(whole, name, value);
	case WIRE_FOLD_TEXT:
		return fold_text(whole, name, value);
	case WIRE_FOLD_LIST:
		return fold_list(whole, name, value);
	case WIRE_FOLD_OBJECT:
		return fold_object(whole, name, value, rule->inner);
	case WIRE_FOLD_INDEXED:
	case WIRE_FOLD_NUMBERED:
		return fold_indexed(whole, name, value, rule);
	default:
		return -1;
	}
}

int
wire_fold(json_t *whole, json_t *part, const struct wire_fold_rule *rules)
{
	const struct wire_fold_rule *rule;
	const char *name;
	json_t *value;

	if (!json_is_object(part))
		return -1;
	json_object_foreach(part, name, value) {
		rule = rule_for(rules, name);
		if (fold_member(whole, rule->as != NULL ? rule->as : name,
		    value, rule) != 0)
			return -1;
	}
	return 0;
}

/* ---- making the whole readable ------------------------------------------ */

static json_t *
joined(const json_t *pieces)
{
	json_t *piece, *text = NULL;
	struct buf all;
	size_t i, len = 0;

	json_array_foreach(pieces, i, piece) {
		len += json_string_length(piece);
	}
	buf_init(&all, len);
	json_array_foreach(pieces, i, piece) {
		buf_append(&all, json_string_value(piece),
		    json_string_length(piece));
	}
	if (!all.failed)
		text = json_stringn(len > 0 ? all.data : "", len);
	buf_fini(&all);
	return text;
}

static int
finish_elements(json_t *list, const struct wire_fold_rule *rule)
{
	json_t *element;
	size_t i;

	json_array_foreach(list, i, element) {
		if (wire_fold_finish(element, rule->inner) != 0)
			return -1;
		if (rule->how != WIRE_FOLD_NUMBERED)
			continue;
		if (wire_fold_index(element) != (json_int_t)i)
			return -1;
		json_object_del(element, "index");
	}
	return 0;
}

int
wire_fold_finish(json_t *whole, const struct wire_fold_rule *rules)
{
	const char *name;
	json_t *value;
	int rc = 0;

	for (; rules->name != NULL && rc == 0; rules++) {
		name = rules->as != NULL ? rules->as : rules->name;
		value = json_object_get(whole, name);
		if (!wire_is_set(value))
			continue;
		if (rules->how == WIRE_FOLD_TEXT)
			rc = json_object_set_new(whole, name, joined(value));
		else if (rules->how == WIRE_FOLD_OBJECT)
			rc = wire_fold_finish(value, rules->inner);
		else if (rules->how == WIRE_FOLD_INDEXED ||
		    rules->how == WIRE_FOLD_NUMBERED)
			rc = finish_elements(value, rules);
	}
	return rc;
}
