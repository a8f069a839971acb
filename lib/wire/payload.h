/*
 * What the formats share in reading streams and in writing them: payloads
 * out of events, events out of payloads. Any thread, a stream each.
 */
#ifndef WIRE_PAYLOAD_H
#define WIRE_PAYLOAD_H

#include "base/buf.h"
#include "wire/format.h"

/* Note a fault of a stream; the first one counts. */
void wire_stream_fault(struct wire_stream *s, enum wire_verdict why);

/*
 * What the format keeps of a stream: so many bytes, zero at first, that
 * wire_stream_fini frees. NULL without memory, which is noted as a fault.
 */
void *wire_stream_state(struct wire_stream *s, size_t size);

/* Keep a usage object in place of an earlier one; no object: nothing. */
void wire_stream_usage(struct wire_stream *s, json_t *usage);

/* The stream_fini of all formats: frees what s holds. */
void wire_stream_fini(struct wire_stream *s);

/*
 * Parse JSON that is only to be judged: a new value, or NULL. Where it has
 * an integer beyond 64 bits (Together's "seed" often is), that is a real,
 * and small whole reals are integers.
 */
json_t *wire_parse(const char *text, size_t len);

/*
 * The JSON payload of an event of a stream being judged: a new reference,
 * or NULL when it has none. Notes the faults all formats share: an event
 * named "error", data that is not JSON, data after the end (s->ended or
 * s->done). "[DONE]" sets s->done; a second one is a fault.
 */
json_t *wire_stream_payload(struct wire_stream *s,
    const struct sse_event *event);

/* Call take with that payload, unless there is none. */
void wire_stream_take(struct wire_stream *s, const struct sse_event *event,
    void (*take)(struct wire_stream *s, const json_t *payload));

/* The "usage" of a JSON answer: a new reference; NULL when no object. */
json_t *wire_usage_of(const json_t *body);

/*
 * Whether a top-level object is an error: "error" as OpenAI has it,
 * "object":"error" as older vLLM has it, "detail" as FastAPI has it without
 * the member that holds the format's payload.
 */
bool wire_is_error(const json_t *body, const char *payload_member);

/* Whether a value is there and not null. */
bool wire_is_set(const json_t *value);

/*
 * Whether a value says something: a string, array or object that is not
 * empty.
 */
bool wire_has_substance(const json_t *value);

/*
 * A new array or object with the same members; NULL when memory is short,
 * or value is neither. (What json_copy loses then, it does not tell.)
 */
json_t *wire_copy(const json_t *value);

/*
 * All JSON payloads of a whole stream, in order, as a new array without
 * "[DONE]"; NULL when one is not JSON or has a member twice, there are more
 * than 131072, or memory is short.
 */
json_t *wire_payloads(const char *stream, size_t len);

/*
 * Append a JSON value compactly: text as UTF-8, reals in the shortest form
 * that reads back the same, members in the order they were put in. 0 or -1.
 */
int wire_put_json(struct buf *out, const json_t *value);

/*
 * Append an event whose data is a JSON value; name NULL: no event line. 0
 * or -1.
 */
int wire_put_event(struct buf *out, const char *name, const json_t *payload);

/*
 * Call fn for each piece in which a JSON string is streamed, in order: a
 * word with the blanks before it, or blanks alone at the end; at most some
 * 40 bytes; never part of a character. Until fn returns non-zero: returns
 * that; -1 when memory is short; or 0. piece is a new string, borrowed.
 */
int wire_each_piece(const json_t *text, int (*fn)(void *arg, json_t *piece),
    void *arg);

/*
 * Whether the strings in a list, each the member name of its element (or
 * the element itself when name is NULL), come to text when joined.
 */
bool wire_tokens_spell(const json_t *list, const char *name,
    const json_t *text);

#endif
