/* Which member is asked, and what several processes know of it together. */
#include "upstream/choice.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MEMBERS = 4, REST_MS = 1000 };

static const int64_t start_ms = INT64_C(86400) * 1000;

/* Four upstreams a, b, c, d of one group, in a state file of their own. */
struct fixture {
	char dir[64];
	char state_file[128];
	char file[160];
	char names[MEMBERS][2];
	char url[16];
	struct conf_upstream list[MEMBERS];
	struct conf conf;
	struct upstream_group group;
	struct upstream_health *health;
};

static struct upstream_health *
open_health(const struct fixture *f)
{
	struct err err = ERR_INIT;
	struct upstream_health *h = upstream_health_open(&f->conf, &err);

	assert_non_null(h);
	assert_int_equal(err.code, ERR_NONE);
	return h;
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	snprintf(f->dir, sizeof(f->dir), "/tmp/test-choice.XXXXXX");
	if (mkdtemp(f->dir) == NULL)
		return -1;
	snprintf(f->state_file, sizeof(f->state_file), "%s/state", f->dir);
	snprintf(f->file, sizeof(f->file), "%s.upstreams", f->state_file);
	snprintf(f->url, sizeof(f->url), "http://h");
	for (size_t i = 0; i < MEMBERS; i++) {
		f->names[i][0] = (char)('a' + i);
		f->list[i] = (struct conf_upstream){.name = f->names[i],
		    .url = f->url, .weight = 1, .rest_ms = REST_MS};
	}
	f->conf.upstreams = f->list;
	f->conf.n_upstreams = MEMBERS;
	f->conf.server.state_file = f->state_file;
	if (upstream_group_of(&f->conf, "m", &f->group) == -1)
		return -1;
	f->health = open_health(f);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	upstream_health_close(f->health);
	unlink(f->file);
	rmdir(f->dir);
	free(f);
	return 0;
}

/* After weights or priorities were changed. */
static void
regroup(struct fixture *f)
{
	assert_int_equal(upstream_group_of(&f->conf, "m", &f->group), 0);
}

static health_cell *
cell(const struct fixture *f, char name)
{
	return &health_slot_of(f->health, &f->list[name - 'a'])->cell;
}

static void
let_fail(const struct fixture *f, char name,
    const struct cell_failure *failure)
{
	struct cell_pass pass;

	assert_true(cell_enter(cell(f, name), start_ms, &pass));
	assert_true(cell_failed(cell(f, name), &pass, failure, start_ms) > 0);
}

static void
leave_out(const struct fixture *f, char name, int64_t retry_after_ms)
{
	const struct cell_failure failure = {
	    .rest_ms = REST_MS, .retry_after_ms = retry_after_ms};

	let_fail(f, name, &failure);
}

/* For longer than leave_out does, though it did not ask for that. */
static void
leave_out_for(const struct fixture *f, char name, int64_t rest_ms)
{
	const struct cell_failure failure = {.rest_ms = rest_ms};

	let_fail(f, name, &failure);
}

/* The names in the order they are asked in, if all fail. */
static void
order(const struct fixture *f, int64_t now_ms, char out[MEMBERS + 1])
{
	struct cell_pass pass;
	struct choice c;
	size_t n = 0;
	int i;

	choice_init(&c, f->health, &f->group);
	while ((i = choice_next(&c, now_ms, &pass)) != -1)
		out[n++] = f->group.member[i]->name[0];
	out[n] = '\0';
}

static void
assert_order(const struct fixture *f, int64_t now_ms, const char *expected)
{
	char got[MEMBERS + 1];

	order(f, now_ms, got);
	assert_string_equal(got, expected);
}

/* Who is asked first. */
static char
first(const struct fixture *f, int64_t now_ms)
{
	struct cell_pass pass;
	struct choice c;

	choice_init(&c, f->health, &f->group);
	return f->group.member[choice_next(&c, now_ms, &pass)]->name[0];
}

static void
count_firsts(const struct fixture *f, size_t n, unsigned count[MEMBERS])
{
	memset(count, 0, MEMBERS * sizeof(count[0]));
	while (n-- > 0)
		count[first(f, start_ms) - 'a']++;
}

/* Who is asked first for a caller. */
static char
first_for(const struct fixture *f, const uint8_t caller[DIGEST_BYTES],
    int64_t now_ms)
{
	struct cell_pass pass;
	struct choice c;

	choice_init(&c, f->health, &f->group);
	c.caller = caller;
	return f->group.member[choice_next(&c, now_ms, &pass)]->name[0];
}

