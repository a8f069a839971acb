#include "gateway/follow.h"

#include "base/clock.h"
#include "cache/flight.h"
#include "gateway/relay.h"
#include "gateway/wait.h"

#include <string.h>

enum { WINDOW_MIN = 16 << 20, VAIN_MAX = 1 };

/* One request that follows another's. */
struct follower {
	struct exchange *x;
	struct flight *flight;
	struct relay relay;
	struct upstream_sink sink;
	struct flight_news news;
	struct http_headers headers; /* the answer's, once known */
	struct buf body;             /* JSON, until it is all there */
	int64_t give_up_us;          /* when to ask the upstream instead */
	bool knows_head;
	bool refused;                /* it is the fault of somebody else's
					credential: nothing for this one */
	bool started;                /* the answer goes to the client */
};

/* How following one leader went. */
enum outcome {
	SERVED,  /* the response has ended */
	AGAIN,   /* nothing was sent, and the lead is free */
	IN_VAIN, /* likewise, after an answer that is for others only, or
		    a leader that gave up for reasons of its own */
	ALONE    /* nothing was sent, and the answer is not for this one */
};

static bool
takes_part(const struct exchange *x)
{
	return x->gateway->conf->cache.single_flight &&
	    x->verdict == WIRE_STORABLE && x->control.read &&
	    x->control.store && x->control.ttl_ms > 0 &&
	    x->control.max_age_s != 0 && x->conn->body_ended;
}

/* How long to wait for another's first byte. */
static int64_t
patience_ms(const struct exchange *x)
{
	int64_t ms = x->gateway->conf->flight.wait_ms;

	return ms > 0 ? ms : x->upstream->first_byte_timeout_ms;
}

/* ---- the answer ---------------------------------------------------------- */

/* Whether the leader's answer is also the one to this very request. */
static bool
is_for_us(const struct follower *f, const struct flight_head *head)
{
	size_t i;

	for (i = 0; i < head->n_vary; i++) {
		if (lookup_vary_differs(f->x, head->vary[i].name,
		    head->vary[i].value))
			return false;
	}
	return true;
}

/* Whether it is an error that another credential may be the reason of. */
static bool
is_another_askers(const struct follower *f, const struct flight_head *head)
{
	static const uint8_t nobody[DIGEST_BYTES];

	return !digest_equal(head->asker, nobody, sizeof(nobody)) &&
	    !digest_equal(head->asker, f->x->scope, sizeof(head->asker));
}

/* 0, or -1 when memory is short. */
static int
keep_head(struct follower *f, const struct flight_head *head)
{
	size_t i;

	f->knows_head = true;
	f->relay.status = head->status;
	for (i = 0; i < head->n_headers; i++) {
		if (http_headers_add(&f->headers, head->headers[i].name,
		    head->headers[i].value) == -1)
			return -1;
	}
	return 0;
}

/* Begin the response, with the length if the whole body is there. */
static int
start(struct follower *f, bool whole)
{
	char length[24];

	f->started = true;
	f->x->cache = CACHE_STATUS_LIVE;
	if (whole && f->news.head->mode == ENTRY_JSON &&
	    f->news.head->status != 204) {
		snprintf(length, sizeof(length), "%zu",
		    f->body.len + f->news.len);
		http_headers_set(&f->headers, "Content-Length", length);
	}
	if (f->sink.head(f->sink.arg, f->news.head->status, &f->headers) != 0)
		return -1;
	if (f->body.len == 0)
		return 0;
	return f->sink.data(f->sink.arg, f->body.data, f->body.len);
}

/*
 * A stream begins with its first bytes: a leader that dies before them can
 * be replaced unseen. So does the heartbeat that a web server may need.
 */
static bool
is_time_to_start(const struct follower *f, int64_t waited_ms)
{
	int64_t heartbeat_ms = f->x->gateway->conf->server.heartbeat_ms;

	if (f->news.head->mode == ENTRY_JSON)
		return false;
	return f->news.len > 0 ||
	    (heartbeat_ms > 0 && waited_ms >= heartbeat_ms);
}

/* Take the bytes that a poll has brought. 0, or -1: the client has left. */
static int
take_bytes(struct follower *f)
{
	const struct flight_news *news = &f->news;

	if (!f->started && buf_append(&f->body, news->bytes, news->len) == 0)
		return 0;
	/* JSON that is too long to wait for. */
	if (!f->started && start(f, false) == -1)
		return -1;
	return news->len == 0 ? 0 :
	    f->sink.data(f->sink.arg, news->bytes, news->len);
}

