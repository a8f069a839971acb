/*
 * When the events of a stream came: one record for each read that
 * completed any, kept behind the body of an entry.
 *
 * A record is two numbers in LEB128 (seven bits a byte, the lowest first,
 * no more bytes than needed): the milliseconds since the record before it,
 * or since the answer's head; then the bytes, above 0, of whole events that
 * have come since. What follows the last record's bytes, for example a
 * comment that no blank line ended, came with it.
 *
 * One thread at a time.
 */
#ifndef CACHE_TIMELINE_H
#define CACHE_TIMELINE_H

#include "base/buf.h"
#include "cache/entry.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No stream lasts longer: a year. */
#define TIMELINE_MS_MAX (INT64_C(365) * 24 * 3600 * 1000)

/*
 * One as it is written. One that grows beyond ENTRY_TIMES_MAX, or passes
 * TIMELINE_MS_MAX, is let go, and what is noted later with it.
 */
struct timeline {
	struct buf bytes;
	int64_t ms;     /* of the last record */
	uint64_t whole; /* bytes of whole events up to it */
};

/* Begin an empty one. End with timeline_fini. */
void timeline_init(struct timeline *t);

/* Free what it holds; it is then an empty one. */
void timeline_fini(struct timeline *t);

/*
 * Note that ms after the head there are whole bytes of whole events. No
 * record when these have not grown. ms that goes back counts as no step.
 */
void timeline_note(struct timeline *t, int64_t ms, uint64_t whole);

/* What has been written; 0 bytes when it was let go. Borrowed. */
const char *timeline_bytes(const struct timeline *t, size_t *len);

/* One as it is read; set to {bytes, bytes + len}. Borrows the bytes. */
struct timeline_reader {
	const char *at, *end;
	int64_t ms;     /* of the last record read, since the head */
	uint64_t whole; /* bytes of whole events up to it */
};

/*
 * Read the next record. false at the end, and at a record that is
 * malformed, whose sums pass TIMELINE_MS_MAX or 2^63.
 */
bool timeline_next(struct timeline_reader *r);

/*
 * Whether these bytes are a timeline, of one record at least, that fits a
 * body of body_len bytes.
 */
bool timeline_ok(const char *bytes, size_t len, uint64_t body_len);

#endif