static void
test_a_callers_own_limit(void **state)
{
	static const uint8_t poor[DIGEST_BYTES] = {1}, rich[DIGEST_BYTES] = {2};
	const int64_t until_ms = start_ms + 5000;
	struct fixture *f = *state;
	char key[] = "a key";

	for (size_t i = 0; i < MEMBERS; i++)
		f->list[i].priority = (int64_t)i;
	regroup(f);
	health_limit(f->health, &f->list[0], poor, until_ms);
	assert_int_equal(first_for(f, poor, start_ms), 'b');
	assert_int_equal(first_for(f, poor, until_ms - 1), 'b');
	assert_int_equal(first_for(f, poor, until_ms), 'a');
	assert_int_equal(first_for(f, rich, start_ms), 'a');
	assert_int_equal(first_for(f, NULL, start_ms), 'a');
	/* By a key of ours, it knows nothing of callers. */
	f->list[0].credential = key;
	assert_int_equal(first_for(f, poor, start_ms), 'a');
	f->list[0].credential = NULL;
	/* From before a reboot. */
	health_limit(f->health, &f->list[0], poor,
	    start_ms + 2 * CELL_ASKED_MAX_MS);
	assert_int_equal(first_for(f, poor, start_ms), 'a');
}

static void
test_priorities(void **state)
{
	static const int64_t priorities[] = {7, 0, 9, 3};
	struct fixture *f = *state;

	for (size_t i = 0; i < MEMBERS; i++)
		f->list[i].priority = priorities[i];
	regroup(f);
	for (int i = 0; i < 10; i++)
		assert_order(f, start_ms, "bdac");
}

/* Each is asked once, whoever comes first. */
static void
test_each_once(void **state)
{
	struct fixture *f = *state;
	char got[MEMBERS + 1];

	for (int i = 0; i < 100; i++) {
		order(f, start_ms, got);
		assert_int_equal(strlen(got), MEMBERS);
		for (size_t k = 0; k < MEMBERS; k++)
			assert_non_null(strchr(got, (char)('a' + k)));
	}
}

/* Any run of as many requests as the weights' sum gives exact shares. */
static void
test_exact_shares(void **state)
{
	static const int64_t weights[][MEMBERS] = {{1, 1, 1, 1}, {3, 1, 1, 1},
	    {1, 2, 3, 4}, {10, 1, 1, 1}, {500, 500, 1000, 500}, {97, 1, 1, 1}};
	static const size_t sums[] = {4, 6, 10, 13, 5, 100};
	struct fixture *f = *state;
	unsigned count[MEMBERS];

	for (size_t w = 0; w < sizeof(sums) / sizeof(sums[0]); w++) {
		for (size_t i = 0; i < MEMBERS; i++)
			f->list[i].weight = weights[w][i];
		regroup(f);
		/* one that does not begin where the weights do */
		count_firsts(f, 3, count);
		for (int round = 0; round < 3; round++) {
			count_firsts(f, sums[w], count);
			for (size_t i = 0; i < MEMBERS; i++)
				assert_int_equal(count[i] * weights[w][0],
				    count[0] * weights[w][i]);
		}
	}
}

/* A retry is no turn: who is asked first stays even. */
static void
test_retries_do_not_shift_the_shares(void **state)
{
	struct fixture *f = *state;
	unsigned count[MEMBERS] = {0};
	char got[MEMBERS + 1];

	for (int i = 0; i < 40; i++) {
		order(f, start_ms, got);
		count[got[0] - 'a']++;
	}
	for (size_t i = 0; i < MEMBERS; i++)
		assert_int_equal(count[i], 10);
}

static void
test_left_out_comes_last(void **state)
{
	struct fixture *f = *state;
	char got[MEMBERS + 1];

	leave_out(f, 'c', 0);
	leave_out_for(f, 'a', 2 * REST_MS);
	for (int i = 0; i < 20; i++) {
		order(f, start_ms, got);
		assert_string_equal(got + 2, "ca");
	}
}

/* When all are out, somebody is asked: the one whose time is up soonest. */
static void
test_all_left_out(void **state)
{
	struct fixture *f = *state;

	leave_out(f, 'a', 9000);
	leave_out(f, 'b', 8000);
	leave_out_for(f, 'c', 4 * REST_MS);
	leave_out_for(f, 'd', 2 * REST_MS);
	assert_order(f, start_ms, "dcba");
}

