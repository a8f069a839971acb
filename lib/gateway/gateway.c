#include "gateway/gateway.h"

#include "base/diag.h"
#include "cache/memcached.h"
#include "gateway/exchange.h"
#include "gateway/follow.h"

#include <stdlib.h>
#include <string.h>

enum { MEMO_SLOTS = 4096, STORE_POOL_MAX = 16 };

static int64_t
longer(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

struct cache *
gateway_open_cache(const struct conf *conf, struct err *err)
{
	struct err why = ERR_INIT;
	struct cache *cache;
	struct memcached_store_config store_config = {
	    .servers = conf->cache.servers,
	    .pool_max = conf->server.threads < STORE_POOL_MAX ?
	    (int)conf->server.threads : STORE_POOL_MAX,
	    .timeout_ms = conf->cache.timeout_ms,
	    .retry_ms = conf->cache.retry_ms,
	};
	struct cache_config cache_config = {
	    .chunk_bytes = (size_t)conf->cache.chunk_bytes,
	    .max_entry_bytes = (size_t)conf->cache.max_entry_bytes,
	    .compress = conf->cache.compress == CONF_COMPRESS_ZSTD,
	    .stale_ms = longer(conf->cache.stale_if_error_ms,
	    conf->cache.stale_while_revalidate_ms),
	};
	struct store *store = memcached_store_new(&store_config, &why);

	if (store == NULL) {
		err_set(err, why.code, "%s: cache.servers: %s",
		    conf->path != NULL ? conf->path : "environment", why.text);
		return NULL;
	}
	cache = cache_new(store, &cache_config);
	if (cache == NULL)
		err_set(err, ERR_MEMORY, "out of memory");
	return cache;
}

static int
open_counters(struct gateway *g, struct err *err)
{
	struct err why = ERR_INIT;

	g->counters = counters_open(g->conf, &why);
	if (g->counters == NULL)
		return err_set(err, ERR_MEMORY, "out of memory");
	if (why.code != ERR_NONE)
		diag(LOG_WARNING, "counters are this process's own: %s",
		    why.text);
	return 0;
}

static int
open_upstreams(struct gateway *g, struct err *err)
{
	struct err why = ERR_INIT;

	g->upstreams = upstream_pool_new();
	g->health = upstream_health_open(g->conf, &why);
	if (g->upstreams == NULL || g->health == NULL)
		return err_set(err, ERR_MEMORY, "out of memory");
	if (why.code != ERR_NONE)
		diag(LOG_WARNING, "what is known of upstreams is this "
		    "process's own: %s", why.text);
	return 0;
}

struct gateway *
gateway_new(const struct conf *conf, bool many, struct err *err)
{
	struct gateway *g = calloc(1, sizeof(*g));

	if (g == NULL) {
		err_set(err, ERR_MEMORY, "out of memory");
		return NULL;
	}
	g->conf = conf;
	if (digest_random(g->id_prefix, sizeof(g->id_prefix)) == -1) {
		err_set(err, ERR_IO, "the system gives no random bytes");
		goto fail;
	}
	g->cache = gateway_open_cache(conf, err);
	if (g->cache == NULL || open_counters(g, err) == -1 ||
	    key_headers_split(&g->key_headers, conf->cache.key_headers,
	    err) == -1)
		goto fail;
	g->log = access_log_open(conf->server.log, err);
	if (g->log == NULL || open_upstreams(g, err) == -1)
		goto fail;
	if (many) {
		g->memo = cache_memo_new(MEMO_SLOTS);
		if (g->memo == NULL || upstream_load(err) == -1)
			goto fail;
	}
	return g;
fail:
	err_set(err, ERR_MEMORY, "out of memory");
	gateway_free(g);
	return NULL;
}

void
gateway_free(struct gateway *g)
{
	if (g == NULL)
		return;
	upstream_pool_free(g->upstreams);
	upstream_health_close(g->health);
	cache_memo_free(g->memo);
	cache_free(g->cache);
	counters_close(g->counters);
	access_log_close(g->log);
	key_headers_fini(&g->key_headers);
	free(g);
}

void
gateway_give_up(void *ctx)
{
	struct gateway *g = ctx;

	atomic_store(&g->giving_up, true);
}

/* Serve the entry there is; whether there is one. */
static bool
serve_entry(void *arg)
{
	struct exchange *x = arg;

	if (!lookup_entry(x))
		return false;
	hit_serve(x, CACHE_STATUS_HIT);
	return true;
}

/*
 * Answer from the cache, or with what an identical request in the air gets.
 * Whether that was done; else x->flight is set when others may follow.
 */
static bool
serve_without_upstream(struct exchange *x)
{
	if (serve_entry(x))
		return true;
	if (lookup_twin(x)) {
		hit_serve(x, CACHE_STATUS_RESHAPED);
		return true;
	}
	if (stale_may_serve(x)) {
		stale_serve_and_refresh(x);
		return true;
	}
	return !x->control.only_if_cached &&
	    follow_join(x, x->key, &x->found, serve_entry, x);
}

/* POST to a path whose answers are cached: the walk in full. */
static void
serve_cached_format(struct exchange *x, struct err *err)
{
	x->allow = "POST, OPTIONS";
	if (strcmp(x->request.method, "POST") != 0) {
		err_set(err, ERR_METHOD, "this endpoint takes POST");
		return;
	}
	if (question_read(x, err) == -1)
		return;
	if (x->verdict != WIRE_STORABLE) {
		x->cache = CACHE_STATUS_BYPASS;
	} else {
		x->cache = CACHE_STATUS_MISS;
		if (lookup_key(x, err) == -1)
			return;
		if (x->format->split_member != NULL &&
		    embeddings_serve(x, err))
			return;
		if (serve_without_upstream(x))
			return;
	}
	if (x->control.only_if_cached)
		forward_refuse(x, err);
	else
		forward_cached_format(x);
}

static void
serve_other(struct exchange *x, struct err *err)
{
	x->cache = CACHE_STATUS_BYPASS;
	x->upstream = upstream_select(x->gateway->conf, NULL);
	if (x->upstream == NULL)
		err_set(err, ERR_NO_UPSTREAM, "no upstream is configured");
	else
		forward_untouched(x);
}

/* Which walk a request takes. err is set when it ends in our own error. */
static void
route(struct exchange *x, bool overloaded, struct err *err)
{
	const struct wire_format *format = x->format;

	if (own_path(x->request.path)) {
		http_conn_drain(x->conn);
		own_serve(x);
		return;
	}
	if (overloaded) {
		counter_add(&x->gateway->counters->overloaded, 1);
		err_set(err, ERR_OVERLOADED,
		    "all workers are busy; try again in a moment");
	} else if (format->body != WIRE_BODY_ANY &&
	    strcmp(x->request.method, "OPTIONS") != 0) {
		serve_cached_format(x, err);
	} else {
		serve_other(x, err);
	}
}

enum http_outcome
gateway_handle(struct http_conn *conn, bool overloaded, void *ctx)
{
	struct gateway *g = ctx;
	struct err err = ERR_INIT;
	struct exchange x;
	bool broken;

	exchange_init(&x, g, conn);
	http_request_parse(&x.request, conn->envp, g->conf->server.base_path,
	    &err);
	http_response_init(&x.response, conn, x.request.method != NULL &&
	    strcmp(x.request.method, "HEAD") == 0);
	identity_read(&x);
	/* Also of a request that is malformed: its error has a shape. */
	if (x.request.path != NULL)
		x.format = wire_format_for_path(x.request.path);
	if (err.code == ERR_NONE)
		route(&x, overloaded, &err);
	if (err.code == ERR_CLIENT_GONE) {
		/* Probably nobody listens; if somebody does, it is a 400. */
		x.aborted = true;
		err_clear(&err);
		err_set(&err, ERR_BAD_REQUEST,
		    "the request body is not as long as was announced");
	}
	if (err.code != ERR_NONE) {
		http_conn_drain(conn);
		answer_error(&x, &err);
	}
	broken = x.response.state == HTTP_RESPONSE_BROKEN;
	exchange_finish(&x);
	return broken ? HTTP_BROKEN : HTTP_COMPLETE;
}
