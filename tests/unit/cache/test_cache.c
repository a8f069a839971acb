/*
 * The cache over a store in memory that fails in every way it can: what is
 * handed out is what was saved, byte for byte, or it is a miss.
 */
#include "cache/cache_private.h"

#include "base/clock.h"
#include "store_double.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

enum {
	CHUNK = 512,
	MAX_ENTRY = 16 << 20
};

/* A cache, its store, and an answer. */
struct rig {
	struct store_double *d;
	struct cache *cache;
	uint8_t key[CACHE_KEY_BYTES];
	char *body;
	size_t body_len;
	const char *times;
	size_t times_len;
	int64_t ttl_ms;
};

static void
rig_open(struct rig *r, size_t chunk_bytes, bool compress)
{
	struct cache_config config = {.chunk_bytes = chunk_bytes,
	    .max_entry_bytes = MAX_ENTRY, .compress = compress};

	memset(r, 0, sizeof(*r));
	r->d = double_new();
	r->cache = cache_new(&r->d->store, &config);
	assert_non_null(r->cache);
	memset(r->key, 0x3f, sizeof(r->key));
	r->ttl_ms = 3600 * 1000;
}

static void
rig_close(struct rig *r)
{
	cache_free(r->cache);
	free(r->body);
}

static void
set_noise(struct rig *r, size_t len)
{
	free(r->body);
	r->body = malloc(len > 0 ? len : 1);
	assert_non_null(r->body);
	assert_int_equal(digest_random(r->body, len), 0);
	r->body_len = len;
}

static void
set_transcript(struct rig *r, size_t len)
{
	static const char event[] = "data: {\"delta\":{\"content\":\"w\"}}\n\n";
	size_t i;

	set_noise(r, len);
	for (i = 0; i < len; i++)
		r->body[i] = event[i % (sizeof(event) - 1)];
	for (i = 0; i + 20 < len; i += 1000)
		r->body[i + 20] = (char)('a' + i / 1000 % 26);
}

static int
save_as(struct rig *r, const char *ns, const struct cache_found *found,
    struct err *err)
{
	const struct text_pair headers[] = {
	    {"content-type", "text/event-stream"}, {"x-two", "a, b"}};
	const struct text_pair vary[] = {{"accept-language", "de"}};
	struct cache_answer a = {.mode = ENTRY_STREAM, .format = 2,
	    .status = 200, .ttl_ms = r->ttl_ms, .headers = headers,
	    .n_headers = 2, .vary = vary, .n_vary = 1, .model = "m-1",
	    .body = r->body, .body_len = r->body_len,
	    .times = r->times, .times_len = r->times_len};

	return cache_save(r->cache, ns, r->key, found, &a, err);
}

/* Look up, then save, as a request that misses does. */
static int
miss_and_save(struct rig *r, struct err *err)
{
	struct cache_found found;
	int rc;

	assert_int_not_equal(cache_lookup(r->cache, "ns", r->key, &found),
	    CACHE_HIT);
	rc = save_as(r, "ns", &found, err);
	cache_found_fini(&found);
	return rc;
}

static void
assert_body(const struct rig *r, const struct cache_found *found)
{
	assert_true(found->entry.plain_len == r->body_len);
	assert_non_null(found->body);
	assert_memory_equal(found->body, r->body, r->body_len);
	assert_int_equal(found->entry.times_len, r->times_len);
	if (r->times_len > 0)
		assert_memory_equal(found->times, r->times, r->times_len);
}

/* Look up; a hit must be right to the byte. */
static enum cache_result
look(struct rig *r, const char **why)
{
	struct cache_found found;
	enum cache_result result;

	result = cache_lookup(r->cache, "ns", r->key, &found);
	if (result == CACHE_HIT)
		assert_body(r, &found);
	else
		assert_null(found.body);
	if (why != NULL)
		*why = found.why;
	cache_found_fini(&found);
	return result;
}

static void
assert_miss(struct rig *r, const char *wanted)
{
	const char *why;

	assert_int_equal(look(r, &why), CACHE_MISS);
	if (wanted == NULL)
		assert_null(why);
	else
		assert_string_equal(why, wanted);
}

static void
assert_hit(struct rig *r)
{
	assert_int_equal(look(r, NULL), CACHE_HIT);
}

/* A rig with one saved answer of n chunks of noise (0: inline). */
static void
rig_saved(struct rig *r, size_t n)
{
	rig_open(r, CHUNK, false);
	set_noise(r, n == 0 ? 100 : n * CHUNK - 7);
	assert_int_equal(miss_and_save(r, NULL), 0);
	assert_hit(r);
}

