/*
 * Transcriptions and translations: every golden answer of
 * tests/fixtures/transcription gets its verdict, and no beginning of a good
 * one passes for the whole.
 */
#include "golden.h"

static const struct golden streams[] = {
    GOOD("bom.sse"),
    GOOD("comment-after-done.sse"),
    GOOD("cr.sse"),
    GOOD("crlf.sse"),
    GOOD("deltas-only.sse"),
    GOOD("done-in-text.sse"),
    GOOD("done-marker.sse"),
    GOOD("done-only.sse"),
    GOOD("duration.sse"),
    GOOD("error-null.sse"),
    GOOD("keepalive.sse"),
    GOOD("names.sse"),
    GOOD("no-space.sse"),
    GOOD("no-usage.sse"),
    GOOD("plain.sse"),
    GOOD("segments.sse"),
    GOOD("several-lines.sse"),
    GOOD("unknown-events.sse"),
    BAD("bad-after-done-marker.sse", WIRE_AFTER_END),
    BAD("bad-after-end.sse", WIRE_AFTER_END),
    BAD("bad-array.sse", WIRE_BAD_JSON),
    BAD("bad-cut.sse", WIRE_NO_TERMINATOR),
    BAD("bad-delta-object.sse", WIRE_BAD_JSON),
    BAD("bad-detail.sse", WIRE_ERROR_EVENT),
    BAD("bad-done-empty.sse", WIRE_EMPTY),
    BAD("bad-done-marker-only.sse", WIRE_NO_TERMINATOR),
    BAD("bad-done-marker-unended.sse", WIRE_NO_TERMINATOR),
    BAD("bad-empty-data.sse", WIRE_BAD_JSON),
    BAD("bad-empty.sse", WIRE_EMPTY),
    BAD("bad-end-after-done-marker.sse", WIRE_AFTER_END),
    BAD("bad-error-after-end.sse", WIRE_AFTER_END),
    BAD("bad-error-done.sse", WIRE_ERROR_EVENT),
    BAD("bad-error-first.sse", WIRE_ERROR_EVENT),
    BAD("bad-error-in-done.sse", WIRE_ERROR_EVENT),
    BAD("bad-error-named.sse", WIRE_ERROR_EVENT),
    BAD("bad-error-openai.sse", WIRE_ERROR_EVENT),
    BAD("bad-error-then-done.sse", WIRE_ERROR_EVENT),
    BAD("bad-error.sse", WIRE_ERROR_EVENT),
    BAD("bad-keepalive-only.sse", WIRE_NO_TERMINATOR),
    BAD("bad-no-done.sse", WIRE_NO_TERMINATOR),
    BAD("bad-not-json.sse", WIRE_BAD_JSON),
    BAD("bad-nothing.sse", WIRE_NO_TERMINATOR),
    BAD("bad-string.sse", WIRE_BAD_JSON),
    BAD("bad-text-number.sse", WIRE_BAD_JSON),
    BAD("bad-two-done-markers.sse", WIRE_AFTER_END),
    BAD("bad-two-ends.sse", WIRE_AFTER_END),
    BAD("bad-vllm-chunks.sse", WIRE_NO_TERMINATOR),
};

static const struct golden jsons[] = {
    GOOD("diarized.json"),
    GOOD("duration.json"),
    GOOD("error-null.json"),
    GOOD("no-usage.json"),
    GOOD("plain.json"),
    GOOD("verbose.json"),
    BAD("bad-array.json", WIRE_BAD_JSON),
    BAD("bad-detail.json", WIRE_ERROR_ANSWER),
    BAD("bad-empty-object.json", WIRE_EMPTY),
    BAD("bad-empty.json", WIRE_EMPTY),
    BAD("bad-error-with-text.json", WIRE_ERROR_ANSWER),
    BAD("bad-error.json", WIRE_ERROR_ANSWER),
    BAD("bad-no-text.json", WIRE_EMPTY),
    BAD("bad-null.json", WIRE_EMPTY),
    BAD("bad-object-error.json", WIRE_ERROR_ANSWER),
    BAD("bad-string.json", WIRE_BAD_JSON),
    BAD("bad-text-number.json", WIRE_BAD_JSON),
};

