/*
 * Looking many questions up at once: what each is answered is what asking
 * for it alone answers, for as few round trips as there are servers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/diag.h"
#include "cache/cache.h"
#include "memcached_rig.h"
#include "store_double.h"

enum {
	CHUNK = 512,
	MAX_ENTRY = 1 << 20,
	MANY = 2048
};

/* The key of question number i. */
static void
set_key(uint8_t key[CACHE_KEY_BYTES], size_t i)
{
	assert_int_equal(digest_sha256(&i, sizeof(i), key), 0);
}

static struct cache_question *
ask(size_t n)
{
	struct cache_question *q = calloc(n + 1, sizeof(*q));
	size_t i;

	assert_non_null(q);
	for (i = 0; i < n; i++)
		set_key(q[i].key, i);
	return q;
}

static void
finish(struct cache_question *q, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		cache_found_fini(&q[i].found);
	free(q);
}

/* The body of answer number i: of the length, in its own bytes. */
static char *
body_of(size_t i, size_t len)
{
	char *body = malloc(len + 1);
	size_t at;

	assert_non_null(body);
	for (at = 0; at < len; at++)
		body[at] = (char)((at * 131 + i * 7919 + at * at % 251) & 255);
	return body;
}

static void
save(struct cache *cache, size_t i, size_t len)
{
	struct cache_answer a = {.status = 200, .ttl_ms = 3600 * 1000,
	    .model = "m", .body_len = len};
	uint8_t key[CACHE_KEY_BYTES];
	struct cache_found found;
	struct err err = ERR_INIT;
	char *body = body_of(i, len);

	set_key(key, i);
	a.body = body;
	cache_lookup(cache, "ns", key, &found);
	if (cache_save(cache, "ns", key, &found, &a, &err) == -1)
		fail_msg("%s", err.text);
	cache_found_fini(&found);
	free(body);
}

static void
assert_answer(const struct cache_question *q, size_t i, size_t len)
{
	char *body = body_of(i, len);

	assert_int_equal(q->result, CACHE_HIT);
	assert_null(q->found.why);
	assert_true(q->found.entry.plain_len == len);
	assert_memory_equal(q->found.body, body, len);
	assert_non_null(q->found.meta);
	free(body);
}

static struct cache *
open_cache(struct store *store, bool compress)
{
	struct cache_config config = {.chunk_bytes = CHUNK,
	    .max_entry_bytes = MAX_ENTRY, .compress = compress};
	struct cache *cache = cache_new(store, &config);

	assert_non_null(cache);
	return cache;
}

/* ---- on a store in memory ----------------------------------------------- */

static void
test_no_question_is_no_round_trip(void **state)
{
	struct store_double *d = double_new();
	struct cache *cache = open_cache(&d->store, false);

	(void)state;
	cache_lookup_many(cache, "ns", NULL, 0);
	assert_int_equal(d->calls, 0);
	cache_free(cache);
}

/* Every subset of eight entries, chunked ones among them. */
static void
test_every_mix_of_hits_and_misses(void **state)
{
	enum { N = 8 };
	struct cache_question *q;
	struct store_double *d;
	struct cache *cache;
	size_t i, chunked, len[N];
	unsigned mask;

	(void)state;
	for (i = 0; i < N; i++)
		len[i] = i % 4 == 3 ? 3 * CHUNK : 20 * i;
	for (mask = 0; mask < 1 << N; mask++) {
		d = double_new();
		cache = open_cache(&d->store, mask % 2 == 0);
		chunked = 0;
		for (i = 0; i < N; i++) {
			if (mask >> i & 1)
				save(cache, i, len[i]);
		}
		/* The first look-up of all sets the epoch. */
		q = ask(N);
		cache_lookup_many(cache, "ns", q, N);
		finish(q, N);
		q = ask(N);
		d->calls = 0;
		cache_lookup_many(cache, "ns", q, N);
		for (i = 0; i < N; i++) {
			assert_true(q[i].found.epoch_known);
			if (!(mask >> i & 1)) {
				assert_int_equal(q[i].result, CACHE_MISS);
				assert_null(q[i].found.why);
				continue;
			}
			assert_answer(&q[i], i, len[i]);
			chunked += q[i].found.entry.n_chunks > 0;
		}
		assert_int_equal(d->calls, 1 + chunked);
		finish(q, N);
		cache_free(cache);
	}
}

