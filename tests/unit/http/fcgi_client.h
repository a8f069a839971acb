/*
 * The web server's side of FastCGI 1.0, for tests: records made and taken
 * apart by hand.
 */
#ifndef FCGI_CLIENT_H
#define FCGI_CLIENT_H

#include "base/buf.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	FCGI_BEGIN = 1, FCGI_ABORT = 2, FCGI_END = 3, FCGI_PARAMS = 4,
	FCGI_STDIN = 5, FCGI_STDOUT = 6, FCGI_STDERR = 7,
	ANSWER_MAX = 64 << 20
};

static inline void
fcgi_put_record(struct buf *b, int type, int id, const void *bytes,
    size_t len)
{
	const char header[8] = {1, (char)type, (char)(id >> 8), (char)id,
	    (char)(len >> 8), (char)len, 0, 0};

	buf_append(b, header, sizeof(header));
	buf_append(b, bytes, len);
}

static inline void
fcgi_put_begin(struct buf *b, int id, int role, bool keep)
{
	const char body[8] = {0, (char)role, keep ? 1 : 0, 0, 0, 0, 0, 0};

	fcgi_put_record(b, FCGI_BEGIN, id, body, sizeof(body));
}

/* A pair of FCGI_PARAMS whose value is under 128 bytes. */
static inline void
fcgi_put_param(struct buf *params, const char *name, const char *value)
{
	buf_putc(params, (char)strlen(name));
	buf_putc(params, (char)strlen(value));
	buf_puts(params, name);
	buf_puts(params, value);
}

/* A body in records of at most step bytes, and its end. */
static inline void
fcgi_put_stdin(struct buf *b, int id, const char *body, size_t len,
    size_t step)
{
	size_t part;

	for (; len > 0; len -= part, body += part) {
		part = len < step ? len : step;
		fcgi_put_record(b, FCGI_STDIN, id, body, part);
	}
	fcgi_put_record(b, FCGI_STDIN, id, "", 0);
}

/* Begin and parameters of POST uri. */
static inline void
fcgi_put_head(struct buf *b, int id, bool keep, const char *uri)
{
	struct buf params;

	buf_init(&params, 4096);
	fcgi_put_param(&params, "REQUEST_METHOD", "POST");
	fcgi_put_param(&params, "REQUEST_URI", uri);
	fcgi_put_begin(b, id, 1, keep);
	fcgi_put_record(b, FCGI_PARAMS, id, params.data, params.len);
	fcgi_put_record(b, FCGI_PARAMS, id, "", 0);
	buf_fini(&params);
}

static inline void
fcgi_put_request(struct buf *b, int id, bool keep, const char *uri,
    const char *body, size_t len)
{
	fcgi_put_head(b, id, keep, uri);
	fcgi_put_stdin(b, id, body, len, 65535);
}

static inline int
fcgi_send(int fd, const char *bytes, size_t len)
{
	ssize_t n;

	while (len > 0) {
		n = send(fd, bytes, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

static inline int
fcgi_send_buf(int fd, const struct buf *b)
{
	return fcgi_send(fd, b->data, b->len);
}

struct fcgi_answer {
	struct buf out; /* of FCGI_STDOUT */
	bool ended;     /* END_REQUEST has come */
	bool bad;       /* something that is no record of this request */
};

/* Take one record out of the front of in. False: not whole yet. */
static inline bool
fcgi_take_record(struct buf *in, int id, struct fcgi_answer *a)
{
	const unsigned char *h = (const unsigned char *)in->data;
	size_t len, whole;

	if (in->len < 8)
		return false;
	len = (size_t)(h[4] << 8 | h[5]);
	whole = 8 + len + h[6];
	if (in->len < whole)
		return false;
	if (h[0] != 1 || (h[2] << 8 | h[3]) != id)
		a->bad = true;
	else if (h[1] == FCGI_STDOUT)
		buf_append(&a->out, in->data + 8, len);
	else if (h[1] == FCGI_END)
		a->ended = true;
	else
		a->bad = true;
	buf_consume(in, whole);
	return true;
}

/* Take all whole records, up to the end of the request. */
static inline void
fcgi_take_all(struct buf *in, int id, struct fcgi_answer *a)
{
	while (!a->ended && fcgi_take_record(in, id, a))
		continue;
}

/*
 * Read the answer to request id: up to its end, or to where the other side
 * closes. End with buf_fini of out.
 */
static inline void
fcgi_read_answer(int fd, int id, struct fcgi_answer *a)
{
	struct buf in;
	ssize_t n;

	memset(a, 0, sizeof(*a));
	buf_init(&a->out, ANSWER_MAX);
	buf_init(&in, 1 << 20);
	while (!a->ended && buf_reserve(&in, 128 * 1024) == 0) {
		n = recv(fd, in.data + in.len, 128 * 1024, 0);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		in.len += (size_t)n;
		fcgi_take_all(&in, id, a);
	}
	if (in.len != 0)
		a->bad = true;
	buf_fini(&in);
}

/* Whether the other side has closed; waits until it has or sends. */
static inline bool
fcgi_is_closed(int fd)
{
	char byte;

	return recv(fd, &byte, 1, 0) <= 0;
}

#endif
