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

enum wire_format_id {
	WIRE_CHAT,   /* POST /v1/chat/completions */
	WIRE_OTHER,  /* anything else: passed through, never cached */
	WIRE_FORMAT_COUNT
};

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
	json_t *usage;          /* last usage object seen, owned; or NULL */
	enum wire_verdict bad;  /* first fault, or WIRE_STORABLE */
	bool ended;             /* the terminator has come */
	bool any_payload;       /* an event with content has come */
	bool ended_by_length;
	bool calls_tools;
	void *choices;          /* the format's own, owned */
};

struct wire_format {
	enum wire_format_id id;
	const char *name;  /* in records and metrics */
	const char *path;  /* below the base path; NULL: any */

	/*
	 * Whether the parsed request has what the format requires (chat:
	 * a string "model" and an array "messages").
	 */
	bool (*request_ok)(const json_t *body);

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

	/* Append an in-stream error event. 0 or -1. */
	int (*error_event)(struct buf *out, const struct err *err);
};

/* The row of a format. Static. Any thread. */
const struct wire_format *wire_format_get(enum wire_format_id id);

/*
 * The row for a path below the base path, e.g. "/v1/chat/completions";
 * WIRE_OTHER's when it is none's. Never NULL. Static. Any thread.
 */
const struct wire_format *wire_format_for_path(const char *path);

/*
 * Whether a request's JSON asks for a stream: "stream" is JSON true, not
 * "true", 1 or null. Any thread.
 */
bool wire_wants_stream(const json_t *body);

/*
 * Three token counts out of any format's usage object: spent on the
 * prompt, on the answer, and in all; 0 where it does not say. Accepts the
 * field names of all formats (prompt_tokens, input_tokens, ...). usage may
 * be NULL. Any thread.
 */
struct wire_tokens {
	json_int_t prompt;
	json_int_t completion;
	json_int_t total;
};
struct wire_tokens wire_usage_tokens(const json_t *usage);

#endif
