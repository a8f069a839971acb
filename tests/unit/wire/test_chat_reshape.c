/*
 * Chat completions reshaped between JSON and stream: nothing is lost, or
 * it is refused.
 */
#include "chat_reshaping.h"

/* ---- the fixtures ------------------------------------------------------- */

/* DeepSeek numbers tool calls in its JSON, where others have no number. */
static void
forgive_tool_index(json_t *want)
{
	json_t *choice, *tool;
	size_t i, k;

	json_array_foreach(json_object_get(want, "choices"), i, choice) {
		json_array_foreach(json_object_get(json_object_get(choice,
		    "message"), "tool_calls"), k, tool)
			json_object_del(tool, "index");
	}
}

static void
test_fixtures(void **state)
{
	static const char *const refused[] = {
	    "audio.json", "audio.sse", /* the data of a sound */
	    "parts.json", "parts.sse", /* content in parts */
	    "no-index.sse", /* nor an object */
	    "together.sse", /* a number that would lose digits */
	    "openrouter-details.sse", NULL};
	const struct reshaping_set set = {WIRE_CHAT, "chat", refused,
	    say_chat, forgive_tool_index};

	(void)state;
	check_fixtures(&set);
}

/* ---- what a made stream looks like -------------------------------------- */

static void
expect_choices(const char *choices, const char *want)
{
	check_choices(WIRE_CHAT, answer_of(choices), want);
}

static void
test_stream_of_text(void **state)
{
	(void)state;
	expect_choices("[{'index':0,'message':{'content':' Hi  you\\n',"
	    "'role':'assistant','refusal':null,'annotations':[]},"
	    "'logprobs':null,'finish_reason':'stop','stop_reason':7}]",
	    "[{'index':0,'delta':{'role':'assistant','content':'',"
	    "'refusal':null,'annotations':[]},'logprobs':null,"
	    "'finish_reason':null},"
	    "{'index':0,'delta':{'content':' Hi'},'logprobs':null,"
	    "'finish_reason':null},"
	    "{'index':0,'delta':{'content':'  you'},'logprobs':null,"
	    "'finish_reason':null},"
	    "{'index':0,'delta':{'content':'\\n'},'logprobs':null,"
	    "'finish_reason':null},"
	    "{'index':0,'delta':{},'logprobs':null,'finish_reason':'stop',"
	    "'stop_reason':7}]");
}

static void
test_stream_of_tools(void **state)
{
	(void)state;
	expect_choices("[{'index':0,'message':{'role':'assistant',"
	    "'content':null,'tool_calls':[{'id':'a','type':'function',"
	    "'function':{'name':'f','arguments':'{} {}'}},"
	    "{'id':'b','type':'custom','custom':{'name':'g','input':'x'}}]},"
	    "'finish_reason':'tool_calls'}]",
	    "[{'index':0,'delta':{'role':'assistant','content':null},"
	    "'finish_reason':null},"
	    "{'index':0,'delta':{'tool_calls':[{'index':0,'id':'a',"
	    "'type':'function','function':{'name':'f','arguments':''}}]},"
	    "'finish_reason':null},"
	    "{'index':0,'delta':{'tool_calls':[{'index':0,'function':"
	    "{'arguments':'{}'}}]},'finish_reason':null},"
	    "{'index':0,'delta':{'tool_calls':[{'index':0,'function':"
	    "{'arguments':' {}'}}]},'finish_reason':null},"
	    "{'index':0,'delta':{'tool_calls':[{'index':1,'id':'b',"
	    "'type':'custom','custom':{'name':'g','input':''}}]},"
	    "'finish_reason':null},"
	    "{'index':0,'delta':{'tool_calls':[{'index':1,'custom':"
	    "{'input':'x'}}]},'finish_reason':null},"
	    "{'index':0,'delta':{},'finish_reason':'tool_calls'}]");
}

/* Each token comes with its own entry, in whatever pieces words would be. */
static void
test_stream_of_logprobs(void **state)
{
	(void)state;
	expect_choices("[{'index':0,'message':{'role':'assistant',"
	    "'content':'a b'},'logprobs':{'content':[{'token':'a '},"
	    "{'token':''},{'token':'b'}],'refusal':null},"
	    "'finish_reason':'stop'}]",
	    "[{'index':0,'delta':{'role':'assistant','content':''},"
	    "'logprobs':{'content':[],'refusal':null},'finish_reason':null},"
	    "{'index':0,'delta':{'content':'a '},'logprobs':{'content':"
	    "[{'token':'a '}],'refusal':null},'finish_reason':null},"
	    "{'index':0,'delta':{'content':''},'logprobs':{'content':"
	    "[{'token':''}],'refusal':null},'finish_reason':null},"
	    "{'index':0,'delta':{'content':'b'},'logprobs':{'content':"
	    "[{'token':'b'}],'refusal':null},'finish_reason':null},"
	    "{'index':0,'delta':{},'logprobs':null,'finish_reason':'stop'}]");
}

