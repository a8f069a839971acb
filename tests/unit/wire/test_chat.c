/*
 * Chat completions: every golden answer of tests/fixtures/chat gets its
 * verdict, and no beginning of a good one passes for the whole.
 */
#include "golden_choices.h"

static const struct golden streams[] = {
    CHOICES_STREAMS,
    {"tools.sse", WIRE_STORABLE, WIRE_TOOL_CALLS},
    {"function-call.sse", WIRE_STORABLE, WIRE_TOOL_CALLS},
    GOOD("reasoning.sse"),
    GOOD("reasoning-content.sse"),
    GOOD("refusal.sse"),
    GOOD("audio.sse"),
    GOOD("parts.sse"),
    GOOD("azure.sse"),
    GOOD("azure-plain.sse"),
    GOOD("mistral.sse"),
    GOOD("together.sse"),
    GOOD("openai.sse"),
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
    BAD("bad-number.sse", WIRE_BAD_JSON),
};

static const struct golden jsons[] = {
    CHOICES_JSONS,
    {"tools.json", WIRE_STORABLE, WIRE_TOOL_CALLS},
    {"tools-stop.json", WIRE_STORABLE, WIRE_TOOL_CALLS},
    {"function-call.json", WIRE_STORABLE, WIRE_TOOL_CALLS},
    GOOD("reasoning.json"),
    GOOD("reasoning-content.json"),
    GOOD("refusal.json"),
    GOOD("audio.json"),
    GOOD("parts.json"),
    GOOD("openai.json"),
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
    BAD("bad-no-message.json", WIRE_EMPTY),
    BAD("bad-message-text.json", WIRE_BAD_JSON),
};

static const struct golden_usage usages[] = {
    CHOICES_USAGES,
    {"groq.sse", 13},
    {"together.sse", 13},
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

static const struct golden_set set = {WIRE_CHAT, "chat",
    ALL_OF(jsons), ALL_OF(usages), ALL_OF(requests),
    ALL_OF(streams), "[DONE]", ALL_OF(choices_forgeries)};

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
