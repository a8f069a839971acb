/*
 * Flights, move by move, by a clock that the test moves: who leads, who may
 * join, what followers get, how it ends, and how much it may take up.
 */
#include "flight_rig.h"

enum { CROWD = 40 };

/* ---- following ----------------------------------------------------------- */

static void
test_one_leads_and_the_other_gets_all(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p);
	got_poll(&p.got, p.follower);
	assert_int_equal(p.got.status, 0);
	assert_int_equal(p.got.state, FLIGHT_LEADING);
	give_head(p.leader, 201);
	pass_ms(FLIGHT_TICK_MS);
	flight_lead_tick(p.leader, NULL, 0);
	got_poll(&p.got, p.follower);
	assert_int_equal(p.got.status, 201);
	pass_ms(FLIGHT_TICK_MS);
	flight_lead_data(p.leader, "one ", 4); /* nothing was for a tick */
	got_poll(&p.got, p.follower);
	assert_got(&p.got, "one ", 4);
	flight_lead_data(p.leader, "two ", 4);
	got_poll(&p.got, p.follower);
	assert_got(&p.got, "one ", 4);
	pass_ms(FLIGHT_TICK_MS);
	flight_lead_tick(p.leader, NULL, 0);
	got_poll(&p.got, p.follower);
	assert_got(&p.got, "one two ", 8);
	flight_lead_data(p.leader, "three", 5);
	flight_lead_end(p.leader, FLIGHT_COMPLETE, NULL);
	got_poll(&p.got, p.follower);
	assert_got(&p.got, "one two three", 13);
	assert_int_equal(p.got.state, FLIGHT_COMPLETE);
	got_poll(&p.got, p.follower); /* as often as one likes */
	assert_got(&p.got, "one two three", 13);
	assert_int_equal(p.got.state, FLIGHT_COMPLETE);
	pair_close(&p);
}

static void
check_head(struct flight *follower, const struct flight_head *h)
{
	struct flight_news news;

	flight_follow_poll(follower, &news);
	assert_non_null(news.head);
	assert_int_equal(news.head->mode, h->mode);
	assert_int_equal(news.head->n_headers, 1);
	assert_string_equal(news.head->headers[0].value, "application/json");
	assert_int_equal(news.head->n_vary, 1);
	assert_string_equal(news.head->vary[0].value, "en");
	assert_memory_equal(news.head->asker, h->asker, DIGEST_BYTES);
}

static void
test_the_head_is_told_as_it_was_given(void **state)
{
	static const struct text_pair headers[] = {{"Content-Type",
	    "application/json"}};
	static const struct text_pair vary[] = {{"accept-language", "en"}};
	struct flight_head head = {.status = 200, .mode = ENTRY_JSON,
	    .headers = headers, .n_headers = 1,
	    .vary = vary, .n_vary = 1, .asker = {4, 5, 6}};
	struct pair p;

	(void)state;
	pair_open(&p);
	flight_lead_head(p.leader, &head);
	flight_lead_tick(p.leader, NULL, 0);
	check_head(p.follower, &head);
	check_head(p.follower, &head);
	pair_close(&p);
}

/* A megabyte late, in pieces of any size: all of it, at once. */
static void
test_who_comes_late_gets_it_from_the_start(void **state)
{
	size_t len = 1 << 20, at, n;
	char *body = malloc(len);
	int64_t start_us;
	unsigned seed;
	struct pair p;

	(void)state;
	assert_non_null(body);
	for (seed = 1; seed <= 8; seed++) {
		fill_body(body, len, seed);
		pair_open(&p);
		give_head(p.leader, 200);
		for (at = 0; at < len; at += n) {
			n = (size_t)(uint8_t)body[at] *
			    (seed % 2 == 0 ? 500 : 20) + 1;
			n = n < len - at ? n : len - at;
			flight_lead_data(p.leader, body + at, n);
			pass_ms((uint8_t)body[at] % 60);
			flight_lead_tick(p.leader, NULL, 0);
		}
		start_us = test_us;
		while (p.got.bytes.len < len) {
			got_poll(&p.got, p.follower);
			assert_int_equal(p.got.state, FLIGHT_LEADING);
			test_us = p.got.due_us;
			flight_lead_tick(p.leader, NULL, 0);
		}
		assert_got(&p.got, body, len);
		assert_true(test_us - start_us <= 100 * 1000);
		flight_lead_end(p.leader, FLIGHT_COMPLETE, NULL);
		got_poll(&p.got, p.follower);
		assert_int_equal(p.got.state, FLIGHT_COMPLETE);
		pair_close(&p);
	}
	free(body);
}

