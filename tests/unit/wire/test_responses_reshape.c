/*
 * Responses as stream and as JSON: what is made of a golden answer says
 * the same.
 */
#include "responses_client.h"

static const char *const twins[] = {"plain", "reasoning", "reasoning-text",
    "refusal", "tools", "custom", "search", "parts", "nul-in-text",
    "no-usage"};

/* Answers that there is no stream of. */
static const char *const lone_jsons[] = {"call-by-type.json",
    "approval.json", "few-members.json", "failed-call.json"};

/* Streams that say what plain.json says. */
static const char *const plain_streams[] = {"unnamed.sse", "done.sse",
    "comment-after-end.sse", "comment-after-done.sse", "crlf.sse", "cr.sse",
    "bom.sse", "no-space.sse", "fields.sse", "several-lines.sse",
    "keepalive.sse", "keepalive-events.sse", "no-sequence.sse",
    "error-null.sse", "empty-output.sse", "item-status.sse"};

/* ---- JSON to stream to JSON --------------------------------------------- */

static void
test_golden_round_trips(void **state)
{
	json_t *answer;
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(twins) + N_OF(lone_jsons); i++) {
		answer = i < N_OF(twins) ? twin_of(twins[i]) :
		    fixture_json("responses", lone_jsons[i - N_OF(twins)]);
		check_round_trip(answer,
		    i < N_OF(twins) ? twins[i] : lone_jsons[i - N_OF(twins)]);
		json_decref(answer);
	}
}

/* The types of a made stream, deltas once each, in their order. */
static void
expect_types(const char *name, const char *const *want)
{
	json_t *answer = fixture_json("responses", name);
	json_t *payloads = stream_of(answer, name);
	const char *type, *before = "";
	size_t i;

	for (i = 0; i < json_array_size(payloads); i++) {
		type = string_in(json_array_get(payloads, i), "type");
		if (ends_in(type, ".delta") && strcmp(type, before) == 0)
			continue;
		assert_non_null(*want);
		assert_string_equal(type, *want++);
		before = type;
	}
	assert_null(*want);
	json_decref(payloads);
	json_decref(answer);
}

static void
test_order_of_events(void **state)
{
	static const char *const reasoning[] = {"response.created",
	    "response.in_progress", "response.output_item.added",
	    "response.reasoning_summary_part.added",
	    "response.reasoning_summary_text.delta",
	    "response.reasoning_summary_text.done",
	    "response.reasoning_summary_part.done",
	    "response.reasoning_summary_part.added",
	    "response.reasoning_summary_text.delta",
	    "response.reasoning_summary_text.done",
	    "response.reasoning_summary_part.done",
	    "response.output_item.done", "response.output_item.added",
	    "response.content_part.added", "response.output_text.delta",
	    "response.output_text.done", "response.content_part.done",
	    "response.output_item.done", "response.completed", NULL};
	static const char *const search[] = {"response.created",
	    "response.in_progress", "response.output_item.added",
	    "response.output_item.done", "response.output_item.added",
	    "response.content_part.added", "response.output_text.delta",
	    "response.output_text.annotation.added",
	    "response.output_text.annotation.added",
	    "response.output_text.done", "response.content_part.done",
	    "response.content_part.added", "response.output_text.delta",
	    "response.output_text.done", "response.content_part.done",
	    "response.output_item.done", "response.completed", NULL};
	static const char *const custom[] = {"response.created",
	    "response.in_progress", "response.output_item.added",
	    "response.custom_tool_call_input.delta",
	    "response.custom_tool_call_input.done",
	    "response.output_item.done", "response.completed", NULL};
	static const char *const parts[] = {"response.created",
	    "response.in_progress", "response.output_item.added",
	    "response.content_part.added", "response.output_text.done",
	    "response.content_part.done", "response.content_part.added",
	    "response.output_text.delta", "response.output_text.done",
	    "response.content_part.done", "response.content_part.added",
	    "response.refusal.delta", "response.refusal.done",
	    "response.content_part.done", "response.output_item.done",
	    "response.completed", NULL};

	(void)state;
	expect_types("reasoning.json", reasoning);
	expect_types("search.json", search);
	expect_types("custom.json", custom);
	expect_types("parts.json", parts);
}

