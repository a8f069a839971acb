#include "http/cgi.h"

#include "http/env.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* For a standard output that somebody made non-blocking. */
enum { WRITE_WAIT_MS = 300 * 1000 };

static bool
has_no_body(char *const *envp)
{
	static const char *const methods[] = {
		"GET", "HEAD", "OPTIONS", "DELETE"
	};
	const char *method = http_env(envp, "REQUEST_METHOD");
	size_t i;

	if (method == NULL)
		return true;
	if (http_env(envp, "HTTP_TRANSFER_ENCODING") != NULL)
		return false;
	for (i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		if (strcmp(method, methods[i]) == 0)
			return true;
	}
	return false;
}

static ssize_t
read_some(int fd, void *out, size_t size)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};
	ssize_t n;

	for (;;) {
		n = read(fd, out, size);
		if (n >= 0)
			return n;
		if (errno == EAGAIN)
			poll(&p, 1, -1);
		else if (errno != EINTR)
			return -1;
	}
}

static ssize_t
cgi_read(struct http_conn *conn, void *out, size_t size)
{
	struct http_cgi *c = (struct http_cgi *)conn;
	ssize_t n;

	if (c->cut_short)
		return -1;
	if (c->left == 0)
		return 0;
	if (c->left > 0 && size > (uint64_t)c->left)
		size = (size_t)c->left;
	n = read_some(c->in_fd, out, size);
	if (n < 0 || (n == 0 && c->left > 0)) {
		c->cut_short = true;
		return -1;
	}
	if (c->left > 0)
		c->left -= n;
	return n;
}

/* Send what waits, then len bytes. */
static int
send_all(struct http_cgi *c, const void *bytes, size_t len)
{
	struct iovec iov[2] = {
		{.iov_base = c->waiting.bytes, .iov_len = c->waiting.len},
		{.iov_base = (void *)(uintptr_t)bytes, .iov_len = len}
	};

	c->waiting.len = 0;
	return http_write_all(c->out_fd, iov, 2, WRITE_WAIT_MS);
}

static int
cgi_write(struct http_conn *conn, const void *bytes, size_t len)
{
	struct http_cgi *c = (struct http_cgi *)conn;

	if (http_output_add(&c->waiting, bytes, len) == 0)
		return 0;
	return send_all(c, bytes, len);
}

static int
cgi_flush(struct http_conn *conn)
{
	struct http_cgi *c = (struct http_cgi *)conn;

	return c->waiting.len > 0 ? send_all(c, NULL, 0) : 0;
}

static int
cgi_watch_fd(const struct http_conn *conn)
{
	return ((const struct http_cgi *)conn)->leave_fd;
}

static bool
cgi_peer_left(struct http_conn *conn)
{
	const struct http_cgi *c = (const struct http_cgi *)conn;
	/* A pipe tells of its reader by POLLERR. */
	struct pollfd p[2] = {
		{.fd = c->out_fd},
		{.fd = c->leave_fd, .events = POLLIN}
	};

	return poll(p, 2, 0) > 0 &&
	    ((p[0].revents & (POLLERR | POLLHUP)) != 0 || p[1].revents != 0);
}

/* A pipe that poll() calls writable takes PIPE_BUF bytes: pipe(7). */
static size_t
cgi_room(const struct http_conn *conn)
{
	const struct http_cgi *c = (const struct http_cgi *)conn;
	struct pollfd p = {.fd = c->out_fd, .events = POLLOUT};

	return poll(&p, 1, 0) > 0 ? PIPE_BUF : 0;
}

static const struct http_conn_ops cgi_ops = {
	.read = cgi_read,
	.write = cgi_write,
	.flush = cgi_flush,
	.watch_fd = cgi_watch_fd,
	.peer_left = cgi_peer_left,
	.room = cgi_room
};

void
http_cgi_init(struct http_cgi *c, char *const *envp, int in_fd, int out_fd,
    int leave_fd)
{
	memset(&c->conn, 0, sizeof(c->conn));
	c->conn.ops = &cgi_ops;
	c->conn.envp = envp;
	c->in_fd = in_fd;
	c->out_fd = out_fd;
	c->leave_fd = leave_fd;
	c->cut_short = false;
	c->waiting.len = 0;
	c->left = http_env_content_length(envp);
	if (c->left == -2 || (c->left == -1 && has_no_body(envp)))
		c->left = 0;
}

int
http_cgi_end(struct http_cgi *c, bool broken)
{
	if (broken)
		return 0;
	http_conn_drain(&c->conn);
	return http_conn_flush(&c->conn);
}

/* Let go of what the web server waits for; a log file may stay. */
static int
let_go_of_server(void)
{
	struct stat st;
	int fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	int rc = 0;

	if (fd == -1)
		return -1;
	if (dup2(fd, STDIN_FILENO) == -1 || dup2(fd, STDOUT_FILENO) == -1)
		rc = -1;
	if ((fstat(STDERR_FILENO, &st) == -1 || !S_ISREG(st.st_mode)) &&
	    dup2(fd, STDERR_FILENO) == -1)
		rc = -1;
	if (fd > STDERR_FILENO)
		close(fd);
	return rc;
}

int
http_cgi_detach(void)
{
	sigset_t term;

	if (let_go_of_server() == -1)
		return -1;
	switch (fork()) {
	case -1:
		return -1;
	case 0:
		break;
	default:
		/*
		 * Without a farewell: the connections to other servers are
		 * the child's from here on.
		 */
		_exit(0);
	}
	setsid();
	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_UNBLOCK, &term, NULL);
	return 0;
}
