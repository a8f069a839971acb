/*
 * The recorder: keeps a copy of an answer as it passes, follows its events,
 * and says at the end whether it may be stored. It never delays or fails
 * the answer itself.
 *
 * One recorder for one answer, one thread at a time.
 */
#ifndef CACHE_RECORDER_H
#define CACHE_RECORDER_H

#include "base/buf.h"
#include "cache/entry.h"
#include "cache/timeline.h"
#include "sse/parser.h"
#include "wire/format.h"

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct recorder_config {
	const struct wire_format *format;
	struct wire_policy policy;
	size_t max_bytes;      /* of the answer; longer ones are let go */
};

struct recorder {
	struct recorder_config config;
	/*
	 * The row that judges: the one asked for, until the answer shows
	 * the shape of another (see wire_format_of_json).
	 */
	const struct wire_format *format;
	enum entry_mode mode;
	enum wire_verdict verdict; /* the first obstacle, or WIRE_STORABLE */
	struct buf body;           /* the answer so far, while it is kept */
	struct timeline times;     /* when its events came, while it is kept */
	int64_t head_us;           /* steady clock: the head came */
	bool keep;                 /* it may be stored, or has usage to read */
	struct sse_parser parser;
	struct wire_stream stream;
	bool knows_shape;          /* a stream's first payload has come */
	json_t *usage;             /* after recorder_end; owned; or NULL */
	uint64_t events;           /* events seen */
};

/* Begin, before the answer's head is known. End with recorder_fini. */
void recorder_init(struct recorder *r, const struct recorder_config *config);

/* Free all it holds. */
void recorder_fini(struct recorder *r);

/*
 * The answer's head: status, Content-Type (or NULL) and Content-Encoding
 * (or NULL). Decides whether it is a stream or JSON, by what the answer
 * says, not by what was asked for.
 */
void recorder_head(struct recorder *r, int status, const char *content_type,
    const char *content_encoding);

/*
 * Rule the answer out for a reason the recorder cannot see (the first
 * reason wins); recording goes on only for usage and event boundaries. The
 * body is let go at once, but for a JSON answer ruled out by what the
 * request or the headers say: its usage can be read only at the end.
 */
void recorder_refuse(struct recorder *r, enum wire_verdict why);

/* Some bytes of the body, as they came. */
void recorder_data(struct recorder *r, const char *bytes, size_t len);

/*
 * Whether the bytes so far end between two events of a stream, so that an
 * event of our own may follow.
 */
bool recorder_at_boundary(const struct recorder *r);

/*
 * The end. clean: the transport ended as it should. Returns the verdict;
 * when it is WIRE_STORABLE, r->body is the whole answer, and r->usage its
 * usage. (Usage is also there for complete answers that are not stored.)
 */
enum wire_verdict recorder_end(struct recorder *r, bool clean);

#endif
