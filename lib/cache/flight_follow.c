#include "cache/flight_private.h"
#include "cache/flight_watch.h"

#include <stdlib.h>
#include <string.h>

enum {
	OUT_BYTES = 256 * 1024,   /* given out at a time */
	OUT_SEGMENTS = OUT_BYTES - RECORD_TAIL_MAX,
	FETCH_SEGMENTS = 32,      /* asked for at a time */
	FETCH_BYTES = OUT_SEGMENTS + FETCH_SEGMENTS * RECORD_SEGMENT_OVERHEAD,
	WAIT_FIRST_MS = 10,       /* while nothing is new */
	WAIT_MAX_MS = 100,
	WAIT_DOWN_MS = 250,
	WAIT_NEWS_MS = 20,        /* after news */
	JOINED_S = FLIGHT_LASTING_S, /* it tells that somebody has followed */
	FRESH_SLACK_MS = 500,     /* or a beat, if that is less */
	GAP_US = 300 * 1000       /* between polls, counted as watching */
};

void
flight_follow_fini(struct flight_follow *w)
{
	buf_fini(&w->out);
	flight_watch_drop(w->watch, w->held);
	flight_watch_leave(w->watch);
	memset(w, 0, sizeof(*w));
}

/* Set a mark of the flight that is followed. */
static bool
put_mark(struct flight *f, enum record_kind kind, const char *what,
    uint64_t number, int64_t ttl_s)
{
	char name[NAMES_BYTES];

	names_flight(name, f->names.manifest, f->id, what);
	buf_reset(&f->scratch);
	return record_mark_write(&f->scratch, kind, f->id, number) == 0 &&
	    flight_put_scratch(f, name, ttl_s) == STORE_OK;
}

/* Show the leader that somebody follows. */
static void
show_joined(struct flight *f)
{
	uint64_t number;

	if (digest_random(&number, sizeof(number)) == 0 &&
	    put_mark(f, RECORD_JOINED, "joined", number, JOINED_S))
		flight_watch_joined(f->follow.watch, number,
		    f->clock->steady_us());
}

void
flight_follow_begin(struct flight *f, const struct record_holder *holder)
{
	struct flight_follow *w = &f->follow;

	flight_follow_fini(w);
	f->part = PART_FOLLOWS;
	memcpy(f->id, holder->id, sizeof(f->id));
	f->lease_ms = holder->lease_ms;
	buf_init(&w->out, OUT_BYTES);
	w->polled_us = w->heir_us = f->clock->steady_us();
	w->watch = flight_watch_join(f->watches, f->id, &w->seen);
	if (w->watch != NULL)
		show_joined(f);
}

static void
tell_end(struct flight_follow *w, enum flight_state how)
{
	w->told = how;
	if (how == FLIGHT_BROKEN || how == FLIGHT_FAILED)
		w->err = w->state.err;
}

/* ---- what a poll has fetched --------------------------------------------- */

/* Whether a state was written moments ago, as the wall clock here has it. */
static bool
is_fresh(const struct flight *f, const struct record_state *state)
{
	int64_t beat_ms = flight_beat_us(f) / 1000;
	int64_t slack_ms = 2 * beat_ms +
	    (beat_ms < FRESH_SLACK_MS ? beat_ms : FRESH_SLACK_MS);
	int64_t now_ms = f->clock->wall_ms();

	return state->written_ms >= now_ms - slack_ms &&
	    state->written_ms <= now_ms + slack_ms;
}

/*
 * Take a state that is newer than what is known. Of one that may be given up
 * nothing is begun with: it has not seen this follower. An end that was there
 * before this follower came, and not just now, is none it was in the air
 * for. g is let go, or held as long as the state is.
 */
static void
take_state(struct flight *f, struct flight_glance *g)
{
	struct flight_follow *w = &f->follow;

	if (!g->has_state ||
	    (w->has_state && g->state.beat <= w->state.beat)) {
		flight_watch_drop(w->watch, g);
		return;
	}
	if (!g->state.leaving && (w->has_state || is_fresh(f, &g->state)))
		w->lives = true;
	else if (g->state.how != FLIGHT_LEADING)
		tell_end(w, FLIGHT_DEAD);
	flight_watch_drop(w->watch, w->held);
	w->held = g;
	w->state = g->state;
	w->has_state = true;
	w->silent_us = 0;
}

/* What is known of the mark of what somebody misses. */
struct needed {
	bool known;
	uint64_t n;
};

/*
 * What is wanted next is lost: ask the leader for it, unless somebody has
 * asked for that much. Once the leader has ended, nobody will bring it.
 */
