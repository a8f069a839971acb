/*
 * Anthropic's messages: every golden answer of tests/fixtures/messages
 * gets its verdict, no beginning of a good one passes for the whole, and
 * errors have Anthropic's shape.
 */
#include "golden.h"

static const struct golden streams[] = {
    GOOD("bom.sse"),
    GOOD("comment-after-stop.sse"),
    GOOD("container.sse"),
    GOOD("cr.sse"),
    GOOD("crlf.sse"),
    GOOD("done-after-stop.sse"),
    GOOD("error-null.sse"),
    {"interleaved.sse", WIRE_STORABLE, WIRE_TOOL_CALLS},
    GOOD("keepalive.sse"),
    {"length.sse", WIRE_STORABLE, WIRE_LENGTH},
    GOOD("no-event-lines.sse"),
    GOOD("no-space.sse"),
    GOOD("no-usage.sse"),
    GOOD("nul-in-text.sse"),
    GOOD("pause-turn.sse"),
    GOOD("plain.sse"),
    {"search.sse", WIRE_STORABLE, WIRE_TOOL_CALLS},
    GOOD("several-lines.sse"),
    GOOD("stop-in-text.sse"),
    GOOD("stop-sequence.sse"),
    GOOD("thinking.sse"),
    {"tools-stop.sse", WIRE_STORABLE, WIRE_TOOL_CALLS},
    {"tools.sse", WIRE_STORABLE, WIRE_TOOL_CALLS},
    GOOD("two-message-deltas.sse"),
    GOOD("unknown-event.sse"),
    GOOD("unknown-reason.sse"),
    {"window.sse", WIRE_STORABLE, WIRE_LENGTH},
    BAD("bad-array.sse", WIRE_BAD_JSON),
    BAD("bad-block-after-finish.sse", WIRE_BAD_JSON),
    BAD("bad-block-open.sse", WIRE_NO_FINISH),
    BAD("bad-chat.sse", WIRE_BAD_JSON),
    BAD("bad-delta-stopped.sse", WIRE_BAD_JSON),
    BAD("bad-delta-unopened.sse", WIRE_BAD_JSON),
    BAD("bad-detail.sse", WIRE_ERROR_EVENT),
    BAD("bad-done-before-stop.sse", WIRE_AFTER_END),
    BAD("bad-done-only.sse", WIRE_NO_TERMINATOR),
    BAD("bad-empty-data.sse", WIRE_BAD_JSON),
    BAD("bad-empty-reason.sse", WIRE_NO_FINISH),
    BAD("bad-empty-text.sse", WIRE_EMPTY),
    BAD("bad-empty-thinking.sse", WIRE_EMPTY),
    BAD("bad-empty.sse", WIRE_EMPTY),
    BAD("bad-error-after-finish.sse", WIRE_ERROR_EVENT),
    BAD("bad-error-bare.sse", WIRE_ERROR_EVENT),
    BAD("bad-error-first.sse", WIRE_ERROR_EVENT),
    BAD("bad-error-in-message.sse", WIRE_ERROR_EVENT),
    BAD("bad-error-member.sse", WIRE_ERROR_EVENT),
    BAD("bad-error-named.sse", WIRE_ERROR_EVENT),
    BAD("bad-error-then-stop.sse", WIRE_ERROR_EVENT),
    BAD("bad-error-unnamed.sse", WIRE_ERROR_EVENT),
    BAD("bad-error.sse", WIRE_ERROR_EVENT),
    BAD("bad-event-after-stop.sse", WIRE_AFTER_END),
    BAD("bad-finish-error.sse", WIRE_ERROR_EVENT),
    BAD("bad-index-huge.sse", WIRE_BAD_JSON),
    BAD("bad-index-negative.sse", WIRE_BAD_JSON),
    BAD("bad-index-text.sse", WIRE_BAD_JSON),
    BAD("bad-late-start.sse", WIRE_BAD_JSON),
    BAD("bad-no-block.sse", WIRE_BAD_JSON),
    BAD("bad-no-delta.sse", WIRE_BAD_JSON),
    BAD("bad-no-index.sse", WIRE_BAD_JSON),
    BAD("bad-no-message-delta-delta.sse", WIRE_BAD_JSON),
    BAD("bad-no-message-delta.sse", WIRE_NO_FINISH),
    BAD("bad-no-message.sse", WIRE_BAD_JSON),
    BAD("bad-no-start.sse", WIRE_BAD_JSON),
    BAD("bad-no-stop.sse", WIRE_NO_TERMINATOR),
    BAD("bad-no-type.sse", WIRE_BAD_JSON),
    BAD("bad-not-json.sse", WIRE_BAD_JSON),
    BAD("bad-nothing.sse", WIRE_NO_TERMINATOR),
    BAD("bad-null-reason.sse", WIRE_NO_FINISH),
    BAD("bad-number-reason.sse", WIRE_BAD_JSON),
    BAD("bad-ping-after-stop.sse", WIRE_AFTER_END),
    BAD("bad-pings-only.sse", WIRE_NO_TERMINATOR),
    BAD("bad-refusal-empty.sse", WIRE_FILTERED),
    BAD("bad-refusal.sse", WIRE_FILTERED),
    BAD("bad-second-block-open.sse", WIRE_NO_FINISH),
    BAD("bad-started-twice.sse", WIRE_BAD_JSON),
    BAD("bad-started-while-open.sse", WIRE_BAD_JSON),
    BAD("bad-stop-cut.sse", WIRE_BAD_JSON),
    BAD("bad-stop-unended.sse", WIRE_NO_TERMINATOR),
    BAD("bad-stop-unopened.sse", WIRE_BAD_JSON),
    BAD("bad-stopped-twice.sse", WIRE_BAD_JSON),
    BAD("bad-text-number.sse", WIRE_BAD_JSON),
    BAD("bad-two-dones.sse", WIRE_AFTER_END),
    BAD("bad-two-starts.sse", WIRE_BAD_JSON),
    BAD("bad-two-stops.sse", WIRE_AFTER_END),
};

