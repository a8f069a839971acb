/*
 * Entries past their freshness: instead of an upstream's failure
 * (stale-if-error), or at once while they are renewed behind the request
 * (stale-while-revalidate). Both are RFC 5861's.
 */
#include "gateway/exchange.h"

#include "base/clock.h"
#include "base/diag.h"
#include "cache/flight.h"
#include "gateway/follow.h"
#include "http/silent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whether the entry that was found has been stale for less than ms. */
static bool
is_within(const struct exchange *x, int64_t ms)
{
	return x->stale && ms > 0 &&
	    x->start_wall_ms - x->found.entry.fresh_until_ms < ms;
}

bool
stale_may_rescue(const struct exchange *x, int status)
{
	return (status == 0 || status == 429 || status >= 500) &&
	    is_within(x, x->gateway->conf->cache.stale_if_error_ms);
}

void
stale_rescue(struct exchange *x, int status)
{
	char why[64];

	if (status > 0)
		snprintf(why, sizeof(why), "it answered %d", status);
	else
		snprintf(why, sizeof(why), "%s", err_meaning(x->error));
	diag(LOG_NOTICE, "%s: upstream %s: %s; a stale entry was served",
	    x->request_id, x->upstream->name, why);
	x->rescued = true;
	x->covered = status;
	json_decref(x->usage);
	x->usage = NULL;
	hit_serve(x, CACHE_STATUS_STALE);
}

bool
stale_may_serve(const struct exchange *x)
{
	return is_within(x, x->gateway->conf->cache.stale_while_revalidate_ms);
}

/* ---- renewing behind a request ------------------------------------------ */

/* A question that was answered, to be asked once more. */
struct refresh {
	struct http_conn conn;    /* leads nowhere */
	struct exchange x;
	struct cache_found seen;  /* the epoch of the first look-up */
	char namespace[CACHE_NAMESPACE_MAX + 1];
};

/* What asking needs; x was all zero. */
static void
take_question(struct exchange *x, const struct exchange *from)
{
	x->gateway = from->gateway;
	x->format = from->format;
	x->control = from->control;
	x->facts = from->facts;
	x->upstream = from->upstream;
	x->has_credential = from->has_credential;
	lookup_take_key(x, from->key);
	memcpy(x->scope, from->scope, sizeof(x->scope));
	memcpy(x->caller, from->caller, sizeof(x->caller));
	memcpy(x->request_id, from->request_id, sizeof(x->request_id));
	x->verdict = WIRE_STORABLE;
	x->cache = CACHE_STATUS_REFRESH;
	x->behind = true;
}

/*
 * Take from an exchange that has been answered what asking once more needs;
 * its body goes over. NULL when memory is short.
 */
static struct refresh *
refresh_new(struct exchange *served)
{
	struct refresh *r = calloc(1, sizeof(*r));
	struct exchange *x;

	if (r == NULL)
		return NULL;
	x = &r->x;
	x->conn = &r->conn;
	take_question(x, served);
	snprintf(r->namespace, sizeof(r->namespace), "%s",
	    served->control.namespace);
	x->control.namespace = r->namespace;
	r->seen.epoch_known = served->found.epoch_known;
	memcpy(r->seen.epoch, served->found.epoch, sizeof(r->seen.epoch));
	if (http_request_copy(&x->request, &served->request) == -1) {
		http_request_fini(&x->request);
		free(r);
		return NULL;
	}
	x->body = served->body;
	buf_init(&served->body, 0);
	return r;
}

/* It was not to be: no record tells of it. */
static void
refresh_drop(struct refresh *r)
{
	flight_free(r->x.flight);
	if (r->x.looked_up)
		cache_found_fini(&r->x.found);
	buf_fini(&r->x.body);
	http_response_fini(&r->x.response);
	http_request_fini(&r->x.request);
	free(r);
}

/*
 * Whether it is this one that is to ask the upstream: nobody does so, and
 * the entry is as stale as it was. Without a store there is nothing to
 * renew.
 */
static bool
is_needed(struct refresh *r)
{
	struct exchange *x = &r->x;

	x->flight = follow_flight(x, x->key, &r->seen);
	if (x->flight == NULL || flight_enter(x->flight) != FLIGHT_LEAD)
		return false;
	return !lookup_entry(x) && x->verdict == WIRE_STORABLE;
}

static void
count(const struct exchange *x)
{
	struct counters *c = x->gateway->counters;
	int status = x->response.status;

	if (x->verdict == WIRE_STORABLE)
		counter_add(&c->refresh_stored, 1);
	else if (x->error != ERR_NONE || status == 429 || status >= 500)
		counter_add(&c->refresh_failed, 1);
	else
		counter_add(&c->refresh_not_stored, 1);
}

static void
refresh_run(void *arg, bool allowed)
{
	struct refresh *r = arg;
	struct exchange *x = &r->x;

	x->start_us = clock_steady_us();
	x->start_wall_ms = clock_wall_ms();
	if (!allowed || !is_needed(r)) {
		refresh_drop(r);
		return;
	}
	http_silent_init(&r->conn);
	/* Of a head alone no byte counts as sent. */
	http_response_init(&x->response, &r->conn, true);
	/* A failure leaves the entry as it is, and tells followers so. */
	x->stale = false;
	forward_cached_format(x);
	if (x->unasked) {
		refresh_drop(r);
		return;
	}
	count(x);
	exchange_finish(x);
	free(r);
}

/*
 * Whether a renewal would ask an upstream now: one that fails is spared until
 * it is due to be tried.
 */
static bool
is_upstream_well(const struct exchange *x)
{
	const struct gateway *g = x->gateway;
	struct upstream_group group;

	return upstream_group_of(g->conf, x->facts.model, &group) == 0 &&
	    upstream_has_well(g->health, &group, x->scope);
}

void
stale_serve_and_refresh(struct exchange *x)
{
	struct refresh *r;

	hit_serve(x, CACHE_STATUS_STALE);
	if (x->control.only_if_cached || x->control.ttl_ms == 0 ||
	    !is_upstream_well(x))
		return;
	r = refresh_new(x);
	if (r == NULL)
		return;
	x->conn->after = refresh_run;
	x->conn->after_arg = r;
}
