/*
 * Speech to text, POST /v1/audio/transcriptions and .../translations
 * (platform.openai.com, "Audio"): a form with a file in, JSON or a stream
 * of typed events out. A stream is complete with its transcript.text.done,
 * with or without a [DONE] behind it. The members of both rows; any thread,
 * a stream each.
 */
#ifndef WIRE_TRANSCRIPTION_H
#define WIRE_TRANSCRIPTION_H

#include "wire/format.h"

/* Whether the form has a "file" that is one, and a "model" that is text. */
enum wire_verdict wire_transcription_judge_request(const json_t *form);

/* See struct wire_format for all of these. */
enum wire_verdict wire_transcription_judge_json(const json_t *body,
    const struct wire_policy *policy, json_t **usage);
void wire_transcription_stream_event(struct wire_stream *s,
    const struct sse_event *event);
enum wire_verdict wire_transcription_stream_end(struct wire_stream *s,
    const struct wire_policy *policy);

#endif
