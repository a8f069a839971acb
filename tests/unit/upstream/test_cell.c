/* One upstream's health, on a clock of the test's own. */
#include "upstream/cell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { REST_MS = 1000 };

static const int64_t start_ms = INT64_C(86400) * 1000;

/* Asked once, and failed so. */
static int64_t
fail_so(health_cell *cell, const struct cell_failure *failure, int64_t now_ms)
{
	struct cell_pass pass;

	assert_true(cell_enter(cell, now_ms, &pass));
	return cell_failed(cell, &pass, failure, now_ms);
}

/* A failure of its own accord: a refused connection, say. */
static int64_t
let_fail(health_cell *cell, int64_t now_ms)
{
	const struct cell_failure failure = {.rest_ms = REST_MS};

	return fail_so(cell, &failure, now_ms);
}

static enum cell_standing
standing(const health_cell *cell, int64_t now_ms)
{
	return cell_look(cell, now_ms).standing;
}

/* Left out for just as long as was said, then due, then well. */
static void
test_one_failure(void **state)
{
	health_cell cell = 0;
	struct cell_pass pass;

	(void)state;
	assert_int_equal(standing(&cell, start_ms), CELL_IN);
	assert_int_equal(let_fail(&cell, start_ms), REST_MS);
	assert_int_equal(standing(&cell, start_ms), CELL_OUT);
	assert_int_equal(standing(&cell, start_ms + REST_MS - 1), CELL_OUT);
	assert_int_equal(cell_look(&cell, start_ms).until_ms,
	    start_ms + REST_MS);
	assert_int_equal(standing(&cell, start_ms + REST_MS), CELL_DUE);
	assert_true(cell_enter(&cell, start_ms + REST_MS, &pass));
	assert_true(pass.probing);
	assert_true(cell_well(&cell, &pass));
	assert_int_equal(standing(&cell, start_ms + REST_MS), CELL_IN);
}

/* The rests double up to a minute; a success begins anew. */
static void
test_growing_rests(void **state)
{
	static const int64_t rests_s[] = {1, 2, 4, 8, 16, 32, 60, 60, 60};
	health_cell cell = 0;
	struct cell_pass pass;
	int64_t now_ms = start_ms;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rests_s) / sizeof(rests_s[0]); i++) {
		assert_int_equal(let_fail(&cell, now_ms), rests_s[i] * 1000);
		now_ms += rests_s[i] * 1000;
	}
	/* however often */
	for (i = 0; i < 200; i++)
		assert_int_equal(let_fail(&cell, now_ms += 60000), 60000);
	now_ms += 60000;
	assert_true(cell_enter(&cell, now_ms, &pass));
	assert_true(cell_well(&cell, &pass));
	assert_int_equal(let_fail(&cell, now_ms), REST_MS);
}

/* A first rest of more than a minute is what was asked for. */
static void
test_a_long_first_rest(void **state)
{
	const struct cell_failure failure = {.rest_ms = 600000};
	health_cell cell = 0;
	int64_t now_ms = start_ms;
	int i;

	(void)state;
	for (i = 0; i < 3; i++) {
		assert_int_equal(fail_so(&cell, &failure, now_ms), 600000);
		now_ms += 600000;
	}
}

static int64_t
strike_at(health_cell *cell, int64_t now_ms)
{
	const struct cell_failure failure = {
	    .strike = true, .rest_ms = REST_MS};

	return fail_so(cell, &failure, now_ms);
}

static int64_t
strike(health_cell *cell)
{
	return strike_at(cell, start_ms);
}

static void
test_three_strikes_in_a_row(void **state)
{
	health_cell cell = 0;
	struct cell_pass pass;

	(void)state;
	assert_int_equal(strike(&cell), 0);
	assert_int_equal(strike(&cell), 0);
	assert_true(cell_enter(&cell, start_ms, &pass));
	assert_false(cell_well(&cell, &pass));
	assert_int_equal(strike(&cell), 0);
	assert_int_equal(strike(&cell), 0);
	assert_int_equal(standing(&cell, start_ms), CELL_IN);
	assert_int_equal(strike(&cell), REST_MS);
	assert_int_equal(standing(&cell, start_ms), CELL_OUT);
	/* to the one that tries it, the first is enough */
	assert_int_equal(strike_at(&cell, start_ms + REST_MS), 2 * REST_MS);
}