static const struct golden jsons[] = {
    GOOD("container.json"),
    GOOD("error-null.json"),
    {"length.json", WIRE_STORABLE, WIRE_LENGTH},
    GOOD("no-stop-sequence.json"),
    GOOD("no-usage.json"),
    GOOD("nul-in-text.json"),
    GOOD("one-block-empty.json"),
    GOOD("pause-turn.json"),
    GOOD("plain.json"),
    {"search.json", WIRE_STORABLE, WIRE_TOOL_CALLS},
    GOOD("stop-sequence.json"),
    GOOD("thinking-omitted.json"),
    GOOD("thinking-unsigned.json"),
    GOOD("thinking.json"),
    {"tools-stop.json", WIRE_STORABLE, WIRE_TOOL_CALLS},
    {"tools.json", WIRE_STORABLE, WIRE_TOOL_CALLS},
    GOOD("unknown-block.json"),
    GOOD("unknown-reason.json"),
    GOOD("white-space.json"),
    {"window.json", WIRE_STORABLE, WIRE_LENGTH},
    BAD("bad-array.json", WIRE_BAD_JSON),
    BAD("bad-block-no-type.json", WIRE_BAD_JSON),
    BAD("bad-block-text.json", WIRE_BAD_JSON),
    BAD("bad-content-text.json", WIRE_BAD_JSON),
    BAD("bad-detail.json", WIRE_ERROR_ANSWER),
    BAD("bad-empty-object.json", WIRE_BAD_JSON),
    BAD("bad-empty-text.json", WIRE_EMPTY),
    BAD("bad-empty.json", WIRE_EMPTY),
    BAD("bad-error-bare.json", WIRE_ERROR_ANSWER),
    BAD("bad-error-type-only.json", WIRE_ERROR_ANSWER),
    BAD("bad-error-with-content.json", WIRE_ERROR_ANSWER),
    BAD("bad-error.json", WIRE_ERROR_ANSWER),
    BAD("bad-finish-error.json", WIRE_ERROR_ANSWER),
    BAD("bad-no-content.json", WIRE_EMPTY),
    BAD("bad-no-reason.json", WIRE_NO_FINISH),
    BAD("bad-no-type.json", WIRE_BAD_JSON),
    BAD("bad-null-content.json", WIRE_EMPTY),
    BAD("bad-null-reason.json", WIRE_NO_FINISH),
    BAD("bad-number-reason.json", WIRE_BAD_JSON),
    BAD("bad-object-error.json", WIRE_ERROR_ANSWER),
    BAD("bad-refusal-empty.json", WIRE_FILTERED),
    BAD("bad-refusal.json", WIRE_FILTERED),
    BAD("bad-string.json", WIRE_BAD_JSON),
    BAD("bad-text-number.json", WIRE_BAD_JSON),
    BAD("bad-type.json", WIRE_BAD_JSON),
};

static const struct golden_usage usages[] = {
    {"plain.sse", 13},
    {"two-message-deltas.sse", 14},
    {"search.sse", 2099},
    {"no-usage.sse", 0},
    {"bad-refusal.sse", 13},
    {"bad-error.sse", 10},
    {"plain.json", 13},
    {"bad-refusal.json", 13},
    {"no-usage.json", 0},
    {"bad-array.json", 0},
};

static const struct golden_request requests[] = {
    {"{\"model\":\"m\",\"messages\":[]}", WIRE_STORABLE},
    {"{\"model\":\"m\",\"messages\":[{}],\"max_tokens\":1}", WIRE_STORABLE},
    {"{\"model\":\"m\"}", WIRE_BODY_SHAPE},
    {"{\"messages\":[]}", WIRE_BODY_SHAPE},
    {"{\"model\":1,\"messages\":[]}", WIRE_BODY_SHAPE},
    {"{\"model\":\"m\",\"messages\":\"hi\"}", WIRE_BODY_SHAPE},
    {"{\"model\":null,\"messages\":[]}", WIRE_BODY_SHAPE},
    {"[]", WIRE_BODY_SHAPE},
};

