/*
 * Rerank: every golden answer of tests/fixtures/rerank gets
 * its verdict, and no beginning of a good one passes for the whole.
 */
#include "golden.h"

static const struct golden jsons[] = {
    GOOD("cohere-tokens.json"),
    GOOD("cohere.json"),
    GOOD("error-null.json"),
    GOOD("jina.json"),
    GOOD("meta-of-nothing.json"),
    GOOD("pinecone.json"),
    GOOD("score.json"),
    GOOD("usage-and-meta.json"),
    GOOD("vllm.json"),
    GOOD("voyage.json"),
    BAD("bad-array.json", WIRE_BAD_JSON),
    BAD("bad-data-of-vectors.json", WIRE_BAD_JSON),
    BAD("bad-detail.json", WIRE_ERROR_ANSWER),
    BAD("bad-empty-results.json", WIRE_EMPTY),
    BAD("bad-error-with-results.json", WIRE_ERROR_ANSWER),
    BAD("bad-error.json", WIRE_ERROR_ANSWER),
    BAD("bad-index-real.json", WIRE_BAD_JSON),
    BAD("bad-index-text.json", WIRE_BAD_JSON),
    BAD("bad-message.json", WIRE_EMPTY),
    BAD("bad-no-index.json", WIRE_BAD_JSON),
    BAD("bad-no-results.json", WIRE_EMPTY),
    BAD("bad-no-score.json", WIRE_BAD_JSON),
    BAD("bad-object-error.json", WIRE_ERROR_ANSWER),
    BAD("bad-result-text.json", WIRE_BAD_JSON),
    BAD("bad-results-object.json", WIRE_BAD_JSON),
    BAD("bad-score-null.json", WIRE_BAD_JSON),
    BAD("bad-score-text.json", WIRE_BAD_JSON),
    BAD("bad-string.json", WIRE_BAD_JSON),
};

static const struct golden_usage usages[] = {
    {"jina.json", 23},
    {"vllm.json", 23},
    {"voyage.json", 23},
    {"cohere-tokens.json", 21},
    {"usage-and-meta.json", 23},
    {"bad-error-with-results.json", 23},
    {"meta-of-nothing.json", 0},
    {"score.json", 0},
    {"bad-array.json", 0},
};

static const struct golden_request requests[] = {
    {"{\"model\":\"m\",\"query\":\"q\",\"documents\":[\"a\"]}", WIRE_STORABLE},
    {"{\"query\":\"q\",\"documents\":[\"a\"]}", WIRE_STORABLE},
    {"{\"query\":\"q\",\"documents\":[],\"top_n\":3}", WIRE_STORABLE},
    {"{\"query\":\"q\",\"documents\":[{\"text\":\"a\"}]}", WIRE_STORABLE},
    {"{\"model\":\"m\",\"documents\":[\"a\"]}", WIRE_BODY_SHAPE},
    {"{\"model\":\"m\",\"query\":\"q\"}", WIRE_BODY_SHAPE},
    {"{\"query\":null,\"documents\":[\"a\"]}", WIRE_BODY_SHAPE},
    {"{\"query\":\"q\",\"documents\":null}", WIRE_BODY_SHAPE},
    {"{\"query\":\"q\",\"texts\":[\"a\"]}", WIRE_BODY_SHAPE},
    {"{\"model\":1,\"query\":\"q\",\"documents\":[\"a\"]}", WIRE_BODY_SHAPE},
    {"[]", WIRE_BODY_SHAPE},
};

static const struct golden_set set = {WIRE_RERANK, "rerank",
    ALL_OF(jsons), ALL_OF(usages), ALL_OF(requests),
    NULL, 0, NULL, NULL, 0};

/* Search units are no tokens, but are what such an answer costs. */
static void
test_what_is_billed_is_kept_whole(void **state)
{
	size_t len;
	char *bytes = fixture_read("rerank", "cohere.json", &len);
	json_t *usage = NULL, *units;

	(void)state;
	golden_judge_json(WIRE_RERANK, bytes, len, &golden_lax, &usage);
	units = json_object_get(json_object_get(usage, "billed_units"),
	    "search_units");
	assert_int_equal(json_integer_value(units), 1);
	assert_non_null(json_object_get(usage, "api_version"));
	assert_int_equal(wire_usage_tokens(usage).total, 0);
	json_decref(usage);
	free(bytes);
}

static void
test_row(void **state)
{
	static const char *const paths[] = {
	    "/v1/rerank", "/v2/rerank", "/rerank"};
	const struct wire_format *f;
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(paths); i++) {
		f = wire_format_for_path(paths[i]);
		assert_int_equal(f->id, WIRE_RERANK);
		assert_int_equal(f->body, WIRE_BODY_JSON);
		assert_null(f->split_member);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    GOLDEN_TESTS_NO_STREAMS(&set),
	    cmocka_unit_test(test_what_is_billed_is_kept_whole),
	    cmocka_unit_test(test_row),
	};

	return cmocka_run_group_tests_name("wire rerank", tests, NULL, NULL);
}
