#include "cache/flight_record.h"

#include "base/digest.h"
#include "base/little_endian.h"

#include <string.h>

/*
 * What the kinds say, from offset 24 on:
 *
 *	lock, joined, need, heir
 *		8	a number: of lock the leader's lease in ms
 *	state
 *		8	beat
 *		8	written, ms since 1970
 *		1	how (enum flight_state as the table below has it)
 *		1	flags: 1 = the head was written, 2 = the leader may
 *			give up; other bits 0
 *		1	error (the table below), 0: none
 *		1	length of the error's text
 *		4	first segment that is there
 *		4	number of segments there have been
 *		8	bytes of the body in them
 *			the error's text, printable ASCII
 *			the body's bytes after the segments
 *	head
 *		2	HTTP status
 *		1	mode
 *		1	zero
 *		2	number of headers
 *		2	number of Vary values
 *		32	asker
 *			for each pair the name, NUL, the value, NUL
 *	segment
 *		4	its number
 *		8	where in the body it begins
 *			its bytes, at least one
 */
enum {
	AT_VERSION = 4,
	AT_KIND = 5,
	AT_ZERO = 6,
	AT_ID = 8,
	AT_CONTENT = 24,

	STATE_BEAT = 0,
	STATE_WRITTEN = 8,
	STATE_HOW = 16,
	STATE_FLAGS = 17,
	STATE_ERROR = 18,
	STATE_TEXT_LEN = 19,
	STATE_FIRST = 20,
	STATE_N = 24,
	STATE_CLOSED = 28,
	STATE_BYTES = 36,
	FLAG_HEAD = 1,
	FLAG_LEAVING = 2,

	HEAD_STATUS = 0,
	HEAD_MODE = 2,
	HEAD_ZERO = 3,
	HEAD_N_HEADERS = 4,
	HEAD_N_VARY = 6,
	HEAD_ASKER = 8,
	HEAD_BYTES = 40,

	SEGMENT_N = 0,
	SEGMENT_AT = 4,
	SEGMENT_BYTES = 12
};

_Static_assert(AT_CONTENT + RECORD_DIGEST_BYTES == RECORD_OVERHEAD, "layout");
_Static_assert(AT_ID + FLIGHT_ID_BYTES == AT_CONTENT, "layout");
_Static_assert(RECORD_OVERHEAD + STATE_BYTES + 255 + RECORD_TAIL_MAX ==
    RECORD_STATE_MAX, "layout");
_Static_assert(RECORD_OVERHEAD + SEGMENT_BYTES == RECORD_SEGMENT_OVERHEAD,
    "layout");
_Static_assert(HEAD_ASKER + DIGEST_BYTES == HEAD_BYTES, "layout");

static const uint8_t magic[4] = {'R', 'P', 'S', 'F'};

/* Their numbers in a state are the places in this table. */
static const enum flight_state hows[] = {FLIGHT_LEADING, FLIGHT_COMPLETE,
    FLIGHT_BROKEN, FLIGHT_FAILED, FLIGHT_ABANDONED};

/* Likewise; 0 is none. */
static const enum err_code errors[] = {ERR_NONE, ERR_UPSTREAM_CONNECT,
    ERR_UPSTREAM_TIMEOUT, ERR_UPSTREAM_BROKEN};

enum {
	N_HOWS = sizeof(hows) / sizeof(hows[0]),
	N_ERRORS = sizeof(errors) / sizeof(errors[0]),
	ERROR_BROKEN = 3
};

/* The content of a value that has been found whole. */
struct content {
	const uint8_t *at;
	size_t len;
};

/* ---- frame --------------------------------------------------------------- */

static void
begin(struct buf *out, enum record_kind kind,
    const uint8_t id[FLIGHT_ID_BYTES])
{
	uint8_t h[AT_CONTENT] = {0};

	memcpy(h, magic, sizeof(magic));
	h[AT_VERSION] = RECORD_VERSION;
	h[AT_KIND] = (uint8_t)kind;
	memcpy(h + AT_ID, id, FLIGHT_ID_BYTES);
	buf_append(out, h, sizeof(h));
}

