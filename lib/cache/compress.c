#include "cache/compress.h"

#include <pthread.h>
#include <zstd.h>

/*
 * SSE shrinks well at any level; 3 is zstd's own balance, and storing
 * happens after the client has its answer.
 */
enum { LEVEL = 3 };

/*
 * What a thread keeps until it ends: making a context costs more than a
 * small answer. Written once, by make_keys.
 */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t compressor_key, decompressor_key;
static bool have_keys;

static void
free_compressor(void *ctx)
{
	ZSTD_freeCCtx(ctx);
}

static void
free_decompressor(void *ctx)
{
	ZSTD_freeDCtx(ctx);
}

static void
make_keys(void)
{
	have_keys = pthread_key_create(&compressor_key, free_compressor) == 0 &&
	    pthread_key_create(&decompressor_key, free_decompressor) == 0;
}

static bool
keys_made(void)
{
	pthread_once(&once, make_keys);
	return have_keys;
}

/* This thread's context; NULL when memory is short. */
static ZSTD_CCtx *
compressor(void)
{
	ZSTD_CCtx *ctx;

	if (!keys_made())
		return NULL;
	ctx = pthread_getspecific(compressor_key);
	if (ctx != NULL)
		return ctx;
	ctx = ZSTD_createCCtx();
	if (ctx == NULL || pthread_setspecific(compressor_key, ctx) != 0) {
		ZSTD_freeCCtx(ctx);
		return NULL;
	}
	/* No checksum: an entry has SHA-256 over the stored bytes. */
	ZSTD_CCtx_setParameter(ctx, ZSTD_c_compressionLevel, LEVEL);
	ZSTD_CCtx_setParameter(ctx, ZSTD_c_contentSizeFlag, 1);
	ZSTD_CCtx_setParameter(ctx, ZSTD_c_checksumFlag, 0);
	return ctx;
}

static ZSTD_DCtx *
decompressor(void)
{
	ZSTD_DCtx *ctx;

	if (!keys_made())
		return NULL;
	ctx = pthread_getspecific(decompressor_key);
	if (ctx != NULL)
		return ctx;
	ctx = ZSTD_createDCtx();
	if (ctx == NULL || pthread_setspecific(decompressor_key, ctx) != 0) {
		ZSTD_freeDCtx(ctx);
		return NULL;
	}
	return ctx;
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
