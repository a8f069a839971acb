#include "base/buf.h"

#include "base/text.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_CAP = 256 };

void
buf_init(struct buf *b, size_t max_bytes)
{
	memset(b, 0, sizeof(*b));
	b->max = max_bytes;
}

void
buf_fini(struct buf *b)
{
	size_t max = b->max;

	free(b->data);
	buf_init(b, max);
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = false;
	if (b->data != NULL)
		b->data[0] = '\0';
}

static int
fail(struct buf *b)
{
	b->failed = true;
	return -1;
}

int
buf_reserve(struct buf *b, size_t extra_bytes)
{
	size_t want, cap;
	char *p;

	if (b->failed)
		return -1;
	if (extra_bytes > b->max || b->len > b->max - extra_bytes ||
	    b->max == SIZE_MAX)
		return fail(b);
	want = b->len + extra_bytes + 1;
	if (want <= b->cap)
		return 0;
	cap = b->cap == 0 ? FIRST_CAP : b->cap;
	while (cap < want)
		cap = cap > SIZE_MAX / 2 ? want : cap * 2;
	if (cap > b->max + 1)
		cap = b->max + 1;
	p = realloc(b->data, cap);
	if (p == NULL)
		return fail(b);
	b->data = p;
	b->cap = cap;
	b->data[b->len] = '\0';
	return 0;
}

int
buf_append(struct buf *b, const void *bytes, size_t len)
{
	if (buf_reserve(b, len) == -1)
		return -1;
	if (len > 0)
		memcpy(b->data + b->len, bytes, len);
	b->len += len;
	b->data[b->len] = '\0';
	return 0;
}

int
buf_puts(struct buf *b, const char *s)
{
	return buf_append(b, s, strlen(s));
}

int
buf_putc(struct buf *b, char c)
{
	return buf_append(b, &c, 1);
}

int
buf_printf(struct buf *b, const char *fmt, ...)
{
	size_t room;
	va_list ap;
	int need;

	/* Into what room there is; once more when that was too little. */
	if (buf_reserve(b, 0) == -1)
		return -1;
	room = b->cap - b->len;
	va_start(ap, fmt);
	need = vsnprintf(b->data + b->len, room, fmt, ap);
	va_end(ap);
	if (need >= 0 && (size_t)need < room) {
		b->len += (size_t)need;
		return 0;
	}
	b->data[b->len] = '\0';
	if (need < 0)
		return fail(b);
	if (buf_reserve(b, (size_t)need) == -1)
		return -1;
	va_start(ap, fmt);
	vsnprintf(b->data + b->len, (size_t)need + 1, fmt, ap);
	va_end(ap);
	b->len += (size_t)need;
	return 0;
}

static void
put_code_point(struct buf *b, uint32_t c)
{
	if (c < 0x10000) {
		buf_printf(b, "\\u%04x", (unsigned)c);
		return;
	}
	c -= 0x10000;
	buf_printf(b, "\\u%04x\\u%04x", (unsigned)(0xd800 + (c >> 10)),
	    (unsigned)(0xdc00 + (c & 0x3ff)));
}

int
buf_put_json_string(struct buf *b, const char *s, size_t len)
{
	size_t i = 0, run;
	uint32_t c;

	buf_putc(b, '"');
	while (i < len) {
		for (run = i; run < len && s[run] >= 0x20 && s[run] < 0x7f &&
		     s[run] != '"' && s[run] != '\\';)
			run++;
		buf_append(b, s + i, run - i);
		i = run;
		if (i == len)
			break;
		if (s[i] == '"' || s[i] == '\\') {
			buf_putc(b, '\\');
			buf_putc(b, s[i++]);
			continue;
		}
		i += text_utf8_next(s + i, len - i, &c);
		put_code_point(b, c);
	}
	buf_putc(b, '"');
	return b->failed ? -1 : 0;
}

void
buf_consume(struct buf *b, size_t len)
{
	if (len > b->len)
		len = b->len;
	if (len == 0)
		return;
	memmove(b->data, b->data + len, b->len - len);
	b->len -= len;
	b->data[b->len] = '\0';
}