/* ---- the plain way ----------------------------------------------------- */

static int
collect(void *arg, const char *name, const char *value)
{
	struct buf *b = arg;

	return buf_printf(b, "%s=%s;", name, value);
}

static int
stop_at_first(void *arg, const char *name, const char *value)
{
	int *calls = arg;

	(void)name;
	(void)value;
	++*calls;
	return 7;
}

static void
test_a_saved_answer_comes_back_whole(void **state)
{
	struct cache_found found;
	struct rig r;
	struct buf b;
	int calls = 0;

	(void)state;
	rig_saved(&r, 0);
	assert_int_equal(cache_lookup(r.cache, "ns", r.key, &found),
	    CACHE_HIT);
	assert_body(&r, &found);
	assert_null(found.why);
	assert_int_equal(found.entry.status, 200);
	assert_int_equal(found.entry.format, 2);
	assert_int_equal(found.entry.mode, ENTRY_STREAM);
	assert_true(found.entry.fresh_until_ms - found.entry.created_ms ==
	    r.ttl_ms);
	assert_string_equal(json_string_value(json_object_get(found.meta,
	    "model")), "m-1");
	assert_null(json_object_get(found.meta, "usage"));
	buf_init(&b, 1000);
	assert_int_equal(cache_found_each(&found, "headers", collect, &b), 0);
	assert_int_equal(cache_found_each(&found, "vary", collect, &b), 0);
	assert_string_equal(b.data,
	    "content-type=text/event-stream;x-two=a, b;accept-language=de;");
	assert_int_equal(cache_found_each(&found, "headers", stop_at_first,
	    &calls), 7);
	assert_int_equal(calls, 1);
	buf_fini(&b);
	cache_found_fini(&found);
	rig_close(&r);
}

static void
test_usage_comes_back(void **state)
{
	struct cache_answer a = {.status = 200, .ttl_ms = 1000, .body = "{}",
	    .body_len = 2};
	struct cache_found found;
	struct rig r;

	(void)state;
	rig_open(&r, CHUNK, false);
	a.usage = json_pack("{s:i}", "total_tokens", 42);
	cache_lookup(r.cache, "ns", r.key, &found);
	assert_int_equal(cache_save(r.cache, "ns", r.key, &found, &a, NULL),
	    0);
	cache_found_fini(&found);
	json_decref(a.usage);
	assert_int_equal(cache_lookup(r.cache, "ns", r.key, &found),
	    CACHE_HIT);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(
	    found.meta, "usage"), "total_tokens")), 42);
	cache_found_fini(&found);
	rig_close(&r);
}

/* Lengths around every border between inline and so many chunks. */
static void
test_every_length_comes_back(void **state)
{
	static const bool compress[] = {false, true};
	struct rig r;
	size_t len, i;

	(void)state;
	for (i = 0; i < 2; i++) {
		for (len = 0; len <= 3 * 64 + 2; len++) {
			rig_open(&r, 64, compress[i]);
			set_noise(&r, len);
			assert_int_equal(miss_and_save(&r, NULL), 0);
			assert_hit(&r);
			rig_close(&r);
			rig_open(&r, 1024, compress[i]);
			set_transcript(&r, len * 20);
			assert_int_equal(miss_and_save(&r, NULL), 0);
			assert_hit(&r);
			rig_close(&r);
		}
	}
}

/* Inline and in chunks, compressed and not, up to the longest. */
static void
test_times_come_back_with_the_body(void **state)
{
	static const size_t lengths[] = {1, 7, CHUNK, 3 * CHUNK, 40000,
	    ENTRY_TIMES_MAX};
	char *times = malloc(ENTRY_TIMES_MAX);
	struct rig r;
	size_t i, k;

	(void)state;
	assert_non_null(times);
	for (i = 0; i < 4 * sizeof(lengths) / sizeof(lengths[0]); i++) {
		rig_open(&r, i % 4 < 2 ? CHUNK : 1 << 20, i % 2 == 0);
		set_transcript(&r, 5000);
		for (k = 0; k < lengths[i / 4]; k++)
			times[k] = (char)(k % 7 * (k / 1000));
		r.times = times;
		r.times_len = lengths[i / 4];
		assert_int_equal(miss_and_save(&r, NULL), 0);
		assert_hit(&r);
		rig_close(&r);
	}
	free(times);
}

