#include "cache/flight_private.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

enum {
	LOCK_SLACK_S = 2, /* memcached ends what lives up to a second early */
	HEIR_SLACK_S = 1,
	ENTER_TRIES = 4
};

static const struct flight_clock real_clock = {
    .steady_us = clock_steady_us,
    .wall_ms = clock_wall_ms,
};

/* What fits a value is known of the entries' chunks. */
static size_t
segment_bytes(const struct cache *cache)
{
	size_t chunk = cache->config.chunk_bytes;

	if (chunk < RECORD_TAIL_MAX + RECORD_SEGMENT_OVERHEAD)
		return RECORD_TAIL_MAX;
	chunk -= RECORD_SEGMENT_OVERHEAD;
	return chunk < RECORD_SEGMENT_MAX ? chunk : RECORD_SEGMENT_MAX;
}

struct flight *
flight_new(struct cache *cache, const char *ns,
    const uint8_t key[CACHE_KEY_BYTES], const struct cache_found *found,
    const struct flight_config *config)
{
	struct flight *f;

	if (!found->epoch_known)
		return NULL;
	f = calloc(1, sizeof(*f));
	if (f == NULL || question_name(&f->names, ns, key) == -1 ||
	    digest_random(&f->self, sizeof(f->self)) == -1) {
		free(f);
		return NULL;
	}
	names_lock(f->lock, f->names.manifest, found->epoch, RECORD_VERSION);
	f->store = cache_store(cache);
	f->watches = cache->watches;
	f->config = *config;
	if (f->config.lease_ms < RECORD_LEASE_MIN_MS)
		f->config.lease_ms = RECORD_LEASE_MIN_MS;
	if (f->config.lease_ms > RECORD_LEASE_MAX_MS)
		f->config.lease_ms = RECORD_LEASE_MAX_MS;
	f->lease_ms = f->config.lease_ms;
	f->segment_bytes = segment_bytes(cache);
	f->clock = &real_clock;
	buf_init(&f->scratch, RECORD_SEGMENT_MAX + RECORD_SEGMENT_OVERHEAD);
	return f;
}

void
flight_free(struct flight *f)
{
	if (f == NULL)
		return;
	flight_lead_end(f, FLIGHT_ABANDONED, NULL);
	flight_lead_tidy(f);
	if (f->part == PART_FOLLOWS && f->follow.told == FLIGHT_DEAD)
		flight_let_go(f);
	flight_lead_fini(&f->lead);
	flight_follow_fini(&f->follow);
	buf_fini(&f->scratch);
	free(f);
}

int64_t
flight_beat_us(const struct flight *f)
{
	return f->lease_ms * 1000 / 5;
}

int64_t
flight_death_us(const struct flight *f)
{
	return 4 * flight_beat_us(f);
}

static int64_t
whole_s(int64_t ms)
{
	return (ms + 999) / 1000;
}

int64_t
flight_lease_s(const struct flight *f)
{
	return whole_s(f->lease_ms);
}

/* ---- the lock ------------------------------------------------------------ */

enum store_result
flight_put_scratch(struct flight *f, const char *name, int64_t ttl_s)
{
	return store_set(f->store, f->names.manifest, name, f->scratch.data,
	    f->scratch.len, ttl_s);
}

enum store_result
flight_put_lock(struct flight *f, bool add)
{
	int64_t ttl_s = whole_s(f->config.lease_ms) + LOCK_SLACK_S;

	buf_reset(&f->scratch);
	if (record_mark_write(&f->scratch, RECORD_LOCK, f->id,
	    (uint64_t)f->config.lease_ms) == -1)
		return STORE_DOWN;
	if (!add)
		return flight_put_scratch(f, f->lock, ttl_s);
	return store_add(f->store, f->names.manifest, f->lock,
	    f->scratch.data, f->scratch.len, ttl_s);
}

enum flight_lock
flight_read_lock(struct flight *f, struct record_holder *holder)
{
	struct store_value v = {.name = f->lock};
	enum flight_lock lock = LOCK_HELD;

	if (store_get(f->store, f->names.manifest, &v, 1, RECORD_HEAD_MAX) ==
	    STORE_DOWN)
		lock = LOCK_DOWN;
	else if (v.result != STORE_OK)
		lock = LOCK_ABSENT;
	else if (!record_lock_read(v.data, v.len, holder))
		lock = LOCK_ODD;
	free(v.data);
	return lock;
}

/* There is an heir: whether it is us, and the answer to our add was lost. */
static enum store_result
read_heir(struct flight *f, const char *name,
    const uint8_t id[FLIGHT_ID_BYTES])
{
	struct store_value v = {.name = name};
	enum store_result result = STORE_ABSENT;
	uint64_t who;

	if (store_get(f->store, f->names.manifest, &v, 1, RECORD_HEAD_MAX) ==
	    STORE_DOWN)
		result = STORE_DOWN;
	else if (v.result == STORE_OK && record_mark_read(v.data, v.len,
	    RECORD_HEIR, id, &who) && who == f->self)
		result = STORE_OK;
	free(v.data);
	return result;
}

