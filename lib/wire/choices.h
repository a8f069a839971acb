/*
 * Answers made of choices, as chat completions and their elders give them:
 * what the two formats share in judging them.
 *
 * A stream is complete when every choice seen has a finish_reason and then
 * an event whose data is exactly [DONE] has come, with no data after it. An
 * answer has content when each of its choices has some, in a stream as in
 * JSON. Any thread, a stream each.
 */
#ifndef WIRE_CHOICES_H
#define WIRE_CHOICES_H

#include "wire/format.h"

/*
 * The format's part: signs (wire/signs.h) of the content of a choice (an
 * object), which is streamed or whole.
 */
typedef unsigned wire_choice_fn(const json_t *choice, bool streamed);

/* As judge_json of struct wire_format. */
enum wire_verdict wire_choices_judge_json(const json_t *body,
    const struct wire_policy *policy, json_t **usage, wire_choice_fn *content);

/* As stream_event. */
void wire_choices_stream_event(struct wire_stream *s,
    const struct sse_event *event, wire_choice_fn *content);

/* As stream_end. */
enum wire_verdict wire_choices_stream_end(struct wire_stream *s,
    const struct wire_policy *policy);

#endif
