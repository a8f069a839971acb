/*
 * The store on one memcached: a real one, stopped, killed and restarted,
 * and one that plays a script.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/diag.h"
#include "memcached_rig.h"

enum {
	TIMEOUT_MS = PATIENCE_MS, /* a busy machine is no failure */
	SHORT_MS = 60,     /* for servers that never answer */
	STALL_MS = 50,     /* for one that is stopped now and then */
	NEVER_MS = 600 * 1000
};

/* ---- plain operations -------------------------------------------------- */

static void
test_set_get_add_remove(void **state)
{
	struct store *s;
	struct rig r;

	(void)state;
	rig_open(&r, 1);
	s = open_store(r.servers[0].path, 2, TIMEOUT_MS, 50);
	assert_int_equal(get_one(s, "a", ""), STORE_ABSENT);
	assert_int_equal(set_one(s, "a", "one"), STORE_OK);
	assert_int_equal(get_one(s, "a", "one"), STORE_OK);
	assert_int_equal(store_add(s, "a", "a", "two", 3, 0), STORE_ABSENT);
	assert_int_equal(get_one(s, "a", "one"), STORE_OK);
	assert_int_equal(store_add(s, "b", "b", "two", 3, 0), STORE_OK);
	assert_int_equal(get_one(s, "b", "two"), STORE_OK);
	assert_int_equal(set_one(s, "a", ""), STORE_OK);
	assert_int_equal(store_remove(s, "b", "b"), STORE_OK);
	assert_int_equal(store_remove(s, "b", "b"), STORE_ABSENT);
	assert_int_equal(get_one(s, "b", ""), STORE_ABSENT);
	store_free(s);
	rig_close(&r);
}

static void
test_an_empty_value_is_there(void **state)
{
	struct store_value v = {.name = "a"};
	struct store *s;
	struct rig r;

	(void)state;
	rig_open(&r, 1);
	s = open_store(r.servers[0].path, 2, TIMEOUT_MS, 50);
	assert_int_equal(set_one(s, "a", ""), STORE_OK);
	assert_int_equal(store_get(s, "a", &v, 1, 100), STORE_OK);
	assert_int_equal(v.result, STORE_OK);
	assert_int_equal(v.len, 0);
	free(v.data);
	store_free(s);
	rig_close(&r);
}

/* Every subset of six names: what is there is found in its place. */
static void
test_every_subset_of_names_is_told_apart(void **state)
{
	static const char *const names[] = {"n", "n0", "n01", "m", "0n", "nn"};
	struct store_value v[6];
	unsigned subset, i;
	struct store *s;
	struct rig r;

	(void)state;
	rig_open(&r, 1);
	s = open_store(r.servers[0].path, 2, TIMEOUT_MS, 50);
	for (subset = 0; subset < 64; subset++) {
		for (i = 0; i < 6; i++) {
			memset(&v[i], 0, sizeof(v[i]));
			v[i].name = names[i];
			if (subset & (1U << i))
				store_set(s, "g", names[i], names[i],
				    strlen(names[i]), 0);
			else
				store_remove(s, "g", names[i]);
		}
		assert_int_equal(store_get(s, "g", v, 6, 1000), STORE_OK);
		for (i = 0; i < 6; i++) {
			assert_int_equal(v[i].result, subset & (1U << i)
			    ? STORE_OK : STORE_ABSENT);
			if (v[i].result == STORE_OK)
				assert_memory_equal(v[i].data, names[i],
				    v[i].len);
			free(v[i].data);
		}
	}
	store_free(s);
	rig_close(&r);
}

static void
test_a_get_is_bounded_by_bytes(void **state)
{
	struct store_value v[3] = {{.name = "a"}, {.name = "b"},
	    {.name = "c"}};
	size_t max, sum, i;
	struct store *s;
	struct rig r;

	(void)state;
	rig_open(&r, 1);
	s = open_store(r.servers[0].path, 2, TIMEOUT_MS, 50);
	store_set(s, "g", "a", "aaaa", 4, 0);
	store_set(s, "g", "b", "bbbbbb", 6, 0);
	store_set(s, "g", "c", "cc", 2, 0);
	for (max = 0; max <= 13; max++) {
		assert_int_equal(store_get(s, "g", v, 3, max), STORE_OK);
		for (i = 0, sum = 0; i < 3; i++) {
			sum += v[i].len;
			free(v[i].data);
		}
		assert_true(sum <= max);
		assert_int_equal(v[0].result, max >= 4 ? STORE_OK
						       : STORE_ABSENT);
		assert_int_equal(v[1].result, max >= 10 ? STORE_OK
							: STORE_ABSENT);
	}
	assert_int_equal(sum, 12);
	store_free(s);
	rig_close(&r);
}