static void
test_polls_back_off_while_nothing_is_new(void **state)
{
	struct flight_news news;
	int64_t last_ms = 0;
	struct pair p;
	int i;

	(void)state;
	pair_open(&p);
	flight_follow_poll(p.follower, &news);
	for (i = 0; i < 12; i++) {
		flight_follow_poll(p.follower, &news);
		assert_true(news.wait_ms >= 10 && news.wait_ms >= last_ms);
		last_ms = news.wait_ms;
	}
	assert_int_equal(last_ms, 100);
	give_head(p.leader, 200);
	flight_lead_tick(p.leader, NULL, 0);
	flight_follow_poll(p.follower, &news);
	assert_true(news.wait_ms < 100);
	pair_close(&p);
}

/* ---- ends ---------------------------------------------------------------- */

static void
end_with(enum flight_state how, bool head, enum flight_state wanted)
{
	struct err err = ERR_INIT;
	struct pair p;

	err_set(&err, ERR_UPSTREAM_TIMEOUT, "no byte for %d s", 3);
	pair_open(&p);
	if (head) {
		give_head(p.leader, 200);
		flight_lead_data(p.leader, "part", 4);
	}
	flight_lead_end(p.leader, how, &err);
	got_poll(&p.got, p.follower);
	assert_int_equal(p.got.state, wanted);
	if (wanted == FLIGHT_BROKEN || wanted == FLIGHT_FAILED) {
		assert_int_equal(p.got.err.code, ERR_UPSTREAM_TIMEOUT);
		assert_string_equal(p.got.err.text, "no byte for 3 s");
	}
	if (wanted == FLIGHT_COMPLETE || wanted == FLIGHT_BROKEN)
		assert_got(&p.got, "part", 4);
	else
		assert_got(&p.got, "", 0);
	/* Nobody joins it any more. */
	assert_int_equal(flight_enter(p.late), FLIGHT_LEAD);
	pair_close(&p);
}

static void
test_each_end_is_told(void **state)
{
	(void)state;
	end_with(FLIGHT_COMPLETE, true, FLIGHT_COMPLETE);
	end_with(FLIGHT_BROKEN, true, FLIGHT_BROKEN);
	end_with(FLIGHT_FAILED, false, FLIGHT_FAILED);
	end_with(FLIGHT_ABANDONED, true, FLIGHT_ABANDONED);
	end_with(FLIGHT_ABANDONED, false, FLIGHT_ABANDONED);
	/* What contradicts the head is told as what it must have been. */
	end_with(FLIGHT_FAILED, true, FLIGHT_BROKEN);
	end_with(FLIGHT_BROKEN, false, FLIGHT_FAILED);
	end_with(FLIGHT_COMPLETE, false, FLIGHT_ABANDONED);
}

static void
test_a_leader_that_goes_has_abandoned_it(void **state)
{
	struct pair p;

	(void)state;
	pair_open(&p);
	flight_free(p.leader);
	p.leader = NULL;
	got_poll(&p.got, p.follower);
	assert_int_equal(p.got.state, FLIGHT_ABANDONED);
	assert_int_equal(flight_enter(p.follower), FLIGHT_LEAD);
	pair_close(&p);
}

