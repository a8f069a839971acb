/*
 * OpenAI's chat completions, POST /v1/chat/completions, and what the many
 * servers that speak it send (platform.openai.com, "Chat"; the streaming
 * rules are those of the tables in wire/format.h). The members of its row.
 *
 * A stream is complete when every choice seen has a finish_reason and then
 * an event whose data is exactly [DONE] has come, with no data after it. An
 * answer has content when each of its choices has some (text, reasoning,
 * a refusal, audio or a call of a tool), in a stream as in JSON.
 */
#ifndef WIRE_CHAT_H
#define WIRE_CHAT_H

#include "wire/format.h"

/* See struct wire_format for all of these. Any thread, a stream each. */

/* Whether the request has a string "model" and an array "messages". */
bool wire_chat_request_ok(const json_t *body);

/* Judge a JSON answer. */
enum wire_verdict wire_chat_judge_json(const json_t *body,
    const struct wire_policy *policy, json_t **usage);

/* Judge one event of a stream. */
void wire_chat_stream_event(struct wire_stream *s,
    const struct sse_event *event);

/* The verdict on a stream that has ended. */
enum wire_verdict wire_chat_stream_end(struct wire_stream *s,
    const struct wire_policy *policy);

/* Free what s holds. */
void wire_chat_stream_fini(struct wire_stream *s);

#endif
