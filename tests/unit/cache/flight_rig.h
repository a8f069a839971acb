/*
 * Flights over a store in memory that many threads may use, by a clock that
 * the test moves.
 */
#ifndef FLIGHT_RIG_H
#define FLIGHT_RIG_H

#include "cache/flight_private.h"
#include "store_double.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>

#include <cmocka.h>

/* ---- the clock ----------------------------------------------------------- */

static _Atomic int64_t test_us = 1000 * 1000;
static _Atomic int64_t rig_skew_ms; /* of the wall clock */

static inline int64_t
rig_steady_us(void)
{
	return test_us;
}

static inline int64_t
rig_wall_ms(void)
{
	return 1700000000000 + test_us / 1000 + rig_skew_ms;
}

static const struct flight_clock rig_clock = {
    .steady_us = rig_steady_us,
    .wall_ms = rig_wall_ms,
};

static inline void
pass_ms(int64_t ms)
{
	test_us += ms * 1000;
}

/* ---- a store for many threads -------------------------------------------- */

struct shared_store {
	struct store store;
	struct store_double *d; /* guarded by lock */
	pthread_mutex_t lock;
};

static inline struct shared_store *
shared_lock(struct store *s)
{
	struct shared_store *shared = (struct shared_store *)s;

	pthread_mutex_lock(&shared->lock);
	return shared;
}

static inline enum store_result
shared_unlock(struct shared_store *shared, enum store_result result)
{
	pthread_mutex_unlock(&shared->lock);
	return result;
}

static inline enum store_result
shared_get(struct store *s, const char *group, struct store_value *values,
    size_t n, size_t max_bytes)
{
	struct shared_store *shared = shared_lock(s);

	return shared_unlock(shared, store_get(&shared->d->store, group,
	    values, n, max_bytes));
}

static inline enum store_result
shared_set(struct store *s, const char *group, const char *name,
    const void *data, size_t len, int64_t ttl_s)
{
	struct shared_store *shared = shared_lock(s);

	return shared_unlock(shared, store_set(&shared->d->store, group, name,
	    data, len, ttl_s));
}

static inline enum store_result
shared_add(struct store *s, const char *group, const char *name,
    const void *data, size_t len, int64_t ttl_s)
{
	struct shared_store *shared = shared_lock(s);

	return shared_unlock(shared, store_add(&shared->d->store, group, name,
	    data, len, ttl_s));
}

static inline enum store_result
shared_remove(struct store *s, const char *group, const char *name)
{
	struct shared_store *shared = shared_lock(s);

	return shared_unlock(shared, store_remove(&shared->d->store, group,
	    name));
}

static inline void
shared_free(struct store *s)
{
	struct shared_store *shared = (struct shared_store *)s;

	store_free(&shared->d->store);
	pthread_mutex_destroy(&shared->lock);
	free(shared);
}

static inline struct shared_store *
shared_new(void)
{
	static const struct store_ops ops = {
	    .get = shared_get,
	    .set = shared_set,
	    .add = shared_add,
	    .remove = shared_remove,
	    .free = shared_free,
	};
	struct shared_store *shared = calloc(1, sizeof(*shared));
	pthread_mutexattr_t attr;

	if (shared == NULL)
		abort();
	shared->store.ops = &ops;
	shared->d = double_new();
	shared->d->now_us = rig_steady_us;
	/* Recursive: what is done before an operation may use the store. */
	pthread_mutexattr_init(&attr);
	pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
	pthread_mutex_init(&shared->lock, &attr);
	pthread_mutexattr_destroy(&attr);
	return shared;
}

/* ---- flights ------------------------------------------------------------- */

enum { LEASE_MS = 5000, BEAT_MS = LEASE_MS / 5, DEATH_MS = 4 * BEAT_MS };
enum { RIG_CHUNK_BYTES = 512 * 1024 };

struct flight_rig {
	struct store_double *d;
	struct cache *cache;
	struct cache_found found; /* of a look-up that knew the epoch */
	uint8_t key[CACHE_KEY_BYTES];
	struct flight_config config;
};

static inline void
flight_rig_open_chunks(struct flight_rig *r, size_t chunk_bytes)
{
	struct cache_config config = {.chunk_bytes = chunk_bytes,
	    .max_entry_bytes = 1 << 20};
	struct shared_store *shared = shared_new();

	memset(r, 0, sizeof(*r));
	rig_skew_ms = 0;
	r->d = shared->d;
	r->cache = cache_new(&shared->store, &config);
	if (r->cache == NULL)
		abort();
	r->found.epoch_known = true;
	memset(r->found.epoch, 0xe0, sizeof(r->found.epoch));
	memset(r->key, 0xab, sizeof(r->key));
	r->config.lease_ms = LEASE_MS;
	r->config.max_bytes = 8 << 20;
}

static inline void
flight_rig_open(struct flight_rig *r)
{
	flight_rig_open_chunks(r, RIG_CHUNK_BYTES);
}

static inline void
flight_rig_close(struct flight_rig *r)
{
	cache_free(r->cache);
}

