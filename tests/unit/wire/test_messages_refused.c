/*
 * Messages that cannot be reshaped without loss: they are refused.
 */
#include "messages_reshaping.h"

/* A message of this content and usage. */
static json_t *
message_with(const char *content, const char *usage)
{
	return json_pack("{s:s, s:s, s:o, s:s, s:o}", "id", "msg_1", "type",
	    "message", "content", json_of(content), "stop_reason", "end_turn",
	    "usage", json_loads(usage, JSON_DECODE_ANY, NULL));
}

static void
test_answers_that_are_refused(void **state)
{
	static const char *const contents[] = {
	    "[{\"type\":\"text\"}]",
	    "[{\"type\":\"text\",\"text\":null}]",
	    "[{\"type\":\"thinking\",\"signature\":\"x\"}]",
	    "[{\"type\":\"tool_use\",\"id\":\"t\",\"name\":\"f\"}]",
	    "[{\"type\":\"tool_use\",\"input\":\"{}\"}]",
	    "[{\"type\":\"tool_use\",\"input\":[1]}]",
	    "[{\"type\":\"server_tool_use\",\"input\":null}]",
	    "[{\"type\":\"fallback\",\"to\":{\"model\":\"m\"}}]",
	    "[{\"text\":\"x\"}]", "[\"x\"]", "[null]"};
	static const char *const usages[] = {"null", "7", "[]"};
	static const char fine[] = "[{\"type\":\"text\",\"text\":\"x\"}]";
	json_t *answer;
	struct buf out;
	size_t i;

	(void)state;
	buf_init(&out, OUT_MAX);
	for (i = 0; i < N_OF(contents) + N_OF(usages); i++) {
		answer = i < N_OF(contents) ? message_with(contents[i], "{}") :
		    message_with(fine, usages[i - N_OF(contents)]);
		if (messages()->to_stream(&out, answer, true) == 0)
			fail_msg("case %u passes", (unsigned)i);
		json_decref(answer);
	}
	answer = message_with(fine, "{}");
	json_object_del(answer, "usage");
	assert_int_equal(messages()->to_stream(&out, answer, true), -1);
	json_object_set_new(answer, "usage", json_object());
	assert_int_equal(messages()->to_stream(&out, answer, true), 0);
	json_decref(answer);
	buf_fini(&out);
}

#define START "{\"type\":\"message_start\",\"message\":{\"type\":\"message\"," \
	      "\"content\":[],\"usage\":{\"output_tokens\":1}}}"
#define TEXT(i)                                                                \
	"{\"type\":\"content_block_start\",\"index\":" #i ","                  \
	"\"content_block\":{\"type\":\"text\",\"text\":\"\"}}"
#define CALL(i)                                                                \
	"{\"type\":\"content_block_start\",\"index\":" #i ","                  \
	"\"content_block\":{\"type\":\"tool_use\",\"input\":{}}}"
#define THINK(i)                                                               \
	"{\"type\":\"content_block_start\",\"index\":" #i ","                  \
	"\"content_block\":{\"type\":\"thinking\",\"thinking\":\"\"}}"
#define DELTA(i, type, member, value)                                          \
	"{\"type\":\"content_block_delta\",\"index\":" #i ","                  \
	"\"delta\":{\"type\":\"" type "\",\"" member "\":" value "}}"
#define HI DELTA(0, "text_delta", "text", "\"hi\"")
#define INPUT(text) DELTA(0, "input_json_delta", "partial_json", text)
#define SIGN DELTA(0, "signature_delta", "signature", "\"s\"")
#define STOP(i) "{\"type\":\"content_block_stop\",\"index\":" #i "}"
#define END                                                                    \
	"{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":"              \
	"\"end_turn\"},\"usage\":{\"output_tokens\":2}}"
#define OVER "{\"type\":\"message_stop\"}"
#define C ","
#define HELLO START C TEXT(0) C HI C STOP(0)

static void
expect_payloads(const char *payloads, bool passes)
{
	struct buf text;
	json_t *all, *answer;

	buf_init(&text, OUT_MAX);
	buf_printf(&text, "[%s]", payloads);
	all = json_of(text.data);
	answer = json_of_payloads(all);
	if ((answer != NULL) != passes)
		fail_msg("%s: %s", passes ? "refused" : "passes", payloads);
	json_decref(answer);
	json_decref(all);
	buf_fini(&text);
}

static void
test_streams_that_pass(void **state)
{
	static const char *const cases[] = {
	    HELLO C END C OVER,
	    START C TEXT(0) C STOP(0) C END C OVER,
	    START C CALL(0) C STOP(0) C END C OVER,
	    START C CALL(0) C INPUT("\"\"") C STOP(0) C END C OVER,
	    START C CALL(0) C INPUT("\"{}\"") C STOP(0) C END C OVER,
	    START C THINK(0) C SIGN C STOP(0) C END C OVER,
	    HELLO C END C END C OVER,
	    HELLO C "{\"type\":\"ping\"}" C END C OVER};
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(cases); i++)
		expect_payloads(cases[i], true);
}

