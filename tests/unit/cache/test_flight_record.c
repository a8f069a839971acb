/*
 * The values of a flight: what was written is read again, and nothing else
 * is: no other kind, flight or place, nothing cut, altered or longer, and
 * nothing that contradicts itself under a digest that is right.
 */
#include "base/digest.h"
#include "cache/flight_record.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const uint8_t ours[FLIGHT_ID_BYTES] = {1, 2, 3};
static const uint8_t theirs[FLIGHT_ID_BYTES] = {1, 2, 4};

/* Whether a reader takes these bytes, as ours. */
typedef bool (*taker)(const char *value, size_t len);

static bool
take_lock(const char *value, size_t len)
{
	struct record_holder holder;

	return record_lock_read(value, len, &holder);
}

static bool
take_need(const char *value, size_t len)
{
	uint64_t number;

	return record_mark_read(value, len, RECORD_NEED, ours, &number);
}

static bool
take_state(const char *value, size_t len)
{
	struct record_state state;

	return record_state_read(value, len, ours, &state);
}

static bool
take_head(const char *value, size_t len)
{
	struct text_pair pairs[2 * RECORD_PAIRS_MAX];
	struct flight_head head;

	return record_head_read(value, len, ours, &head, pairs);
}

static bool
take_segment(const char *value, size_t len)
{
	const char *bytes;
	size_t n;

	return record_segment_read(value, len, ours, 7, 70000, &bytes, &n);
}

static const taker takers[] = {take_lock, take_need, take_state, take_head,
    take_segment};

enum { N_TAKERS = sizeof(takers) / sizeof(takers[0]) };

/* ---- samples ------------------------------------------------------------- */

static struct record_state
sample_state(void)
{
	struct record_state state = {.beat = 1ull << 40, .written_ms = 17e11,
	    .how = FLIGHT_BROKEN, .has_head = true, .first = 2, .n = 5,
	    .closed = 100000, .tail = "data: x\n\n", .tail_len = 9,
	    .err = {ERR_UPSTREAM_TIMEOUT, "after 3 s"}};

	return state;
}

static struct flight_head
sample_head(void)
{
	static const struct text_pair pairs[] = {{"Content-Type", "a/b"},
	    {"X-Empty", ""}, {"accept-language", "de"}};
	struct flight_head head = {.status = 207, .mode = ENTRY_STREAM,
	    .headers = pairs, .n_headers = 2,
	    .vary = pairs + 2, .n_vary = 1, .asker = {9, 8, 7}};

	return head;
}

/* Write sample i, which takers[i] takes. */
static void
write_sample(struct buf *out, size_t i, const uint8_t *id)
{
	struct record_state state = sample_state();
	struct flight_head head = sample_head();
	int rc = -1;

	buf_init(out, 1 << 20);
	switch (i) {
	case 0:
		rc = record_mark_write(out, RECORD_LOCK, id, 300);
		break;
	case 1:
		rc = record_mark_write(out, RECORD_NEED, id, 7);
		break;
	case 2:
		rc = record_state_write(out, id, &state);
		break;
	case 3:
		rc = record_head_write(out, id, &head);
		break;
	case 4:
		rc = record_segment_write(out, id, 7, 70000, "abc", 3);
		break;
	default:
		break;
	}
	assert_int_equal(rc, 0);
}

/* Make the digest at the end right. */
static void
seal(char *value, size_t len)
{
	uint8_t digest[DIGEST_BYTES];

	assert_int_equal(digest_sha256(value, len - RECORD_DIGEST_BYTES,
	    digest), 0);
	memcpy(value + len - RECORD_DIGEST_BYTES, digest,
	    RECORD_DIGEST_BYTES);
}

/* ---- what was written is read -------------------------------------------- */

static void
test_marks_are_read_again(void **state)
{
	struct record_holder holder;
	uint64_t number;
	struct buf b;

	(void)state;
	write_sample(&b, 0, theirs);
	assert_true(record_lock_read(b.data, b.len, &holder));
	assert_memory_equal(holder.id, theirs, sizeof(holder.id));
	assert_int_equal(holder.lease_ms, 300);
	buf_fini(&b);
	write_sample(&b, 1, ours);
	assert_int_equal(b.len, RECORD_MARK_BYTES);
	assert_true(record_mark_read(b.data, b.len, RECORD_NEED, ours,
	    &number));
	assert_int_equal(number, 7);
	buf_fini(&b);
}

static void
test_a_state_is_read_again(void **state)
{
	struct record_state s;
	struct buf b;

	(void)state;
	write_sample(&b, 2, ours);
	assert_true(record_state_read(b.data, b.len, ours, &s));
	assert_true(s.beat == 1ull << 40);
	assert_true(s.written_ms == 1700000000000);
	assert_int_equal(s.how, FLIGHT_BROKEN);
	assert_true(s.has_head);
	assert_int_equal(s.first, 2);
	assert_int_equal(s.n, 5);
	assert_int_equal(s.closed, 100000);
	assert_int_equal(s.tail_len, 9);
	assert_memory_equal(s.tail, "data: x\n\n", 9);
	assert_int_equal(s.err.code, ERR_UPSTREAM_TIMEOUT);
	assert_string_equal(s.err.text, "after 3 s");
	assert_false(s.leaving);
	buf_fini(&b);
}

