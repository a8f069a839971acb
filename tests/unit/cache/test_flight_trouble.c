/*
 * Flights in trouble, move by move, by a clock that the test moves: leaders
 * die or are stopped, others take their place, and the store loses things.
 */
#include "flight_rig.h"

/* ---- death and heirs ----------------------------------------------------- */

/* Whoever follows a silent leader is told in most of a lease, not before. */
static void
test_silence_is_death(void **state)
{
	int64_t start_us;
	struct pair p;

	(void)state;
	pair_open(&p);
	run_flight(p.leader, NULL, 0, &p.got, p.follower, 3 * LEASE_MS);
	assert_int_equal(p.got.state, FLIGHT_LEADING);
	start_us = test_us;
	run_flight(NULL, NULL, 0, &p.got, p.follower, LEASE_MS);
	assert_int_equal(p.got.state, FLIGHT_DEAD);
	assert_true(p.got.due_us - start_us <= DEATH_MS * 1000);
	assert_true(p.got.due_us - start_us >= (DEATH_MS - BEAT_MS) * 1000);
	pair_close(&p);
}

enum { CROWD = 40 };

/* Of many who see it die, in any order, one leads and the rest follow it. */
static void
test_exactly_one_takes_over(void **state)
{
	struct flight *crowd[CROWD];
	enum flight_role role;
	struct got got[CROWD];
	int i, leads = 0;
	struct pair p;

	(void)state;
	pair_open(&p);
	for (i = 0; i < CROWD; i++) {
		crowd[i] = rig_flight(&p.r);
		got_init(&got[i]);
		assert_int_equal(flight_enter(crowd[i]), FLIGHT_FOLLOW);
	}
	rig_kill(&p.r, p.leader);
	p.leader = NULL;
	while (got[0].state == FLIGHT_LEADING) {
		pass_ms(100);
		for (i = 0; i < CROWD; i++)
			got_poll(&got[i], crowd[i]);
	}
	for (i = CROWD - 1; i >= 0; i--) {
		assert_int_equal(got[i].state, FLIGHT_DEAD);
		role = flight_enter(crowd[i]);
		leads += role == FLIGHT_LEAD;
		assert_true(role != FLIGHT_ALONE);
	}
	assert_int_equal(leads, 1);
	for (i = 0; i < CROWD - 1; i++) {
		got_poll(&got[i], crowd[i]);
		assert_int_equal(got[i].state, FLIGHT_LEADING);
	}
	for (i = 0; i < CROWD; i++) {
		flight_free(crowd[i]);
		got_fini(&got[i]);
	}
	pair_close(&p);
}

/* One dies as it takes over: the others wait for its turn to run out. */
static void
test_an_heir_that_dies_is_followed_on(void **state)
{
	struct flight *heir;
	struct pair p;

	(void)state;
	pair_open(&p);
	run_flight(NULL, NULL, 0, &p.got, p.follower, LEASE_MS);
	assert_int_equal(p.got.state, FLIGHT_DEAD);
	heir = rig_flight(&p.r);
	flight_put_lock(p.leader, false); /* it has not run out yet */
	assert_int_equal(flight_be_heir(heir, p.leader->id), STORE_OK);
	flight_free(heir);
	assert_int_equal(flight_enter(p.follower), FLIGHT_FOLLOW);
	p.got.state = FLIGHT_LEADING;
	p.got.polls = 0;
	while (p.got.polls < 1000) {
		got_poll(&p.got, p.follower);
		pass_ms((p.got.due_us - test_us) / 1000);
		if (p.got.state != FLIGHT_DEAD)
			continue;
		if (flight_enter(p.follower) == FLIGHT_LEAD)
			break;
	}
	assert_true(p.got.polls < 200);
	pair_close(&p);
}

