/*
 * Embeddings one input at a time: an answer taken apart into its elements,
 * and put together again from elements of several answers. The vectors are
 * carried as the text they came in, byte for byte: they are never parsed
 * into numbers, and so keep every digit. All functions: any thread.
 *
 * The answer is OpenAI's "list" object (POST /v1/embeddings).
 */
#ifndef WIRE_EMBEDDINGS_MERGE_H
#define WIRE_EMBEDDINGS_MERGE_H

#include "base/buf.h"
#include "base/json_text.h"
#include "wire/verdict.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* An answer taken apart; all spans borrow from text. */
struct wire_embeddings {
	const char *text;
	size_t len;
	struct json_span data;       /* value of "data", an array */
	struct json_span usage_text; /* value of "usage"; at NULL: it has none */
	size_t n;
	struct json_span *elements;  /* n of them, objects; owned */
	json_t *model;               /* a string, or NULL; owned */
	json_t *usage;               /* an object, or NULL; owned */
};

/*
 * Take an answer apart, which need not be JSON at all. text must outlive
 * *out; expected: how many inputs were asked. 0, and *out is to be ended
 * with wire_embeddings_fini; or -1 (nothing to end) with *verdict:
 *
 *	WIRE_BAD_JSON      not an object, the same key twice, "data" no array;
 *	                   an element whose "embedding" is neither a non-empty
 *	                   array of numbers nor a non-empty string (several
 *	                   vectors an input, sparse ones)
 *	WIRE_ERROR_ANSWER  it carries an error
 *	WIRE_EMPTY         no "data", or nothing in it
 *	WIRE_MISMATCH      another number of elements; an element whose "index"
 *	                   is not its place (some servers leave it out: fine)
 *	WIRE_MEMORY
 */
int wire_embeddings_read(struct wire_embeddings *out, const char *text,
    size_t len, size_t expected, enum wire_verdict *verdict);

/* Free what e owns. */
void wire_embeddings_fini(struct wire_embeddings *e);

/*
 * Whether two answers (of one element at least) may stand in one: their
 * models have the same name, or none, and their first vectors the same form
 * and width.
 */
bool wire_embeddings_alike(const struct wire_embeddings *a,
    const struct wire_embeddings *b);

/*
 * Append an answer: tmpl's text with these n elements as its "data", and
 * usage as its "usage", added as the last member if it has none. usage NULL:
 * that is left as it is. When any element has an "index", each gets its new
 * place as such. What need not change keeps its bytes. The elements are of any
 * answers that wire_embeddings_read has taken apart. 0, or -1 when out
 * failed.
 */
int wire_embeddings_write(struct buf *out,
    const struct wire_embeddings *tmpl, const struct json_span *elements,
    size_t n, const json_t *usage);

#endif
