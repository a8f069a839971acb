/*
 * Accepting connections on a listening descriptor that other processes
 * may share, only as fast as they can be served. Used by the acceptor
 * thread alone.
 */
#ifndef HTTP_LISTENER_H
#define HTTP_LISTENER_H

#include "base/err.h"
#include "http/peers.h"

#include <stdbool.h>
#include <stdint.h>

enum http_listener_mode {
	HTTP_LISTENER_OFF,       /* not in the epoll set */
	HTTP_LISTENER_EXCLUSIVE, /* a connection wakes one process */
	HTTP_LISTENER_SHARED     /* a connection wakes every process */
};

enum http_listener_hold {
	HTTP_LISTENER_OPEN,
	HTTP_LISTENER_YIELDING, /* no worker is free: other processes first */
	HTTP_LISTENER_HELD      /* the system has no descriptors to give */
};

struct http_listener {
	int fd, epoll_fd;
	struct http_peers *peers;
	int threads;
	int max_open;          /* connections to hold at once */
	int64_t io_timeout_ms;
	bool tcp;
	const char *allowed;   /* FCGI_WEB_SERVER_ADDRS, or NULL */
	enum http_listener_mode mode;
	enum http_listener_hold hold;
	int64_t hold_until_us;
	int looks;             /* while yielding: left before we accept */
	int batch;             /* and then, so many */
	int64_t quiet_until_us; /* no complaint before */
};

/*
 * Begin listening on fd: it becomes non-blocking, and is watched in
 * epoll_fd with the listener's address as data. The connections go to
 * peers. io_timeout_ms is set on each as SO_RCVTIMEO and SO_SNDTIMEO.
 * 0, or -1 with err (ERR_CONFIG: fd does not listen; ERR_IO).
 */
int http_listener_init(struct http_listener *l, int fd, int epoll_fd,
    struct http_peers *peers, int threads, int64_t io_timeout_ms,
    struct err *err);

/* Epoll has reported the descriptor. */
void http_listener_event(struct http_listener *l);

/* To be called before each wait: accept what was held back and is due. */
void http_listener_tick(struct http_listener *l);

/* How long the next wait may last: milliseconds, or -1 for any time. */
int http_listener_wait_ms(const struct http_listener *l);

/*
 * Stop. The descriptor is only left alone: shutdown() would end the other
 * processes' listening as well.
 */
void http_listener_stop(struct http_listener *l);

/* Set a socket's time-outs for reading and writing. Any thread. */
void http_socket_timeouts(int fd, int64_t read_ms, int64_t write_ms);

#endif
