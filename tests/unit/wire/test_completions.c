/*
 * Completions: every golden answer of tests/fixtures/completions gets its
 * verdict, and no beginning of a good one passes for the whole.
 */
#include "golden.h"

static const struct golden streams[] = {
    GOOD("plain.sse"),
    GOOD("usage.sse"),
    {"length.sse", WIRE_STORABLE, WIRE_LENGTH},
    GOOD("choices.sse"),
    GOOD("keepalive.sse"),
    GOOD("fields.sse"),
    GOOD("crlf.sse"),
    GOOD("cr.sse"),
    GOOD("bom.sse"),
    GOOD("no-space.sse"),
    GOOD("several-lines.sse"),
    GOOD("done-in-text.sse"),
    GOOD("nul-in-text.sse"),
    GOOD("comment-after-done.sse"),
    GOOD("no-index.sse"),
    GOOD("error-null.sse"),
    GOOD("several-lines.sse"),
    GOOD("vllm.sse"),
    GOOD("logprobs.sse"),
    BAD("bad-error.sse", WIRE_ERROR_EVENT),
    BAD("bad-error-done.sse", WIRE_ERROR_EVENT),
    BAD("bad-error-after-finish.sse", WIRE_ERROR_EVENT),
    BAD("bad-error-with-choices.sse", WIRE_ERROR_EVENT),
    BAD("bad-error-in-choice.sse", WIRE_ERROR_EVENT),
    BAD("bad-error-named.sse", WIRE_ERROR_EVENT),
    BAD("bad-error-named-empty.sse", WIRE_ERROR_EVENT),
    BAD("bad-detail.sse", WIRE_ERROR_EVENT),
    BAD("bad-object-error.sse", WIRE_ERROR_EVENT),
    BAD("bad-finish-error.sse", WIRE_ERROR_EVENT),
    BAD("bad-finish-abort.sse", WIRE_ERROR_EVENT),
    BAD("bad-content-filter.sse", WIRE_FILTERED),
    BAD("bad-empty.sse", WIRE_EMPTY),
    BAD("bad-one-empty.sse", WIRE_EMPTY),
    BAD("bad-done-only.sse", WIRE_EMPTY),
    BAD("bad-usage-only.sse", WIRE_EMPTY),
    BAD("bad-nothing.sse", WIRE_NO_TERMINATOR),
    BAD("bad-keepalives-only.sse", WIRE_NO_TERMINATOR),
    BAD("bad-no-finish.sse", WIRE_NO_FINISH),
    BAD("bad-empty-finish.sse", WIRE_NO_FINISH),
    BAD("bad-one-unfinished.sse", WIRE_NO_FINISH),
    BAD("bad-no-done.sse", WIRE_NO_TERMINATOR),
    BAD("bad-after-done.sse", WIRE_AFTER_END),
    BAD("bad-two-dones.sse", WIRE_AFTER_END),
    BAD("bad-empty-after-done.sse", WIRE_AFTER_END),
    BAD("bad-done-unended.sse", WIRE_NO_TERMINATOR),
    BAD("bad-done-cut.sse", WIRE_NO_TERMINATOR),
    BAD("bad-done-spaced.sse", WIRE_BAD_JSON),
    BAD("bad-done-quoted.sse", WIRE_BAD_JSON),
    BAD("bad-done-suffix.sse", WIRE_BAD_JSON),
    BAD("bad-not-json.sse", WIRE_BAD_JSON),
    BAD("bad-array.sse", WIRE_BAD_JSON),
    BAD("bad-empty-data.sse", WIRE_BAD_JSON),
    BAD("bad-choices-object.sse", WIRE_BAD_JSON),
    BAD("bad-choice-text.sse", WIRE_BAD_JSON),
    BAD("bad-text-number.sse", WIRE_BAD_JSON),
    BAD("bad-index-text.sse", WIRE_BAD_JSON),
    BAD("bad-index-negative.sse", WIRE_BAD_JSON),
    BAD("bad-index-huge.sse", WIRE_BAD_JSON),
};

static const struct golden jsons[] = {
    GOOD("plain.json"),
    GOOD("choices.json"),
    {"length.json", WIRE_STORABLE, WIRE_LENGTH},
    GOOD("error-null.json"),
    GOOD("nul-in-text.json"),
    GOOD("no-usage.json"),
    {"vllm.json", WIRE_STORABLE, WIRE_LENGTH},
    GOOD("logprobs.json"),
    {"echo-logprobs.json", WIRE_STORABLE, WIRE_LENGTH},
    GOOD("white-space.json"),
    BAD("bad-content-filter.json", WIRE_FILTERED),
    BAD("bad-error.json", WIRE_ERROR_ANSWER),
    BAD("bad-error-with-choices.json", WIRE_ERROR_ANSWER),
    BAD("bad-error-in-choice.json", WIRE_ERROR_ANSWER),
    BAD("bad-detail.json", WIRE_ERROR_ANSWER),
    BAD("bad-object-error.json", WIRE_ERROR_ANSWER),
    BAD("bad-finish-error.json", WIRE_ERROR_ANSWER),
    BAD("bad-empty.json", WIRE_EMPTY),
    BAD("bad-null-content.json", WIRE_EMPTY),
    BAD("bad-one-empty.json", WIRE_EMPTY),
    BAD("bad-no-choices.json", WIRE_EMPTY),
    BAD("bad-empty-choices.json", WIRE_EMPTY),
    BAD("bad-empty-object.json", WIRE_EMPTY),
    BAD("bad-no-finish.json", WIRE_NO_FINISH),
    BAD("bad-one-unfinished.json", WIRE_NO_FINISH),
    BAD("bad-array.json", WIRE_BAD_JSON),
    BAD("bad-string.json", WIRE_BAD_JSON),
    BAD("bad-choice-text.json", WIRE_BAD_JSON),
    BAD("bad-text-number.json", WIRE_BAD_JSON),
};

static const struct golden_usage usages[] = {
    {"usage.sse", 13},
    {"vllm.sse", 13},
    {"length.sse", 13},
    {"bad-usage-only.sse", 13},
    {"plain.sse", 0},
    {"plain.json", 13},
    {"bad-content-filter.json", 13},
    {"bad-error-with-choices.json", 13},
    {"no-usage.json", 0},
    {"bad-array.json", 0},
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

static const struct golden_forgery forgeries[] = {
    {"plain.sse", "\"stop\"", FORGED_DONE},
};

static const struct golden_set set = {WIRE_COMPLETIONS, "completions",
    ALL_OF(jsons), ALL_OF(usages), ALL_OF(requests),
    ALL_OF(streams), "[DONE]", ALL_OF(forgeries)};

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
