/*
 * Compression: what went in comes out, whole and of the length that was
 * promised, or not at all.
 */
#include "cache/compress.h"

#include "base/digest.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A transcript: len bytes that look like events. */
static char *
transcript(size_t len)
{
	static const char event[] =
	    "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n";
	char *text = malloc(len + 1);
	size_t i;

	assert_non_null(text);
	for (i = 0; i < len; i++)
		text[i] = event[i % (sizeof(event) - 1)];
	text[len] = '\0';
	return text;
}

static void
compress(struct buf *out, const char *text, size_t len)
{
	buf_init(out, len);
	assert_int_equal(compress_zstd(out, text, len), 0);
}

static void
test_round_trip(void **state)
{
	static const size_t lens[] = {200, 1000, 65536, 1 << 20, 12 << 20};
	struct buf packed;
	char *text, *plain;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lens) / sizeof(lens[0]); i++) {
		text = transcript(lens[i]);
		compress(&packed, text, lens[i]);
		assert_true(packed.len <= lens[i] - lens[i] / 8);
		plain = malloc(lens[i]);
		assert_non_null(plain);
		assert_int_equal(decompress_zstd(plain, lens[i], packed.data,
		    packed.len), 0);
		assert_memory_equal(plain, text, lens[i]);
		free(plain);
		free(text);
		buf_fini(&packed);
	}
}

static void
test_what_does_not_shrink_stays_plain(void **state)
{
	char noise[4096], before[] = "before";
	struct buf out;
	size_t len;

	(void)state;
	assert_int_equal(digest_random(noise, sizeof(noise)), 0);
	for (len = 0; len <= sizeof(noise); len += len < 16 ? 1 : 1020) {
		buf_init(&out, sizeof(noise) + sizeof(before));
		buf_puts(&out, before);
		assert_int_equal(compress_zstd(&out, noise, len), -1);
		assert_string_equal(out.data, before);
		buf_fini(&out);
	}
}

static void
test_compressing_appends(void **state)
{
	char *text = transcript(5000), plain[5000];
	struct buf out;

	(void)state;
	buf_init(&out, 10000);
	buf_puts(&out, "head");
	assert_int_equal(compress_zstd(&out, text, 5000), 0);
	assert_memory_equal(out.data, "head", 4);
	assert_int_equal(decompress_zstd(plain, 5000, out.data + 4,
	    out.len - 4), 0);
	assert_memory_equal(plain, text, 5000);
	buf_fini(&out);
	free(text);
}

static void
test_another_length_is_refused(void **state)
{
	char *text = transcript(5000), *room;
	struct buf packed;
	size_t len;

	(void)state;
	compress(&packed, text, 5000);
	for (len = 4990; len <= 5010; len++) {
		room = malloc(len);
		assert_non_null(room);
		assert_int_equal(decompress_zstd(room, len, packed.data,
		    packed.len), len == 5000 ? 0 : -1);
		free(room);
	}
	assert_int_equal(decompress_zstd(text, 0, packed.data, packed.len),
	    -1);
	buf_fini(&packed);
	free(text);
}

static void
test_every_truncation_and_added_byte_is_refused(void **state)
{
	char *text = transcript(5000), *part, plain[5000];
	struct buf packed;
	size_t len;

	(void)state;
	compress(&packed, text, 5000);
	for (len = 0; len <= packed.len + 1; len++) {
		part = calloc(1, len + 1);
		assert_non_null(part);
		memcpy(part, packed.data, len < packed.len ? len : packed.len);
		assert_int_equal(decompress_zstd(plain, 5000, part, len),
		    len == packed.len ? 0 : -1);
		free(part);
	}
	buf_fini(&packed);
	free(text);
}

/* Damage may go unnoticed here (SHA-256 is elsewhere), but never overruns. */
static void
test_damage_never_overruns(void **state)
{
	char *text = transcript(5000), *plain;
	struct buf packed;
	size_t at;
	int bit, rc;

	(void)state;
	compress(&packed, text, 5000);
	for (at = 0; at < packed.len; at++) {
		for (bit = 0; bit < 8; bit++) {
			packed.data[at] = (char)(packed.data[at] ^ (1 << bit));
			plain = malloc(5000);
			assert_non_null(plain);
			rc = decompress_zstd(plain, 5000, packed.data,
			    packed.len);
			assert_in_range(rc + 1, 0, 1);
			free(plain);
			packed.data[at] = (char)(packed.data[at] ^ (1 << bit));
		}
	}
	buf_fini(&packed);
	free(text);
}

static void *
one_thread(void *arg)
{
	char *text = transcript(20000), *plain = malloc(20000);
	struct buf packed;
	intptr_t wrong = 0;
	int i;

	(void)arg;
	for (i = 0; i < 20 && plain != NULL; i++) {
		buf_init(&packed, 20000);
		if (compress_zstd(&packed, text, 20000) == -1 ||
		    decompress_zstd(plain, 20000, packed.data, packed.len) ==
		    -1 || memcmp(plain, text, 20000) != 0)
			wrong++;
		buf_fini(&packed);
	}
	free(plain);
	free(text);
	return (void *)wrong;
}

static void
test_threads_do_not_disturb_each_other(void **state)
{
	pthread_t threads[8];
	void *wrong;
	size_t i;

	(void)state;
	for (i = 0; i < 8; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, one_thread,
		    NULL), 0);
	for (i = 0; i < 8; i++) {
		assert_int_equal(pthread_join(threads[i], &wrong), 0);
		assert_null(wrong);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_what_does_not_shrink_stays_plain),
	    cmocka_unit_test(test_compressing_appends),
	    cmocka_unit_test(test_another_length_is_refused),
	    cmocka_unit_test(test_every_truncation_and_added_byte_is_refused),
	    cmocka_unit_test(test_damage_never_overruns),
	    cmocka_unit_test(test_threads_do_not_disturb_each_other),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
