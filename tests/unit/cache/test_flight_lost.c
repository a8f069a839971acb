/*
 * A store that stalls for a moment, by a clock that the test moves: it does
 * not answer, though it may have done what it was asked to. Nobody waits for
 * a leader that is none, and no end is lost.
 */
#include "flight_rig.h"

/* So many calls from here on are not answered; carried out, or not. */
static void
store_stalls(struct flight_rig *r, int calls, bool carries_out)
{
	r->d->fail_at = r->d->calls;
	r->d->fail_count = calls;
	r->d->lost_answer = carries_out;
}

static void
store_is_back(struct flight_rig *r)
{
	r->d->fail_count = 0;
}

static bool
is_locked(struct flight_rig *r)
{
	return double_nth(r->d, ":lock", 0) != NULL;
}

/* ---- who leads ----------------------------------------------------------- */

/* The leader goes through it; the follower gets it all, and at once. */
static void
check_flight(struct pair *p)
{
	int64_t start_us = test_us;

	give_head(p->leader, 200);
	flight_lead_data(p->leader, "all", 3);
	run_flight(p->leader, "all", 3, &p->got, p->follower,
	    2 * FLIGHT_TICK_MS);
	assert_got(&p->got, "all", 3);
	flight_lead_end(p->leader, FLIGHT_COMPLETE, NULL);
	got_poll(&p->got, p->follower);
	assert_int_equal(p->got.state, FLIGHT_COMPLETE);
	assert_true(test_us - start_us < BEAT_MS * 1000);
	assert_false(is_locked(&p->r));
}

static void
test_a_lock_that_may_be_ours_is_led(void **state)
{
	struct pair p;

	(void)state;
	pair_open_chunks(&p, RIG_CHUNK_BYTES);
	store_stalls(&p.r, 3, true);
	assert_int_equal(flight_enter(p.leader), FLIGHT_LEAD);
	store_is_back(&p.r);
	assert_true(is_locked(&p.r));
	assert_int_equal(flight_enter(p.follower), FLIGHT_FOLLOW);
	check_flight(&p);
	pair_close(&p);
}

static void
test_a_lock_that_was_not_set_is_set_later(void **state)
{
	struct pair p;

	(void)state;
	pair_open_chunks(&p, RIG_CHUNK_BYTES);
	store_stalls(&p.r, 3, false);
	assert_int_equal(flight_enter(p.leader), FLIGHT_LEAD);
	store_is_back(&p.r);
	assert_false(is_locked(&p.r));
	run_flight(p.leader, "", 0, NULL, NULL, BEAT_MS + FLIGHT_TICK_MS);
	assert_int_equal(flight_enter(p.follower), FLIGHT_FOLLOW);
	check_flight(&p);
	pair_close(&p);
}

/* Somebody else's lock stays what it is. */
static void
test_who_leads_beside_another_is_not_followed(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p);
	store_stalls(&p.r, 1, true);
	assert_int_equal(flight_enter(p.late), FLIGHT_LEAD);
	store_is_back(&p.r);
	give_head(p.late, 201);
	flight_lead_data(p.late, "other", 5);
	run_flight(p.late, "other", 5, NULL, NULL, 2 * BEAT_MS);
	flight_lead_end(p.late, FLIGHT_COMPLETE, NULL);
	assert_true(is_locked(&p.r));
	check_flight(&p);
	pair_close(&p);
}

/* The heir sets the lock, and is not told so. */
static void
test_an_heir_that_may_have_the_lock_leads(void **state)
{
	struct pair p;
	int i;

	(void)state;
	pair_open(&p);
	run_flight(NULL, NULL, 0, &p.got, p.follower, LEASE_MS);
	assert_int_equal(p.got.state, FLIGHT_DEAD);
	flight_put_lock(p.leader, false); /* it has not run out yet */
	rig_kill(&p.r, p.leader);
	p.leader = p.follower;
	p.follower = p.late;
	p.late = NULL;
	i = p.r.d->calls;
	/* add, get; add of the heir's mark, get; set; the first state */
	p.r.d->fail_at = i + 4;
	p.r.d->fail_count = 1;
	p.r.d->lost_answer = true;
	assert_int_equal(flight_enter(p.leader), FLIGHT_LEAD);
	assert_int_equal(p.r.d->calls, i + 6);
	p.got.state = FLIGHT_LEADING;
	assert_int_equal(flight_enter(p.follower), FLIGHT_FOLLOW);
	check_flight(&p);
	pair_close(&p);
}

/* ---- ends ---------------------------------------------------------------- */

