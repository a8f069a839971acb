/*
 * The values of a flight in the store, byte for byte (cache/flight.h says
 * which there are). Integers are little-endian.
 *
 *	offset	bytes	field
 *	0	4	magic, "RPSF"
 *	4	1	version
 *	5	1	kind
 *	6	2	zero
 *	8	16	the flight's id
 *	24		what the kind says
 *	end-16	16	the first half of SHA-256 of all before it
 *
 * Reading is strict: what is not exactly as it is written here, of the kind
 * and the flight asked for, is no value at all. All functions of any thread.
 * Private to the cache room.
 */
#ifndef CACHE_FLIGHT_RECORD_H
#define CACHE_FLIGHT_RECORD_H

#include "base/buf.h"
#include "cache/flight.h"
#include "cache/names.h"

enum {
	RECORD_VERSION = 2,
	RECORD_DIGEST_BYTES = 16,
	RECORD_OVERHEAD = 24 + RECORD_DIGEST_BYTES,
	RECORD_MARK_BYTES = RECORD_OVERHEAD + 8,
	RECORD_TAIL_MAX = 4096,        /* bytes of the body in a state */
	RECORD_STATE_MAX = RECORD_OVERHEAD + 36 + 255 + RECORD_TAIL_MAX,
	RECORD_SEGMENT_MAX = 64 * 1024, /* bytes of the body in a segment */
	RECORD_SEGMENT_OVERHEAD = RECORD_OVERHEAD + 12,
	RECORD_PAIRS_MAX = 512,        /* of headers, and of Vary values */
	RECORD_HEAD_MAX = 64 * 1024,
	RECORD_LEASE_MIN_MS = 100,
	RECORD_LEASE_MAX_MS = 3600 * 1000
};

enum record_kind {
	RECORD_LOCK = 1, /* a mark: the leader's lease, ms */
	RECORD_STATE,
	RECORD_HEAD,
	RECORD_SEGMENT,
	RECORD_JOINED,   /* a mark: any number */
	RECORD_NEED,     /* a mark: number of a segment */
	RECORD_HEIR      /* a mark: who is to end or replace the flight */
};

struct record_state {
	uint64_t beat;       /* grows with every writing */
	int64_t written_ms;  /* wall clock; a hint */
	enum flight_state how; /* not FLIGHT_DEAD */
	bool has_head;       /* the head was written before */
	bool leaving;        /* it is given up unless somebody follows by now:
				nobody is to begin with its bytes */
	uint32_t first, n;   /* segments first to n - 1 are there */
	uint64_t closed;     /* bytes of the body in segments 0 to n - 1 */
	const char *tail;    /* the bytes after them; borrowed */
	size_t tail_len;
	struct err err;      /* of FLIGHT_BROKEN, FLIGHT_FAILED */
};

/*
 * Each of these appends a value to out: 0, or -1 when it does not fit, a
 * field is out of bounds, or hashing failed (out is then of no use). Text of
 * an error is written as printable ASCII; a code that is no upstream's is
 * written as ERR_UPSTREAM_BROKEN.
 */
int record_mark_write(struct buf *out, enum record_kind kind,
    const uint8_t id[FLIGHT_ID_BYTES], uint64_t number);
int record_state_write(struct buf *out, const uint8_t id[FLIGHT_ID_BYTES],
    const struct record_state *state);
int record_head_write(struct buf *out, const uint8_t id[FLIGHT_ID_BYTES],
    const struct flight_head *head);
int record_segment_write(struct buf *out, const uint8_t id[FLIGHT_ID_BYTES],
    uint32_t n, uint64_t at, const char *bytes, size_t len);

/* Who leads a flight. */
struct record_holder {
	uint8_t id[FLIGHT_ID_BYTES];
	int64_t lease_ms; /* within the bounds above */
};

/* Whether this is a lock; whose goes to holder. */
bool record_lock_read(const char *value, size_t len,
    struct record_holder *holder);

/* Whether this is that kind of mark of that flight; and its number. */
bool record_mark_read(const char *value, size_t len, enum record_kind kind,
    const uint8_t id[FLIGHT_ID_BYTES], uint64_t *number);

/* Whether this is that flight's state. *out borrows from value. */
bool record_state_read(const char *value, size_t len,
    const uint8_t id[FLIGHT_ID_BYTES], struct record_state *out);

/*
 * Whether this is that flight's head. *out borrows from value and from
 * pairs, which has room for 2 * RECORD_PAIRS_MAX.
 */
bool record_head_read(const char *value, size_t len,
    const uint8_t id[FLIGHT_ID_BYTES], struct flight_head *out,
    struct text_pair *pairs);

/*
 * Whether this is segment n of that flight and begins at that offset of the
 * body; *bytes borrows from value.
 */
bool record_segment_read(const char *value, size_t len,
    const uint8_t id[FLIGHT_ID_BYTES], uint32_t n, uint64_t at,
    const char **bytes, size_t *bytes_len);

#endif
