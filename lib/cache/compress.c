#include "cache/compress.h"

#include <pthread.h>
#include <zstd.h>

#include <stdlib.h>

/*
 * SSE shrinks well at any level; 3 is zstd's own balance, and storing
 * happens after the client has its answer.
 */
enum { LEVEL = 3 };

/* What a thread keeps: making a context costs more than a small answer. */
struct contexts {
	ZSTD_CCtx *compress;
	ZSTD_DCtx *decompress;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t contexts_key;
static bool have_key;

static void
contexts_free(void *arg)
{
	struct contexts *c = arg;

	if (c == NULL)
		return;
	ZSTD_freeCCtx(c->compress);
	ZSTD_freeDCtx(c->decompress);
	free(c);
}

static void
make_key(void)
{
	have_key = pthread_key_create(&contexts_key, contexts_free) == 0;
}

/* This thread's contexts, freed when it ends; NULL when memory is short. */
static struct contexts *
contexts_get(void)
{
	struct contexts *c;

	pthread_once(&once, make_key);
	if (!have_key)
		return NULL;
	c = pthread_getspecific(contexts_key);
	if (c != NULL)
		return c;
	c = calloc(1, sizeof(*c));
	if (c != NULL && pthread_setspecific(contexts_key, c) != 0) {
		free(c);
		return NULL;
	}
	return c;
}

static ZSTD_CCtx *
compressor(void)
{
	struct contexts *c = contexts_get();

	if (c == NULL)
		return NULL;
	if (c->compress == NULL)
		c->compress = ZSTD_createCCtx();
	if (c->compress == NULL)
		return NULL;
	/* No checksum: an entry has SHA-256 over the stored bytes. */
	ZSTD_CCtx_reset(c->compress, ZSTD_reset_session_and_parameters);
	ZSTD_CCtx_setParameter(c->compress, ZSTD_c_compressionLevel, LEVEL);
	ZSTD_CCtx_setParameter(c->compress, ZSTD_c_contentSizeFlag, 1);
	ZSTD_CCtx_setParameter(c->compress, ZSTD_c_checksumFlag, 0);
	return c->compress;
}

static ZSTD_DCtx *
decompressor(void)
{
	struct contexts *c = contexts_get();

	if (c == NULL)
		return NULL;
	if (c->decompress == NULL)
		c->decompress = ZSTD_createDCtx();
	return c->decompress;
}

int
compress_zstd(struct buf *out, const void *bytes, size_t len)
{
	size_t room = len - (len + 7) / 8; /* what still is a gain */
	ZSTD_CCtx *ctx;
	size_t n;

	if (room == 0)
		return -1;
	ctx = compressor();
	if (ctx == NULL || buf_reserve(out, room) == -1)
		return -1;
	n = ZSTD_compress2(ctx, out->data + out->len, room, bytes, len);
	if (ZSTD_isError(n)) {
		out->data[out->len] = '\0';
		return -1;
	}
	out->len += n;
	out->data[out->len] = '\0';
	return 0;
}

int
decompress_zstd(void *plain, size_t plain_len, const void *bytes, size_t len)
{
	ZSTD_DCtx *ctx;

	/* One frame that says this length, and nothing behind it. */
	if (ZSTD_getFrameContentSize(bytes, len) != plain_len ||
	    ZSTD_findFrameCompressedSize(bytes, len) != len)
		return -1;
	ctx = decompressor();
	if (ctx == NULL)
		return -1;
	return ZSTD_decompressDCtx(ctx, plain, plain_len, bytes, len) ==
	    plain_len ? 0 : -1;
}
