#include "base/clock.h"
#include "base/digest.h"
#include "base/err.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

/* Whether all of it decodes; text_utf8_next is all that is asked. */
static bool
decodes(const char *s, size_t len)
{
	size_t i = 0, n;
	uint32_t c;

	while (i < len) {
		n = text_utf8_next(s + i, len - i, &c);
		/* U+FFFD itself takes three bytes; a fault takes one. */
		if (c == 0xfffd && n == 1)
			return false;
		i += n;
	}
	return true;
}

static void
test_utf8(void **state)
{
	static const char *const good[] = {"", "a", "\x7f", "\xc2\x80",
	    "\xdf\xbf", "\xe0\xa0\x80", "\xed\x9f\xbf", "\xee\x80\x80",
	    "\xef\xbf\xbd", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"};
	static const char *const bad[] = {"\x80", "\xc0\x80", "\xc1\xbf",
	    "\xc2", "\xc2\x41", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe4\xbd",
	    "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80",
	    "\xff", "ok\xf0\x9f\x98"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(decodes(good[i], strlen(good[i])));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(decodes(bad[i], strlen(bad[i])));
}

static void
test_glob(void **state)
{
	(void)state;
	assert_true(text_glob("*", ""));
	assert_true(text_glob("gpt-*", "gpt-4o"));
	assert_true(text_glob("*mini", "gpt-4o-mini"));
	assert_true(text_glob("a*b*c", "aXbYbZc"));
	assert_true(text_glob("o?", "o3"));
	assert_false(text_glob("o?", "o"));
	assert_false(text_glob("gpt-*", "xgpt-4"));
	assert_false(text_glob("", "x"));
	assert_false(text_glob("a*b", "ab-"));
	/* would take for ever by naive recursion */
	assert_false(text_glob("a*a*a*a*a*a*a*a*b",
	    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"));
}

static void
test_hex(void **state)
{
	char out[9];
	unsigned char bytes[4];

	(void)state;
	text_hex("\x00\x7f\x80\xff", 4, out);
	assert_string_equal(out, "007f80ff");
	assert_int_equal(text_unhex("007F80ff", bytes, 4), 0);
	assert_memory_equal(bytes, "\x00\x7f\x80\xff", 4);
	assert_int_equal(text_unhex("007f80f", bytes, 4), -1);
	assert_int_equal(text_unhex("007f80ff0", bytes, 4), -1);
	assert_int_equal(text_unhex("007f80fg", bytes, 4), -1);
}

static void
test_u64(void **state)
{
	uint64_t n;

	(void)state;
	assert_int_equal(text_u64("18446744073709551615", UINT64_MAX, &n), 0);
	assert_true(n == UINT64_MAX);
	assert_int_equal(text_u64("18446744073709551616", UINT64_MAX, &n), -1);
	assert_int_equal(text_u64("11", 10, &n), -1);
	assert_int_equal(text_u64("", 10, &n), -1);
	assert_int_equal(text_u64("-1", 10, &n), -1);
	assert_int_equal(text_u64("1 ", 10, &n), -1);
}

static void
test_items(void **state)
{
	const char *rest = " one,, two three ,", *item;
	size_t len;

	(void)state;
	item = text_next_item(&rest, ",", &len);
	assert_int_equal(len, 3);
	assert_memory_equal(item, "one", 3);
	item = text_next_item(&rest, ",", &len);
	assert_int_equal(len, 9);
	assert_memory_equal(item, "two three", 9);
	assert_null(text_next_item(&rest, ",", &len));
}

static void
test_printable_hides_what_could_forge_a_line(void **state)
{
	char out[8];

	(void)state;
	text_printable("a\nb\x1b\xff", out, sizeof(out));
	assert_string_equal(out, "a?b??");
	text_printable("longer than that", out, sizeof(out));
	assert_string_equal(out, "longer ");
}

static void
test_sha256_of_a_known_text(void **state)
{
	uint8_t digest[DIGEST_BYTES];
	char hex[65];

	(void)state;
	/* FIPS 180-2, appendix B.1 */
	assert_int_equal(digest_sha256("abc", 3, digest), 0);
	text_hex(digest, sizeof(digest), hex);
	assert_string_equal(hex,
	    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void
field_digest(const char *a, const char *b, uint8_t out[DIGEST_BYTES])
{
	struct digest *d = digest_new();

	assert_non_null(d);
	digest_field(d, a, strlen(a));
	digest_field(d, b, strlen(b));
	assert_int_equal(digest_finish(d, out), 0);
}

static void
test_fields_do_not_run_together(void **state)
{
	uint8_t one[DIGEST_BYTES], two[DIGEST_BYTES];

	(void)state;
	field_digest("ab", "c", one);
	field_digest("a", "bc", two);
	assert_false(digest_equal(one, two, sizeof(one)));
	field_digest("ab", "c", two);
	assert_true(digest_equal(one, two, sizeof(one)));
}

static void
test_first_error_wins(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_int_equal(err_set(&err, ERR_STORE, "first %d", 1), -1);
	err_set(&err, ERR_MEMORY, "second");
	assert_int_equal(err.code, ERR_STORE);
	assert_string_equal(err.text, "first 1");
	assert_int_equal(err_set(NULL, ERR_IO, "nobody asks"), -1);
}

static void
test_every_error_row_is_whole(void **state)
{
	unsigned code;

	(void)state;
	for (code = ERR_NONE + 1; code < ERR_COUNT; code++) {
		assert_in_range(err_status(code), 400, 599);
		assert_true(strlen(err_name(code)) > 0);
		assert_true(strlen(err_openai_type(code)) > 0);
		assert_true(strlen(err_anthropic_type(code)) > 0);
		assert_true(strlen(err_meaning(code)) > 0);
	}
}

static void
test_rfc3339(void **state)
{
	char out[32];

	(void)state;
	clock_rfc3339(0, out);
	assert_string_equal(out, "1970-01-01T00:00:00.000Z");
	clock_rfc3339(INT64_C(1700000000007), out);
	assert_string_equal(out, "2023-11-14T22:13:20.007Z");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_utf8),
	    cmocka_unit_test(test_glob),
	    cmocka_unit_test(test_hex),
	    cmocka_unit_test(test_u64),
	    cmocka_unit_test(test_items),
	    cmocka_unit_test(test_printable_hides_what_could_forge_a_line),
	    cmocka_unit_test(test_sha256_of_a_known_text),
	    cmocka_unit_test(test_fields_do_not_run_together),
	    cmocka_unit_test(test_first_error_wins),
	    cmocka_unit_test(test_every_error_row_is_whole),
	    cmocka_unit_test(test_rfc3339),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
