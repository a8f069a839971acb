/* Tokens of single inputs out of a batch's sum. */
#include "wire/token_count.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

enum { N = 4 };

static const char *const inputs[N] = {"\"one two  three\"", "\"\"",
    "\"\\u00e9l\\u00e9phant\"", "[7, 8, 9]"};

static bool
counts_for(json_int_t total, size_t counts[N])
{
	struct json_span spans[N];
	size_t i;

	for (i = 0; i < N; i++)
		spans[i] = (struct json_span){inputs[i], strlen(inputs[i])};
	return wire_count_tokens(counts, spans, N, total);
}

static void
expect(json_int_t total, size_t a, size_t b, size_t c, size_t d)
{
	size_t counts[N] = {99, 99, 99, 99};

	assert_true(counts_for(total, counts));
	assert_int_equal(counts[0], a);
	assert_int_equal(counts[1], b);
	assert_int_equal(counts[2], c);
	assert_int_equal(counts[3], d);
}

static void
test_simple_ways(void **state)
{
	(void)state;
	expect(7, 3, 0, 1, 3);    /* words */
	expect(9, 3, 1, 2, 3);    /* four characters, or one token */
	expect(10, 4, 0, 3, 3);   /* four bytes begun */
	expect(25, 14, 0, 8, 3);  /* characters */
	expect(27, 14, 0, 10, 3); /* bytes */
}

static void
test_a_real_tokeniser(void **state)
{
	size_t counts[N] = {1, 2, 3, 4};

	(void)state;
	assert_false(counts_for(13, counts));
	assert_false(counts_for(0, counts));
	assert_false(counts_for(-7, counts));
	assert_int_equal(counts[0] + counts[3], 5);
}

static void
test_other_inputs(void **state)
{
	static const char object[] = "{\"text\":\"a\"}";
	struct json_span span = {object, sizeof(object) - 1};
	size_t counts[1];

	(void)state;
	assert_false(wire_count_tokens(counts, &span, 1, 1));
	assert_true(wire_count_tokens(counts, NULL, 0, 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_simple_ways),
	    cmocka_unit_test(test_a_real_tokeniser),
	    cmocka_unit_test(test_other_inputs),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
