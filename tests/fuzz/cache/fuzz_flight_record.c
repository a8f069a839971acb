/*
 * Whatever bytes memcached hands out for a flight: they are read or refused,
 * and what was read says the same again when written. The digest is made
 * right first, or nothing would ever get past it.
 */
#include "base/digest.h"
#include "cache/flight_record.h"

#include <stdlib.h>
#include <string.h>

enum { AT_ID = 8, AT_SEGMENT = 24 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Written again, it must be these bytes. */
static void
compare(struct buf *again, int rc, const char *value, size_t len)
{
	if (rc == -1 || again->len != len ||
	    memcmp(again->data, value, len) != 0)
		abort();
	buf_fini(again);
}

static void
try_marks(const char *value, size_t len, const uint8_t *id)
{
	static const enum record_kind kinds[] = {RECORD_JOINED, RECORD_NEED};
	struct record_holder holder;
	struct buf again;
	uint64_t number;
	size_t i;

	buf_init(&again, len);
	if (record_lock_read(value, len, &holder))
		compare(&again, record_mark_write(&again, RECORD_LOCK,
		    holder.id, (uint64_t)holder.lease_ms), value, len);
	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (record_mark_read(value, len, kinds[i], id, &number))
			compare(&again, record_mark_write(&again, kinds[i],
			    id, number), value, len);
	}
}

static void
try_state(const char *value, size_t len, const uint8_t *id)
{
	struct record_state state;
	struct buf again;

	buf_init(&again, len);
	if (record_state_read(value, len, id, &state))
		compare(&again, record_state_write(&again, id, &state), value,
		    len);
}

static void
try_head(const char *value, size_t len, const uint8_t *id)
{
	struct text_pair pairs[2 * RECORD_PAIRS_MAX];
	struct flight_head head;
	struct buf again;

	buf_init(&again, len);
	if (record_head_read(value, len, id, &head, pairs))
		compare(&again, record_head_write(&again, id, &head), value,
		    len);
}

static void
try_segment(const char *value, size_t len, const uint8_t *id)
{
	uint64_t at = 0;
	uint32_t n = 0;
	const char *bytes;
	size_t bytes_len, i;
	struct buf again;

	if (len < AT_SEGMENT + 12)
		return;
	for (i = 0; i < 4; i++)
		n |= (uint32_t)(uint8_t)value[AT_SEGMENT + i] << (8 * i);
	for (i = 0; i < 8; i++)
		at |= (uint64_t)(uint8_t)value[AT_SEGMENT + 4 + i] << (8 * i);
	buf_init(&again, len);
	if (record_segment_read(value, len, id, n, at, &bytes, &bytes_len))
		compare(&again, record_segment_write(&again, id, n, at, bytes,
		    bytes_len), value, len);
}

static void
try_all(const char *value, size_t len)
{
	uint8_t id[FLIGHT_ID_BYTES] = {0};

	if (len >= AT_ID + sizeof(id))
		memcpy(id, value + AT_ID, sizeof(id));
	try_marks(value, len, id);
	try_state(value, len, id);
	try_head(value, len, id);
	try_segment(value, len, id);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t digest[DIGEST_BYTES];
	char *value = calloc(1, size > 0 ? size : 1);

	if (value == NULL)
		return 0;
	if (size > 0)
		memcpy(value, data, size);
	try_all(value, size);
	if (size >= RECORD_DIGEST_BYTES && digest_sha256(value,
	    size - RECORD_DIGEST_BYTES, digest) == 0) {
		memcpy(value + size - RECORD_DIGEST_BYTES, digest,
		    RECORD_DIGEST_BYTES);
		try_all(value, size);
	}
	free(value);
	return 0;
}