/* Append the digest of what out has from start on. */
static int
end(struct buf *out, size_t start)
{
	uint8_t digest[DIGEST_BYTES];

	if (out->failed ||
	    digest_sha256(out->data + start, out->len - start, digest) == -1)
		return -1;
	return buf_append(out, digest, RECORD_DIGEST_BYTES);
}

/* Whether a value is whole and of that kind. */
static bool
open_value(const char *value, size_t len, enum record_kind kind,
    struct content *out)
{
	const uint8_t *h = (const uint8_t *)value;
	uint8_t digest[DIGEST_BYTES];
	size_t before;

	if (value == NULL || len < RECORD_OVERHEAD)
		return false;
	if (memcmp(h, magic, sizeof(magic)) != 0 ||
	    h[AT_VERSION] != RECORD_VERSION || h[AT_KIND] != kind ||
	    take_le(h + AT_ZERO, 2) != 0)
		return false;
	before = len - RECORD_DIGEST_BYTES;
	if (digest_sha256(h, before, digest) == -1 ||
	    memcmp(digest, h + before, RECORD_DIGEST_BYTES) != 0)
		return false;
	out->at = h + AT_CONTENT;
	out->len = len - RECORD_OVERHEAD;
	return true;
}

static bool
open_value_of(const char *value, size_t len, enum record_kind kind,
    const uint8_t id[FLIGHT_ID_BYTES], struct content *out)
{
	return open_value(value, len, kind, out) &&
	    memcmp(value + AT_ID, id, FLIGHT_ID_BYTES) == 0;
}

/* ---- marks --------------------------------------------------------------- */

int
record_mark_write(struct buf *out, enum record_kind kind,
    const uint8_t id[FLIGHT_ID_BYTES], uint64_t number)
{
	size_t start = out->len;
	uint8_t bytes[8];

	begin(out, kind, id);
	put_le(bytes, number, sizeof(bytes));
	buf_append(out, bytes, sizeof(bytes));
	return end(out, start);
}

bool
record_mark_read(const char *value, size_t len, enum record_kind kind,
    const uint8_t id[FLIGHT_ID_BYTES], uint64_t *number)
{
	struct content c;

	if (!open_value_of(value, len, kind, id, &c) || c.len != 8)
		return false;
	*number = take_le(c.at, 8);
	return true;
}

bool
record_lock_read(const char *value, size_t len, struct record_holder *holder)
{
	struct content c;
	uint64_t lease_ms;

	if (!open_value(value, len, RECORD_LOCK, &c) || c.len != 8)
		return false;
	lease_ms = take_le(c.at, 8);
	if (lease_ms < RECORD_LEASE_MIN_MS || lease_ms > RECORD_LEASE_MAX_MS)
		return false;
	memcpy(holder->id, value + AT_ID, FLIGHT_ID_BYTES);
	holder->lease_ms = (int64_t)lease_ms;
	return true;
}

/* ---- state --------------------------------------------------------------- */

static bool
ends_in_error(enum flight_state how)
{
	return how == FLIGHT_BROKEN || how == FLIGHT_FAILED;
}

/* Whether how it stands agrees with what there is. */
static bool
state_ok(const struct record_state *s)
{
	bool has_body = s->n > 0 || s->tail_len > 0;

	if (s->leaving && s->how != FLIGHT_LEADING)
		return false;
	if (s->first > s->n || s->tail_len > RECORD_TAIL_MAX)
		return false;
	if (s->closed < s->n ||
	    s->closed > (uint64_t)s->n * RECORD_SEGMENT_MAX)
		return false;
	if (s->how == FLIGHT_COMPLETE || s->how == FLIGHT_BROKEN)
		return s->has_head;
	if (s->how == FLIGHT_FAILED)
		return !s->has_head && !has_body;
	return s->has_head || !has_body;
}

static uint8_t
how_number(enum flight_state how)
{
	size_t i = 0;

	while (i < N_HOWS && hows[i] != how)
		i++;
	return (uint8_t)i;
}

static uint8_t
error_number(enum err_code code)
{
	size_t i;

	for (i = 1; i < N_ERRORS; i++) {
		if (errors[i] == code)
			return (uint8_t)i;
	}
	return ERROR_BROKEN;
}

