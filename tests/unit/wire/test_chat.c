/*
 * Chat completions: every golden answer of tests/fixtures/chat gets its
 * verdict, and no beginning of a good one passes for the whole.
 */
#include "golden.h"

static const struct golden streams[] = {
    GOOD("plain.sse"),
    GOOD("usage.sse"),
    {"tools.sse", WIRE_STORABLE, WIRE_TOOL_CALLS},
    {"function-call.sse", WIRE_STORABLE, WIRE_TOOL_CALLS},
    {"length.sse", WIRE_STORABLE, WIRE_LENGTH},
    GOOD("reasoning.sse"),
    GOOD("reasoning-content.sse"),
    GOOD("refusal.sse"),
    GOOD("audio.sse"),
    GOOD("parts.sse"),
    GOOD("choices.sse"),
    GOOD("keepalive.sse"),
    GOOD("fields.sse"),
    GOOD("crlf.sse"),
    GOOD("cr.sse"),
    GOOD("bom.sse"),
    GOOD("no-space.sse"),
    GOOD("several-lines.sse"),
    GOOD("azure.sse"),
    GOOD("azure-plain.sse"),
    GOOD("mistral.sse"),
    GOOD("together.sse"),
    GOOD("done-in-text.sse"),
    GOOD("nul-in-text.sse"),
    GOOD("comment-after-done.sse"),
    GOOD("no-index.sse"),
    GOOD("error-null.sse"),
    GOOD("openai.sse"),
    GOOD("logprobs.sse"),
    GOOD("vllm.sse"),
    {"vllm-tools.sse", WIRE_STORABLE, WIRE_TOOL_CALLS},
    {"tools-repeated.sse", WIRE_STORABLE, WIRE_TOOL_CALLS},
    GOOD("openrouter.sse"),
    GOOD("openrouter-details.sse"),
    GOOD("groq.sse"),
    GOOD("images.sse"),
    {"mistral-length.sse", WIRE_STORABLE, WIRE_LENGTH},
    BAD("bad-groq-error.sse", WIRE_ERROR_EVENT),
    BAD("bad-gemini-safety.sse", WIRE_FILTERED),
    BAD("bad-gemini-filter.sse", WIRE_FILTERED),
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
    BAD("bad-number.sse", WIRE_BAD_JSON),
    BAD("bad-empty-data.sse", WIRE_BAD_JSON),
    BAD("bad-choices-object.sse", WIRE_BAD_JSON),
    BAD("bad-choice-text.sse", WIRE_BAD_JSON),
    BAD("bad-index-text.sse", WIRE_BAD_JSON),
    BAD("bad-index-negative.sse", WIRE_BAD_JSON),
    BAD("bad-index-huge.sse", WIRE_BAD_JSON),
};

static const struct golden jsons[] = {
    GOOD("plain.json"),
    GOOD("choices.json"),
    {"tools.json", WIRE_STORABLE, WIRE_TOOL_CALLS},
    {"tools-stop.json", WIRE_STORABLE, WIRE_TOOL_CALLS},
    {"function-call.json", WIRE_STORABLE, WIRE_TOOL_CALLS},
    {"length.json", WIRE_STORABLE, WIRE_LENGTH},
    GOOD("reasoning.json"),
    GOOD("reasoning-content.json"),
    GOOD("refusal.json"),
    GOOD("audio.json"),
    GOOD("parts.json"),
    GOOD("error-null.json"),
    GOOD("nul-in-text.json"),
    GOOD("no-usage.json"),
    GOOD("openai.json"),
    GOOD("logprobs.json"),
    GOOD("logprobs-refusal.json"),
    GOOD("logprobs-bytes.json"),
    {"tools-many.json", WIRE_STORABLE, WIRE_TOOL_CALLS},
    GOOD("vllm.json"),
    {"deepseek-tools.json", WIRE_STORABLE, WIRE_TOOL_CALLS},
    GOOD("openrouter.json"),
    GOOD("groq.json"),
    GOOD("images.json"),
    BAD("bad-gemini-malformed-call.json", WIRE_ERROR_ANSWER),
    BAD("bad-sensitive.json", WIRE_FILTERED),
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
    BAD("bad-no-message.json", WIRE_EMPTY),
    BAD("bad-one-empty.json", WIRE_EMPTY),
    BAD("bad-no-choices.json", WIRE_EMPTY),
    BAD("bad-empty-choices.json", WIRE_EMPTY),
    BAD("bad-empty-object.json", WIRE_EMPTY),
    BAD("bad-no-finish.json", WIRE_NO_FINISH),
    BAD("bad-one-unfinished.json", WIRE_NO_FINISH),
    BAD("bad-array.json", WIRE_BAD_JSON),
    BAD("bad-string.json", WIRE_BAD_JSON),
    BAD("bad-choice-text.json", WIRE_BAD_JSON),
    BAD("bad-message-text.json", WIRE_BAD_JSON),
};

static const struct golden_usage usages[] = {
    {"usage.sse", 13},
    {"length.sse", 13},
    {"bad-usage-only.sse", 13},
    {"groq.sse", 13},
    {"together.sse", 13},
    {"plain.sse", 0},
    {"plain.json", 13},
    {"bad-content-filter.json", 13},
    {"bad-error-with-choices.json", 13},
    {"no-usage.json", 0},
    {"bad-array.json", 0},
};

static const struct golden_request requests[] = {
    {"{\"model\":\"m\",\"messages\":[]}", WIRE_STORABLE},
    {"{\"model\":\"m\",\"messages\":[{}],\"x\":1}", WIRE_STORABLE},
    {"{\"model\":\"m\"}", WIRE_BODY_SHAPE},
    {"{\"messages\":[]}", WIRE_BODY_SHAPE},
    {"{\"model\":1,\"messages\":[]}", WIRE_BODY_SHAPE},
    {"{\"model\":\"m\",\"messages\":\"hi\"}", WIRE_BODY_SHAPE},
    {"{\"model\":null,\"messages\":[]}", WIRE_BODY_SHAPE},
    {"[]", WIRE_BODY_SHAPE},
};

static const struct golden_forgery forgeries[] = {
    {"plain.sse", "\"stop\"", FORGED_DONE},
};

static const struct golden_set set = {WIRE_CHAT, "chat",
    ALL_OF(jsons), ALL_OF(usages), ALL_OF(requests),
    ALL_OF(streams), "[DONE]", ALL_OF(forgeries)};

static void
test_last_usage_counts(void **state)
{
	static const char text[] =
	    "data: {\"usage\":{\"total_tokens\":1},\"choices\":[]}\n\n"
	    "data: {\"usage\":{\"total_tokens\":2},\"choices\":[]}\n\n"
	    "data: {\"usage\":null,\"choices\":[]}\n\n"
	    "data: {\"choices\":[]}\n\n";
	json_t *usage = NULL;

	(void)state;
	golden_judge_stream(WIRE_CHAT, text, sizeof(text) - 1, &golden_strict,
	    &usage);
	assert_int_equal(wire_usage_tokens(usage).total, 2);
	json_decref(usage);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    GOLDEN_TESTS_STREAMS(&set),
	    GOLDEN_TEST(golden_test_no_part_of_a_stream_is_stored, &set),
	    cmocka_unit_test(test_last_usage_counts),
	};

	return cmocka_run_group_tests_name("wire chat", tests, NULL, NULL);
}
