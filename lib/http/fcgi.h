/*
 * One FastCGI exchange on a connected descriptor, by libfcgi. The only
 * module that knows fcgiapp.h.
 *
 * libfcgi's own accept loop ties a thread to a connection that the web
 * server keeps open. So the descriptors are accepted and waited for
 * elsewhere (http/server.c), and libfcgi is handed one on which a request
 * has arrived.
 */
#ifndef HTTP_FCGI_H
#define HTTP_FCGI_H

#include "base/err.h"
#include "http/conn.h"

#include <stdbool.h>

/*
 * Prepare libfcgi, once a process, before threads exist. SIGPIPE is
 * ignored from then on. 0, or -1 with err (ERR_IO).
 */
int http_fcgi_init(struct err *err);

/* What is there to read on a connection between two requests. */
enum http_fcgi_arrival {
	HTTP_FCGI_REQUEST, /* at least the beginning of one */
	HTTP_FCGI_NOTHING,
	HTTP_FCGI_HANGUP
};

/*
 * Look, without waiting. The abort of a request that had just been ended
 * (FastCGI 1.0 section 5.4) is dropped: nothing need follow it, and whoever
 * took it for a request would wait. Any thread, one at a time for each fd.
 */
enum http_fcgi_arrival http_fcgi_look(int fd);

/* Room for one exchange at a time; a thread makes one and re-uses it. */
struct http_fcgi;

/* NULL: memory. End with http_fcgi_free. */
struct http_fcgi *http_fcgi_new(void);

/* Free it; no exchange may be open. f may be NULL. */
void http_fcgi_free(struct http_fcgi *f);

/*
 * Read the head of a request from fd, a connected blocking socket with
 * SO_RCVTIMEO and SO_SNDTIMEO set. Returns the exchange, valid until
 * http_fcgi_end, or NULL when there is no good request (peer gone,
 * protocol error, not the responder role): fd has then been closed.
 */
struct http_conn *http_fcgi_begin(struct http_fcgi *f, int fd);

/*
 * End the exchange. broken: cut the connection without ending the request,
 * so that the web server sees a failure; after it has read what was sent, or
 * some seconds. Otherwise what is left of the body is read, what waits is
 * sent, and the request ended. Returns true when the descriptor is still
 * open and the web server may send another request on it; else it has been
 * closed.
 */
bool http_fcgi_end(struct http_fcgi *f, bool broken);

#endif
