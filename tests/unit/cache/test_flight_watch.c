/*
 * Followers within one process share what they fetch: how often the store is
 * asked, what each of them is handed and what not, and that nobody waits for
 * what is not for him or takes up memory for long.
 */
#include "flight_rig.h"

#include "cache/flight_watch.h"

#include <time.h>

enum { CROWD = 50, ROUNDS = 40, PIECE = 1500 };

/* ---- a crowd ------------------------------------------------------------- */

struct crowd {
	struct flight_rig r;
	struct flight *leader;
	struct flight *followers[CROWD];
	struct got got[CROWD];
	char body[ROUNDS * PIECE];
	size_t len;
};

static struct crowd *
crowd_open(void)
{
	struct crowd *c = calloc(1, sizeof(*c));
	int i;

	assert_non_null(c);
	flight_rig_open(&c->r);
	fill_body(c->body, sizeof(c->body), 5);
	c->leader = rig_flight(&c->r);
	assert_int_equal(flight_enter(c->leader), FLIGHT_LEAD);
	give_head(c->leader, 200);
	for (i = 0; i < CROWD; i++) {
		got_init(&c->got[i]);
		c->followers[i] = rig_flight(&c->r);
		assert_int_equal(flight_enter(c->followers[i]), FLIGHT_FOLLOW);
	}
	return c;
}

static void
crowd_close(struct crowd *c)
{
	int i;

	flight_free(c->leader);
	for (i = 0; i < CROWD; i++) {
		flight_free(c->followers[i]);
		got_fini(&c->got[i]);
	}
	flight_rig_close(&c->r);
	free(c);
}

static void
crowd_publish(struct crowd *c)
{
	pass_ms(FLIGHT_TICK_MS);
	flight_lead_data(c->leader, c->body + c->len, PIECE);
	c->len += PIECE;
	flight_lead_tick(c->leader, c->body, c->len);
}

/* ---- how often the store is asked ---------------------------------------- */

static void
test_one_asks_for_all(void **state)
{
	struct crowd *c = crowd_open();
	int round, i, gets, segments = 0;

	(void)state;
	for (round = 0; round < ROUNDS; round++) {
		crowd_publish(c);
		gets = c->r.d->gets;
		for (i = 0; i < CROWD; i++) {
			got_poll(&c->got[i], c->followers[i]);
			assert_got(&c->got[i], c->body, c->len);
		}
		/* Once, and once more where a segment was closed. */
		assert_in_range(c->r.d->gets - gets, 1, 2);
		segments += c->r.d->gets - gets == 2;
	}
	assert_in_range(segments, 1, ROUNDS / 2);
	flight_lead_end(c->leader, FLIGHT_COMPLETE, NULL);
	for (i = 0; i < CROWD; i++) {
		got_poll(&c->got[i], c->followers[i]);
		assert_int_equal(c->got[i].state, FLIGHT_COMPLETE);
		assert_got(&c->got[i], c->body, c->len);
	}
	crowd_close(c);
}

static void
test_a_look_that_has_aged_is_taken_anew(void **state)
{
	struct crowd *c = crowd_open();
	int i, gets = c->r.d->gets;

	(void)state;
	for (i = 0; i < CROWD; i++) {
		got_poll(&c->got[i], c->followers[i]);
		pass_ms(WATCH_YOUNG_MS);
	}
	assert_int_equal(c->r.d->gets - gets, CROWD);
	crowd_close(c);
}

static void
test_one_shows_that_they_follow(void **state)
{
	struct crowd *c = crowd_open();
	int t, i, sets;

	(void)state;
	for (t = 0; t < 60; t++) {
		pass_ms(FLIGHT_TICK_MS);
		if (t % 20 == 0)
			store_forgets(&c->r, ":joined");
		sets = c->r.d->sets;
		for (i = 0; i < CROWD; i++)
			got_poll(&c->got[i], c->followers[i]);
		assert_in_range(c->r.d->sets - sets, 0, 1);
		assert_true(flight_lead_followed(c->leader));
		flight_lead_tick(c->leader, NULL, 0);
	}
	crowd_close(c);
}

