/*
 * Messages reshaped: what a stored answer says in the one mode it says in
 * the other, to the byte, or it is refused.
 */
#include "messages_reshaping.h"

/* The pieces of one member of a stream's deltas, put together. */
static struct buf
pieces_of(const json_t *payloads, const char *type, const char *member)
{
	const json_t *payload, *piece;
	struct buf all;
	size_t i;

	buf_init(&all, OUT_MAX);
	json_array_foreach((json_t *)(uintptr_t)payloads, i, payload) {
		if (!is_delta(payload, type))
			continue;
		piece = json_object_get(json_object_get(payload, "delta"),
		    member);
		buf_append(&all, json_string_value(piece),
		    json_string_length(piece));
	}
	return all;
}

/* ---- the golden answers ------------------------------------------------- */

static void
test_golden_jsons_come_back(void **state)
{
	static const char *const names[] = {"plain", "white-space", "tools",
	    "tools-stop", "length", "window", "stop-sequence", "pause-turn",
	    "unknown-reason", "thinking", "thinking-omitted",
	    "thinking-unsigned", "search", "container", "no-stop-sequence",
	    "one-block-empty", "unknown-block", "error-null", "nul-in-text"};
	char name[64];
	json_t *answer;
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(names); i++) {
		snprintf(name, sizeof(name), "%s.json", names[i]);
		answer = fixture_json("messages", name);
		assert_true(messages()->owns_json(answer));
		expect_round_trip(name, answer);
		json_decref(answer);
	}
}

static void
expect_same_pieces(const char *name, const json_t *a, const json_t *b,
    const char *type, const char *member)
{
	struct buf one = pieces_of(a, type, member);
	struct buf two = pieces_of(b, type, member);

	if (one.len != two.len ||
	    (one.len > 0 && memcmp(one.data, two.data, one.len) != 0))
		fail_msg("the %ss of %s differ", type, name);
	buf_fini(&one);
	buf_fini(&two);
}

/* Stream to JSON to stream: it says the same. */
static void
expect_stream_comes_back(const char *name)
{
	size_t len;
	char *bytes = fixture_read("messages", name, &len);
	json_t *payloads = wire_payloads(bytes, len), *again, *answer;
	struct buf stream;

	assert_non_null(payloads);
	assert_true(messages()->owns_payload(json_array_get(payloads, 0)));
	answer = json_of_payloads(payloads);
	if (answer == NULL)
		fail_msg("%s is refused", name);
	golden_expect(name, golden_judge_value(WIRE_MESSAGES, answer,
	    &golden_lax, NULL), WIRE_STORABLE);
	expect_round_trip(name, answer);
	stream = stream_of(answer);
	again = wire_payloads(stream.data, stream.len);
	expect_same_pieces(name, payloads, again, "text_delta", "text");
	expect_same_pieces(name, payloads, again, "thinking_delta",
	    "thinking");
	expect_same_pieces(name, payloads, again, "signature_delta",
	    "signature");
	json_decref(again);
	json_decref(answer);
	json_decref(payloads);
	buf_fini(&stream);
	free(bytes);
}

static void
test_golden_streams_come_back(void **state)
{
	static const char *const names[] = {"plain", "crlf", "cr", "bom",
	    "no-space", "no-event-lines", "comment-after-stop",
	    "done-after-stop", "several-lines", "tools", "tools-stop",
	    "length", "window", "stop-sequence", "pause-turn",
	    "unknown-reason", "thinking", "search", "container",
	    "two-message-deltas", "stop-in-text", "nul-in-text", "error-null"};
	char name[64];
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(names); i++) {
		snprintf(name, sizeof(name), "%s.sse", names[i]);
		expect_stream_comes_back(name);
	}
}

/* ---- what a client sees ------------------------------------------------- */

