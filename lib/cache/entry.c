#include "cache/entry.h"

#include "base/little_endian.h"

#include <string.h>

/*
 * The fixed header, little-endian:
 *
 *	offset	bytes	field
 *	0	4	magic, "RPSE"
 *	4	1	version
 *	5	1	flags: 1 = the stored body is zstd; other bits 0
 *	6	1	mode
 *	7	1	format
 *	8	2	HTTP status
 *	10	2	zero
 *	12	4	length of the meta block
 *	16	8	created, ms since 1970
 *	24	8	fresh until, ms since 1970
 *	32	8	length of the plain body
 *	40	8	length of the stored body
 *	48	4	chunk size, 0 when inline
 *	52	4	number of chunks, 0 when inline
 *	56	32	key
 *	88	16	epoch
 *	104	8	generation
 *	112	32	SHA-256 of the stored body
 *	144	4	length of the timeline
 *	148		the meta block
 *
 * then SHA-256 of all that, then the stored body unless it is in chunks.
 * The stored body is the plain body and the timeline behind it, together
 * compressed or not.
 */
enum {
	AT_VERSION = 4,
	AT_FLAGS = 5,
	AT_MODE = 6,
	AT_FORMAT = 7,
	AT_STATUS = 8,
	AT_ZERO = 10,
	AT_META_LEN = 12,
	AT_CREATED = 16,
	AT_FRESH_UNTIL = 24,
	AT_PLAIN_LEN = 32,
	AT_STORED_LEN = 40,
	AT_CHUNK_SIZE = 48,
	AT_N_CHUNKS = 52,
	AT_KEY = 56,
	AT_EPOCH = 88,
	AT_GENERATION = 104,
	AT_BODY_DIGEST = 112,
	AT_TIMES_LEN = 144,
	HEADER_BYTES = 148
};

enum { FLAG_ZSTD = 1 };

static const uint8_t magic[4] = {'R', 'P', 'S', 'E'};

_Static_assert(AT_BODY_DIGEST + DIGEST_BYTES == AT_TIMES_LEN, "layout");
_Static_assert(AT_KEY + CACHE_KEY_BYTES == AT_EPOCH, "layout");
_Static_assert(AT_EPOCH + ENTRY_EPOCH_BYTES == AT_GENERATION, "layout");
_Static_assert(AT_GENERATION + ENTRY_GENERATION_BYTES == AT_BODY_DIGEST,
    "layout");
_Static_assert(HEADER_BYTES + DIGEST_BYTES == ENTRY_OVERHEAD, "layout");

/* Only a stream that said something has times. */
static bool
times_ok(const struct entry *e)
{
	return e->times_len == 0 || (e->times_len <= ENTRY_TIMES_MAX &&
	    e->mode == ENTRY_STREAM && e->plain_len > 0 &&
	    e->plain_len <= UINT64_MAX - e->times_len);
}

/* Whether body and chunks agree with each other; body_len is what is there. */
static bool
lengths_ok(const struct entry *e)
{
	uint64_t whole = e->plain_len + e->times_len;

	if (e->compressed ? e->stored_len >= whole : e->stored_len != whole)
		return false;
	if (e->n_chunks == 0)
		return e->chunk_size == 0 && e->body_len == e->stored_len;
	if (e->chunk_size == 0 || e->n_chunks > ENTRY_CHUNKS_MAX)
		return false;
	whole = e->stored_len / e->chunk_size;
	if (e->stored_len % e->chunk_size != 0)
		whole++;
	return e->n_chunks == whole && e->body_len == 0;
}

static bool
fields_ok(const struct entry *e)
{
	if (e->mode != ENTRY_JSON && e->mode != ENTRY_STREAM)
		return false;
	if (e->status < 100 || e->status > 599)
		return false;
	if (e->created_ms < 0 || e->fresh_until_ms < e->created_ms)
		return false;
	return e->meta_len <= ENTRY_META_MAX && times_ok(e) && lengths_ok(e);
}

static void
put_header(uint8_t *h, const struct entry *e)
{
	memset(h, 0, HEADER_BYTES);
	memcpy(h, magic, sizeof(magic));
	h[AT_VERSION] = ENTRY_VERSION;
	h[AT_FLAGS] = e->compressed ? FLAG_ZSTD : 0;
	h[AT_MODE] = (uint8_t)e->mode;
	h[AT_FORMAT] = e->format;
	put_le(h + AT_STATUS, e->status, 2);
	put_le(h + AT_META_LEN, e->meta_len, 4);
	put_le(h + AT_CREATED, (uint64_t)e->created_ms, 8);
	put_le(h + AT_FRESH_UNTIL, (uint64_t)e->fresh_until_ms, 8);
	put_le(h + AT_PLAIN_LEN, e->plain_len, 8);
	put_le(h + AT_STORED_LEN, e->stored_len, 8);
	put_le(h + AT_CHUNK_SIZE, e->chunk_size, 4);
	put_le(h + AT_N_CHUNKS, e->n_chunks, 4);
	memcpy(h + AT_KEY, e->key, sizeof(e->key));
	memcpy(h + AT_EPOCH, e->epoch, sizeof(e->epoch));
	memcpy(h + AT_GENERATION, e->generation, sizeof(e->generation));
	memcpy(h + AT_BODY_DIGEST, e->body_digest, sizeof(e->body_digest));
	put_le(h + AT_TIMES_LEN, e->times_len, 4);
}