int
record_state_write(struct buf *out, const uint8_t id[FLIGHT_ID_BYTES],
    const struct record_state *s)
{
	size_t start = out->len, text_len = 0;
	uint8_t bytes[STATE_BYTES] = {0};
	char text[sizeof(s->err.text)];

	if (!state_ok(s) || how_number(s->how) == N_HOWS)
		return -1;
	put_le(bytes + STATE_BEAT, s->beat, 8);
	put_le(bytes + STATE_WRITTEN, (uint64_t)s->written_ms, 8);
	bytes[STATE_HOW] = how_number(s->how);
	bytes[STATE_FLAGS] = (uint8_t)((s->has_head ? FLAG_HEAD : 0) |
	    (s->leaving ? FLAG_LEAVING : 0));
	if (ends_in_error(s->how)) {
		bytes[STATE_ERROR] = error_number(s->err.code);
		text_printable(s->err.text, text, sizeof(text));
		text_len = strlen(text);
	}
	bytes[STATE_TEXT_LEN] = (uint8_t)text_len;
	put_le(bytes + STATE_FIRST, s->first, 4);
	put_le(bytes + STATE_N, s->n, 4);
	put_le(bytes + STATE_CLOSED, s->closed, 8);
	begin(out, RECORD_STATE, id);
	buf_append(out, bytes, sizeof(bytes));
	buf_append(out, text, text_len);
	buf_append(out, s->tail, s->tail_len);
	return end(out, start);
}

/* Read an error of that number, whose text is len bytes at text. */
static bool
read_error(struct record_state *s, uint8_t number, const uint8_t *text,
    size_t len)
{
	size_t i;

	if (number >= N_ERRORS || (number != 0) != ends_in_error(s->how) ||
	    (number == 0 && len > 0) || len >= sizeof(s->err.text))
		return false;
	for (i = 0; i < len; i++) {
		if (text[i] < ' ' || text[i] > '~')
			return false;
	}
	s->err.code = errors[number];
	memcpy(s->err.text, text, len);
	s->err.text[len] = '\0';
	return true;
}

bool
record_state_read(const char *value, size_t len,
    const uint8_t id[FLIGHT_ID_BYTES], struct record_state *out)
{
	struct content c;
	size_t text_len;

	if (!open_value_of(value, len, RECORD_STATE, id, &c) ||
	    c.len < STATE_BYTES)
		return false;
	text_len = c.at[STATE_TEXT_LEN];
	if (text_len > c.len - STATE_BYTES || c.at[STATE_HOW] >= N_HOWS ||
	    c.at[STATE_FLAGS] > (FLAG_HEAD | FLAG_LEAVING))
		return false;
	out->beat = take_le(c.at + STATE_BEAT, 8);
	out->written_ms = (int64_t)take_le(c.at + STATE_WRITTEN, 8);
	out->how = hows[c.at[STATE_HOW]];
	out->has_head = c.at[STATE_FLAGS] & FLAG_HEAD;
	out->leaving = c.at[STATE_FLAGS] & FLAG_LEAVING;
	out->first = (uint32_t)take_le(c.at + STATE_FIRST, 4);
	out->n = (uint32_t)take_le(c.at + STATE_N, 4);
	out->closed = take_le(c.at + STATE_CLOSED, 8);
	out->tail = (const char *)c.at + STATE_BYTES + text_len;
	out->tail_len = c.len - STATE_BYTES - text_len;
	return state_ok(out) && out->written_ms >= 0 &&
	    read_error(out, c.at[STATE_ERROR], c.at + STATE_BYTES, text_len);
}

/* ---- head ---------------------------------------------------------------- */

static void
put_pairs(struct buf *out, const struct text_pair *pairs, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		buf_append(out, pairs[i].name, strlen(pairs[i].name) + 1);
		buf_append(out, pairs[i].value, strlen(pairs[i].value) + 1);
	}
}

static bool
head_ok(const struct flight_head *h)
{
	return h->status >= 100 && h->status <= 599 &&
	    (h->mode == ENTRY_JSON || h->mode == ENTRY_STREAM) &&
	    h->n_headers <= RECORD_PAIRS_MAX && h->n_vary <= RECORD_PAIRS_MAX;
}

