/*
 * Pools of different leases share a store: a leader is judged by its own
 * lease, whatever that of who follows it is. By a clock that the test moves.
 */
#include "flight_rig.h"

enum { SHORT_MS = 500, LONG_MS = 60 * 1000 };

/* A leader and its followers, of different leases. */
static void
pools_open(struct pair *p, int64_t lead_ms, int64_t follow_ms)
{
	flight_rig_open(&p->r);
	got_init(&p->got);
	got_init(&p->late_got);
	p->r.config.lease_ms = lead_ms;
	p->leader = rig_flight(&p->r);
	p->r.config.lease_ms = follow_ms;
	p->follower = rig_flight(&p->r);
	p->late = rig_flight(&p->r);
	assert_int_equal(flight_enter(p->leader), FLIGHT_LEAD);
	assert_int_equal(flight_enter(p->follower), FLIGHT_FOLLOW);
}

/* How long it takes the follower to be told, from now on, in ms. */
static int64_t
time_to_death_ms(struct pair *p)
{
	int64_t start_us = test_us;

	while (p->got.state == FLIGHT_LEADING)
		run_flight(NULL, NULL, 0, &p->got, p->follower,
		    FLIGHT_TICK_MS);
	assert_int_equal(p->got.state, FLIGHT_DEAD);
	return (test_us - start_us) / 1000;
}

static void
check_death(int64_t lead_ms, int64_t follow_ms)
{
	struct pair p;

	pools_open(&p, lead_ms, follow_ms);
	run_flight(p.leader, NULL, 0, &p.got, p.follower,
	    3 * (lead_ms + follow_ms));
	assert_int_equal(p.got.state, FLIGHT_LEADING);
	assert_in_range(time_to_death_ms(&p), lead_ms * 3 / 5,
	    lead_ms * 4 / 5 + FLIGHT_TICK_MS);
	/* It leads by its own lease then. */
	rig_kill(&p.r, p.leader);
	p.leader = p.late;
	p.late = NULL;
	assert_int_equal(flight_enter(p.follower), FLIGHT_LEAD);
	assert_int_equal(flight_enter(p.leader), FLIGHT_FOLLOW);
	run_flight(p.follower, NULL, 0, &p.late_got, p.leader,
	    3 * (lead_ms + follow_ms));
	assert_int_equal(p.late_got.state, FLIGHT_LEADING);
	run_flight(NULL, NULL, 0, &p.late_got, p.leader, follow_ms);
	assert_int_equal(p.late_got.state, FLIGHT_DEAD);
	pair_close(&p);
}

static void
test_a_leader_is_judged_by_its_own_lease(void **state)
{
	(void)state;
	check_death(LONG_MS, SHORT_MS);
	check_death(SHORT_MS, LONG_MS);
	check_death(LEASE_MS, LEASE_MS);
}

/* Killed between its lock and its first state, or the state was evicted. */
static void
check_death_without_state(int64_t lead_ms, int64_t follow_ms)
{
	struct pair p;

	pools_open(&p, lead_ms, follow_ms);
	store_forgets(&p.r, ":state");
	assert_in_range(time_to_death_ms(&p), lead_ms * 3 / 5,
	    lead_ms * 4 / 5 + FLIGHT_TICK_MS);
	pair_close(&p);
}

static void
test_so_it_is_before_its_first_state(void **state)
{
	(void)state;
	check_death_without_state(LONG_MS, SHORT_MS);
	check_death_without_state(SHORT_MS, LONG_MS);
}

/* What was lost comes back when its leader next looks, however long that is. */
static void
test_what_is_lost_is_waited_for_by_the_leaders_lease(void **state)
{
	size_t len = 200 * 1000;
	char *body = new_body(len, 5);
	struct pair p;

	(void)state;
	pools_open(&p, LONG_MS, SHORT_MS);
	give_head(p.leader, 200);
	flight_lead_data(p.leader, body, len);
	run_flight(p.leader, body, len, NULL, NULL, LONG_MS / 5);
	store_forgets(&p.r, ":1");
	run_flight(p.leader, body, len, &p.got, p.follower, LONG_MS / 2);
	assert_got(&p.got, body, len);
	assert_int_equal(p.got.state, FLIGHT_LEADING);
	free(body);
	pair_close(&p);
}

/* Who comes as a leader has just died of its short lease gets nothing of it. */
static void
test_the_dead_are_not_fresh_by_a_longer_lease(void **state)
{
	struct pair p;

	(void)state;
	pools_open(&p, SHORT_MS, LONG_MS);
	give_head(p.leader, 200);
	flight_lead_data(p.leader, "bytes", 5);
	flight_lead_tick(p.leader, NULL, 0);
	run_flight(NULL, NULL, 0, NULL, NULL, SHORT_MS * 4 / 5);
	assert_int_equal(flight_enter(p.late), FLIGHT_FOLLOW);
	run_flight(NULL, NULL, 0, &p.late_got, p.late, SHORT_MS);
	assert_int_equal(p.late_got.state, FLIGHT_DEAD);
	assert_got(&p.late_got, "", 0);
	pair_close(&p);
}

/* A dead heir's place is free soon, though the dead leader's lease was long. */
static void
test_a_dead_heir_of_a_long_lease_is_soon_replaced(void **state)
{
	struct flight *heir;
	int64_t start_us;
	struct pair p;

	(void)state;
	pools_open(&p, LONG_MS, SHORT_MS);
	(void)time_to_death_ms(&p);
	flight_put_lock(p.leader, false); /* it has not run out yet */
	heir = rig_flight(&p.r);
	assert_int_equal(flight_be_heir(heir, p.leader->id), STORE_OK);
	rig_kill(&p.r, heir);
	start_us = test_us;
	while (flight_enter(p.follower) == FLIGHT_FOLLOW) {
		p.got.state = FLIGHT_LEADING;
		(void)time_to_death_ms(&p);
		assert_true(test_us - start_us < 5 * 1000 * 1000);
	}
	assert_int_equal(p.follower->part, PART_LEADS);
	pair_close(&p);
}

/* What a pool of another version of all this says is nothing to us. */
static void
test_another_versions_lock_is_left_alone(void **state)
{
	struct double_item *item;
	char name[NAMES_BYTES];
	struct pair p;

	(void)state;
	pair_open_chunks(&p, RIG_CHUNK_BYTES);
	names_lock(name, p.leader->names.manifest, p.r.found.epoch,
	    RECORD_VERSION - 1);
	double_put(p.r.d, name, "theirs", 6, 60);
	assert_int_equal(flight_enter(p.leader), FLIGHT_LEAD);
	assert_int_equal(flight_enter(p.follower), FLIGHT_FOLLOW);
	flight_lead_end(p.leader, FLIGHT_ABANDONED, NULL);
	item = double_nth(p.r.d, name, 0);
	assert_non_null(item);
	assert_int_equal(item->len, 6);
	assert_memory_equal(item->data, "theirs", 6);
	pair_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_leader_is_judged_by_its_own_lease),
	    cmocka_unit_test(test_so_it_is_before_its_first_state),
	    cmocka_unit_test(
		test_what_is_lost_is_waited_for_by_the_leaders_lease),
	    cmocka_unit_test(test_the_dead_are_not_fresh_by_a_longer_lease),
	    cmocka_unit_test(
		test_a_dead_heir_of_a_long_lease_is_soon_replaced),
	    cmocka_unit_test(test_another_versions_lock_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
