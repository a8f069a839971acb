#include "http/fcgi.h"

#include "base/clock.h"
#include "http/env.h"
#include "http/output.h"

#include <errno.h>
#include <fcgiapp.h>
#include <linux/sockios.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/*
 * FCGX_Request members that libfcgi calls its own. They are used in this
 * file only, and have been at these places since 2.4.1.
 */
#define FOLLOWS(member, before, type)                                          \
	_Static_assert(offsetof(FCGX_Request, member) ==                       \
		offsetof(FCGX_Request, before) + sizeof(type),                 \
	    "libfcgi's FCGX_Request is laid out as in 2.4.2")
FOLLOWS(ipcFd, paramsPtr, void *);
FOLLOWS(isBeginProcessed, ipcFd, int);
FOLLOWS(keepConnection, isBeginProcessed, int);
FOLLOWS(listen_sock, flags, int);
FOLLOWS(detached, listen_sock, int);
_Static_assert(sizeof(((FCGX_Request *)0)->ipcFd) == sizeof(int) &&
	sizeof(((FCGX_Request *)0)->keepConnection) == sizeof(int) &&
	sizeof(((FCGX_Request *)0)->listen_sock) == sizeof(int),
    "libfcgi's FCGX_Request has members of the types known");

/* FastCGI 1.0 section 8; fcgiapp.h does not give these. */
enum {
	FCGI_VERSION_1 = 1,
	FCGI_ABORT_REQUEST = 2,
	FCGI_STDOUT = 6,
	FCGI_RESPONDER = 1,
	HEADER_BYTES = 8,
	/* The longest content that needs no padding to a multiple of 8. */
	RECORD_BYTES = 65528,
	RECORDS_PER_WRITE = 64,
	CUT_DELAY_MS = 50,
	CUT_LOOK_MS = 5,
	CUT_LOOKS_MAX = 1000,
	ROOM_MIN = 1024
};

struct http_fcgi {
	struct http_conn conn; /* first: the two are cast into each other */
	FCGX_Request request;
	int64_t content_length; /* announced, or below 0 */
	bool cut_short;
	struct http_output waiting;
};

int
http_fcgi_init(struct err *err)
{
	struct sigaction ignore = {.sa_handler = SIG_IGN};

	if (FCGX_Init() != 0)
		return err_set(err, ERR_IO, "libfcgi does not start");
	/* After FCGX_Init, which takes the signal for itself. */
	if (sigaction(SIGPIPE, &ignore, NULL) == -1)
		return err_sys(err, ERR_IO, errno, "ignoring SIGPIPE");
	return 0;
}

struct http_fcgi *
http_fcgi_new(void)
{
	return calloc(1, sizeof(struct http_fcgi));
}

void
http_fcgi_free(struct http_fcgi *f)
{
	free(f);
}

/* An abort, whole, as nothing follows its header. */
static bool
is_abort(const unsigned char *h, ssize_t n)
{
	return n == HEADER_BYTES && h[0] == FCGI_VERSION_1 &&
	    h[1] == FCGI_ABORT_REQUEST && (h[4] | h[5] | h[6]) == 0;
}

enum http_fcgi_arrival
http_fcgi_look(int fd)
{
	unsigned char h[HEADER_BYTES];
	ssize_t n;

	for (;;) {
		n = recv(fd, h, sizeof(h), MSG_PEEK | MSG_DONTWAIT);
		if (n <= 0)
			break;
		if (!is_abort(h, n) ||
		    recv(fd, h, sizeof(h), MSG_DONTWAIT) != n)
			return HTTP_FCGI_REQUEST;
	}
	return n < 0 && (errno == EAGAIN || errno == EINTR) ?
	    HTTP_FCGI_NOTHING : HTTP_FCGI_HANGUP;
}

/* The body's end by FastCGI: was all there that had been announced? */
static ssize_t
end_of_body(struct http_fcgi *f)
{
	if (FCGX_GetError(f->request.in) != 0 ||
	    (f->content_length > 0 &&
		f->conn.bytes_read < (uint64_t)f->content_length)) {
		f->cut_short = true;
		return -1;
	}
	return 0;
}

