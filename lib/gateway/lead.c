#include "gateway/lead.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/*
 * Whether followers get a header: as from the cache, and how long to wait
 * where the answer says that.
 */
static bool
is_shared(const struct relay *r, const char *name)
{
	if (headers_replayable(name, r->recorder.mode))
		return true;
	return r->status != 200 && strcasecmp(name, "Retry-After") == 0;
}

/*
 * A failure may be the fault of the credential that went up: it is for
 * those that have the same one.
 */
static bool
is_askers_own(const struct relay *r)
{
	const struct exchange *x = r->x;

	return r->status != 200 && x->upstream->credential == NULL &&
	    x->gateway->conf->cache.scope == CONF_SCOPE_SHARED;
}

void
lead_head(struct relay *r, const struct http_headers *headers)
{
	struct flight_head head = {
	    .status = r->status,
	    .mode = r->recorder.mode,
	    .has_length = r->expected >= 0,
	    .n_vary = r->vary.count,
	};
	struct text_pair *pairs, *vary;
	const struct http_header *h;
	size_t i;

	if (r->x->flight == NULL)
		return;
	if (r->unshareable) {
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
	if (is_askers_own(r))
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
	bool kept = r->follow && r->recorder.keep && body->len == r->led_bytes;

	if (r->x->flight != NULL)
		flight_lead_tick(r->x->flight, kept ? body->data : NULL,
		    kept ? body->len : 0);
}

bool
lead_followed(const struct relay *r)
{
	return r->x->flight != NULL && flight_lead_followed(r->x->flight);
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
		how = FLIGHT_COMPLETE;
	else if (is_upstreams(err->code))
		how = r->got_head ? FLIGHT_BROKEN : FLIGHT_FAILED;
	flight_lead_end(r->x->flight, how, how == FLIGHT_BROKEN ||
	    how == FLIGHT_FAILED ? err : NULL);
}
