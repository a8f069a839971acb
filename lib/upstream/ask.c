/* Asking a group of upstreams: one, and others if it fails early. */
#include "upstream/upstream.h"

#include "upstream/choice.h"
#include "upstream/retry_after.h"

#include "base/clock.h"
#include "base/diag.h"

#include <stdio.h>

/* How often a claim is renewed. */
enum { RENEW_MS = CELL_CLAIM_MS / 5 };

/* One request on its way through the group. */
struct asking {
	struct upstream_pool *pool;
	const struct upstream_group *group;
	const struct upstream_request *request;
	const struct upstream_sink *sink;
	struct upstream_report *report;
	struct choice choice;
	unsigned tries;
	int64_t tries_max; /* set by the member asked first */
	int watch_fd;      /* -1 once the sink wants it no more */
};

/* One upstream being asked. */
struct try {
	struct asking *asking;
	const struct conf_upstream *upstream;
	struct health_slot *slot;
	struct cell_pass pass;
	bool more;          /* another can be asked if this fails */
	bool decided;       /* health knows how it went */
	bool failed;        /* and is counted as a failure */
	bool turned_down;   /* by its status; nothing was passed on */
	bool passed_on;     /* the sink has the head */
	bool held;          /* the head waits for the first byte */
	bool got_data;
	int status;
	struct http_headers headers;
	int64_t held_ms;    /* since when */
	struct err err;
};

static int64_t
now_ms(void)
{
	return clock_steady_us() / 1000;
}

/* ---- health ------------------------------------------------------- */

static void
note_well(struct try *t)
{
	if (t->decided)
		return;
	t->decided = true;
	if (cell_well(&t->slot->cell, &t->pass) && t->asking->group->count > 1)
		diag(LOG_NOTICE, "upstream %s is well again",
		    t->upstream->name);
}

/* What happened is told by words, for the log. */
static void
note_failure(struct try *t, enum health_kind kind, int64_t retry_after,
    const char *words)
{
	struct cell_failure failure = {
	    .strike = t->status == 500,
	    .rest_ms = t->upstream->rest_ms,
	    .retry_after_ms = retry_after,
	};
	int64_t rest_ms;

	if (t->failed)
		return;
	t->failed = true;
	health_add(&t->slot->failures[kind]);
	/* What breaks later says little of the next request. */
	if (t->decided)
		return;
	t->decided = true;
	rest_ms = cell_failed(&t->slot->cell, &t->pass, &failure, now_ms());
	if (rest_ms > 0 && t->asking->group->count > 1)
		diag(LOG_WARNING, "%s; left out for %lld ms", words,
		    (long long)rest_ms);
}

/* ---- passing on --------------------------------------------------- */

static void
announce(struct try *t)
{
	const struct upstream_sink *sink = t->asking->sink;
	bool fallback = upstream_group_is_fallback(t->asking->group,
	    t->upstream);

	if (sink->answering != NULL)
		sink->answering(sink->arg, t->upstream, fallback);
}

static bool
is_failure(int status)
{
	return status == 429 || status >= 500;
}

static int
pass_head_on(struct try *t, const struct http_headers *headers)
{
	const struct upstream_sink *sink = t->asking->sink;

	t->passed_on = true;
	announce(t);
	if (!is_failure(t->status) &&
	    upstream_group_is_fallback(t->asking->group, t->upstream))
		health_add(&t->slot->fallbacks);
	return sink->head(sink->arg, t->status, headers);
}

/* From now on no other is asked. */
static int
release(struct try *t)
{
	t->held = false;
	return pass_head_on(t, &t->headers);
}

/*
 * The caller's own limit, by the caller's own credential: it is left out for
 * that caller alone.
 */
static void
note_limit(struct try *t, int64_t asked_ms)
{
	const uint8_t *caller = t->asking->request->caller;
	int64_t rest_ms = t->upstream->rest_ms;

	t->failed = t->decided = true;
	health_add(&t->slot->failures[HEALTH_STATUS]);
	cell_undecided(&t->slot->cell, &t->pass, now_ms());
	if (asked_ms > CELL_ASKED_MAX_MS)
		asked_ms = CELL_ASKED_MAX_MS;
	if (caller != NULL)
		health_limit(t->asking->choice.health, t->upstream, caller,
		    now_ms() + (asked_ms > rest_ms ? asked_ms : rest_ms));
}

static void
note_status(struct try *t, const struct http_headers *headers)
{
	int64_t asked_ms;
	char words[128];

	asked_ms = retry_after_ms(http_headers_get(headers, "Retry-After"),
	    clock_wall_ms());
	if (t->status == 429 && t->upstream->credential == NULL) {
		note_limit(t, asked_ms);
		return;
	}
	snprintf(words, sizeof(words), "upstream %.80s answered %d",
	    t->upstream->name, t->status);
	note_failure(t, HEALTH_STATUS, asked_ms, words);
}

static bool
hold(struct try *t, const struct http_headers *headers)
{
	if (http_headers_copy(&t->headers, headers) == -1)
		return false;
	t->held_ms = now_ms();
	t->held = true;
	return true;
}

static int
on_head(void *arg, int status, const struct http_headers *headers)
{
	struct try *t = arg;

	t->status = status;
	if (is_failure(status)) {
		note_status(t, headers);
		t->turned_down = t->more;
		return t->more ? -1 : pass_head_on(t, headers);
	}
	if ((t->more || t->asking->request->holds_head) && hold(t, headers))
		return 0;
	return pass_head_on(t, headers);
}

static int
on_data(void *arg, const char *bytes, size_t len)
{
	struct try *t = arg;
	const struct upstream_sink *sink = t->asking->sink;

	t->got_data = true;
	note_well(t);
	if (t->held && release(t) != 0)
		return -1;
	return sink->data(sink->arg, bytes, len);
}

