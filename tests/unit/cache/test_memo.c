/* The memory of bodies read: what it says is what reading would say. */
#include "cache/memo.h"

#include "json_speller.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

enum { BODIES = 64, READS = 4000, THREADS = 4 };

/* How often a request was parsed: judge_request is told of each tree. */
static size_t parses;

static enum wire_verdict
accept_and_count(const json_t *body)
{
	(void)body;
	__atomic_add_fetch(&parses, 1, __ATOMIC_RELAXED);
	return WIRE_STORABLE;
}

static enum wire_verdict
refuse(const json_t *body)
{
	(void)body;
	return WIRE_BODY_SHAPE;
}

static const struct wire_format counted = {
    .id = WIRE_CHAT, .name = "counted", .judge_request = accept_and_count};
static const struct wire_format refused = {
    .id = WIRE_OTHER, .name = "refused", .judge_request = refuse};

struct fixture {
	struct buf texts[BODIES];
	struct cache_body direct[BODIES];
	struct cache_memo *memo;
	size_t seed;
};

/* Random requests, every fifth of them odd, every seventh malformed. */
static void
make_texts(struct fixture *f)
{
	struct rng r = {4242};
	json_t *root;
	size_t i;

	for (i = 0; i < BODIES; i++) {
		buf_init(&f->texts[i], 1 << 20);
		root = random_request(&r);
		spell(&r, &f->texts[i], root);
		json_decref(root);
		if (i % 5 == 0) {
			buf_reset(&f->texts[i]);
			buf_printf(&f->texts[i], "{\"a%zu\":-0}", i);
		}
		if (i % 7 == 0)
			buf_puts(&f->texts[i], "}");
		assert_int_equal(cache_body_read(&f->direct[i],
		    f->texts[i].data, f->texts[i].len, &counted, NULL), 0);
	}
}

static void
free_texts(struct fixture *f)
{
	size_t i;

	for (i = 0; i < BODIES; i++)
		buf_fini(&f->texts[i]);
}

static bool
same_body(const struct cache_body *a, const struct cache_body *b)
{
	return a->verdict == b->verdict && a->malformed == b->malformed &&
	    a->stream == b->stream && strcmp(a->why, b->why) == 0 &&
	    strcmp(a->model, b->model) == 0 &&
	    memcmp(a->digest, b->digest, DIGEST_BYTES) == 0;
}

/* Random reads through the memory. The reads that differ from direct ones. */
static size_t
read_many(const struct fixture *f, size_t seed)
{
	struct rng r = {seed + 1};
	struct cache_body body;
	size_t n, i, wrong = 0;

	for (n = 0; n < READS; n++) {
		i = rng_below(&r, BODIES);
		if (cache_memo_read(f->memo, &body, f->texts[i].data,
		    f->texts[i].len, &counted) == -1 ||
		    !same_body(&body, &f->direct[i]))
			wrong++;
	}
	return wrong;
}

static void *
read_in_thread(void *arg)
{
	struct fixture *f = arg;
	size_t seed = __atomic_add_fetch(&f->seed, 1, __ATOMIC_RELAXED);

	return (void *)(uintptr_t)read_many(f, seed);
}

/* From no slot to more than there are bodies: the same answers. */
static void
test_memo_equals_direct(void **state)
{
	static const size_t sizes[] = {0, 1, 3, 4, 5, 16, 100, 1000};
	struct fixture f = {0};
	size_t i;

	(void)state;
	make_texts(&f);
	assert_int_equal(read_many(&f, 0), 0); /* no memory at all */
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		f.memo = cache_memo_new(sizes[i]);
		assert_non_null(f.memo);
		assert_int_equal(read_many(&f, i), 0);
		cache_memo_free(f.memo);
	}
	cache_memo_free(NULL);
	free_texts(&f);
}

static void
test_threads_share_it(void **state)
{
	struct fixture f = {0};
	pthread_t threads[THREADS];
	void *wrong;
	int i;

	(void)state;
	make_texts(&f);
	f.memo = cache_memo_new(BODIES / 2);
	assert_non_null(f.memo);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL,
		    read_in_thread, &f), 0);
	for (i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &wrong);
		assert_null(wrong);
	}
	cache_memo_free(f.memo);
	free_texts(&f);
}

static void
read_ok(struct cache_memo *memo, struct cache_body *out, const char *text,
    const struct wire_format *format)
{
	assert_int_equal(cache_memo_read(memo, out, text, strlen(text), format),
	    0);
}

static void
test_same_bytes_are_parsed_once(void **state)
{
	struct cache_memo *memo = cache_memo_new(16);
	struct cache_body first, body;
	int i;

	(void)state;
	assert_non_null(memo);
	parses = 0;
	read_ok(memo, &first, "{\"a\":1}", &counted);
	for (i = 0; i < 10; i++) {
		read_ok(memo, &body, "{\"a\":1}", &counted);
		assert_true(same_body(&first, &body));
	}
	assert_int_equal(parses, 1);
	read_ok(memo, &body, "{\"a\": 1}", &counted);
	assert_int_equal(parses, 2);
	assert_true(same_body(&first, &body));
	cache_memo_free(memo);
}

/* What is asked for again and again outlives what comes once. */
static void
test_the_least_recently_used_makes_way(void **state)
{
	struct cache_memo *memo = cache_memo_new(4);
	struct cache_body body;
	char text[32];
	size_t i;

	(void)state;
	assert_non_null(memo);
	parses = 0;
	read_ok(memo, &body, "{\"kept\":1}", &counted);
	for (i = 1; i <= 20; i++) {
		snprintf(text, sizeof(text), "{\"once\":%zu}", i);
		read_ok(memo, &body, text, &counted);
		assert_int_equal(parses, 1 + i);
		read_ok(memo, &body, "{\"kept\":1}", &counted);
		assert_int_equal(parses, 1 + i);
	}
	read_ok(memo, &body, "{\"once\":1}", &counted);
	assert_int_equal(parses, 22);
	cache_memo_free(memo);
}

static void
test_formats_are_apart(void **state)
{
	struct cache_memo *memo = cache_memo_new(16);
	struct cache_body body;
	int i;

	(void)state;
	assert_non_null(memo);
	for (i = 0; i < 3; i++) {
		read_ok(memo, &body, "{\"a\":1}", &counted);
		assert_int_equal(body.verdict, WIRE_STORABLE);
		read_ok(memo, &body, "{\"a\":1}", &refused);
		assert_int_equal(body.verdict, WIRE_BODY_SHAPE);
	}
	cache_memo_free(memo);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_memo_equals_direct),
	    cmocka_unit_test(test_threads_share_it),
	    cmocka_unit_test(test_same_bytes_are_parsed_once),
	    cmocka_unit_test(test_the_least_recently_used_makes_way),
	    cmocka_unit_test(test_formats_are_apart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