static void
want(struct flight *f, const struct needed *need)
{
	struct flight_follow *w = &f->follow;

	if (w->state.how != FLIGHT_LEADING) {
		tell_end(w, FLIGHT_DEAD);
		return;
	}
	w->missing = true;
	if (!need->known || need->n > w->next)
		put_mark(f, RECORD_NEED, "need", w->next, flight_lease_s(f));
}

/* ---- the body ------------------------------------------------------------ */

/* How many segments to ask for, by the mean of what is still to come. */
static size_t
how_many(const struct flight_follow *w)
{
	uint64_t left = w->state.n - w->next, n;
	uint64_t mean = (w->state.closed - w->next_at) / left;

	n = mean < OUT_SEGMENTS / FETCH_SEGMENTS ? FETCH_SEGMENTS
						 : OUT_SEGMENTS / mean;
	n = n < left ? n : left;
	return n < 1 ? 1 : (size_t)n;
}

/*
 * Give the next segment out, but for what was given out when it was still
 * the tail of a state. Whether it was the one wanted, and fits.
 */
static bool
give_bytes(struct flight_follow *w, const char *bytes, size_t len)
{
	size_t had = (size_t)(w->pos - w->next_at);

	if (had > len || len > w->state.closed - w->next_at ||
	    len - had > OUT_SEGMENTS - w->out.len ||
	    buf_append(&w->out, bytes + had, len - had) == -1)
		return false;
	w->next++;
	w->next_at += len;
	w->pos = w->next_at;
	return true;
}

static bool
give_segment(struct flight *f, const struct store_value *v)
{
	struct flight_follow *w = &f->follow;
	const char *bytes;
	size_t len;

	return v->result == STORE_OK && record_segment_read(v->data, v->len,
	    f->id, w->next, w->next_at, &bytes, &len) &&
	    give_bytes(w, bytes, len);
}

/* Give out what segments others have fetched. Whether there were any. */
static bool
give_kept(struct flight *f)
{
	struct flight_follow *w = &f->follow;
	bool got = false;

	while (w->next < w->state.n) {
		buf_reset(&f->scratch);
		if (flight_watch_segment(w->watch, w->next, w->next_at,
		    &f->scratch) == -1 ||
		    !give_bytes(w, f->scratch.data, f->scratch.len))
			break;
		got = true;
	}
	return got;
}

/* Give out what segments there are. Whether it got any. */
static bool
give_segments(struct flight *f, bool *down)
{
	struct flight_follow *w = &f->follow;
	char names[FETCH_SEGMENTS][NAMES_BYTES];
	struct store_value values[FETCH_SEGMENTS];
	size_t n = how_many(w), given = 0, i;

	for (i = 0; i < n; i++) {
		names_segment(names[i], f->names.manifest, f->id,
		    w->next + (uint32_t)i);
		values[i].name = names[i];
	}
	*down = store_get(f->store, f->names.manifest, values, n,
	    FETCH_BYTES) == STORE_DOWN;
	while (given < n && give_segment(f, &values[given]))
		given++;
	for (i = 0; i < n; i++)
		free(values[i].data);
	return given > 0;
}

/* Give out what the state itself has after the last segment. */
static void
give_tail(struct flight_follow *w)
{
	size_t had = (size_t)(w->pos - w->next_at);

	/* Neither can be in what one leader has written. */
	if (w->next_at != w->state.closed || had > w->state.tail_len) {
		tell_end(w, FLIGHT_DEAD);
		return;
	}
	if (buf_append(&w->out, w->state.tail + had,
	    w->state.tail_len - had) == -1)
		return;
	w->pos = w->next_at + w->state.tail_len;
	if (w->state.how != FLIGHT_LEADING)
		tell_end(w, w->state.how);
}

/*
 * Give out what there is, as far as the leader is known to live. need: what
 * is in the store of that name.
 */
static void
give(struct flight *f, const struct needed *need)
{
	struct flight_follow *w = &f->follow;
	bool got, down = false;

	if (!w->has_state || !w->lives || w->told != FLIGHT_LEADING)
		return;
	if (w->state.how == FLIGHT_ABANDONED) {
		/* It will not be whole: what is left would be of no use. */
		tell_end(w, FLIGHT_ABANDONED);
		return;
	}
	if (w->state.has_head && w->head == NULL) {
		want(f, need);
		return;
	}
	if (w->state.first > w->next || w->state.n < w->next ||
	    w->state.closed < w->next_at) {
		tell_end(w, FLIGHT_DEAD);
		return;
	}
	got = w->next == w->state.n || give_kept(f) ||
	    give_segments(f, &down);
	if (got) {
		w->missing = false;
		w->missing_us = 0;
	} else if (!down) {
		want(f, need);
	}
	if (w->told == FLIGHT_LEADING && w->next == w->state.n)
		give_tail(w);
}

