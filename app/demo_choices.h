/*
 * What chat and completions of demo-upstream share: answers made of
 * choices, which are streamed one after the other, then the usage where
 * it was asked for, then [DONE].
 */
#ifndef DEMO_CHOICES_H
#define DEMO_CHOICES_H

#include "demo_answer.h"

#include <stdint.h>

/* What is different in the formats. */
struct demo_choices {
	/* Append the start of an answer or chunk, up to its model. */
	void (*start)(const struct demo_answer *a, struct buf *out);
	/* Append a choice as JSON has it. */
	void (*whole)(struct demo_answer *a, struct buf *out, uint64_t choice);
	/* Send the chunks of a choice. 0 or -1. */
	int (*send)(struct demo_stream *s, struct demo_answer *a,
	    uint64_t choice);
};

/* Set how many: what the knob says, or "n" of them for each prompt. */
void demo_choices_count(struct demo_answer *a, uint64_t prompts);

/* As json of struct demo_format. */
void demo_choices_json(struct demo_answer *a, struct buf *out,
    const struct demo_choices *f);

/* As events of struct demo_format. */
int demo_choices_events(struct demo_stream *s, struct demo_answer *a,
    const struct demo_choices *f);

#endif