/* A get whose line is far longer than any buffer on its way. */
static void
test_a_get_of_thousands_of_names(void **state)
{
	enum { N = 4096 };
	char(*names)[200] = calloc(N, sizeof(*names));
	struct store_value *v = calloc(N, sizeof(*v));
	struct store *s;
	struct rig r;
	size_t i;

	(void)state;
	assert_non_null(names);
	assert_non_null(v);
	rig_open(&r, 1);
	s = open_store(r.servers[0].path, 2, TIMEOUT_MS, 50);
	for (i = 0; i < N; i++) {
		snprintf(names[i], sizeof(names[i]), "%0150zu", i);
		v[i].name = names[i];
		assert_int_equal(store_set(s, "g", names[i], &i, sizeof(i),
		    0), STORE_OK);
	}
	assert_int_equal(store_get(s, "g", v, N, 1 << 20), STORE_OK);
	for (i = 0; i < N; i++) {
		assert_int_equal(v[i].result, STORE_OK);
		assert_memory_equal(v[i].data, &i, sizeof(i));
		free(v[i].data);
	}
	free(v);
	free(names);
	store_free(s);
	rig_close(&r);
}

static void
test_names_that_memcached_would_misread_never_reach_it(void **state)
{
	static const char *const bad[] = {"", "a b", "a\r\nset x 0 0 1",
	    "a\tb", "a\x7f", "\x01"};
	char long_name[252];
	struct store_value v[2];
	struct store *s;
	struct rig r;
	size_t i;

	(void)state;
	rig_open(&r, 1);
	s = open_store(r.servers[0].path, 2, TIMEOUT_MS, 50);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		memset(v, 0, sizeof(v));
		v[0].name = "ok";
		v[1].name = bad[i];
		assert_int_equal(store_set(s, "g", bad[i], "x", 1, 0),
		    STORE_REFUSED);
		assert_int_equal(store_set(s, bad[i], "ok", "x", 1, 0),
		    STORE_REFUSED);
		assert_int_equal(store_get(s, "g", v, 2, 100), STORE_OK);
		assert_int_equal(v[1].result, STORE_ABSENT);
	}
	memset(long_name, 'n', sizeof(long_name));
	long_name[251] = '\0';
	assert_int_equal(set_one(s, long_name, "x"), STORE_REFUSED);
	long_name[250] = '\0';
	assert_int_equal(set_one(s, long_name, "x"), STORE_OK);
	assert_int_equal(get_one(s, long_name, "x"), STORE_OK);
	store_free(s);
	rig_close(&r);
}

static void
test_times_to_live(void **state)
{
	static const int64_t alive[] = {0, 100, 30 * 86400, 30 * 86400 + 1,
	    INT64_C(3650) * 86400, INT64_C(36500) * 86400, INT64_MAX};
	struct store *s;
	struct rig r;
	size_t i;

	(void)state;
	rig_open(&r, 1);
	s = open_store(r.servers[0].path, 2, TIMEOUT_MS, 50);
	for (i = 0; i < sizeof(alive) / sizeof(alive[0]); i++) {
		store_remove(s, "a", "a");
		assert_int_equal(store_set(s, "a", "a", "x", 1, alive[i]),
		    STORE_OK);
		assert_int_equal(get_one(s, "a", "x"), STORE_OK);
	}
	assert_int_equal(store_set(s, "a", "a", "x", 1, -1), STORE_OK);
	assert_int_equal(get_one(s, "a", ""), STORE_ABSENT);
	store_free(s);
	rig_close(&r);
}