/* Who asked to be left alone gets no second try. */
static void
test_no_retry_at_who_asked(void **state)
{
	struct fixture *f = *state;
	struct cell_pass pass;
	struct choice c;

	leave_out(f, 'a', 9000);
	leave_out(f, 'b', 8000);
	leave_out(f, 'c', 7000);
	choice_init(&c, f->health, &f->group);
	assert_int_equal(choice_next(&c, start_ms, &pass), 3);
	assert_false(choice_has_next(&c, start_ms));
	/* who merely failed does */
	leave_out(f, 'd', 0);
	choice_init(&c, f->health, &f->group);
	c.tried = 1;
	assert_true(choice_has_next(&c, start_ms));
}

static void
assert_well_order(const struct fixture *f, const uint8_t *caller,
    int64_t now_ms, const char *expected)
{
	char got[MEMBERS + 1];
	struct cell_pass pass;
	struct choice c;
	size_t n = 0;
	int i;

	choice_init(&c, f->health, &f->group);
	c.caller = caller;
	c.only_well = true;
	assert_int_equal(choice_has_next(&c, now_ms), *expected != '\0');
	while ((i = choice_next(&c, now_ms, &pass)) != -1) {
		got[n++] = f->group.member[i]->name[0];
		assert_int_equal(choice_has_next(&c, now_ms),
		    expected[n] != '\0');
		cell_undecided(cell(f, got[n - 1]), &pass, now_ms);
	}
	got[n] = '\0';
	assert_string_equal(got, expected);
}

/* Neither fallbacks nor those left out, and one that is due once. */
static void
test_only_well(void **state)
{
	static const uint8_t poor[DIGEST_BYTES] = {1}, rich[DIGEST_BYTES] = {2};
	struct fixture *f = *state;
	struct cell_pass pass;
	struct choice c;

	f->list[2].priority = f->list[3].priority = 1;
	regroup(f);
	leave_out(f, 'a', 0);
	assert_well_order(f, NULL, start_ms, "b");
	health_limit(f->health, &f->list[1], poor, start_ms + 5000);
	assert_well_order(f, poor, start_ms, "");
	assert_well_order(f, rich, start_ms, "b");
	leave_out(f, 'b', 9000);
	assert_well_order(f, rich, start_ms, "");
	assert_well_order(f, rich, start_ms + REST_MS - 1, "");
	assert_well_order(f, rich, start_ms + REST_MS, "a");
	/* One that looked too late: somebody tries it by now. */
	assert_true(cell_enter(cell(f, 'a'), start_ms + REST_MS, &pass));
	assert_well_order(f, rich, start_ms + REST_MS, "");
	assert_true(cell_well(cell(f, 'a'), &pass));
	assert_well_order(f, rich, start_ms + REST_MS, "a");
	/* Others are asked as ever. */
	choice_init(&c, f->health, &f->group);
	c.tried = 1;
	assert_int_equal(choice_next(&c, start_ms, &pass), 2);
}

/* One that is due goes first among its equals, and once. */
static void
test_due_goes_first_once(void **state)
{
	struct fixture *f = *state;
	int64_t now_ms = start_ms + REST_MS;

	leave_out(f, 'c', 0);
	assert_int_equal(first(f, now_ms), 'c');
	for (int i = 0; i < 20; i++)
		assert_int_not_equal(first(f, now_ms), 'c');
	/* but not before better ones */
	f->list[2].priority = 1;
	regroup(f);
	for (int i = 0; i < 20; i++)
		assert_int_not_equal(first(f, now_ms + CELL_CLAIM_MS), 'c');
}

/* ---- together ----------------------------------------------------- */

static void
in_child(struct fixture *f, void (*what)(struct fixture *f))
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		/* A mapping of its own, as another worker has. */
		f->health = upstream_health_open(&f->conf, NULL);
		what(f);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
}

static void
leave_out_b(struct fixture *f)
{
	leave_out(f, 'b', 60000);
}

static void
ask_seven_times(struct fixture *f)
{
	unsigned count[MEMBERS];

	count_firsts(f, 7, count);
	for (size_t i = 0; i < MEMBERS; i++)
		while (count[i]-- > 0)
			health_add(&health_slot_of(f->health,
			    &f->list[i])->tries);
}