/* ---- polling ------------------------------------------------------------- */

/*
 * Count the time since the last look at the store as spent watching; but not
 * all of it where the caller was busy elsewhere: nothing was seen then.
 */
static void
count_time(struct flight *f, int64_t now_us)
{
	struct flight_follow *w = &f->follow;
	int64_t gap_us = now_us - w->polled_us;
	int64_t most_us = flight_death_us(f) / 3;

	if (most_us < GAP_US)
		most_us = GAP_US;
	if (gap_us > most_us)
		gap_us = most_us;
	w->polled_us = now_us;
	w->silent_us += gap_us;
	if (w->missing)
		w->missing_us += gap_us;
}

/* See what may be new and give it out. Whether the store answered. */
static bool
see(struct flight *f)
{
	struct flight_follow *w = &f->follow;
	struct flight_glance *g = NULL;
	struct needed need;
	bool up;

	if (w->watch != NULL)
		g = flight_watch_look(w->watch, f, &w->seen);
	count_time(f, g != NULL ? g->asked_us : f->clock->steady_us());
	if (g == NULL)
		return false;
	if (flight_watch_joined_due(w->watch, g))
		show_joined(f);
	up = g->up;
	need = (struct needed){g->has_need, g->need};
	if (w->head == NULL)
		w->head = g->head;
	take_state(f, g);
	if (up)
		give(f, &need);
	return up;
}

/*
 * The leader is dead and an heir is to take its place: follow whoever has
 * the lock then. Whether there is anybody to follow now; told, when one may
 * try to be the heir again.
 */
static bool
heir_is_there(struct flight *f)
{
	struct record_holder holder = {0};
	struct flight_follow *w = &f->follow;
	enum flight_lock lock = flight_read_lock(f, &holder);

	if (lock == LOCK_HELD &&
	    memcmp(holder.id, f->id, sizeof(f->id)) != 0) {
		flight_follow_begin(f, &holder);
		return true;
	}
	/* The heir's time is short, whatever the lease of the dead was. */
	if (lock == LOCK_ABSENT || f->clock->steady_us() - w->heir_us >=
	    f->config.lease_ms * 1000 / 5)
		tell_end(w, FLIGHT_DEAD);
	return false;
}

static void
back_off(struct flight_follow *w, int64_t max_ms)
{
	w->wait_ms = w->wait_ms < WAIT_FIRST_MS ? WAIT_FIRST_MS
						: w->wait_ms * 3 / 2;
	if (w->wait_ms > max_ms)
		w->wait_ms = max_ms;
}

/* One poll of a flight that has not ended yet. */
static void
ask(struct flight *f)
{
	struct flight_follow *w = &f->follow;
	bool knew_head = w->head != NULL, up;

	if (w->waits_for_heir && !heir_is_there(f)) {
		back_off(w, WAIT_MAX_MS);
		return;
	}
	up = see(f);
	if (w->out.len == 0 && w->told == FLIGHT_LEADING &&
	    (w->silent_us >= flight_death_us(f) ||
	    w->missing_us >= flight_death_us(f)))
		tell_end(w, FLIGHT_DEAD);
	/* After an end no other sign of life is to come. */
	if (w->out.len > 0 && w->state.how != FLIGHT_LEADING)
		w->silent_us = 0;
	if (w->out.len > 0 && w->next < w->state.n)
		w->wait_ms = 0;
	else if (w->out.len > 0 || (w->head != NULL) != knew_head)
		w->wait_ms = WAIT_NEWS_MS;
	else
		back_off(w, up ? WAIT_MAX_MS : WAIT_DOWN_MS);
}

void
flight_follow_poll(struct flight *f, struct flight_news *news)
{
	struct flight_follow *w = &f->follow;

	memset(news, 0, sizeof(*news));
	if (f->part != PART_FOLLOWS) {
		news->state = FLIGHT_DEAD;
		return;
	}
	buf_reset(&w->out);
	if (w->told == FLIGHT_LEADING)
		ask(f);
	news->head = w->head;
	news->bytes = w->out.data;
	news->len = w->out.len;
	news->state = w->told;
	news->err = w->err;
	news->wait_ms = w->told == FLIGHT_LEADING ? w->wait_ms : 0;
}