static void
test_the_failure_of_one_is_that_of_all(void **state)
{
	struct crowd *c = crowd_open();
	int i, round, gets;
	int64_t wait_us;

	(void)state;
	crowd_publish(c);
	for (round = 0; round < 20; round++) {
		wait_us = 0;
		c->r.d->fail_at = 0;
		c->r.d->fail_count = INT32_MAX;
		gets = c->r.d->gets;
		for (i = 0; i < CROWD; i++) {
			got_poll(&c->got[i], c->followers[i]);
			assert_int_equal(c->got[i].state, FLIGHT_LEADING);
			assert_int_equal(c->got[i].bytes.len, 0);
			wait_us = c->got[i].due_us - test_us;
		}
		assert_int_equal(c->r.d->gets - gets, 1);
		pass_ms(20);
	}
	assert_int_equal(wait_us, 250 * 1000);
	c->r.d->fail_count = 0;
	for (i = 0; i < CROWD; i++) {
		got_poll(&c->got[i], c->followers[i]);
		assert_got(&c->got[i], c->body, c->len);
	}
	crowd_close(c);
}

/* The store loses what was just brought, and what is to be brought. */
static void
test_what_is_lost_comes_again(void **state)
{
	struct crowd *c = crowd_open();
	int round, i;

	(void)state;
	for (round = 0; round < ROUNDS; round++) {
		crowd_publish(c);
		if (round % 4 == 0)
			store_forgets(&c->r, ":1");
		if (round % 7 == 0)
			store_forgets(&c->r, ":head");
		for (i = 0; i < CROWD; i += 1 + round % 3)
			got_poll(&c->got[i], c->followers[i]);
	}
	for (round = 0; round < 60; round++) {
		pass_ms(FLIGHT_TICK_MS);
		flight_lead_tick(c->leader, c->body, c->len);
		for (i = 0; i < CROWD; i++)
			got_poll(&c->got[i], c->followers[i]);
	}
	for (i = 0; i < CROWD; i++)
		assert_got(&c->got[i], c->body, c->len);
	crowd_close(c);
}

/* ---- what one is handed -------------------------------------------------- */

static void
test_nobody_is_handed_what_was_before_him(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p);
	got_poll(&p.got, p.follower);
	assert_int_equal(p.got.status, 0);
	give_head(p.leader, 200);
	flight_lead_tick(p.leader, NULL, 0);
	/* No time has passed, but this one enters now. */
	assert_int_equal(flight_enter(p.late), FLIGHT_FOLLOW);
	got_poll(&p.late_got, p.late);
	assert_int_equal(p.late_got.status, 200);
	pair_close(&p);
}

static void
test_nobody_is_handed_the_same_twice(void **state)
{
	struct pair p;
	int gets;

	(void)state;
	pair_open(&p);
	got_poll(&p.got, p.follower);
	gets = p.r.d->gets;
	give_head(p.leader, 200);
	flight_lead_tick(p.leader, NULL, 0);
	got_poll(&p.got, p.follower);
	assert_int_equal(p.got.status, 200);
	assert_int_equal(p.r.d->gets - gets, 1);
	pair_close(&p);
}

/* ---- memory -------------------------------------------------------------- */

static void
test_nothing_is_kept_when_the_last_has_left(void **state)
{
	struct flight_watch *watch;
	struct flight *f;
	struct pair p;
	uint64_t seen;

	(void)state;
	pair_open(&p);
	f = rig_flight(&p.r);
	assert_int_equal(flight_enter(f), FLIGHT_FOLLOW);
	got_poll(&p.got, p.follower);
	flight_free(f);
	watch = flight_watch_join(p.r.cache->watches, p.leader->id, &seen);
	assert_non_null(watch);
	assert_int_equal(seen, 1);
	flight_watch_leave(watch);
	flight_free(p.follower);
	p.follower = NULL;
	watch = flight_watch_join(p.r.cache->watches, p.leader->id, &seen);
	assert_non_null(watch);
	assert_int_equal(seen, 0);
	flight_watch_leave(watch);
	pair_close(&p);
}

/* An heir that leads holds nothing of what it followed. */
static void
test_a_leader_follows_no_more(void **state)
{
	struct flight_watch *watch;
	uint8_t id[FLIGHT_ID_BYTES];
	struct pair p;
	uint64_t seen;

	(void)state;
	pair_open(&p);
	memcpy(id, p.leader->id, sizeof(id));
	flight_free(p.leader);
	p.leader = NULL;
	got_poll(&p.got, p.follower);
	assert_int_equal(p.got.state, FLIGHT_ABANDONED);
	assert_int_equal(flight_enter(p.follower), FLIGHT_LEAD);
	watch = flight_watch_join(p.r.cache->watches, id, &seen);
	assert_non_null(watch);
	assert_int_equal(seen, 0);
	flight_watch_leave(watch);
	pair_close(&p);
}