static const struct golden_usage usages[] = {
    {"plain.json", 59},
    {"plain.sse", 59},
    {"done-marker.sse", 59},
    {"bad-error-with-text.json", 59},
    {"bad-empty.sse", 59},
    {"no-usage.json", 0},
    {"no-usage.sse", 0},
    {"bad-array.json", 0},
};

static const struct golden_request requests[] = {
    {"{\"file\":true,\"model\":\"whisper-1\"}", WIRE_STORABLE},
    {"{\"file\":true,\"model\":\"m\",\"stream\":\"true\","
     "\"x\":[\"a\",\"b\"]}", WIRE_STORABLE},
    {"{\"file\":\"text\",\"model\":\"m\"}", WIRE_BODY_SHAPE},
    {"{\"file\":true}", WIRE_BODY_SHAPE},
    {"{\"file\":true,\"model\":true}", WIRE_BODY_SHAPE},
    {"{\"file\":[true,true],\"model\":\"m\"}", WIRE_BODY_SHAPE},
    {"{\"model\":\"m\"}", WIRE_BODY_SHAPE},
    {"{\"audio\":true,\"model\":\"m\"}", WIRE_BODY_SHAPE},
    {"{}", WIRE_BODY_SHAPE},
};

static const struct golden_forgery forgeries[] = {
    {"plain.sse", "transcript.text.done", FORGED_DONE},
    {"segments.sse", "transcript.text.done", FORGED_DONE},
};

static const struct golden_set set = {WIRE_TRANSCRIPTIONS, "transcription",
    ALL_OF(jsons), ALL_OF(usages), ALL_OF(requests),
    ALL_OF(streams), "\"transcript.text.done\"", ALL_OF(forgeries)};

static void
expect_duration(const char *name, golden_judge_fn *judge)
{
	size_t len;
	char *bytes = fixture_read(set.dir, name, &len);
	struct wire_tokens tokens;
	json_t *usage = NULL;

	golden_expect(name, judge(set.id, bytes, len, &golden_strict, &usage),
	    WIRE_STORABLE);
	assert_int_equal(
	    json_integer_value(json_object_get(usage, "seconds")), 27);
	tokens = wire_usage_tokens(usage);
	assert_int_equal(tokens.prompt, 0);
	assert_int_equal(tokens.completion, 0);
	assert_int_equal(tokens.total, 0);
	json_decref(usage);
	free(bytes);
}

/* Where seconds are billed, they are kept, and are no tokens. */
static void
test_duration_is_kept(void **state)
{
	(void)state;
	expect_duration("duration.json", golden_judge_json);
	expect_duration("verbose.json", golden_judge_json);
	expect_duration("duration.sse", golden_judge_stream);
}

static void
test_rows(void **state)
{
	static const char *const paths[] = {
	    "/v1/audio/transcriptions", "/v1/audio/translations"};
	const struct wire_format *f;
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(paths); i++) {
		f = wire_format_for_path(paths[i]);
		assert_int_equal(f->id, i == 0 ? WIRE_TRANSCRIPTIONS :
		    WIRE_TRANSLATIONS);
		assert_int_equal(f->body, WIRE_BODY_FORM);
		assert_false(f->asks_usage);
	}
	assert_int_equal(
	    wire_format_for_path("/v1/audio/speech")->id, WIRE_OTHER);
}

static void
test_translations_are_judged_alike(void **state)
{
	struct golden_set same = set;
	void *of_same = &same;

	(void)state;
	same.id = WIRE_TRANSLATIONS;
	golden_test_answers(&of_same);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    GOLDEN_TESTS_STREAMS(&set),
	    GOLDEN_TEST(golden_test_no_part_of_a_stream_is_stored, &set),
	    cmocka_unit_test(test_duration_is_kept),
	    cmocka_unit_test(test_rows),
	    cmocka_unit_test(test_translations_are_judged_alike),
	};

	return cmocka_run_group_tests_name("wire transcription", tests, NULL, NULL);
}
