/*
 * Whatever bytes memcached hands out: a manifest is read or refused, and
 * what was read says the same again when written; of a meta block that was
 * accepted, no byte is left out. Digests are made right first, or nothing
 * would ever get past them.
 */
#include "cache/compress.h"
#include "cache/entry.h"
#include "cache/meta.h"

#include <stdlib.h>
#include <string.h>

enum {
	AT_META_LEN = 12,
	AT_BODY_DIGEST = 112,
	HEADER_BYTES = 148,
	PLAIN_MAX = 1 << 20
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Unpack the body as a look-up does; its times are for whoever reads them. */
static void
unpack(const struct entry *e)
{
	size_t len;
	char *plain;

	if (!entry_body_ok(e, e->body, e->body_len) || !e->compressed ||
	    e->plain_len > PLAIN_MAX)
		return;
	len = (size_t)e->plain_len + e->times_len;
	plain = malloc(len);
	if (plain != NULL)
		(void)decompress_zstd(plain, len, e->body, e->body_len);
	free(plain);
}

static int
count_pair(void *arg, const char *name, const char *value)
{
	size_t *bytes = arg;

	*bytes += 1 + strlen(name) + 1 + strlen(value) + 1;
	return 0;
}

/* The object and the pairs of both kinds make up the whole block. */
static void
check_meta(const char *block, size_t len)
{
	json_t *meta = meta_read(block, len);
	size_t bytes;

	if (meta == NULL)
		return;
	bytes = strlen(block) + 1;
	meta_each(block, len, 'h', count_pair, &bytes);
	meta_each(block, len, 'v', count_pair, &bytes);
	if (bytes != len)
		abort();
	json_decref(meta);
}

static void
read_and_write(const uint8_t *bytes, size_t len)
{
	struct entry e;
	struct buf again;

	if (entry_decode(&e, bytes, len, NULL) == -1)
		return;
	if (e.meta_len > len || e.body_len > len)
		abort();
	check_meta(e.meta, e.meta_len);
	unpack(&e);
	buf_init(&again, len);
	if (entry_encode(&e, &again, NULL) == -1 || again.len != len ||
	    memcmp(again.data, bytes, len) != 0)
		abort();
	buf_fini(&again);
}

/* Make the digests of the body and of the head right, where there are any. */
static void
seal(uint8_t *bytes, size_t len)
{
	size_t meta_len, head;

	if (len < ENTRY_OVERHEAD)
		return;
	meta_len = bytes[AT_META_LEN] | (size_t)bytes[AT_META_LEN + 1] << 8;
	if (meta_len > len - ENTRY_OVERHEAD)
		return;
	head = HEADER_BYTES + meta_len;
	digest_sha256(bytes + head + DIGEST_BYTES, len - head - DIGEST_BYTES,
	    bytes + AT_BODY_DIGEST);
	digest_sha256(bytes, head, bytes + head);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *bytes = calloc(1, size > 0 ? size : 1);

	if (bytes == NULL)
		return 0;
	if (size > 0)
		memcpy(bytes, data, size);
	read_and_write(bytes, size);
	seal(bytes, size);
	read_and_write(bytes, size);
	free(bytes);
	return 0;
}