/* A leader that ended long ago, and whose lock could not be removed. */
static void
test_nobody_joins_what_ended_before(void **state)
{
	struct pair p;

	(void)state;
	pair_open_with(&p, "old", 3);
	flight_put_lock(p.leader, false);
	flight_be_heir(p.late, p.leader->id); /* so the lock stays */
	flight_lead_end(p.leader, FLIGHT_COMPLETE, NULL);
	pass_ms(LEASE_MS + 1500); /* the heir's turn has run out */
	assert_int_equal(flight_enter(p.follower), FLIGHT_FOLLOW);
	got_poll(&p.got, p.follower);
	assert_int_equal(p.got.state, FLIGHT_DEAD);
	assert_got(&p.got, "", 0);
	assert_int_equal(flight_enter(p.follower), FLIGHT_LEAD);
	pair_close(&p);
}

/* ---- bounds -------------------------------------------------------------- */

static size_t
stored_bytes(const struct store_double *d)
{
	size_t i, sum = 0;

	for (i = 0; i < DOUBLE_SLOTS; i++)
		sum += d->items[i].data != NULL ? d->items[i].len : 0;
	return sum;
}

static void
test_a_long_body_passes_through_a_window(void **state)
{
	size_t len = 4 << 20, at, n = 10000;
	char *body = new_body(len, 9);
	struct pair p;

	(void)state;
	pair_open(&p);
	p.leader->config.max_bytes = 512 * 1024;
	assert_int_equal(flight_enter(p.late), FLIGHT_FOLLOW);
	give_head(p.leader, 200);
	for (at = 0; at < len; at += n) {
		n = n < len - at ? n : len - at;
		flight_lead_data(p.leader, body + at, n);
		run_flight(p.leader, body, at + n, &p.got, p.follower,
		    FLIGHT_TICK_MS);
		assert_true(stored_bytes(p.r.d) <= 600 * 1024);
	}
	flight_lead_end(p.leader, FLIGHT_COMPLETE, NULL);
	while (p.got.state == FLIGHT_LEADING)
		got_poll(&p.got, p.follower);
	assert_int_equal(p.got.state, FLIGHT_COMPLETE);
	assert_got(&p.got, body, len);
	got_poll(&p.late_got, p.late); /* it lags behind the window */
	assert_int_equal(p.late_got.state, FLIGHT_DEAD);
	assert_int_equal(p.late_got.bytes.len, 0);
	free(body);
	pair_close(&p);
}

/* No value is longer than the chunks that entries are cut into. */
static void
test_segments_fit_where_chunks_do(void **state)
{
	size_t len = 100 * 1000, i;
	char *body = new_body(len, 10);
	struct pair p;

	(void)state;
	pair_open_chunks(&p, 10 * 1000);
	assert_int_equal(flight_enter(p.leader), FLIGHT_LEAD);
	give_head(p.leader, 200);
	flight_lead_data(p.leader, body, len);
	for (i = 0; i < DOUBLE_SLOTS; i++) {
		if (p.r.d->items[i].data != NULL)
			assert_true(p.r.d->items[i].len <= 10 * 1000);
	}
	assert_int_equal(flight_enter(p.follower), FLIGHT_FOLLOW);
	run_flight(p.leader, NULL, 0, &p.got, p.follower, BEAT_MS);
	assert_got(&p.got, body, len);
	free(body);
	pair_close(&p);
}

static void
test_nobody_joins_past_the_bound(void **state)
{
	size_t len = 100 * 1000;
	char *body = calloc(1, len);
	struct pair p;

	(void)state;
	assert_non_null(body);
	pair_open(&p);
	p.leader->config.max_bytes = len;
	give_head(p.leader, 200);
	flight_lead_data(p.leader, body, len);
	assert_int_equal(flight_enter(p.late), FLIGHT_FOLLOW);
	flight_lead_data(p.leader, body, 1);
	run_flight(p.leader, NULL, 0, NULL, NULL, 2 * BEAT_MS);
	assert_int_equal(flight_enter(p.late), FLIGHT_LEAD);
	free(body);
	pair_close(&p);
}

/* ---- who may join -------------------------------------------------------- */