static void
test_a_small_hit_is_one_round_trip_and_a_large_one_two(void **state)
{
	struct rig r;

	(void)state;
	rig_saved(&r, 0);
	r.d->calls = 0;
	assert_hit(&r);
	assert_int_equal(r.d->calls, 1);
	rig_close(&r);
	rig_saved(&r, 5);
	r.d->calls = 0;
	assert_hit(&r);
	assert_int_equal(r.d->calls, 2);
	rig_close(&r);
}

static void
test_a_transcript_of_12_mb_comes_back(void **state)
{
	static const bool noise[] = {false, true};
	struct rig r;
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		rig_open(&r, 512 * 1024, true);
		if (noise[i])
			set_noise(&r, 12 << 20);
		else
			set_transcript(&r, 12 << 20);
		assert_int_equal(miss_and_save(&r, NULL), 0);
		/* 24 chunks, manifest and epoch; or it all went in one. */
		assert_int_equal(double_count(r.d), noise[i] ? 26 : 2);
		assert_hit(&r);
		rig_close(&r);
	}
}

static void
test_what_cannot_be_kept_is_refused(void **state)
{
	struct cache_answer a = {.status = 200, .ttl_ms = 1000, .body = "{}",
	    .body_len = 2};
	struct cache_answer bad[4] = {a, a, a, a};
	struct cache_found found;
	struct err err;
	struct rig r;
	size_t i;

	(void)state;
	rig_open(&r, CHUNK, false);
	set_noise(&r, MAX_ENTRY + 1);
	bad[0].body = r.body;
	bad[0].body_len = r.body_len;
	bad[1].ttl_ms = 0;
	bad[2].model = "caf\xe9";
	bad[3].status = 1000;
	cache_lookup(r.cache, "ns", r.key, &found);
	for (i = 0; i < 4; i++) {
		err_clear(&err);
		assert_int_equal(cache_save(r.cache, "ns", r.key, &found,
		    &bad[i], &err), -1);
		assert_int_equal(err.code, ERR_LIMIT);
	}
	assert_int_equal(r.d->sets, 0);
	cache_found_fini(&found);
	rig_close(&r);
}

/* Every byte that may be in a header, and values that are empty. */
static void
test_headers_come_back_byte_for_byte(void **state)
{
	char every[256];
	struct text_pair headers[] = {{"x", ""}, {"x", every}, {"", "y"}};
	struct cache_answer a = {.status = 200, .ttl_ms = 1000, .body = "{}",
	    .body_len = 2, .headers = headers, .n_headers = 3,
	    .vary = headers + 1, .n_vary = 1};
	struct cache_found found;
	struct rig r;
	struct buf b;
	int i;

	(void)state;
	for (i = 1; i < 256; i++)
		every[i - 1] = (char)i;
	every[255] = '\0';
	rig_open(&r, CHUNK, false);
	cache_lookup(r.cache, "ns", r.key, &found);
	assert_int_equal(cache_save(r.cache, "ns", r.key, &found, &a, NULL),
	    0);
	cache_found_fini(&found);
	assert_int_equal(cache_lookup(r.cache, "ns", r.key, &found),
	    CACHE_HIT);
	buf_init(&b, 1000);
	cache_found_each(&found, "headers", collect, &b);
	assert_memory_equal(b.data, "x=;x=", 5);
	assert_memory_equal(b.data + 5, every, 255);
	assert_string_equal(b.data + 260, ";=y;");
	buf_reset(&b);
	cache_found_each(&found, "vary", collect, &b);
	assert_int_equal(b.len, 2 + 255 + 1);
	buf_fini(&b);
	cache_found_fini(&found);
	rig_close(&r);
}

static void
test_headers_too_long_are_refused(void **state)
{
	char *value = malloc(ENTRY_META_MAX + 1);
	struct text_pair header = {"x", value};
	struct cache_answer a = {.status = 200, .ttl_ms = 1000, .body = "{}",
	    .body_len = 2, .headers = &header, .n_headers = 1};
	struct err err = ERR_INIT;
	struct cache_found found;
	struct rig r;

	(void)state;
	assert_non_null(value);
	memset(value, 'v', ENTRY_META_MAX);
	value[ENTRY_META_MAX] = '\0';
	rig_open(&r, CHUNK, false);
	cache_lookup(r.cache, "ns", r.key, &found);
	assert_int_equal(cache_save(r.cache, "ns", r.key, &found, &a, &err),
	    -1);
	assert_int_equal(err.code, ERR_LIMIT);
	cache_found_fini(&found);
	rig_close(&r);
	free(value);
}

