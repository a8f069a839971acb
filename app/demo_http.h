/*
 * HTTP/1.1 by hand for demo-upstream: it must be able to break the rules
 * at any byte, which no server library allows.
 *
 * A connection, its request and its reply belong to one thread.
 */
#ifndef DEMO_HTTP_H
#define DEMO_HTTP_H

#include "demo_error.h"
#include "demo_knobs.h"

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DEMO_FIELDS_MAX = 256, DEMO_BODY_MAX = 256 * 1024 * 1024 };

struct demo_conn {
	int fd;
	struct buf in; /* read, and not yet used */
	bool gone;     /* the client has left */
	bool reset;    /* end with RST instead of FIN */
	bool linger;   /* the client may still send: wait before closing */
};

struct demo_field {
	const char *name;
	const char *value;
};

struct demo_request {
	struct buf head; /* owns the strings below */
	const char *method;
	const char *target;
	struct demo_field fields[DEMO_FIELDS_MAX];
	size_t n_fields;
	struct buf body;
	bool keep_alive;
	bool http_1_0;
};

enum demo_framing { DEMO_LENGTH, DEMO_CHUNKED, DEMO_CLOSE };

struct demo_reply {
	struct demo_conn *conn;
	const struct demo_request *request;
	const struct demo_knobs *knobs;
	enum demo_shape shape; /* of its errors */
	uint64_t number; /* told as x-request-id */
	enum demo_framing framing;
	uint64_t left;   /* of a body with a length, bytes */
	bool close;      /* the connection ends with this answer */
};

/* Begin to serve fd, which demo_conn_fini closes. */
void demo_conn_init(struct demo_conn *conn, int fd);

/* Close the connection as its flags say, and free what it holds. */
void demo_conn_fini(struct demo_conn *conn);

/*
 * Wait so long, or for ever when ms < 0. 0, or -1 when the client left
 * (latched).
 */
int demo_conn_wait(struct demo_conn *conn, int64_t ms);

/* Send all of it at once. 0, or -1 when the client left (latched). */
int demo_conn_send(struct demo_conn *conn, const void *bytes, size_t len);

/*
 * Read the next request, its body included, into req. 1; 0 when the client
 * closed instead; -1 when it is malformed: *status is what to answer, after
 * which the connection must end. In any case demo_request_fini follows.
 */
int demo_request_read(struct demo_conn *conn, struct demo_request *req,
    int *status);

/* Free what req holds. */
void demo_request_fini(struct demo_request *req);

/* The value of the first field called so (any case), or NULL. */
const char *demo_request_get(const struct demo_request *req,
    const char *name);

/*
 * Send the head. length: of the body, -1 when it is to be chunked; the
 * knobs may ask for something else. 0 or -1 as demo_conn_send.
 */
int demo_reply_head(struct demo_reply *r, int status, const char *type,
    int64_t length);

/* Send a piece of the body in one go. 0 or -1 as demo_conn_send. */
int demo_reply_piece(struct demo_reply *r, const char *bytes, size_t len);

/*
 * Send a piece that breaks off after its first half, inside a chunk; then
 * the connection ends.
 */
int demo_reply_broken_piece(struct demo_reply *r, const char *bytes,
    size_t len);

/* End the body. 0 or -1 as demo_conn_send. */
int demo_reply_end(struct demo_reply *r);

/*
 * Answer with a whole body, which the knobs may slow down or break.
 * 0 or -1 as demo_conn_send.
 */
int demo_reply_body(struct demo_reply *r, int status, const char *type,
    const char *bytes, size_t len);

/* Answer with an error in the reply's shape. 0 or -1 as demo_conn_send. */
int demo_reply_error(struct demo_reply *r, int status, const char *message);

#endif