static ssize_t
fcgi_read(struct http_conn *c, void *out, size_t size)
{
	struct http_fcgi *f = (struct http_fcgi *)c;
	FCGX_Stream *in = f->request.in;
	char *bytes = out;
	size_t more;
	int first;

	if (c->read_until_us != 0 && clock_steady_us() >= c->read_until_us)
		f->cut_short = true;
	if (f->cut_short)
		return -1;
	/*
	 * FCGX_GetStr waits until all it was asked for has come. Ask for one
	 * byte, then for what is there.
	 */
	first = FCGX_GetChar(in);
	if (first == EOF)
		return end_of_body(f);
	bytes[0] = (char)first;
	more = (size_t)(in->stop - in->rdNext);
	if (more > size - 1)
		more = size - 1;
	more = 1 + (size_t)FCGX_GetStr(bytes + 1, (int)more, in);
	/* What exceeds the announced length could pass for another request. */
	if (f->content_length >= 0 &&
	    f->conn.bytes_read + more > (uint64_t)f->content_length) {
		f->cut_short = true;
		return -1;
	}
	return (ssize_t)more;
}

/* Put a record of FCGI_STDOUT into two vectors. */
static void
set_record(struct http_fcgi *f, unsigned char *header, struct iovec *iov,
    const char *bytes, size_t len)
{
	int id = f->request.requestId;

	header[0] = FCGI_VERSION_1;
	header[1] = FCGI_STDOUT;
	header[2] = (unsigned char)(id >> 8);
	header[3] = (unsigned char)id;
	header[4] = (unsigned char)(len >> 8);
	header[5] = (unsigned char)len;
	header[6] = 0;
	header[7] = 0;
	iov[0].iov_base = header;
	iov[0].iov_len = HEADER_BYTES;
	iov[1].iov_base = (void *)(uintptr_t)bytes;
	iov[1].iov_len = len;
}

/*
 * Send what waits, then len bytes, going past libfcgi, whose 8 KB buffer
 * would make a system call and a copy of every 8 KB. Nothing is ever left
 * in that buffer before the end, so the order holds.
 */
static int
send_records(struct http_fcgi *f, const char *bytes, size_t len)
{
	unsigned char headers[RECORDS_PER_WRITE][HEADER_BYTES];
	struct iovec iov[2 * RECORDS_PER_WRITE];
	size_t part;
	int n;

	do {
		n = 0;
		if (f->waiting.len > 0) {
			set_record(f, headers[0], iov, f->waiting.bytes,
			    f->waiting.len);
			n = 1;
		}
		for (; len > 0 && n < RECORDS_PER_WRITE; n++) {
			part = len < RECORD_BYTES ? len : RECORD_BYTES;
			set_record(f, headers[n], iov + 2 * n, bytes, part);
			bytes += part;
			len -= part;
		}
		f->waiting.len = 0;
		if (http_write_all(f->request.ipcFd, iov, 2 * n, 0) == -1)
			return -1;
	} while (len > 0);
	return 0;
}

static int
fcgi_write(struct http_conn *c, const void *bytes, size_t len)
{
	struct http_fcgi *f = (struct http_fcgi *)c;

	if (http_output_add(&f->waiting, bytes, len) == 0)
		return 0;
	return send_records(f, bytes, len);
}

static int
fcgi_flush(struct http_conn *c)
{
	struct http_fcgi *f = (struct http_fcgi *)c;

	return f->waiting.len > 0 ? send_records(f, NULL, 0) : 0;
}

static int
fcgi_watch_fd(const struct http_conn *c)
{
	return ((const struct http_fcgi *)c)->request.ipcFd;
}

/* Whether what can be read means that this request is given up. */
static bool
reads_as_gone(const struct http_fcgi *f)
{
	unsigned char h[HEADER_BYTES];
	ssize_t n = recv(f->request.ipcFd, h, sizeof(h),
	    MSG_PEEK | MSG_DONTWAIT);

	if (n == 0)
		return true;
	if (n < 0)
		return errno != EAGAIN && errno != EINTR;
	/* Anything else is the next request, sent early. */
	return n >= 4 && h[1] == FCGI_ABORT_REQUEST &&
	    (h[2] << 8 | h[3]) == f->request.requestId;
}

static bool
fcgi_peer_left(struct http_conn *c)
{
	const struct http_fcgi *f = (const struct http_fcgi *)c;
	struct pollfd p = {.fd = f->request.ipcFd,
	    .events = POLLIN | POLLRDHUP};

	if (poll(&p, 1, 0) <= 0)
		return false;
	if ((p.revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL)) != 0)
		return true;
	return (p.revents & POLLIN) != 0 && reads_as_gone(f);
}

