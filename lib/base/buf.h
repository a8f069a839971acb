/*
 * A growing byte buffer with a mandatory ceiling and a sticky failure
 * flag: append as often as needed, look at the flag once at the end.
 */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *data;   /* NUL-terminated whenever not NULL */
	size_t len;   /* bytes, without that NUL */
	size_t cap;   /* allocated bytes */
	size_t max;   /* ceiling of len, bytes */
	bool failed;  /* an append did not fit or memory ran out: sticky */
};

/*
 * Make an empty buffer that will hold max_bytes at most. Allocates
 * nothing. End with buf_fini. One thread at a time, like all below.
 */
void buf_init(struct buf *b, size_t max_bytes);

/* Free the memory and forget the failure. The buffer may be used again. */
void buf_fini(struct buf *b);

/* Empty the buffer and clear the flag; the memory is kept for re-use. */
void buf_reset(struct buf *b);

/*
 * Make room for extra_bytes more. 0, or -1 when that passes the ceiling or
 * memory is short (the flag is set, the content stays).
 */
int buf_reserve(struct buf *b, size_t extra_bytes);

/*
 * Append len bytes. 0, or -1 (flag set, nothing of it appended). Does
 * nothing on a failed buffer.
 */
int buf_append(struct buf *b, const void *bytes, size_t len);

/* Append a NUL-terminated string. As buf_append. */
int buf_puts(struct buf *b, const char *s);

/* Append one byte. As buf_append. */
int buf_putc(struct buf *b, char c);

/* Append by a printf format. As buf_append. */
int buf_printf(struct buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * Append s as a JSON string with its quotes. Control bytes and all that
 * is not ASCII are escaped; bytes that are not UTF-8 become U+FFFD, so the
 * result is always valid JSON on one line (RFC 8259 section 7).
 */
int buf_put_json_string(struct buf *b, const char *s, size_t len);

/*
 * Drop the first len bytes (at most what is there), moving the rest down.
 */
void buf_consume(struct buf *b, size_t len);

#endif
