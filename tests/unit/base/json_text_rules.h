/*
 * What must hold of every text: what lib/base/json_text.h says of it is
 * what a parser says. For the unit test and for the fuzz target.
 */
#ifndef TEST_JSON_TEXT_RULES_H
#define TEST_JSON_TEXT_RULES_H

#include "base/json_text.h"

#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum {
	RULES_PARSE = JSON_ALLOW_NUL | JSON_DECODE_ANY | JSON_REJECT_DUPLICATES
};

static inline json_t *
rules_parse(const char *text, size_t len)
{
	return json_loadb(text, len, RULES_PARSE, NULL);
}

/* Whether a text is JSON of just this value, which is given away. */
static inline bool
rules_says(const char *text, size_t len, json_t *value)
{
	json_t *tree = rules_parse(text, len);
	bool same = tree != NULL && value != NULL && json_equal(tree, value);

	json_decref(tree);
	json_decref(value);
	return same;
}

static inline json_t *
rules_without(const json_t *object, const char *key)
{
	json_t *copy = json_copy((json_t *)(uintptr_t)object);

	json_object_del(copy, key);
	return copy;
}

static inline bool
rules_cut(const char *text, size_t len, const json_t *tree, const char *key,
    const struct json_item *item)
{
	struct json_span cut = json_member_cut(item, text, len);
	size_t head = (size_t)(cut.at - text);
	char *left = malloc(len + 1);
	bool good;

	memcpy(left, text, head);
	memcpy(left + head, cut.at + cut.len, len - head - cut.len);
	good = rules_says(left, len - cut.len, rules_without(tree, key));
	free(left);
	return good;
}

/* Setting a member: the object has it, and its other members in order. */
static inline bool
rules_put(const char *text, size_t len, const json_t *tree, const char *name)
{
	static const char value[] = "[\"new\",1]";
	const struct json_span span = {value, sizeof(value) - 1};
	json_t *copy = json_copy((json_t *)(uintptr_t)tree);
	struct buf out;
	bool good;

	json_object_set_new(copy, name, rules_parse(value, span.len));
	buf_init(&out, len + 256);
	good = json_put_with(&out, text, len, name, &span) == 0 &&
	    rules_says(out.data, out.len, copy);
	buf_fini(&out);
	return good;
}

static inline bool
rules_is_ascii(const char *key)
{
	for (; *key != '\0'; key++)
		if ((unsigned char)*key > 127)
			return false;
	return true;
}

static inline bool
rules_member(const char *text, size_t len, const json_t *tree,
    const char *key, const struct json_item *item)
{
	struct json_item found;

	if (!rules_says(item->key.at, item->key.len, json_string(key)))
		return false;
	if (!rules_cut(text, len, tree, key, item))
		return false;
	if (!rules_is_ascii(key))
		return true;
	return json_member(&found, text, len, key) &&
	    found.key.at == item->key.at && found.value.at == item->value.at &&
	    found.value.len == item->value.len &&
	    json_member_value(text, len, key).at == item->value.at &&
	    rules_put(text, len, tree, key);
}

static inline bool rules_value(const char *text, size_t len, json_t *tree);

static inline bool
rules_object(const char *text, size_t len, json_t *tree)
{
	static const char absent[] = "no such member";
	struct json_item item;
	struct json_walk w;
	json_t *value;
	const char *key;

	if (!json_walk_begin(&w, text, len) || !w.object)
		return false;
	json_object_foreach(tree, key, value) {
		if (!json_walk_next(&w, &item) ||
		    !rules_member(text, len, tree, key, &item) ||
		    !rules_value(item.value.at, item.value.len, value))
			return false;
	}
	if (json_object_get(tree, absent) == NULL &&
	    (json_member(&item, text, len, absent) ||
	    json_member_value(text, len, absent).at != NULL ||
	    !rules_put(text, len, tree, absent)))
		return false;
	return !json_walk_next(&w, &item);
}

static inline bool
rules_array(const char *text, size_t len, json_t *tree)
{
	struct json_item item;
	struct json_walk w;
	json_t *value;
	size_t i;

	if (!json_walk_begin(&w, text, len) || w.object)
		return false;
	json_array_foreach(tree, i, value) {
		if (!json_walk_next(&w, &item) || item.key.at != NULL ||
		    !rules_value(item.value.at, item.value.len, value))
			return false;
	}
	return !json_walk_next(&w, &item);
}

/* Whether all that can be said of a JSON text is what its tree says. */
static inline bool
rules_value(const char *text, size_t len, json_t *tree)
{
	struct json_walk w;

	if (!rules_says(text, len, json_incref(tree)))
		return false;
	if (json_is_object(tree))
		return rules_object(text, len, tree);
	if (json_is_array(tree))
		return rules_array(text, len, tree);
	return !json_walk_begin(&w, text, len);
}

static inline bool
rules_inside(const struct json_span *span, const char *text, size_t len)
{
	return span->at >= text && span->at + span->len <= text + len;
}

/* Of any text: all that is found lies within it, and every walk ends. */
static inline bool
rules_bounds(const char *text, size_t len)
{
	const struct json_span value = {"1", 1};
	struct json_span cut;
	struct json_item item;
	struct json_walk w;
	struct buf out;
	size_t n = 0;

	buf_init(&out, len + 64);
	json_put_with(&out, text, len, "a", &value);
	buf_fini(&out);
	if (!json_walk_begin(&w, text, len))
		return true;
	for (; json_walk_next(&w, &item); n++) {
		if (n > len || !rules_inside(&item.value, text, len))
			return false;
		if (!w.object)
			continue;
		cut = json_member_cut(&item, text, len);
		if (!rules_inside(&item.key, text, len) ||
		    !rules_inside(&cut, text, len))
			return false;
		json_key_is(&item.key, "a");
	}
	return true;
}

/* Whether a text keeps the rules, be it JSON or not. */
static inline bool
rules_hold(const char *text, size_t len)
{
	json_t *tree = rules_parse(text, len);
	bool good = rules_bounds(text, len) &&
	    (tree == NULL || rules_value(text, len, tree));

	json_decref(tree);
	return good;
}

#endif