/* How much of what is kept can be had: segments of so many bytes each. */
static size_t
kept_bytes(const struct flight *f, size_t each, size_t n, struct buf *out)
{
	size_t i;

	buf_reset(out);
	for (i = 0; i < n; i++)
		flight_watch_segment(
		    f->follow.watch, (uint32_t)i, i * each, out);
	return out->len;
}

static void
test_segments_are_kept_within_a_bound(void **state)
{
	static const size_t sizes[] = {4096, 20000, 65536};
	static char piece[65536];
	struct flight *other;
	struct got got;
	struct buf kept;
	struct pair p;
	size_t i, n;

	(void)state;
	buf_init(&kept, 64 << 20);
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		pair_open(&p);
		got_init(&got);
		give_head(p.leader, 200);
		other = rig_flight(&p.r);
		assert_int_equal(flight_enter(other), FLIGHT_FOLLOW);
		for (n = 0; n < 100; n++) {
			got_poll(&p.got, p.follower);
			got_poll(&got, other);
			pass_ms(FLIGHT_TICK_MS);
			flight_lead_data(p.leader, piece, sizes[i]);
		}
		got_poll(&p.got, p.follower);
		assert_int_equal(p.got.bytes.len, 100 * sizes[i]);
		assert_in_range(kept_bytes(other, sizes[i], 100, &kept),
		    3 * sizes[i], WATCH_KEPT_BYTES);
		buf_reset(&kept);
		assert_int_equal(flight_watch_segment(other->follow.watch, 99,
				     99 * sizes[i], &kept),
		    0);
		flight_free(other);
		got_fini(&got);
		pair_close(&p);
	}
	buf_fini(&kept);
}

/* Who is alone gets them from the store, and has them in memory but once. */
static void
test_nothing_is_kept_for_one_alone(void **state)
{
	static char piece[20000];
	struct buf kept;
	struct pair p;
	int n;

	(void)state;
	buf_init(&kept, 64 << 20);
	pair_open(&p);
	give_head(p.leader, 200);
	for (n = 0; n < 10; n++) {
		got_poll(&p.got, p.follower);
		pass_ms(FLIGHT_TICK_MS);
		flight_lead_data(p.leader, piece, sizeof(piece));
	}
	assert_int_equal(kept_bytes(p.follower, sizeof(piece), 10, &kept), 0);
	buf_fini(&kept);
	pair_close(&p);
}

/* ---- threads ------------------------------------------------------------- */

/* A get that is on its way until it is let go. */
struct hold {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	bool wanted, held, free;
};