/* Too large is the server's answer, not its failure: it goes on at once. */
static void
test_a_value_too_large_is_refused_and_nothing_else(void **state)
{
	char *big = calloc(1, 2 << 20);
	struct store *s;
	struct rig r;
	int i;

	(void)state;
	assert_non_null(big);
	rig_open(&r, 1);
	s = open_store(r.servers[0].path, 2, TIMEOUT_MS, NEVER_MS);
	for (i = 0; i < 5; i++) {
		assert_int_equal(store_set(s, "a", "a", big, 2 << 20, 0),
		    STORE_REFUSED);
		assert_int_equal(set_one(s, "b", "x"), STORE_OK);
		assert_int_equal(get_one(s, "b", "x"), STORE_OK);
	}
	assert_int_equal(store_set(s, "a", "a", big, 1000 * 1024, 0),
	    STORE_OK);
	free(big);
	store_free(s);
	rig_close(&r);
}

/* ---- the server fails -------------------------------------------------- */

static void
test_a_server_that_is_not_there_is_down_until_it_is(void **state)
{
	struct store *s;
	struct rig r;

	(void)state;
	rig_open(&r, 0);
	s = open_store(r.servers[0].path, 2, TIMEOUT_MS, 20);
	assert_int_equal(get_one(s, "a", ""), STORE_DOWN);
	assert_int_equal(set_one(s, "a", "x"), STORE_DOWN);
	assert_int_equal(store_add(s, "a", "a", "x", 1, 0), STORE_DOWN);
	assert_int_equal(store_remove(s, "a", "a"), STORE_DOWN);
	server_start(&r.servers[0]);
	await_answer(s, "a");
	assert_int_equal(set_one(s, "a", "x"), STORE_OK);
	assert_int_equal(get_one(s, "a", "x"), STORE_OK);
	store_free(s);
	rig_close(&r);
}

static void
test_a_server_that_hangs_is_left_alone_until_it_goes_on(void **state)
{
	struct store *s, *patient;
	struct rig r;
	int i;

	(void)state;
	rig_open(&r, 1);
	s = open_store(r.servers[0].path, 2, SHORT_MS, 20);
	patient = open_store(r.servers[0].path, 1, TIMEOUT_MS, NEVER_MS);
	assert_int_equal(set_one(patient, "a", "x"), STORE_OK);
	await_result(s, "a", "x", STORE_OK);
	server_signal(&r.servers[0], SIGSTOP);
	for (i = 0; i < 20; i++)
		assert_int_equal(get_one(s, "a", ""), STORE_DOWN);
	server_signal(&r.servers[0], SIGCONT);
	await_result(s, "a", "x", STORE_OK);
	store_free(patient);
	store_free(s);
	rig_close(&r);
}

/* While it rests, no operation costs a connection, let alone a time-out. */
static void
test_a_resting_server_is_not_asked(void **state)
{
	struct script silent;
	struct store *s;
	int i;

	(void)state;
	script_start(&silent, NULL, 0);
	s = open_store(silent.path, 4, SHORT_MS, NEVER_MS);
	for (i = 0; i < 200; i++) {
		assert_int_equal(get_one(s, "a", ""), STORE_DOWN);
		assert_int_equal(set_one(s, "a", "x"), STORE_DOWN);
	}
	store_free(s);
	script_stop(&silent);
	assert_int_equal(silent.accepted, 1);
}

/* ---- pooled connections ------------------------------------------------ */

struct asker {
	struct store *store;
	pthread_t thread;
	enum store_result result;
};

static void *
ask_once(void *arg)
{
	struct asker *a = arg;
	struct store_value v = {.name = "a"};

	a->result = store_get(a->store, "a", &v, 1, 100);
	free(v.data);
	return NULL;
}

/*
 * n threads ask at once: the server stands still until each has a
 * connection of its own, then goes on.
 */
static void
ask_at_once(struct rig *r, struct store *s, struct asker *askers, int n,
    int descriptors)
{
	int i;

	server_signal(&r->servers[0], SIGSTOP);
	for (i = 0; i < n; i++) {
		askers[i].store = s;
		assert_int_equal(pthread_create(&askers[i].thread, NULL,
		    ask_once, &askers[i]), 0);
	}
	while (open_descriptors() < descriptors)
		nap();
	server_signal(&r->servers[0], SIGCONT);
	for (i = 0; i < n; i++)
		pthread_join(askers[i].thread, NULL);
}