/* Only who leads may leave. */
static void
test_a_leader_that_may_leave_says_so(void **state)
{
	struct record_state s = sample_state(), read;
	struct buf b;

	(void)state;
	s.leaving = true;
	buf_init(&b, RECORD_STATE_MAX);
	assert_int_equal(record_state_write(&b, ours, &s), -1);
	buf_reset(&b);
	s.how = FLIGHT_LEADING;
	assert_int_equal(record_state_write(&b, ours, &s), 0);
	assert_true(record_state_read(b.data, b.len, ours, &read));
	assert_true(read.leaving && read.has_head);
	buf_fini(&b);
}

static void
test_an_error_is_told_as_an_upstream_s(void **state)
{
	struct record_state s = sample_state();
	struct buf b;

	(void)state;
	s.err.code = ERR_CONFIG;
	memset(s.err.text, '\n', sizeof(s.err.text) - 1);
	s.err.text[sizeof(s.err.text) - 1] = '\0';
	buf_init(&b, RECORD_STATE_MAX);
	assert_int_equal(record_state_write(&b, ours, &s), 0);
	assert_true(record_state_read(b.data, b.len, ours, &s));
	assert_int_equal(s.err.code, ERR_UPSTREAM_BROKEN);
	assert_int_equal(strlen(s.err.text), sizeof(s.err.text) - 1);
	assert_int_equal(strspn(s.err.text, "?"), sizeof(s.err.text) - 1);
	buf_fini(&b);
}

static void
test_a_head_is_read_again(void **state)
{
	struct text_pair pairs[2 * RECORD_PAIRS_MAX];
	struct flight_head h, sample = sample_head();
	struct buf b;

	(void)state;
	write_sample(&b, 3, ours);
	assert_true(record_head_read(b.data, b.len, ours, &h, pairs));
	assert_int_equal(h.status, 207);
	assert_int_equal(h.mode, ENTRY_STREAM);
	assert_memory_equal(h.asker, sample.asker, DIGEST_BYTES);
	assert_int_equal(h.n_headers, 2);
	assert_string_equal(h.headers[0].name, "Content-Type");
	assert_string_equal(h.headers[0].value, "a/b");
	assert_string_equal(h.headers[1].name, "X-Empty");
	assert_string_equal(h.headers[1].value, "");
	assert_int_equal(h.n_vary, 1);
	assert_string_equal(h.vary[0].name, "accept-language");
	assert_string_equal(h.vary[0].value, "de");
	buf_fini(&b);
}

static void
test_a_segment_is_read_again(void **state)
{
	const char *bytes;
	size_t len;
	struct buf b;

	(void)state;
	write_sample(&b, 4, ours);
	assert_true(record_segment_read(b.data, b.len, ours, 7, 70000, &bytes,
	    &len));
	assert_int_equal(len, 3);
	assert_memory_equal(bytes, "abc", 3);
	assert_false(record_segment_read(b.data, b.len, ours, 8, 70000,
	    &bytes, &len));
	assert_false(record_segment_read(b.data, b.len, ours, 7, 70001,
	    &bytes, &len));
	buf_fini(&b);
}

/* ---- and nothing else is ------------------------------------------------- */

static void
test_each_kind_is_taken_for_itself_alone(void **state)
{
	struct buf b;
	size_t i, k;

	(void)state;
	for (i = 0; i < N_TAKERS; i++) {
		write_sample(&b, i, ours);
		for (k = 0; k < N_TAKERS; k++)
			assert_int_equal(takers[k](b.data, b.len), k == i);
		buf_fini(&b);
		write_sample(&b, i, theirs);
		for (k = 1; k < N_TAKERS; k++)
			assert_false(takers[k](b.data, b.len));
		buf_fini(&b);
	}
}

/* A copy in memory of its own, so that a read past it shows. */
static bool
take_copy(taker take, const char *value, size_t len)
{
	char *copy = malloc(len > 0 ? len : 1);
	bool taken;

	assert_non_null(copy);
	memcpy(copy, value, len);
	taken = take(copy, len);
	free(copy);
	return taken;
}

static void
test_no_altered_value_is_taken(void **state)
{
	struct buf b;
	size_t i, k;
	int bit;

	(void)state;
	for (i = 0; i < N_TAKERS; i++) {
		write_sample(&b, i, ours);
		assert_false(takers[i](NULL, 0));
		for (k = 0; k < b.len; k++) {
			assert_false(take_copy(takers[i], b.data, k));
			for (bit = 1; bit < 256; bit <<= 1) {
				b.data[k] = (char)(b.data[k] ^ bit);
				assert_false(take_copy(takers[i], b.data,
				    b.len));
				b.data[k] = (char)(b.data[k] ^ bit);
			}
		}
		buf_putc(&b, '\0');
		assert_false(take_copy(takers[i], b.data, b.len));
		buf_fini(&b);
	}
}

