/*
 * JSON (RFC 8259) as text: where the members of an object and the elements
 * of an array stand, so that one can be taken out, replaced or carried over
 * byte for byte, which a parsed tree cannot do.
 *
 * Nothing here judges grammar: give it text that a parser has accepted. On
 * other text the results are harmless, within the bounds, but mean nothing.
 * All functions are pure, on any thread.
 */
#ifndef BASE_JSON_TEXT_H
#define BASE_JSON_TEXT_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>

/* A piece of somebody's text; borrowed. */
struct json_span {
	const char *at;
	size_t len;
};

/* A member of an object, or an element of an array (key.at is NULL then). */
struct json_item {
	struct json_span key;   /* with its quotes */
	struct json_span value; /* without blanks around it */
};

struct json_walk {
	const char *p, *end;
	bool object;
};

/* Behind the blanks (RFC 8259 section 2) at p, at most end. */
const char *json_skip_blanks(const char *p, const char *end);

/*
 * Behind the string whose opening quote is at p, which is before end; end
 * when it has no closing quote.
 */
const char *json_skip_string(const char *p, const char *end);

/*
 * Begin a walk over text[0..len-1], an object or an array, blanks around it
 * allowed. Whether it is one.
 */
bool json_walk_begin(struct json_walk *w, const char *text, size_t len);

/* The next member or element. Whether there was one. */
bool json_walk_next(struct json_walk *w, struct json_item *item);

/*
 * Whether a key as it is written ("\u0069d" too) is this name, which is
 * ASCII.
 */
bool json_key_is(const struct json_span *key, const char *name);

/*
 * Find a member of an object by its name: the first if there are several.
 * Whether it is there; *item is then it.
 */
bool json_member(struct json_item *item, const char *text, size_t len,
    const char *name);

/* json_member's value alone; at is NULL when it is not there. */
struct json_span json_member_value(const char *text, size_t len,
    const char *name);

/*
 * The bytes to leave out of an object to be rid of a member that
 * json_member found in it: the member, and one comma beside it.
 */
struct json_span json_member_cut(const struct json_item *item,
    const char *text, size_t len);

/*
 * Where an object's text takes one more member: behind the last one, or
 * behind its brace when it is empty. NULL when there is no brace.
 */
const char *json_members_end(const char *text, size_t len);

/*
 * Append the object text to out with the member name set to the JSON text
 * value: in the place of the one that is there, else as the last. 0, or -1
 * when out failed or text is no object.
 */
int json_put_with(struct buf *out, const char *text, size_t len,
    const char *name, const struct json_span *value);

#endif