/* ---- time -------------------------------------------------------------- */

static void
test_an_answer_is_fresh_for_its_time_only(void **state)
{
	struct timespec nap = {0, 2 * 1000 * 1000};
	struct cache_found found;
	struct rig r;

	(void)state;
	rig_open(&r, CHUNK, false);
	set_noise(&r, 10);
	r.ttl_ms = 40;
	assert_int_equal(miss_and_save(&r, NULL), 0);
	/* Looked up until it is gone; while fresh, it is a hit. */
	while (cache_lookup(r.cache, "ns", r.key, &found) == CACHE_HIT) {
		assert_true(found.entry.fresh_until_ms <=
		    clock_wall_ms() + r.ttl_ms);
		cache_found_fini(&found);
		nanosleep(&nap, NULL);
	}
	assert_string_equal(found.why, "expired");
	cache_found_fini(&found);
	rig_close(&r);
}

/*
 * The store keeps whole seconds, and ends them up to a second early: never
 * less than asked for.
 */
static void
test_times_to_live_round_up_and_chunks_stay_longer(void **state)
{
	static const struct {
		int64_t ttl_ms;
		int64_t ttl_s;
	} cases[] = {{1, 2}, {999, 2}, {1000, 2}, {1001, 3},
	    {INT64_C(40) * 86400 * 1000, 40 * 86400 + 1}};
	struct double_item *item;
	struct rig r;
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		rig_open(&r, CHUNK, false);
		set_noise(&r, 3 * CHUNK);
		r.ttl_ms = cases[i].ttl_ms;
		assert_int_equal(miss_and_save(&r, NULL), 0);
		for (k = 0; (item = double_nth(r.d, "3f3f", k)) != NULL; k++)
			assert_true(item->ttl_s == cases[i].ttl_s +
			    (item->len == CHUNK ? 60 : 0));
		assert_int_equal(k, 4);
		assert_true(double_nth(r.d, "epoch", 0)->ttl_s == 0);
		rig_close(&r);
	}
}

/* ---- what is stored goes wrong ----------------------------------------- */

static void
test_every_lost_value_is_a_miss(void **state)
{
	struct rig r;
	size_t i;

	(void)state;
	for (i = 0; i < 6; i++) { /* 5 chunks and their manifest */
		rig_saved(&r, 5);
		double_drop(double_nth(r.d, "3f3f", i));
		assert_int_equal(look(&r, NULL), CACHE_MISS);
		rig_close(&r);
	}
	rig_saved(&r, 5);
	double_drop(double_nth(r.d, "epoch", 0));
	assert_miss(&r, "epoch-new");
	assert_miss(&r, "purged");
	rig_close(&r);
}

/* Any bit of any value: never a wrong byte (look compares), never a hit. */
static void
test_every_damaged_byte_is_a_miss(void **state)
{
	struct double_item *item;
	size_t chunks, k, at;
	struct rig r;

	(void)state;
	for (chunks = 0; chunks <= 3; chunks += 3) {
		rig_saved(&r, chunks);
		for (k = 0; (item = double_nth(r.d, "3f3f", k)) != NULL; k++) {
			for (at = 0; at < item->len; at++) {
				item->data[at] = (char)(item->data[at] ^ 0x10);
				assert_int_equal(look(&r, NULL), CACHE_MISS);
				item->data[at] = (char)(item->data[at] ^ 0x10);
			}
		}
		assert_hit(&r);
		rig_close(&r);
	}
}

static void
test_every_truncated_value_is_a_miss(void **state)
{
	struct double_item *item;
	size_t chunks, k, len;
	struct rig r;

	(void)state;
	for (chunks = 0; chunks <= 3; chunks += 3) {
		rig_saved(&r, chunks);
		for (k = 0; (item = double_nth(r.d, "3f3f", k)) != NULL; k++) {
			for (len = item->len; item->len-- > 0;)
				assert_int_equal(look(&r, NULL), CACHE_MISS);
			item->len = len;
		}
		assert_hit(&r);
		rig_close(&r);
	}
}

static void
swap(struct double_item *a, struct double_item *b)
{
	char *data = a->data;
	size_t len = a->len;

	a->data = b->data;
	a->len = b->len;
	b->data = data;
	b->len = len;
}

