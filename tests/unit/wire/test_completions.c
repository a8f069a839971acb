/*
 * Completions: every golden answer of tests/fixtures/completions gets its
 * verdict, and no beginning of a good one passes for the whole.
 */
#include "golden_choices.h"

static const struct golden streams[] = {
    CHOICES_STREAMS,
    BAD("bad-text-number.sse", WIRE_BAD_JSON),
};

static const struct golden jsons[] = {
    CHOICES_JSONS,
    {"vllm.json", WIRE_STORABLE, WIRE_LENGTH},
    {"echo-logprobs.json", WIRE_STORABLE, WIRE_LENGTH},
    BAD("bad-text-number.json", WIRE_BAD_JSON),
};

static const struct golden_usage usages[] = {
    CHOICES_USAGES,
    {"vllm.sse", 13},
};

static const struct golden_request requests[] = {
    {"{\"model\":\"m\",\"prompt\":\"\"}", WIRE_STORABLE},
    {"{\"model\":\"m\",\"prompt\":[1,2],\"x\":1}", WIRE_STORABLE},
    {"{\"model\":\"m\",\"prompt\":[\"a\",\"b\"]}", WIRE_STORABLE},
    {"{\"model\":\"m\"}", WIRE_BODY_SHAPE},
    {"{\"prompt\":\"x\"}", WIRE_BODY_SHAPE},
    {"{\"model\":1,\"prompt\":\"x\"}", WIRE_BODY_SHAPE},
    {"{\"model\":\"m\",\"prompt\":7}", WIRE_BODY_SHAPE},
    {"{\"model\":\"m\",\"prompt\":null}", WIRE_BODY_SHAPE},
    {"{\"model\":null,\"prompt\":\"x\"}", WIRE_BODY_SHAPE},
    {"[]", WIRE_BODY_SHAPE},
};

static const struct golden_set set = {WIRE_COMPLETIONS, "completions",
    ALL_OF(jsons), ALL_OF(usages), ALL_OF(requests),
    ALL_OF(streams), "[DONE]", ALL_OF(choices_forgeries)};

static void
test_row(void **state)
{
	const struct wire_format *f = wire_format_for_path("/v1/completions");

	(void)state;
	assert_int_equal(f->id, WIRE_COMPLETIONS);
	assert_int_equal(f->body, WIRE_BODY_JSON);
	assert_true(f->asks_usage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    GOLDEN_TESTS_STREAMS(&set),
	    GOLDEN_TEST(golden_test_no_part_of_a_stream_is_stored, &set),
	    cmocka_unit_test(test_row),
	};

	return cmocka_run_group_tests_name("wire completions", tests, NULL,
	    NULL);
}
