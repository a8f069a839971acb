/*
 * Embeddings: every golden answer of tests/fixtures/embeddings gets
 * its verdict, and no beginning of a good one passes for the whole.
 */
#include "golden.h"

static const struct golden jsons[] = {
    GOOD("base64-escaped.json"),
    GOOD("base64.json"),
    GOOD("error-null.json"),
    GOOD("escaped-keys.json"),
    GOOD("index-last.json"),
    GOOD("index-real.json"),
    GOOD("no-index.json"),
    GOOD("no-usage.json"),
    GOOD("plain.json"),
    GOOD("pretty.json"),
    GOOD("several.json"),
    GOOD("spaced.json"),
    GOOD("usage-details.json"),
    GOOD("usage-null.json"),
    GOOD("vllm.json"),
    BAD("bad-array.json", WIRE_BAD_JSON),
    BAD("bad-data-null.json", WIRE_EMPTY),
    BAD("bad-data-object.json", WIRE_BAD_JSON),
    BAD("bad-detail.json", WIRE_ERROR_ANSWER),
    BAD("bad-element-list.json", WIRE_BAD_JSON),
    BAD("bad-element-null.json", WIRE_BAD_JSON),
    BAD("bad-empty-base64.json", WIRE_BAD_JSON),
    BAD("bad-empty-data.json", WIRE_EMPTY),
    BAD("bad-empty-vector.json", WIRE_BAD_JSON),
    BAD("bad-error-with-data.json", WIRE_ERROR_ANSWER),
    BAD("bad-error.json", WIRE_ERROR_ANSWER),
    BAD("bad-index-from-one.json", WIRE_MISMATCH),
    BAD("bad-index-null.json", WIRE_MISMATCH),
    BAD("bad-index-part.json", WIRE_MISMATCH),
    BAD("bad-index-text.json", WIRE_MISMATCH),
    BAD("bad-index-twice.json", WIRE_MISMATCH),
    BAD("bad-no-data.json", WIRE_EMPTY),
    BAD("bad-no-vector.json", WIRE_BAD_JSON),
    BAD("bad-number.json", WIRE_BAD_JSON),
    BAD("bad-object-error.json", WIRE_ERROR_ANSWER),
    BAD("bad-order.json", WIRE_MISMATCH),
    BAD("bad-string.json", WIRE_BAD_JSON),
    BAD("bad-vector-nan.json", WIRE_BAD_JSON),
    BAD("bad-vector-null-inside.json", WIRE_BAD_JSON),
    BAD("bad-vector-null.json", WIRE_BAD_JSON),
    BAD("bad-vector-object.json", WIRE_BAD_JSON),
    BAD("bad-vectors.json", WIRE_BAD_JSON),
};

static const struct golden_usage usages[] = {
    {"plain.json", 8},
    {"usage-details.json", 9},
    {"bad-error-with-data.json", 8},
    {"bad-order.json", 8},
    {"no-usage.json", 0},
    {"usage-null.json", 0},
    {"bad-array.json", 0},
};

static const struct golden_request requests[] = {
    {"{\"model\":\"m\",\"input\":\"a\"}", WIRE_STORABLE},
    {"{\"model\":\"m\",\"input\":[\"a\",\"b\"],\"x\":1}", WIRE_STORABLE},
    {"{\"model\":\"m\",\"input\":[1,2]}", WIRE_STORABLE},
    {"{\"model\":\"m\",\"input\":[[1],[2]],\"dimensions\":8}", WIRE_STORABLE},
    {"{\"input\":\"a\"}", WIRE_STORABLE},
    {"{\"model\":\"m\"}", WIRE_BODY_SHAPE},
    {"{\"model\":\"m\",\"input\":null}", WIRE_BODY_SHAPE},
    {"{\"model\":1,\"input\":\"a\"}", WIRE_BODY_SHAPE},
    {"{\"model\":null,\"input\":\"a\"}", WIRE_BODY_SHAPE},
    {"{\"inputs\":\"a\"}", WIRE_BODY_SHAPE},
    {"{}", WIRE_BODY_SHAPE},
    {"[\"input\"]", WIRE_BODY_SHAPE},
};

static const struct golden_set set = {WIRE_EMBEDDINGS, "embeddings",
    ALL_OF(jsons), ALL_OF(usages), ALL_OF(requests),
    NULL, 0, NULL, NULL, 0};

static void
test_row(void **state)
{
	const struct wire_format *f = wire_format_for_path("/v1/embeddings");

	(void)state;
	assert_int_equal(f->id, WIRE_EMBEDDINGS);
	assert_int_equal(f->body, WIRE_BODY_JSON);
	assert_string_equal(f->split_member, "input");
	assert_false(f->asks_usage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    GOLDEN_TESTS_NO_STREAMS(&set),
	    cmocka_unit_test(test_row),
	};

	return cmocka_run_group_tests_name("wire embeddings", tests, NULL, NULL);
}
