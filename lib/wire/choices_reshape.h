/*
 * Reshaping answers made of choices: what chat and completions share. The
 * chunks of a made stream all carry the answer's own top-level members;
 * the choices come one after the other, then the usage chunk where it was
 * asked for, then [DONE]. Any thread, an answer each.
 */
#ifndef WIRE_CHOICES_RESHAPE_H
#define WIRE_CHOICES_RESHAPE_H

#include "base/buf.h"
#include "wire/fold.h"
#include "wire/format.h"

/* A stream that is being made. */
struct wire_chunks {
	struct buf *out;
	json_t *chunk; /* the next one, but for its choices; owned */
	bool begun;    /* the first one is out */
};

/* What is different in the formats. */
struct wire_choices_shape {
	const char *json_object;  /* "object" of a JSON answer */
	const char *chunk_object; /* and of a chunk */

	/* How a stream's chunks fold into an answer. */
	const struct wire_fold_rule *rules;

	/* As judge_json of struct wire_format. */
	enum wire_verdict (*judge_json)(const json_t *body,
	    const struct wire_policy *policy, json_t **usage);

	/* Write the chunks of one choice. 0 or -1. */
	int (*put_choice)(struct wire_chunks *c, json_t *choice);

	/* The last touch to a choice that was folded; or NULL. 0 or -1. */
	int (*settle)(json_t *choice);
};

/*
 * What of a chunk both formats fold alike: all rows of its table, given
 * that of its choices. Azure's first chunk is about the prompt and says ""
 * and 0 of all else; "obfuscation" (OpenAI) and "p" (Mistral) are padding.
 */
#define WIRE_CHUNK_RULES(choices)                                              \
	{.name = "choices", .how = WIRE_FOLD_INDEXED, .inner = choices},       \
	{.name = "id", .how = WIRE_FOLD_SETTLED},                              \
	{.name = "object", .how = WIRE_FOLD_SETTLED},                          \
	{.name = "created", .how = WIRE_FOLD_SETTLED},                         \
	{.name = "model", .how = WIRE_FOLD_SETTLED},                           \
	{.name = "usage", .how = WIRE_FOLD_LAST},                              \
	{.name = "service_tier", .how = WIRE_FOLD_LAST},                       \
	{.name = "system_fingerprint", .how = WIRE_FOLD_LAST},                 \
	{.name = "x_groq", .how = WIRE_FOLD_OBJECT,                            \
	    .inner = wire_groq_rules},                                         \
	{.name = "obfuscation", .how = WIRE_FOLD_DROPPED},                     \
	{.name = "p", .how = WIRE_FOLD_DROPPED},                               \
	{.how = WIRE_FOLD_SAME}

/*
 * And what of a choice, beside its content: the last rows of its table,
 * given that of its logprobs.
 */
#define WIRE_CHOICE_RULES(logprobs_table)                                      \
	{.name = "index", .how = WIRE_FOLD_SAME},                              \
	{.name = "logprobs", .how = WIRE_FOLD_OBJECT,                          \
	    .inner = logprobs_table},                                          \
	{.name = "finish_reason", .how = WIRE_FOLD_LAST},                      \
	{.name = "content_filter_results", .how = WIRE_FOLD_SETTLED},          \
	{.how = WIRE_FOLD_ONCE}

/* Of Groq's own object: its id first and again last, with the usage. */
extern const struct wire_fold_rule wire_groq_rules[];

/* Whether a value is an object whose "object" and choices are as named. */
bool wire_choices_own(const json_t *value, const char *object);

/* As to_stream and to_json of struct wire_format. */
int wire_choices_to_stream(struct buf *out, const json_t *answer, bool usage,
    const struct wire_choices_shape *shape);
int wire_choices_to_json(struct buf *out, const json_t *payloads,
    json_t *usage, const struct wire_choices_shape *shape);

/*
 * Write a chunk with a part of a choice: content, the value of the member
 * called name, and its logprobs (NULL: null, where the whole choice has
 * any); both are taken over. 0; or -1, also when content is NULL.
 */
int wire_chunks_put(struct wire_chunks *c, const json_t *choice,
    const char *name, json_t *content, json_t *logprobs);

/*
 * Write the last chunk of a choice: empty content, as above, then the
 * finish_reason and all else there is, but for the member called whole,
 * which the chunks before have said. 0 or -1.
 */
int wire_chunks_put_last(struct wire_chunks *c, json_t *choice,
    const char *name, json_t *empty, const char *whole);

#endif
