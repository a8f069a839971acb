/* The reading half of demo_http.h. */
#include "demo_http.h"

#include "base/text.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEAD_MAX = 1024 * 1024, READ_SIZE = 64 * 1024, LINE_MAX_BYTES = 4096 };
enum { LINGER_MS = 10 * 1000 };

void
demo_conn_init(struct demo_conn *conn, int fd)
{
	memset(conn, 0, sizeof(*conn));
	conn->fd = fd;
	buf_init(&conn->in, (size_t)DEMO_BODY_MAX + HEAD_MAX);
}

/*
 * Closing while the client still sends would make the kernel answer RST,
 * and the client might never see what we said.
 */
static void
linger(int fd)
{
	char drop[4096];
	struct pollfd p = {.fd = fd, .events = POLLIN};

	shutdown(fd, SHUT_WR);
	while (poll(&p, 1, LINGER_MS) == 1) {
		if (recv(fd, drop, sizeof(drop), 0) <= 0)
			break;
	}
}

void
demo_conn_fini(struct demo_conn *conn)
{
	struct linger hard = {.l_onoff = 1, .l_linger = 0};

	if (conn->reset)
		setsockopt(conn->fd, SOL_SOCKET, SO_LINGER, &hard,
		    sizeof(hard));
	else if (conn->linger)
		linger(conn->fd);
	close(conn->fd);
	buf_fini(&conn->in);
}

/* 1; 0 at the end of what the client sends, -1 when the buffer is full. */
static int
read_some(struct demo_conn *conn)
{
	ssize_t n;

	if (buf_reserve(&conn->in, READ_SIZE) != 0)
		return -1;
	do {
		n = recv(conn->fd, conn->in.data + conn->in.len, READ_SIZE, 0);
	} while (n < 0 && errno == EINTR);
	if (n <= 0)
		return 0;
	conn->in.len += (size_t)n;
	conn->in.data[conn->in.len] = '\0';
	return 1;
}

/* The next line without its end into out. 1, 0 or -1 as read_some. */
static int
read_line(struct demo_conn *conn, char *out, size_t size)
{
	char *nl;
	size_t len;
	int rc;

	for (;;) {
		nl = conn->in.len == 0 ? NULL :
		    memchr(conn->in.data, '\n', conn->in.len);
		if (nl != NULL || conn->in.len >= size)
			break;
		rc = read_some(conn);
		if (rc != 1)
			return rc;
	}
	if (nl == NULL || (size_t)(nl - conn->in.data) >= size)
		return -1;
	len = (size_t)(nl - conn->in.data);
	memcpy(out, conn->in.data, len);
	out[len] = '\0';
	if (len > 0 && out[len - 1] == '\r')
		out[len - 1] = '\0';
	buf_consume(&conn->in, (size_t)(nl - conn->in.data) + 1);
	return 1;
}

/* Move len bytes of the body over. 1, 0 or -1 as read_some. */
static int
read_exactly(struct demo_conn *conn, struct buf *body, uint64_t len)
{
	size_t n;
	int rc;

	while (len > 0) {
		if (conn->in.len == 0 && (rc = read_some(conn)) != 1)
			return rc;
		n = conn->in.len < len ? conn->in.len : (size_t)len;
		if (buf_append(body, conn->in.data, n) != 0)
			return -1;
		buf_consume(&conn->in, n);
		len -= n;
	}
	return 1;
}

static int
read_chunked(struct demo_conn *conn, struct buf *body, int *status)
{
	char line[LINE_MAX_BYTES];
	uint64_t len;
	char *end;
	int rc;

	for (;;) {
		rc = read_line(conn, line, sizeof(line));
		if (rc != 1)
			return rc;
		errno = 0;
		len = strtoull(line, &end, 16);
		if (end == line || errno != 0)
			return -1;
		if (len == 0)
			break;
		if (len > DEMO_BODY_MAX - body->len) {
			*status = 413;
			return -1;
		}
		rc = read_exactly(conn, body, len);
		if (rc != 1)
			return rc;
		rc = read_line(conn, line, sizeof(line));
		if (rc != 1 || line[0] != '\0')
			return rc == 1 ? -1 : rc;
	}
	do {
		rc = read_line(conn, line, sizeof(line));
	} while (rc == 1 && line[0] != '\0');
	return rc;
}

