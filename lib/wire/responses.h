/*
 * OpenAI's Responses API, POST /v1/responses (platform.openai.com,
 * "Responses" and "Streaming events"). The members of its row.
 *
 * An answer is a list of output items and a status. A stream is complete
 * with response.completed, whose "response" is the whole answer; some
 * compatible servers leave the output out of it, then the items of
 * response.output_item.done stand for it. One [DONE] after it is no fault.
 */
#ifndef WIRE_RESPONSES_H
#define WIRE_RESPONSES_H

#include "wire/format.h"

/* Items a stream may have; a higher output_index is not believed. */
enum { WIRE_RESPONSES_ITEMS_MAX = 4096 };

/* See struct wire_format for all of these. Any thread, a stream each. */

/*
 * Whether the request has "model" and "input", or a "prompt" object that
 * brings them; and keeps no state upstream.
 */
enum wire_verdict wire_responses_judge_request(const json_t *body);

/* Judge a JSON answer. */
enum wire_verdict wire_responses_judge_json(const json_t *body,
    const struct wire_policy *policy, json_t **usage);

/* Judge one event of a stream. */
void wire_responses_stream_event(struct wire_stream *s,
    const struct sse_event *event);

/* Judge the payload of an event, as stream_event does. */
void wire_responses_stream_payload(struct wire_stream *s,
    const json_t *payload);

/* The verdict on a stream that has ended. */
enum wire_verdict wire_responses_stream_end(struct wire_stream *s,
    const struct wire_policy *policy);

/* Whether "object" is "response", or "type" begins with "response.". */
bool wire_responses_owns_json(const json_t *answer);
bool wire_responses_owns_payload(const json_t *payload);

/*
 * The stream that says what an answer says, without [DONE]; usage is told
 * by its last event in any case. Refused: an answer that may not be stored,
 * parts of a type that no events are known for, texts of items without id.
 */
int wire_responses_to_stream(struct buf *out, const json_t *answer,
    bool usage);

/*
 * The answer of response.completed; the items of response.output_item.done
 * where its output is empty. It has its own usage, so that none is needed.
 * Refused: a stream that may not be stored, or whose deltas, items and
 * answer do not say the same.
 */
int wire_responses_to_json(struct buf *out, const json_t *payloads,
    json_t *usage);

#endif