static void
test_swapped_values_are_a_miss(void **state)
{
	struct double_item *a, *b;
	size_t i, k;
	struct rig r;

	(void)state;
	rig_saved(&r, 5);
	for (i = 0; (a = double_nth(r.d, "3f3f", i)) != NULL; i++) {
		for (k = i + 1; (b = double_nth(r.d, "3f3f", k)) != NULL;
		     k++) {
			swap(a, b);
			assert_int_equal(look(&r, NULL), CACHE_MISS);
			swap(a, b);
		}
	}
	assert_int_equal(i, 6);
	assert_hit(&r);
	rig_close(&r);
}

/* Chunk n of the first or second generation that was saved. */
static struct double_item *
chunk(struct store_double *d, size_t n, size_t generation)
{
	struct double_item *item;
	char end[8];
	size_t i;

	snprintf(end, sizeof(end), ":%zu", n);
	for (i = 0; (item = double_nth(d, "3f3f", i)) != NULL; i++) {
		if (strcmp(strrchr(item->name, ':'), end) == 0 &&
		    generation-- == 0)
			return item;
	}
	fail_msg("there is no chunk %zu", n);
	return NULL;
}

/* The values of another answer to the same question, one at a time. */
static void
test_values_of_another_generation_are_a_miss(void **state)
{
	struct cache_found found;
	struct rig r;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		rig_saved(&r, 3);
		set_noise(&r, r.body_len);
		cache_lookup(r.cache, "ns", r.key, &found);
		assert_int_equal(save_as(&r, "ns", &found, NULL), 0);
		cache_found_fini(&found);
		assert_hit(&r);
		swap(chunk(r.d, i, 0), chunk(r.d, i, 1));
		assert_miss(&r, "corrupt-body");
		rig_close(&r);
	}
}

/* A manifest that is another question's is not this one's answer. */
static void
test_a_foreign_manifest_is_a_miss(void **state)
{
	struct double_item *item;
	struct rig r;
	char name[251];

	(void)state;
	rig_saved(&r, 0);
	item = double_nth(r.d, "3f3f", 0);
	memset(r.key, 0x40, sizeof(r.key));
	snprintf(name, sizeof(name),
	    "r1:ns:"
	    "4040404040404040404040404040404040404040404040404040404040404040");
	double_put(r.d, name, item->data, item->len, 0);
	assert_miss(&r, "foreign-key");
	rig_close(&r);
}

/* Whole by its digest, yet its meta block is nonsense. */
static void
test_a_malformed_meta_block_is_a_miss(void **state)
{
	static const struct {
		const char *block;
		size_t len;
	} bad[] = {{"", 0}, {"{}", 2}, {"[]", 3}, {"{", 2}, {"{}\0x", 4},
	    {"{}\0h", 4}, {"{}\0hn", 5}, {"{}\0hn\0", 6}, {"{}\0hn\0v", 7},
	    {"{}\0\0", 4}, {"{}\0hn\0v\0h", 9}};
	struct double_item *item;
	struct entry e;
	char name[251];
	struct rig r;
	struct buf b;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		rig_saved(&r, 0);
		item = double_nth(r.d, "3f3f", 0);
		assert_int_equal(entry_decode(&e, item->data, item->len,
		    NULL), 0);
		e.meta = bad[i].block;
		e.meta_len = bad[i].len;
		buf_init(&b, 10000);
		assert_int_equal(entry_encode(&e, &b, NULL), 0);
		snprintf(name, sizeof(name), "%s", item->name);
		double_put(r.d, name, b.data, b.len, 0);
		buf_fini(&b);
		assert_miss(&r, "corrupt");
		rig_close(&r);
	}
}

static void
test_a_manifest_that_promises_too_much_is_a_miss(void **state)
{
	struct rig r;

	(void)state;
	rig_saved(&r, 5);
	/* As if saved by a process with a larger cache.max_entry. */
	r.cache->config.max_entry_bytes = 1000;
	assert_miss(&r, "too-large");
	rig_close(&r);
}

/* ---- epochs ------------------------------------------------------------ */

static void
test_a_purged_namespace_is_a_miss(void **state)
{
	struct rig r;

	(void)state;
	rig_saved(&r, 2);
	assert_int_equal(cache_purge_namespace(r.cache, "other", NULL), 0);
	assert_hit(&r);
	assert_int_equal(cache_purge_namespace(r.cache, "ns", NULL), 0);
	assert_miss(&r, "purged");
	assert_int_equal(miss_and_save(&r, NULL), 0);
	assert_hit(&r);
	rig_close(&r);
}