/* ---- the end ------------------------------------------------------------- */

static enum outcome
end(struct follower *f, int rc, const struct err *err)
{
	f->x->cache = CACHE_STATUS_LIVE;
	relay_end(&f->relay, rc, err);
	return SERVED;
}

/* The leader is gone, and part of its answer has been passed on. */
static enum outcome
end_deserted(struct follower *f)
{
	struct err err = ERR_INIT;

	err_set(&err, ERR_UPSTREAM_BROKEN, "the answer broke off: no more of "
	    "it came through memcached from the worker that upstream %s "
	    "answers", f->x->upstream->name);
	return end(f, -1, &err);
}

static enum outcome
end_stopping(struct follower *f)
{
	struct err err = ERR_INIT;

	err_set(&err, ERR_STOPPING,
	    "given up, as the handler is being stopped");
	return end(f, -1, &err);
}

static enum outcome
end_left(struct follower *f)
{
	struct err err = ERR_INIT;

	f->relay.client_left = f->x->aborted = true;
	err_set(&err, ERR_CANCELLED, "the client left");
	return end(f, -1, &err);
}

/*
 * The sink would not go on: the client has left, or an entry is served in
 * place of an error.
 */
static enum outcome
end_refused(struct follower *f)
{
	struct err err = ERR_INIT;

	if (f->relay.rescued == 0)
		return end_left(f);
	err_set(&err, ERR_CANCELLED, "a stale entry is served");
	return end(f, -1, &err);
}

/*
 * With usage.ask the chunk that tells the usage is kept from clients, and so
 * from those who follow: it stands with the stored answer.
 */
static void
learn_usage(struct follower *f)
{
	const struct exchange *x = f->x;
	struct cache_found found;

	if (!x->gateway->conf->usage.ask || !x->format->asks_usage ||
	    f->news.head->mode != ENTRY_STREAM || x->facts.usage_asked)
		return;
	if (cache_lookup(x->gateway->cache, x->control.namespace, x->key,
	    &found) == CACHE_HIT)
		f->relay.filter.usage = json_incref(json_object_get(found.meta,
		    "usage"));
	cache_found_fini(&found);
}

/* The leader has ended. */
static enum outcome
end_as_leader(struct follower *f)
{
	static const struct err none = ERR_INIT;

	if (f->refused)
		return IN_VAIN;
	switch (f->news.state) {
	case FLIGHT_COMPLETE:
		if (!f->knows_head)
			return ALONE;
		if (!f->started) {
			f->news.len = 0;
			start(f, true);
		}
		learn_usage(f);
		return end(f, 0, &none);
	case FLIGHT_BROKEN:
	case FLIGHT_FAILED:
		return end(f, -1, &f->news.err);
	default:
		if (f->news.state == FLIGHT_DEAD)
			counter_add(&f->x->gateway->counters->leaders_lost, 1);
		if (f->started)
			return end_deserted(f);
		return f->news.state == FLIGHT_DEAD ? AGAIN : IN_VAIN;
	}
}

/* ---- the loop ------------------------------------------------------------ */

/* The head and bytes of a poll. What ends it, or AGAIN to go on. */
static enum outcome
take_news(struct follower *f, int64_t waited_ms)
{
	const struct flight_head *head = f->news.head;

	if (head == NULL || f->refused)
		return AGAIN;
	if (!f->knows_head && (!is_for_us(f, head) || keep_head(f, head) == -1))
		return ALONE;
	/* Whoever has the same credential as this one waits for that, too. */
	f->refused = is_another_askers(f, head);
	if (f->refused)
		return AGAIN;
	if (!f->started && is_time_to_start(f, waited_ms) &&
	    start(f, false) == -1)
		return end_refused(f);
	return take_bytes(f) == -1 ? end_refused(f) : AGAIN;
}

/*
 * Whether the patience is at an end: what there is of JSON then goes to the
 * client as it comes.
 */
static bool
is_too_late(struct follower *f)
{
	if (f->started || clock_steady_us() < f->give_up_us)
		return false;
	if (f->body.len > 0) {
		start(f, false);
		return false;
	}
	counter_add(&f->x->gateway->counters->waits_over, 1);
	return true;
}

