/*
 * Chat completions: every golden answer of tests/fixtures/chat gets its
 * verdict, and no beginning of a good one passes for the whole.
 */
#include "fixture.h"

#include "wire/format.h"

#include <dirent.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

static const struct wire_policy by_default = {true, true};
static const struct wire_policy strict = {false, false};

struct golden {
	const char *name;
	enum wire_verdict verdict; /* storing lengths and tool calls */
	enum wire_verdict strict;  /* storing neither */
};

#define GOOD(name) {name, WIRE_STORABLE, WIRE_STORABLE}
#define BAD(name, why) {name, why, why}

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
    GOOD("done-in-text.sse"),
    GOOD("nul-in-text.sse"),
    GOOD("comment-after-done.sse"),
    GOOD("no-index.sse"),
    GOOD("error-null.sse"),
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

enum {
	N_STREAMS = sizeof(streams) / sizeof(streams[0]),
	N_JSONS = sizeof(jsons) / sizeof(jsons[0])
};

static int
on_event(void *arg, const struct sse_event *event)
{
	wire_format_get(WIRE_CHAT)->stream_event(arg, event);
	return 0;
}

/*
 * Judge a whole stream, and put in usage (when not NULL) its usage. As
 * whoever stores must, take an event without its blank line for a cut.
 */
static enum wire_verdict
judge_stream(const char *bytes, size_t len, const struct wire_policy *policy,
    json_t **usage)
{
	const struct wire_format *chat = wire_format_get(WIRE_CHAT);
	struct wire_stream stream = {0};
	struct sse_parser parser;
	enum wire_verdict v;

	sse_parser_init(&parser, 64 * 1024);
	assert_int_equal(
	    sse_parser_feed(&parser, bytes, len, on_event, &stream), 0);
	v = chat->stream_end(&stream, policy);
	if (v == WIRE_STORABLE && !sse_parser_at_boundary(&parser))
		v = WIRE_NO_TERMINATOR;
	if (usage != NULL)
		*usage = json_incref(stream.usage);
	chat->stream_fini(&stream);
	sse_parser_fini(&parser);
	return v;
}

static enum wire_verdict
judge_json(const char *bytes, size_t len, const struct wire_policy *policy,
    json_t **usage)
{
	json_t *body, *found = NULL;
	enum wire_verdict v;

	body = json_loadb(bytes, len, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
	if (body == NULL)
		return WIRE_BAD_JSON;
	v = wire_format_get(WIRE_CHAT)->judge_json(body, policy, &found);
	json_decref(body);
	if (usage != NULL)
		*usage = found;
	else
		json_decref(found);
	return v;
}

typedef enum wire_verdict judge_fn(const char *bytes, size_t len,
    const struct wire_policy *policy, json_t **usage);

static void
expect_verdict(const char *name, judge_fn *judge, const char *bytes,
    size_t len, const struct wire_policy *policy, enum wire_verdict want)
{
	enum wire_verdict v = judge(bytes, len, policy, NULL);

	if (v != want)
		fail_msg("%s is \"%s\", not \"%s\"", name, wire_verdict_word(v),
		    wire_verdict_word(want));
}

static void
check_golden(const struct golden *g, judge_fn *judge)
{
	size_t len;
	char *bytes = fixture_read("chat", g->name, &len);

	expect_verdict(g->name, judge, bytes, len, &by_default, g->verdict);
	expect_verdict(g->name, judge, bytes, len, &strict, g->strict);
	free(bytes);
}

static void
test_golden_streams(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N_STREAMS; i++)
		check_golden(&streams[i], judge_stream);
}

static void
test_golden_jsons(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < N_JSONS; i++)
		check_golden(&jsons[i], judge_json);
}

static bool
is_listed(const char *name)
{
	size_t i;

	for (i = 0; i < N_STREAMS; i++)
		if (strcmp(streams[i].name, name) == 0)
			return true;
	for (i = 0; i < N_JSONS; i++)
		if (strcmp(jsons[i].name, name) == 0)
			return true;
	return false;
}

static void
test_no_fixture_is_forgotten(void **state)
{
	DIR *dir = opendir("tests/fixtures/chat");
	struct dirent *d;

	(void)state;
	assert_non_null(dir);
	while ((d = readdir(dir)) != NULL)
		if (d->d_name[0] != '.' && !is_listed(d->d_name))
			fail_msg("%s has no verdict in this test", d->d_name);
	closedir(dir);
}

/* Where the last [DONE] of a text begins. */
static size_t
terminator_of(const char *bytes, size_t len)
{
	size_t at = len;

	while (at-- > 0)
		if (len - at >= 6 && memcmp(bytes + at, "[DONE]", 6) == 0)
			return at;
	fail_msg("there is no terminator");
	return 0;
}

