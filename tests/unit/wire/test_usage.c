/*
 * Usage shared out among inputs, and added up again: nothing is lost on the
 * way.
 */
#include "../base/random.h"

#include "wire/format.h"
#include "wire/usage.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

/* Add usage to a sum in place. */
static void
add_usage(json_t **sum, const json_t *more)
{
	json_t *was = *sum;

	*sum = wire_usage_add(was, more);
	assert_non_null(*sum);
	json_decref(was);
}

static void
expect_shared(const char *usage, const size_t *weights, size_t n,
    const char *want)
{
	json_t *value = json_loads(usage, JSON_DECODE_ANY, NULL);
	json_t *expected = json_loads(want, 0, NULL), *shares;

	assert_non_null(value);
	assert_non_null(expected);
	shares = wire_usage_share(value, weights, n);
	if (!json_equal(shares, expected))
		fail_msg("%s is shared as %s", usage, json_dumps(shares, 0));
	json_decref(shares);
	json_decref(expected);
	json_decref(value);
}

static void
test_shares(void **state)
{
	static const size_t even[] = {1, 1, 1}, none[] = {0, 0, 0};
	static const size_t odd[] = {5, 0, 1};
	static const size_t most[] = {SIZE_MAX, SIZE_MAX, SIZE_MAX};

	(void)state;
	expect_shared("{\"a\":9}", even, 3, "[{\"a\":3},{\"a\":3},{\"a\":3}]");
	expect_shared("10", even, 3, "[4,3,3]");
	expect_shared("11", none, 3, "[4,4,3]");
	expect_shared("11", most, 3, "[4,4,3]");
	expect_shared("10", odd, 3, "[8,0,2]");
	expect_shared("0", odd, 3, "[0,0,0]");
	expect_shared("-10", odd, 3, "[-8,0,-2]");
	expect_shared("9223372036854775807", odd + 1, 2,
	    "[0,9223372036854775807]");
	expect_shared("-9223372036854775808", odd + 1, 2,
	    "[0,-9223372036854775808]");
	expect_shared("9223372036854775807", most, 3, "[3074457345618258603,"
	    "3074457345618258602,3074457345618258602]");
	expect_shared("3.0", odd, 3, "[2.5,0.0,0.5]");
	expect_shared("{\"a\":{\"b\":4,\"c\":{}},\"t\":\"x\",\"z\":null,"
	    "\"l\":[1]}", odd, 2, "[{\"a\":{\"b\":4,\"c\":{}},\"t\":\"x\","
	    "\"z\":null,\"l\":[1]},{\"a\":{\"b\":0,\"c\":{}},\"t\":\"x\","
	    "\"z\":null,\"l\":[1]}]");
	expect_shared("{\"a\":7,\"b\":0.1,\"c\":true}", odd + 1, 1,
	    "[{\"a\":7,\"b\":0.1,\"c\":true}]");
	expect_shared("{\"a\":7}", odd, 0, "[]");
}

/* Sums are exact, equal counts are shared alike, no share is off by one. */
static void
test_shares_add_up(void **state)
{
	size_t weights[64], n, i, total;
	json_t *usage, *shares, *sum;
	struct rng r = rng_new(1);
	int round;
	json_int_t tokens, share;

	(void)state;
	for (round = 0; round < 1000; round++) {
		n = 1 + rng_below(&r, 64);
		for (i = 0, total = 0; i < n; i++)
			total += weights[i] = rng_below(&r, 9);
		tokens = (json_int_t)rng_below(&r, 3000);
		usage = json_pack("{s:I,s:{s:I},s:I}", "prompt_tokens", tokens,
		    "d", "cached", tokens / 3, "total_tokens", tokens);
		shares = wire_usage_share(usage, weights, n);
		assert_int_equal(json_array_size(shares), n);
		for (i = 0, sum = NULL; i < n; i++) {
			add_usage(&sum, json_array_get(shares, i));
			share = wire_usage_tokens(
			    json_array_get(shares, i)).prompt;
			assert_int_equal(share, wire_usage_tokens(
			    json_array_get(shares, i)).total);
			if (total > 0)
				assert_in_range((size_t)share * total + total,
				    (size_t)tokens * weights[i] + 1,
				    (size_t)tokens * weights[i] + 2 * total -
				    1);
		}
		assert_true(json_equal(sum, usage));
		json_decref(sum);
		json_decref(shares);
		json_decref(usage);
	}
}