/*
 * A stream socket that poll() calls writable has a third of its buffer free
 * (unix ones three quarters).
 */
static size_t
fcgi_room(const struct http_conn *c)
{
	struct pollfd p = {.fd = ((const struct http_fcgi *)c)->request.ipcFd,
	    .events = POLLOUT};
	int buffer = 0;
	socklen_t len = sizeof(buffer);

	if (poll(&p, 1, 0) <= 0)
		return 0;
	if (getsockopt(p.fd, SOL_SOCKET, SO_SNDBUF, &buffer, &len) == -1 ||
	    buffer / 4 < ROOM_MIN)
		return ROOM_MIN;
	return (size_t)buffer / 4;
}

static const struct http_conn_ops fcgi_ops = {
	.read = fcgi_read,
	.write = fcgi_write,
	.flush = fcgi_flush,
	.watch_fd = fcgi_watch_fd,
	.peer_left = fcgi_peer_left,
	.room = fcgi_room
};

/* Free the exchange and close its descriptor without another word. */
static void
cut(struct http_fcgi *f)
{
	int fd = f->request.ipcFd;

	FCGX_Free(&f->request, 0);
	f->request.ipcFd = -1;
	close(fd);
}

struct http_conn *
http_fcgi_begin(struct http_fcgi *f, int fd)
{
	FCGX_Request *r = &f->request;

	/*
	 * Without a listening socket FCGX_Accept_r has only this connection
	 * to read from: when that fails it closes it, tries accept(-1), and
	 * returns EBADF. keepConnection stops it from closing it first.
	 */
	FCGX_InitRequest(r, -1, 0);
	r->ipcFd = fd;
	r->keepConnection = 1;
	/* Detached: it closes plainly, instead of lingering for 2 seconds. */
	FCGX_Detach(r);
	if (FCGX_Accept_r(r) != 0)
		return NULL;
	if (r->role != FCGI_RESPONDER) {
		cut(f);
		return NULL;
	}
	memset(&f->conn, 0, sizeof(f->conn));
	f->conn.ops = &fcgi_ops;
	f->conn.envp = r->envp;
	f->content_length = http_env_content_length(r->envp);
	f->cut_short = false;
	f->waiting.len = 0;
	return &f->conn;
}

static void
pause_ms(int ms)
{
	struct timespec moment = {.tv_nsec = ms * 1000000L};

	nanosleep(&moment, NULL);
}

/*
 * Bytes that the other side has not read yet; over TCP those that have not
 * arrived there.
 */
static bool
has_unread(const struct http_fcgi *f)
{
	int unread = 0;

	return ioctl(f->request.ipcFd, SIOCOUTQ, &unread) == 0 && unread > 0;
}

/*
 * lighttpd, when it learns of the head and of the cut in one go, counts
 * what there is and passes it on as a whole answer: let it read the head,
 * however busy the machine is, and send it before it sees the cut.
 */
static void
let_head_go(const struct http_fcgi *f)
{
	int i;

	if (f->conn.bytes_written == 0 || f->conn.client_gone)
		return;
	for (i = 0; i < CUT_LOOKS_MAX && has_unread(f); i++)
		pause_ms(CUT_LOOK_MS);
	pause_ms(CUT_DELAY_MS);
}

bool
http_fcgi_end(struct http_fcgi *f, bool broken)
{
	FCGX_Request *r = &f->request;
	bool kept;
	int fd = r->ipcFd;

	/* A close with the body unread would reset the connection. */
	if (!broken)
		http_conn_drain(&f->conn);
	if (broken || f->conn.client_gone) {
		if (broken)
			let_head_go(f);
		cut(f);
		return false;
	}
	kept = r->keepConnection != 0 && !f->cut_short;
	r->keepConnection = 1;
	if (f->waiting.len > 0)
		FCGX_PutStr(f->waiting.bytes, (int)f->waiting.len, r->out);
	FCGX_Finish_r(r);
	/* It closes by itself when the last write, or a read, had failed. */
	if (r->ipcFd == -1)
		return false;
	r->ipcFd = -1;
	if (!kept)
		close(fd);
	return kept;
}
