#include "cache/flight_private.h"

#include <stdlib.h>
#include <string.h>

enum {
	CUT_MIN = RECORD_TAIL_MAX,  /* an open part so long is closed */
	GATHER_BYTES = 32 * 1024,   /* published at once */
	HEAL_SEGMENTS = 16,         /* written again in one tick, at most */
	LIVE_SLACK_S = 2
};

bool
flight_lead_active(const struct flight *f)
{
	return f->part == PART_LEADS && !f->lead.ended;
}

/* Where the open part begins. */
static uint64_t
closed(const struct flight_lead *l)
{
	return l->starts == NULL ? 0 : l->starts[l->n - l->first];
}

/*
 * It cannot be told to followers, and will not be: they see no sign of life
 * any more. What waits to be told is let go.
 */
static void
give_up(struct flight_lead *l)
{
	l->given_up = true;
	buf_fini(&l->open);
}

/* Whether the store took it; if not, it is left alone until the next tick. */
static bool
taken(struct flight *f, enum store_result result)
{
	if (result == STORE_OK)
		return true;
	f->lead.retry_us = f->clock->steady_us() + FLIGHT_TICK_MS * 1000;
	return false;
}

void
flight_lead_fini(struct flight_lead *l)
{
	buf_fini(&l->head);
	buf_fini(&l->open);
	free(l->starts);
	memset(l, 0, sizeof(*l));
}

/* ---- writing ------------------------------------------------------------- */

static bool
write_head(struct flight *f)
{
	struct flight_lead *l = &f->lead;
	char name[NAMES_BYTES];

	if (!l->has_head || l->head_written)
		return true;
	names_flight(name, f->names.manifest, f->id, "head");
	if (!taken(f, store_set(f->store, f->names.manifest, name,
	    l->head.data, l->head.len, FLIGHT_LASTING_S)))
		return false;
	l->head_written = true;
	return true;
}

static bool
write_segment(struct flight *f, uint32_t n, uint64_t at, const char *bytes,
    size_t len)
{
	char name[NAMES_BYTES];

	names_segment(name, f->names.manifest, f->id, n);
	buf_reset(&f->scratch);
	return record_segment_write(&f->scratch, f->id, n, at, bytes, len) ==
	    0 && taken(f, flight_put_scratch(f, name, FLIGHT_LASTING_S));
}

/* Make room for one segment more. */
static int
grow_starts(struct flight_lead *l)
{
	size_t need = l->n - l->first + 2, cap = l->starts_cap;
	uint64_t *starts;

	if (need <= cap)
		return 0;
	cap = cap == 0 ? 16 : 2 * cap;
	starts = realloc(l->starts, cap * sizeof(*starts));
	if (starts == NULL)
		return -1;
	if (l->starts == NULL)
		starts[0] = 0;
	l->starts = starts;
	l->starts_cap = cap;
	return 0;
}

/* Write the open part as segments, but for what a state may carry. */
static bool
close_segments(struct flight *f)
{
	struct flight_lead *l = &f->lead;

	while (l->open.len >= CUT_MIN) {
		if (grow_starts(l) == -1 || l->n == UINT32_MAX) {
			give_up(l);
			return false;
		}
		if (l->cut == 0)
			l->cut = l->open.len < f->segment_bytes
			    ? l->open.len : f->segment_bytes;
		if (!write_segment(f, l->n, closed(l), l->open.data, l->cut))
			return false;
		l->starts[l->n + 1 - l->first] = closed(l) + l->cut;
		if (l->heal == l->n)
			l->heal++;
		l->n++;
		buf_consume(&l->open, l->cut);
		l->cut = 0;
	}
	return true;
}

static bool
write_state(struct flight *f, enum flight_state how, const struct err *err)
{
	struct flight_lead *l = &f->lead;
	struct record_state state = {.beat = l->beat + 1,
	    .written_ms = f->clock->wall_ms(), .how = how,
	    .has_head = l->has_head,
	    .leaving = l->leaving && how == FLIGHT_LEADING,
	    .first = l->first, .n = l->n,
	    .closed = closed(l), .tail = l->open.data,
	    .tail_len = l->open.len};
	int64_t ttl_s = how == FLIGHT_LEADING
	    ? flight_lease_s(f) + LIVE_SLACK_S : FLIGHT_LASTING_S;
	char name[NAMES_BYTES];

	if (err != NULL)
		state.err = *err;
	names_flight(name, f->names.manifest, f->id, "state");
	buf_reset(&f->scratch);
	if (record_state_write(&f->scratch, f->id, &state) == -1)
		return false;
	/* Where only the answer is lost, followers have seen this beat. */
	l->beat++;
	return taken(f, flight_put_scratch(f, name, ttl_s));
}

/* ---- what is kept in the store ------------------------------------------- */

