/*
 * The manifest codec: what was written comes back; anything else is
 * refused, never misread.
 */
#include "cache/entry.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const char meta[] = "{\"headers\":[[\"content-type\",\"x\"]]}";
static const char body[] = "data: {\"a\":1}\n\ndata: [DONE]\n\n";

/* Where things are in the header: the format's contract, spelled out. */
enum {
	AT_VERSION = 4,
	AT_FLAGS = 5,
	AT_MODE = 6,
	AT_STATUS = 8,
	AT_ZERO = 10,
	AT_META_LEN = 12,
	AT_CREATED = 16,
	AT_FRESH_UNTIL = 24,
	AT_PLAIN_LEN = 32,
	AT_STORED_LEN = 40,
	AT_CHUNK_SIZE = 48,
	AT_N_CHUNKS = 52,
	AT_TIMES_LEN = 144,
	HEADER_BYTES = 148
};

static struct entry
inline_entry(void)
{
	struct entry e;
	size_t i;

	memset(&e, 0, sizeof(e));
	e.mode = ENTRY_STREAM;
	e.format = 3;
	e.status = 200;
	e.created_ms = 1700000000123;
	e.fresh_until_ms = 1700003600123;
	e.plain_len = e.stored_len = e.body_len = sizeof(body) - 1;
	for (i = 0; i < sizeof(e.key); i++)
		e.key[i] = (uint8_t)(i * 7 + 1);
	for (i = 0; i < sizeof(e.epoch); i++)
		e.epoch[i] = (uint8_t)(200 - i);
	assert_int_equal(digest_sha256(body, e.body_len, e.body_digest), 0);
	e.meta = meta;
	e.meta_len = sizeof(meta) - 1;
	e.body = body;
	return e;
}

/* The same with some of its stored bytes being its times. */
static struct entry
timed_entry(void)
{
	struct entry e = inline_entry();

	e.times_len = 5;
	e.plain_len -= e.times_len;
	return e;
}

static struct entry
chunked_entry(void)
{
	struct entry e = inline_entry();

	e.compressed = true;
	e.plain_len = 4900;
	e.times_len = 100;
	e.stored_len = 1025;
	e.chunk_size = 256;
	e.n_chunks = 5;
	e.body = NULL;
	e.body_len = 0;
	memset(e.generation, 0xa5, sizeof(e.generation));
	return e;
}

/* A copy on the heap of exactly len bytes, so that ASan sees its end. */
static void *
exact(const void *bytes, size_t len)
{
	void *copy = malloc(len > 0 ? len : 1);

	assert_non_null(copy);
	if (len > 0)
		memcpy(copy, bytes, len);
	return copy;
}

static void
encode(const struct entry *e, struct buf *out)
{
	buf_init(out, 1 << 20);
	assert_int_equal(entry_encode(e, out, NULL), 0);
}

static int
decode_code(const void *bytes, size_t len)
{
	struct err err = ERR_INIT;
	struct entry e;
	void *copy = exact(bytes, len);
	int rc = entry_decode(&e, copy, len, &err);

	free(copy);
	return rc == 0 ? (int)ERR_NONE : (int)err.code;
}

static void
assert_same(const struct entry *a, const struct entry *b)
{
	assert_int_equal(a->mode, b->mode);
	assert_int_equal(a->format, b->format);
	assert_int_equal(a->compressed, b->compressed);
	assert_int_equal(a->status, b->status);
	assert_true(a->created_ms == b->created_ms);
	assert_true(a->fresh_until_ms == b->fresh_until_ms);
	assert_true(a->plain_len == b->plain_len);
	assert_int_equal(a->times_len, b->times_len);
	assert_true(a->stored_len == b->stored_len);
	assert_int_equal(a->chunk_size, b->chunk_size);
	assert_int_equal(a->n_chunks, b->n_chunks);
	assert_memory_equal(a->key, b->key, sizeof(a->key));
	assert_memory_equal(a->epoch, b->epoch, sizeof(a->epoch));
	assert_memory_equal(a->generation, b->generation,
	    sizeof(a->generation));
	assert_memory_equal(a->body_digest, b->body_digest,
	    sizeof(a->body_digest));
	assert_int_equal(a->meta_len, b->meta_len);
	assert_memory_equal(a->meta, b->meta, b->meta_len);
	assert_int_equal(a->body_len, b->body_len);
	if (b->body_len > 0)
		assert_memory_equal(a->body, b->body, b->body_len);
}

