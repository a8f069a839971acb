/*
 * The connections of web servers to this process: those on which a request
 * has arrived wait in a queue for a worker, those kept open between two
 * requests are parked in an epoll set.
 *
 * One mutex guards all of it. The acceptor adds connections and reports
 * parked ones as ready; workers take them and park or close them.
 */
#ifndef HTTP_PEERS_H
#define HTTP_PEERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

/*
 * A connection. In the queue or parked it belongs to struct http_peers;
 * taken, to the worker that took it.
 */
struct http_peer {
	TAILQ_ENTRY(http_peer) link;
	int fd;
	int64_t ready_us; /* steady clock: when it joined the queue */
	bool fresh;       /* no request has been served on it yet */
	bool in_epoll;    /* its descriptor is in the epoll set, disarmed */
};

struct http_peers;

/*
 * Make an empty set. Connections park in epoll_fd; wake_fd is an eventfd
 * that workers write to when asked (see http_peers_ask). Both stay the
 * caller's. NULL: memory or a system limit.
 */
struct http_peers *http_peers_new(int epoll_fd, int wake_fd,
    int64_t queue_timeout_ms);

/* Free it, closing what it still holds. No thread may use it. NULL is fine. */
void http_peers_free(struct http_peers *p);

/* ---- for the acceptor ---- */

/*
 * Queue a new connection; fd then belongs to the set. 0, or -1 when memory
 * is short (fd is then closed).
 */
int http_peers_add(struct http_peers *p, int fd);

/* Queue a parked connection that epoll has reported. */
void http_peers_ready(struct http_peers *p, struct http_peer *peer);

/* Close a parked connection that the web server has closed. */
void http_peers_hangup(struct http_peers *p, struct http_peer *peer);

/*
 * Close the connection that has been parked longest. False when none is
 * parked.
 */
bool http_peers_evict(struct http_peers *p);

struct http_peers_state {
	int open;     /* connections, in whatever state */
	int spare;    /* idle workers that no queued connection waits for */
	bool in_air;  /* something is queued, being served or done aside */
};

/*
 * How things stand. ask: a worker shall write to wake_fd when it next
 * becomes idle (once).
 */
struct http_peers_state http_peers_look(struct http_peers *p, bool ask);

/*
 * Close parked connections, and park no more: a worker closes a connection
 * after its request, and writes to wake_fd each time.
 */
void http_peers_stop(struct http_peers *p);

/* Let every thread in a take function return NULL. */
void http_peers_quit(struct http_peers *p);

/* ---- for workers ---- */

/* Wait for the next connection. NULL after http_peers_quit. */
struct http_peer *http_peers_take(struct http_peers *p);

/*
 * Wait until a connection has been queued longer than queue_timeout_ms and
 * take it. NULL after http_peers_quit.
 */
struct http_peer *http_peers_take_overdue(struct http_peers *p);

/* Whether http_peers_stop was called. */
bool http_peers_stopping(struct http_peers *p);

/* Give a connection back until it is readable. It may be closed instead. */
void http_peers_park(struct http_peers *p, struct http_peer *peer);

/*
 * Something is to be done that no connection waits for: until
 * http_peers_end_aside it counts as being in the air. False when it must
 * not, because the process is to stop or max such things are begun.
 */
bool http_peers_begin_aside(struct http_peers *p, int max);

/* One of them is done. */
void http_peers_end_aside(struct http_peers *p);

/*
 * Forget a connection. close_fd: its descriptor is still open; close it.
 */
void http_peers_drop(struct http_peers *p, struct http_peer *peer,
    bool close_fd);

#endif