static int
on_idle(void *arg, int *watch_fd)
{
	struct try *t = arg;
	const struct upstream_sink *sink = t->asking->sink;
	int64_t hold_ms = t->asking->request->hold_ms;
	int rc;

	if (!t->decided)
		cell_renew(&t->slot->cell, &t->pass, now_ms());
	if (t->held && hold_ms > 0 && now_ms() - t->held_ms >= hold_ms &&
	    release(t) != 0)
		return -1;
	if (sink->idle == NULL)
		return 0;
	rc = sink->idle(sink->arg, watch_fd);
	t->asking->watch_fd = *watch_fd;
	return rc;
}

/* ---- trying ------------------------------------------------------- */

/* Whether a failure is the upstream's, and of which kind. */
static bool
kind_of(enum err_code code, enum health_kind *kind)
{
	switch (code) {
	case ERR_UPSTREAM_CONNECT:
	case ERR_CONFIG: /* of that upstream: another's may do */
		*kind = HEALTH_CONNECT;
		return true;
	case ERR_UPSTREAM_TIMEOUT:
		*kind = HEALTH_TIMEOUT;
		return true;
	case ERR_UPSTREAM_BROKEN:
		*kind = HEALTH_BROKEN;
		return true;
	default:
		return false;
	}
}

/*
 * Whether only the connection's end told that an answer has no body: its
 * upstream died before the first byte. Nothing was asked that has none.
 */
static bool
is_cut_before_body(const struct try *t)
{
	return t->status == 200 && !t->got_data &&
	    t->asking->report->ended_by_close;
}

/* It is too late to say so when the head has gone. */
static int
end_cut_before_body(struct try *t)
{
	err_set(&t->err, ERR_UPSTREAM_BROKEN, "upstream %.60s: it closed the "
	    "connection before its answer's body", t->upstream->name);
	note_failure(t, HEALTH_BROKEN, 0, t->err.text);
	return t->passed_on ? 0 : -1;
}

static int
perform(struct try *t)
{
	struct asking *a = t->asking;
	struct upstream_request request = *a->request;
	struct upstream_sink sink = {.head = on_head, .data = on_data,
	    .idle = on_idle, .arg = t};
	int rc;

	request.upstream = t->upstream;
	request.watch_fd = a->watch_fd;
	if (t->pass.probing &&
	    (request.tick_ms <= 0 || request.tick_ms > RENEW_MS))
		request.tick_ms = RENEW_MS;
	rc = upstream_perform(a->pool, &request, &sink, a->report, &t->err);
	a->report->got_head = t->passed_on;
	a->report->tries = a->tries;
	if (rc == 0 && is_cut_before_body(t))
		return end_cut_before_body(t);
	/* A whole answer without a body. */
	if (rc == 0)
		note_well(t);
	if (rc == 0 && t->held && release(t) != 0)
		rc = err_set(&t->err, ERR_CANCELLED,
		    "the transfer was stopped");
	return rc;
}

/* A try that failed: note it. Whether another is to be asked. */
static bool
is_made_up_for(struct try *t)
{
	enum health_kind kind;

	if (!t->turned_down && !kind_of(t->err.code, &kind)) {
		if (!t->decided)
			cell_undecided(&t->slot->cell, &t->pass, now_ms());
		return false;
	}
	if (t->turned_down)
		return true;
	note_failure(t, kind, 0, t->err.text);
	return t->more && !t->passed_on;
}

/* With only_well: there is none, or others were faster to try it. */
static int
end_unasked(struct asking *a, struct err *err)
{
	a->report->tries = a->tries;
	return err_set(err, ERR_CANCELLED,
	    "every upstream that could be asked is left out");
}

/*
 * Ask the next. Whether it failed and another is to be asked; else *rc and
 * err say how it ended.
 */
static bool
try_next(struct asking *a, int *rc, struct err *err)
{
	struct try t = {.asking = a, .err = ERR_INIT};
	bool again = false;
	int i = choice_next(&a->choice, now_ms(), &t.pass);

	if (i == -1) {
		*rc = end_unasked(a, err);
		return false;
	}
	t.upstream = a->group->member[i];
	t.slot = health_slot_of(a->choice.health, t.upstream);
	if (a->tries++ == 0)
		a->tries_max = 1 + t.upstream->retries;
	else
		health_add(&t.slot->retries);
	health_add(&t.slot->tries);
	t.more = a->tries < a->tries_max &&
	    choice_has_next(&a->choice, now_ms());
	http_headers_init(&t.headers);
	*rc = perform(&t);
	if (*rc == -1)
		again = is_made_up_for(&t);
	if (!again && !t.passed_on)
		announce(&t);
	if (*rc == -1 && !again)
		err_set(err, t.err.code, "%s", t.err.text);
	http_headers_fini(&t.headers);
	return again;
}

int
upstream_ask(struct upstream_pool *pool, struct upstream_health *health,
    const struct upstream_group *group, const struct upstream_request *request,
    const struct upstream_sink *sink, struct upstream_report *report,
    struct err *err)
{
	struct asking a = {.pool = pool, .group = group, .request = request,
	    .sink = sink, .report = report, .watch_fd = request->watch_fd};
	int rc = -1;

	choice_init(&a.choice, health, group);
	a.choice.caller = request->caller;
	a.choice.only_well = request->only_well;
	while (try_next(&a, &rc, err))
		continue;
	return rc;
}

bool
upstream_has_well(const struct upstream_health *health,
    const struct upstream_group *group, const uint8_t *caller)
{
	struct choice choice;

	choice_init(&choice, health, group);
	choice.caller = caller;
	choice.only_well = true;
	return choice_has_next(&choice, now_ms());
}