static void
round_trip(const struct entry *e)
{
	struct entry got;
	struct buf b;

	encode(e, &b);
	assert_int_equal(b.len, ENTRY_OVERHEAD + e->meta_len + e->body_len);
	assert_int_equal(entry_decode(&got, b.data, b.len, NULL), 0);
	assert_same(&got, e);
	buf_fini(&b);
}

static void
test_what_was_written_comes_back(void **state)
{
	struct entry e = inline_entry();

	(void)state;
	round_trip(&e);
	e = timed_entry();
	round_trip(&e);
	e = chunked_entry();
	round_trip(&e);
	e = inline_entry();
	e.plain_len = e.stored_len = e.body_len = 0;
	e.meta_len = 0;
	round_trip(&e);
}

static void
test_bytes_are_those_of_the_format(void **state)
{
	static const uint8_t start[16] = {'R', 'P', 'S', 'E', 2, 1, 1, 3,
	    200, 0, 0, 0, sizeof(meta) - 1, 0, 0, 0};
	struct entry e = chunked_entry();
	const uint8_t *h;
	struct buf b;

	(void)state;
	encode(&e, &b);
	h = (const uint8_t *)b.data;
	assert_memory_equal(h, start, sizeof(start));
	assert_int_equal(h[AT_PLAIN_LEN], 4900 & 0xff);
	assert_int_equal(h[AT_PLAIN_LEN + 1], 4900 >> 8);
	assert_int_equal(h[AT_STORED_LEN], 1025 & 0xff);
	assert_int_equal(h[AT_STORED_LEN + 1], 1025 >> 8);
	assert_int_equal(h[AT_CHUNK_SIZE + 1], 1);
	assert_int_equal(h[AT_N_CHUNKS], 5);
	assert_int_equal(h[AT_TIMES_LEN], 100);
	assert_memory_equal(h + HEADER_BYTES, meta, e.meta_len);
	buf_fini(&b);
}

static void
test_every_truncation_is_refused(void **state)
{
	struct entry e[3] = {inline_entry(), timed_entry(), chunked_entry()};
	size_t i, len;
	struct buf b;

	(void)state;
	for (i = 0; i < 3; i++) {
		encode(&e[i], &b);
		for (len = 0; len < b.len; len++)
			assert_int_equal(decode_code(b.data, len),
			    ERR_CORRUPT);
		buf_fini(&b);
	}
}

static void
test_every_added_byte_is_refused(void **state)
{
	struct entry e[3] = {inline_entry(), timed_entry(), chunked_entry()};
	size_t i, at;
	struct buf b;
	char *more;

	(void)state;
	for (i = 0; i < 3; i++) {
		encode(&e[i], &b);
		more = malloc(b.len + 1);
		assert_non_null(more);
		for (at = 0; at <= b.len; at++) {
			memcpy(more, b.data, at);
			more[at] = (char)0xff;
			memcpy(more + at + 1, b.data + at, b.len - at);
			assert_int_equal(decode_code(more, b.len + 1),
			    ERR_CORRUPT);
		}
		free(more);
		buf_fini(&b);
	}
}

/* Flipped in the head: refused. In the body: entry_body_ok says no. */
static void
test_every_flipped_bit_is_noticed(void **state)
{
	struct entry e = inline_entry(), got;
	size_t at, head = ENTRY_OVERHEAD + e.meta_len;
	struct buf b;
	int bit;

	(void)state;
	encode(&e, &b);
	for (at = 0; at < b.len; at++) {
		for (bit = 0; bit < 8; bit++) {
			b.data[at] = (char)(b.data[at] ^ (1 << bit));
			if (at < head) {
				assert_int_equal(decode_code(b.data, b.len),
				    ERR_CORRUPT);
			} else {
				assert_int_equal(entry_decode(&got, b.data,
				    b.len, NULL), 0);
				assert_false(entry_body_ok(&got, got.body,
				    got.body_len));
			}
			b.data[at] = (char)(b.data[at] ^ (1 << bit));
		}
	}
	assert_int_equal(entry_decode(&got, b.data, b.len, NULL), 0);
	assert_true(entry_body_ok(&got, got.body, got.body_len));
	buf_fini(&b);
}

