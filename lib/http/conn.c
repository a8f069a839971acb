#include "http/conn.h"

enum { READ_STEP = 64 * 1024 };

ssize_t
http_conn_read(struct http_conn *c, void *out, size_t size, struct err *err)
{
	ssize_t n;

	if (c->body_ended || size == 0)
		return 0;
	n = c->ops->read(c, out, size);
	if (n == -1)
		return err_set(err, ERR_CLIENT_GONE,
		    "the request body was cut short");
	if (n == 0)
		c->body_ended = true;
	c->bytes_read += (uint64_t)n;
	return n;
}

int
http_conn_drain(struct http_conn *c)
{
	char trash[4096];
	ssize_t n;

	while ((n = http_conn_read(c, trash, sizeof(trash), NULL)) > 0)
		continue;
	return (int)n;
}

/* As http_conn_read_all, but without reading on after a failure. */
static int
fill(struct http_conn *c, struct buf *out, struct err *err)
{
	size_t room;
	ssize_t n;
	char probe;

	for (;;) {
		room = out->max - out->len;
		if (room == 0) {
			n = http_conn_read(c, &probe, 1, err);
			if (n <= 0)
				return (int)n;
			return err_set(err, ERR_TOO_LARGE,
			    "the request body exceeds %zu bytes", out->max);
		}
		if (room > READ_STEP)
			room = READ_STEP;
		if (buf_reserve(out, room) == -1)
			return err_set(err, ERR_MEMORY,
			    "no memory for the request body");
		n = http_conn_read(c, out->data + out->len, room, err);
		if (n <= 0)
			return (int)n;
		out->len += (size_t)n;
		out->data[out->len] = '\0';
	}
}

int
http_conn_read_all(struct http_conn *c, struct buf *out, struct err *err)
{
	if (fill(c, out, err) == 0)
		return 0;
	http_conn_drain(c);
	return -1;
}

static int
latch(struct http_conn *c, int result)
{
	if (result == -1)
		c->client_gone = true;
	return result;
}

int
http_conn_write(struct http_conn *c, const void *bytes, size_t len)
{
	if (c->client_gone)
		return -1;
	if (len == 0)
		return 0;
	if (latch(c, c->ops->write(c, bytes, len)) == -1)
		return -1;
	c->bytes_written += len;
	return 0;
}

int
http_conn_flush(struct http_conn *c)
{
	if (c->client_gone)
		return -1;
	return latch(c, c->ops->flush(c));
}

size_t
http_conn_room(const struct http_conn *c)
{
	return c->ops->room(c);
}

int
http_conn_watch_fd(const struct http_conn *c)
{
	return c->body_ended ? c->ops->watch_fd(c) : -1;
}

bool
http_conn_peer_left(struct http_conn *c)
{
	if (!c->client_gone && c->body_ended && c->ops->peer_left(c))
		c->client_gone = true;
	return c->client_gone;
}
