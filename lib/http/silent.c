#include "http/silent.h"

#include <string.h>

static ssize_t
silent_read(struct http_conn *c, void *out, size_t size)
{
	(void)c;
	(void)out;
	(void)size;
	return 0;
}

static int
silent_write(struct http_conn *c, const void *bytes, size_t len)
{
	(void)c;
	(void)bytes;
	(void)len;
	return 0;
}

static int
silent_flush(struct http_conn *c)
{
	(void)c;
	return 0;
}

static int
silent_watch_fd(const struct http_conn *c)
{
	(void)c;
	return -1;
}

static bool
silent_peer_left(struct http_conn *c)
{
	(void)c;
	return false;
}

static size_t
silent_room(const struct http_conn *c)
{
	(void)c;
	return SIZE_MAX;
}

static const struct http_conn_ops silent_ops = {
	.read = silent_read,
	.write = silent_write,
	.flush = silent_flush,
	.watch_fd = silent_watch_fd,
	.peer_left = silent_peer_left,
	.room = silent_room
};

void
http_silent_init(struct http_conn *c)
{
	static char *const no_variables[] = {NULL};

	memset(c, 0, sizeof(*c));
	c->ops = &silent_ops;
	c->envp = no_variables;
	c->body_ended = true;
}