static struct hold hold = {
    .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static enum store_result
held_get(struct store *s, const char *group, struct store_value *values,
    size_t n, size_t max_bytes)
{
	pthread_mutex_lock(&hold.lock);
	if (hold.wanted) {
		hold.wanted = false;
		hold.held = true;
		pthread_cond_broadcast(&hold.changed);
		while (!hold.free)
			pthread_cond_wait(&hold.changed, &hold.lock);
	}
	pthread_mutex_unlock(&hold.lock);
	return shared_get(s, group, values, n, max_bytes);
}

/* The next get of a cache's store is held. ops: room for its operations. */
static void
hold_next(struct cache *cache, struct store_ops *ops)
{
	*ops = *cache->store->ops;
	ops->get = held_get;
	cache->store->ops = ops;
	hold.wanted = true;
	hold.held = hold.free = false;
}

static void
hold_await(void)
{
	pthread_mutex_lock(&hold.lock);
	while (!hold.held)
		pthread_cond_wait(&hold.changed, &hold.lock);
	pthread_mutex_unlock(&hold.lock);
}

static void
hold_let_go(void)
{
	pthread_mutex_lock(&hold.lock);
	hold.free = true;
	pthread_cond_broadcast(&hold.changed);
	pthread_mutex_unlock(&hold.lock);
}

struct poller {
	pthread_t thread;
	struct flight *f;
	struct got *got;
};

static void *
poll_once(void *arg)
{
	struct poller *p = arg;

	got_poll(p->got, p->f);
	return NULL;
}

static void
poller_start(struct poller *p, struct flight *f, struct got *got)
{
	p->f = f;
	p->got = got;
	assert_int_equal(pthread_create(&p->thread, NULL, poll_once, p), 0);
}

static void
test_all_wait_for_the_one_who_looks(void **state)
{
	struct crowd *c = crowd_open();
	struct poller pollers[CROWD];
	struct store_ops ops;
	int i, gets = c->r.d->gets;

	(void)state;
	hold_next(c->r.cache, &ops);
	poller_start(&pollers[0], c->followers[0], &c->got[0]);
	hold_await();
	for (i = 1; i < CROWD; i++)
		poller_start(&pollers[i], c->followers[i], &c->got[i]);
	/* However old it is by then. */
	crowd_publish(c);
	hold_let_go();
	for (i = 0; i < CROWD; i++) {
		pthread_join(pollers[i].thread, NULL);
		assert_got(&c->got[i], c->body, c->len);
	}
	/* But for one that came so late that it found it done, and old. */
	assert_in_range(c->r.d->gets - gets, 1, 2);
	crowd_close(c);
}

static void
test_nobody_waits_for_a_look_that_is_not_for_him(void **state)
{
	struct store_ops ops;
	struct poller poller;
	struct flight *f;
	struct got got;
	struct pair p;

	(void)state;
	pair_open(&p);
	got_init(&got);
	f = rig_flight(&p.r);
	hold_next(p.r.cache, &ops);
	poller_start(&poller, p.follower, &p.got);
	hold_await();
	give_head(p.leader, 200);
	flight_lead_tick(p.leader, NULL, 0);
	assert_int_equal(flight_enter(f), FLIGHT_FOLLOW);
	got_poll(&got, f);
	assert_int_equal(got.status, 200);
	/* Nor does the other mind that this one leaves. */
	flight_free(f);
	hold_let_go();
	pthread_join(poller.thread, NULL);
	assert_int_equal(p.got.status, 200);
	got_fini(&got);
	pair_close(&p);
}

static pthread_barrier_t round_begins, round_ends;

static void *
poll_rounds(void *arg)
{
	struct poller *p = arg;
	int round;

	for (round = 0; round < ROUNDS; round++) {
		pthread_barrier_wait(&round_begins);
		got_poll(p->got, p->f);
		pthread_barrier_wait(&round_ends);
	}
	return NULL;
}

static void
slowly(struct store_double *d, int call)
{
	struct timespec t = {0, 200 * 1000};

	(void)d;
	(void)call;
	nanosleep(&t, NULL);
}

/* All at once, again and again: one round trip or two do for them all. */
static void
test_threads_in_lockstep(void **state)
{
	struct crowd *c = crowd_open();
	struct poller pollers[CROWD];
	int round, i, gets;

	(void)state;
	c->r.d->before = slowly;
	pthread_barrier_init(&round_begins, NULL, CROWD + 1);
	pthread_barrier_init(&round_ends, NULL, CROWD + 1);
	for (i = 0; i < CROWD; i++) {
		pollers[i] =
		    (struct poller){.f = c->followers[i], .got = &c->got[i]};
		assert_int_equal(pthread_create(&pollers[i].thread, NULL,
				     poll_rounds, &pollers[i]),
		    0);
	}
	for (round = 0; round < ROUNDS; round++) {
		crowd_publish(c);
		gets = c->r.d->gets;
		pthread_barrier_wait(&round_begins);
		pthread_barrier_wait(&round_ends);
		assert_in_range(c->r.d->gets - gets, 1, 2);
		for (i = 0; i < CROWD; i++)
			assert_got(&c->got[i], c->body, c->len);
	}
	for (i = 0; i < CROWD; i++)
		pthread_join(pollers[i].thread, NULL);
	pthread_barrier_destroy(&round_begins);
	pthread_barrier_destroy(&round_ends);
	c->r.d->before = NULL;
	crowd_close(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_one_asks_for_all),
	    cmocka_unit_test(test_a_look_that_has_aged_is_taken_anew),
	    cmocka_unit_test(test_one_shows_that_they_follow),
	    cmocka_unit_test(test_the_failure_of_one_is_that_of_all),
	    cmocka_unit_test(test_what_is_lost_comes_again),
	    cmocka_unit_test(test_nobody_is_handed_what_was_before_him),
	    cmocka_unit_test(test_nobody_is_handed_the_same_twice),
	    cmocka_unit_test(test_nothing_is_kept_when_the_last_has_left),
	    cmocka_unit_test(test_a_leader_follows_no_more),
	    cmocka_unit_test(test_segments_are_kept_within_a_bound),
	    cmocka_unit_test(test_nothing_is_kept_for_one_alone),
	    cmocka_unit_test(test_all_wait_for_the_one_who_looks),
	    cmocka_unit_test(test_nobody_waits_for_a_look_that_is_not_for_him),
	    cmocka_unit_test(test_threads_in_lockstep),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
