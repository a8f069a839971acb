/*
 * A crowd of threads at once, by the real clock: over a store in memory, and
 * over a real memcached.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "flight_rig.h"
#include "memcached_rig.h"

enum {
	THREADS = 16, BODY_BYTES = 400 * 1000, PIECES = 60,
	/* By the real clock: longer than a busy machine keeps one waiting. */
	LONG_LEASE_MS = 30 * 1000,
	/* Its beats are waited for. */
	SHORT_LEASE_MS = 10 * 1000
};

struct crowd {
	struct flight_rig r;
	char body[BODY_BYTES];
	_Atomic int leads, whole, alone, others;
	_Atomic bool landed; /* the flight has ended */
	pthread_barrier_t start;
};

static void
sleep_ms(int64_t ms)
{
	struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};

	nanosleep(&t, NULL);
}

/* The body comes in pieces of any size, some of them after a while. */
static void
lead(struct crowd *c, struct flight *f)
{
	size_t at = 0, n;
	int i;

	give_head(f, 200);
	for (i = 1; i <= PIECES; i++) {
		n = i == PIECES ? BODY_BYTES - at
				: (size_t)(uint8_t)c->body[i] * 40;
		flight_lead_data(f, c->body + at, n);
		at += n;
		sleep_ms((uint8_t)c->body[i] % 8);
		flight_lead_tick(f, c->body, at);
	}
	c->landed = true;
	flight_lead_end(f, FLIGHT_COMPLETE, NULL);
}

static void
follow(struct crowd *c, struct flight *f)
{
	struct flight_news news;
	size_t at = 0;
	bool same = true;

	do {
		flight_follow_poll(f, &news);
		same = same && news.len <= BODY_BYTES - at &&
		    memcmp(news.bytes != NULL ? news.bytes : "",
		    c->body + at, news.len) == 0;
		at += news.len;
		sleep_ms(news.wait_ms);
	} while (same && news.state == FLIGHT_LEADING);
	if (same && at == BODY_BYTES && news.state == FLIGHT_COMPLETE &&
	    news.head != NULL && news.head->status == 200)
		c->whole++;
	else
		c->others++;
}

static void *
come(void *arg)
{
	struct crowd *c = arg;
	struct flight *f = flight_new(c->r.cache, "default", c->r.key,
	    &c->r.found, &c->r.config);
	unsigned late_ms;

	pthread_barrier_wait(&c->start);
	/* Half of them come later, some time within the flight. */
	if (digest_random(&late_ms, sizeof(late_ms)) == 0 && late_ms % 2 == 0)
		sleep_ms(late_ms / 2 % 150);
	switch (flight_enter(f)) {
	case FLIGHT_LEAD:
		/* Whoever comes after the end leads a flight of its own. */
		if (!c->landed)
			c->leads++;
		else
			c->whole++;
		lead(c, f);
		break;
	case FLIGHT_FOLLOW:
		follow(c, f);
		break;
	case FLIGHT_ALONE:
		c->alone++;
		break;
	}
	flight_free(f);
	return NULL;
}

static void
fly(struct crowd *c)
{
	pthread_t threads[THREADS];
	int i;

	fill_body(c->body, sizeof(c->body), 11);
	pthread_barrier_init(&c->start, NULL, THREADS);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, come, c),
		    0);
	for (i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	pthread_barrier_destroy(&c->start);
	assert_int_equal(c->leads, 1);
	assert_int_equal(c->alone, 0);
	assert_int_equal(c->others, 0);
	assert_int_equal(c->whole, THREADS - 1);
}

static void
test_a_crowd_over_a_store_in_memory(void **state)
{
	struct crowd *c = calloc(1, sizeof(*c));

	(void)state;
	assert_non_null(c);
	flight_rig_open(&c->r);
	c->r.config.lease_ms = LONG_LEASE_MS;
	fly(c);
	flight_rig_close(&c->r);
	free(c);
}

static void
test_a_crowd_over_memcached(void **state)
{
	struct cache_config config = {.chunk_bytes = 512 * 1024,
	    .max_entry_bytes = 1 << 20};
	struct crowd *c = calloc(1, sizeof(*c));
	struct rig m;

	(void)state;
	assert_non_null(c);
	rig_open(&m, 1);
	c->r.cache = cache_new(open_store(m.servers[0].path, 8, PATIENCE_MS,
	    1000), &config);
	assert_non_null(c->r.cache);
	assert_int_equal(cache_lookup(c->r.cache, "default", c->r.key,
	    &c->r.found), CACHE_MISS);
	c->r.config.lease_ms = LONG_LEASE_MS;
	c->r.config.max_bytes = 1 << 20;
	fly(c);
	cache_found_fini(&c->r.found);
	cache_free(c->r.cache);
	rig_close(&m);
	free(c);
}

/* memcached is killed and started anew in the middle. */
static void
test_a_restart_of_memcached(void **state)
{
	struct cache_config config = {.chunk_bytes = 512 * 1024,
	    .max_entry_bytes = 1 << 20};
	struct flight_config fast = {.lease_ms = SHORT_LEASE_MS,
	    .max_bytes = 1 << 20};
	int64_t until_us = clock_steady_us() + (int64_t)PATIENCE_MS * 1000;
	struct crowd *c = calloc(1, sizeof(*c));
	struct flight *leader, *follower;
	struct rig m;
	struct got got;

	(void)state;
	assert_non_null(c);
	got_init(&got);
	fill_body(c->body, sizeof(c->body), 12);
	rig_open(&m, 1);
	c->r.cache = cache_new(open_store(m.servers[0].path, 4, PATIENCE_MS, 50),
	    &config);
	assert_int_equal(cache_lookup(c->r.cache, "default", c->r.key,
	    &c->r.found), CACHE_MISS);
	leader = flight_new(c->r.cache, "default", c->r.key, &c->r.found,
	    &fast);
	follower = flight_new(c->r.cache, "default", c->r.key, &c->r.found,
	    &fast);
	assert_int_equal(flight_enter(leader), FLIGHT_LEAD);
	give_head(leader, 200);
	flight_lead_data(leader, c->body, BODY_BYTES / 2);
	assert_int_equal(flight_enter(follower), FLIGHT_FOLLOW);
	got_poll(&got, follower);
	assert_true(got.bytes.len > 0);
	server_kill(&m.servers[0]);
	flight_lead_tick(leader, c->body, BODY_BYTES / 2);
	server_start(&m.servers[0]);
	flight_lead_data(leader, c->body + BODY_BYTES / 2, BODY_BYTES / 2);
	while (got.bytes.len < BODY_BYTES && got.state == FLIGHT_LEADING) {
		assert_true(clock_steady_us() < until_us);
		sleep_ms(10);
		flight_lead_tick(leader, c->body, BODY_BYTES);
		got_poll(&got, follower);
	}
	flight_lead_end(leader, FLIGHT_COMPLETE, NULL);
	while (got.state == FLIGHT_LEADING)
		got_poll(&got, follower);
	assert_int_equal(got.state, FLIGHT_COMPLETE);
	assert_int_equal(got.bytes.len, BODY_BYTES);
	assert_memory_equal(got.bytes.data, c->body, BODY_BYTES);
	flight_free(leader);
	flight_free(follower);
	cache_found_fini(&c->r.found);
	cache_free(c->r.cache);
	rig_close(&m);
	got_fini(&got);
	free(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_crowd_over_a_store_in_memory),
	    cmocka_unit_test(test_a_crowd_over_memcached),
	    cmocka_unit_test(test_a_restart_of_memcached),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
