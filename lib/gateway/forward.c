/*
 * Asking the upstream: with a body that was read and looked up, or with
 * one that is streamed up untouched.
 */
#include "gateway/lead.h"
#include "gateway/relay.h"

#include "base/json_text.h"

#include <string.h>

/* Bodies up to this are held, so that they can be sent a second time. */
enum { HELD_UPLOAD_BYTES = 64 * 1024 };

/* Passes all on; notes whose answer it is. */
struct answering {
	struct exchange *x;
	const struct upstream_sink *sink;
};

static int
answering_head(void *arg, int status, const struct http_headers *headers)
{
	const struct answering *a = arg;

	return a->sink->head(a->sink->arg, status, headers);
}

static int
answering_data(void *arg, const char *bytes, size_t len)
{
	const struct answering *a = arg;

	return a->sink->data(a->sink->arg, bytes, len);
}

static int
answering_idle(void *arg, int *watch_fd)
{
	const struct answering *a = arg;

	return a->sink->idle == NULL ? 0 :
	    a->sink->idle(a->sink->arg, watch_fd);
}

static void
answering_is(void *arg, const struct conf_upstream *upstream, bool fallback)
{
	const struct answering *a = arg;

	a->x->upstream = upstream;
	a->x->fallback = fallback;
}

/* The whole group is asked, as the body can be sent to each. */
static int
ask_group(struct exchange *x, const struct upstream_request *request,
    const struct upstream_sink *sink, struct upstream_report *report,
    struct err *err)
{
	struct gateway *g = x->gateway;
	struct answering answering = {.x = x, .sink = sink};
	struct upstream_sink noting = {.head = answering_head,
	    .data = answering_data, .idle = answering_idle,
	    .answering = answering_is, .arg = &answering};
	struct upstream_group group;
	int rc;

	if (upstream_group_of(g->conf, x->facts.model, &group) == -1)
		return err_set(err, ERR_NO_UPSTREAM,
		    "no upstream is configured for the model '%s'",
		    x->facts.model);
	rc = upstream_ask(g->upstreams, g->health, &group, request, &noting,
	    report, err);
	x->unasked = report->tries == 0;
	return rc;
}

int
forward_ask(struct exchange *x, bool cached_format,
    struct upstream_request request, const struct upstream_sink *sink,
    struct upstream_report *report, struct err *err)
{
	struct http_headers headers;
	int rc;

	http_headers_init(&headers);
	request.upstream = x->upstream;
	request.anthropic = x->format->anthropic ||
	    http_headers_get(&x->request.headers, "anthropic-version") != NULL;
	request.method = x->request.method;
	request.path = x->request.path;
	request.caller = x->scope;
	request.query = x->request.query;
	request.headers = &headers;
	request.watch_fd = http_conn_watch_fd(x->conn);
	/*
	 * Who renews an entry can wait until its upstream is well, and what
	 * a fallback answers is not stored.
	 */
	request.only_well = x->behind;
	request.give_up = &x->gateway->giving_up;
	request.tick_ms = x->flight != NULL ? FLIGHT_TICK_MS :
	    x->gateway->conf->server.heartbeat_ms;
	request.holds_head = stale_may_rescue(x, 0);
	request.hold_ms = x->gateway->conf->server.heartbeat_ms;
	rc = headers_for_upstream(&headers, &x->request.headers,
	    cached_format);
	if (rc == -1)
		err_set(err, ERR_MEMORY, "out of memory");
	else if (cached_format && request.body != NULL)
		rc = ask_group(x, &request, sink, report, err);
	else
		rc = upstream_perform(x->gateway->upstreams, &request, sink,
		    report, err);
	http_headers_fini(&headers);
	return rc;
}

static void
perform(struct exchange *x, struct relay *r, struct upstream_request request)
{
	struct upstream_sink sink = relay_sink(r);
	struct upstream_report report = {0};
	struct err err = ERR_INIT;
	int rc;

	rc = forward_ask(x, r->follow, request, &sink, &report, &err);
	r->ended_by_close = report.ended_by_close;
	relay_end(r, rc, &err);
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

/* Send the body from memory, or what was read of it and then the rest. */
static void
attach_body(struct upstream_request *request, struct upload *upload)
{
	struct exchange *x = upload->x;

	if (x->conn->body_ended) {
		request->body = x->body.data != NULL ? x->body.data : "";
		request->body_len = x->body.len;
		return;
	}
	request->body_total = x->request.content_length;
	request->read_body = read_upload;
	request->read_arg = upload;
}

/*
 * Append to out the body of a request for a stream, asking for its usage.
 * Whether it is there.
 */
static bool
ask_usage(const struct exchange *x, struct buf *out)
{
	static const struct json_span yes = {"true", 4}, none = {"{}", 2};
	struct json_span options = json_member_value(x->body.data,
	    x->body.len, "stream_options");
	struct buf merged;
	int rc;

	/* Absent, or null. */
	if (options.at == NULL || *options.at != '{')
		options = none;
	buf_init(&merged, x->body.len + 64);
	rc = json_put_with(&merged, options.at, options.len, "include_usage",
	    &yes);
	options = (struct json_span){merged.data, merged.len};
	if (rc == 0)
		rc = json_put_with(out, x->body.data, x->body.len,
		    "stream_options", &options);
	buf_fini(&merged);
	return rc == 0;
}

/*
 * usage.ask: the client did not. Odd options are the upstream's to refuse;
 * some change every chunk when there is usage to tell.
 */
static bool
wants_usage_asked(const struct exchange *x)
{
	return x->gateway->conf->usage.ask && x->format->asks_usage &&
	    x->facts.stream && !x->facts.usage_asked &&
	    !x->facts.options_odd &&
	    x->facts.verdict == WIRE_STORABLE;
}

void
forward_cached_format(struct exchange *x)
{
	struct upload upload = {.x = x};
	struct upstream_request request = {.identity = true};
	struct relay relay;
	struct buf asking;

	attach_body(&request, &upload);
	buf_init(&asking, x->body.len + 256);
	if (wants_usage_asked(x) && ask_usage(x, &asking)) {
		x->asks_usage = true;
		request.body = asking.data;
		request.body_len = asking.len;
	}
	relay_init(&relay, x, true);
	if (x->verdict != WIRE_STORABLE)
		recorder_refuse(&relay.recorder, x->verdict);
	else if (x->control.ttl_ms == 0)
		recorder_refuse(&relay.recorder, WIRE_ZERO_TTL);
	perform(x, &relay, request);
	relay_fini(&relay);
	buf_fini(&asking);
}

void
forward_untouched(struct exchange *x)
{
	struct upload upload = {.x = x};
	struct upstream_request request = {0};
	struct err err = ERR_INIT;
	struct relay relay;

	buf_fini(&x->body);
	buf_init(&x->body, HELD_UPLOAD_BYTES + 8192);
	if (question_read_ahead(x, HELD_UPLOAD_BYTES, &err) == -1) {
		x->aborted = true;
		http_response_break(&x->response);
		return;
	}
	attach_body(&request, &upload);
	relay_init(&relay, x, false);
	perform(x, &relay, request);
	relay_fini(&relay);
}

void
forward_refuse(struct exchange *x, struct err *err)
{
	if (x->verdict == WIRE_STORABLE)
		x->verdict = WIRE_NOT_FORWARDED;
	x->fwd = "detail=only-if-cached";
	err_set(err, ERR_ONLY_IF_CACHED, "%s",
	    err_meaning(ERR_ONLY_IF_CACHED));
}
