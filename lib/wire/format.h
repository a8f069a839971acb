/*
 * The wire formats of LLM APIs: one table row and one file each. A row
 * says where a format is spoken, how its requests stream, when an answer
 * is complete, what may be stored, and the shape of its errors.
 */
#ifndef WIRE_FORMAT_H
#define WIRE_FORMAT_H

#include "base/buf.h"
#include "base/err.h"
#include "sse/parser.h"
#include "wire/verdict.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wire_format_id {
	WIRE_CHAT,           /* POST /v1/chat/completions */
	WIRE_COMPLETIONS,    /* POST /v1/completions */
	WIRE_RESPONSES,      /* POST /v1/responses */
	WIRE_MESSAGES,       /* POST /v1/messages, Anthropic's */
	WIRE_EMBEDDINGS,     /* POST /v1/embeddings */
	WIRE_RERANK,         /* POST /v1/rerank and its other places */
	WIRE_TRANSCRIPTIONS, /* POST /v1/audio/transcriptions */
	WIRE_TRANSLATIONS,   /* POST /v1/audio/translations */
	WIRE_OTHER,          /* anything else: passed through, never cached */
	WIRE_FORMAT_COUNT
};

/* What a request's body is. */
enum wire_body { WIRE_BODY_ANY, WIRE_BODY_JSON, WIRE_BODY_FORM };

/* What may be stored beyond the plain case. */
struct wire_policy {
	bool store_length;     /* answers that ended at their length limit */
	bool store_tool_calls; /* answers that call tools */
};

/*
 * Judging a stream: one value for one answer, fed with its events in
 * order. Zero-initialised by the caller, freed by the row's fini.
 */
struct wire_stream {
	json_t *usage;          /* the answer's usage so far, owned; or NULL */
	enum wire_verdict bad;  /* first fault, or WIRE_STORABLE */
	bool ended;             /* the format's terminator has come */
	bool done;              /* data: [DONE] has come */
	bool any_payload;       /* an event with content has come */
	bool ended_by_length;
	bool calls_tools;
	void *state;            /* the format's own, owned */
};

enum { WIRE_PATHS_MAX = 4 };

struct wire_format {
	enum wire_format_id id;
	const char *name;  /* in records and metrics */
	const char *paths[WIRE_PATHS_MAX]; /* below the base path; then NULL */
	enum wire_body body;

	/*
	 * The member whose elements are questions of their own, each cached
	 * by itself ("input" of embeddings); NULL.
	 */
	const char *split_member;

	/* Whether stream_options.include_usage is one of its fields. */
	bool asks_usage;

	/* Anthropic's dialect: its error shape, its header for a key. */
	bool anthropic;

	/*
	 * Whether a request may be answered from the cache, as far as the
	 * format can tell: WIRE_STORABLE; WIRE_BODY_SHAPE when it lacks what
	 * the format requires; or that it depends on, or leaves, state
	 * upstream. A form is given as an object: of text parts the text,
	 * of files true.
	 */
	enum wire_verdict (*judge_request)(const json_t *body);

	/*
	 * Judge a JSON answer by wire-format rules; *usage gets a new
	 * reference to its usage object or NULL.
	 */
	enum wire_verdict (*judge_json)(const json_t *body,
	    const struct wire_policy *policy, json_t **usage);

	/* Judge one event of a stream. Faults are kept in s->bad. */
	void (*stream_event)(struct wire_stream *s,
	    const struct sse_event *event);

	/* The verdict once the transport has ended cleanly. */
	enum wire_verdict (*stream_end)(struct wire_stream *s,
	    const struct wire_policy *policy);

	/* Free what s holds. */
	void (*stream_fini)(struct wire_stream *s);

	/* Append the body of an error answer. 0 or -1. */
	int (*error_body)(struct buf *out, const struct err *err);

	/*
	 * Append an in-stream error event, which follows so many events of
	 * the stream. 0 or -1.
	 */
	int (*error_event)(struct buf *out, const struct err *err,
	    uint64_t events);

	/*
	 * What follows is set for formats that can be reshaped between
	 * stream and JSON, else NULL.
	 */

	/* Whether a JSON answer, or a stream's payload, has its shape. */
	bool (*owns_json)(const json_t *answer);
	bool (*owns_payload)(const json_t *payload);

	/*
	 * Append the stream that says what a JSON answer says; usage: the
	 * request asked for a usage chunk. 0; or -1 when the answer cannot be
	 * expressed faithfully (or out failed).
	 */
	int (*to_stream)(struct buf *out, const json_t *answer, bool usage);

	/*
	 * Append the JSON answer that says what a whole stored stream says,
	 * given as the array of its payloads (without "[DONE]"), which need
	 * not be of its shape; usage: what is known of it beside the stream,
	 * or NULL. 0 or -1, as above.
	 */
	int (*to_json)(struct buf *out, const json_t *payloads, json_t *usage);
};

/* The row of a format. Static. Any thread. */
const struct wire_format *wire_format_get(enum wire_format_id id);

/*
 * The row for a path below the base path, e.g. "/v1/chat/completions";
 * WIRE_OTHER's when it is none's (below "/v1/messages/" one of the same id
 * with Anthropic's error shape). Never NULL. Static. Any thread.
 */
const struct wire_format *wire_format_for_path(const char *path);

/*
 * The row by whose rules an answer is to be judged and reshaped: that of
 * the shape it has, where both it and the format asked for can be reshaped
 * (a bridge may answer a Responses request with a chat completion), else
 * the one asked for. Of a stream, its first payload decides. Any thread.
 */
const struct wire_format *wire_format_of_json(const json_t *answer,
    const struct wire_format *asked);
const struct wire_format *wire_format_of_payload(const json_t *payload,
    const struct wire_format *asked);

/*
 * Whether a request's JSON asks for a stream: "stream" is JSON true, not
 * "true", 1 or null. Any thread.
 */
bool wire_wants_stream(const json_t *body);

/*
 * Three token counts out of any format's usage object: spent on the
 * prompt, on the answer, and in all (their sum where it does not say); 0
 * for what is unknown. Accepts the field names of all formats
 * (prompt_tokens, input_tokens, ...; Cohere's "tokens" object). usage may be
 * NULL. Any thread.
 */
struct wire_tokens {
	json_int_t prompt;
	json_int_t completion;
	json_int_t total;
};
struct wire_tokens wire_usage_tokens(const json_t *usage);

#endif
