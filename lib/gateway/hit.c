/*
 * A hit: the stored answer as the upstream sent it, byte for byte, without
 * a look into it.
 */
#include "gateway/exchange.h"

#include <stdio.h>

static int
replay_header(void *arg, const char *name, const char *value)
{
	struct exchange *x = arg;

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

void
hit_serve(struct exchange *x)
{
	const struct entry *e = &x->found.entry;
	int64_t age_s = (x->start_wall_ms - e->created_ms) / 1000;

	x->cache = CACHE_STATUS_HIT;
	x->verdict = WIRE_STORABLE;
	x->usage = json_incref(json_object_get(x->found.meta, "usage"));
	x->saved = wire_usage_tokens(x->usage);
	http_response_status(&x->response, e->status);
	cache_found_each(&x->found, "headers", replay_header, x);
	put_number(x, "Content-Length", (int64_t)e->plain_len);
	put_number(x, "Age", age_s > 0 ? age_s : 0);
	answer_headers(x);
	http_response_body(&x->response, x->found.body, e->plain_len);
	http_response_end(&x->response);
}
