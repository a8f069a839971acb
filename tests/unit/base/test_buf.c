#include "base/buf.h"
#include "base/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <string.h>

static void
test_appends_and_stays_terminated(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(buf_puts(&b, "one "), 0);
	assert_int_equal(buf_append(&b, "two", 3), 0);
	assert_int_equal(buf_printf(&b, " %d", 3), 0);
	assert_int_equal(buf_putc(&b, '!'), 0);
	assert_string_equal(b.data, "one two 3!");
	assert_int_equal(b.len, 10);
	buf_fini(&b);
}

static void
test_ceiling_is_exact_and_failure_sticks(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 4);
	assert_int_equal(buf_append(&b, "1234", 4), 0);
	assert_int_equal(buf_putc(&b, '5'), -1);
	assert_true(b.failed);
	assert_string_equal(b.data, "1234");
	assert_int_equal(buf_append(&b, "", 0), -1);
	buf_reset(&b);
	assert_int_equal(buf_puts(&b, "ok"), 0);
	assert_int_equal(buf_printf(&b, "%s", "toolong"), -1);
	assert_string_equal(b.data, "ok");
	buf_fini(&b);
}

static void
test_reserve_refuses_what_overflows(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 1000);
	buf_puts(&b, "x");
	assert_int_equal(buf_reserve(&b, SIZE_MAX), -1);
	buf_fini(&b);
}

static void
test_consume(void **state)
{
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	buf_puts(&b, "abcdef");
	buf_consume(&b, 2);
	assert_string_equal(b.data, "cdef");
	buf_consume(&b, 99);
	assert_int_equal(b.len, 0);
	buf_fini(&b);
}

/* Whatever goes in, another JSON parser reads back the same characters. */
static void
test_json_strings_survive_a_parser(void **state)
{
	static const char *const texts[] = {"", "plain", "\"quoted\\\"",
	    "line\nbreak\r\ttab\x01\x1f\x7f", "\xc3\xa9\xe4\xbd\xa0\xf0\x9f\x98\x80",
	    "\xef\xbf\xbd"};
	struct buf b;
	json_t *json;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		buf_init(&b, 1000);
		buf_put_json_string(&b, texts[i], strlen(texts[i]));
		assert_true(b.data[0] == '"' && strchr(b.data, '\n') == NULL);
		json = json_loads(b.data, JSON_DECODE_ANY, NULL);
		assert_non_null(json);
		assert_string_equal(json_string_value(json), texts[i]);
		json_decref(json);
		buf_fini(&b);
	}
}

static void
test_json_string_of_any_byte_is_valid(void **state)
{
	char bytes[256];
	struct buf b;
	json_t *json;
	int i;

	(void)state;
	for (i = 0; i < 256; i++)
		bytes[i] = (char)i;
	buf_init(&b, 10000);
	buf_put_json_string(&b, bytes, sizeof(bytes));
	json = json_loads(b.data, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
	assert_non_null(json);
	json_decref(json);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_appends_and_stays_terminated),
	    cmocka_unit_test(test_ceiling_is_exact_and_failure_sticks),
	    cmocka_unit_test(test_reserve_refuses_what_overflows),
	    cmocka_unit_test(test_consume),
	    cmocka_unit_test(test_json_strings_survive_a_parser),
	    cmocka_unit_test(test_json_string_of_any_byte_is_valid),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
