/*
 * OpenAI's older completions, POST /v1/completions, which vLLM, llama.cpp
 * and others still speak (platform.openai.com, "Completions"; the streaming
 * rules are those of wire/choices.h). The members of its row; an answer's
 * content is each choice's "text".
 */
#ifndef WIRE_COMPLETIONS_H
#define WIRE_COMPLETIONS_H

#include "wire/format.h"

/* See struct wire_format for all of these. Any thread, a stream each. */

/*
 * Whether the request has a string "model" and a "prompt", which is a
 * string or an array (of strings, of tokens, or of arrays of these).
 */
enum wire_verdict wire_completions_judge_request(const json_t *body);

/* Judge a JSON answer. */
enum wire_verdict wire_completions_judge_json(const json_t *body,
    const struct wire_policy *policy, json_t **usage);

/* Judge one event of a stream. */
void wire_completions_stream_event(struct wire_stream *s,
    const struct sse_event *event);

/* Whether it is a "text_completion" with choices: answer and chunk alike. */
bool wire_completions_owns_json(const json_t *answer);
bool wire_completions_owns_payload(const json_t *payload);

/*
 * JSON to stream and back (completions_reshape.c). Choices that are not in
 * the order of their index cannot be expressed. 0 or -1.
 */
int wire_completions_to_stream(struct buf *out, const json_t *answer,
    bool usage);
int wire_completions_to_json(struct buf *out, const json_t *payloads,
    json_t *usage);

#endif