static void
test_body_of_another_length_is_noticed(void **state)
{
	struct entry e = inline_entry();

	(void)state;
	assert_true(entry_body_ok(&e, body, sizeof(body) - 1));
	assert_false(entry_body_ok(&e, body, sizeof(body) - 2));
	assert_false(entry_body_ok(&e, body, sizeof(body)));
	assert_false(entry_body_ok(&e, "", 0));
}

/* One header field set to a value that its neighbours contradict. */
struct craft {
	const char *what;
	size_t at;
	size_t bytes;
	uint64_t value;
};

static const struct craft crafts[] = {
    {"version 0", AT_VERSION, 1, 0},
    {"version 1", AT_VERSION, 1, 1},
    {"version 3", AT_VERSION, 1, 3},
    {"unknown flag", AT_FLAGS, 1, 0x81},
    {"not compressed, yet shorter", AT_FLAGS, 1, 0},
    {"unknown mode", AT_MODE, 1, 2},
    {"status 99", AT_STATUS, 2, 99},
    {"status 600", AT_STATUS, 2, 600},
    {"not zero", AT_ZERO, 2, 0x100},
    {"meta beyond the end", AT_META_LEN, 4, UINT32_MAX},
    {"meta at its bound, beyond the end", AT_META_LEN, 4, ENTRY_META_MAX},
    {"meta one longer", AT_META_LEN, 4, sizeof(meta)},
    {"meta one shorter", AT_META_LEN, 4, sizeof(meta) - 2},
    {"created before 1970", AT_CREATED, 8, UINT64_MAX},
    {"fresh before created", AT_FRESH_UNTIL, 8, 5},
    {"plain shorter than stored", AT_PLAIN_LEN, 8, 925},
    {"plain nothing, but for times", AT_PLAIN_LEN, 8, 0},
    {"plain more than there is", AT_PLAIN_LEN, 8, UINT64_MAX},
    {"times too long", AT_TIMES_LEN, 4, ENTRY_TIMES_MAX + 1},
    {"times much too long", AT_TIMES_LEN, 4, UINT32_MAX},
    {"times of what is no stream", AT_MODE, 1, ENTRY_JSON},
    {"stored nothing", AT_STORED_LEN, 8, 0},
    {"stored one more than its chunks", AT_STORED_LEN, 8, 1281},
    {"stored one chunk less", AT_STORED_LEN, 8, 1024},
    {"stored more than there is", AT_STORED_LEN, 8, UINT64_MAX},
    {"chunks of nothing", AT_CHUNK_SIZE, 4, 0},
    {"chunks of one byte", AT_CHUNK_SIZE, 4, 1},
    {"chunks too large", AT_CHUNK_SIZE, 4, UINT32_MAX},
    {"no chunks", AT_N_CHUNKS, 4, 0},
    {"a chunk too few", AT_N_CHUNKS, 4, 4},
    {"a chunk too many", AT_N_CHUNKS, 4, 6},
    {"all the chunks", AT_N_CHUNKS, 4, UINT32_MAX},
};

/* Make the head's digest right again, as somebody who knows the format. */
static void
reseal(char *bytes, size_t meta_len)
{
	size_t head = HEADER_BYTES + meta_len;

	assert_int_equal(digest_sha256(bytes, head, (uint8_t *)bytes + head),
	    0);
}

