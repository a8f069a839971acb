/*
 * One exchange with the web server: the CGI variables, the request body,
 * and the raw way back. FastCGI (http/fcgi.h) and CGI (http/cgi.h) are two
 * kinds of it; what is above does not know which.
 *
 * A struct http_conn belongs to the worker thread that serves it.
 */
#ifndef HTTP_CONN_H
#define HTTP_CONN_H

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct http_conn {
	const struct http_conn_ops *ops;
	char *const *envp;     /* the CGI variables, as environ */
	bool body_ended;       /* the body was read to its end */
	bool client_gone;      /* a write failed: latched */
	int64_t ready_us;      /* steady clock: when it came; 0: just now */
	int64_t read_until_us; /* steady clock: what has not been read of the
				  body by then is given up; 0: no limit */
	uint64_t bytes_read;   /* of the body */
	uint64_t bytes_written;
	/*
	 * What the handler wants done once the exchange has ended, so that
	 * nobody waits for it; NULL: nothing. Called exactly once, on any
	 * thread, or (CGI) in a process without the web server.
	 * allowed: whether there is time for it; if not, it only frees arg.
	 * The connection is gone by then.
	 */
	void (*after)(void *arg, bool allowed);
	void *after_arg;
};

struct http_conn_ops {
	ssize_t (*read)(struct http_conn *c, void *out, size_t size);
	int (*write)(struct http_conn *c, const void *bytes, size_t len);
	int (*flush)(struct http_conn *c);
	int (*watch_fd)(const struct http_conn *c);
	bool (*peer_left)(struct http_conn *c);
	size_t (*room)(const struct http_conn *c);
};

/*
 * Read some of the request body. Returns bytes, 0 at its end, or -1 with
 * err when it was cut short (the client or the server broke off).
 */
ssize_t http_conn_read(struct http_conn *c, void *out, size_t size,
    struct err *err);

/*
 * Read the whole body into out. 0; or -1: ERR_TOO_LARGE when it exceeds
 * out's ceiling (the rest is read and dropped, so that an answer can be
 * sent), ERR_CLIENT_GONE when it was cut short, ERR_MEMORY.
 */
int http_conn_read_all(struct http_conn *c, struct buf *out, struct err *err);

/*
 * Read and drop what is left of the body: web servers want it read before
 * the answer. 0, or -1 when it was cut short.
 */
int http_conn_drain(struct http_conn *c);

/*
 * Write bytes towards the client; they may wait in a buffer until
 * http_conn_flush. 0, or -1 once the client has gone (latched).
 */
int http_conn_write(struct http_conn *c, const void *bytes, size_t len);

/* Send what waits, in as few system calls as possible. 0 or -1 as above. */
int http_conn_flush(struct http_conn *c);

/*
 * How many bytes a write and a flush will now take without waiting for the
 * client; 0: none. Once the client has gone there is room, to find out.
 */
size_t http_conn_room(const struct http_conn *c);

/*
 * A descriptor that becomes readable when the client may have left; -1
 * when there is none or the body has not been read to its end. For
 * polling only.
 */
int http_conn_watch_fd(const struct http_conn *c);

/*
 * Whether the web server has hung up, without blocking. Latches
 * client_gone. Reliable only after the body was read to its end.
 */
bool http_conn_peer_left(struct http_conn *c);

#endif
