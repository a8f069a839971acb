#include "gateway/lead.h"

#include "base/clock.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LANDING_MAX_MS = 30 * 1000 };

/*
 * Whether followers get a header: as from the cache, and how long to wait
 * or where to go where the answer says that. The length shows a cut to the
 * client of one that passes JSON on before all is there.
 */
static bool
is_shared(const struct relay *r, const char *name)
{
	if (r->filters && headers_about_bytes(name))
		return false;
	if (headers_replayable(name, r->recorder.mode))
		return true;
	if (r->recorder.mode == ENTRY_JSON &&
	    strcasecmp(name, "Content-Length") == 0)
		return true;
	return r->status != 200 && (strcasecmp(name, "Retry-After") == 0 ||
	    strcasecmp(name, "Location") == 0);
}

/*
 * Whether a failure may be the fault of the credential that went up, and
 * others have another: it is for those that have the same one.
 */
static bool
is_askers_own(const struct relay *r)
{
	const struct exchange *x = r->x;

	return x->upstream->credential == NULL &&
	    x->gateway->conf->cache.scope == CONF_SCOPE_SHARED;
}

/*
 * Whether an answer is one to headers of the leader's that need not be in
 * the key (RFC 9110 sections 13 and 14, RFC 6585): to those who sent none
 * such it says nothing.
 */
static bool
is_about_headers(int status)
{
	static const int statuses[] = {206, 304, 406, 412, 415, 416, 417,
	    428, 431};
	size_t i = 0;

	while (i < sizeof(statuses) / sizeof(statuses[0]) &&
	    statuses[i] != status)
		i++;
	return i < sizeof(statuses) / sizeof(statuses[0]);
}

void
lead_head(struct relay *r, const struct http_headers *headers)
{
	struct flight_head head = {
	    .status = r->status,
	    .mode = r->recorder.mode,
	    .n_vary = r->vary.count,
	};
	struct text_pair *pairs, *vary;
	const struct http_header *h;
	size_t i;

	if (r->x->flight == NULL)
		return;
	if (r->unshareable || is_about_headers(r->status)) {
		flight_lead_end(r->x->flight, FLIGHT_ABANDONED, NULL);
		return;
	}
	pairs = calloc(headers->count + 1, sizeof(*pairs));
	vary = save_pairs(&r->vary);
	for (i = 0; pairs != NULL && i < headers->count; i++) {
		h = &headers->list[i];
		if (is_shared(r, h->name))
			pairs[head.n_headers++] =
			    (struct text_pair){h->name, h->value};
	}
	head.headers = pairs;
	head.vary = vary;
	if (r->status != 200 && is_askers_own(r))
		memcpy(head.asker, r->x->scope, sizeof(head.asker));
	if (pairs != NULL && vary != NULL)
		flight_lead_head(r->x->flight, &head);
	else
		flight_lead_end(r->x->flight, FLIGHT_ABANDONED, NULL);
	free(pairs);
	free(vary);
}

void
lead_data(struct relay *r, const char *bytes, size_t len)
{
	if (r->x->flight == NULL)
		return;
	flight_lead_data(r->x->flight, bytes, len);
	r->led_bytes += len;
}

void
lead_close(struct relay *r)
{
	if (r->x->flight == NULL || r->closed)
		return;
	r->closed = true;
	flight_lead_close(r->x->flight);
}

void
lead_tick(struct relay *r)
{
	const struct buf *body = &r->recorder.body;
	/* The last piece is recorded a moment before it is led. */
	bool kept = r->follow && r->recorder.keep && body->len >= r->led_bytes;

	if (r->x->flight != NULL)
		flight_lead_tick(r->x->flight, kept ? body->data : NULL,
		    kept ? r->led_bytes : 0);
}

bool
lead_followed(const struct relay *r)
{
	return r->x->flight != NULL && flight_lead_followed(r->x->flight);
}

/*
 * A failure that claims to be an answer is known for one only now. Whoever
 * follows JSON has had none of it yet.
 */
static bool
is_hidden_failure(const struct relay *r)
{
	return r->status == 200 && r->recorder.mode == ENTRY_JSON &&
	    r->x->verdict == WIRE_ERROR_ANSWER && is_askers_own(r);
}

static bool
is_upstreams(enum err_code code)
{
	return code == ERR_UPSTREAM_CONNECT || code == ERR_UPSTREAM_TIMEOUT ||
	    code == ERR_UPSTREAM_BROKEN;
}

void
lead_end(struct relay *r, int rc, const struct err *err)
{
	enum flight_state how = FLIGHT_ABANDONED;

	if (r->x->flight == NULL)
		return;
	if (rc == 0)
		how = is_hidden_failure(r) ? FLIGHT_ABANDONED
					   : FLIGHT_COMPLETE;
	else if (is_upstreams(err->code))
		how = r->got_head ? FLIGHT_BROKEN : FLIGHT_FAILED;
	/* It had less to try than whoever follows. */
	if (r->x->behind && how == FLIGHT_FAILED)
		how = FLIGHT_ABANDONED;
	flight_lead_end(r->x->flight, how, how == FLIGHT_BROKEN ||
	    how == FLIGHT_FAILED ? err : NULL);
}

/* ---- an end that memcached did not take ---------------------------------- */

struct landing {
	struct gateway *gateway;
	struct flight *flight;
};

static void
land(void *arg, bool allowed)
{
	struct landing *l = arg;
	int64_t ms = l->gateway->conf->flight.lease_ms;
	int64_t until_us = clock_steady_us() +
	    (ms < LANDING_MAX_MS ? ms : LANDING_MAX_MS) * 1000;

	while (allowed && !flight_lead_landed(l->flight) &&
	    clock_steady_us() < until_us &&
	    !atomic_load(&l->gateway->giving_up))
		poll(NULL, 0, FLIGHT_TICK_MS);
	flight_free(l->flight);
	free(l);
}

void
lead_land(struct exchange *x)
{
	struct landing *l;

	/* Who renews an entry has no client, and seldom any followers. */
	if (x->flight == NULL || x->behind || x->conn->after != NULL ||
	    flight_lead_landed(x->flight) ||
	    (l = malloc(sizeof(*l))) == NULL)
		return;
	*l = (struct landing){x->gateway, x->flight};
	x->flight = NULL;
	x->conn->after = land;
	x->conn->after_arg = l;
}