static void
check_landing(enum flight_state how, const char *bytes, bool carries_out)
{
	struct err err = ERR_INIT;
	struct pair p;

	err_set(&err, ERR_UPSTREAM_TIMEOUT, "no byte for %d s", 3);
	pair_open(&p);
	if (how != FLIGHT_FAILED) {
		give_head(p.leader, 200);
		flight_lead_data(p.leader, bytes, 4);
		pass_ms(FLIGHT_TICK_MS);
		flight_lead_tick(p.leader, NULL, 0);
	}
	got_poll(&p.got, p.follower);
	store_stalls(&p.r, INT32_MAX, carries_out);
	if (how != FLIGHT_FAILED)
		flight_lead_data(p.leader, bytes + 4, strlen(bytes) - 4);
	flight_lead_end(p.leader, how, &err);
	assert_false(flight_lead_landed(p.leader));
	run_flight(NULL, NULL, 0, &p.got, p.follower, DEATH_MS / 2);
	assert_int_equal(p.got.state, FLIGHT_LEADING);
	assert_false(flight_lead_landed(p.leader));
	store_is_back(&p.r);
	pass_ms(FLIGHT_TICK_MS);
	assert_true(flight_lead_landed(p.leader));
	got_poll(&p.got, p.follower);
	assert_int_equal(p.got.state, how);
	assert_got(&p.got, bytes, strlen(bytes));
	if (how != FLIGHT_COMPLETE)
		assert_int_equal(p.got.err.code, ERR_UPSTREAM_TIMEOUT);
	assert_false(is_locked(&p.r));
	assert_int_equal(flight_enter(p.late), FLIGHT_LEAD);
	pair_close(&p);
}

static void
test_an_end_comes_through_when_the_store_is_back(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < 2; i++) {
		check_landing(FLIGHT_COMPLETE, "all of it", i == 0);
		check_landing(FLIGHT_BROKEN, "part of it", i == 0);
		check_landing(FLIGHT_FAILED, "", i == 0);
	}
}

static void
test_an_end_that_was_told_is_told_once(void **state)
{
	struct pair p;
	int calls;

	(void)state;
	pair_open_with(&p, "all", 3);
	flight_lead_end(p.leader, FLIGHT_COMPLETE, NULL);
	calls = p.r.d->calls;
	assert_true(flight_lead_landed(p.leader));
	assert_true(flight_lead_landed(p.follower));
	assert_int_equal(p.r.d->calls, calls);
	pair_close(&p);
}

/* The store stalls as the leader lets nobody in any more. */
static void
check_close(int stalled_calls, bool carries_out)
{
	struct pair p;

	pair_open_with(&p, "bytes", 5);
	store_stalls(&p.r, stalled_calls, carries_out);
	flight_lead_close(p.leader);
	store_is_back(&p.r);
	run_flight(p.leader, "bytes", 5, &p.got, p.follower,
	    2 * FLIGHT_TICK_MS);
	assert_false(is_locked(&p.r));
	assert_int_equal(flight_enter(p.late), FLIGHT_LEAD);
	flight_lead_end(p.leader, FLIGHT_COMPLETE, NULL);
	got_poll(&p.got, p.follower);
	assert_int_equal(p.got.state, FLIGHT_COMPLETE);
	assert_got(&p.got, "bytes", 5);
	assert_true(is_locked(&p.r));
	pair_close(&p);
}

static void
test_a_lock_is_let_go_when_the_store_is_back(void **state)
{
	int calls;

	(void)state;
	for (calls = 0; calls < 4; calls++) {
		check_close(calls, true);
		check_close(calls, false);
	}
}

/* ---- who follows --------------------------------------------------------- */

/* The leader's client has left; what tells of followers is lost. */
static void
test_followers_are_not_forgotten(void **state)
{
	struct pair p;
	int i;

	(void)state;
	pair_open(&p);
	for (i = 0; i < 40; i++) {
		if (i % 4 == 0)
			store_forgets(&p.r, ":joined");
		assert_true(flight_lead_followed(p.leader) || i == 0);
		run_flight(p.leader, NULL, 0, &p.got, p.follower, 50);
	}
	for (i = 0; i < 20; i++) {
		store_forgets(&p.r, ":joined");
		run_flight(p.leader, NULL, 0, NULL, NULL, 50);
		(void)flight_lead_followed(p.leader);
	}
	assert_false(flight_lead_followed(p.leader));
	pair_close(&p);
}

/* Asked every tick for a second: what is said at its end. */
static bool
followed_for_a_second(struct flight *leader)
{
	bool followed = true;
	int i;

	for (i = 0; i < 1000 / FLIGHT_TICK_MS; i++) {
		pass_ms(FLIGHT_TICK_MS);
		followed = flight_lead_followed(leader);
	}
	return followed;
}

/* Where a machine stood still, those who follow did so, too. */
static void
test_standing_still_is_not_being_left(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p);
	run_flight(p.leader, NULL, 0, &p.got, p.follower, 100);
	assert_true(flight_lead_followed(p.leader));
	pass_ms(3000);
	assert_true(flight_lead_followed(p.leader));
	assert_false(followed_for_a_second(p.leader));
	pair_close(&p);
}