static void
test_one_round_trip_a_server(void **state)
{
	struct cache_question *q = ask(MANY);
	struct store_double *d = double_new();
	struct cache *cache = open_cache(&d->store, false);
	size_t i;

	(void)state;
	d->servers = 3;
	for (i = 0; i < MANY; i += 2)
		save(cache, i, 30);
	d->calls = 0;
	cache_lookup_many(cache, "ns", q, MANY);
	assert_int_equal(d->calls, 3);
	for (i = 0; i < MANY; i++) {
		if (i % 2 == 0)
			assert_answer(&q[i], i, 30);
		else
			assert_int_equal(q[i].result, CACHE_MISS);
	}
	finish(q, MANY);
	cache_free(cache);
}

static void
test_what_many_look_up_one_can_save_and_find(void **state)
{
	struct cache_answer a = {.status = 200, .ttl_ms = 1000, .model = "m",
	    .body = "{}", .body_len = 2};
	struct store_double *d = double_new();
	struct cache *cache = open_cache(&d->store, false);
	struct cache_question *q = ask(40);
	struct cache_found found;
	size_t i;

	(void)state;
	d->servers = 3;
	cache_lookup_many(cache, "ns", q, 40);
	for (i = 0; i < 40; i++) {
		assert_int_equal(q[i].result, CACHE_MISS);
		assert_string_equal(q[i].found.why, "epoch-new");
		assert_int_equal(cache_save(cache, "ns", q[i].key, &q[i].found,
		    &a, NULL), 0);
		assert_int_equal(cache_lookup(cache, "ns", q[i].key, &found),
		    CACHE_HIT);
		cache_found_fini(&found);
	}
	finish(q, 40);
	cache_free(cache);
}

static void
test_a_server_that_is_down_costs_its_own_only(void **state)
{
	struct store_double *d = double_new();
	struct cache *cache = open_cache(&d->store, false);
	struct cache_question *q = ask(60);
	size_t i, down = 0;

	(void)state;
	d->servers = 3;
	for (i = 0; i < 60; i++)
		save(cache, i, 30);
	d->down_server = 1;
	cache_lookup_many(cache, "ns", q, 60);
	for (i = 0; i < 60; i++) {
		if (q[i].result == CACHE_DOWN) {
			assert_string_equal(q[i].found.why, "store-down");
			assert_false(q[i].found.epoch_known);
			down++;
		} else {
			assert_answer(&q[i], i, 30);
		}
	}
	assert_in_range(down, 1, 59);
	finish(q, 60);
	cache_free(cache);
}

static void
test_a_purge_is_seen_by_all(void **state)
{
	struct store_double *d = double_new();
	struct cache *cache = open_cache(&d->store, false);
	struct cache_question *q = ask(30);
	size_t i;

	(void)state;
	d->servers = 3;
	for (i = 0; i < 30; i++)
		save(cache, i, 30);
	assert_int_equal(cache_purge_namespace(cache, "ns", NULL), 0);
	cache_lookup_many(cache, "ns", q, 30);
	for (i = 0; i < 30; i++) {
		assert_int_equal(q[i].result, CACHE_MISS);
		assert_string_equal(q[i].found.why, "purged");
		assert_null(q[i].found.body);
	}
	finish(q, 30);
	cache_free(cache);
}

/* One manifest swapped for another's, one cut: the others stay right. */
static void
test_a_harmed_entry_costs_its_own_only(void **state)
{
	struct store_double *d = double_new();
	struct cache *cache = open_cache(&d->store, false);
	struct cache_question *q = ask(4);
	struct double_item *a, *b;
	size_t i, foreign = 0, corrupt = 0;
	char *data;

	(void)state;
	for (i = 0; i < 4; i++)
		save(cache, i, 30);
	a = double_nth(d, "ns:", 1);
	b = double_nth(d, "ns:", 2);
	assert_int_equal(a->len, b->len);
	data = a->data;
	a->data = b->data;
	b->data = data;
	double_nth(d, "ns:", 3)->len--;
	cache_lookup_many(cache, "ns", q, 4);
	for (i = 0; i < 4; i++) {
		if (q[i].result == CACHE_HIT) {
			assert_answer(&q[i], i, 30);
			continue;
		}
		foreign += strcmp(q[i].found.why, "foreign-key") == 0;
		corrupt += strcmp(q[i].found.why, "corrupt") == 0;
	}
	assert_int_equal(foreign, 2);
	assert_int_equal(corrupt, 1);
	finish(q, 4);
	cache_free(cache);
}

