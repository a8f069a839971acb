/*
 * Anthropic's messages, POST /v1/messages (docs.anthropic.com, "Messages"
 * and "Streaming Messages"), and what the servers that speak it send. The
 * members of its row.
 *
 * An answer is an array of content blocks; a stream is complete when a
 * message_stop has come after a message_delta with a stop_reason, with
 * every block that was started stopped. Events of unknown types are let
 * pass, as Anthropic's versioning policy asks.
 */
#ifndef WIRE_MESSAGES_H
#define WIRE_MESSAGES_H

#include "wire/format.h"

/* More blocks than an answer has; a higher index is not believed. */
enum { WIRE_MESSAGES_BLOCKS_MAX = 4096 };

/* See struct wire_format for all of these. Any thread, a stream each. */

/* Whether the request has a string "model" and an array "messages". */
enum wire_verdict wire_messages_judge_request(const json_t *body);

/* Judge a JSON answer. */
enum wire_verdict wire_messages_judge_json(const json_t *body,
    const struct wire_policy *policy, json_t **usage);

/* Judge one event of a stream. */
void wire_messages_stream_event(struct wire_stream *s,
    const struct sse_event *event);

/* The verdict on a stream that has ended. */
enum wire_verdict wire_messages_stream_end(struct wire_stream *s,
    const struct wire_policy *policy);

/* Whether an answer is a message, and a payload the start of one. */
bool wire_messages_owns_json(const json_t *answer);
bool wire_messages_owns_payload(const json_t *payload);

/*
 * The stream that says what a message says. Usage is always in it, as the
 * format has it, whatever was asked; a message without is refused, for
 * clients rely on it.
 */
int wire_messages_to_stream(struct buf *out, const json_t *answer, bool usage);

/*
 * The message that a stream's payloads say. Streams whose blocks overlap,
 * and events, deltas or members that are not known, are refused.
 */
int wire_messages_to_json(struct buf *out, const json_t *payloads,
    json_t *usage);

/* ---- what the three files of the format share ---- */

/*
 * Members of a message that the end of a stream tells beside the delta of
 * message_delta, not in it.
 */
enum { WIRE_MESSAGES_BESIDE = 2 };
extern const char *const wire_messages_beside[WIRE_MESSAGES_BESIDE];

/* Whether an object (or whatever it is) has a "type" that is this. */
bool wire_messages_is(const json_t *object, const char *type);

/*
 * Whether a block of content can be reshaped, as far as its type tells: not
 * one that says which model took over, for then what the message is to say
 * of its model depends on the mode.
 */
bool wire_messages_may_reshape(const json_t *block);

/*
 * Take the non-null members of an update of a usage object over into
 * *usage, which is made when it is NULL, and the null ones it lacks; an
 * update that is no object (or NULL) changes nothing. The values are shared
 * with the update. 0, or -1 when memory is short.
 */
int wire_messages_add_usage(json_t **usage, json_t *update);

#endif
