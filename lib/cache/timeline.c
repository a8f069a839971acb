#include "cache/timeline.h"

enum { NUMBER_BYTES = 9 }; /* 63 bits */

void
timeline_init(struct timeline *t)
{
	*t = (struct timeline){0};
	buf_init(&t->bytes, ENTRY_TIMES_MAX);
}

void
timeline_fini(struct timeline *t)
{
	buf_fini(&t->bytes);
	timeline_init(t);
}

static void
put_number(struct buf *out, uint64_t n)
{
	char bytes[NUMBER_BYTES + 1];
	size_t len = 0;

	for (; n >= 0x80; n >>= 7)
		bytes[len++] = (char)(n | 0x80);
	bytes[len++] = (char)n;
	buf_append(out, bytes, len);
}

void
timeline_note(struct timeline *t, int64_t ms, uint64_t whole)
{
	if (whole <= t->whole)
		return;
	if (ms < t->ms)
		ms = t->ms;
	if (ms > TIMELINE_MS_MAX || whole > INT64_MAX) {
		t->bytes.failed = true;
		return;
	}
	put_number(&t->bytes, (uint64_t)(ms - t->ms));
	put_number(&t->bytes, whole - t->whole);
	t->ms = ms;
	t->whole = whole;
}

const char *
timeline_bytes(const struct timeline *t, size_t *len)
{
	*len = t->bytes.failed ? 0 : t->bytes.len;
	return *len > 0 ? t->bytes.data : "";
}

/* Read a number at *at, before end, of at most max. Whether it is one. */
static bool
take_number(const char **at, const char *end, uint64_t max, uint64_t *out)
{
	uint64_t n = 0;
	unsigned char byte = 0x80;
	int i;

	for (i = 0; (byte & 0x80) != 0; i++) {
		if (*at == end || i == NUMBER_BYTES)
			return false;
		byte = (unsigned char)*(*at)++;
		n |= (uint64_t)(byte & 0x7f) << (7 * i);
	}
	*out = n;
	/* A last byte of nothing could have been left out. */
	return n <= max && (byte != 0 || i == 1);
}

bool
timeline_next(struct timeline_reader *r)
{
	const char *at = r->at;
	uint64_t ms, bytes;

	if (!take_number(&at, r->end, (uint64_t)(TIMELINE_MS_MAX - r->ms),
	    &ms) ||
	    !take_number(&at, r->end, INT64_MAX - r->whole, &bytes) ||
	    bytes == 0)
		return false;
	r->at = at;
	r->ms += (int64_t)ms;
	r->whole += bytes;
	return true;
}

bool
timeline_ok(const char *bytes, size_t len, uint64_t body_len)
{
	struct timeline_reader r = {.at = bytes};

	if (len == 0 || len > ENTRY_TIMES_MAX)
		return false;
	r.end = bytes + len;
	while (timeline_next(&r))
		continue;
	return r.at == r.end && r.whole <= body_len;
}
