#include "upstream/retry_after.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

/* Sun, 06 Nov 1994 08:49:37 GMT, the date of RFC 9110's examples. */
static const int64_t then_ms = INT64_C(784111777) * 1000;

static void
test_seconds(void **state)
{
	(void)state;
	assert_int_equal(retry_after_ms("0", then_ms), 0);
	assert_int_equal(retry_after_ms("120", then_ms), 120000);
	assert_int_equal(retry_after_ms("18446744073709551615", then_ms),
	    INT64_C(366) * 24 * 3600 * 1000);
	assert_int_equal(retry_after_ms("99999999999999999999999", then_ms),
	    INT64_C(366) * 24 * 3600 * 1000);
}

static void
test_dates(void **state)
{
	static const char *const same[] = {
		"Sun, 06 Nov 1994 08:49:37 GMT",
		"Sunday, 06-Nov-94 08:49:37 GMT",
		"Sun Nov  6 08:49:37 1994",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		assert_int_equal(retry_after_ms(same[i], then_ms - 5250),
		    5250);
		assert_int_equal(retry_after_ms(same[i], then_ms), 0);
		assert_int_equal(retry_after_ms(same[i], then_ms + 1), 0);
	}
}

/* Nothing else is a time; above all not a date that was cut short. */
static void
test_garbage(void **state)
{
	static const char whole[] = "Sun, 06 Nov 1994 08:49:37 GMT";
	static const char *const bad[] = {"", " ", "-1", "1.5", "5 s", "soon",
	    "Sun, 06 Nov 1994 08:49:37 CET",
	    "Sun, 06 Nov 1994 08:49:37 GMT "};
	char cut[sizeof(whole)];

	(void)state;
	assert_int_equal(retry_after_ms(NULL, then_ms), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(retry_after_ms(bad[i], then_ms - 5000), 0);
	for (size_t n = 0; n < sizeof(whole) - 1; n++) {
		memcpy(cut, whole, n);
		cut[n] = '\0';
		assert_int_equal(retry_after_ms(cut, 0), 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_seconds),
		cmocka_unit_test(test_dates),
		cmocka_unit_test(test_garbage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
