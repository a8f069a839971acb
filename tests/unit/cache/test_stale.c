/*
 * Entries past their freshness: kept, told apart from fresh ones, and whole
 * or a miss like any other.
 */
#include "cache/cache.h"

#include "base/clock.h"
#include "store_double.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum {
	CHUNK = 512,
	MAX_ENTRY = 1 << 20,
	STALE_MS = 10 * 1000,
	HOUR_MS = 3600 * 1000
};

/* A cache, its store, and the answer to question number 0. */
struct rig {
	struct store_double *d;
	struct cache *cache;
	char body[8 * CHUNK];
	size_t body_len;
};

static void
rig_open(struct rig *r, int64_t stale_ms, bool compress)
{
	struct cache_config config = {.chunk_bytes = CHUNK,
	    .max_entry_bytes = MAX_ENTRY, .compress = compress,
	    .stale_ms = stale_ms};
	size_t i;

	r->d = double_new();
	r->cache = cache_new(&r->d->store, &config);
	assert_non_null(r->cache);
	assert_int_equal(digest_random(r->body, sizeof(r->body)), 0);
	/* What can be compressed, but not to nothing. */
	for (i = 0; compress && i < sizeof(r->body); i++)
		r->body[i] = (char)('a' + (r->body[i] & 3));
	r->body_len = sizeof(r->body);
}

static void
rig_close(struct rig *r)
{
	cache_free(r->cache);
}

static void
key_of(uint8_t key[CACHE_KEY_BYTES], size_t i)
{
	memset(key, (int)i + 1, CACHE_KEY_BYTES);
}

static void
save(struct rig *r, size_t i, int64_t ttl_ms)
{
	const struct text_pair header = {"x-one", "1"};
	struct cache_answer a = {.mode = ENTRY_STREAM, .status = 200,
	    .ttl_ms = ttl_ms, .headers = &header, .n_headers = 1,
	    .model = "m", .body = r->body, .body_len = r->body_len};
	uint8_t key[CACHE_KEY_BYTES];
	struct cache_found found;
	struct err err = ERR_INIT;

	key_of(key, i);
	cache_lookup(r->cache, "ns", key, &found);
	if (cache_save(r->cache, "ns", key, &found, &a, &err) == -1)
		fail_msg("%s", err.text);
	cache_found_fini(&found);
}

/* The manifest of question number i; its name ends in its key. */
static struct double_item *
manifest_of(struct rig *r, size_t i)
{
	char hex[CACHE_KEY_HEX];
	uint8_t key[CACHE_KEY_BYTES];
	struct double_item *item;
	size_t n;

	key_of(key, i);
	text_hex(key, sizeof(key), hex);
	for (n = 0; (item = double_nth(r->d, hex, n)) != NULL; n++) {
		if (strcmp(strstr(item->name, hex), hex) == 0)
			return item;
	}
	fail_msg("question %zu has no manifest", i);
	return NULL;
}

/* Let an entry have become stale so long ago; below 0: in the future. */
static void
set_stale(struct rig *r, size_t i, int64_t ms)
{
	struct double_item *item = manifest_of(r, i);
	struct entry e;
	struct buf out;

	assert_int_equal(entry_decode(&e, item->data, item->len, NULL), 0);
	e.fresh_until_ms = clock_wall_ms() - ms;
	e.created_ms = e.fresh_until_ms - HOUR_MS;
	buf_init(&out, MAX_ENTRY);
	assert_int_equal(entry_encode(&e, &out, NULL), 0);
	free(item->data);
	item->data = out.data;
	item->len = out.len;
}

static int
take_value(void *arg, const char *name, const char *value)
{
	assert_string_equal(name, "x-one");
	snprintf(arg, 8, "%s", value);
	return 0;
}

