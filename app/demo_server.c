#include "demo_server.h"

#include "demo_chat.h"
#include "demo_text.h"

#include "base/digest.h"
#include "base/text.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

enum { BYTES_MAX = 256 * 1024 * 1024 };

typedef int page(struct demo_server *server, struct demo_reply *r);

static int
page_chat(struct demo_server *server, struct demo_reply *r)
{
	atomic_fetch_add(&server->chat, 1);
	return demo_chat(r, server->seed);
}

static int
send_json(struct demo_reply *r, struct buf *b)
{
	int rc = -1;

	if (!b->failed)
		rc = demo_reply_body(r, 200, "application/json", b->data,
		    b->len);
	buf_fini(b);
	return rc;
}

static int
page_models(struct demo_server *server, struct demo_reply *r)
{
	static const char *const models[] = {"demo-model", "demo-large"};
	struct buf b;

	(void)server;
	buf_init(&b, 4096);
	buf_puts(&b, "{\"object\":\"list\",\"data\":[");
	for (size_t i = 0; i < 2; i++)
		buf_printf(&b, "%s{\"id\":\"%s\",\"object\":\"model\","
		    "\"created\":1700000000,\"owned_by\":\"demo\"}",
		    i > 0 ? "," : "", models[i]);
	buf_puts(&b, "]}");
	return send_json(r, &b);
}

static void
put_string(struct buf *b, const char *s)
{
	buf_put_json_string(b, s, strlen(s));
}

static int
page_echo(struct demo_server *server, struct demo_reply *r)
{
	const struct demo_request *q = r->request;
	uint8_t sum[DIGEST_BYTES];
	char hex[2 * DIGEST_BYTES + 1];
	struct buf b;

	(void)server;
	if (digest_sha256(q->body.data, q->body.len, sum) != 0)
		return demo_reply_error(r, 500, "No digest");
	text_hex(sum, sizeof(sum), hex);
	buf_init(&b, 16 * 1024 * 1024);
	buf_puts(&b, "{\"method\":");
	put_string(&b, q->method);
	buf_puts(&b, ",\"target\":");
	put_string(&b, q->target);
	buf_puts(&b, ",\"headers\":[");
	for (size_t i = 0; i < q->n_fields; i++) {
		buf_puts(&b, i > 0 ? ",[" : "[");
		put_string(&b, q->fields[i].name);
		buf_puts(&b, ",");
		put_string(&b, q->fields[i].value);
		buf_puts(&b, "]");
	}
	buf_printf(&b, "],\"body_bytes\":%zu,\"body_sha256\":\"%s\"}",
	    q->body.len, hex);
	return send_json(r, &b);
}

static int
page_bytes(struct demo_server *server, struct demo_reply *r)
{
	const char *n = strstr(r->request->target, "?n=");
	uint64_t left, seed = server->seed, word;
	struct buf b;
	int rc = -1;

	if (n == NULL || text_u64(n + 3, BYTES_MAX, &left) != 0)
		return demo_reply_error(r, 400, "n must be a number of bytes");
	buf_init(&b, BYTES_MAX);
	buf_reserve(&b, left);
	while (left > 0 && !b.failed) {
		word = demo_random(&seed);
		buf_append(&b, &word, left < sizeof(word) ? left : 8);
		left -= left < sizeof(word) ? left : 8;
	}
	if (!b.failed)
		rc = demo_reply_body(r, 200, "application/octet-stream",
		    b.data, b.len);
	buf_fini(&b);
	return rc;
}

static int
page_stats(struct demo_server *server, struct demo_reply *r)
{
	struct buf b;

	if (strcmp(r->request->method, "DELETE") == 0) {
		atomic_store(&server->requests, 0);
		atomic_store(&server->chat, 0);
		atomic_store(&server->aborted, 0);
		atomic_store(&server->connections, 0);
	}
	buf_init(&b, 4096);
	buf_printf(&b, "{\"requests\":%" PRIuLEAST64 ",\"chat\":%" PRIuLEAST64
	    ",\"active\":%" PRIdLEAST64 ",\"aborted\":%" PRIuLEAST64
	    ",\"connections\":%" PRIuLEAST64 "}",
	    atomic_load(&server->requests), atomic_load(&server->chat),
	    atomic_load(&server->active), atomic_load(&server->aborted),
	    atomic_load(&server->connections));
	return send_json(r, &b);
}