static int
read_body(struct demo_conn *conn, struct demo_request *req, int *status)
{
	const char *coding = demo_request_get(req, "Transfer-Encoding");
	const char *length = demo_request_get(req, "Content-Length");
	const char *expect = demo_request_get(req, "Expect");
	uint64_t len = 0;

	*status = 400;
	if (length != NULL && text_u64(length, UINT64_MAX, &len) != 0)
		return -1;
	*status = 413;
	if (len > DEMO_BODY_MAX)
		return -1;
	*status = 400;
	if (expect != NULL && strcasecmp(expect, "100-continue") == 0 &&
	    (coding != NULL || len > 0) && demo_conn_send(conn,
	    "HTTP/1.1 100 Continue\r\n\r\n", 25) != 0)
		return 0;
	if (coding == NULL)
		return read_exactly(conn, &req->body, len);
	if (strcasecmp(coding, "chunked") != 0)
		return -1;
	return read_chunked(conn, &req->body, status);
}

/* Whether the buffer holds a whole head; its length with the empty line. */
static size_t
head_length(const struct buf *in)
{
	const char *end;

	if (in->len == 0)
		return 0;
	end = memmem(in->data, in->len, "\r\n\r\n", 4);
	return end == NULL ? 0 : (size_t)(end - in->data) + 4;
}

static int
parse_field(struct demo_request *req, char *line)
{
	char *colon = strchr(line, ':');
	char *end;

	if (colon == NULL || colon == line ||
	    req->n_fields == DEMO_FIELDS_MAX)
		return -1;
	*colon++ = '\0';
	colon += strspn(colon, " \t");
	end = colon + strlen(colon);
	while (end > colon && (end[-1] == ' ' || end[-1] == '\t'))
		*--end = '\0';
	req->fields[req->n_fields].name = line;
	req->fields[req->n_fields++].value = colon;
	return 0;
}

/* Cut the head apart in place. */
static int
parse_head(struct demo_request *req)
{
	char *line = req->head.data, *next, *space;

	next = strstr(line, "\r\n");
	*next = '\0';
	req->method = line;
	space = strchr(line, ' ');
	if (space == NULL)
		return -1;
	*space = '\0';
	req->target = space + 1;
	space = strchr(space + 1, ' ');
	if (space == NULL || strncmp(space + 1, "HTTP/1.", 7) != 0)
		return -1;
	*space = '\0';
	req->http_1_0 = strcmp(space + 1, "HTTP/1.0") == 0;
	for (line = next + 2; line[0] != '\r'; line = next + 2) {
		next = strstr(line, "\r\n");
		*next = '\0';
		if (parse_field(req, line) != 0)
			return -1;
	}
	return 0;
}

static int
read_head(struct demo_conn *conn, struct demo_request *req)
{
	size_t len;
	int rc;

	while ((len = head_length(&conn->in)) == 0) {
		if (conn->in.len > HEAD_MAX)
			return -1;
		rc = read_some(conn);
		if (rc != 1)
			return rc;
	}
	if (len > HEAD_MAX || memchr(conn->in.data, '\0', len) != NULL)
		return -1;
	if (buf_append(&req->head, conn->in.data, len) != 0)
		return -1;
	buf_consume(&conn->in, len);
	return parse_head(req) == 0 ? 1 : -1;
}

int
demo_request_read(struct demo_conn *conn, struct demo_request *req,
    int *status)
{
	const char *option;
	int rc;

	memset(req, 0, sizeof(*req));
	buf_init(&req->head, HEAD_MAX);
	buf_init(&req->body, DEMO_BODY_MAX);
	*status = 400;
	rc = read_head(conn, req);
	if (rc == 1)
		rc = read_body(conn, req, status);
	if (rc != 1)
		return rc;
	option = demo_request_get(req, "Connection");
	req->keep_alive = !req->http_1_0 &&
	    (option == NULL || strcasestr(option, "close") == NULL);
	return 1;
}

void
demo_request_fini(struct demo_request *req)
{
	buf_fini(&req->head);
	buf_fini(&req->body);
}

const char *
demo_request_get(const struct demo_request *req, const char *name)
{
	for (size_t i = 0; i < req->n_fields; i++) {
		if (strcasecmp(req->fields[i].name, name) == 0)
			return req->fields[i].value;
	}
	return NULL;
}
