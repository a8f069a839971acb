/*
 * The endpoints of our own: /-/health, /-/ready, /-/metrics.
 */
#include "gateway/exchange.h"

#include "ops/metrics.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OWN_TEXT_MAX = 1 << 20 };

static int
put_health(struct exchange *x, struct buf *out)
{
	(void)x;
	buf_puts(out, "{\"status\":\"ok\",\"version\":\"" REPRISE_VERSION
	    "\"}\n");
	return 200;
}

/* Ask one server for a name nobody sets: an answer of any kind will do. */
static bool
server_answers(struct store *store, size_t server)
{
	struct store_value probe = {.name = "r1:probe"};
	char group[64];
	enum store_result result;

	if (store_server_group(store, server, group, sizeof(group)) == -1)
		return false;
	result = store_get(store, group, &probe, 1, 1024);
	free(probe.data);
	return result == STORE_OK;
}

/*
 * Ready means: requests will be answered. A cache that is away does not
 * change that; it is told as "degraded".
 */
static int
put_ready(struct exchange *x, struct buf *out)
{
	struct store *store = cache_store(x->gateway->cache);
	size_t i, n = store_server_count(store), up = 0;
	bool has_upstream = x->gateway->conf->n_upstreams > 0;

	for (i = 0; i < n; i++)
		up += server_answers(store, i);
	buf_printf(out,
	    "{\"status\":\"%s\",\"upstreams\":%zu,"
	    "\"memcached\":{\"servers\":%zu,\"answering\":%zu}}\n",
	    !has_upstream ? "not ready" : up < n ? "degraded" : "ready",
	    x->gateway->conf->n_upstreams, n, up);
	return has_upstream ? 200 : 503;
}

static int
put_metrics(struct exchange *x, struct buf *out)
{
	metrics_prometheus(x->gateway->counters, out);
	upstream_health_prometheus(x->gateway->health, out);
	return 200;
}

static const struct {
	const char *path;
	const char *content_type;
	int (*put)(struct exchange *x, struct buf *out);
} endpoints[] = {
    {"/-/health", "application/json", put_health},
    {"/-/ready", "application/json", put_ready},
    {"/-/metrics", "text/plain; version=0.0.4; charset=utf-8", put_metrics},
};

enum { N_ENDPOINTS = sizeof(endpoints) / sizeof(endpoints[0]) };

bool
own_path(const char *path)
{
	return strncmp(path, "/-/", 3) == 0 || strcmp(path, "/-") == 0;
}

void
own_serve(struct exchange *x)
{
	struct err err = ERR_INIT;
	struct buf text;
	size_t i = 0;
	int status;

	while (i < N_ENDPOINTS && strcmp(endpoints[i].path,
	    x->request.path) != 0)
		i++;
	x->allow = "GET, HEAD";
	if (i == N_ENDPOINTS)
		err_set(&err, ERR_NOT_FOUND, "there is no such endpoint");
	else if (strcmp(x->request.method, "GET") != 0 &&
	    strcmp(x->request.method, "HEAD") != 0)
		err_set(&err, ERR_METHOD, "this endpoint is read with GET");
	if (err.code != ERR_NONE) {
		answer_error(x, &err);
		return;
	}
	buf_init(&text, OWN_TEXT_MAX);
	status = endpoints[i].put(x, &text);
	answer_text(x, status, endpoints[i].content_type, &text);
	buf_fini(&text);
}