/* What it lacks is a stop_reason. */
#define FORGED_STOP                                                            \
	"\n\nevent: message_stop\n"                                             \
	"data: {\"type\":\"message_stop\"}\n\ndata: [DONE]\n\n"

static const struct golden_forgery forgeries[] = {
    {"search.sse", "\"end_turn\"", FORGED_STOP},
};

static const struct golden_set set = {WIRE_MESSAGES, "messages",
    ALL_OF(jsons), ALL_OF(usages), ALL_OF(requests),
    ALL_OF(streams), "{\"type\":\"message_stop\"}", ALL_OF(forgeries)};

/* What message_start said stays, but for what message_delta says anew. */
static void
test_stream_usage_is_whole(void **state)
{
	static const char want[] = "{\"input_tokens\":2039,"
	    "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,"
	    "\"cache_creation\":{\"ephemeral_5m_input_tokens\":0,"
	    "\"ephemeral_1h_input_tokens\":0},\"output_tokens\":60,"
	    "\"service_tier\":\"standard\","
	    "\"server_tool_use\":{\"web_search_requests\":1}}";
	json_t *expected = json_loads(want, 0, NULL), *usage = NULL;
	size_t len;
	char *bytes = fixture_read("messages", "search.sse", &len);

	(void)state;
	golden_judge_stream(WIRE_MESSAGES, bytes, len, &golden_lax, &usage);
	assert_true(json_equal(usage, expected));
	json_decref(expected);
	json_decref(usage);
	free(bytes);
}

static void
test_paths(void **state)
{
	const struct wire_format *messages = wire_format_get(WIRE_MESSAGES);
	const struct wire_format *other = wire_format_get(WIRE_OTHER);
	const struct wire_format *f;

	(void)state;
	assert_ptr_equal(wire_format_for_path("/v1/messages"), messages);
	f = wire_format_for_path("/v1/messages/count_tokens");
	assert_int_equal(f->id, WIRE_OTHER);
	assert_string_equal(f->name, other->name);
	assert_int_equal(f->judge_request(NULL), WIRE_NOT_A_FORMAT);
	assert_ptr_equal(f->error_body, messages->error_body);
	assert_ptr_equal(f->error_event, messages->error_event);
	assert_ptr_equal(wire_format_for_path("/v1/messages/batches/b/results")
	    ->error_body, messages->error_body);
	assert_ptr_equal(wire_format_for_path("/v1/messagesX"), other);
	assert_ptr_equal(wire_format_for_path("/v1/message"), other);
}

/* An error body has just these members. */
static void
expect_error(const char *text, size_t len, const char *type,
    const char *message)
{
	json_t *want = json_pack("{s:s, s:{s:s, s:s}}", "type", "error",
	    "error", "type", type, "message", message);
	json_t *got = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);

	assert_non_null(got);
	assert_true(json_equal(got, want));
	json_decref(got);
	json_decref(want);
}

static void
test_error_body(void **state)
{
	struct err err = {ERR_OVERLOADED, ""};
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	assert_int_equal(
	    wire_format_get(WIRE_MESSAGES)->error_body(&out, &err), 0);
	expect_error(out.data, out.len, "overloaded_error",
	    err_meaning(ERR_OVERLOADED));
	buf_reset(&out);
	err_clear(&err);
	err_set(&err, ERR_UPSTREAM_TIMEOUT, "no \"byte\" in 5 s\nafter all");
	assert_int_equal(
	    wire_format_get(WIRE_MESSAGES)->error_body(&out, &err), 0);
	expect_error(out.data, out.len, "api_error", err.text);
	buf_fini(&out);
}

static void
test_error_event(void **state)
{
	static const char want[] = "event: error\n"
	    "data: {\"type\":\"error\",\"error\":{\"type\":\"api_error\","
	    "\"message\":\"a \\\"cut\\\"\"}}\n\n";
	struct err err = {ERR_UPSTREAM_BROKEN, "a \"cut\""};
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	assert_int_equal(
	    wire_format_get(WIRE_MESSAGES)->error_event(&out, &err, 3), 0);
	assert_string_equal(out.data, want);
	assert_int_equal(golden_judge_stream(WIRE_MESSAGES, out.data, out.len,
	    &golden_lax, NULL), WIRE_ERROR_EVENT);
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    GOLDEN_TESTS_STREAMS(&set),
	    GOLDEN_TEST(golden_test_no_part_of_a_stream_is_stored, &set),
	    cmocka_unit_test(test_stream_usage_is_whole),
	    cmocka_unit_test(test_paths),
	    cmocka_unit_test(test_error_body),
	    cmocka_unit_test(test_error_event),
	};

	return cmocka_run_group_tests_name("wire messages", tests, NULL, NULL);
}