static void
test_stream_is_as_documented(void **state)
{
	static const char want[] =
	    "event: message_start\n"
	    "data: {\"type\":\"message_start\",\"message\":{\"id\":\"msg_1\","
	    "\"type\":\"message\",\"role\":\"assistant\",\"model\":\"m\","
	    "\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,"
	    "\"usage\":{\"input_tokens\":9,\"output_tokens\":0},\"x\":1}}\n\n"
	    "event: content_block_start\n"
	    "data: {\"type\":\"content_block_start\",\"index\":0,"
	    "\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n"
	    "event: content_block_delta\n"
	    "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
	    "{\"type\":\"text_delta\",\"text\":\"Let\"}}\n\n"
	    "event: content_block_delta\n"
	    "data: {\"type\":\"content_block_delta\",\"index\":0,\"delta\":"
	    "{\"type\":\"text_delta\",\"text\":\" me.\"}}\n\n"
	    "event: content_block_stop\n"
	    "data: {\"type\":\"content_block_stop\",\"index\":0}\n\n"
	    "event: content_block_start\n"
	    "data: {\"type\":\"content_block_start\",\"index\":1,"
	    "\"content_block\":{\"type\":\"tool_use\",\"id\":\"t\","
	    "\"name\":\"f\",\"input\":{}}}\n\n"
	    "event: content_block_delta\n"
	    "data: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":"
	    "{\"type\":\"input_json_delta\",\"partial_json\":\"\"}}\n\n"
	    "event: content_block_delta\n"
	    "data: {\"type\":\"content_block_delta\",\"index\":1,\"delta\":"
	    "{\"type\":\"input_json_delta\",\"partial_json\":"
	    "\"{\\\"b\\\":1}\"}}\n\n"
	    "event: content_block_stop\n"
	    "data: {\"type\":\"content_block_stop\",\"index\":1}\n\n"
	    "event: message_delta\n"
	    "data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
	    "\"tool_use\",\"stop_sequence\":null},\"usage\":"
	    "{\"input_tokens\":9,\"output_tokens\":4}}\n\n"
	    "event: message_stop\n"
	    "data: {\"type\":\"message_stop\"}\n\n";
	json_t *answer = json_of("{\"id\":\"msg_1\",\"type\":\"message\","
	    "\"role\":\"assistant\",\"model\":\"m\",\"content\":["
	    "{\"type\":\"text\",\"text\":\"Let me.\"},{\"type\":\"tool_use\","
	    "\"id\":\"t\",\"name\":\"f\",\"input\":{\"b\":1}}],"
	    "\"stop_reason\":\"tool_use\",\"stop_sequence\":null,\"usage\":"
	    "{\"input_tokens\":9,\"output_tokens\":4},\"x\":1}");
	struct buf stream = stream_of(answer);

	(void)state;
	assert_string_equal(stream.data, want);
	buf_fini(&stream);
	json_decref(answer);
}

/* What clients take from the end of a stream is told there. */
static void
test_stream_tells_at_its_end(void **state)
{
	static const char end[] =
	    "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"
	    "\"end_turn\",\"container\":{\"id\":\"c\"}},\"usage\":{},"
	    "\"context_management\":{\"applied_edits\":[]}}\n\n";
	json_t *answer = json_of("{\"type\":\"message\",\"role\":\"assistant\","
	    "\"content\":[{\"type\":\"mcp_tool_use\",\"input\":{\"a\":1}}],"
	    "\"context_management\":{\"applied_edits\":[]},"
	    "\"container\":{\"id\":\"c\"},\"stop_reason\":\"end_turn\","
	    "\"usage\":{}}");
	struct buf stream = stream_of(answer);
	struct buf input;
	json_t *payloads = wire_payloads(stream.data, stream.len);
	const json_t *start = json_object_get(json_array_get(payloads, 0),
	    "message");

	(void)state;
	assert_non_null(strstr(stream.data, end));
	assert_true(json_is_null(json_object_get(start, "container")));
	assert_true(json_is_null(json_object_get(start,
	    "context_management")));
	input = pieces_of(payloads, "input_json_delta", "partial_json");
	assert_string_equal(input.data, "{\"a\":1}");
	expect_round_trip("the end", answer);
	buf_fini(&input);
	buf_fini(&stream);
	json_decref(payloads);
	json_decref(answer);
}