static void
test_a_purge_between_look_up_and_save_wins(void **state)
{
	struct cache_found found;
	struct rig r;

	(void)state;
	rig_open(&r, CHUNK, false);
	set_noise(&r, 50);
	cache_lookup(r.cache, "ns", r.key, &found);
	assert_int_equal(cache_purge_namespace(r.cache, "ns", NULL), 0);
	assert_int_equal(save_as(&r, "ns", &found, NULL), 0);
	cache_found_fini(&found);
	assert_miss(&r, "purged");
	rig_close(&r);
}

static void
test_a_purge_that_misses_servers_names_them(void **state)
{
	struct err err = ERR_INIT;
	struct rig r;

	(void)state;
	rig_open(&r, CHUNK, false);
	r.d->servers = 3;
	assert_int_equal(cache_purge_namespace(r.cache, "ns", &err), 0);
	r.d->down_server = 1;
	assert_int_equal(cache_purge_namespace(r.cache, "ns", &err), -1);
	assert_int_equal(err.code, ERR_STORE);
	assert_non_null(strstr(err.text, "host-1:11211"));
	assert_null(strstr(err.text, "host-0"));
	assert_null(strstr(err.text, "host-2"));
	rig_close(&r);
}

static void
test_a_key_can_be_purged(void **state)
{
	struct err err = ERR_INIT;
	struct rig r;

	(void)state;
	rig_saved(&r, 3);
	assert_int_equal(cache_purge_key(r.cache, "ns", r.key, NULL), 1);
	assert_int_equal(cache_purge_key(r.cache, "ns", r.key, NULL), 0);
	assert_miss(&r, NULL);
	r.d->calls = 0;
	r.d->fail_count = 1;
	assert_int_equal(cache_purge_key(r.cache, "ns", r.key, &err), -1);
	assert_int_equal(err.code, ERR_STORE);
	rig_close(&r);
}

static void
test_an_epoch_that_is_none_is_replaced(void **state)
{
	struct rig r;

	(void)state;
	rig_saved(&r, 0);
	double_put(r.d, "r1:ns:epoch", "short", 5, 0);
	assert_miss(&r, "epoch-new");
	assert_int_equal(miss_and_save(&r, NULL), 0);
	assert_hit(&r);
	rig_close(&r);
}

/* Another process sets the epoch between this one's get and its add. */
static void
set_epoch_first(struct store_double *d, int call)
{
	if (call == 1)
		double_put(d, "r1:ns:epoch", "0123456789abcdef", 16, 0);
}

static void
test_two_that_set_the_epoch_agree(void **state)
{
	struct cache_found found;
	struct rig r;

	(void)state;
	rig_open(&r, CHUNK, false);
	set_noise(&r, 50);
	r.d->before = set_epoch_first;
	assert_int_equal(cache_lookup(r.cache, "ns", r.key, &found),
	    CACHE_MISS);
	assert_true(found.epoch_known);
	assert_memory_equal(found.epoch, "0123456789abcdef", 16);
	assert_int_equal(save_as(&r, "ns", &found, NULL), 0);
	cache_found_fini(&found);
	assert_hit(&r);
	rig_close(&r);
}

/* ---- namespaces -------------------------------------------------------- */

static void
test_namespaces_that_look_alike_stay_apart(void **state)
{
	static const char *const spaces[] = {"a", "a b", "a\tb", "a_b", "a:b",
	    "a~b", "A", "a.b", "a-b",
	    "0123456789012345678901234567890123456789-1234567",
	    "0123456789012345678901234567890123456789-12345678",
	    "0123456789012345678901234567890123456789-12345679",
	    "\xc3\xa4", "\xc3\xb6", "__", "a_b~0123456789abcdef"};
	size_t n = sizeof(spaces) / sizeof(spaces[0]), i, k;
	struct cache_found found;
	struct rig r;

	(void)state;
	rig_open(&r, CHUNK, false);
	for (i = 0; i < n; i++) {
		set_noise(&r, i + 1);
		assert_int_not_equal(cache_lookup(r.cache, spaces[i], r.key,
		    &found), CACHE_HIT);
		assert_int_equal(save_as(&r, spaces[i], &found, NULL), 0);
		cache_found_fini(&found);
	}
	for (i = 0; i < n; i++) {
		assert_int_equal(cache_lookup(r.cache, spaces[i], r.key,
		    &found), CACHE_HIT);
		assert_true(found.entry.plain_len == i + 1);
		cache_found_fini(&found);
	}
	for (i = 0; i < n; i++) {
		assert_int_equal(cache_purge_namespace(r.cache, spaces[i],
		    NULL), 0);
		for (k = 0; k < n; k++) {
			assert_int_equal(cache_lookup(r.cache, spaces[k],
			    r.key, &found), k <= i ? CACHE_MISS : CACHE_HIT);
			cache_found_fini(&found);
		}
	}
	rig_close(&r);
}