/* Whatever a look-up of question number i gives out is whole. */
static enum cache_result
look(struct rig *r, size_t i, const char **why)
{
	uint8_t key[CACHE_KEY_BYTES];
	struct cache_found found;
	enum cache_result result;
	char value[8] = "";

	key_of(key, i);
	result = cache_lookup(r->cache, "ns", key, &found);
	assert_true(found.epoch_known);
	if (why != NULL)
		*why = found.why;
	if (result == CACHE_HIT || result == CACHE_STALE) {
		assert_null(found.why);
		assert_true(found.entry.plain_len == r->body_len);
		assert_memory_equal(found.body, r->body, r->body_len);
		cache_found_each(&found, "headers", take_value, value);
		assert_string_equal(value, "1");
	} else {
		assert_null(found.body);
		assert_null(found.meta);
	}
	cache_found_fini(&found);
	return result;
}

static void
assert_miss(struct rig *r, size_t i, const char *wanted)
{
	const char *why = NULL;

	assert_int_equal(look(r, i, &why), CACHE_MISS);
	assert_string_equal(why, wanted);
}

/* ---- when --------------------------------------------------------------- */

static void
test_stale_until_it_has_been_so_too_long(void **state)
{
	static const struct {
		int64_t kept_ms, stale_ms;
		enum cache_result result;
	} cases[] = {
		{0, -HOUR_MS, CACHE_HIT},
		{0, 0, CACHE_MISS},
		{-5, 0, CACHE_MISS},
		{-HOUR_MS, -1000, CACHE_HIT},
		{STALE_MS, -HOUR_MS, CACHE_HIT},
		{STALE_MS, 0, CACHE_STALE},
		{STALE_MS, STALE_MS / 2, CACHE_STALE},
		{STALE_MS, STALE_MS, CACHE_MISS},
		{STALE_MS, HOUR_MS, CACHE_MISS},
		{INT64_MAX, 0, CACHE_STALE},
		{INT64_MAX, INT64_C(400) * 24 * HOUR_MS, CACHE_STALE},
	};
	struct rig r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig_open(&r, cases[i].kept_ms, i % 2 == 0);
		save(&r, 0, HOUR_MS);
		set_stale(&r, 0, cases[i].stale_ms);
		if (cases[i].result == CACHE_MISS)
			assert_miss(&r, 0, "expired");
		else
			assert_int_equal(look(&r, 0, NULL), cases[i].result);
		rig_close(&r);
	}
}

/* The store is given both times, each rounded up; no sum overflows. */
static void
test_what_the_store_is_told(void **state)
{
	static const int64_t most_ms = INT64_C(1) << 62;
	static const struct {
		int64_t ttl_ms, kept_ms, ttl_s;
	} cases[] = {
		{1, 0, 2},
		{1, 1, 3},
		{1000, 1000, 3},
		{1001, 999, 4},
		{HOUR_MS, HOUR_MS, 2 * 3600 + 1},
		{1000, -1, 2},
		{1000, INT64_MAX, INT64_MAX / 1000 + 3},
		{most_ms, INT64_MAX,
		    (INT64_C(1) << 62) / 1000 + INT64_MAX / 1000 + 3},
	};
	struct rig r;
	size_t i, n;
	struct double_item *item;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig_open(&r, cases[i].kept_ms, false);
		save(&r, 0, cases[i].ttl_ms);
		assert_true(manifest_of(&r, 0)->ttl_s == cases[i].ttl_s);
		/* Chunks stay a minute longer. */
		for (n = 0; (item = double_nth(r.d, ":0101", n)) != NULL; n++)
			assert_true(item->ttl_s == cases[i].ttl_s ||
			    item->ttl_s == cases[i].ttl_s + 60);
		assert_true(n > 1);
		rig_close(&r);
	}
}

/* ---- what --------------------------------------------------------------- */