static void
test_who_waits_for_an_heir_follows_it(void **state)
{
	struct flight *heir;
	struct pair p;

	(void)state;
	pair_open(&p);
	run_flight(NULL, NULL, 0, &p.got, p.follower, LEASE_MS);
	flight_put_lock(p.leader, false);
	heir = rig_flight(&p.r);
	assert_int_equal(flight_be_heir(heir, p.leader->id), STORE_OK);
	assert_int_equal(flight_enter(p.follower), FLIGHT_FOLLOW);
	got_poll(&p.got, p.follower);
	assert_int_equal(p.got.state, FLIGHT_LEADING);
	memset(heir->id, 0x77, sizeof(heir->id));
	assert_int_equal(flight_put_lock(heir, false), STORE_OK);
	flight_lead_begin(heir);
	give_head(heir, 203);
	flight_lead_tick(heir, NULL, 0);
	got_poll(&p.got, p.follower);
	assert_int_equal(p.got.state, FLIGHT_LEADING);
	flight_lead_end(heir, FLIGHT_COMPLETE, NULL);
	got_poll(&p.got, p.follower);
	assert_int_equal(p.got.state, FLIGHT_COMPLETE);
	assert_int_equal(p.got.status, 203);
	flight_free(heir);
	pair_close(&p);
}

/*
 * A leader is stopped, its place is taken, and it goes on: either one's
 * followers get that one's bytes, and it does not take the lock back.
 */
static void
test_two_leaders_never_mix(void **state)
{
	struct flight *second, *third;
	struct got got;
	struct pair p;

	(void)state;
	pair_open(&p);
	got_init(&got);
	second = rig_flight(&p.r);
	third = rig_flight(&p.r);
	give_head(p.leader, 201);
	flight_lead_data(p.leader, "first", 5);
	assert_int_equal(flight_enter(second), FLIGHT_FOLLOW);
	run_flight(NULL, NULL, 0, &got, second, LEASE_MS);
	assert_int_equal(got.state, FLIGHT_DEAD);
	assert_int_equal(flight_enter(second), FLIGHT_LEAD);
	give_head(second, 202);
	flight_lead_data(second, "second", 6);
	/* The first goes on; its follower was stopped for as long. */
	flight_lead_tick(p.leader, NULL, 0);
	flight_lead_tick(second, NULL, 0);
	pass_ms(2 * BEAT_MS);
	flight_lead_data(p.leader, " and more", 9);
	flight_lead_tick(p.leader, NULL, 0);
	assert_int_equal(flight_enter(third), FLIGHT_FOLLOW);
	got_poll(&p.got, p.follower);
	assert_got(&p.got, "first and more", 14);
	got.bytes.len = 0;
	flight_lead_tick(second, NULL, 0);
	got_poll(&got, third);
	assert_got(&got, "second", 6);
	assert_int_equal(got.status, 202);
	flight_lead_end(p.leader, FLIGHT_COMPLETE, NULL);
	got_poll(&p.got, p.follower);
	assert_int_equal(p.got.state, FLIGHT_COMPLETE);
	assert_int_equal(p.got.status, 201);
	got_poll(&got, third);
	assert_int_equal(got.state, FLIGHT_LEADING);
	/* The first one's end has left the second its lock. */
	assert_int_equal(flight_enter(p.follower), FLIGHT_FOLLOW);
	flight_free(second);
	flight_free(third);
	got_fini(&got);
	pair_close(&p);
}

static void
test_clocks_that_differ_only_delay(void **state)
{
	struct pair p;

	(void)state;
	pair_open_with(&p, "bytes", 5);
	flight_lead_tick(p.leader, NULL, 0);
	rig_skew_ms = 3600 * 1000; /* of the follower's clock */
	got_poll(&p.got, p.follower);
	assert_got(&p.got, "", 0);
	assert_int_equal(p.got.state, FLIGHT_LEADING);
	run_flight(p.leader, NULL, 0, &p.got, p.follower, 2 * BEAT_MS);
	assert_got(&p.got, "bytes", 5);
	pair_close(&p);
}

/* What a dead leader left is not given out. */
static void
test_bytes_of_the_dead_are_not_given_out(void **state)
{
	struct record_holder holder = {.lease_ms = LEASE_MS};
	struct pair p;

	(void)state;
	pair_open_with(&p, "bytes", 5);
	flight_lead_tick(p.leader, NULL, 0);
	pass_ms(DEATH_MS);
	memcpy(holder.id, p.leader->id, sizeof(holder.id));
	flight_follow_begin(p.follower, &holder);
	run_flight(NULL, NULL, 0, &p.got, p.follower, LEASE_MS);
	assert_int_equal(p.got.state, FLIGHT_DEAD);
	assert_got(&p.got, "", 0);
	pair_close(&p);
}