/* Asked for the first time while the store stalls: it is not known. */
static void
test_followers_are_not_denied_unasked(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p);
	store_stalls(&p.r, INT32_MAX, false);
	assert_true(flight_lead_followed(p.leader));
	assert_false(followed_for_a_second(p.leader));
	store_is_back(&p.r);
	assert_true(flight_lead_followed(p.leader));
	pair_close(&p);
}

/* Somebody who comes just before a certain call of the leader's. */
static struct {
	struct flight *f;
	int at; /* a call of the store */
	enum flight_role role;
	struct got got;
} comer;

static void
come(struct store_double *d, int call)
{
	(void)d;
	if (call != comer.at)
		return;
	comer.role = flight_enter(comer.f);
	if (comer.role == FLIGHT_FOLLOW)
		got_poll(&comer.got, comer.f);
}

/*
 * A leader whose client has left gives up, unless it is followed; at its
 * call number at somebody comes. Whether the flight was given up.
 */
static bool
check_comer(int at, bool *came)
{
	struct flight_rig r;
	struct flight *leader;
	bool followed;

	flight_rig_open(&r);
	leader = rig_flight(&r);
	comer.f = rig_flight(&r);
	got_init(&comer.got);
	assert_int_equal(flight_enter(leader), FLIGHT_LEAD);
	give_head(leader, 200);
	flight_lead_data(leader, "half", 4);
	pass_ms(FLIGHT_TICK_MS);
	flight_lead_tick(leader, NULL, 0);
	comer.at = r.d->calls + at;
	r.d->before = come;
	followed = flight_lead_followed(leader);
	if (!followed)
		flight_lead_end(leader, FLIGHT_ABANDONED, NULL);
	r.d->before = NULL;
	*came = comer.at < r.d->calls;
	if (*came && comer.role == FLIGHT_FOLLOW) {
		pass_ms(FLIGHT_TICK_MS);
		flight_lead_tick(leader, NULL, 0);
		got_poll(&comer.got, comer.f);
		assert_got(&comer.got, "half", followed ? 4 : 0);
		assert_int_equal(comer.got.state, followed ? FLIGHT_LEADING
		    : FLIGHT_ABANDONED);
		if (!followed)
			assert_int_equal(flight_enter(comer.f), FLIGHT_LEAD);
	}
	got_fini(&comer.got);
	flight_free(comer.f);
	flight_free(leader);
	flight_rig_close(&r);
	return !followed;
}

static void
test_who_comes_as_the_leader_leaves_has_all_or_nothing(void **state)
{
	bool came = true, given_up = false, kept = false;
	int at;

	(void)state;
	for (at = 0; came; at++) {
		if (check_comer(at, &came))
			given_up = true;
		else
			kept = true;
	}
	assert_true(given_up && kept);
}

/* Who is behind when all is over still gets it, though its mark is lost. */
static void
test_who_is_behind_keeps_what_it_needs(void **state)
{
	size_t len = 100 * 1000;
	char *body = new_body(len, 9);
	struct pair p;

	(void)state;
	pair_open(&p);
	got_poll(&p.got, p.follower);
	give_head(p.leader, 200);
	flight_lead_data(p.leader, body, len);
	run_flight(p.leader, body, len, NULL, NULL, BEAT_MS);
	store_forgets(&p.r, ":joined");
	flight_lead_end(p.leader, FLIGHT_COMPLETE, NULL);
	flight_free(p.leader);
	p.leader = NULL;
	run_flight(NULL, NULL, 0, &p.got, p.follower, BEAT_MS);
	assert_int_equal(p.got.state, FLIGHT_COMPLETE);
	assert_got(&p.got, body, len);
	free(body);
	pair_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_lock_that_may_be_ours_is_led),
	    cmocka_unit_test(test_a_lock_that_was_not_set_is_set_later),
	    cmocka_unit_test(test_who_leads_beside_another_is_not_followed),
	    cmocka_unit_test(test_an_heir_that_may_have_the_lock_leads),
	    cmocka_unit_test(test_an_end_comes_through_when_the_store_is_back),
	    cmocka_unit_test(test_an_end_that_was_told_is_told_once),
	    cmocka_unit_test(test_a_lock_is_let_go_when_the_store_is_back),
	    cmocka_unit_test(test_followers_are_not_forgotten),
	    cmocka_unit_test(test_standing_still_is_not_being_left),
	    cmocka_unit_test(test_followers_are_not_denied_unasked),
	    cmocka_unit_test(
		test_who_comes_as_the_leader_leaves_has_all_or_nothing),
	    cmocka_unit_test(test_who_is_behind_keeps_what_it_needs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