enum store_result
flight_be_heir(struct flight *f, const uint8_t id[FLIGHT_ID_BYTES])
{
	enum store_result result;
	char name[NAMES_BYTES];

	names_flight(name, f->names.manifest, id, "heir");
	buf_reset(&f->scratch);
	if (record_mark_write(&f->scratch, RECORD_HEIR, id, f->self) == -1)
		return STORE_DOWN;
	result = store_add(f->store, f->names.manifest, name, f->scratch.data,
	    f->scratch.len, whole_s(f->config.lease_ms) + HEIR_SLACK_S);
	return result == STORE_ABSENT ? read_heir(f, name, id) : result;
}

static bool
is_id(const uint8_t a[FLIGHT_ID_BYTES], const uint8_t b[FLIGHT_ID_BYTES])
{
	return memcmp(a, b, FLIGHT_ID_BYTES) == 0;
}

int
flight_let_go(struct flight *f)
{
	struct record_holder holder = {0};
	enum store_result result;
	enum flight_lock lock;

	/* From here on no heir may set the lock that is removed below. */
	result = flight_be_heir(f, f->id);
	if (result != STORE_OK)
		return result == STORE_DOWN ? -1 : 0;
	lock = flight_read_lock(f, &holder);
	if (lock != LOCK_HELD || !is_id(holder.id, f->id))
		return lock == LOCK_DOWN ? -1 : 0;
	return store_remove(f->store, f->names.manifest, f->lock) ==
	    STORE_DOWN ? -1 : 0;
}

/* ---- who leads ----------------------------------------------------------- */

/* What one try to take part came to. */
enum attempt { LEADS, FOLLOWS, STAYS_OUT, TRY_AGAIN };

/*
 * What a try to set the lock came to. Where the store did not answer it may
 * be set all the same, and whoever found it would wait for a leader that is
 * none. So we lead: if it is somebody else's, nobody follows, and that shows.
 */
static enum attempt
judge_lock(enum store_result result)
{
	return result == STORE_OK || result == STORE_DOWN ? LEADS : STAYS_OUT;
}

/*
 * The lock is that of a dead flight: take its place, if we are the heir.
 * Whoever is not waits for what the heir does.
 */
static enum attempt
inherit(struct flight *f, const struct record_holder *dead)
{
	struct record_holder now = {0};
	enum flight_lock lock;

	switch (flight_be_heir(f, dead->id)) {
	case STORE_OK:
		break;
	case STORE_ABSENT:
		flight_follow_begin(f, dead);
		f->follow.waits_for_heir = true;
		return FOLLOWS;
	default:
		return STAYS_OUT;
	}
	/* Another heir may have come and gone since we read it. */
	lock = flight_read_lock(f, &now);
	if (lock == LOCK_HELD && !is_id(now.id, dead->id))
		return TRY_AGAIN;
	if (lock == LOCK_ABSENT)
		return TRY_AGAIN;
	return lock == LOCK_DOWN ? STAYS_OUT
	    : judge_lock(flight_put_lock(f, false));
}

static enum attempt
attempt(struct flight *f)
{
	const struct record_holder nobody = {.lease_ms = f->config.lease_ms};
	struct record_holder holder = nobody;
	enum store_result result = flight_put_lock(f, true);

	if (result != STORE_ABSENT)
		return judge_lock(result);
	switch (flight_read_lock(f, &holder)) {
	case LOCK_DOWN:
		return STAYS_OUT;
	case LOCK_ABSENT:
		return TRY_AGAIN;
	case LOCK_ODD:
		/* Nobody's: its heir is the heir of the id that is zero. */
		return inherit(f, &nobody);
	case LOCK_HELD:
		break;
	}
	/* Only the answer to our own add was lost. */
	if (is_id(holder.id, f->id))
		return LEADS;
	if (f->knows_dead && is_id(holder.id, f->dead))
		return inherit(f, &holder);
	flight_follow_begin(f, &holder);
	return FOLLOWS;
}

enum flight_role
flight_enter(struct flight *f)
{
	enum attempt outcome = TRY_AGAIN;
	int i;

	flight_lead_end(f, FLIGHT_ABANDONED, NULL);
	if (f->part == PART_FOLLOWS && f->follow.told != FLIGHT_LEADING) {
		f->knows_dead = true;
		memcpy(f->dead, f->id, sizeof(f->dead));
	}
	flight_follow_fini(&f->follow);
	f->part = PART_NONE;
	if (digest_random(f->id, sizeof(f->id)) == -1)
		return FLIGHT_ALONE;
	for (i = 0; i < ENTER_TRIES && outcome == TRY_AGAIN; i++)
		outcome = attempt(f);
	if (outcome == LEADS)
		flight_lead_begin(f);
	return outcome == LEADS ? FLIGHT_LEAD
	    : outcome == FOLLOWS ? FLIGHT_FOLLOW
	    : FLIGHT_ALONE;
}