int
record_head_write(struct buf *out, const uint8_t id[FLIGHT_ID_BYTES],
    const struct flight_head *h)
{
	uint8_t bytes[HEAD_BYTES] = {0};
	size_t start = out->len;

	if (!head_ok(h))
		return -1;
	put_le(bytes + HEAD_STATUS, (uint64_t)h->status, 2);
	bytes[HEAD_MODE] = (uint8_t)h->mode;
	put_le(bytes + HEAD_N_HEADERS, h->n_headers, 2);
	put_le(bytes + HEAD_N_VARY, h->n_vary, 2);
	memcpy(bytes + HEAD_ASKER, h->asker, DIGEST_BYTES);
	begin(out, RECORD_HEAD, id);
	buf_append(out, bytes, sizeof(bytes));
	put_pairs(out, h->headers, h->n_headers);
	put_pairs(out, h->vary, h->n_vary);
	return end(out, start) == -1 || out->len - start > RECORD_HEAD_MAX
	    ? -1 : 0;
}

/* Read n pairs from *p on, which moves past them. */
static bool
take_pairs(struct text_pair *pairs, size_t n, const char **p,
    const char *limit)
{
	const char *nul;
	size_t i;

	for (i = 0; i < 2 * n; i++) {
		nul = memchr(*p, '\0', (size_t)(limit - *p));
		if (nul == NULL)
			return false;
		if (i % 2 == 0)
			pairs[i / 2].name = *p;
		else
			pairs[i / 2].value = *p;
		*p = nul + 1;
	}
	return true;
}

bool
record_head_read(const char *value, size_t len,
    const uint8_t id[FLIGHT_ID_BYTES], struct flight_head *out,
    struct text_pair *pairs)
{
	const char *p, *limit;
	struct content c;

	if (len > RECORD_HEAD_MAX ||
	    !open_value_of(value, len, RECORD_HEAD, id, &c) ||
	    c.len < HEAD_BYTES || c.at[HEAD_ZERO] != 0)
		return false;
	out->status = (int)take_le(c.at + HEAD_STATUS, 2);
	out->mode = (enum entry_mode)c.at[HEAD_MODE];
	out->n_headers = (size_t)take_le(c.at + HEAD_N_HEADERS, 2);
	out->n_vary = (size_t)take_le(c.at + HEAD_N_VARY, 2);
	memcpy(out->asker, c.at + HEAD_ASKER, DIGEST_BYTES);
	if (!head_ok(out))
		return false;
	out->headers = pairs;
	out->vary = pairs + out->n_headers;
	p = (const char *)c.at + HEAD_BYTES;
	limit = (const char *)c.at + c.len;
	return take_pairs(pairs, out->n_headers + out->n_vary, &p, limit) &&
	    p == limit;
}

/* ---- segment ------------------------------------------------------------- */

int
record_segment_write(struct buf *out, const uint8_t id[FLIGHT_ID_BYTES],
    uint32_t n, uint64_t at, const char *bytes, size_t len)
{
	uint8_t where[SEGMENT_BYTES];
	size_t start = out->len;

	if (len == 0 || len > RECORD_SEGMENT_MAX)
		return -1;
	put_le(where + SEGMENT_N, n, 4);
	put_le(where + SEGMENT_AT, at, 8);
	begin(out, RECORD_SEGMENT, id);
	buf_append(out, where, sizeof(where));
	buf_append(out, bytes, len);
	return end(out, start);
}

bool
record_segment_read(const char *value, size_t len,
    const uint8_t id[FLIGHT_ID_BYTES], uint32_t n, uint64_t at,
    const char **bytes, size_t *bytes_len)
{
	struct content c;

	if (!open_value_of(value, len, RECORD_SEGMENT, id, &c) ||
	    c.len <= SEGMENT_BYTES ||
	    c.len > SEGMENT_BYTES + RECORD_SEGMENT_MAX ||
	    take_le(c.at + SEGMENT_N, 4) != n ||
	    take_le(c.at + SEGMENT_AT, 8) != at)
		return false;
	*bytes = (const char *)c.at + SEGMENT_BYTES;
	*bytes_len = c.len - SEGMENT_BYTES;
	return true;
}
