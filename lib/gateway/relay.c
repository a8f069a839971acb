#include "gateway/relay.h"

#include "base/clock.h"
#include "base/diag.h"
#include "gateway/lead.h"
#include "gateway/send.h"
#include "sse/writer.h"

#include <string.h>
#include <strings.h>

enum { EVENT_MAX = 4096, RESCUE_US = 250 * 1000 };

void
relay_init(struct relay *r, struct exchange *x, bool follow)
{
	const struct conf_cache *c = &x->gateway->conf->cache;
	struct recorder_config config = {
	    .format = x->format,
	    .policy = {.store_length = c->store_length,
		.store_tool_calls = c->store_tool_calls},
	    .max_bytes = (size_t)c->max_entry_bytes,
	};

	memset(r, 0, sizeof(*r));
	r->x = x;
	r->follow = follow;
	r->expected = -1;
	if (follow)
		recorder_init(&r->recorder, &config);
	usage_filter_init(&r->filter, (size_t)c->max_entry_bytes);
	http_headers_init(&r->replay);
	http_headers_init(&r->vary);
	buf_init(&r->held, config.max_bytes);
	buf_init(&r->lag, config.max_bytes);
	r->client_left = x->behind;
}

void
relay_fini(struct relay *r)
{
	if (r->follow)
		recorder_fini(&r->recorder);
	usage_filter_fini(&r->filter);
	http_headers_fini(&r->replay);
	http_headers_fini(&r->vary);
	buf_fini(&r->held);
	buf_fini(&r->lag);
}

static bool
may_store(const struct relay *r)
{
	return r->follow && r->recorder.verdict == WIRE_STORABLE;
}

/*
 * Without a client, going on serves nobody unless the answer may be stored
 * and the operator wants that, or others follow it.
 */
static int
go_on_alone(struct relay *r)
{
	const struct exchange *x = r->x;

	if (may_store(r) && (x->behind ||
	    x->gateway->conf->cache.on_abort == CONF_ON_ABORT_FINISH))
		return 0;
	if (lead_followed(r))
		return 0;
	if (r->follow)
		recorder_refuse(&r->recorder, WIRE_CLIENT_CANCELLED);
	return -1;
}

int
relay_client_left(struct relay *r)
{
	r->client_left = true;
	r->x->aborted = true;
	return go_on_alone(r);
}

/*
 * A stream whose events are followed may get a comment or an error event
 * of ours.
 */
static bool
is_followed_stream(const struct relay *r)
{
	return r->follow && r->recorder.mode == ENTRY_STREAM;
}

static void
pass_headers(struct relay *r, const struct http_headers *headers)
{
	struct http_response *response = &r->x->response;
	const struct http_header *h;
	size_t i;

	for (i = 0; i < headers->count; i++) {
		h = &headers->list[i];
		/*
		 * CGI's "local redirect" (RFC 3875 section 6.2.2): with 200,
		 * a server may serve that path of its own instead.
		 */
		if (r->status == 200 && strcasecmp(h->name, "Location") == 0)
			continue;
		/* What may grow has no length yet. */
		if (is_followed_stream(r) &&
		    strcasecmp(h->name, "Content-Length") == 0)
			continue;
		if (r->filters && headers_about_bytes(h->name))
			continue;
		if (headers_pass_down(h->name))
			http_response_header(response, h->name, h->value);
		else if (strcasecmp(h->name, "X-Request-Id") == 0)
			http_response_header(response,
			    "X-Upstream-Request-Id", h->value);
	}
}

/* The commonest mistake under Apache, told where it will be seen. */
static void
hint_at_credential(struct relay *r)
{
	static const char hint[] = "no credential reached the handler; under "
	    "Apache, CGIPassAuth On lets it through";

	if (r->status != 401 || r->x->has_credential ||
	    r->x->upstream->credential != NULL)
		return;
	http_response_header(&r->x->response, "X-Reprise-Hint", hint);
	diag(LOG_NOTICE, "%s: the upstream answered 401, and %s",
	    r->x->request_id, hint);
}

static int64_t
content_length(const struct http_headers *headers)
{
	const char *value = http_headers_get(headers, "Content-Length");
	uint64_t n;

	if (value == NULL || text_u64(value, INT64_MAX, &n) == -1)
		return -1;
	return (int64_t)n;
}

/*
 * A stale entry covers the failure. Whoever follows may be one who may not
 * have that: read on for them, as long as it does not hold up our client.
 */
static int
begin_rescue(struct relay *r, const struct http_headers *headers)
{
	r->rescued = r->status;
	if (!lead_followed(r))
		return -1;
	r->rescue_us = clock_steady_us() + RESCUE_US;
	recorder_head(&r->recorder, r->status,
	    http_headers_get(headers, "Content-Type"),
	    http_headers_get(headers, "Content-Encoding"));
	save_head(r, headers);
	lead_close(r);
	lead_head(r, headers);
	return 0;
}

