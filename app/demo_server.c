#include "demo_server.h"

#include "demo_formats.h"
#include "demo_text.h"

#include "base/text.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

enum { BYTES_MAX = 256 * 1024 * 1024 };

struct page {
	const char *methods; /* NULL: any */
	const char *path;
	int (*answer)(struct demo_reply *r, uint64_t seed);
	enum demo_count count;
	enum demo_shape shape;
};

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
page_models(struct demo_reply *r, uint64_t seed)
{
	static const char *const models[] = {"demo-model", "demo-large"};
	struct buf b;

	(void)seed;
	buf_init(&b, 4096);
	buf_puts(&b, "{\"object\":\"list\",\"data\":[");
	for (size_t i = 0; i < 2; i++)
		buf_printf(&b, "%s{\"id\":\"%s\",\"object\":\"model\","
		    "\"created\":1700000000,\"owned_by\":\"demo\"}",
		    i > 0 ? "," : "", models[i]);
	buf_puts(&b, "]}");
	return send_json(r, &b);
}

static int
page_echo(struct demo_reply *r, uint64_t seed)
{
	struct buf b;

	(void)seed;
	buf_init(&b, 16 * 1024 * 1024);
	buf_puts(&b, "{");
	demo_about(&b, r->request);
	buf_puts(&b, "}");
	return send_json(r, &b);
}

static int
page_bytes(struct demo_reply *r, uint64_t seed)
{
	const char *n = strstr(r->request->target, "?n=");
	uint64_t left, word;
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

static const char *const count_names[DEMO_COUNT_NONE] = {
	[DEMO_COUNT_CHAT] = "chat",
	[DEMO_COUNT_COMPLETIONS] = "completions",
	[DEMO_COUNT_RESPONSES] = "responses",
	[DEMO_COUNT_MESSAGES] = "messages",
	[DEMO_COUNT_EMBEDDINGS] = "embeddings",
	[DEMO_COUNT_RERANK] = "rerank",
	[DEMO_COUNT_TRANSCRIPTIONS] = "transcriptions",
	[DEMO_COUNT_TRANSLATIONS] = "translations",
};

static void
reset_stats(struct demo_server *server)
{
	atomic_store(&server->requests, 0);
	for (int i = 0; i < DEMO_COUNT_NONE; i++)
		atomic_store(&server->counts[i], 0);
	atomic_store(&server->aborted, 0);
	atomic_store(&server->connections, 0);
}

static int
page_stats(struct demo_server *server, struct demo_reply *r)
{
	struct buf b;

	if (strcmp(r->request->method, "DELETE") == 0)
		reset_stats(server);
	buf_init(&b, 4096);
	buf_printf(&b, "{\"requests\":%" PRIuLEAST64 ",\"active\":%"
	    PRIdLEAST64 ",\"aborted\":%" PRIuLEAST64 ",\"connections\":%"
	    PRIuLEAST64, atomic_load(&server->requests),
	    atomic_load(&server->active), atomic_load(&server->aborted),
	    atomic_load(&server->connections));
	for (int i = 0; i < DEMO_COUNT_NONE; i++)
		buf_printf(&b, ",\"%s\":%" PRIuLEAST64, count_names[i],
		    atomic_load(&server->counts[i]));
	buf_puts(&b, "}");
	return send_json(r, &b);
}

static int
page_last(struct demo_server *server, struct demo_reply *r)
{
	struct buf b;

	/* Escapes may make six bytes of one. */
	buf_init(&b, (size_t)DEMO_BODY_MAX * 6);
	demo_last_put(&server->last, &b);
	return send_json(r, &b);
}

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

static const struct page pages[] = {
	{"POST", "/v1/chat/completions", demo_chat, DEMO_COUNT_CHAT,
	    DEMO_SHAPE_OPENAI},
	{"POST", "/v1/completions", demo_completions, DEMO_COUNT_COMPLETIONS,
	    DEMO_SHAPE_OPENAI},
	{"POST", "/v1/responses", demo_responses, DEMO_COUNT_RESPONSES,
	    DEMO_SHAPE_RESPONSES},
	{"POST", "/v1/messages", demo_messages, DEMO_COUNT_MESSAGES,
	    DEMO_SHAPE_ANTHROPIC},
	{"POST", "/v1/embeddings", demo_embeddings, DEMO_COUNT_EMBEDDINGS,
	    DEMO_SHAPE_OPENAI},
	{"POST", "/v1/rerank", demo_rerank, DEMO_COUNT_RERANK,
	    DEMO_SHAPE_OPENAI},
	{"POST", "/rerank", demo_rerank, DEMO_COUNT_RERANK,
	    DEMO_SHAPE_OPENAI},
	{"POST", "/v2/rerank", demo_rerank, DEMO_COUNT_RERANK,
	    DEMO_SHAPE_COHERE},
	{"POST", "/v1/audio/transcriptions", demo_audio,
	    DEMO_COUNT_TRANSCRIPTIONS, DEMO_SHAPE_AUDIO},
	{"POST", "/v1/audio/translations", demo_audio,
	    DEMO_COUNT_TRANSLATIONS, DEMO_SHAPE_AUDIO},
	{"GET HEAD", "/v1/models", page_models, DEMO_COUNT_NONE,
	    DEMO_SHAPE_OPENAI},
	{NULL, "/demo/echo", page_echo, DEMO_COUNT_NONE, DEMO_SHAPE_OPENAI},
	{"GET HEAD", "/demo/bytes", page_bytes, DEMO_COUNT_NONE,
	    DEMO_SHAPE_OPENAI},
};

/* The page a request is for, or NULL. */
static const struct page *
find_page(const struct demo_request *q)
{
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		if (path_is(q, pages[i].path))
			return &pages[i];
	}
	return NULL;
}