static const struct {
	const char *methods; /* NULL: any */
	const char *path;
	page *answer;
} pages[] = {
	{"POST", "/v1/chat/completions", page_chat},
	{"GET HEAD", "/v1/models", page_models},
	{NULL, "/demo/echo", page_echo},
	{"GET HEAD", "/demo/bytes", page_bytes},
};

static bool
method_listed(const char *methods, const char *method)
{
	const char *item;
	size_t len;

	if (methods == NULL)
		return true;
	while ((item = text_next_item(&methods, " ", &len)) != NULL) {
		if (strlen(method) == len && memcmp(item, method, len) == 0)
			return true;
	}
	return false;
}

static bool
path_is(const struct demo_request *q, const char *path)
{
	size_t len = strcspn(q->target, "?");

	return strlen(path) == len && memcmp(path, q->target, len) == 0;
}

static int
dispatch(struct demo_server *server, struct demo_reply *r)
{
	const struct demo_request *q = r->request;

	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		if (!path_is(q, pages[i].path))
			continue;
		if (!method_listed(pages[i].methods, q->method))
			return demo_reply_error(r, 405, "Method not allowed");
		return pages[i].answer(server, r);
	}
	return demo_reply_error(r, 404, "Invalid URL");
}

static int
answer(struct demo_server *server, struct demo_reply *r)
{
	static const char garbage[] = "\x16\x03\x01 this is no HTTP \r\n\r\n";
	const struct demo_knobs *k = r->knobs;

	if (demo_conn_wait(r->conn, (int64_t)k->delay) != 0)
		return -1;
	if (k->fault == DEMO_FAULT_CLOSE_EARLY ||
	    k->fault == DEMO_FAULT_GARBAGE) {
		r->close = true;
		return k->fault == DEMO_FAULT_CLOSE_EARLY ? 0 :
		    demo_conn_send(r->conn, garbage, sizeof(garbage) - 1);
	}
	if (k->status >= 200)
		return demo_reply_error(r, (int)k->status, "As you wished");
	return dispatch(server, r);
}

static int
read_knobs(const struct demo_request *q, struct demo_knobs *k,
    struct err *err)
{
	for (size_t i = 0; i < q->n_fields; i++) {
		if (strcasecmp(q->fields[i].name, "X-Demo") == 0 &&
		    demo_knobs_parse(k, q->fields[i].value, err) != 0)
			return -1;
	}
	return 0;
}

/* Answer one request. Whether the connection goes on. */
static bool
serve_request(struct demo_server *server, struct demo_conn *conn,
    const struct demo_request *q, bool *counted)
{
	struct demo_knobs knobs;
	struct demo_reply r = {.conn = conn, .request = q, .knobs = &knobs};
	struct err err = ERR_INIT;

	if (demo_knobs_copy(&knobs, &server->knobs) != 0)
		return false;
	r.number = atomic_fetch_add(&server->number, 1);
	if (path_is(q, "/demo/stats")) {
		page_stats(server, &r);
		demo_knobs_fini(&knobs);
		return !r.close && !conn->gone;
	}
	if (!*counted)
		atomic_fetch_add(&server->connections, 1);
	*counted = true;
	atomic_fetch_add(&server->requests, 1);
	atomic_fetch_add(&server->active, 1);
	if (read_knobs(q, &knobs, &err) != 0)
		demo_reply_error(&r, 400, err.text);
	else
		answer(server, &r);
	if (conn->gone)
		atomic_fetch_add(&server->aborted, 1);
	atomic_fetch_sub(&server->active, 1);
	demo_knobs_fini(&knobs);
	return !r.close && !conn->gone;
}

static void
refuse(struct demo_conn *conn, struct demo_request *q, int status)
{
	struct demo_knobs knobs;
	struct demo_reply r = {.conn = conn, .request = q, .knobs = &knobs};

	demo_knobs_init(&knobs);
	q->keep_alive = false;
	q->method = "";
	demo_reply_error(&r, status, "The request cannot be read");
	demo_knobs_fini(&knobs);
	conn->linger = true;
}

void
demo_server_serve(struct demo_server *server, int fd)
{
	struct demo_conn conn;
	struct demo_request q;
	bool counted = false, more = true;
	int rc, status;

	demo_conn_init(&conn, fd);
	while (more) {
		rc = demo_request_read(&conn, &q, &status);
		if (rc < 0)
			refuse(&conn, &q, status);
		more = rc == 1 && serve_request(server, &conn, &q, &counted);
		demo_request_fini(&q);
	}
	demo_conn_fini(&conn);
}