/*
 * The piece that completes an answer of known length waits until it has
 * been stored, so that whoever has read the answer to its end finds it in
 * the cache; or, if it is not stored, does not join its flight. (Others are
 * complete for the client when the response ends, which is after storing.)
 * Of an empty answer that is its head.
 */
static bool
is_last(const struct relay *r)
{
	return (may_store(r) || r->x->flight != NULL) &&
	    r->received == r->expected;
}

static int
relay_head(void *arg, int status, const struct http_headers *headers)
{
	struct relay *r = arg;
	struct exchange *x = r->x;

	r->status = status;
	if (!r->live && (status == 429 || status >= 500))
		counter_add(&x->gateway->counters->upstream_status, 1);
	if (r->follow && !r->client_left && stale_may_rescue(x, status))
		return begin_rescue(r, headers);
	/* Whoever follows this one has fallbacks to ask, too. */
	if (x->behind && (status == 429 || status >= 500))
		r->unshareable = true;
	r->got_head = true;
	r->expected = content_length(headers);
	if (r->follow) {
		recorder_head(&r->recorder, status,
		    http_headers_get(headers, "Content-Type"),
		    http_headers_get(headers, "Content-Encoding"));
		r->filters = x->asks_usage && is_followed_stream(r) &&
		    status == 200;
		if (x->fallback)
			recorder_refuse(&r->recorder, WIRE_FALLBACK);
		if (!r->live)
			save_head(r, headers);
		/* Before the client has it, and may ask again. */
		if (!may_store(r))
			lead_close(r);
	}
	/*
	 * Web servers want the whole request read before the answer. But an
	 * upstream that answers well before it has all of an upload goes on
	 * reading it; one that refuses it does not.
	 */
	if (status >= 300)
		http_conn_drain(x->conn);
	http_response_status(&x->response, status);
	pass_headers(r, headers);
	hint_at_credential(r);
	if (r->live)
		http_response_header(&x->response, "Age", "0");
	answer_headers(x);
	r->last_write_us = clock_steady_us();
	if (!r->client_left && !is_last(r) &&
	    http_response_start(&x->response) == -1 &&
	    relay_client_left(r) == -1)
		return -1;
	lead_head(r, headers);
	return 0;
}

/* Record some of the answer, and send it on. */
static int
pass_on(struct relay *r, const char *bytes, size_t len)
{
	int rc = 0;

	if (r->follow) {
		recorder_data(&r->recorder, bytes, len);
		if (!may_store(r))
			lead_close(r);
	}
	/* Where others may follow, the next tick asks whether they do. */
	if (r->client_left && r->x->flight == NULL && go_on_alone(r) == -1)
		return -1;
	if (!is_last(r) || buf_append(&r->held, bytes, len) == -1)
		rc = send_on(r, bytes, len);
	lead_data(r, bytes, len);
	return rc;
}

/* What the usage filter lets through. */
static int
pass_filtered(struct relay *r)
{
	int rc = 0;

	if (r->filter.whole > 0)
		rc = pass_on(r, r->filter.out.data, r->filter.whole);
	usage_filter_sent(&r->filter);
	return rc;
}

static int
relay_data(void *arg, const char *bytes, size_t len)
{
	struct relay *r = arg;

	r->received += (int64_t)len;
	if (r->rescued != 0) {
		lead_data(r, bytes, len);
		return 0;
	}
	if (!r->filters)
		return pass_on(r, bytes, len);
	if (usage_filter_feed(&r->filter, bytes, len) == -1)
		return -1;
	return pass_filtered(r);
}

/* Say that we are alive, but never inside an event. */
static int
beat(struct relay *r)
{
	int64_t silence_ms = (clock_steady_us() - r->last_write_us) / 1000;
	struct buf comment;
	int rc;

	/* What is kept for the client is no silence. */
	if (!r->got_head || !is_followed_stream(r) || r->client_left ||
	    r->lag.len > 0 ||
	    silence_ms < r->x->gateway->conf->server.heartbeat_ms ||
	    !recorder_at_boundary(&r->recorder))
		return 0;
	buf_init(&comment, EVENT_MAX);
	sse_write_comment(&comment, "heartbeat");
	rc = send_on(r, comment.data, comment.len);
	buf_fini(&comment);
	return rc;
}

static int
relay_idle(void *arg, int *watch_fd)
{
	struct relay *r = arg;

	if (r->rescued != 0) {
		lead_tick(r);
		return clock_steady_us() < r->rescue_us ? 0 : -1;
	}
	if (!r->client_left && *watch_fd != -1 &&
	    http_conn_peer_left(r->x->conn)) {
		*watch_fd = -1;
		relay_client_left(r);
	}
	if (r->client_left ? go_on_alone(r) == -1 : send_kept(r, false) == -1)
		return -1;
	lead_tick(r);
	if (r->x->gateway->conf->server.heartbeat_ms > 0)
		return beat(r);
	return 0;
}