static int64_t
fail_asking(health_cell *cell, int64_t retry_after_ms)
{
	const struct cell_failure failure = {
	    .rest_ms = REST_MS, .retry_after_ms = retry_after_ms};

	*cell = 0;
	return fail_so(cell, &failure, start_ms);
}

static void
test_retry_after(void **state)
{
	health_cell cell;

	(void)state;
	assert_int_equal(fail_asking(&cell, 400), REST_MS);
	assert_false(cell_look(&cell, start_ms).asked);
	assert_int_equal(fail_asking(&cell, 7000), 7000);
	assert_true(cell_look(&cell, start_ms).asked);
	assert_int_equal(standing(&cell, start_ms + 6999), CELL_OUT);
	assert_int_equal(standing(&cell, start_ms + 7000), CELL_DUE);
	assert_int_equal(fail_asking(&cell, INT64_C(86400) * 366000),
	    CELL_ASKED_MAX_MS);
	assert_int_equal(standing(&cell, start_ms + CELL_ASKED_MAX_MS - 1),
	    CELL_OUT);
}

/* Of many that began together the first to fail counts, and no other. */
static void
test_failures_of_one_moment_count_once(void **state)
{
	const struct cell_failure failure = {.rest_ms = REST_MS};
	struct cell_pass pass[50];
	health_cell cell = 0;
	size_t i;

	(void)state;
	for (i = 0; i < 50; i++)
		assert_true(cell_enter(&cell, start_ms, &pass[i]));
	for (i = 0; i < 50; i++)
		assert_int_equal(cell_failed(&cell, &pass[i], &failure,
		    start_ms + 5), i == 0 ? REST_MS : 0);
	assert_int_equal(standing(&cell, start_ms + REST_MS + 5), CELL_DUE);
}

/*
 * Asked for want of others, one after the other, while it is left out: the
 * rest stays as long as it was, and ends when it would have.
 */
static void
test_failures_while_left_out_do_not_count(void **state)
{
	health_cell cell = 0;
	int i;

	(void)state;
	let_fail(&cell, start_ms);
	for (i = 0; i < 200; i++)
		assert_int_equal(let_fail(&cell, start_ms + i), 0);
	assert_int_equal(standing(&cell, start_ms + REST_MS - 1), CELL_OUT);
	assert_int_equal(standing(&cell, start_ms + REST_MS), CELL_DUE);
	assert_int_equal(let_fail(&cell, start_ms + REST_MS), 2 * REST_MS);
}

/* Begun while it was left out, and ended when it was due. */
static void
test_a_failure_that_comes_late(void **state)
{
	const struct cell_failure failure = {.rest_ms = REST_MS};
	health_cell cell = 0;
	struct cell_pass pass;

	(void)state;
	let_fail(&cell, start_ms);
	assert_true(cell_enter(&cell, start_ms + 1, &pass));
	assert_int_equal(cell_failed(&cell, &pass, &failure,
	    start_ms + 2 * REST_MS), 0);
	assert_false(cell_look(&cell, start_ms).asked);
	assert_int_equal(standing(&cell, start_ms + REST_MS), CELL_DUE);
}

/* But what it asks for then is heeded, and success ends it at once. */
static void
test_what_counts_while_left_out(void **state)
{
	const struct cell_failure more = {
	    .rest_ms = REST_MS, .retry_after_ms = 7000};
	const struct cell_failure less = {
	    .rest_ms = REST_MS, .retry_after_ms = REST_MS / 2};
	health_cell cell = 0;
	struct cell_pass pass;

	(void)state;
	let_fail(&cell, start_ms);
	assert_true(cell_enter(&cell, start_ms, &pass));
	assert_int_equal(cell_failed(&cell, &pass, &less, start_ms), 0);
	assert_int_equal(cell_failed(&cell, &pass, &more, start_ms), 7000);
	assert_true(cell_look(&cell, start_ms).asked);
	assert_int_equal(standing(&cell, start_ms + 6999), CELL_OUT);
	assert_int_equal(standing(&cell, start_ms + 7000), CELL_DUE);
	assert_true(cell_enter(&cell, start_ms, &pass));
	assert_true(cell_well(&cell, &pass));
	assert_int_equal(standing(&cell, start_ms), CELL_IN);
}