/* Somebody who asks this question now. */
static inline struct flight *
rig_flight(struct flight_rig *r)
{
	struct flight *f = flight_new(r->cache, "default", r->key, &r->found,
	    &r->config);

	if (f == NULL)
		abort();
	f->clock = &rig_clock;
	return f;
}

/* The store loses all whose name contains part. */
static inline void
store_forgets(struct flight_rig *r, const char *part)
{
	struct double_item *item;

	while ((item = double_nth(r->d, part, 0)) != NULL)
		double_drop(item);
}

/*
 * Its process is killed: nothing of it reaches the store any more. A stopped
 * one is just not called.
 */
static inline void
rig_kill(struct flight_rig *r, struct flight *f)
{
	struct store_double *d = r->d;
	void (*before)(struct store_double *, int) = d->before;
	bool lost_answer = d->lost_answer;
	int fail_at = d->fail_at, fail_count = d->fail_count;

	d->before = NULL;
	d->lost_answer = false;
	d->fail_at = 0;
	d->fail_count = INT32_MAX;
	flight_free(f);
	d->before = before;
	d->lost_answer = lost_answer;
	d->fail_at = fail_at;
	d->fail_count = fail_count;
}

/* What a follower has got. */
struct got {
	struct buf bytes;
	enum flight_state state;
	struct err err;
	int status;       /* 0: no head */
	int64_t due_us;   /* when to poll next */
	int polls;
};

static inline void
got_init(struct got *g)
{
	memset(g, 0, sizeof(*g));
	buf_init(&g->bytes, 64 << 20);
}

static inline void
got_fini(struct got *g)
{
	buf_fini(&g->bytes);
}

/* Poll once. */
static inline void
got_poll(struct got *g, struct flight *f)
{
	struct flight_news news;

	flight_follow_poll(f, &news);
	if (news.head != NULL)
		g->status = news.head->status;
	if (buf_append(&g->bytes, news.bytes, news.len) == -1)
		abort();
	g->state = news.state;
	g->err = news.err;
	g->due_us = f->clock->steady_us() + news.wait_ms * 1000;
	g->polls++;
}

/* A body that is unlike any of another seed. */
static inline void
fill_body(char *body, size_t len, uint64_t seed)
{
	size_t i;

	for (i = 0; i < len; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		body[i] = (char)(seed >> 56);
	}
}

/* Of malloc. */
static inline char *
new_body(size_t len, uint64_t seed)
{
	char *body = malloc(len);

	assert_non_null(body);
	fill_body(body, len, seed);
	return body;
}

/* A head whose status tells whose it is. */
static inline void
give_head(struct flight *f, int status)
{
	static const struct text_pair header = {"Content-Type",
	    "text/event-stream"};
	struct flight_head head = {.status = status, .mode = ENTRY_STREAM,
	    .headers = &header, .n_headers = 1};

	flight_lead_head(f, &head);
}

/* ---- a leader and one who follows it ----------------------------------- */

static inline void
assert_got(const struct got *g, const char *bytes, size_t len)
{
	assert_int_equal(g->bytes.len, len);
	if (len > 0)
		assert_memory_equal(g->bytes.data, bytes, len);
}

/* A leader, one who follows it, and one who has not entered yet. */
struct pair {
	struct flight_rig r;
	struct flight *leader, *follower, *late;
	struct got got;      /* by the follower */
	struct got late_got; /* by the late one */
};

/* Before any of them enters. */
static inline void
pair_open_chunks(struct pair *p, size_t chunk_bytes)
{
	flight_rig_open_chunks(&p->r, chunk_bytes);
	got_init(&p->got);
	got_init(&p->late_got);
	p->leader = rig_flight(&p->r);
	p->follower = rig_flight(&p->r);
	p->late = rig_flight(&p->r);
}

static inline void
pair_open(struct pair *p)
{
	pair_open_chunks(p, RIG_CHUNK_BYTES);
	assert_int_equal(flight_enter(p->leader), FLIGHT_LEAD);
	assert_int_equal(flight_enter(p->follower), FLIGHT_FOLLOW);
}

/* The leader has begun a stream with these bytes. */
static inline void
pair_open_with(struct pair *p, const char *bytes, size_t len)
{
	pair_open(p);
	give_head(p->leader, 200);
	flight_lead_data(p->leader, bytes, len);
}

static inline void
pair_close(struct pair *p)
{
	flight_free(p->late);
	flight_free(p->leader);
	flight_free(p->follower);
	got_fini(&p->late_got);
	got_fini(&p->got);
	flight_rig_close(&p->r);
}

/* Time passes in ticks of a leader (NULL: nobody), the other polls. */
static inline void
run_flight(struct flight *leader, const char *kept, size_t kept_len,
    struct got *g, struct flight *follower, int64_t ms)
{
	for (; ms > 0; ms -= FLIGHT_TICK_MS) {
		pass_ms(FLIGHT_TICK_MS);
		if (leader != NULL)
			flight_lead_tick(leader, kept, kept_len);
		if (g != NULL && g->state == FLIGHT_LEADING)
			got_poll(g, follower);
	}
}

#endif