/* Let the lock go. Whether it needs no other try. */
static bool
let_go(struct flight *f)
{
	struct flight_lead *l = &f->lead;

	if (l->let_go || l->deposed)
		return true;
	l->let_go = taken(f, flight_let_go(f) == 0 ? STORE_OK : STORE_DOWN);
	return l->let_go;
}

/* Let nobody join any more. */
static void
release(struct flight *f)
{
	if (f->lead.released)
		return;
	f->lead.released = true;
	let_go(f);
}

void
flight_lead_close(struct flight *f)
{
	if (flight_lead_active(f))
		release(f);
}

/* Keep what is in the store of a long body within its bound. */
static void
move_window(struct flight *f)
{
	struct flight_lead *l = &f->lead;
	char name[NAMES_BYTES];
	size_t gone = 0, n = l->n - l->first;

	if (closed(l) + l->open.len <= f->config.max_bytes)
		return;
	release(f);
	while (gone < n && closed(l) - l->starts[gone] > f->config.max_bytes) {
		names_segment(name, f->names.manifest, f->id,
		    l->first + (uint32_t)gone);
		if (store_remove(f->store, f->names.manifest, name) ==
		    STORE_DOWN)
			break;
		gone++;
	}
	if (gone == 0)
		return;
	l->first += (uint32_t)gone;
	memmove(l->starts, l->starts + gone,
	    (n + 1 - gone) * sizeof(*l->starts));
	if (l->heal < l->first)
		l->heal = l->first;
}

void
flight_lead_publish(struct flight *f)
{
	struct flight_lead *l = &f->lead;

	if (l->given_up || f->clock->steady_us() < l->retry_us)
		return;
	if (!write_head(f) || !close_segments(f) ||
	    !write_state(f, FLIGHT_LEADING, NULL))
		return;
	l->dirty = false;
	l->published_us = f->clock->steady_us();
	move_window(f);
}

void
flight_lead_begin(struct flight *f)
{
	struct flight_lead *l = &f->lead;
	size_t max = f->config.max_bytes;

	flight_lead_fini(l);
	f->part = PART_LEADS;
	f->lease_ms = f->config.lease_ms;
	buf_init(&l->head, RECORD_HEAD_MAX);
	buf_init(&l->open, max > RECORD_SEGMENT_MAX ? max
						    : RECORD_SEGMENT_MAX);
	l->checked_us = f->clock->steady_us();
	flight_lead_publish(f);
}

void
flight_lead_head(struct flight *f, const struct flight_head *head)
{
	struct flight_lead *l = &f->lead;

	if (!flight_lead_active(f) || l->given_up || l->has_head)
		return;
	if (record_head_write(&l->head, f->id, head) == -1) {
		flight_lead_end(f, FLIGHT_ABANDONED, NULL);
		return;
	}
	l->has_head = true;
	l->dirty = true;
}

void
flight_lead_data(struct flight *f, const char *bytes, size_t len)
{
	struct flight_lead *l = &f->lead;
	size_t n;

	for (; len > 0; bytes += n, len -= n) {
		if (!flight_lead_active(f) || l->given_up || !l->has_head)
			return;
		n = len < RECORD_SEGMENT_MAX ? len : RECORD_SEGMENT_MAX;
		if (n > l->open.max - l->open.len)
			flight_lead_publish(f);
		if (buf_append(&l->open, bytes, n) == -1) {
			give_up(l);
			return;
		}
		l->dirty = true;
		if (l->open.len >= GATHER_BYTES ||
		    f->clock->steady_us() - l->published_us >=
		    FLIGHT_TICK_MS * 1000)
			flight_lead_publish(f);
	}
}

/* ---- seeing to what is there --------------------------------------------- */

/* What a caller still has of the body. */
struct kept {
	const char *bytes;
	size_t len;
};

/*
 * The lock is not there: evicted, run out, or the server was started anew.
 * Set it again where whoever joins then can have it all.
 */
static void
lock_again(struct flight *f, const struct kept *kept)
{
	struct flight_lead *l = &f->lead;

	if (l->n > 0 && (l->first > 0 || kept->bytes == NULL ||
	    kept->len < closed(l))) {
		l->released = l->let_go = true;
		return;
	}
	/* If somebody was quicker, the next look shows it. */
	if (flight_put_lock(f, true) == STORE_OK) {
		l->head_written = false;
		l->heal = l->first;
		l->dirty = true;
	}
}

static void
see_to_lock(struct flight *f, const struct store_value *v,
    const struct kept *kept)
{
	struct record_holder holder;
	struct flight_lead *l = &f->lead;

	if (l->released || l->deposed)
		return;
	if (v->result != STORE_OK)
		lock_again(f, kept);
	else if (record_lock_read(v->data, v->len, &holder) &&
	    memcmp(holder.id, f->id, sizeof(holder.id)) != 0)
		l->deposed = true;
	else
		taken(f, flight_put_lock(f, false));
}