/* The one that tries it is not overruled by those that had no choice. */
static void
test_who_tries_has_the_say(void **state)
{
	const struct cell_failure failure = {.rest_ms = REST_MS};
	int64_t now_ms = start_ms + REST_MS;
	health_cell cell = 0;
	struct cell_pass prober;

	(void)state;
	let_fail(&cell, start_ms);
	assert_true(cell_enter(&cell, now_ms, &prober));
	assert_int_equal(let_fail(&cell, now_ms), 0);
	assert_int_equal(cell_failed(&cell, &prober, &failure, now_ms),
	    2 * REST_MS);
}

/* What began before it failed says nothing of it now. */
static void
test_old_successes_do_not_count(void **state)
{
	struct cell_pass old;
	health_cell cell = 0;

	(void)state;
	assert_true(cell_enter(&cell, start_ms, &old));
	let_fail(&cell, start_ms);
	assert_false(cell_well(&cell, &old));
	assert_int_equal(standing(&cell, start_ms), CELL_OUT);
}

static void
test_one_tries_and_the_others_avoid_it(void **state)
{
	struct cell_pass prober, other;
	health_cell cell = 0;
	int64_t now_ms = start_ms + REST_MS;

	(void)state;
	let_fail(&cell, start_ms);
	assert_true(cell_enter(&cell, now_ms, &prober));
	assert_int_equal(standing(&cell, now_ms), CELL_OUT);
	/* one that has no other choice */
	assert_true(cell_enter(&cell, now_ms, &other));
	assert_false(other.probing);
	/* as long as the prober gives signs of life */
	for (int i = 0; i < 100; i++) {
		now_ms += CELL_CLAIM_MS - 1;
		assert_int_equal(standing(&cell, now_ms), CELL_OUT);
		cell_renew(&cell, &prober, now_ms);
	}
	cell_renew(&cell, &other, now_ms + 60000);
	assert_int_equal(standing(&cell, now_ms + CELL_CLAIM_MS), CELL_DUE);
}

static void
test_a_prober_may_learn_nothing(void **state)
{
	struct cell_pass prober, next;
	health_cell cell = 0;
	int64_t now_ms = start_ms + REST_MS;

	(void)state;
	let_fail(&cell, start_ms);
	assert_true(cell_enter(&cell, now_ms, &prober));
	cell_undecided(&cell, &prober, now_ms + 3);
	assert_int_equal(standing(&cell, now_ms + 3), CELL_DUE);
	assert_true(cell_enter(&cell, now_ms + 3, &next));
	assert_true(next.probing);
	/* the first has no say any more */
	cell_undecided(&cell, &prober, now_ms + 4);
	cell_renew(&cell, &prober, now_ms + 60000);
	assert_int_equal(standing(&cell, now_ms + 4), CELL_OUT);
	assert_int_equal(standing(&cell, now_ms + 3 + CELL_CLAIM_MS),
	    CELL_DUE);
}

/* After a reboot the steady clock is young, and a file in /tmp is not. */
static void
test_a_date_of_another_boot(void **state)
{
	health_cell cell = 0;
	int64_t young_ms;

	(void)state;
	let_fail(&cell, start_ms);
	for (young_ms = 0; young_ms < 3600000; young_ms += 60000)
		assert_int_equal(standing(&cell, young_ms), CELL_DUE);
	/* even of one that had not been up for long */
	cell = 0;
	let_fail(&cell, 3000000);
	assert_int_equal(standing(&cell, 60000), CELL_DUE);
	fail_asking(&cell, CELL_ASKED_MAX_MS);
	assert_int_equal(standing(&cell, start_ms), CELL_OUT);
	/* one who read the time just before it was set is no such case */
	assert_int_equal(standing(&cell, start_ms - 1), CELL_OUT);
	assert_int_equal(standing(&cell, start_ms - 1000), CELL_OUT);
	assert_int_equal(standing(&cell, start_ms - 120000), CELL_DUE);
}

