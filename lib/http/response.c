#include "http/response.h"

#include "base/clock.h"

#include <string.h>
#include <strings.h>

enum { HEAD_MAX = 2 * HTTP_HEADERS_MAX_BYTES, HEAD_USUAL = 1000 };

static const struct {
	int status;
	const char *reason;
} reasons[] = {
	{200, "OK"}, {201, "Created"}, {202, "Accepted"}, {204, "No Content"},
	{206, "Partial Content"}, {301, "Moved Permanently"}, {302, "Found"},
	{303, "See Other"}, {304, "Not Modified"}, {307, "Temporary Redirect"},
	{308, "Permanent Redirect"}, {400, "Bad Request"},
	{401, "Unauthorized"}, {402, "Payment Required"}, {403, "Forbidden"},
	{404, "Not Found"}, {405, "Method Not Allowed"},
	{406, "Not Acceptable"}, {408, "Request Timeout"}, {409, "Conflict"},
	{410, "Gone"}, {411, "Length Required"}, {412, "Precondition Failed"},
	{413, "Content Too Large"}, {415, "Unsupported Media Type"},
	{416, "Range Not Satisfiable"}, {422, "Unprocessable Content"},
	{424, "Failed Dependency"}, {425, "Too Early"},
	{429, "Too Many Requests"}, {431, "Request Header Fields Too Large"},
	{499, "Client Closed Request"}, {500, "Internal Server Error"},
	{501, "Not Implemented"}, {502, "Bad Gateway"},
	{503, "Service Unavailable"}, {504, "Gateway Timeout"},
	{529, "Overloaded"}
};

static const char *
reason_of(int status)
{
	static const char *const classes[] = {
		"Success", "Redirection", "Client Error", "Server Error"
	};
	size_t i;

	for (i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		if (reasons[i].status == status)
			return reasons[i].reason;
	}
	return classes[status / 100 - 2];
}

void
http_response_init(struct http_response *r, struct http_conn *conn,
    bool head_only)
{
	memset(r, 0, sizeof(*r));
	r->conn = conn;
	r->head_only = head_only;
	buf_init(&r->head, HEAD_MAX);
	buf_reserve(&r->head, HEAD_USUAL);
}

void
http_response_fini(struct http_response *r)
{
	buf_fini(&r->head);
}

int
http_response_status(struct http_response *r, int status)
{
	if (r->state != HTTP_RESPONSE_NEW || status < 200 || status > 599)
		return -1;
	r->status = status;
	r->state = HTTP_RESPONSE_HEADERS;
	return buf_printf(&r->head, "Status: %d %s\r\n", status,
	    reason_of(status));
}

int
http_response_header(struct http_response *r, const char *name,
    const char *value)
{
	if (r->state != HTTP_RESPONSE_HEADERS)
		return -1;
	if (!http_is_token(name) || !http_is_field_value(value) ||
	    strcasecmp(name, "Status") == 0)
		return -1;
	/* Judged before, so that a field is appended whole or not at all. */
	if (strlen(name) + strlen(value) + 8 > HEAD_MAX - r->head.len)
		return -1;
	buf_puts(&r->head, name);
	buf_append(&r->head, ": ", 2);
	buf_puts(&r->head, value);
	return buf_append(&r->head, "\r\n", 2);
}

/* RFC 9110 section 6.4.1: answers that never have a body. */
static bool
is_bodiless(const struct http_response *r)
{
	return r->head_only || r->status == 204 || r->status == 304;
}

/* Hand the head to the connection, once; it waits there for the body. */
static int
send_head(struct http_response *r)
{
	if (r->state == HTTP_RESPONSE_BODY)
		return 0;
	if (r->state != HTTP_RESPONSE_HEADERS)
		return -1;
	if (buf_puts(&r->head, "\r\n") == -1) {
		r->state = HTTP_RESPONSE_BROKEN;
		return -1;
	}
	r->state = HTTP_RESPONSE_BODY;
	return http_conn_write(r->conn, r->head.data, r->head.len);
}

int
http_response_start(struct http_response *r)
{
	if (r->state != HTTP_RESPONSE_HEADERS || send_head(r) == -1)
		return -1;
	return http_conn_flush(r->conn);
}

int
http_response_body(struct http_response *r, const void *bytes, size_t len)
{
	if (send_head(r) == -1)
		return -1;
	if (len == 0 || is_bodiless(r))
		return r->conn->client_gone ? -1 : 0;
	if (r->first_byte_us == 0)
		r->first_byte_us = clock_steady_us();
	if (http_conn_write(r->conn, bytes, len) == -1)
		return -1;
	r->body_bytes += len;
	return 0;
}

int
http_response_flush(struct http_response *r)
{
	if (r->state != HTTP_RESPONSE_BODY)
		return -1;
	return http_conn_flush(r->conn);
}

int
http_response_end(struct http_response *r)
{
	if (r->state != HTTP_RESPONSE_HEADERS &&
	    r->state != HTTP_RESPONSE_BODY)
		return -1;
	if (send_head(r) == -1)
		return -1;
	r->state = HTTP_RESPONSE_ENDED;
	return r->conn->client_gone ? -1 : 0;
}

void
http_response_break(struct http_response *r)
{
	r->state = HTTP_RESPONSE_BROKEN;
}
