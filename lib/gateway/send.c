#include "gateway/send.h"

#include "base/clock.h"
#include "gateway/lead.h"
#include "gateway/wait.h"

enum { MOMENT_MS = 5 /* between looks at a client that takes nothing */ };

/* Send to the client, however long it takes it. */
static int
send_waiting(struct relay *r, const char *bytes, size_t len)
{
	struct http_response *response = &r->x->response;

	r->last_write_us = clock_steady_us();
	if (http_response_body(response, bytes, len) == 0 &&
	    http_response_flush(response) == 0)
		return 0;
	return relay_client_left(r);
}

int
send_kept(struct relay *r, bool all)
{
	size_t left, room;
	int rc = 0;

	while (!r->client_left && r->lag_sent < r->lag.len) {
		left = r->lag.len - r->lag_sent;
		room = all ? left : http_conn_room(r->x->conn);
		if (room == 0)
			return 0;
		if (room > left)
			room = left;
		rc = send_waiting(r, r->lag.data + r->lag_sent, room);
		r->lag_sent += room;
	}
	buf_reset(&r->lag);
	r->lag_sent = 0;
	return rc;
}

/*
 * It took too long: what it gets is cut short, and seen to be.
 */
static int
leave_behind(struct relay *r)
{
	http_response_break(&r->x->response);
	return relay_client_left(r);
}

/*
 * No more can be kept for the client: wait until it has taken much of that,
 * no longer than for any client that takes nothing, and meanwhile show those
 * who follow that this one lives.
 */
static int
wait_for_client(struct relay *r, size_t len)
{
	const struct gateway *g = r->x->gateway;
	size_t had, enough = len < r->lag.max / 2 ? r->lag.max / 2 : 0;
	int64_t since_us = clock_steady_us();
	struct wait wait;

	wait_init(&wait, r->x->conn);
	for (;;) {
		had = r->lag.len - r->lag_sent;
		if (send_kept(r, false) == -1)
			return -1;
		if (r->lag.len - r->lag_sent <= enough)
			break;
		if (r->lag.len - r->lag_sent < had)
			since_us = clock_steady_us();
		if (wait_for(&wait, MOMENT_MS) == -1)
			return relay_client_left(r);
		if (atomic_load(&g->giving_up) || clock_steady_us() -
		    since_us >= g->conf->server.io_timeout_ms * 1000)
			return leave_behind(r);
		lead_tick(r);
	}
	buf_consume(&r->lag, r->lag_sent);
	r->lag_sent = 0;
	return 0;
}

/* Behind what is kept for the client already, if any. */
static int
keep_for_client(struct relay *r, const char *bytes, size_t len)
{
	if (len > r->lag.max - r->lag.len && wait_for_client(r, len) == -1)
		return -1;
	if (r->client_left)
		return 0;
	if (buf_append(&r->lag, bytes, len) == 0)
		return send_kept(r, false);
	r->lag.failed = false;
	if (send_kept(r, true) == -1)
		return -1;
	return r->client_left ? 0 : send_waiting(r, bytes, len);
}

int
send_on(struct relay *r, const char *bytes, size_t len)
{
	if (r->client_left)
		return 0;
	if (r->x->flight != NULL && !r->ending &&
	    (r->lag.len > 0 || http_conn_room(r->x->conn) < len))
		return keep_for_client(r, bytes, len);
	return send_waiting(r, bytes, len);
}