int
entry_encode(const struct entry *e, struct buf *out, struct err *err)
{
	uint8_t header[HEADER_BYTES], digest[DIGEST_BYTES];
	size_t start = out->len;

	if (!fields_ok(e))
		return err_set(err, ERR_LIMIT,
		    "a field of the entry is out of bounds");
	put_header(header, e);
	if (e->meta_len > SIZE_MAX - ENTRY_OVERHEAD - e->body_len ||
	    buf_reserve(out, ENTRY_OVERHEAD + e->meta_len + e->body_len) == -1)
		return err_set(err, ERR_LIMIT, "the entry is too long");
	buf_append(out, header, sizeof(header));
	buf_append(out, e->meta, e->meta_len);
	if (digest_sha256(out->data + start, out->len - start, digest) == -1) {
		out->len = start;
		return err_set(err, ERR_MEMORY, "hashing the entry failed");
	}
	buf_append(out, digest, sizeof(digest));
	buf_append(out, e->body, e->body_len);
	return 0;
}

static void
take_header(struct entry *e, const uint8_t *h)
{
	e->mode = (enum entry_mode)h[AT_MODE];
	e->format = h[AT_FORMAT];
	e->compressed = (h[AT_FLAGS] & FLAG_ZSTD) != 0;
	e->status = (uint16_t)take_le(h + AT_STATUS, 2);
	e->created_ms = (int64_t)take_le(h + AT_CREATED, 8);
	e->fresh_until_ms = (int64_t)take_le(h + AT_FRESH_UNTIL, 8);
	e->plain_len = take_le(h + AT_PLAIN_LEN, 8);
	e->stored_len = take_le(h + AT_STORED_LEN, 8);
	e->chunk_size = (uint32_t)take_le(h + AT_CHUNK_SIZE, 4);
	e->n_chunks = (uint32_t)take_le(h + AT_N_CHUNKS, 4);
	memcpy(e->key, h + AT_KEY, sizeof(e->key));
	memcpy(e->epoch, h + AT_EPOCH, sizeof(e->epoch));
	memcpy(e->generation, h + AT_GENERATION, sizeof(e->generation));
	memcpy(e->body_digest, h + AT_BODY_DIGEST, sizeof(e->body_digest));
	e->times_len = (uint32_t)take_le(h + AT_TIMES_LEN, 4);
}

int
entry_decode(struct entry *out, const void *bytes, size_t len,
    struct err *err)
{
	const uint8_t *h = bytes;
	uint8_t digest[DIGEST_BYTES];
	size_t meta_len, head;

	memset(out, 0, sizeof(*out));
	if (len < ENTRY_OVERHEAD || memcmp(h, magic, sizeof(magic)) != 0)
		return err_set(err, ERR_CORRUPT, "not an entry");
	if (h[AT_VERSION] != ENTRY_VERSION)
		return err_set(err, ERR_CORRUPT, "an entry of version %u",
		    h[AT_VERSION]);
	meta_len = (size_t)take_le(h + AT_META_LEN, 4);
	if (meta_len > ENTRY_META_MAX || meta_len > len - ENTRY_OVERHEAD)
		return err_set(err, ERR_CORRUPT, "the entry is cut short");
	head = HEADER_BYTES + meta_len;
	if (digest_sha256(h, head, digest) == -1 ||
	    memcmp(digest, h + head, sizeof(digest)) != 0)
		return err_set(err, ERR_CORRUPT, "the entry's head is damaged");

	take_header(out, h);
	out->meta = (const char *)h + HEADER_BYTES;
	out->meta_len = meta_len;
	out->body_len = len - ENTRY_OVERHEAD - meta_len;
	out->body = out->body_len > 0 ? (const char *)h + head + DIGEST_BYTES
				      : NULL;
	if ((h[AT_FLAGS] & ~FLAG_ZSTD) != 0 || take_le(h + AT_ZERO, 2) != 0 ||
	    !fields_ok(out))
		return err_set(err, ERR_CORRUPT,
		    "fields of the entry contradict each other");
	return 0;
}

bool
entry_body_ok(const struct entry *e, const void *stored, size_t len)
{
	uint8_t digest[DIGEST_BYTES];

	return len == e->stored_len &&
	    digest_sha256(stored, len, digest) == 0 &&
	    memcmp(digest, e->body_digest, sizeof(digest)) == 0;
}
