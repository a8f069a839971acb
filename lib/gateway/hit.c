/*
 * A hit: the stored answer as the upstream sent it, byte for byte, without
 * a look into it unless a pace was asked for; or what cross mode has made
 * of it.
 */
#include "gateway/exchange.h"
#include "gateway/pace.h"

#include "base/clock.h"
#include "cache/flight.h"

#include <stdio.h>
#include <strings.h>

static int
replay_header(void *arg, const char *name, const char *value)
{
	struct exchange *x = arg;

	/* What was said of the body in its other mode. */
	if (x->cache == CACHE_STATUS_RESHAPED && (headers_about_bytes(name) ||
	    strcasecmp(name, "Content-Type") == 0 ||
	    strcasecmp(name, "Cache-Control") == 0))
		return 0;
	http_response_header(&x->response, name, value);
	return 0;
}

static void
put_number(struct exchange *x, const char *name, int64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)n);
	http_response_header(&x->response, name, text);
}

/* What the body is sent as, when it is not what was stored. */
static void
put_reshaped_type(struct exchange *x)
{
	http_response_header(&x->response, "Content-Type",
	    x->facts.stream ? "text/event-stream" : "application/json");
}

/*
 * Send the body and end the response. Only a stream has a pace; the times
 * of an entry are those of its own body.
 */
static void
send_body(struct exchange *x, const char *body, size_t len)
{
	const struct entry *e = &x->found.entry;
	const bool reshaped = x->cache == CACHE_STATUS_RESHAPED;
	const struct pace_stream stream = {.body = body, .len = len,
	    .times = x->found.times,
	    .times_len = reshaped ? 0 : e->times_len};

	if (reshaped ? x->facts.stream : e->mode == ENTRY_STREAM) {
		pace_serve(x, &stream);
		return;
	}
	http_response_body(&x->response, body, len);
	http_response_end(&x->response);
}

void
hit_serve(struct exchange *x, enum cache_status how)
{
	const struct entry *e = &x->found.entry;
	const bool reshaped = how == CACHE_STATUS_RESHAPED;
	const char *body = reshaped ? x->reshaped.data : x->found.body;
	size_t len = reshaped ? x->reshaped.len : (size_t)e->plain_len;
	int64_t age_s = (clock_wall_ms() - e->created_ms) / 1000;

	/* Who follows is not to wait while a client reads, or for a pace. */
	flight_free(x->flight);
	x->flight = NULL;
	x->cache = how;
	x->verdict = WIRE_STORABLE;
	x->usage = json_incref(json_object_get(x->found.meta, "usage"));
	x->saved = wire_usage_tokens(x->usage);
	http_response_status(&x->response, e->status);
	cache_found_each(&x->found, "headers", replay_header, x);
	if (reshaped)
		put_reshaped_type(x);
	put_number(x, "Content-Length", (int64_t)len);
	put_number(x, "Age", age_s > 0 ? age_s : 0);
	answer_headers(x);
	send_body(x, body, len);
}