/* ---- several at once ---------------------------------------------- */

struct crowd {
	health_cell cell;
	_Atomic int probers;
	_Atomic int entered;
	_Atomic int go;
};

static void
rush(struct crowd *c)
{
	struct cell_pass pass;

	while (!c->go)
		sched_yield();
	if (!cell_enter(&c->cell, start_ms + REST_MS, &pass))
		return;
	c->entered++;
	c->probers += pass.probing;
}

static void *
rush_thread(void *arg)
{
	rush(arg);
	return NULL;
}

enum { CROWD = 16, ROUNDS = 50 };

static void
test_one_of_many_threads_tries(void **state)
{
	pthread_t threads[CROWD];
	struct crowd c;
	int i, round;

	(void)state;
	for (round = 0; round < ROUNDS; round++) {
		memset(&c, 0, sizeof(c));
		let_fail(&c.cell, start_ms);
		for (i = 0; i < CROWD; i++)
			assert_int_equal(pthread_create(&threads[i], NULL,
			    rush_thread, &c), 0);
		c.go = 1;
		for (i = 0; i < CROWD; i++)
			pthread_join(threads[i], NULL);
		assert_int_equal(c.probers, 1);
		assert_true(c.entered >= 1);
	}
}

static void
test_one_of_many_processes_tries(void **state)
{
	struct crowd *c = mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int i;

	(void)state;
	assert_true(c != MAP_FAILED);
	let_fail(&c->cell, start_ms);
	for (i = 0; i < CROWD; i++) {
		if (fork() == 0) {
			rush(c);
			_exit(0);
		}
	}
	c->go = 1;
	for (i = 0; i < CROWD; i++)
		assert_true(wait(NULL) > 0);
	assert_int_equal(c->probers, 1);
	munmap(c, sizeof(*c));
}

/* A prober that is killed keeps the others off for its claim, not longer. */
static void
test_a_killed_prober(void **state)
{
	struct crowd *c = mmap(NULL, sizeof(*c), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int64_t now_ms = start_ms + REST_MS;
	struct cell_pass pass;
	pid_t pid;

	(void)state;
	assert_true(c != MAP_FAILED);
	let_fail(&c->cell, start_ms);
	if ((pid = fork()) == 0) {
		cell_enter(&c->cell, now_ms, &pass);
		c->entered = 1;
		for (;;)
			pause();
	}
	while (!c->entered)
		usleep(1000);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	assert_int_equal(standing(&c->cell, now_ms + CELL_CLAIM_MS - 1),
	    CELL_OUT);
	now_ms += CELL_CLAIM_MS;
	assert_true(cell_enter(&c->cell, now_ms, &pass));
	assert_true(pass.probing);
	assert_true(cell_well(&c->cell, &pass));
	assert_int_equal(standing(&c->cell, now_ms), CELL_IN);
	munmap(c, sizeof(*c));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one_failure),
		cmocka_unit_test(test_growing_rests),
		cmocka_unit_test(test_a_long_first_rest),
		cmocka_unit_test(test_three_strikes_in_a_row),
		cmocka_unit_test(test_retry_after),
		cmocka_unit_test(test_failures_of_one_moment_count_once),
		cmocka_unit_test(test_failures_while_left_out_do_not_count),
		cmocka_unit_test(test_a_failure_that_comes_late),
		cmocka_unit_test(test_what_counts_while_left_out),
		cmocka_unit_test(test_who_tries_has_the_say),
		cmocka_unit_test(test_old_successes_do_not_count),
		cmocka_unit_test(test_one_tries_and_the_others_avoid_it),
		cmocka_unit_test(test_a_prober_may_learn_nothing),
		cmocka_unit_test(test_a_date_of_another_boot),
		cmocka_unit_test(test_one_of_many_threads_tries),
		cmocka_unit_test(test_one_of_many_processes_tries),
		cmocka_unit_test(test_a_killed_prober),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