/* Tokens that do not spell the text: all entries at once, none lost. */
static void
test_stream_of_other_logprobs(void **state)
{
	(void)state;
	expect_choices("[{'index':0,'message':{'role':'assistant',"
	    "'content':'a b'},'logprobs':{'content':[{'token':'a'},"
	    "{'token':'b'}]},'finish_reason':'stop'}]",
	    "[{'index':0,'delta':{'role':'assistant','content':''},"
	    "'logprobs':{'content':[{'token':'a'},{'token':'b'}]},"
	    "'finish_reason':null},"
	    "{'index':0,'delta':{'content':'a'},'logprobs':null,"
	    "'finish_reason':null},"
	    "{'index':0,'delta':{'content':' b'},'logprobs':null,"
	    "'finish_reason':null},"
	    "{'index':0,'delta':{},'logprobs':null,'finish_reason':'stop'}]");
}

/* Members of the answer are in every chunk, but large ones only once. */
static void
test_members_of_chunks(void **state)
{
	json_t *answer = answer_of("[{'index':0,'message':{'role':'assistant',"
				   "'content':'a b'},'finish_reason':'stop'}]");
	json_t *payloads;
	size_t i;

	(void)state;
	json_object_set_new(answer, "provider", json_string("p"));
	json_object_set_new(answer, "x_big", json_of("{'id':[1,2]}"));
	payloads = stream_of(WIRE_CHAT, "members", answer, false);
	assert_int_equal(json_array_size(payloads), 4);
	for (i = 0; i < 4; i++) {
		const json_t *chunk = json_array_get(payloads, i);

		assert_string_equal(json_string_value(json_object_get(chunk,
		    "provider")), "p");
		assert_int_equal(json_object_get(chunk, "x_big") != NULL,
		    i == 0);
		assert_string_equal(json_string_value(json_object_get(chunk,
		    "object")), "chat.completion.chunk");
	}
	json_decref(payloads);
	json_decref(answer);
}

/* ---- streams ------------------------------------------------------------ */

static void
test_json_of_stream(void **state)
{
	json_t *usage = json_of("{'total_tokens':3}");

	(void)state;
	/* A single choice that is not numbered. */
	expect_json("[{'delta':{'role':'r','content':'a'}},"
	    "{'delta':{'content':' b'},'finish_reason':'stop'}]", "[]", NULL,
	    "{" HEAD ",'choices':[{'index':0,'message':{'role':'r',"
	    "'content':'a b'},'finish_reason':'stop'}]}");
	/* No role, a null after text, a reason said twice. */
	expect_json("[{'index':0,'delta':{'content':null}},"
	    "{'index':0,'delta':{'content':'a'}},"
	    "{'index':0,'delta':{'content':null,'refusal':null}},"
	    "{'index':0,'delta':{'content':' b'},'finish_reason':'stop'},"
	    "{'index':0,'delta':{},'finish_reason':''},"
	    "{'index':0,'finish_reason':null}]", "[]", NULL,
	    "{" HEAD ",'choices':[{'index':0,'message':{'role':'assistant',"
	    "'content':'a b','refusal':null},'finish_reason':'stop'}]}");
	/* Choices in any order; the usage beside the stream. */
	expect_json("[{'index':1,'delta':{'role':'r','content':'b'}},"
	    "{'index':0,'delta':{'role':'r','content':'a'}},"
	    "{'index':1,'delta':{},'finish_reason':'length'},"
	    "{'index':0,'delta':{},'finish_reason':'stop'}]", "[]", usage,
	    "{" HEAD ",'choices':[{'index':0,'message':{'role':'r',"
	    "'content':'a'},'finish_reason':'stop'},{'index':1,'message':"
	    "{'role':'r','content':'b'},'finish_reason':'length'}],"
	    "'usage':{'total_tokens':3}}");
	/* The stream's own usage counts more; the last of several. */
	expect_json("[{'index':0,'delta':{'role':'r','content':'a'}},"
	    "{'index':0,'delta':{},'finish_reason':'stop'}]",
	    "[{'usage':{'total_tokens':1},'system_fingerprint':'x',"
	    "'obfuscation':'p'},{'usage':{'total_tokens':2},"
	    "'system_fingerprint':'y','obfuscation':'q'}]", usage,
	    "{" HEAD ",'choices':[{'index':0,'message':{'role':'r',"
	    "'content':'a'},'finish_reason':'stop'}],"
	    "'usage':{'total_tokens':2},'system_fingerprint':'y'}");
	json_decref(usage);
}

/* ---- the row ------------------------------------------------------------ */

static void
test_owns(void **state)
{
	static const struct owned_case cases[] = {
	    {"{'object':'chat.completion','choices':[]}", true, false},
	    {"{'object':'chat.completion.chunk','choices':[]}", false, true},
	    {"{'object':'text_completion','choices':[]}", false, false},
	    {"{'object':'chat.completion'}", false, false},
	    {"{'object':'chat.completion','choices':{}}", false, false},
	    {"{'choices':[]}", false, false}, {"[]", false, false}};

	(void)state;
	check_owned(WIRE_CHAT, cases, N_OF(cases));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fixtures),
	    cmocka_unit_test(test_stream_of_text),
	    cmocka_unit_test(test_stream_of_tools),
	    cmocka_unit_test(test_stream_of_logprobs),
	    cmocka_unit_test(test_stream_of_other_logprobs),
	    cmocka_unit_test(test_members_of_chunks),
	    cmocka_unit_test(test_json_of_stream),
	    cmocka_unit_test(test_owns),
	};

	return cmocka_run_group_tests_name("wire chat reshaped", tests, NULL,
	    NULL);
}