static void
test_a_purge_parts_flights(void **state)
{
	struct flight *after;
	struct pair p;

	(void)state;
	pair_open(&p);
	p.r.found.epoch[3] ^= 1;
	after = rig_flight(&p.r);
	assert_int_equal(flight_enter(after), FLIGHT_LEAD);
	flight_free(after);
	pair_close(&p);
}

static void
test_other_questions_are_other_flights(void **state)
{
	struct flight *other;
	struct pair p;

	(void)state;
	pair_open(&p);
	p.r.key[31] ^= 1;
	other = rig_flight(&p.r);
	assert_int_equal(flight_enter(other), FLIGHT_LEAD);
	flight_free(other);
	pair_close(&p);
}

/* The longest namespace, the longest names: nothing is cut. */
static void
test_names_are_never_cut(void **state)
{
	static const char ns[] =
	    "0123456789abcdef0123456789abcdef0123456789abcdef";
	char name[NAMES_BYTES], other[NAMES_BYTES];
	struct question q;
	uint8_t key[CACHE_KEY_BYTES] = {0}, id[FLIGHT_ID_BYTES] = {0};

	(void)state;
	assert_int_equal(question_name(&q, ns, key), 0);
	names_segment(name, q.manifest, id, UINT32_MAX);
	names_segment(other, q.manifest, id, UINT32_MAX - 1);
	assert_string_not_equal(name, other);
	assert_true(strlen(name) <= 250);
	assert_string_equal(name + strlen(name) - 11, ":4294967295");
	names_lock(name, q.manifest, id, 4294967295);
	assert_string_equal(name + strlen(name) - 17, ":v4294967295:lock");
	assert_true(strlen(name) <= 250);
}

static void
test_a_lock_that_is_none_is_replaced(void **state)
{
	struct flight *a, *b;
	struct flight_rig r;

	(void)state;
	flight_rig_open(&r);
	a = rig_flight(&r);
	b = rig_flight(&r);
	double_put(r.d, a->lock, "nonsense", 8, 60);
	assert_int_equal(flight_enter(a), FLIGHT_LEAD);
	assert_int_equal(flight_enter(b), FLIGHT_FOLLOW);
	flight_free(a);
	flight_free(b);
	flight_rig_close(&r);
}

/* The add was carried out; its answer was lost, and it was tried again. */
static void
test_a_lost_answer_does_not_cost_the_lead(void **state)
{
	struct flight *f;
	struct flight_rig r;

	(void)state;
	flight_rig_open(&r);
	f = rig_flight(&r);
	r.d->fail_at = r.d->calls;
	r.d->fail_count = 1;
	r.d->lost_answer = true;
	r.d->fail_with = STORE_ABSENT;
	assert_int_equal(flight_enter(f), FLIGHT_LEAD);
	assert_int_equal(r.d->calls, 3); /* add, get, the first state */
	flight_free(f);
	flight_rig_close(&r);
}

/* Poll until the end; the bytes that came. */
static size_t
follow_to_end(struct flight *f)
{
	struct flight_news news;
	size_t len = 0;

	do {
		flight_follow_poll(f, &news);
		len += news.len;
	} while (news.state == FLIGHT_LEADING);
	assert_int_equal(news.state, FLIGHT_COMPLETE);
	return len;
}

static void
test_the_leader_knows_whether_it_is_followed(void **state)
{
	struct pair p;
	int i;

	(void)state;
	pair_open(&p);
	for (i = 0; i < 30; i++) {
		run_flight(p.leader, NULL, 0, &p.got, p.follower, 100);
		assert_true(flight_lead_followed(p.leader));
	}
	for (i = 0; i < 10; i++) {
		run_flight(p.leader, NULL, 0, NULL, NULL, 100);
		(void)flight_lead_followed(p.leader);
	}
	assert_false(flight_lead_followed(p.leader));
	run_flight(p.leader, NULL, 0, &p.got, p.follower, 400);
	assert_true(flight_lead_followed(p.leader));
	assert_false(flight_lead_followed(p.follower));
	pair_close(&p);
}