/* Members that clients read, event by event. */
static void
test_text_events(void **state)
{
	json_t *answer = fixture_json("responses", "few-members.json");
	struct buf out;

	(void)state;
	buf_init(&out, OUT_MAX);
	assert_int_equal(row()->to_stream(&out, answer, true), 0);
	assert_non_null(strstr(out.data, "event: response.created\ndata: "
	    "{\"type\":\"response.created\",\"sequence_number\":0,"
	    "\"response\":{\"id\":\"resp_7\",\"object\":\"response\","
	    "\"created_at\":1767225600,\"status\":\"in_progress\","
	    "\"model\":\"example-1\",\"output\":[]}}\n\n"));
	assert_non_null(strstr(out.data, "event: response.output_item.added\n"
	    "data: {\"type\":\"response.output_item.added\","
	    "\"sequence_number\":2,\"output_index\":0,\"item\":{\"id\":"
	    "\"msg_0\",\"type\":\"message\",\"status\":\"in_progress\","
	    "\"content\":[],\"role\":\"assistant\"}}\n\n"));
	assert_non_null(strstr(out.data, "event: response.output_text.delta\n"
	    "data: {\"type\":\"response.output_text.delta\","
	    "\"sequence_number\":4,\"item_id\":\"msg_0\",\"output_index\":0,"
	    "\"content_index\":0,\"delta\":\"few\",\"logprobs\":[]}\n\n"));
	assert_non_null(strstr(out.data, "event: response.output_text.done\n"
	    "data: {\"type\":\"response.output_text.done\","
	    "\"sequence_number\":5,\"item_id\":\"msg_0\",\"output_index\":0,"
	    "\"content_index\":0,\"text\":\"few\",\"logprobs\":[]}\n\n"));
	assert_null(strstr(out.data, "[DONE]"));
	buf_fini(&out);
	json_decref(answer);
}

/* Each token's probability comes with its piece, where tokens are pieces. */
static void
test_logprobs(void **state)
{
	json_t *answer = fixture_json("responses", "search.json");
	json_t *payloads, *event, *want;
	size_t i, k = 0;

	(void)state;
	payloads = stream_of(answer, "search.json");
	want = json_object_get(json_array_get(json_object_get(json_array_get(
	    json_object_get(answer, "output"), 1), "content"), 0), "logprobs");
	assert_int_equal(json_array_size(want), 4);
	for (i = 0; i < json_array_size(payloads); i++) {
		event = json_array_get(payloads, i);
		if (!ends_in(string_in(event, "type"), "output_text.delta") ||
		    json_integer_value(
		    json_object_get(event, "content_index")) != 0)
			continue;
		assert_true(json_equal(json_array_get(
		    json_object_get(event, "logprobs"), 0),
		    json_array_get(want, k++)));
	}
	assert_int_equal(k, 4);
	json_decref(payloads);
	json_decref(answer);
}

/* ---- stream to JSON to stream -------------------------------------------- */

static void
test_golden_streams(void **state)
{
	json_t *want, *got;
	char name[64];
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(twins); i++) {
		snprintf(name, sizeof(name), "%s.sse", twins[i]);
		if (strcmp(twins[i], "no-usage") == 0)
			continue;
		want = twin_of(twins[i]);
		got = answer_of_file(name);
		if (got == NULL || !json_equal(got, want))
			fail_msg("%s does not say its JSON answer", name);
		json_decref(want);
		json_decref(got);
	}
	want = fixture_json("responses", "plain.json");
	for (i = 0; i < N_OF(plain_streams); i++) {
		got = answer_of_file(plain_streams[i]);
		if (got == NULL || strcmp(string_in(got, "id"), "resp_7") != 0)
			fail_msg("%s says no answer", plain_streams[i]);
		assert_true(json_equal(got, want));
		json_decref(got);
	}
	json_decref(want);
}

/* Members in the order in which they came, the rebuilt output in its place. */
static void
test_order_is_kept(void **state)
{
	static const char *const names[] = {"plain.sse", "empty-output.sse"};
	size_t i, len;
	json_t *answer = fixture_json("responses", "plain.json");
	char *want = json_dumps(answer, JSON_COMPACT), *bytes;
	json_t *payloads;
	struct buf out;

	(void)state;
	for (i = 0; i < N_OF(names); i++) {
		bytes = fixture_read("responses", names[i], &len);
		payloads = wire_payloads(bytes, len);
		buf_init(&out, OUT_MAX);
		assert_int_equal(row()->to_json(&out, payloads, NULL), 0);
		assert_string_equal(out.data, want);
		buf_fini(&out);
		json_decref(payloads);
		free(bytes);
	}
	free(want);
	json_decref(answer);
}

