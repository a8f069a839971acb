/*
 * Folding the chunks of a stream into the one object they are parts of, by
 * a table that says of each member how its values come together. What
 * contradicts itself, or is not known to, is refused: no answer is better
 * than a damaged one.
 */
#ifndef WIRE_FOLD_H
#define WIRE_FOLD_H

#include <jansson.h>

/*
 * How the values of a member in several chunks make one. A null never
 * counts against a value, before it or after; a member that is only ever
 * null is null.
 */
enum wire_fold_how {
	WIRE_FOLD_SAME,     /* one value, however often it comes */
	WIRE_FOLD_ONCE,     /* in one chunk only: a second may be a sequel */
	WIRE_FOLD_LAST,     /* the last, unless that is "" */
	WIRE_FOLD_SETTLED,  /* one value; "", 0, {} or [] beside it is nothing */
	WIRE_FOLD_TEXT,     /* pieces of one string */
	WIRE_FOLD_LIST,     /* parts of one array */
	WIRE_FOLD_OBJECT,   /* parts of one object, folded by inner */
	WIRE_FOLD_INDEXED,  /* parts of objects known by their "index"; one
			       alone that has none is the first */
	WIRE_FOLD_NUMBERED, /* the same, but all are numbered, 0 to n-1; the
			       whole has no "index" */
	WIRE_FOLD_DROPPED,  /* left out */
	WIRE_FOLD_REFUSED   /* null or nothing */
};

/* One row a member; the last has no name and is for all others. */
struct wire_fold_rule {
	const char *name;
	enum wire_fold_how how;
	const struct wire_fold_rule *inner; /* of objects */
	const char *as; /* its name in the whole, where that differs */
};

/*
 * Add a chunk, an object, to the whole so far, which begins as an empty
 * object and is readable only after wire_fold_finish. part stays the
 * caller's; the whole may share values with it. 0; or -1: refused, or memory
 * is short. Any thread, a whole each.
 */
int wire_fold(json_t *whole, json_t *part, const struct wire_fold_rule *rules);

/* Make the whole readable, once all parts are in. 0 or -1 as above. */
int wire_fold_finish(json_t *whole, const struct wire_fold_rule *rules);

/* The "index" of an object, or -1 when it has none that is believed. */
json_int_t wire_fold_index(const json_t *element);

#endif
