/*
 * The table of formats, and what is the same for all of them.
 */
#include "wire/format.h"

#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static void
test_paths(void **state)
{
	static const char *const others[] = {"", "/", "/v1/chat/completions/",
	    "/v1/chat/completion", "/V1/chat/completions", "/v1/models",
	    "/chat/completions", "v1/chat/completions",
	    "/v1/chat/completions?x=1"};
	size_t i;

	(void)state;
	assert_int_equal(
	    wire_format_for_path("/v1/chat/completions")->id, WIRE_CHAT);
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		assert_int_equal(
		    wire_format_for_path(others[i])->id, WIRE_OTHER);
}

static void
test_rows_are_whole(void **state)
{
	const struct wire_format *f;
	int i;

	(void)state;
	for (i = 0; i < WIRE_FORMAT_COUNT; i++) {
		f = wire_format_get((enum wire_format_id)i);
		assert_int_equal(f->id, i);
		assert_true(strlen(f->name) > 0);
		assert_true(f->judge_request != NULL && f->judge_json != NULL);
		assert_true(f->stream_event != NULL && f->stream_end != NULL);
		assert_true(f->stream_fini != NULL);
		assert_true(f->error_body != NULL && f->error_event != NULL);
	}
}

static void
test_other_is_never_stored(void **state)
{
	const struct wire_format *f = wire_format_get(WIRE_OTHER);
	const struct sse_event event = {"", "{\"x\":1}", 7, true};
	const struct wire_policy policy = {true, true};
	struct wire_stream stream = {0};
	json_t *body = json_pack("{s:s, s:{s:i}}", "model", "m", "usage",
	    "total_tokens", 1);
	json_t *usage = body;

	(void)state;
	assert_int_equal(f->judge_request(body), WIRE_NOT_A_FORMAT);
	assert_int_equal(
	    f->judge_json(body, &policy, &usage), WIRE_NOT_A_FORMAT);
	assert_null(usage);
	assert_int_equal(f->stream_end(&stream, &policy), WIRE_NOT_A_FORMAT);
	f->stream_event(&stream, &event);
	assert_int_equal(f->stream_end(&stream, &policy), WIRE_NOT_A_FORMAT);
	f->stream_fini(&stream);
	json_decref(body);
}

static void
test_wants_stream(void **state)
{
	static const struct {
		const char *body;
		bool want;
	} cases[] = {{"{\"stream\":true}", true}, {"{\"stream\":false}", false},
	    {"{\"stream\":null}", false}, {"{\"stream\":\"true\"}", false},
	    {"{\"stream\":1}", false}, {"{}", false}, {"[true]", false},
	    {"{\"x\":{\"stream\":true}}", false}};
	json_t *body;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		body = json_loads(cases[i].body, 0, NULL);
		assert_non_null(body);
		assert_int_equal(wire_wants_stream(body), cases[i].want);
		json_decref(body);
	}
	assert_false(wire_wants_stream(NULL));
}

static void
expect_tokens(const char *text, json_int_t prompt, json_int_t completion,
    json_int_t total)
{
	json_t *usage = json_loads(text, JSON_DECODE_ANY, NULL);
	struct wire_tokens t = wire_usage_tokens(usage);

	assert_int_equal(t.prompt, prompt);
	assert_int_equal(t.completion, completion);
	assert_int_equal(t.total, total);
	json_decref(usage);
}

static void
test_usage_tokens(void **state)
{
	(void)state;
	expect_tokens("{\"prompt_tokens\":9,\"completion_tokens\":4,"
		      "\"total_tokens\":13}", 9, 4, 13);
	expect_tokens("{\"input_tokens\":9,\"output_tokens\":4,"
		      "\"total_tokens\":13}", 9, 4, 13);
	expect_tokens("{\"input_tokens\":9,\"output_tokens\":4}", 9, 4, 13);
	expect_tokens("{\"prompt_tokens\":9,\"total_tokens\":9}", 9, 0, 9);
	expect_tokens("{\"prompt_tokens\":\"9\",\"completion_tokens\":-4,"
		      "\"total_tokens\":null}", 0, 0, 0);
	expect_tokens("{\"input_tokens\":9223372036854775807,"
		      "\"output_tokens\":9223372036854775807}", INT64_MAX,
	    INT64_MAX, INT64_MAX);
	expect_tokens("{}", 0, 0, 0);
	expect_tokens("[]", 0, 0, 0);
	expect_tokens("null", 0, 0, 0);
	assert_int_equal(wire_usage_tokens(NULL).total, 0);
}

