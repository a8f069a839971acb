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

static const struct golden_set set = {WIRE_EMBEDDINGS, "embeddings", NULL, 0,
    jsons, N_OF(jsons)};

static void
test_golden_answers(void **state)
{
	(void)state;
	golden_check(&set);
}

static void
test_no_fixture_is_forgotten(void **state)
{
	(void)state;
	golden_check_listed(&set);
}

static void
test_no_part_of_a_json_is_stored(void **state)
{
	(void)state;
	golden_check_cut_jsons(&set);
}

/* Whatever it says, an event stream is not an answer of this format. */
static void
test_streams_are_not_stored(void **state)
{
	static const char *const texts[] = {"", "data: [DONE]\n\n",
	    "data: {}\n\ndata: [DONE]\n\n", "event: error\ndata: {}\n\n"};
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(texts); i++)
		golden_expect(texts[i], golden_judge_stream(WIRE_EMBEDDINGS,
		    texts[i], strlen(texts[i]), &golden_lax, NULL),
		    WIRE_CONTENT_TYPE);
}

static void
test_usage(void **state)
{
	(void)state;
	golden_check_usage(&set, "plain.json", 8);
	golden_check_usage(&set, "usage-details.json", 9);
	golden_check_usage(&set, "bad-error-with-data.json", 8);
	golden_check_usage(&set, "bad-order.json", 8);
	golden_check_usage(&set, "no-usage.json", 0);
	golden_check_usage(&set, "usage-null.json", 0);
	golden_check_usage(&set, "bad-array.json", 0);
}

static void
test_request(void **state)
{
	static const struct {
		const char *body;
		bool ok;
	} cases[] = {
	    {"{\"model\":\"m\",\"input\":\"a\"}", true},
	    {"{\"model\":\"m\",\"input\":[\"a\",\"b\"],\"x\":1}", true},
	    {"{\"model\":\"m\",\"input\":[1,2]}", true},
	    {"{\"model\":\"m\",\"input\":[[1],[2]],\"dimensions\":8}", true},
	    {"{\"input\":\"a\"}", true},
	    {"{\"model\":\"m\"}", false},
	    {"{\"model\":\"m\",\"input\":null}", false},
	    {"{\"model\":1,\"input\":\"a\"}", false},
	    {"{\"model\":null,\"input\":\"a\"}", false},
	    {"{\"inputs\":\"a\"}", false},
	    {"{}", false},
	    {"[\"input\"]", false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(cases); i++)
		golden_expect(cases[i].body,
		    golden_judge_request(WIRE_EMBEDDINGS, cases[i].body),
		    cases[i].ok ? WIRE_STORABLE : WIRE_BODY_SHAPE);
}

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
	    cmocka_unit_test(test_golden_answers),
	    cmocka_unit_test(test_no_fixture_is_forgotten),
	    cmocka_unit_test(test_no_part_of_a_json_is_stored),
	    cmocka_unit_test(test_streams_are_not_stored),
	    cmocka_unit_test(test_usage),
	    cmocka_unit_test(test_request),
	    cmocka_unit_test(test_row),
	};

	return cmocka_run_group_tests_name("wire embeddings", tests, NULL, NULL);
}
