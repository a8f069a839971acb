/*
 * The codec of arrival times: what was noted comes back, and nothing else
 * passes for a timeline.
 */
#include "cache/timeline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { NOTES = 400 };

struct note {
	int64_t ms;
	uint64_t whole;
};

static uint32_t
next_random(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	return *seed >> 8;
}

/* A number of any size, small ones as often as large ones. */
static uint64_t
any_size(uint32_t *seed, int bits)
{
	uint64_t n = (uint64_t)next_random(seed) << 24 | next_random(seed);

	return n & ((UINT64_C(1) << (next_random(seed) %
	    (unsigned)(bits + 1))) - 1);
}

/* Notes that never go back, some of them without growth. */
static size_t
make_notes(struct note *notes, uint32_t seed)
{
	size_t i, n = next_random(&seed) % NOTES;
	struct note now = {0, 0};

	for (i = 0; i < n; i++) {
		now.ms += (int64_t)any_size(&seed, 24);
		now.whole += any_size(&seed, 40);
		notes[i] = now;
	}
	return n;
}

static void
write_notes(struct timeline *t, const struct note *notes, size_t n)
{
	size_t i;

	timeline_init(t);
	for (i = 0; i < n; i++)
		timeline_note(t, notes[i].ms, notes[i].whole);
}

static void
test_what_was_noted_comes_back(void **state)
{
	struct note notes[NOTES];
	struct timeline_reader r;
	struct timeline t;
	uint64_t whole;
	uint32_t seed;
	size_t i, n, len;

	(void)state;
	for (seed = 0; seed < 200; seed++) {
		n = make_notes(notes, seed);
		write_notes(&t, notes, n);
		r = (struct timeline_reader){0};
		r.at = timeline_bytes(&t, &len);
		r.end = r.at + len;
		for (i = 0, whole = 0; i < n; i++) {
			if (notes[i].whole == whole)
				continue;
			whole = notes[i].whole;
			assert_true(timeline_next(&r));
			assert_true(r.ms == notes[i].ms);
			assert_true(r.whole == whole);
		}
		assert_false(timeline_next(&r));
		assert_ptr_equal(r.at, r.end);
		if (len > 0) {
			assert_true(timeline_ok(r.end - len, len, whole));
			assert_false(timeline_ok(r.end - len, len, whole - 1));
		}
		timeline_fini(&t);
	}
}

static void
test_bytes_are_those_of_the_format(void **state)
{
	static const char want[] = {0, 1, 5, 0x7f, (char)0x80, 1,
	    (char)0xac, 2};
	struct timeline t;
	const char *bytes;
	size_t len;

	(void)state;
	timeline_init(&t);
	timeline_note(&t, 0, 1);
	timeline_note(&t, 5, 128);
	timeline_note(&t, 100, 128);
	timeline_note(&t, 133, 428);
	bytes = timeline_bytes(&t, &len);
	assert_int_equal(len, sizeof(want));
	assert_memory_equal(bytes, want, len);
	timeline_fini(&t);
}

/* Cut behind a record it is the timeline of less; elsewhere it is none. */
static void
test_every_truncation(void **state)
{
	struct note notes[NOTES];
	struct timeline_reader r;
	struct timeline t;
	const char *bytes;
	uint32_t seed;
	size_t n, len, cut;

	(void)state;
	for (seed = 0; seed < 20; seed++) {
		n = make_notes(notes, seed);
		write_notes(&t, notes, n);
		bytes = timeline_bytes(&t, &len);
		r = (struct timeline_reader){.at = bytes, .end = bytes + len};
		for (cut = 0; cut < len; cut++) {
			while (r.at < bytes + cut)
				assert_true(timeline_next(&r));
			assert_int_equal(timeline_ok(bytes, cut, INT64_MAX),
			    cut > 0 && r.at == bytes + cut);
		}
		timeline_fini(&t);
	}
}

static void
test_what_is_malformed_is_refused(void **state)
{
	static const struct {
		const char *what, *bytes;
		size_t len;
	} cases[] = {
	    {"no record", "", 0},
	    {"no bytes", "\x05", 1},
	    {"no whole event", "\x05\x00", 2},
	    {"a time with a byte too many", "\x85\x00\x01", 3},
	    {"a length with a byte too many", "\x05\x81\x00", 3},
	    {"a zero of two bytes", "\x80\x00\x01", 3},
	    {"a number without end", "\x05\x81", 2},
	    {"ten bytes", "\x05\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", 11},
	    {"more bytes than the body", "\x05\x65", 2},
	    {"more in the sum", "\x05\x32\x05\x33", 4},
	    {"a sum beyond 63 bits", "\x05\x01\x05"
	     "\xff\xff\xff\xff\xff\xff\xff\xff\x7f", 12},
	    {"a year and more", "\xff\xff\xff\xff\xff\x7f\x01", 7},
	};
	size_t i;
	char *exact;

	(void)state;
	assert_true(timeline_ok("\x05\x32\x05\x32", 4, 100));
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		exact = malloc(cases[i].len + 1);
		assert_non_null(exact);
		memcpy(exact, cases[i].bytes, cases[i].len);
		if (timeline_ok(exact, cases[i].len, 100))
			fail_msg("accepted: %s", cases[i].what);
		free(exact);
	}
}

static void
test_a_time_that_goes_back_is_no_step(void **state)
{
	struct timeline_reader r = {0};
	struct timeline t;
	size_t len;

	(void)state;
	timeline_init(&t);
	timeline_note(&t, -7, 10);
	timeline_note(&t, 50, 20);
	timeline_note(&t, 49, 30);
	timeline_note(&t, 60, 25);
	r.at = timeline_bytes(&t, &len);
	r.end = r.at + len;
	assert_true(timeline_next(&r));
	assert_true(r.ms == 0 && r.whole == 10);
	assert_true(timeline_next(&r));
	assert_true(r.ms == 50 && r.whole == 20);
	assert_true(timeline_next(&r));
	assert_true(r.ms == 50 && r.whole == 30);
	assert_false(timeline_next(&r));
	timeline_fini(&t);
}

static void
test_what_grows_too_long_is_let_go(void **state)
{
	struct timeline t;
	size_t len = 0, last;
	uint64_t i = 0;

	(void)state;
	timeline_init(&t);
	do {
		last = len;
		i++;
		timeline_note(&t, (int64_t)i, i);
		timeline_bytes(&t, &len);
	} while (len > 0);
	assert_int_equal(last, ENTRY_TIMES_MAX);
	timeline_note(&t, (int64_t)i + 1, i + 1);
	timeline_bytes(&t, &len);
	assert_int_equal(len, 0);
	timeline_fini(&t);

	timeline_init(&t);
	timeline_note(&t, 1, 1);
	timeline_note(&t, TIMELINE_MS_MAX + 1, 2);
	timeline_note(&t, TIMELINE_MS_MAX + 2, 3);
	timeline_bytes(&t, &len);
	assert_int_equal(len, 0);
	timeline_fini(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_was_noted_comes_back),
	    cmocka_unit_test(test_bytes_are_those_of_the_format),
	    cmocka_unit_test(test_every_truncation),
	    cmocka_unit_test(test_what_is_malformed_is_refused),
	    cmocka_unit_test(test_a_time_that_goes_back_is_no_step),
	    cmocka_unit_test(test_what_grows_too_long_is_let_go),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