static void
test_a_leader_alone_is_not_followed(void **state)
{
	struct flight *f;
	struct flight_rig r;

	(void)state;
	flight_rig_open(&r);
	f = rig_flight(&r);
	assert_int_equal(flight_enter(f), FLIGHT_LEAD);
	assert_false(flight_lead_followed(f));
	flight_free(f);
	flight_rig_close(&r);
}

/* Lead with a body of several segments, to its end; how many items stay. */
static size_t
items_after(struct flight_rig *r, bool followed)
{
	static char body[40000];
	struct flight *leader = rig_flight(r), *follower = rig_flight(r);

	assert_int_equal(flight_enter(leader), FLIGHT_LEAD);
	if (followed)
		assert_int_equal(flight_enter(follower), FLIGHT_FOLLOW);
	give_head(leader, 200);
	flight_lead_data(leader, body, sizeof(body));
	flight_lead_end(leader, FLIGHT_COMPLETE, NULL);
	flight_free(leader);
	if (followed)
		assert_int_equal(follow_to_end(follower), sizeof(body));
	flight_free(follower);
	return double_count(r->d);
}

/* Most have nobody who follows: their bodies must not fill the store. */
static void
test_what_nobody_followed_is_removed(void **state)
{
	struct flight_rig r;

	(void)state;
	flight_rig_open(&r);
	assert_in_range(items_after(&r, false), 0, 3);
	assert_null(double_nth(r.d, ":0", 0));
	assert_true(items_after(&r, true) > 4);
	assert_non_null(double_nth(r.d, ":0", 0));
	flight_rig_close(&r);
}

/* A crowd shows itself with few writes. */
static void
test_a_crowd_writes_seldom(void **state)
{
	struct flight *crowd[CROWD];
	struct got got;
	struct pair p;
	int i, k, sets;

	(void)state;
	pair_open(&p);
	got_init(&got);
	for (i = 0; i < CROWD; i++) {
		crowd[i] = rig_flight(&p.r);
		assert_int_equal(flight_enter(crowd[i]), FLIGHT_FOLLOW);
	}
	for (i = 0; i < CROWD; i++)
		got_poll(&got, crowd[i]);
	sets = p.r.d->sets;
	for (k = 0; k < 100; k++) {
		for (i = 0; i < CROWD; i++) {
			test_us += 1000;
			if (i % 20 == 0)
				flight_lead_tick(p.leader, NULL, 0);
			got_poll(&got, crowd[i]);
		}
	}
	assert_int_equal(got.state, FLIGHT_LEADING);
	assert_true(p.r.d->sets - sets <= 4 * 4 + 4 * 2 + 4);
	for (i = 0; i < CROWD; i++)
		flight_free(crowd[i]);
	got_fini(&got);
	pair_close(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_one_leads_and_the_other_gets_all),
	    cmocka_unit_test(test_the_head_is_told_as_it_was_given),
	    cmocka_unit_test(test_who_comes_late_gets_it_from_the_start),
	    cmocka_unit_test(test_polls_back_off_while_nothing_is_new),
	    cmocka_unit_test(test_each_end_is_told),
	    cmocka_unit_test(test_a_leader_that_goes_has_abandoned_it),
	    cmocka_unit_test(test_nobody_joins_what_ended_before),
	    cmocka_unit_test(test_a_long_body_passes_through_a_window),
	    cmocka_unit_test(test_segments_fit_where_chunks_do),
	    cmocka_unit_test(test_nobody_joins_past_the_bound),
	    cmocka_unit_test(test_a_purge_parts_flights),
	    cmocka_unit_test(test_other_questions_are_other_flights),
	    cmocka_unit_test(test_names_are_never_cut),
	    cmocka_unit_test(test_a_lock_that_is_none_is_replaced),
	    cmocka_unit_test(test_a_lost_answer_does_not_cost_the_lead),
	    cmocka_unit_test(test_the_leader_knows_whether_it_is_followed),
	    cmocka_unit_test(test_a_leader_alone_is_not_followed),
	    cmocka_unit_test(test_what_nobody_followed_is_removed),
	    cmocka_unit_test(test_a_crowd_writes_seldom),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