/* After a restart every pooled connection is dead: nobody shall notice. */
static void
test_a_restart_costs_no_pooled_connection_an_operation(void **state)
{
	enum { N = 6 };
	struct asker askers[N];
	struct store *s;
	int i, k, before = open_descriptors();
	struct rig r;

	(void)state;
	rig_open(&r, 1);
	s = open_store(r.servers[0].path, N, PATIENCE_MS, NEVER_MS);
	for (k = 0; k < 3; k++) {
		ask_at_once(&r, s, askers, N, before + N);
		for (i = 0; i < N; i++)
			assert_int_equal(askers[i].result, STORE_OK);
		server_kill(&r.servers[0]);
		server_start(&r.servers[0]);
	}
	/* One dead connection, then an operation of each other kind. */
	assert_int_equal(set_one(s, "a", "x"), STORE_OK);
	server_kill(&r.servers[0]);
	server_start(&r.servers[0]);
	assert_int_equal(store_add(s, "a", "a", "y", 1, 0), STORE_OK);
	server_kill(&r.servers[0]);
	server_start(&r.servers[0]);
	assert_int_equal(store_remove(s, "a", "a"), STORE_ABSENT);
	store_free(s);
	rig_close(&r);
}

static void
test_no_more_connections_than_allowed(void **state)
{
	enum { N = 8 };
	struct asker askers[N];
	struct script silent;
	struct store *s;
	int i;

	(void)state;
	script_start(&silent, NULL, 0);
	s = open_store(silent.path, 3, SHORT_MS, NEVER_MS);
	for (i = 0; i < N; i++) {
		askers[i].store = s;
		assert_int_equal(pthread_create(&askers[i].thread, NULL,
		    ask_once, &askers[i]), 0);
	}
	for (i = 0; i < N; i++) {
		pthread_join(askers[i].thread, NULL);
		assert_int_equal(askers[i].result, STORE_DOWN);
	}
	store_free(s);
	script_stop(&silent);
	assert_in_range(silent.accepted, 1, 3);
}

/* ---- answers that are none --------------------------------------------- */

static const char two_values[] = "VALUE a 0 3\r\nfoo\r\nVALUE b 0 6\r\n"
				 "barbar\r\nEND\r\n";

/* Ask a server that answers so, for names a and b. */
static enum store_result
ask_script(const char *reply, size_t len, struct store_value v[2])
{
	enum store_result result;
	struct script script;
	struct store *s;

	memset(v, 0, 2 * sizeof(*v));
	v[0].name = "a";
	v[1].name = "b";
	script_start(&script, reply, len);
	s = open_store(script.path, 1, TIMEOUT_MS, NEVER_MS);
	result = store_get(s, "g", v, 2, 1000);
	store_free(s);
	script_stop(&script);
	return result;
}

static void
test_an_answer_cut_anywhere_is_no_answer(void **state)
{
	struct store_value v[2];
	size_t len;

	(void)state;
	for (len = 0; len < sizeof(two_values) - 1; len++) {
		assert_int_equal(ask_script(two_values, len, v), STORE_DOWN);
		assert_null(v[0].data);
		assert_null(v[1].data);
		assert_int_equal(v[0].result, STORE_ABSENT);
		assert_int_equal(v[1].result, STORE_ABSENT);
	}
	assert_int_equal(ask_script(two_values, len, v), STORE_OK);
	assert_memory_equal(v[0].data, "foo", 3);
	assert_memory_equal(v[1].data, "barbar", 6);
	free(v[0].data);
	free(v[1].data);
}

static void
test_answers_to_other_questions_are_none(void **state)
{
	static const char *const replies[] = {
	    "VALUE c 0 3\r\nfoo\r\nEND\r\n",
	    "VALUE aa 0 3\r\nfoo\r\nEND\r\n",
	    "VALUE a 0 3\r\nfoo\r\nVALUE a 0 3\r\nfoo\r\nEND\r\n",
	    "VALUE b 0 3\r\nfoo\r\nVALUE a 0 3\r\nfoo\r\nEND\r\n",
	    "SERVER_ERROR busy\r\n",
	    "HTTP/1.1 400 Bad Request\r\n\r\n",
	    "-ERR unknown command\r\n"};
	struct store_value v[2];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(replies) / sizeof(replies[0]); i++) {
		assert_int_equal(ask_script(replies[i], strlen(replies[i]),
		    v), STORE_DOWN);
		assert_null(v[0].data);
		assert_null(v[1].data);
	}
}

