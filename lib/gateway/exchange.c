#include "gateway/exchange.h"

#include "base/clock.h"
#include "cache/flight.h"

#include <string.h>

/*
 * A stream repeats the answer's id and model with every word: long ones
 * make it longer by any factor.
 */
enum { RESHAPED_BYTES_MAX = 64 << 20 };

void
exchange_init(struct exchange *x, struct gateway *g, struct http_conn *conn)
{
	memset(x, 0, sizeof(*x));
	x->gateway = g;
	x->conn = conn;
	x->start_us = clock_steady_us();
	x->start_wall_ms = clock_wall_ms();
	/* The time it waited for a worker is part of its own. */
	if (conn->ready_us != 0) {
		x->start_wall_ms -= (x->start_us - conn->ready_us) / 1000;
		x->start_us = conn->ready_us;
	}
	x->format = wire_format_get(WIRE_OTHER);
	x->verdict = WIRE_NOT_A_FORMAT;
	x->fwd = "fwd=bypass";
	cache_asked_init(&x->facts.asked);
	buf_init(&x->reshaped, RESHAPED_BYTES_MAX);
	buf_init(&x->body, (size_t)g->conf->server.max_body_bytes);
	counter_add(&g->counters->started, 1);
}

/* hits: every way the cache answered by itself */
static bool
was_hit(enum cache_status s)
{
	return s >= CACHE_STATUS_HIT && s <= CACHE_STATUS_RESHAPED;
}

static const char *
not_stored_word(const struct exchange *x)
{
	if (was_hit(x->cache) || x->cache == CACHE_STATUS_NONE ||
	    x->verdict == WIRE_STORABLE)
		return NULL;
	return wire_verdict_word(x->verdict);
}

/* As what an answer is timed. Whether it is. */
static bool
is_timed(const struct exchange *x, enum counters_timed *as)
{
	static const enum counters_timed table[] = {
	    [CACHE_STATUS_HIT] = COUNTERS_HIT,
	    [CACHE_STATUS_LIVE] = COUNTERS_LIVE,
	    [CACHE_STATUS_STALE] = COUNTERS_STALE,
	    [CACHE_STATUS_RESHAPED] = COUNTERS_RESHAPED,
	    [CACHE_STATUS_MISS] = COUNTERS_MISS,
	};

	if (!was_hit(x->cache) && x->cache != CACHE_STATUS_MISS)
		return false;
	*as = x->paced ? COUNTERS_PACED : table[x->cache];
	return true;
}

static void
count(const struct exchange *x, int64_t first_us, int64_t duration_us)
{
	struct counters *c = x->gateway->counters;
	enum counters_timed timed;

	if (!x->behind)
		counter_add(&c->requests[x->format->id][x->facts.stream]
		    [x->cache], 1);
	counter_add(&c->bytes_in, x->conn->bytes_read);
	counter_add(&c->bytes_out, x->response.body_bytes);
	counter_add(&c->spent_prompt, (uint64_t)x->spent.prompt);
	counter_add(&c->spent_completion, (uint64_t)x->spent.completion);
	counter_add(&c->saved_prompt, (uint64_t)x->saved.prompt);
	counter_add(&c->saved_completion, (uint64_t)x->saved.completion);
	if (x->aborted)
		counter_add(&c->aborted, 1);
	if (x->cache == CACHE_STATUS_MISS || x->behind || (x->format->body !=
	    WIRE_BODY_ANY && x->cache == CACHE_STATUS_BYPASS))
		counter_add(&c->verdicts[x->verdict], 1);
	if (!is_timed(x, &timed))
		return;
	if (first_us >= 0)
		counters_time(&c->first_byte[timed], first_us);
	counters_time(&c->duration[timed], duration_us);
}

static void
record(const struct exchange *x, int64_t first_us, int64_t duration_us)
{
	char key_prefix[13];
	struct access_record r = {
	    .time_ms = x->start_wall_ms,
	    .request_id = x->request_id,
	    .client = x->request.client,
	    .caller = x->caller[0] != '\0' ? x->caller : NULL,
	    .method = x->request.method,
	    .path = x->request.path,
	    .format = x->format->name,
	    .model = x->facts.model[0] != '\0' ? x->facts.model : NULL,
	    .stream = x->facts.stream,
	    .status = x->response.status,
	    .cache = x->cache,
	    .not_stored = not_stored_word(x),
	    .upstream = x->upstream != NULL ? x->upstream->name : NULL,
	    .error = x->error != ERR_NONE ? err_name(x->error) : NULL,
	    .bytes = x->response.body_bytes,
	    .first_byte_us = first_us,
	    .duration_us = duration_us,
	    .spent = x->spent,
	    .saved = x->saved,
	    .usage = x->usage,
	    .aborted = x->aborted,
	};

	if (x->key_hex[0] != '\0') {
		memcpy(key_prefix, x->key_hex, 12);
		key_prefix[12] = '\0';
		r.key = key_prefix;
	}
	if (access_log_write(x->gateway->log, &r) == -1)
		counter_add(&x->gateway->counters->log_lost, 1);
}

void
exchange_finish(struct exchange *x)
{
	int64_t first_us = -1, duration_us = clock_steady_us() - x->start_us;

	if (x->response.first_byte_us != 0)
		first_us = x->response.first_byte_us - x->start_us;
	if (x->conn->client_gone)
		x->aborted = true;
	count(x, first_us, duration_us);
	record(x, first_us, duration_us);
	flight_free(x->flight);
	if (x->looked_up)
		cache_found_fini(&x->found);
	json_decref(x->usage);
	buf_fini(&x->body);
	buf_fini(&x->reshaped);
	http_response_fini(&x->response);
	http_request_fini(&x->request);
}
