/*
 * Asking the upstream: with a body that was read and looked up, or with
 * one that is streamed up untouched.
 */
#include "gateway/relay.h"

#include <string.h>

/* Bodies up to this are held, so that they can be sent a second time. */
enum { HELD_UPLOAD_BYTES = 64 * 1024 };

static void
perform(struct exchange *x, struct relay *r, struct upstream_request request)
{
	struct upstream_sink sink = relay_sink(r);
	struct upstream_report report = {0};
	struct http_headers headers;
	struct err err = ERR_INIT;
	int rc;

	http_headers_init(&headers);
	request.upstream = x->upstream;
	request.method = x->request.method;
	request.path = x->request.path;
	request.query = x->request.query;
	request.headers = &headers;
	request.watch_fd = http_conn_watch_fd(x->conn);
	request.give_up = &x->gateway->giving_up;
	request.tick_ms = x->gateway->conf->server.heartbeat_ms;
	rc = headers_for_upstream(&headers, &x->request.headers, r->follow);
	if (rc == -1)
		err_set(&err, ERR_MEMORY, "out of memory");
	else
		rc = upstream_perform(x->gateway->upstreams, &request, &sink,
		    &report, &err);
	r->ended_by_close = report.ended_by_close;
	relay_end(r, rc, &err);
	http_headers_fini(&headers);
}

void
forward_cached_format(struct exchange *x)
{
	struct upstream_request request = {
	    .identity = true,
	    .body = x->body.data,
	    .body_len = x->body.len,
	};
	struct relay relay;

	relay_init(&relay, x, true);
	if (x->verdict != WIRE_STORABLE)
		recorder_refuse(&relay.recorder, x->verdict);
	else if (x->control.ttl_ms == 0)
		recorder_refuse(&relay.recorder, WIRE_ZERO_TTL);
	perform(x, &relay, request);
	relay_fini(&relay);
}

/* The part of an upload that was read ahead, and then the rest. */
struct upload {
	struct exchange *x;
	size_t taken; /* bytes of x->body that went up */
};

static ssize_t
read_upload(void *arg, char *out, size_t size)
{
	struct upload *u = arg;
	struct err err = ERR_INIT;
	size_t left = u->x->body.len - u->taken;

	if (left == 0)
		return http_conn_read(u->x->conn, out, size, &err);
	if (left > size)
		left = size;
	memcpy(out, u->x->body.data + u->taken, left);
	u->taken += left;
	return (ssize_t)left;
}

/*
 * Read ahead until the body has ended or is too long to hold. 0, or -1
 * when it was cut short.
 */
static int
read_ahead(struct exchange *x)
{
	struct err err = ERR_INIT;
	char piece[8192];
	ssize_t n = 1;

	while (n > 0 && x->body.len < HELD_UPLOAD_BYTES) {
		n = http_conn_read(x->conn, piece, sizeof(piece), &err);
		if (n > 0 && buf_append(&x->body, piece, (size_t)n) == -1)
			return -1;
	}
	return n < 0 ? -1 : 0;
}

void
forward_untouched(struct exchange *x)
{
	struct upload upload = {.x = x};
	struct upstream_request request = {
	    .body_total = x->request.content_length,
	};
	struct relay relay;

	buf_fini(&x->body);
	buf_init(&x->body, HELD_UPLOAD_BYTES + 8192);
	if (read_ahead(x) == -1) {
		x->aborted = true;
		http_response_break(&x->response);
		return;
	}
	if (x->conn->body_ended) {
		request.body = x->body.data != NULL ? x->body.data : "";
		request.body_len = x->body.len;
	} else {
		request.read_body = read_upload;
		request.read_arg = &upload;
	}
	relay_init(&relay, x, false);
	perform(x, &relay, request);
	relay_fini(&relay);
}