/* Whatever call fails, nobody gets a wrong answer. */
static void
test_failing_at_every_call(void **state)
{
	struct cache_question *q;
	struct store_double *d;
	struct cache *cache;
	size_t i, hits;
	int at;

	(void)state;
	for (at = 0; at < 4; at++) {
		d = double_new();
		cache = open_cache(&d->store, false);
		for (i = 0; i < 3; i++)
			save(cache, i, 3 * CHUNK);
		d->calls = 0;
		d->fail_at = at;
		d->fail_count = 1;
		q = ask(3);
		cache_lookup_many(cache, "ns", q, 3);
		hits = 0;
		for (i = 0; i < 3; i++) {
			if (q[i].result == CACHE_HIT) {
				hits++;
				assert_answer(&q[i], i, 3 * CHUNK);
			} else {
				assert_int_equal(q[i].result, CACHE_DOWN);
				assert_null(q[i].found.body);
			}
		}
		assert_int_equal(hits, at == 0 ? 0 : 2);
		finish(q, 3);
		cache_free(cache);
	}
}

/* ---- on real servers ---------------------------------------------------- */

/* What a server says of itself, e.g. cmd_get. */
static long
stat_of(const struct rig_server *s, const char *name)
{
	int fd = rig_connect(s->path);
	char text[16384], wanted[64], *at;
	size_t len = 0;
	ssize_t n;

	assert_int_not_equal(fd, -1);
	assert_int_equal(write(fd, "stats\r\n", 7), 7);
	do {
		n = read(fd, text + len, sizeof(text) - 1 - len);
		assert_true(n > 0);
		len += (size_t)n;
		text[len] = '\0';
	} while (strstr(text, "END\r\n") == NULL);
	close(fd);
	snprintf(wanted, sizeof(wanted), "STAT %s ", name);
	at = strstr(text, wanted);
	assert_non_null(at);
	return strtol(at + strlen(wanted), NULL, 10);
}

/* 2048 answers of 12 KB on three servers, then one of those away. */
static void
test_a_large_batch_on_three_servers(void **state)
{
	enum { LEN = 12000 };
	struct cache_config config = {.chunk_bytes = 512 * 1024,
	    .max_entry_bytes = MAX_ENTRY};
	struct cache_question *q;
	struct cache *cache;
	struct rig r;
	long gets = 0;
	size_t i, down = 0;

	(void)state;
	rig_open(&r, RIG_SERVERS);
	cache = cache_new(open_store(r.list, 2, PATIENCE_MS, 600 * 1000),
	    &config);
	for (i = 0; i < MANY; i++)
		save(cache, i, LEN);
	for (i = 0; i < RIG_SERVERS; i++)
		gets -= stat_of(&r.servers[i], "get_hits");
	q = ask(MANY);
	cache_lookup_many(cache, "ns", q, MANY);
	for (i = 0; i < MANY; i++)
		assert_answer(&q[i], i, LEN);
	finish(q, MANY);
	for (i = 0; i < RIG_SERVERS; i++)
		gets += stat_of(&r.servers[i], "get_hits");
	/* Each manifest once, each epoch once. */
	assert_int_equal(gets, MANY + RIG_SERVERS);
	server_kill(&r.servers[1]);
	q = ask(MANY);
	cache_lookup_many(cache, "ns", q, MANY);
	for (i = 0; i < MANY; i++) {
		if (q[i].result == CACHE_DOWN)
			down++;
		else
			assert_answer(&q[i], i, LEN);
	}
	assert_in_range(down, 1, MANY - 1);
	finish(q, MANY);
	cache_free(cache);
	rig_close(&r);
}

static void
test_a_name_is_placed_where_its_group_says(void **state)
{
	char list[400], group[32];
	struct store *s;
	struct rig r;
	size_t i;

	(void)state;
	rig_open(&r, 0);
	snprintf(list, sizeof(list), "%s", r.list);
	s = open_store(list, 1, 100, 100);
	for (i = 0; i < RIG_SERVERS; i++) {
		assert_int_equal(store_server_group(s, i, group,
		    sizeof(group)), 0);
		assert_int_equal(store_server_of(s, group), i);
	}
	store_free(s);
	rig_close(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_no_question_is_no_round_trip),
	    cmocka_unit_test(test_every_mix_of_hits_and_misses),
	    cmocka_unit_test(test_one_round_trip_a_server),
	    cmocka_unit_test(test_what_many_look_up_one_can_save_and_find),
	    cmocka_unit_test(test_a_server_that_is_down_costs_its_own_only),
	    cmocka_unit_test(test_a_purge_is_seen_by_all),
	    cmocka_unit_test(test_a_harmed_entry_costs_its_own_only),
	    cmocka_unit_test(test_failing_at_every_call),
	    cmocka_unit_test(test_a_large_batch_on_three_servers),
	    cmocka_unit_test(test_a_name_is_placed_where_its_group_says),
	};

	diag_open(false, LOG_ERR); /* servers fail here on purpose */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