/* Somebody misses something: all from there on is written again. */
static void
see_to_need(struct flight *f, const struct store_value *v)
{
	struct flight_lead *l = &f->lead;
	uint64_t n;

	if (v->result != STORE_OK)
		return;
	store_remove(f->store, f->names.manifest, v->name);
	if (!record_mark_read(v->data, v->len, RECORD_NEED, f->id, &n))
		return;
	if (n < l->first)
		n = l->first;
	if (n < l->heal)
		l->heal = (uint32_t)n;
	l->head_written = false;
	l->dirty = true;
}

static bool
look(struct flight *f, const struct kept *kept)
{
	char need[NAMES_BYTES], joined[NAMES_BYTES];
	struct store_value v[] = {{.name = f->lock}, {.name = need},
	    {.name = joined}};
	bool ok;

	names_flight(need, f->names.manifest, f->id, "need");
	names_flight(joined, f->names.manifest, f->id, "joined");
	ok = taken(f, store_get(f->store, f->names.manifest, v, 3,
	    RECORD_HEAD_MAX));
	if (ok) {
		f->lead.checked_us = f->clock->steady_us();
		see_to_lock(f, &v[0], kept);
		see_to_need(f, &v[1]);
		if (v[2].result == STORE_OK)
			f->lead.was_followed = true;
	}
	free(v[0].data);
	free(v[1].data);
	free(v[2].data);
	return ok;
}

/* Write some of the lost segments again. */
static bool
heal(struct flight *f, const struct kept *kept)
{
	struct flight_lead *l = &f->lead;
	const uint64_t *start;
	int i;

	for (i = 0; i < HEAL_SEGMENTS && l->heal < l->n; i++) {
		start = &l->starts[l->heal - l->first];
		if (kept->bytes == NULL || kept->len < start[1]) {
			/* Nobody else is to fall into this hole. */
			release(f);
			l->heal = l->n;
			return true;
		}
		if (!write_segment(f, l->heal, start[0],
		    kept->bytes + start[0], (size_t)(start[1] - start[0])))
			return false;
		l->heal++;
	}
	return true;
}

void
flight_lead_tick(struct flight *f, const char *kept_bytes, size_t kept_len)
{
	const struct kept kept = {kept_bytes, kept_len};
	struct flight_lead *l = &f->lead;
	int64_t now_us = f->clock->steady_us();

	if (!flight_lead_active(f) || now_us < l->retry_us)
		return;
	if (l->given_up)
		l->released = true;
	if ((l->released && !let_go(f)) || l->given_up)
		return;
	if (now_us - l->checked_us >= flight_beat_us(f) && !look(f, &kept))
		return;
	if (!heal(f, &kept))
		return;
	if (l->dirty || now_us - l->published_us >= flight_beat_us(f))
		flight_lead_publish(f);
}

/* ---- the end ------------------------------------------------------------- */

/* How it ends, as far as that agrees with whether there was a head. */
static enum flight_state
end_of(const struct flight_lead *l, enum flight_state how)
{
	switch (how) {
	case FLIGHT_COMPLETE:
		return l->has_head ? how : FLIGHT_ABANDONED;
	case FLIGHT_BROKEN:
	case FLIGHT_FAILED:
		return l->has_head ? FLIGHT_BROKEN : FLIGHT_FAILED;
	default:
		return FLIGHT_ABANDONED;
	}
}

/*
 * The lock goes before followers are told: whoever enters again then finds
 * it free, and there is no moment at which it could be both let go by us and
 * set by an heir.
 */
bool
flight_lead_landed(struct flight *f)
{
	struct flight_lead *l = &f->lead;
	bool written = false;

	if (f->part != PART_LEADS || !l->ended || (l->told && l->let_go))
		return true;
	if (f->clock->steady_us() < l->retry_us)
		return false;
	if (!l->told)
		written = !l->given_up && write_head(f) && close_segments(f);
	l->released = true;
	let_go(f);
	if (written)
		l->told = write_state(f, l->how, &l->err);
	if (l->given_up || l->told) {
		l->told = true;
		buf_fini(&l->open);
		buf_fini(&l->head);
	}
	return l->told && (l->let_go || l->deposed);
}

void
flight_lead_end(struct flight *f, enum flight_state how,
    const struct err *err)
{
	struct flight_lead *l = &f->lead;

	if (!flight_lead_active(f))
		return;
	l->ended = true;
	l->how = end_of(l, how);
	if (err != NULL)
		l->err = *err;
	else
		err_set(&l->err, ERR_UPSTREAM_BROKEN, "%s",
		    err_meaning(ERR_UPSTREAM_BROKEN));
	/* Once at least, whatever was tried just now. */
	l->retry_us = 0;
	flight_lead_landed(f);
}