static int
dispatch(struct demo_server *server, struct demo_reply *r,
    const struct page *page)
{
	if (page == NULL)
		return demo_reply_error(r, 404, "Invalid URL");
	if (!method_listed(page->methods, r->request->method))
		return demo_reply_error(r, 405, "Method not allowed");
	if (page->count != DEMO_COUNT_NONE)
		atomic_fetch_add(&server->counts[page->count], 1);
	return page->answer(r, server->seed);
}

static int
answer(struct demo_server *server, struct demo_reply *r,
    const struct page *page)
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
	return dispatch(server, r, page);
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

/* What is known of the server itself: neither counted nor remembered. */
static bool
serve_about(struct demo_server *server, struct demo_reply *r)
{
	if (path_is(r->request, "/demo/stats"))
		page_stats(server, r);
	else if (path_is(r->request, "/demo/last"))
		page_last(server, r);
	else
		return false;
	return true;
}

static void
serve_page(struct demo_server *server, struct demo_reply *r,
    struct demo_knobs *knobs)
{
	const struct page *page = find_page(r->request);
	struct err err = ERR_INIT;

	if (page != NULL)
		r->shape = page->shape;
	if (strncmp(r->request->target, "/demo/", 6) != 0)
		demo_last_set(&server->last, r->request);
	if (read_knobs(r->request, knobs, &err) != 0)
		demo_reply_error(r, 400, err.text);
	else
		answer(server, r, page);
}

/* Answer one request. Whether the connection goes on. */
static bool
serve_request(struct demo_server *server, struct demo_conn *conn,
    const struct demo_request *q, bool *counted)
{
	struct demo_knobs knobs;
	struct demo_reply r = {.conn = conn, .request = q, .knobs = &knobs};

	if (demo_knobs_copy(&knobs, &server->knobs) != 0)
		return false;
	r.number = atomic_fetch_add(&server->number, 1);
	if (serve_about(server, &r)) {
		demo_knobs_fini(&knobs);
		return !r.close && !conn->gone;
	}
	if (!*counted)
		atomic_fetch_add(&server->connections, 1);
	*counted = true;
	atomic_fetch_add(&server->requests, 1);
	atomic_fetch_add(&server->active, 1);
	serve_page(server, &r, &knobs);
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