static enum outcome
follow_on(struct follower *f)
{
	int watch_fd = http_conn_watch_fd(f->x->conn);
	int64_t start_us = clock_steady_us();
	enum outcome outcome;
	struct wait wait;

	wait_init(&wait, f->x->conn);
	for (;;) {
		flight_follow_poll(f->flight, &f->news);
		outcome = take_news(f,
		    (clock_steady_us() - start_us) / 1000);
		if (outcome != AGAIN)
			return outcome;
		if (f->news.state != FLIGHT_LEADING)
			return end_as_leader(f);
		if (is_too_late(f))
			return ALONE;
		if (atomic_load(&f->x->gateway->giving_up))
			return end_stopping(f);
		if (f->sink.idle(f->sink.arg, &watch_fd) != 0 ||
		    (f->news.wait_ms > 0 &&
		    wait_for(&wait, f->news.wait_ms) == -1))
			return end_left(f);
	}
}

static enum outcome
follow_one(struct exchange *x, struct flight *flight, int64_t give_up_us)
{
	struct follower f = {.x = x, .flight = flight,
	    .give_up_us = give_up_us};
	enum outcome outcome;

	relay_init(&f.relay, x, true);
	f.relay.live = true;
	recorder_refuse(&f.relay.recorder, WIRE_FOLLOWED);
	f.sink = relay_sink(&f.relay);
	http_headers_init(&f.headers);
	buf_init(&f.body, (size_t)x->gateway->conf->cache.max_entry_bytes);
	outcome = follow_on(&f);
	buf_fini(&f.body);
	http_headers_fini(&f.headers);
	relay_fini(&f.relay);
	return outcome;
}

/*
 * How much of an answer is in the store at a time: all that may be stored,
 * and of longer ones enough that who follows does not fall behind.
 */
static size_t
window_bytes(const struct conf *conf)
{
	size_t max = (size_t)conf->cache.max_entry_bytes;

	return max > WINDOW_MIN ? max : WINDOW_MIN;
}

struct flight *
follow_flight(const struct exchange *x, const uint8_t key[CACHE_KEY_BYTES],
    const struct cache_found *found)
{
	const struct conf *conf = x->gateway->conf;
	const struct flight_config config = {
	    .lease_ms = conf->flight.lease_ms,
	    .max_bytes = window_bytes(conf),
	};

	return flight_new(x->gateway->cache, x->control.namespace, key, found,
	    &config);
}

/*
 * Whether to look for another leader. Who has waited in vain twice asks side
 * by side with the others: one after the other might take for ever.
 */
static bool
goes_on(enum outcome outcome, int *in_vain, int64_t give_up_us)
{
	if (outcome == IN_VAIN && (*in_vain)++ >= VAIN_MAX)
		return false;
	return (outcome == IN_VAIN || outcome == AGAIN) &&
	    clock_steady_us() < give_up_us;
}

/* Follow one leader after another, as long as the answer may yet come so. */
static bool
follow(struct exchange *x, struct flight *flight, enum flight_role *role,
    bool (*look)(void *arg), void *arg)
{
	int64_t give_up_us = clock_steady_us() + patience_ms(x) * 1000;
	enum outcome outcome;
	int in_vain = 0;

	do {
		*role = flight_enter(flight);
		if (*role == FLIGHT_ALONE)
			return false;
		if (*role == FLIGHT_LEAD) {
			x->flight = flight;
			return look(arg);
		}
		outcome = follow_one(x, flight, give_up_us);
		if ((outcome == AGAIN || outcome == IN_VAIN) && look(arg))
			return true;
	} while (goes_on(outcome, &in_vain, give_up_us));
	return outcome == SERVED;
}

bool
follow_join(struct exchange *x, const uint8_t key[CACHE_KEY_BYTES],
    const struct cache_found *found, bool (*look)(void *arg), void *arg)
{
	enum flight_role role = FLIGHT_ALONE;
	struct flight *flight;
	bool served;

	if (!takes_part(x))
		return false;
	flight = follow_flight(x, key, found);
	if (flight == NULL)
		return false;
	served = follow(x, flight, &role, look, arg);
	if (role != FLIGHT_LEAD)
		flight_free(flight);
	if (served || role != FLIGHT_LEAD)
		return served;
	counter_add(&x->gateway->counters->flights, 1);
	return false;
}
