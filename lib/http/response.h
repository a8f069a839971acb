/*
 * The response as a small state machine: status, headers, body, end.
 * What comes out of order, or could split a response, is refused.
 *
 * A struct http_response lives on the worker's stack for one request.
 */
#ifndef HTTP_RESPONSE_H
#define HTTP_RESPONSE_H

#include "base/buf.h"
#include "http/conn.h"
#include "http/header.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum http_response_state {
	HTTP_RESPONSE_NEW,      /* nothing said yet */
	HTTP_RESPONSE_HEADERS,  /* status known, headers may be added */
	HTTP_RESPONSE_BODY,     /* the head is on its way */
	HTTP_RESPONSE_ENDED,
	HTTP_RESPONSE_BROKEN    /* to be cut off visibly */
};

struct http_response {
	struct http_conn *conn;
	enum http_response_state state;
	int status;
	bool head_only;          /* HEAD: the body is not sent */
	struct buf head;         /* CGI header lines so far */
	uint64_t body_bytes;     /* sent, or in buffers to be sent */
	int64_t first_byte_us;   /* steady clock of the first body byte, or 0 */
};

/* Begin. End with http_response_fini. */
void http_response_init(struct http_response *r, struct http_conn *conn,
    bool head_only);

/* Free what it holds. Does not end the response. */
void http_response_fini(struct http_response *r);

/* Set the status, 200 to 599. 0, or -1 when out of order or range. */
int http_response_status(struct http_response *r, int status);

/*
 * Add a header field. 0, or -1 when out of order, when the name is no
 * token, or when the value holds a control byte (the field is then left
 * out and the response goes on). "Status" is refused.
 */
int http_response_header(struct http_response *r, const char *name,
    const char *value);

/*
 * Send the head (and flush it) without waiting for the body. 0, or -1:
 * client gone or out of order.
 */
int http_response_start(struct http_response *r);

/*
 * Send body bytes, the head before them if need be. Buffered until
 * http_response_flush. 0, or -1: client gone or out of order.
 */
int http_response_body(struct http_response *r, const void *bytes, size_t len);

/* Push out what is buffered. 0 or -1. */
int http_response_flush(struct http_response *r);

/*
 * Declare the response complete. What is still in buffers goes out when
 * the connection is finished. 0 or -1.
 */
int http_response_end(struct http_response *r);

/*
 * Declare that the response is broken and must be seen to be: the
 * connection to the web server will be cut instead of ended (CGI: the
 * process will exit with a failure).
 */
void http_response_break(struct http_response *r);

#endif
