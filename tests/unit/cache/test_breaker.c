/*
 * The breaker by a clock of the test's own, and the gate before a server.
 */
#include "cache/breaker.h"
#include "cache/gate.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { MS = 1000 };

/* Open a breaker at time 0, as the first failure does. */
static void
open_breaker(struct breaker *b, int64_t first_rest_ms)
{
	breaker_init(b, first_rest_ms);
	assert_int_equal(breaker_admit(b, 0), BREAKER_ASK);
	assert_true(breaker_report(b, BREAKER_ASK, false, 0));
}

static void
test_all_may_ask_while_it_answers(void **state)
{
	struct breaker b;
	int i;

	(void)state;
	breaker_init(&b, 100);
	for (i = 0; i < 10; i++) {
		assert_int_equal(breaker_admit(&b, i), BREAKER_ASK);
		assert_false(breaker_report(&b, BREAKER_ASK, true, i));
	}
}

static void
test_after_a_failure_nobody_asks_until_the_rest_is_over(void **state)
{
	struct breaker b;
	int64_t t;

	(void)state;
	open_breaker(&b, 100);
	for (t = 0; t < 100 * MS; t += MS)
		assert_int_equal(breaker_admit(&b, t), BREAKER_REFUSE);
	assert_int_equal(breaker_admit(&b, 100 * MS), BREAKER_PROBE);
}

static void
test_exactly_one_probes(void **state)
{
	struct breaker b;
	int64_t t;

	(void)state;
	open_breaker(&b, 100);
	assert_int_equal(breaker_admit(&b, 100 * MS), BREAKER_PROBE);
	for (t = 100; t < 100000; t += 100)
		assert_int_equal(breaker_admit(&b, t * MS), BREAKER_REFUSE);
	assert_true(breaker_report(&b, BREAKER_PROBE, true, 100000 * MS));
	assert_int_equal(breaker_admit(&b, 100000 * MS), BREAKER_ASK);
	assert_int_equal(breaker_admit(&b, 100000 * MS), BREAKER_ASK);
}

/* How long a breaker rests after its next probe has failed at *now_us. */
static int64_t
rest_after_failed_probe(struct breaker *b, int64_t *now_us)
{
	int64_t from = *now_us;

	assert_int_equal(breaker_admit(b, from), BREAKER_PROBE);
	assert_false(breaker_report(b, BREAKER_PROBE, false, from));
	while (breaker_admit(b, *now_us) == BREAKER_REFUSE)
		*now_us += MS;
	breaker_return(b, BREAKER_PROBE);
	return (*now_us - from) / MS;
}

static void
test_rests_double_up_to_a_minute(void **state)
{
	static const int64_t rests[] = {2000, 4000, 8000, 16000, 32000, 60000,
	    60000};
	struct breaker b;
	int64_t now_us = 1000 * MS;
	size_t i;

	(void)state;
	open_breaker(&b, 1000);
	for (i = 0; i < sizeof(rests) / sizeof(rests[0]); i++)
		assert_true(rest_after_failed_probe(&b, &now_us) == rests[i]);
	/* Once it has answered, the first rest is short again. */
	assert_int_equal(breaker_admit(&b, now_us), BREAKER_PROBE);
	assert_true(breaker_report(&b, BREAKER_PROBE, true, now_us));
	assert_true(breaker_report(&b, BREAKER_ASK, false, now_us));
	assert_int_equal(breaker_admit(&b, now_us + 999 * MS),
	    BREAKER_REFUSE);
	assert_int_equal(breaker_admit(&b, now_us + 1000 * MS),
	    BREAKER_PROBE);
}

static void
test_a_first_rest_beyond_a_minute_stays(void **state)
{
	struct breaker b;
	int64_t now_us = 600 * 1000 * (int64_t)MS;

	(void)state;
	open_breaker(&b, 600 * 1000);
	assert_true(rest_after_failed_probe(&b, &now_us) == 600 * 1000);
}

