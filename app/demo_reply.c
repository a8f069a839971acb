/* The writing half of demo_http.h. */
#include "demo_http.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

enum { HUGE_BYTES = 400 * 1024, JSON_PIECES = 5 };

int
demo_conn_wait(struct demo_conn *conn, int64_t ms)
{
	struct pollfd p = {.fd = conn->fd, .events = POLLRDHUP};
	int rc;

	if (conn->gone)
		return -1;
	if (ms == 0)
		return 0;
	do {
		rc = poll(&p, 1, ms < 0 ? -1 : (int)ms);
	} while (rc < 0 && errno == EINTR);
	conn->gone = rc != 0;
	return conn->gone ? -1 : 0;
}

int
demo_conn_send(struct demo_conn *conn, const void *bytes, size_t len)
{
	const char *p = bytes;
	ssize_t n;

	while (len > 0 && !conn->gone) {
		n = send(conn->fd, p, len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			conn->gone = true;
			break;
		}
		p += n;
		len -= (size_t)n;
	}
	return conn->gone ? -1 : 0;
}

static int
send_buf(struct demo_conn *conn, struct buf *b)
{
	int rc = -1;

	if (b->failed)
		conn->gone = true;
	else
		rc = demo_conn_send(conn, b->data, b->len);
	buf_fini(b);
	return rc;
}

static const char *
reason(int status)
{
	static const struct {
		int status;
		const char *text;
	} table[] = {
		{200, "OK"}, {400, "Bad Request"}, {401, "Unauthorized"},
		{404, "Not Found"}, {405, "Method Not Allowed"},
		{413, "Content Too Large"}, {429, "Too Many Requests"},
		{500, "Internal Server Error"}, {503, "Service Unavailable"},
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		if (table[i].status == status)
			return table[i].text;
	}
	return "Demo";
}

static void
choose_framing(struct demo_reply *r, int64_t length)
{
	const struct demo_knobs *k = r->knobs;

	r->framing = length < 0 || k->nolength ? DEMO_CHUNKED : DEMO_LENGTH;
	if (k->close || (r->framing == DEMO_CHUNKED && r->request->http_1_0))
		r->framing = DEMO_CLOSE;
	if (r->framing == DEMO_CLOSE || !r->request->keep_alive)
		r->close = true;
	r->left = r->framing == DEMO_LENGTH ? (uint64_t)length : 0;
}

static void
put_huge_header(struct buf *head)
{
	buf_puts(head, "X-Huge: ");
	for (int i = 0; i < HUGE_BYTES / 8; i++)
		buf_puts(head, "abcdefgh");
	buf_puts(head, "\r\n");
}

int
demo_reply_head(struct demo_reply *r, int status, const char *type,
    int64_t length)
{
	const struct demo_knobs *k = r->knobs;
	struct buf head;

	choose_framing(r, length);
	buf_init(&head, 4 * 1024 * 1024);
	buf_printf(&head, "HTTP/1.1 %d %s\r\nServer: demo-upstream\r\n"
	    "Content-Type: %s\r\nX-Request-Id: demo-%" PRIu64 "\r\n",
	    status, reason(status), type, r->number);
	if (r->framing == DEMO_LENGTH)
		buf_printf(&head, "Content-Length: %" PRIu64 "\r\n", r->left);
	if (r->framing == DEMO_CHUNKED)
		buf_puts(&head, "Transfer-Encoding: chunked\r\n");
	if (r->close)
		buf_puts(&head, "Connection: close\r\n");
	if (status == 429)
		buf_puts(&head, "Retry-After: 1\r\n");
	if (k->headers.len > 0)
		buf_append(&head, k->headers.data, k->headers.len);
	if (k->fault == DEMO_FAULT_HUGE_HEADER)
		put_huge_header(&head);
	buf_puts(&head, "\r\n");
	if (send_buf(r->conn, &head) != 0)
		return -1;
	return demo_conn_wait(r->conn, (int64_t)k->first);
}

static bool
no_body(const struct demo_reply *r)
{
	return strcmp(r->request->method, "HEAD") == 0;
}

/* One send; sent < len leaves the chunk unfinished. */
static int
send_piece(struct demo_reply *r, const char *bytes, size_t len, size_t sent)
{
	struct buf out;

	if (len == 0 || no_body(r))
		return 0;
	if (r->framing != DEMO_CHUNKED) {
		r->left -= sent < r->left ? sent : r->left;
		return demo_conn_send(r->conn, bytes, sent);
	}
	buf_init(&out, len + 32);
	buf_printf(&out, "%zx\r\n", len);
	buf_append(&out, bytes, sent);
	if (sent == len)
		buf_puts(&out, "\r\n");
	return send_buf(r->conn, &out);
}

int
demo_reply_piece(struct demo_reply *r, const char *bytes, size_t len)
{
	size_t n, step = r->knobs->split > 0 ? r->knobs->split : len;

	while (len > 0) {
		n = step < len ? step : len;
		if (send_piece(r, bytes, n, n) != 0)
			return -1;
		bytes += n;
		len -= n;
	}
	return 0;
}

int
demo_reply_broken_piece(struct demo_reply *r, const char *bytes, size_t len)
{
	r->close = true;
	return send_piece(r, bytes, len, len / 2);
}

int
demo_reply_end(struct demo_reply *r)
{
	if (r->left > 0)
		r->close = true;
	if (r->framing != DEMO_CHUNKED || no_body(r))
		return r->conn->gone ? -1 : 0;
	return demo_conn_send(r->conn, "0\r\n\r\n", 5);
}

/* The whole body; in a few pieces when there is to be a gap. */
static int
send_slowly(struct demo_reply *r, const char *bytes, size_t len)
{
	size_t n, step = r->knobs->gap > 0 ? len / JSON_PIECES + 1 : len;

	while (len > 0) {
		n = step < len ? step : len;
		if (demo_reply_piece(r, bytes, n) != 0)
			return -1;
		bytes += n;
		len -= n;
		if (len > 0 &&
		    demo_conn_wait(r->conn, (int64_t)r->knobs->gap) != 0)
			return -1;
	}
	return demo_reply_end(r);
}

static int
send_broken(struct demo_reply *r, const char *bytes, size_t len)
{
	if (r->knobs->fault == DEMO_FAULT_DROP)
		return demo_reply_broken_piece(r, bytes, len);
	r->close = true;
	if (demo_reply_piece(r, bytes, len / 2) != 0)
		return -1;
	if (r->knobs->fault == DEMO_FAULT_STALL)
		return demo_conn_wait(r->conn, -1);
	r->conn->reset = true;
	return 0;
}

int
demo_reply_body(struct demo_reply *r, int status, const char *type,
    const char *bytes, size_t len)
{
	enum demo_fault fault = r->knobs->fault;

	if (fault == DEMO_FAULT_CUT || fault == DEMO_FAULT_HALF)
		len /= 2;
	if (fault == DEMO_FAULT_EMPTY)
		len = 0;
	if (demo_reply_head(r, status, type, (int64_t)len) != 0)
		return -1;
	if (fault == DEMO_FAULT_DROP || fault == DEMO_FAULT_RESET ||
	    fault == DEMO_FAULT_STALL)
		return send_broken(r, bytes, len);
	return send_slowly(r, bytes, len);
}

int
demo_reply_error(struct demo_reply *r, int status, const char *message)
{
	struct buf body;
	int rc;

	buf_init(&body, 4096);
	demo_put_error(&body, r->shape, status, message);
	rc = demo_reply_body(r, status, "application/json", body.data,
	    body.len);
	buf_fini(&body);
	return rc;
}