static void
test_json_is_as_documented(void **state)
{
	static const char want[] = "{\"id\":\"msg_01\",\"type\":\"message\","
	    "\"role\":\"assistant\",\"model\":\"example-1\",\"content\":["
	    "{\"type\":\"text\",\"text\":\"Let me look.\"},"
	    "{\"type\":\"tool_use\",\"id\":\"toolu_01\",\"name\":\"weather\","
	    "\"input\":{\"city\":\"Zürich\",\"days\":[1,2.5]}},"
	    "{\"type\":\"tool_use\",\"id\":\"toolu_02\",\"name\":\"now\","
	    "\"input\":{}}],\"stop_reason\":\"tool_use\","
	    "\"stop_sequence\":null,\"usage\":{\"input_tokens\":9,"
	    "\"cache_creation_input_tokens\":0,\"cache_read_input_tokens\":0,"
	    "\"cache_creation\":{\"ephemeral_5m_input_tokens\":0,"
	    "\"ephemeral_1h_input_tokens\":0},\"output_tokens\":44,"
	    "\"service_tier\":\"standard\"}}";
	size_t len;
	char *bytes = fixture_read("messages", "tools.sse", &len);
	struct buf out;

	(void)state;
	buf_init(&out, OUT_MAX);
	assert_int_equal(
	    wire_reshape_to_json(&out, bytes, len, messages(), NULL), 0);
	assert_string_equal(out.data, want);
	buf_fini(&out);
	free(bytes);
}

/* Words, with the white space before them, that make up the text. */
static void
test_pieces_are_words(void **state)
{
	static const char *const words[] = {"  Grüße,", "\n\n\tWörld", " 👋🏽",
	    " —", " \r\n  ok", "  "};
	json_t *answer = fixture_json("messages", "white-space.json");
	json_t *payloads, *payload;
	struct buf stream = stream_of(answer);
	size_t i, n = 0;

	(void)state;
	payloads = wire_payloads(stream.data, stream.len);
	json_array_foreach(payloads, i, payload) {
		if (!is_delta(payload, "text_delta") || n >= N_OF(words))
			continue;
		assert_string_equal(text_at(json_object_get(payload, "delta"),
		    "text"), words[n++]);
	}
	assert_int_equal(n, N_OF(words));
	json_decref(payloads);
	json_decref(answer);
	buf_fini(&stream);
}

/* Where a stream has no usage at all, what is known beside it is told. */
static void
test_usage_beside_the_stream(void **state)
{
	size_t len;
	char *bytes = fixture_read("messages", "no-usage.sse", &len);
	json_t *usage = json_of("{\"input_tokens\":1,\"output_tokens\":2}");
	json_t *payloads = wire_payloads(bytes, len), *answer;
	struct buf out;

	(void)state;
	answer = json_of_payloads(payloads);
	assert_null(json_object_get(answer, "usage"));
	json_decref(answer);
	buf_init(&out, OUT_MAX);
	assert_int_equal(messages()->to_json(&out, payloads, usage), 0);
	answer = json_loadb(out.data, out.len, JSON_ALLOW_NUL, NULL);
	assert_non_null(answer);
	assert_true(json_equal(json_object_get(answer, "usage"), usage));
	json_decref(answer);
	json_decref(payloads);
	json_decref(usage);
	buf_fini(&out);
	free(bytes);
}

static void
test_shapes(void **state)
{
	static const struct owned_case others[] = {
	    {"{\"object\":\"chat.completion\"}", false, false},
	    {"{\"type\":\"message\"}", false, false},
	    {"{\"type\":\"message\",\"content\":\"x\"}", false, false},
	    {"{\"type\":\"message\",\"content\":[],\"object\":\"response\"}",
	     false, false},
	    {"{\"type\":\"error\",\"content\":[]}", false, false},
	    {"[]", false, false},
	    {"{\"type\":\"message_start\"}", false, false},
	    {"{\"type\":\"ping\"}", false, false},
	    {"{\"type\":\"response.created\",\"message\":{}}", false, false},
	};

	(void)state;
	check_owned(WIRE_MESSAGES, others, N_OF(others));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_golden_jsons_come_back),
	    cmocka_unit_test(test_golden_streams_come_back),
	    cmocka_unit_test(test_stream_is_as_documented),
	    cmocka_unit_test(test_stream_tells_at_its_end),
	    cmocka_unit_test(test_json_is_as_documented),
	    cmocka_unit_test(test_pieces_are_words),
	    cmocka_unit_test(test_usage_beside_the_stream),
	    cmocka_unit_test(test_shapes),
	};

	return cmocka_run_group_tests_name("wire messages reshape", tests,
	    NULL, NULL);
}
