/*
 * The manifest of an entry, byte for byte (design: "The entry in
 * memcached"): a fixed header, a small meta block (cache/meta.h), and the
 * stored body when it fits. What is stored as one is the body and, behind
 * it, the times at which a stream's events came (cache/timeline.h).
 */
#ifndef CACHE_ENTRY_H
#define CACHE_ENTRY_H

#include "base/buf.h"
#include "base/err.h"
#include "cache/key.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ENTRY_VERSION = 2,
	ENTRY_EPOCH_BYTES = 16,
	ENTRY_GENERATION_BYTES = 8,
	ENTRY_META_MAX = 64 * 1024,
	ENTRY_TIMES_MAX = 256 * 1024,
	/* The largest body and timeline, 256 MB and that, in chunks of 4 KB. */
	ENTRY_CHUNKS_MAX = (256 * 1024 * 1024 + ENTRY_TIMES_MAX) / 4096,
	ENTRY_OVERHEAD = 180 /* bytes of a manifest beside meta and body */
};

enum entry_mode { ENTRY_JSON, ENTRY_STREAM };

struct entry {
	enum entry_mode mode;
	uint8_t format;          /* enum wire_format_id */
	bool compressed;         /* the stored body is zstd */
	uint16_t status;         /* HTTP status of the answer */
	int64_t created_ms;      /* wall clock, when the answer was complete */
	int64_t fresh_until_ms;  /* wall clock */
	uint64_t plain_len;      /* bytes of the body as the upstream sent it */
	uint32_t times_len;      /* bytes of the timeline behind it; or 0 */
	uint64_t stored_len;     /* bytes of both as stored */
	uint32_t chunk_size;     /* bytes a chunk, but the last; 0: inline */
	uint32_t n_chunks;       /* 0: the body is in the manifest */
	uint8_t key[CACHE_KEY_BYTES];
	uint8_t epoch[ENTRY_EPOCH_BYTES];
	uint8_t generation[ENTRY_GENERATION_BYTES];
	uint8_t body_digest[DIGEST_BYTES]; /* SHA-256 of the stored bytes */
	const char *meta;        /* the meta block; borrowed */
	size_t meta_len;
	const char *body;        /* the inline stored body; borrowed */
	size_t body_len;         /* stored_len, or 0 when chunked */
};

/*
 * Append the manifest of e to out. 0; or -1 with err when out failed or a
 * field is out of bounds (ERR_LIMIT). Any thread.
 */
int entry_encode(const struct entry *e, struct buf *out, struct err *err);

/*
 * Read a manifest. *out borrows meta and body from bytes. Everything is
 * checked: magic, version, lengths against each other and len, and a digest
 * over the header and the meta block, so that any flipped, missing or added
 * byte of them is ERR_CORRUPT. The body's own digest is checked by
 * entry_body_ok. 0 or -1 with err. Any thread.
 */
int entry_decode(struct entry *out, const void *bytes, size_t len,
    struct err *err);

/* Whether stored is the body that e describes, by length and digest. */
bool entry_body_ok(const struct entry *e, const void *stored, size_t len);

#endif
