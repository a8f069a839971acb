/*
 * Embeddings, POST /v1/embeddings (platform.openai.com, "Embeddings"), and
 * what vLLM, TEI and others answer there: one vector an input, as an array
 * of numbers or as base64, never streamed. The members of its row, and the
 * judging that taking answers apart shares (wire/embeddings_merge.h). Any
 * thread.
 */
#ifndef WIRE_EMBEDDINGS_H
#define WIRE_EMBEDDINGS_H

#include "wire/format.h"

/*
 * Whether the request has an "input", and a "model" that is a string if it
 * is there (a server of one model needs none).
 */
enum wire_verdict wire_embeddings_judge_request(const json_t *body);

/* As judge_json of struct wire_format. */
enum wire_verdict wire_embeddings_judge_json(const json_t *body,
    const struct wire_policy *policy, json_t **usage);

/* For wire_embeddings_judge: any number of inputs was asked. */
#define WIRE_EMBEDDINGS_ANY ((size_t)-1)

/*
 * Judge an answer to so many inputs: WIRE_STORABLE, or what
 * wire_embeddings_read says of it.
 */
enum wire_verdict wire_embeddings_judge(const json_t *body, size_t expected);

#endif
