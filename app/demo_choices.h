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
struct demo_choice_format {
	/* Append the start of an answer or chunk, up to its model. */
	void (*start)(const struct demo_answer *a, struct buf *out);
	/* Append a choice as JSON has it. */
	void (*whole)(struct demo_answer *a, struct buf *out, uint64_t choice);
	/* Send the chunks of a choice. 0 or -1. */
	int (*send)(struct demo_stream *s, struct demo_answer *a,
	    uint64_t choice);
};

/*
 * Make a an answer of choices: as many as the knob says, or "n" of them
 * for each prompt. f must outlive it.
 */
void demo_choices_init(struct demo_answer *a,
    const struct demo_choice_format *f, uint64_t prompts);

/* For struct demo_format, of an answer that is made of choices. */
void demo_choices_json(struct demo_answer *a, struct buf *out);
int demo_choices_events(struct demo_stream *s, struct demo_answer *a);

#endif