static void
test_processes_share_it(void **state)
{
	struct fixture *f = *state;

	in_child(f, leave_out_b);
	assert_int_equal(cell_look(cell(f, 'b'), start_ms).standing, CELL_OUT);
	assert_int_equal(cell_look(cell(f, 'a'), start_ms).standing, CELL_IN);
}

/* The turns of all processes are one count. */
static void
test_processes_take_turns(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 4; i++)
		in_child(f, ask_seven_times);
	for (size_t i = 0; i < MEMBERS; i++)
		assert_int_equal(health_slot_of(f->health,
		    &f->list[i])->tries, 7);
}

/* What is known stays with name and url, wherever the section stands. */
static void
test_another_configuration(void **state)
{
	struct fixture *f = *state;
	struct fixture other = *f;
	char url[] = "http://elsewhere";

	leave_out(f, 'a', 60000);
	leave_out(f, 'b', 60000);
	other.list[0] = f->list[3];
	other.list[3] = f->list[0];
	other.list[1].url = url;
	other.conf.upstreams = other.list;
	other.health = open_health(&other);
	assert_int_equal(cell_look(cell(&other, 'd'), start_ms).standing,
	    CELL_OUT); /* a, in d's place */
	assert_int_equal(cell_look(cell(&other, 'a'), start_ms).standing,
	    CELL_IN);
	assert_int_equal(cell_look(cell(&other, 'b'), start_ms).standing,
	    CELL_IN); /* elsewhere now */
	upstream_health_close(other.health);
}

/* More upstreams than there is room for, over time: they still work. */
static void
test_a_full_table(void **state)
{
	struct fixture *f = *state;
	struct upstream_health *h;
	char url[64];
	int i;

	f->list[0].url = url;
	for (i = 0; i < HEALTH_SLOTS + 10; i++) {
		snprintf(url, sizeof(url), "http://h%d", i);
		h = open_health(f);
		health_next_turn(h, &f->group, i);
		upstream_health_close(h);
	}
	upstream_health_close(f->health);
	f->health = open_health(f);
	leave_out(f, 'a', 60000);
	assert_int_not_equal(first(f, start_ms), 'a');
	/* the known ones are where they were */
	in_child(f, leave_out_b);
	assert_int_equal(cell_look(cell(f, 'b'), start_ms).standing, CELL_OUT);
}

/* A place that cannot be used leaves each process to itself. */
static void
test_no_file(void **state)
{
	struct fixture *f = *state;
	struct err err = ERR_INIT;

	upstream_health_close(f->health);
	unlink(f->file);
	assert_int_equal(symlink("/nonexistent/x", f->file), 0);
	f->health = upstream_health_open(&f->conf, &err);
	assert_non_null(f->health);
	assert_int_equal(err.code, ERR_IO);
	leave_out(f, 'a', 60000);
	assert_int_not_equal(first(f, start_ms), 'a');
	err_clear(&err);
	assert_null(upstream_health_open_existing(&f->conf, &err));
	assert_int_equal(err.code, ERR_IO);
}

/* ---- many threads ------------------------------------------------- */

enum { THREADS = 8, ASKS = 400 };

struct thread {
	const struct fixture *f;
	unsigned count[MEMBERS];
};

static void *
ask_often(void *arg)
{
	struct thread *t = arg;

	count_firsts(t->f, ASKS, t->count);
	return NULL;
}