/* What stands for one namespace in names is asked for as another. */
static void
test_what_stands_for_a_namespace_is_another_one(void **state)
{
	static const char *const spaces[] = {"a b", "",
	    "01234567890123456789012345678901234567890123456789"};
	struct cache_found found;
	struct rig r;
	char ns[251];
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		rig_open(&r, CHUNK, false);
		set_noise(&r, 10);
		cache_lookup(r.cache, spaces[i], r.key, &found);
		assert_int_equal(save_as(&r, spaces[i], &found, NULL), 0);
		cache_found_fini(&found);
		snprintf(ns, sizeof(ns), "%s",
		    double_nth(r.d, "3f3f", 0)->name + strlen("r1:"));
		*strchr(ns, ':') = '\0';
		assert_int_equal(cache_lookup(r.cache, ns, r.key, &found),
		    strcmp(ns, spaces[i]) == 0 ? CACHE_HIT : CACHE_MISS);
		cache_found_fini(&found);
		rig_close(&r);
	}
}

static void
test_names_keep_within_memcacheds_limits(void **state)
{
	struct double_item *item;
	struct cache_found found;
	char ns[4 * CACHE_NAMESPACE_MAX];
	struct rig r;
	size_t len, i, k;

	(void)state;
	for (len = 1; len < sizeof(ns); len += 13) {
		memset(ns, len % 2 == 0 ? ' ' : 'n', len);
		ns[len] = '\0';
		rig_open(&r, CHUNK, false);
		set_noise(&r, 12 * CHUNK);
		cache_lookup(r.cache, ns, r.key, &found);
		assert_int_equal(save_as(&r, ns, &found, NULL), 0);
		cache_found_fini(&found);
		for (i = 0; (item = double_nth(r.d, "r1:", i)) != NULL; i++) {
			assert_in_range(strlen(item->name), 1, 249);
			for (k = 0; item->name[k] != '\0'; k++)
				assert_in_range(item->name[k], '!', '~');
		}
		assert_int_equal(i, 14);
		rig_close(&r);
	}
}

/* ---- the store fails --------------------------------------------------- */

/*
 * The n-th call to the store fails, for n = 0, 1, ... until all went well;
 * so do all after it in a second round. Whatever happened, later there is
 * a miss or the whole answer; a save that succeeded is a hit.
 */
static void
fail_every_call(size_t chunks, enum store_result with, int count, bool lost)
{
	struct rig r;
	bool reached = true;
	int at, rc;

	for (at = 0; reached; at++) {
		rig_open(&r, CHUNK, false);
		set_noise(&r, chunks == 0 ? 100 : chunks * CHUNK);
		r.d->fail_with = with;
		r.d->fail_at = at;
		r.d->fail_count = count;
		r.d->lost_answer = lost;
		rc = miss_and_save(&r, NULL);
		reached = r.d->calls > at;
		r.d->fail_count = 0;
		if (!reached)
			assert_int_equal(rc, 0);
		if (rc == 0)
			assert_hit(&r);
		else
			assert_int_equal(look(&r, NULL), CACHE_MISS);
		rig_close(&r);
	}
	assert_true(at > 3);
}

static void
test_every_failing_call_is_survived(void **state)
{
	static const enum store_result with[] = {STORE_DOWN, STORE_REFUSED};
	size_t i, chunks;

	(void)state;
	for (i = 0; i < 2; i++) {
		for (chunks = 0; chunks <= 4; chunks += 4) {
			fail_every_call(chunks, with[i], 1, false);
			fail_every_call(chunks, with[i], 1000, false);
		}
	}
}

/* Only the answer to a write is lost, and the store is back afterwards. */
static void
test_every_lost_answer_is_survived(void **state)
{
	(void)state;
	fail_every_call(0, STORE_DOWN, 1, true);
	fail_every_call(4, STORE_DOWN, 1, true);
}

static void
test_every_failing_call_of_a_hit_is_a_miss(void **state)
{
	struct rig r;
	int at;

	(void)state;
	for (at = 0; at < 2; at++) {
		rig_saved(&r, 4);
		r.d->calls = 0;
		r.d->fail_at = at;
		r.d->fail_count = 1000;
		assert_int_equal(look(&r, NULL), CACHE_DOWN);
		r.d->fail_count = 0;
		assert_hit(&r);
		rig_close(&r);
	}
}

