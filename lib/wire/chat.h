/*
 * OpenAI's chat completions, POST /v1/chat/completions, and what the many
 * servers that speak it send (platform.openai.com, "Chat"; the streaming
 * rules are those of wire/choices.h). The members of its row; an answer's
 * content is text, reasoning, a refusal, audio, images or a call of a tool.
 */
#ifndef WIRE_CHAT_H
#define WIRE_CHAT_H

#include "wire/format.h"

/* See struct wire_format for all of these. Any thread, a stream each. */

/* Whether the request has a string "model" and an array "messages". */
enum wire_verdict wire_chat_judge_request(const json_t *body);

/* Judge a JSON answer. */
enum wire_verdict wire_chat_judge_json(const json_t *body,
    const struct wire_policy *policy, json_t **usage);

/* Judge one event of a stream. */
void wire_chat_stream_event(struct wire_stream *s,
    const struct sse_event *event);

/* Whether it is a "chat.completion", or a chunk of one, with choices. */
bool wire_chat_owns_json(const json_t *answer);
bool wire_chat_owns_payload(const json_t *payload);

/*
 * JSON to stream and back (chat_reshape.c). Audio, content in parts, and
 * choices or tool calls that are not in the order of their index cannot be
 * expressed. 0 or -1.
 */
int wire_chat_to_stream(struct buf *out, const json_t *answer, bool usage);
int wire_chat_to_json(struct buf *out, const json_t *payloads, json_t *usage);

#endif