static void
test_threads_take_turns(void **state)
{
	struct fixture *f = *state;
	struct thread list[THREADS];
	pthread_t ids[THREADS];
	unsigned sum;

	f->list[1].weight = 5;
	regroup(f);
	for (int i = 0; i < THREADS; i++) {
		list[i].f = f;
		assert_int_equal(pthread_create(&ids[i], NULL, ask_often,
		    &list[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(ids[i], NULL);
	for (size_t m = 0; m < MEMBERS; m++) {
		sum = 0;
		for (int i = 0; i < THREADS; i++)
			sum += list[i].count[m];
		assert_int_equal(sum, THREADS * ASKS / 8 * (m == 1 ? 5 : 1));
	}
}

enum { ROUNDS = 20000, RACERS = 2, SPINS_MAX = 2000 };

struct race {
	const struct fixture *f;
	_Atomic unsigned ready[ROUNDS];
	_Atomic unsigned tried[ROUNDS];
};

static void *
race_to_try(void *arg)
{
	static const uint8_t anybody[DIGEST_BYTES];
	struct race *r = arg;
	struct cell_pass pass;
	struct choice c;
	int spins;

	for (int i = 0; i < ROUNDS; i++) {
		/* Together, at the time it is due again. */
		atomic_fetch_add(&r->ready[i], 1);
		for (spins = 0; atomic_load(&r->ready[i]) < RACERS;
		    spins++)
			if (spins >= SPINS_MAX)
				sched_yield();
		choice_init(&c, r->f->health, &r->f->group);
		/* What has to be looked up for it gives others time. */
		c.caller = anybody;
		if (choice_next(&c, start_ms + i * (CELL_CLAIM_MS + 1) +
		    REST_MS, &pass) == 0)
			atomic_fetch_add(&r->tried[i], 1);
	}
	return NULL;
}

/* Whoever sees that it is due, one alone tries it, and the others do not. */
static void
test_one_thread_tries_it(void **state)
{
	struct fixture *f = *state;
	struct race *r = calloc(1, sizeof(*r));
	pthread_t ids[RACERS];

	assert_non_null(r);
	leave_out(f, 'a', 0);
	r->f = f;
	for (int i = 0; i < RACERS; i++)
		assert_int_equal(pthread_create(&ids[i], NULL, race_to_try,
		    r), 0);
	for (int i = 0; i < RACERS; i++)
		pthread_join(ids[i], NULL);
	for (int i = 0; i < ROUNDS; i++)
		assert_int_equal(r->tried[i], 1);
	free(r);
}

/* ---- in words ----------------------------------------------------- */

static void
assert_line(const struct buf *text, const char *line)
{
	char wanted[256];

	snprintf(wanted, sizeof(wanted), "%s\n", line);
	if (strstr(text->data, wanted) == NULL)
		fail_msg("no line '%s' in:\n%s", line, text->data);
}

static void
test_metrics(void **state)
{
	struct fixture *f = *state;
	struct health_slot *a = health_slot_of(f->health, &f->list[0]);
	struct upstream_health *seen;
	const char *at;
	struct buf text;
	int types = 0;

	health_add(&a->tries);
	health_add(&a->failures[HEALTH_TIMEOUT]);
	leave_out(f, 'b', 0);
	seen = upstream_health_open_existing(&f->conf, NULL);
	assert_non_null(seen);
	buf_init(&text, 1 << 20);
	assert_int_equal(upstream_health_prometheus(seen, &text), 0);
	assert_line(&text, "reprise_upstream_tries_total{upstream=\"a\"} 1");
	assert_line(&text, "reprise_upstream_retries_total{upstream=\"a\"} 0");
	assert_line(&text,
	    "reprise_upstream_fallbacks_total{upstream=\"d\"} 0");
	assert_line(&text, "reprise_upstream_failures_total{upstream=\"a\","
	    "kind=\"timeout\"} 1");
	assert_line(&text, "reprise_upstream_out{upstream=\"a\"} 0");
	assert_line(&text, "reprise_upstream_out{upstream=\"b\"} 1");
	for (at = text.data; (at = strstr(at, "# TYPE ")) != NULL; at++)
		types++;
	assert_int_equal(types, 5);
	buf_reset(&text);
	assert_int_equal(upstream_health_summary(seen, &text), 0);
	assert_line(&text, "upstream a: 1 tries, 1 failed, 0 as a retry, "
	    "0 as a fallback");
	assert_non_null(strstr(text.data, "upstream b: 0 tries, 0 failed, "
	    "0 as a retry, 0 as a fallback; left out, to be tried "));
	buf_fini(&text);
	upstream_health_close(seen);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_a_callers_own_limit),
		TEST(test_priorities),
		TEST(test_each_once),
		TEST(test_exact_shares),
		TEST(test_retries_do_not_shift_the_shares),
		TEST(test_left_out_comes_last),
		TEST(test_all_left_out),
		TEST(test_no_retry_at_who_asked),
		TEST(test_only_well),
		TEST(test_due_goes_first_once),
		TEST(test_processes_share_it),
		TEST(test_processes_take_turns),
		TEST(test_another_configuration),
		TEST(test_a_full_table),
		TEST(test_no_file),
		TEST(test_threads_take_turns),
		TEST(test_one_thread_tries_it),
		TEST(test_metrics),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
