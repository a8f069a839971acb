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

static const struct golden_set set = {WIRE_RERANK, "rerank", NULL, 0,
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
		golden_expect(texts[i], golden_judge_stream(WIRE_RERANK,
		    texts[i], strlen(texts[i]), &golden_lax, NULL),
		    WIRE_CONTENT_TYPE);
}

static void
test_usage(void **state)
{
	(void)state;
	golden_check_usage(&set, "jina.json", 23);
	golden_check_usage(&set, "vllm.json", 23);
	golden_check_usage(&set, "voyage.json", 23);
	golden_check_usage(&set, "cohere-tokens.json", 21);
	golden_check_usage(&set, "usage-and-meta.json", 23);
	golden_check_usage(&set, "bad-error-with-results.json", 23);
	golden_check_usage(&set, "meta-of-nothing.json", 0);
	golden_check_usage(&set, "score.json", 0);
	golden_check_usage(&set, "bad-array.json", 0);
}

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
test_request(void **state)
{
	static const struct {
		const char *body;
		bool ok;
	} cases[] = {
	    {"{\"model\":\"m\",\"query\":\"q\",\"documents\":[\"a\"]}", true},
	    {"{\"query\":\"q\",\"documents\":[\"a\"]}", true},
	    {"{\"query\":\"q\",\"documents\":[],\"top_n\":3}", true},
	    {"{\"query\":\"q\",\"documents\":[{\"text\":\"a\"}]}", true},
	    {"{\"model\":\"m\",\"documents\":[\"a\"]}", false},
	    {"{\"model\":\"m\",\"query\":\"q\"}", false},
	    {"{\"query\":null,\"documents\":[\"a\"]}", false},
	    {"{\"query\":\"q\",\"documents\":null}", false},
	    {"{\"query\":\"q\",\"texts\":[\"a\"]}", false},
	    {"{\"model\":1,\"query\":\"q\",\"documents\":[\"a\"]}", false},
	    {"[]", false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(cases); i++)
		golden_expect(cases[i].body,
		    golden_judge_request(WIRE_RERANK, cases[i].body),
		    cases[i].ok ? WIRE_STORABLE : WIRE_BODY_SHAPE);
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
	    cmocka_unit_test(test_golden_answers),
	    cmocka_unit_test(test_no_fixture_is_forgotten),
	    cmocka_unit_test(test_no_part_of_a_json_is_stored),
	    cmocka_unit_test(test_streams_are_not_stored),
	    cmocka_unit_test(test_usage),
	    cmocka_unit_test(test_what_is_billed_is_kept_whole),
	    cmocka_unit_test(test_request),
	    cmocka_unit_test(test_row),
	};

	return cmocka_run_group_tests_name("wire rerank", tests, NULL, NULL);
}