/* A writing that took long arrives after the next one. */
static void
test_a_state_that_comes_late_is_passed_over(void **state)
{
	struct double_item *item, old;
	struct pair p;

	(void)state;
	pair_open(&p);
	give_head(p.leader, 200);
	run_flight(p.leader, NULL, 0, &p.got, p.follower, BEAT_MS);
	flight_lead_data(p.leader, "one ", 4);
	item = double_nth(p.r.d, ":state", 0);
	assert_non_null(item);
	old = *item;
	old.data = malloc(old.len);
	assert_non_null(old.data);
	memcpy(old.data, item->data, old.len);
	pass_ms(FLIGHT_TICK_MS);
	flight_lead_data(p.leader, "two ", 4);
	got_poll(&p.got, p.follower);
	assert_got(&p.got, "one two ", 8);
	double_put(p.r.d, old.name, old.data, old.len, old.ttl_s);
	free(old.data);
	got_poll(&p.got, p.follower);
	assert_int_equal(p.got.state, FLIGHT_LEADING);
	flight_lead_end(p.leader, FLIGHT_COMPLETE, NULL);
	got_poll(&p.got, p.follower);
	assert_int_equal(p.got.state, FLIGHT_COMPLETE);
	assert_got(&p.got, "one two ", 8);
	pair_close(&p);
}

/* A follower that could not look does not mistake that for silence. */
static void
test_time_not_spent_looking_is_no_silence(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p);
	got_poll(&p.got, p.follower);
	run_flight(p.leader, NULL, 0, NULL, NULL, 3 * LEASE_MS);
	store_forgets(&p.r, ":state");
	got_poll(&p.got, p.follower);
	assert_int_equal(p.got.state, FLIGHT_LEADING);
	run_flight(p.leader, NULL, 0, &p.got, p.follower, LEASE_MS);
	assert_int_equal(p.got.state, FLIGHT_LEADING);
	pair_close(&p);
}

/* ---- the store loses things ---------------------------------------------- */

static void
test_a_restart_in_mid_flight_heals(void **state)
{
	size_t len = 200 * 1000;
	struct pair p;
	char *body = new_body(len, 5);

	(void)state;
	pair_open_with(&p, body, len / 2);
	run_flight(p.leader, body, len / 2, &p.got, p.follower, BEAT_MS);
	store_forgets(&p.r, "");
	flight_lead_data(p.leader, body + len / 2, len / 2);
	run_flight(p.leader, body, len, &p.got, p.follower, 2 * BEAT_MS);
	assert_got(&p.got, body, len);
	assert_int_equal(flight_enter(p.late), FLIGHT_FOLLOW);
	run_flight(p.leader, body, len, &p.late_got, p.late, 2 * BEAT_MS);
	assert_got(&p.late_got, body, len);
	flight_lead_end(p.leader, FLIGHT_COMPLETE, NULL);
	got_poll(&p.late_got, p.late);
	assert_int_equal(p.late_got.state, FLIGHT_COMPLETE);
	free(body);
	pair_close(&p);
}

/* Without the bytes, those who have them go on, and nobody joins. */
static void
test_a_restart_without_the_bytes_lets_nobody_in(void **state)
{
	size_t len = 100 * 1000;
	struct pair p;
	char *body = new_body(len, 6);

	(void)state;
	pair_open_with(&p, body, len - 10);
	run_flight(p.leader, NULL, 0, &p.got, p.follower, 4 * FLIGHT_TICK_MS);
	assert_got(&p.got, body, len - 10);
	store_forgets(&p.r, "");
	run_flight(p.leader, NULL, 0, &p.got, p.follower, 2 * BEAT_MS);
	flight_lead_data(p.leader, body + len - 10, 10);
	run_flight(p.leader, NULL, 0, &p.got, p.follower, 4 * FLIGHT_TICK_MS);
	assert_got(&p.got, body, len);
	assert_int_equal(flight_enter(p.late), FLIGHT_LEAD);
	free(body);
	pair_close(&p);
}

