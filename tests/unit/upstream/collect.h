/*
 * A caller of upstream_perform for the tests: it keeps what comes and can
 * stop the transfer from any of the callbacks.
 */
#ifndef TESTS_UPSTREAM_COLLECT_H
#define TESTS_UPSTREAM_COLLECT_H

#include "base/buf.h"
#include "http/header.h"
#include "upstream/upstream.h"

#include <string.h>
#include <unistd.h>

struct collect {
	struct conf_upstream upstream;
	struct upstream_request request;
	struct http_headers sent;
	struct upstream_report report;
	struct err err;
	int status;
	int heads;
	int idles;
	struct http_headers got;
	struct buf body;
	bool stop_head, stop_data, stop_idle;
	int open_gate;      /* written to by idle(), then -1 */
	int idles_for_gate; /* at which call of idle() */
	bool unwatch;       /* idle() stops the watching */
	const char *upload; /* what read_body gives */
	size_t upload_step;
	bool upload_fails;
};

static inline int
collect_head(void *arg, int status, const struct http_headers *headers)
{
	struct collect *c = arg;

	c->heads++;
	c->status = status;
	for (size_t i = 0; i < headers->count; i++)
		http_headers_add(&c->got, headers->list[i].name,
		    headers->list[i].value);
	return c->stop_head;
}

static inline int
collect_data(void *arg, const char *bytes, size_t len)
{
	struct collect *c = arg;

	if (c->heads != 1 || len == 0)
		return -1;
	buf_append(&c->body, bytes, len);
	return c->stop_data;
}

static inline int
collect_idle(void *arg, int *watch_fd)
{
	struct collect *c = arg;

	c->idles++;
	if (c->unwatch)
		*watch_fd = -1;
	if (c->open_gate > 0 && c->idles >= c->idles_for_gate) {
		if (write(c->open_gate, "g", 1) != 1)
			return -1;
		c->open_gate = -1;
	}
	return c->stop_idle;
}

static inline ssize_t
collect_read(void *arg, char *out, size_t size)
{
	struct collect *c = arg;
	size_t n = strlen(c->upload);

	if (n == 0 && c->upload_fails)
		return -1;
	if (n > c->upload_step)
		n = c->upload_step;
	if (n > size)
		n = size;
	memcpy(out, c->upload, n);
	c->upload += n;
	return (ssize_t)n;
}

/* A GET of /v1/models at url, patient enough for a busy machine. */
static inline void
collect_init(struct collect *c, char *url)
{
	static char name[] = "demo";

	memset(c, 0, sizeof(*c));
	c->upstream = (struct conf_upstream){.name = name, .url = url,
	    .connect_timeout_ms = 20000, .first_byte_timeout_ms = 20000,
	    .idle_timeout_ms = 20000};
	c->request = (struct upstream_request){.upstream = &c->upstream,
	    .method = "GET", .path = "/v1/models", .headers = &c->sent,
	    .watch_fd = -1, .read_arg = c, .body_total = -1};
	c->upload_step = 5;
	http_headers_init(&c->sent);
	http_headers_init(&c->got);
	buf_init(&c->body, 64 * 1024 * 1024);
}

static inline void
collect_fini(struct collect *c)
{
	http_headers_fini(&c->sent);
	http_headers_fini(&c->got);
	buf_fini(&c->body);
}

/* A body that is in memory. */
static inline void
collect_post(struct collect *c, const char *body)
{
	c->request.method = "POST";
	c->request.path = "/v1/chat/completions";
	c->request.body = body;
	c->request.body_len = strlen(body);
}

/* A body that is read as it goes up. */
static inline void
collect_upload(struct collect *c, const char *body, int64_t total)
{
	c->request.method = "POST";
	c->request.read_body = collect_read;
	c->request.body_total = total;
	c->upload = body;
}

static inline int
collect_run(struct collect *c, struct upstream_pool *pool)
{
	struct upstream_sink sink = {.head = collect_head,
	    .data = collect_data, .idle = collect_idle, .arg = c};

	http_headers_fini(&c->got);
	buf_reset(&c->body);
	c->heads = c->status = 0;
	err_clear(&c->err);
	return upstream_perform(pool, &c->request, &sink, &c->report, &c->err);
}

#endif