/*
 * Cut at any byte, thus also between any two events, a stream is not
 * stored before the blank line of its terminator.
 */
static void
test_no_part_of_a_stream_is_stored(void **state)
{
	size_t i, n, len, done;
	char *bytes;

	(void)state;
	for (i = 0; i < N_STREAMS; i++) {
		if (streams[i].verdict != WIRE_STORABLE)
			continue;
		bytes = fixture_read("chat", streams[i].name, &len);
		done = terminator_of(bytes, len);
		for (n = 0; n <= done + sizeof("[DONE]"); n++)
			assert_int_not_equal(
			    judge_stream(bytes, n, &by_default, NULL),
			    WIRE_STORABLE);
		free(bytes);
	}
}

/*
 * A gateway on the way may end a cut stream with a terminator of its own:
 * a choice without finish_reason gives it away.
 */
static void
test_no_part_with_a_forged_terminator_is_stored(void **state)
{
	static const char forged[] = "\n\ndata: [DONE]\n\n";
	size_t n, len, finish;
	char *bytes = fixture_read("chat", "plain.sse", &len), *text;

	(void)state;
	text = malloc(len + sizeof(forged));
	finish = (size_t)(strstr(bytes, "\"stop\"") - bytes);
	for (n = 0; n < finish; n++) {
		memcpy(text, bytes, n);
		memcpy(text + n, forged, sizeof(forged));
		assert_int_not_equal(judge_stream(text, n + sizeof(forged) - 1,
		    &by_default, NULL), WIRE_STORABLE);
	}
	free(text);
	free(bytes);
}

static void
test_no_part_of_a_json_is_stored(void **state)
{
	size_t i, n, len;
	char *bytes;

	(void)state;
	for (i = 0; i < N_JSONS; i++) {
		bytes = fixture_read("chat", jsons[i].name, &len);
		/* The last two bytes are the closing brace and a line end. */
		for (n = 0; n < len - 1; n++)
			assert_int_not_equal(
			    judge_json(bytes, n, &by_default, NULL),
			    WIRE_STORABLE);
		free(bytes);
	}
}

static void
expect_usage(const char *name, judge_fn *judge, json_int_t total)
{
	size_t len;
	char *bytes = fixture_read("chat", name, &len);
	json_t *usage = NULL;

	judge(bytes, len, &strict, &usage);
	if (total == 0)
		assert_null(usage);
	else
		assert_int_equal(wire_usage_tokens(usage).total, total);
	json_decref(usage);
	free(bytes);
}

/* Also where the answer is not stored. */
static void
test_usage(void **state)
{
	(void)state;
	expect_usage("usage.sse", judge_stream, 13);
	expect_usage("length.sse", judge_stream, 13);
	expect_usage("bad-usage-only.sse", judge_stream, 13);
	expect_usage("plain.sse", judge_stream, 0);
	expect_usage("plain.json", judge_json, 13);
	expect_usage("bad-content-filter.json", judge_json, 13);
	expect_usage("bad-error-with-choices.json", judge_json, 13);
	expect_usage("no-usage.json", judge_json, 0);
	expect_usage("bad-array.json", judge_json, 0);
}

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
	judge_stream(text, sizeof(text) - 1, &strict, &usage);
	assert_int_equal(wire_usage_tokens(usage).total, 2);
	json_decref(usage);
}

static void
test_request(void **state)
{
	static const struct {
		const char *body;
		bool ok;
	} cases[] = {{"{\"model\":\"m\",\"messages\":[]}", true},
	    {"{\"model\":\"m\",\"messages\":[{}],\"x\":1}", true},
	    {"{\"model\":\"m\"}", false}, {"{\"messages\":[]}", false},
	    {"{\"model\":1,\"messages\":[]}", false},
	    {"{\"model\":\"m\",\"messages\":\"hi\"}", false},
	    {"{\"model\":null,\"messages\":[]}", false}, {"[]", false}};
	json_t *body;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		body = json_loads(cases[i].body, 0, NULL);
		assert_non_null(body);
		assert_int_equal(wire_format_get(WIRE_CHAT)->judge_request(
		    body) == WIRE_STORABLE, cases[i].ok);
		json_decref(body);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_golden_streams),
	    cmocka_unit_test(test_golden_jsons),
	    cmocka_unit_test(test_no_fixture_is_forgotten),
	    cmocka_unit_test(test_no_part_of_a_stream_is_stored),
	    cmocka_unit_test(test_no_part_with_a_forged_terminator_is_stored),
	    cmocka_unit_test(test_no_part_of_a_json_is_stored),
	    cmocka_unit_test(test_usage),
	    cmocka_unit_test(test_last_usage_counts),
	    cmocka_unit_test(test_request),
	};

	return cmocka_run_group_tests_name("wire chat", tests, NULL, NULL);
}