static void
test_fields_that_contradict_are_refused(void **state)
{
	struct entry e = chunked_entry();
	const struct craft *c;
	struct buf b;
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(crafts) / sizeof(crafts[0]); i++) {
		c = &crafts[i];
		encode(&e, &b);
		for (k = 0; k < c->bytes; k++)
			b.data[c->at + k] = (char)(c->value >> (8 * k));
		reseal(b.data, e.meta_len);
		if (decode_code(b.data, b.len) != ERR_CORRUPT)
			fail_msg("accepted: %s", c->what);
		buf_fini(&b);
	}
}

static void
test_inline_lengths_that_contradict_are_refused(void **state)
{
	struct entry e = inline_entry();
	struct buf b;
	int step;

	(void)state;
	for (step = -1; step <= 1; step += 2) {
		encode(&e, &b);
		b.data[AT_PLAIN_LEN] = (char)(b.data[AT_PLAIN_LEN] + step);
		b.data[AT_STORED_LEN] = (char)(b.data[AT_STORED_LEN] + step);
		reseal(b.data, e.meta_len);
		assert_int_equal(decode_code(b.data, b.len), ERR_CORRUPT);
		buf_fini(&b);
	}
}

/* cache.max_entry, cache.chunk and the timeline, each at its bound. */
static void
test_the_longest_fits(void **state)
{
	struct entry e = chunked_entry(), out;
	struct err err;
	struct buf b;

	(void)state;
	e.compressed = false;
	e.plain_len = 256 << 20;
	e.times_len = ENTRY_TIMES_MAX;
	e.stored_len = e.plain_len + e.times_len;
	e.chunk_size = 4096;
	e.n_chunks = (uint32_t)(e.stored_len / e.chunk_size);
	buf_init(&b, 1 << 20);
	err_clear(&err);
	assert_int_equal(entry_encode(&e, &b, &err), 0);
	assert_int_equal(entry_decode(&out, b.data, b.len, &err), 0);
	assert_int_equal(out.n_chunks, e.n_chunks);
	buf_fini(&b);
}

static void
test_encoding_refuses_what_decoding_would(void **state)
{
	struct entry bad[9];
	struct err err;
	struct buf b;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		bad[i] = chunked_entry();
	bad[0].status = 0;
	bad[1].n_chunks = 4;
	bad[2].meta_len = ENTRY_META_MAX + 1;
	bad[3].fresh_until_ms = bad[3].created_ms - 1;
	bad[4].plain_len = bad[4].stored_len - bad[4].times_len;
	bad[5].n_chunks = ENTRY_CHUNKS_MAX + 1;
	bad[5].chunk_size = 1;
	bad[5].stored_len = bad[5].n_chunks;
	bad[5].plain_len = bad[5].stored_len + 1;
	bad[6].chunk_size = 0;
	bad[7].times_len = ENTRY_TIMES_MAX + 1;
	bad[8].mode = ENTRY_JSON;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err_clear(&err);
		buf_init(&b, 1 << 20);
		assert_int_equal(entry_encode(&bad[i], &b, &err), -1);
		assert_int_equal(err.code, ERR_LIMIT);
		assert_int_equal(b.len, 0);
		buf_fini(&b);
	}
}

static void
test_a_full_buffer_is_an_error(void **state)
{
	struct entry e = inline_entry();
	struct err err = ERR_INIT;
	struct buf b;

	(void)state;
	buf_init(&b, ENTRY_OVERHEAD + e.meta_len + e.body_len - 1);
	assert_int_equal(entry_encode(&e, &b, &err), -1);
	assert_int_equal(err.code, ERR_LIMIT);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_was_written_comes_back),
	    cmocka_unit_test(test_bytes_are_those_of_the_format),
	    cmocka_unit_test(test_every_truncation_is_refused),
	    cmocka_unit_test(test_every_added_byte_is_refused),
	    cmocka_unit_test(test_every_flipped_bit_is_noticed),
	    cmocka_unit_test(test_body_of_another_length_is_noticed),
	    cmocka_unit_test(test_fields_that_contradict_are_refused),
	    cmocka_unit_test(test_inline_lengths_that_contradict_are_refused),
	    cmocka_unit_test(test_the_longest_fits),
	    cmocka_unit_test(test_encoding_refuses_what_decoding_would),
	    cmocka_unit_test(test_a_full_buffer_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