static void
test_items_for_no_output(void **state)
{
	json_t *answer = answer_of_file("no-output.sse");
	json_t *want = fixture_json("responses", "tools.json");

	(void)state;
	assert_non_null(answer);
	assert_true(json_equal(json_object_get(answer, "output"),
	    json_object_get(want, "output")));
	json_decref(answer);
	json_decref(want);
}

/* Usage is in the stream itself: what is known beside it does not matter. */
static void
test_usage_beside(void **state)
{
	json_t *want = fixture_json("responses", "no-usage.json");
	json_t *payloads = stream_of(want, "no-usage.json"), *got;
	json_t *usage = json_pack("{s:i}", "input_tokens", 1);
	struct buf out;

	(void)state;
	buf_init(&out, OUT_MAX);
	assert_int_equal(row()->to_json(&out, payloads, usage), 0);
	got = json_loadb(out.data, out.len, 0, NULL);
	assert_true(json_equal(got, want));
	json_decref(got);
	json_decref(usage);
	json_decref(payloads);
	json_decref(want);
	buf_fini(&out);
}

static void
test_there_and_back(void **state)
{
	json_t *first, *payloads, *second;
	char name[64];
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(twins); i++) {
		snprintf(name, sizeof(name), "%s.sse", twins[i]);
		first = answer_of_file(name);
		assert_non_null(first);
		payloads = stream_of(first, name);
		check_accumulated(payloads, first);
		second = answer_of(payloads, name);
		assert_true(json_equal(first, second));
		json_decref(first);
		json_decref(payloads);
		json_decref(second);
	}
}

/* ---- whose it is --------------------------------------------------------- */

static void
test_shapes(void **state)
{
	static const struct owned_case cases[] = {
	    {"{\"object\":\"response\"}", true, false},
	    {"{\"object\":\"chat.completion\"}", false, false},
	    {"{\"object\":\"response.compaction\"}", false, false},
	    {"{\"type\":\"response.created\"}", false, true},
	    {"{\"type\":\"response\"}", false, false},
	    {"{\"type\":\"message_start\"}", false, false},
	    {"{\"type\":5,\"object\":null}", false, false},
	    {"[]", false, false}};

	(void)state;
	check_owned(WIRE_RESPONSES, cases, N_OF(cases));
}

/* The stored body's own shape decides, not what was asked for. */
static void
test_answer_to_another_question(void **state)
{
	const struct wire_format *chat = wire_format_get(WIRE_CHAT);
	size_t len;
	char *bytes = fixture_read("responses", "plain.json", &len);
	struct buf stream, json;

	(void)state;
	if (chat->owns_json == NULL)
		skip();
	buf_init(&stream, OUT_MAX);
	buf_init(&json, OUT_MAX);
	assert_int_equal(
	    wire_reshape_to_stream(&stream, bytes, len, chat, false), 0);
	assert_int_equal(strncmp(stream.data, "event: response.created\n", 24),
	    0);
	assert_int_equal(wire_reshape_to_json(&json, stream.data, stream.len,
	    chat, NULL), 0);
	assert_non_null(strstr(json.data, "\"object\":\"response\""));
	buf_fini(&json);
	buf_fini(&stream);
	free(bytes);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_golden_round_trips),
	    cmocka_unit_test(test_order_of_events),
	    cmocka_unit_test(test_text_events),
	    cmocka_unit_test(test_logprobs),
	    cmocka_unit_test(test_golden_streams),
	    cmocka_unit_test(test_order_is_kept),
	    cmocka_unit_test(test_items_for_no_output),
	    cmocka_unit_test(test_usage_beside),
	    cmocka_unit_test(test_there_and_back),
	    cmocka_unit_test(test_shapes),
	    cmocka_unit_test(test_answer_to_another_question),
	};

	return cmocka_run_group_tests_name("wire responses, reshaped", tests,
	    NULL, NULL);
}