/*
 * With its digest made right again, a value cut anywhere may be taken only
 * where it still says something whole: a state or a segment with less body.
 */
static void
test_what_is_cut_and_sealed_is_whole_or_nothing(void **state)
{
	static const size_t least[N_TAKERS] = {RECORD_MARK_BYTES,
	    RECORD_MARK_BYTES, RECORD_OVERHEAD + 36 + 9, SIZE_MAX,
	    RECORD_SEGMENT_OVERHEAD + 1};
	struct buf b;
	char *copy;
	size_t i, k;

	(void)state;
	for (i = 0; i < N_TAKERS; i++) {
		write_sample(&b, i, ours);
		for (k = RECORD_DIGEST_BYTES; k < b.len; k++) {
			copy = malloc(k);
			assert_non_null(copy);
			memcpy(copy, b.data, k);
			seal(copy, k);
			assert_int_equal(takers[i](copy, k), k >= least[i]);
			free(copy);
		}
		buf_fini(&b);
	}
}

/* Fields of a sealed value that say what cannot be. */
static void
test_contradictions_are_not_taken(void **state)
{
	static const struct {
		size_t sample;
		size_t at;
		int value;
	} bad[] = {
	    {0, 4, 1}, {0, 6, 1}, /* version, zero */
	    {0, 25, 0},         /* a lease shorter than there is */
	    {0, 27, 1},         /* longer */
	    {0, 31, 0x80},
	    {2, 24 + 15, 0x80}, /* written before 1970 */
	    {2, 24 + 16, 5},    /* how: unknown */
	    {2, 24 + 16, 0},    /* leading, yet an error */
	    {2, 24 + 16, 3},    /* failed, yet a head */
	    {2, 24 + 17, 0},    /* a body without a head */
	    {2, 24 + 17, 3},    /* unknown flag */
	    {2, 24 + 18, 0},    /* broken, yet no error */
	    {2, 24 + 18, 4},    /* unknown error */
	    {2, 24 + 19, 255},  /* a text longer than the value */
	    {2, 24 + 20, 6},    /* begins behind its end */
	    {2, 24 + 24, 1},    /* too few segments for their bytes */
	    {2, 24 + 35, 1},    /* too many bytes for its segments */
	    {2, 24 + 36, '\n'}, /* the error's text */
	    {3, 24 + 1, 9},     /* status */
	    {3, 24 + 2, 2},     /* mode */
	    {3, 24 + 3, 2},     /* flags */
	    {3, 24 + 4, 3},     /* more pairs than there are */
	    {3, 24 + 4, 1},     /* fewer */
	    {3, 24 + 5, 255},   /* far more */
	    {3, 24 + 7, 255},
	};
	struct buf b;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		write_sample(&b, bad[i].sample, ours);
		assert_true(takers[bad[i].sample](b.data, b.len));
		b.data[bad[i].at] = (char)bad[i].value;
		seal(b.data, b.len);
		if (takers[bad[i].sample](b.data, b.len))
			fail_msg("row %zu was taken", i);
		buf_fini(&b);
	}
}

static void
test_nothing_out_of_bounds_is_written(void **state)
{
	struct record_state s = sample_state();
	struct flight_head h = sample_head();
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	assert_int_equal(record_segment_write(&b, ours, 0, 0, "", 0), -1);
	s.tail_len = RECORD_TAIL_MAX + 1;
	assert_int_equal(record_state_write(&b, ours, &s), -1);
	s = sample_state();
	s.how = FLIGHT_DEAD;
	assert_int_equal(record_state_write(&b, ours, &s), -1);
	h.n_headers = RECORD_PAIRS_MAX + 1;
	assert_int_equal(record_head_write(&b, ours, &h), -1);
	h = sample_head();
	h.status = 99;
	assert_int_equal(record_head_write(&b, ours, &h), -1);
	assert_int_equal(b.len, 0);
	buf_fini(&b);
	buf_init(&b, 30); /* there is no room */
	assert_int_equal(record_mark_write(&b, RECORD_LOCK, ours, 0), -1);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_marks_are_read_again),
	    cmocka_unit_test(test_a_state_is_read_again),
	    cmocka_unit_test(test_a_leader_that_may_leave_says_so),
	    cmocka_unit_test(test_an_error_is_told_as_an_upstream_s),
	    cmocka_unit_test(test_a_head_is_read_again),
	    cmocka_unit_test(test_a_segment_is_read_again),
	    cmocka_unit_test(test_each_kind_is_taken_for_itself_alone),
	    cmocka_unit_test(test_no_altered_value_is_taken),
	    cmocka_unit_test(test_what_is_cut_and_sealed_is_whole_or_nothing),
	    cmocka_unit_test(test_contradictions_are_not_taken),
	    cmocka_unit_test(test_nothing_out_of_bounds_is_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