static void
test_nothing_is_saved_when_the_look_up_failed(void **state)
{
	struct err err = ERR_INIT;
	struct cache_found found;
	struct rig r;

	(void)state;
	rig_open(&r, CHUNK, false);
	set_noise(&r, 100);
	r.d->fail_count = 1;
	assert_int_equal(cache_lookup(r.cache, "ns", r.key, &found),
	    CACHE_DOWN);
	assert_string_equal(found.why, "store-down");
	assert_int_equal(save_as(&r, "ns", &found, &err), -1);
	assert_int_equal(err.code, ERR_STORE);
	assert_int_equal(double_count(r.d), 0);
	cache_found_fini(&found);
	rig_close(&r);
}

/* What a failed save wrote is taken away again. */
static void
test_a_failed_save_leaves_nothing(void **state)
{
	struct rig r;
	int at;

	(void)state;
	for (at = 2; at <= 6; at++) {
		rig_open(&r, CHUNK, false);
		set_noise(&r, 4 * CHUNK);
		r.d->fail_with = STORE_REFUSED;
		r.d->fail_at = at;
		r.d->fail_count = 1;
		assert_int_equal(miss_and_save(&r, NULL), -1);
		assert_int_equal(double_count(r.d), 1); /* the epoch */
		rig_close(&r);
	}
}

static void
test_a_manifest_is_written_after_its_chunks(void **state)
{
	struct rig r;
	int at;

	(void)state;
	/* The power fails at each write: no manifest without its chunks. */
	for (at = 2; at <= 6; at++) {
		rig_open(&r, CHUNK, false);
		set_noise(&r, 4 * CHUNK);
		r.d->fail_at = at;
		r.d->fail_count = 1000;
		assert_int_equal(miss_and_save(&r, NULL), -1);
		r.d->fail_count = 0;
		assert_miss(&r, NULL);
		rig_close(&r);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_a_saved_answer_comes_back_whole),
	    cmocka_unit_test(test_usage_comes_back),
	    cmocka_unit_test(test_every_length_comes_back),
	    cmocka_unit_test(test_times_come_back_with_the_body),
	    cmocka_unit_test(
		test_a_small_hit_is_one_round_trip_and_a_large_one_two),
	    cmocka_unit_test(test_a_transcript_of_12_mb_comes_back),
	    cmocka_unit_test(test_what_cannot_be_kept_is_refused),
	    cmocka_unit_test(test_headers_come_back_byte_for_byte),
	    cmocka_unit_test(test_headers_too_long_are_refused),
	    cmocka_unit_test(test_an_answer_is_fresh_for_its_time_only),
	    cmocka_unit_test(
		test_times_to_live_round_up_and_chunks_stay_longer),
	    cmocka_unit_test(test_every_lost_value_is_a_miss),
	    cmocka_unit_test(test_every_damaged_byte_is_a_miss),
	    cmocka_unit_test(test_every_truncated_value_is_a_miss),
	    cmocka_unit_test(test_swapped_values_are_a_miss),
	    cmocka_unit_test(test_values_of_another_generation_are_a_miss),
	    cmocka_unit_test(test_a_foreign_manifest_is_a_miss),
	    cmocka_unit_test(test_a_malformed_meta_block_is_a_miss),
	    cmocka_unit_test(
		test_a_manifest_that_promises_too_much_is_a_miss),
	    cmocka_unit_test(test_a_purged_namespace_is_a_miss),
	    cmocka_unit_test(test_a_purge_between_look_up_and_save_wins),
	    cmocka_unit_test(test_a_purge_that_misses_servers_names_them),
	    cmocka_unit_test(test_a_key_can_be_purged),
	    cmocka_unit_test(test_an_epoch_that_is_none_is_replaced),
	    cmocka_unit_test(test_two_that_set_the_epoch_agree),
	    cmocka_unit_test(test_namespaces_that_look_alike_stay_apart),
	    cmocka_unit_test(
		test_what_stands_for_a_namespace_is_another_one),
	    cmocka_unit_test(test_names_keep_within_memcacheds_limits),
	    cmocka_unit_test(test_every_failing_call_is_survived),
	    cmocka_unit_test(test_every_lost_answer_is_survived),
	    cmocka_unit_test(test_every_failing_call_of_a_hit_is_a_miss),
	    cmocka_unit_test(test_nothing_is_saved_when_the_look_up_failed),
	    cmocka_unit_test(test_a_failed_save_leaves_nothing),
	    cmocka_unit_test(test_a_manifest_is_written_after_its_chunks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