static void
expect_sum(const char *a, const char *b, const char *want)
{
	json_t *sum = a != NULL ? json_loads(a, JSON_DECODE_ANY, NULL) : NULL;
	json_t *more = b != NULL ? json_loads(b, JSON_DECODE_ANY, NULL) : NULL;
	json_t *expected = json_loads(want, JSON_DECODE_ANY, NULL);
	json_t *both = wire_usage_add(sum, more);

	if (both == NULL || !json_equal(both, expected))
		fail_msg("%s and %s is %s", a, b,
		    both != NULL ? json_dumps(both, JSON_ENCODE_ANY) : "NULL");
	json_decref(both);
	json_decref(expected);
	json_decref(more);
	json_decref(sum);
}

static void
test_sums(void **state)
{
	(void)state;
	assert_null(wire_usage_add(NULL, NULL));
	expect_sum("{\"a\":1}", NULL, "{\"a\":1}");
	expect_sum(NULL, "{\"a\":1}", "{\"a\":1}");
	expect_sum("{\"a\":1}", "{\"a\":2}", "{\"a\":3}");
	expect_sum("{\"a\":1}", "{\"b\":2}", "{\"a\":1,\"b\":2}");
	expect_sum("{\"a\":{\"b\":1}}", "{\"a\":{\"b\":2,\"c\":3}}",
	    "{\"a\":{\"b\":3,\"c\":3}}");
	expect_sum("{\"a\":1}", "{\"a\":0.5}", "{\"a\":1.5}");
	expect_sum("{\"a\":0.25}", "{\"a\":0.5}", "{\"a\":0.75}");
	expect_sum("{\"a\":null}", "{\"a\":{\"b\":2}}", "{\"a\":{\"b\":2}}");
	expect_sum("{\"a\":{\"b\":2}}", "{\"a\":null}", "{\"a\":{\"b\":2}}");
	expect_sum("{\"a\":\"x\"}", "{\"a\":\"y\"}", "{\"a\":\"x\"}");
	expect_sum("{\"a\":1}", "{\"a\":\"2\"}", "{\"a\":1}");
	expect_sum("{\"a\":[1]}", "{\"a\":[2]}", "{\"a\":[1]}");
	expect_sum("{\"a\":9223372036854775807}", "{\"a\":1}",
	    "{\"a\":9223372036854775807}");
	expect_sum("{\"a\":-9223372036854775808}", "{\"a\":-1}",
	    "{\"a\":-9223372036854775808}");
	expect_sum("{\"a\":1e308}", "{\"a\":1e308}", "{\"a\":1e308}");
}

/* A sum is nobody else's: neither changes with the other. */
static void
test_a_sum_is_a_value_of_its_own(void **state)
{
	json_t *more = json_pack("{s:{s:i}}", "d", "n", 1);
	json_t *sum = wire_usage_add(NULL, more);

	(void)state;
	json_object_set_new(json_object_get(sum, "d"), "n", json_integer(9));
	assert_int_equal(json_integer_value(json_object_get(
	    json_object_get(more, "d"), "n")), 1);
	json_decref(sum);
	json_decref(more);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_shares),
	    cmocka_unit_test(test_shares_add_up),
	    cmocka_unit_test(test_sums),
	    cmocka_unit_test(test_a_sum_is_a_value_of_its_own),
	};

	return cmocka_run_group_tests_name("wire usage", tests, NULL, NULL);
}
