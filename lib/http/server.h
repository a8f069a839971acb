/*
 * Serving: FastCGI on a listening descriptor by an epoll acceptor and a
 * pool of workers, or one request as plain CGI.
 */
#ifndef HTTP_SERVER_H
#define HTTP_SERVER_H

#include "base/err.h"
#include "http/conn.h"

#include <stdbool.h>
#include <stdint.h>

enum http_outcome {
	HTTP_COMPLETE, /* end the response properly */
	HTTP_BROKEN    /* cut it off, so that the client sees a failure */
};

/*
 * Serve one request: read the body to its end, then answer on conn.
 * overloaded: the request waited longer than queue_timeout for a worker;
 * answer 503 at once. Called on a worker thread; must not keep conn.
 */
typedef enum http_outcome http_handler(struct http_conn *conn,
    bool overloaded, void *ctx);

struct http_server_config {
	int listen_fd;            /* usually 0 */
	int threads;
	int64_t queue_timeout_ms;
	int64_t drain_timeout_ms; /* after SIGTERM */
	int64_t io_timeout_ms;    /* of one read or write */
	http_handler *handler;
	/*
	 * Called once on the acceptor's thread when the drain's time is up
	 * and requests are still in the air: they get two seconds more to
	 * end in whatever way they can. NULL: they are not told.
	 */
	void (*give_up)(void *ctx);
	void *ctx;
};

/* Whether standard input is a listening socket, i.e. FastCGI. */
bool http_server_is_fcgi(void);

/*
 * Serve until SIGTERM, SIGINT, SIGQUIT or SIGUSR1: then accept no more, let
 * what is in the air finish for drain_timeout_ms, and return 0 (*all_done
 * tells whether everything had ended; if not, the caller must _exit, as
 * threads are still inside the handler). Other processes on the same socket
 * are not disturbed. -1 with err when it could not start. Call once a process,
 * from the main thread, before other threads exist: it blocks the signals
 * it waits for.
 */
int http_server_run(const struct http_server_config *config, bool *all_done,
    struct err *err);

/*
 * Serve the one CGI request of this process with environ, stdin and
 * stdout. Returns the exit status: 0, or 1 when the response was broken.
 * Where the handler wants something done afterwards (struct http_conn), it
 * returns in a process that the web server does not know: see
 * http_cgi_detach.
 */
int http_server_run_cgi(http_handler *handler, void *ctx);

#endif