static void
test_verdicts_have_words(void **state)
{
	int i, j;

	(void)state;
	for (i = 0; i < WIRE_VERDICT_COUNT; i++) {
		const char *word = wire_verdict_word((enum wire_verdict)i);
		const char *text = wire_verdict_text((enum wire_verdict)i);

		assert_true(strlen(word) > 0 && strlen(word) < 32);
		assert_int_equal(strspn(word, "abcdefghijklmnopqrstuvwxyz"
					      "0123456789-"), strlen(word));
		assert_true(strlen(text) > 0);
		for (j = 0; j < i; j++)
			assert_string_not_equal(
			    word, wire_verdict_word((enum wire_verdict)j));
	}
	assert_string_equal(wire_verdict_word(WIRE_STORABLE), "stored");
	assert_string_equal(wire_verdict_word(WIRE_VERDICT_COUNT), "unknown");
}

/* The member of "error" in a body, checked to be the only one. */
static json_t *
parse_error(const char *text, size_t len)
{
	json_t *body = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);

	assert_non_null(body);
	assert_int_equal(json_object_size(body), 1);
	assert_int_equal(json_object_size(json_object_get(body, "error")), 4);
	return body;
}

static const char *
text_of(const json_t *error, const char *member)
{
	return json_string_value(json_object_get(error, member));
}

static void
test_error_body(void **state)
{
	struct err err = ERR_INIT;
	struct buf out;
	json_t *body, *error;

	(void)state;
	buf_init(&out, 4096);
	err_set(&err, ERR_UPSTREAM_TIMEOUT, "no \"byte\" in 5 s\nafter all");
	assert_int_equal(
	    wire_format_get(WIRE_CHAT)->error_body(&out, &err), 0);
	body = parse_error(out.data, out.len);
	error = json_object_get(body, "error");
	assert_string_equal(text_of(error, "message"),
	    "no \"byte\" in 5 s\nafter all");
	assert_string_equal(text_of(error, "type"), "server_error");
	assert_string_equal(text_of(error, "code"), "upstream_timeout");
	assert_true(json_is_null(json_object_get(error, "param")));
	json_decref(body);
	buf_fini(&out);
}

static void
test_error_without_text_says_what_it_means(void **state)
{
	struct err err = {ERR_OVERLOADED, ""};
	struct buf out;
	json_t *body, *error;

	(void)state;
	buf_init(&out, 4096);
	assert_int_equal(
	    wire_format_get(WIRE_OTHER)->error_body(&out, &err), 0);
	body = parse_error(out.data, out.len);
	error = json_object_get(body, "error");
	assert_string_equal(text_of(error, "message"),
	    err_meaning(ERR_OVERLOADED));
	json_decref(body);
	buf_fini(&out);
}

/* The formats with an error shape of their own test it themselves. */
static int
take_error(void *arg, const struct sse_event *event)
{
	if (strcmp(event->name, "error") != 0)
		json_decref(parse_error(event->data, event->data_len));
	(*(int *)arg)++;
	return 0;
}

static void
expect_one_error_event(const struct wire_format *f)
{
	struct err err = {ERR_UPSTREAM_BROKEN, "cut\n\ndata: [DONE]\n\n"};
	struct sse_parser parser;
	struct buf out, small;
	int seen = 0;

	buf_init(&out, 4096);
	sse_parser_init(&parser, 4096);
	assert_int_equal(f->error_event(&out, &err, 3), 0);
	assert_int_equal(sse_parser_feed(&parser, out.data, out.len,
	    take_error, &seen), 0);
	assert_int_equal(seen, 1);
	assert_true(sse_parser_at_boundary(&parser));
	buf_init(&small, out.len - 1);
	assert_int_equal(f->error_event(&small, &err, 3), -1);
	buf_fini(&small);
	sse_parser_fini(&parser);
	buf_fini(&out);
}

static void
test_error_event_is_one_event(void **state)
{
	int i;

	(void)state;
	for (i = 0; i < WIRE_FORMAT_COUNT; i++)
		expect_one_error_event(
		    wire_format_get((enum wire_format_id)i));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_paths),
	    cmocka_unit_test(test_rows_are_whole),
	    cmocka_unit_test(test_other_is_never_stored),
	    cmocka_unit_test(test_wants_stream),
	    cmocka_unit_test(test_usage_tokens),
	    cmocka_unit_test(test_verdicts_have_words),
	    cmocka_unit_test(test_error_body),
	    cmocka_unit_test(test_error_without_text_says_what_it_means),
	    cmocka_unit_test(test_error_event_is_one_event),
	};

	return cmocka_run_group_tests_name("wire format", tests, NULL, NULL);
}
