/*
 * Error answers in OpenAI's shape, which most formats share
 * (platform.openai.com, "Error codes"):
 * {"error":{"message","type","param","code"}};
 * and in Anthropic's (docs.anthropic.com, "Errors"):
 * {"type":"error","error":{"type","message"}}.
 */
#ifndef WIRE_ERROR_H
#define WIRE_ERROR_H

#include "base/buf.h"
#include "base/err.h"

#include <stdint.h>

/*
 * Append the JSON body of an error answer, on one line without its end.
 * The message is err's text, or its code's meaning when it has none.
 * 0, or -1 when out failed. Any thread, a buffer each.
 */
int wire_openai_error_body(struct buf *out, const struct err *err);

/*
 * The same as an SSE event, behind so many others (which OpenAI's and
 * Anthropic's do not tell). 0 or -1. Any thread, a buffer each.
 */
int wire_openai_error_event(struct buf *out, const struct err *err,
    uint64_t events);

/* The body in Anthropic's shape. As wire_openai_error_body. */
int wire_anthropic_error_body(struct buf *out, const struct err *err);

/* The same as an SSE event, which is named "error". 0 or -1. */
int wire_anthropic_error_event(struct buf *out, const struct err *err,
    uint64_t events);

/*
 * The error event of a Responses stream, named "error": numbered as if the
 * first event was 0, with the members that are documented (platform.openai.com,
 * "Streaming events", error) and the error object that is sent in fact and
 * that OpenAI's own clients look for. 0 or -1.
 */
int wire_responses_error_event(struct buf *out, const struct err *err,
    uint64_t events);

/*
 * The error event of a transcript's stream, whose events go by their
 * "type": named and typed "error", with OpenAI's error object. 0 or -1.
 */
int wire_transcription_error_event(struct buf *out, const struct err *err,
    uint64_t events);

#endif