static void
test_a_stale_entry_that_is_not_whole_is_a_miss(void **state)
{
	struct double_item *item, *manifest;
	struct rig r;
	size_t n;

	(void)state;
	for (n = 0; n < sizeof(r.body) / CHUNK; n++) {
		rig_open(&r, STALE_MS, false);
		save(&r, 0, HOUR_MS);
		set_stale(&r, 0, 1);
		assert_int_equal(look(&r, 0, NULL), CACHE_STALE);
		manifest = manifest_of(&r, 0);
		item = double_nth(r.d, manifest->name, n);
		if (item == manifest)
			item = double_nth(r.d, manifest->name,
			    sizeof(r.body) / CHUNK);
		assert_non_null(item);
		item->data[item->len / 2] ^= 1;
		assert_miss(&r, 0, "corrupt-body");
		double_drop(item);
		assert_miss(&r, 0, "chunk-absent");
		rig_close(&r);
	}
}

static void
test_a_purge_wins(void **state)
{
	uint8_t key[CACHE_KEY_BYTES];
	struct rig r;

	(void)state;
	rig_open(&r, STALE_MS, true);
	save(&r, 0, HOUR_MS);
	save(&r, 1, HOUR_MS);
	set_stale(&r, 0, 1);
	set_stale(&r, 1, 1);
	key_of(key, 0);
	assert_int_equal(cache_purge_key(r.cache, "ns", key, NULL), 1);
	assert_int_equal(look(&r, 0, NULL), CACHE_MISS);
	assert_int_equal(look(&r, 1, NULL), CACHE_STALE);
	assert_int_equal(cache_purge_namespace(r.cache, "ns", NULL), 0);
	assert_miss(&r, 1, "purged");
	rig_close(&r);
}

/* What a look-up of the stale entry learned is enough to store the next. */
static void
test_a_stale_entry_is_replaced(void **state)
{
	struct rig r;

	(void)state;
	rig_open(&r, STALE_MS, true);
	save(&r, 0, HOUR_MS);
	set_stale(&r, 0, 1);
	assert_int_equal(look(&r, 0, NULL), CACHE_STALE);
	r.body[0] ^= 1;
	save(&r, 0, HOUR_MS);
	assert_int_equal(look(&r, 0, NULL), CACHE_HIT);
	rig_close(&r);
}

/* What is put together from many must not be stale. */
static void
test_of_many_only_fresh_ones_are_found(void **state)
{
	enum { N = 6 };
	static const struct {
		int64_t stale_ms; /* HOUR_MS: it is not there at all */
		enum cache_result result;
	} cases[N] = {{-HOUR_MS, CACHE_HIT}, {1, CACHE_MISS},
	    {STALE_MS, CACHE_MISS}, {HOUR_MS, CACHE_MISS},
	    {STALE_MS / 2, CACHE_MISS}, {-HOUR_MS, CACHE_HIT}};
	struct cache_question q[N];
	struct rig r;
	size_t i;

	(void)state;
	rig_open(&r, STALE_MS, true);
	memset(q, 0, sizeof(q));
	for (i = 0; i < N; i++) {
		key_of(q[i].key, i);
		if (cases[i].stale_ms == HOUR_MS)
			continue;
		save(&r, i, HOUR_MS);
		set_stale(&r, i, cases[i].stale_ms);
	}
	cache_lookup_many(r.cache, "ns", q, N);
	for (i = 0; i < N; i++) {
		assert_int_equal(q[i].result, cases[i].result);
		assert_true(q[i].found.epoch_known);
		if (q[i].result == CACHE_MISS)
			assert_null(q[i].found.body);
		else
			assert_memory_equal(q[i].found.body, r.body,
			    r.body_len);
		cache_found_fini(&q[i].found);
	}
	rig_close(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stale_until_it_has_been_so_too_long),
		cmocka_unit_test(test_what_the_store_is_told),
		cmocka_unit_test(
		    test_a_stale_entry_that_is_not_whole_is_a_miss),
		cmocka_unit_test(test_a_purge_wins),
		cmocka_unit_test(test_a_stale_entry_is_replaced),
		cmocka_unit_test(test_of_many_only_fresh_ones_are_found),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