/* Each kind of value in turn is lost, and comes back when it is needed. */
static void
test_what_is_evicted_comes_back(void **state)
{
	static const char *const parts[] = {":lock", ":state", ":head", ":0",
	    ":1", ":joined"};
	size_t len = 200 * 1000, i;
	struct pair p;
	char *body = new_body(len, 7);

	(void)state;
	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		pair_open_with(&p, body, len);
		run_flight(p.leader, body, len, &p.got, p.follower, BEAT_MS);
		assert_int_equal(flight_enter(p.late), FLIGHT_FOLLOW);
		store_forgets(&p.r, parts[i]);
		run_flight(p.leader, body, len, &p.late_got, p.late,
		    3 * BEAT_MS);
		assert_got(&p.late_got, body, len);
		assert_int_equal(flight_enter(p.late), FLIGHT_FOLLOW);
		pair_close(&p);
	}
	free(body);
}

static void
test_lost_bytes_nobody_has_are_death(void **state)
{
	size_t len = 200 * 1000;
	struct pair p;
	char *body = new_body(len, 8);

	(void)state;
	pair_open_with(&p, body, len);
	assert_int_equal(flight_enter(p.late), FLIGHT_FOLLOW);
	store_forgets(&p.r, ":1");
	run_flight(p.leader, NULL, 0, &p.late_got, p.late, 2 * LEASE_MS);
	assert_int_equal(p.late_got.state, FLIGHT_DEAD);
	assert_true(p.late_got.bytes.len > 0 && p.late_got.bytes.len < len);
	assert_memory_equal(p.late_got.bytes.data, body, p.late_got.bytes.len);
	/* The leader has seen that nobody can join it any more. */
	assert_int_equal(flight_enter(p.late), FLIGHT_LEAD);
	free(body);
	pair_close(&p);
}

static void
test_without_the_store_nobody_follows(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p);
	p.r.d->fail_count = INT32_MAX;
	assert_int_equal(flight_enter(p.late), FLIGHT_LEAD);
	run_flight(p.leader, NULL, 0, &p.got, p.follower, LEASE_MS);
	assert_int_equal(p.got.state, FLIGHT_DEAD);
	assert_int_equal(flight_enter(p.follower), FLIGHT_LEAD);
	p.r.found.epoch_known = false;
	assert_null(flight_new(p.r.cache, "default", p.r.key, &p.r.found,
	    &p.r.config));
	pair_close(&p);
}

/* While the store is away, a leader asks it about once in a tick. */
static void
test_a_store_that_is_away_is_asked_seldom(void **state)
{
	size_t len = 3 * (8 << 20), at;
	char *body = calloc(1, len);
	struct pair p;
	int calls;

	(void)state;
	assert_non_null(body);
	pair_open(&p);
	give_head(p.leader, 200);
	p.r.d->fail_at = p.r.d->calls;
	p.r.d->fail_count = INT32_MAX;
	calls = p.r.d->calls;
	for (at = 0; at < len; at += 100000) {
		flight_lead_data(p.leader, body + at,
		    len - at < 100000 ? len - at : 100000);
		flight_lead_tick(p.leader, NULL, 0);
		pass_ms(5);
		assert_true(p.leader->lead.open.len <=
		    p.r.config.max_bytes);
	}
	calls = p.r.d->calls - calls;
	assert_true(calls <= (int)(len / 100000 * 5) / FLIGHT_TICK_MS + 4);
	free(body);
	pair_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_silence_is_death),
	    cmocka_unit_test(test_exactly_one_takes_over),
	    cmocka_unit_test(test_an_heir_that_dies_is_followed_on),
	    cmocka_unit_test(test_who_waits_for_an_heir_follows_it),
	    cmocka_unit_test(test_two_leaders_never_mix),
	    cmocka_unit_test(test_clocks_that_differ_only_delay),
	    cmocka_unit_test(test_bytes_of_the_dead_are_not_given_out),
	    cmocka_unit_test(test_a_state_that_comes_late_is_passed_over),
	    cmocka_unit_test(test_time_not_spent_looking_is_no_silence),
	    cmocka_unit_test(test_a_restart_in_mid_flight_heals),
	    cmocka_unit_test(test_a_restart_without_the_bytes_lets_nobody_in),
	    cmocka_unit_test(test_what_is_evicted_comes_back),
	    cmocka_unit_test(test_lost_bytes_nobody_has_are_death),
	    cmocka_unit_test(test_without_the_store_nobody_follows),
	    cmocka_unit_test(test_a_store_that_is_away_is_asked_seldom),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