/* ---- many threads ------------------------------------------------------ */

struct worker {
	struct store *store;
	pthread_t thread;
	unsigned seed;
	volatile bool *stop;
	long hits;
	long wrong;
};

/* Each name has one value, derived from it: any other is wrong. */
static void
value_of(unsigned name, char *value, size_t *len)
{
	size_t i;

	*len = 1 + name * 37 % 30000;
	for (i = 0; i < *len; i++)
		value[i] = (char)(name + i * 31);
}

static void
work_once(struct worker *w, char *value)
{
	unsigned name = (unsigned)rand_r(&w->seed) % 200;
	struct store_value v;
	char text[32];
	size_t len;

	snprintf(text, sizeof(text), "name-%u", name);
	value_of(name, value, &len);
	if (rand_r(&w->seed) % 3 == 0) {
		store_set(w->store, text, text, value, len, 0);
		return;
	}
	memset(&v, 0, sizeof(v));
	v.name = text;
	if (store_get(w->store, text, &v, 1, 1 << 20) == STORE_OK &&
	    v.result == STORE_OK) {
		w->hits++;
		if (v.len != len || memcmp(v.data, value, len) != 0)
			w->wrong++;
	}
	free(v.data);
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	char *value = malloc(30001);

	while (value != NULL && !__atomic_load_n(w->stop, __ATOMIC_RELAXED))
		work_once(w, value);
	free(value);
	return NULL;
}

/* Threads at work while their server is stopped, continued and killed. */
static void
test_no_thread_ever_sees_a_wrong_value(void **state)
{
	enum { N = 8 };
	struct worker workers[N];
	volatile bool stop = false;
	struct store *s;
	struct rig r;
	long hits = 0;
	int i;

	(void)state;
	rig_open(&r, 1);
	s = open_store(r.servers[0].path, 4, STALL_MS, 1);
	memset(workers, 0, sizeof(workers));
	for (i = 0; i < N; i++) {
		workers[i].store = s;
		workers[i].seed = (unsigned)i;
		workers[i].stop = &stop;
		assert_int_equal(pthread_create(&workers[i].thread, NULL,
		    work, &workers[i]), 0);
	}
	for (i = 0; i < 40; i++) {
		server_signal(&r.servers[0], SIGSTOP);
		await_result(s, "probe", "", STORE_DOWN);
		server_signal(&r.servers[0], SIGCONT);
		if (i % 10 == 9) {
			server_kill(&r.servers[0]);
			server_start(&r.servers[0]);
		}
		await_result(s, "probe", "", STORE_ABSENT);
	}
	__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
	for (i = 0; i < N; i++) {
		pthread_join(workers[i].thread, NULL);
		assert_int_equal(workers[i].wrong, 0);
		hits += workers[i].hits;
	}
	assert_true(hits > 0);
	store_free(s);
	rig_close(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_set_get_add_remove),
	    cmocka_unit_test(test_an_empty_value_is_there),
	    cmocka_unit_test(test_every_subset_of_names_is_told_apart),
	    cmocka_unit_test(test_a_get_is_bounded_by_bytes),
	    cmocka_unit_test(test_a_get_of_thousands_of_names),
	    cmocka_unit_test(
		test_names_that_memcached_would_misread_never_reach_it),
	    cmocka_unit_test(test_times_to_live),
	    cmocka_unit_test(
		test_a_value_too_large_is_refused_and_nothing_else),
	    cmocka_unit_test(
		test_a_server_that_is_not_there_is_down_until_it_is),
	    cmocka_unit_test(
		test_a_server_that_hangs_is_left_alone_until_it_goes_on),
	    cmocka_unit_test(test_a_resting_server_is_not_asked),
	    cmocka_unit_test(
		test_a_restart_costs_no_pooled_connection_an_operation),
	    cmocka_unit_test(test_no_more_connections_than_allowed),
	    cmocka_unit_test(test_an_answer_cut_anywhere_is_no_answer),
	    cmocka_unit_test(test_answers_to_other_questions_are_none),
	    cmocka_unit_test(test_no_thread_ever_sees_a_wrong_value),
	};

	diag_open(false, LOG_ERR); /* servers fail here by the dozen */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