/* Those who asked before it opened end afterwards: they change nothing. */
static void
test_latecomers_count_no_more(void **state)
{
	struct breaker b;

	(void)state;
	breaker_init(&b, 100);
	assert_int_equal(breaker_admit(&b, 0), BREAKER_ASK);
	assert_int_equal(breaker_admit(&b, 0), BREAKER_ASK);
	assert_int_equal(breaker_admit(&b, 0), BREAKER_ASK);
	assert_true(breaker_report(&b, BREAKER_ASK, false, 0));
	assert_false(breaker_report(&b, BREAKER_ASK, false, 50 * MS));
	assert_false(breaker_report(&b, BREAKER_ASK, true, 60 * MS));
	assert_int_equal(breaker_admit(&b, 99 * MS), BREAKER_REFUSE);
	assert_int_equal(breaker_admit(&b, 100 * MS), BREAKER_PROBE);
}

static void
test_a_pass_given_back_is_the_next_ones(void **state)
{
	struct breaker b;

	(void)state;
	open_breaker(&b, 100);
	assert_int_equal(breaker_admit(&b, 100 * MS), BREAKER_PROBE);
	breaker_return(&b, BREAKER_PROBE);
	assert_int_equal(breaker_admit(&b, 100 * MS), BREAKER_PROBE);
}

static void
test_no_more_are_let_in_than_allowed(void **state)
{
	struct gate g;

	(void)state;
	gate_init(&g, 2, 1, 1000);
	assert_int_equal(gate_enter(&g), BREAKER_ASK);
	assert_int_equal(gate_enter(&g), BREAKER_ASK);
	assert_int_equal(gate_enter(&g), BREAKER_REFUSE);
	assert_false(gate_leave(&g, BREAKER_ASK, true));
	assert_int_equal(gate_enter(&g), BREAKER_ASK);
	gate_return(&g, BREAKER_ASK);
	assert_int_equal(gate_enter(&g), BREAKER_ASK);
	gate_fini(&g);
}

/* Many threads through a narrow gate; what it guards is no atomic. */
struct narrow {
	struct gate gate;
	long passed;
};

static void *
pass_through(void *arg)
{
	struct narrow *n = arg;
	intptr_t refused = 0;
	int i;

	for (i = 0; i < 2000; i++) {
		if (gate_enter(&n->gate) != BREAKER_ASK) {
			refused++;
			continue;
		}
		n->passed++;
		gate_leave(&n->gate, BREAKER_ASK, true);
	}
	return (void *)refused;
}

static void
test_waiting_threads_get_their_turn(void **state)
{
	struct narrow n = {.passed = 0};
	pthread_t threads[8];
	void *refused;
	size_t i;

	(void)state;
	gate_init(&n.gate, 1, 60 * 1000, 1000);
	for (i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
		    pass_through, &n), 0);
	for (i = 0; i < 8; i++) {
		assert_int_equal(pthread_join(threads[i], &refused), 0);
		assert_null(refused);
	}
	assert_int_equal(n.passed, 8 * 2000);
	gate_fini(&n.gate);
}

static void *
enter_once(void *arg)
{
	return (void *)(intptr_t)gate_enter(arg);
}

/* Who waits for room when the server turns out to be gone is let go. */
static void
test_waiting_threads_are_refused_when_it_opens(void **state)
{
	pthread_t threads[4];
	struct gate g;
	void *pass;
	size_t i;

	(void)state;
	gate_init(&g, 1, 600 * 1000, 600 * 1000);
	assert_int_equal(gate_enter(&g), BREAKER_ASK);
	for (i = 0; i < 4; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, enter_once,
		    &g), 0);
	assert_true(gate_leave(&g, BREAKER_ASK, false));
	for (i = 0; i < 4; i++) {
		assert_int_equal(pthread_join(threads[i], &pass), 0);
		assert_int_equal((intptr_t)pass, BREAKER_REFUSE);
	}
	gate_fini(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_all_may_ask_while_it_answers),
	    cmocka_unit_test(
		test_after_a_failure_nobody_asks_until_the_rest_is_over),
	    cmocka_unit_test(test_exactly_one_probes),
	    cmocka_unit_test(test_rests_double_up_to_a_minute),
	    cmocka_unit_test(test_a_first_rest_beyond_a_minute_stays),
	    cmocka_unit_test(test_latecomers_count_no_more),
	    cmocka_unit_test(test_a_pass_given_back_is_the_next_ones),
	    cmocka_unit_test(test_no_more_are_let_in_than_allowed),
	    cmocka_unit_test(test_waiting_threads_get_their_turn),
	    cmocka_unit_test(test_waiting_threads_are_refused_when_it_opens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
