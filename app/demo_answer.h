/*
 * What the answers of all formats of demo-upstream have in common: who
 * they are, what the request and the knobs want them to be, and how they
 * are sent, as JSON or as a stream.
 *
 * An answer belongs to one thread.
 */
#ifndef DEMO_ANSWER_H
#define DEMO_ANSWER_H

#include "demo_http.h"
#include "demo_stream.h"
#include "demo_text.h"

#include "base/buf.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DEMO_CONTENT_MAX = 400 * 1024 * 1024, DEMO_CHOICES_MAX = 64 };

struct demo_choice_format;

struct demo_answer {
	struct demo_reply *reply;
	json_t *body;       /* of the request, owned; NULL when a form */
	char hex[25];       /* to make ids of */
	int64_t created;    /* seconds since 1970 */
	uint64_t seed;      /* of the text */
	const char *model;
	const char *tool;   /* the tool to call, or NULL */
	const char *type;   /* the media type when it is no stream */
	bool stream;
	bool stream_usage;  /* stream_options.include_usage */
	uint64_t choices;   /* or items, or blocks */
	const struct demo_choice_format *choice_format; /* or NULL */
	struct demo_text_size size;
	uint64_t words;     /* told so far, for usage */
	uint64_t prompt_words;
};

/* How a format's answers look; events is NULL when it never streams. */
struct demo_format {
	/* Append the JSON answer to out. */
	void (*json)(struct demo_answer *a, struct buf *out);
	/* Send all events; the last by demo_stream_last. 0 or -1. */
	int (*events)(struct demo_stream *s, struct demo_answer *a);
	/* Send one event that has no place after the last. 0 or -1. */
	int (*after)(struct demo_stream *s, struct demo_answer *a);
};

/*
 * Begin an answer on r that is the same for the same seed and bytes. 0,
 * or -1 when there is no digest. Needs no end.
 */
int demo_answer_init(struct demo_answer *a, struct demo_reply *r,
    uint64_t seed, const void *bytes, size_t len);

/*
 * As demo_answer_init, for a JSON body, which is read. tokens: what the
 * format calls the limit of the answer's length. -1 when the body is no
 * object: the error has been sent then. End with demo_answer_fini.
 */
int demo_answer_read(struct demo_answer *a, struct demo_reply *r,
    uint64_t seed, const char *tokens);

/* Free what a holds. */
void demo_answer_fini(struct demo_answer *a);

/*
 * Choose a->tool: the first of the request's tools, when the knobs or
 * tool_choice want one or content, the last thing the user said, mentions
 * tools.
 */
void demo_answer_choose_tool(struct demo_answer *a, const json_t *content);

/* Send it, as the request and the knobs want it. 0 or -1: client left. */
int demo_answer_send(struct demo_answer *a, const struct demo_format *f);

/*
 * Append the text of a choice, or with a tool its arguments (JSON text).
 * Returns whether the text ended at the limit. a->words counts it.
 */
bool demo_answer_text(struct demo_answer *a, struct buf *out,
    uint64_t choice);

/* Append a choice's reasoning. a->words counts it; its words return. */
uint64_t demo_answer_reasoning(struct demo_answer *a, struct buf *out,
    uint64_t choice);

/* The length of the piece of text, from at, that goes into one event. */
size_t demo_answer_piece(const struct demo_answer *a, const struct buf *text,
    size_t at);

/*
 * OpenAI's finish_reason; ended_by_length: what demo_answer_text said.
 */
const char *demo_answer_finish(const struct demo_answer *a,
    bool ended_by_length);

/* Append ,"usage":{...} with prompt_tokens and completion_tokens. */
void demo_answer_put_usage(const struct demo_answer *a, struct buf *out);

#endif
