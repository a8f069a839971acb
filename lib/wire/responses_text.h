/*
 * What both ways of reshaping a Responses answer share: which texts of its
 * items are streamed in pieces, and by which events (platform.openai.com,
 * "Streaming events").
 */
#ifndef WIRE_RESPONSES_TEXT_H
#define WIRE_RESPONSES_TEXT_H

#include <jansson.h>
#include <stdbool.h>

/*
 * A kind of text: of the parts of a list of the item, or (list NULL) a
 * member of the item itself.
 */
struct wire_responses_text {
	const char *event;      /* begins the names of its events */
	const char *item_type;
	const char *member;     /* the text's */
	const char *list;
	const char *part_type;
	const char *index_name; /* of the part's place, in events */
	const char *part_event; /* begins the names of the part's events */
	bool has_extras;        /* annotations and logprobs */
};

enum { WIRE_RESPONSES_TEXTS = 6 };

extern const struct wire_responses_text
    wire_responses_texts[WIRE_RESPONSES_TEXTS];

/*
 * The kind of the text in a part of a list of an item; NULL when it is not
 * known. Static. Any thread.
 */
const struct wire_responses_text *wire_responses_text_of_part(
    const json_t *item, const char *list, const json_t *part);

/* Whether a member is this string. Any thread. */
bool wire_responses_says(const json_t *object, const char *member,
    const char *word);

/* Whether an answer is one, whole, and could be stored. Any thread. */
bool wire_responses_is_whole(const json_t *answer);

#endif