/* Events that contradict each other, and those that are not known. */
static void
test_streams_that_are_refused(void **state)
{
	static const char *const cases[] = {
	    HELLO, HELLO C END, "", OVER, START C START C END C OVER,
	    TEXT(0) C START C HI C STOP(0) C END C OVER,
	    START C HI C END C OVER,
	    START C TEXT(1) C STOP(1) C END C OVER,
	    START C TEXT(0) C TEXT(1) C STOP(1) C STOP(0) C END C OVER,
	    START C TEXT(0) C HI C STOP(1) C STOP(0) C END C OVER,
	    START C TEXT(0) C HI C END C STOP(0) C OVER,
	    START C TEXT(0) C HI C END C OVER,
	    HELLO C STOP(0) C END C OVER,
	    HELLO C END C OVER C OVER,
	    HELLO C END C OVER C "{\"type\":\"ping\"}",
	    HELLO C "{\"type\":\"weather_report\"}" C END C OVER,
	    HELLO C "{\"type\":\"ping\",\"x\":1}" C END C OVER,
	    HELLO C END C "{\"type\":\"message_stop\",\"x\":1}",
	    HELLO C "{}" C END C OVER, HELLO C "7" C END C OVER,
	    /* deltas */
	    START C TEXT(0) C DELTA(0, "shiny", "x", "1") C STOP(0) C END
	    C OVER,
	    START C TEXT(0) C DELTA(1, "text_delta", "text", "\"x\"")
	    C STOP(0) C END C OVER,
	    START C TEXT(0) C DELTA(0, "text_delta", "text", "null") C STOP(0)
	    C END C OVER,
	    START C TEXT(0) C DELTA(0, "text_delta", "y", "null") C STOP(0)
	    C END C OVER,
	    START C TEXT(0) C DELTA(0, "text_delta", "x\":1,\"text", "\"y\"")
	    C STOP(0) C END C OVER,
	    START C TEXT(0) C DELTA(0, "thinking_delta", "thinking", "\"x\"")
	    C STOP(0) C END C OVER,
	    START C THINK(0) C HI C STOP(0) C END C OVER,
	    START C THINK(0) C SIGN C SIGN C STOP(0) C END C OVER,
	    START C TEXT(0) C INPUT("\"{}\"") C STOP(0) C END C OVER,
	    /* inputs */
	    START C CALL(0) C INPUT("\"{\"") C STOP(0) C END C OVER,
	    START C CALL(0) C INPUT("\"[]\"") C STOP(0) C END C OVER,
	    START C CALL(0) C INPUT("\"{} {}\"") C STOP(0) C END C OVER,
	    START C CALL(0) C INPUT("\"{\\\"a\\\":1,\\\"a\\\":2}\"") C STOP(0)
	    C END C OVER,
	    START C "{\"type\":\"content_block_start\",\"index\":0,"
	    "\"content_block\":{\"type\":\"tool_use\",\"input\":{\"a\":1}}}"
	    C INPUT("\"{}\"") C STOP(0) C END C OVER,
	    START C "{\"type\":\"content_block_start\",\"index\":0,"
	    "\"content_block\":{\"type\":\"tool_use\"}}" C STOP(0) C END
	    C OVER,
	    /* the message */
	    "{\"type\":\"message_start\",\"message\":{\"type\":\"message\","
	    "\"content\":[{\"type\":\"text\",\"text\":\"x\"}]}}" C END C OVER,
	    "{\"type\":\"message_start\",\"message\":{}}" C END C OVER,
	    HELLO C END C "{\"type\":\"message_delta\",\"delta\":"
	    "{\"stop_reason\":\"max_tokens\"}}" C OVER,
	    HELLO C END C "{\"type\":\"message_delta\",\"delta\":"
	    "{\"content\":[]}}" C OVER,
	    HELLO C END C "{\"type\":\"message_delta\",\"delta\":{},"
	    "\"hue\":1}" C OVER,
	    HELLO C END C "{\"type\":\"message_delta\",\"delta\":{},"
	    "\"usage\":7}" C OVER};
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(cases); i++)
		expect_payloads(cases[i], false);
}

static void
test_what_does_not_fit_is_refused(void **state)
{
	json_t *answer = fixture_json("messages", "search.json"), *payloads;
	struct buf stream = stream_of(answer), out;
	size_t max;

	(void)state;
	payloads = wire_payloads(stream.data, stream.len);
	for (max = 0; max < stream.len; max += 7) {
		buf_init(&out, max);
		assert_int_equal(
		    messages()->to_stream(&out, answer, false), -1);
		buf_fini(&out);
	}
	for (max = 0; max < 512; max += 7) {
		buf_init(&out, max);
		assert_int_equal(
		    messages()->to_json(&out, payloads, NULL), -1);
		buf_fini(&out);
	}
	json_decref(payloads);
	json_decref(answer);
	buf_fini(&stream);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_answers_that_are_refused),
	    cmocka_unit_test(test_streams_that_pass),
	    cmocka_unit_test(test_streams_that_are_refused),
	    cmocka_unit_test(test_what_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests_name("wire messages, refused", tests,
	    NULL, NULL);
}