struct upstream_sink
relay_sink(struct relay *r)
{
	return (struct upstream_sink){
	    .head = relay_head,
	    .data = relay_data,
	    .idle = relay_idle,
	    .arg = r,
	};
}

static void
count_failure(const struct relay *r, enum err_code code)
{
	struct counters *c = r->x->gateway->counters;

	if (r->live)
		return;
	if (code == ERR_UPSTREAM_CONNECT)
		counter_add(&c->upstream_connect, 1);
	else if (code == ERR_UPSTREAM_TIMEOUT)
		counter_add(&c->upstream_timeout, 1);
	else if (code == ERR_UPSTREAM_BROKEN)
		counter_add(&c->upstream_broken, 1);
}

/* The status line has gone: an error can only be an event of the stream. */
static void
send_error_event(struct relay *r, const struct err *err)
{
	struct buf event;

	buf_init(&event, EVENT_MAX);
	/* End the event that was broken off, so that ours stands alone. */
	if (!recorder_at_boundary(&r->recorder))
		buf_puts(&event, "\n\n");
	/* In the shape of the stream, which a bridge may have chosen. */
	if (r->recorder.format->error_event(&event, err,
	    r->recorder.events) == 0)
		send_on(r, event.data, event.len);
	http_response_end(&r->x->response);
	buf_fini(&event);
}

/*
 * Whether the whole answer is there, though the transfer failed: the
 * upstream had no use for the rest of the request. Such an answer is passed
 * on, but not stored.
 */
static bool
is_whole(const struct relay *r, const struct err *err)
{
	return err->code != ERR_CANCELLED && r->got_head && !r->client_left &&
	    r->expected >= 0 && r->received == r->expected;
}

static void
fail(struct relay *r, const struct err *err)
{
	struct exchange *x = r->x;

	if (r->rescued != 0) {
		stale_rescue(x, r->rescued);
		return;
	}
	x->error = err->code;
	count_failure(r, err->code);
	if (!r->client_left && !r->got_head && err->code != ERR_CANCELLED &&
	    stale_may_rescue(x, 0)) {
		stale_rescue(x, 0);
		return;
	}
	if (r->client_left || err->code == ERR_CANCELLED) {
		/* Nobody is listening; the cut must not look like an end. */
		x->aborted = !x->behind;
		http_response_break(&x->response);
		return;
	}
	if (!r->got_head) {
		answer_error(x, err);
		return;
	}
	diag(err_level(err->code), "%s: %s", x->request_id, err->text);
	if (is_followed_stream(r))
		send_error_event(r, err);
	else
		http_response_break(&x->response);
}

static void
take_usage(struct relay *r)
{
	struct exchange *x = r->x;

	/* What was asked for is the sum; chunks may have told parts of it. */
	if (r->filter.usage != NULL) {
		json_decref(r->recorder.usage);
		r->recorder.usage = json_incref(r->filter.usage);
	}
	x->usage = json_incref(r->recorder.usage);
	if (r->live)
		x->saved = wire_usage_tokens(x->usage);
	else
		x->spent = wire_usage_tokens(x->usage);
}

/*
 * Whether the connection's end, which was all that ended the answer, came
 * too early for its format.
 */
static bool
is_cut_off(const struct relay *r)
{
	if (!r->follow || !r->ended_by_close || r->status != 200)
		return false;
	if (r->recorder.mode == ENTRY_STREAM)
		return !r->recorder.stream.ended;
	return r->x->verdict == WIRE_BAD_JSON;
}

void
relay_end(struct relay *r, int rc, const struct err *err)
{
	struct exchange *x = r->x;
	struct err cut = ERR_INIT;

	/* An event that was broken off stays in the filter: it is of no use. */
	if (r->filters && (rc == 0 || is_whole(r, err))) {
		usage_filter_end(&r->filter);
		pass_filtered(r);
	}
	if (r->follow) {
		x->verdict = recorder_end(&r->recorder, rc == 0);
		if (rc == 0 && is_cut_off(r)) {
			x->verdict = WIRE_TRANSPORT;
			err = &cut;
			rc = err_set(&cut, ERR_UPSTREAM_BROKEN,
			    "upstream %s closed the connection before its "
			    "answer was complete", x->upstream->name);
		}
		take_usage(r);
		if (x->verdict == WIRE_STORABLE)
			save_answer(r);
	}
	if (r->rescued != 0) {
		/* Those who follow have had the failure itself. */
		if (rc == 0)
			lead_end(r, 0, err);
		err = &cut;
		rc = err_set(&cut, ERR_UPSTREAM_BROKEN,
		    "upstream %s answered %d", x->upstream->name, r->rescued);
	}
	if (rc == -1 && is_whole(r, err))
		rc = 0;
	/* Whoever comes next finds what was stored. */
	lead_end(r, rc, err);
	r->ending = true;
	send_kept(r, true);
	if (rc == 0 && r->held.len > 0)
		send_on(r, r->held.data, r->held.len);
	if (rc == 0)
		http_response_end(&x->response);
	else
		fail(r, err);
	lead_land(x);
}
