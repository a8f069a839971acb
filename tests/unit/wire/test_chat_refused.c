/*
 * Chat completions that cannot be reshaped, or not now: they are refused,
 * and never damaged.
 */
#include "chat_reshaping.h"

/* ---- answers ------------------------------------------------------------ */

static void
expect_refused_answer(const char *text, json_t *answer, bool usage)
{
	struct buf out;

	if (to_stream(WIRE_CHAT, answer, usage, &out) == 0)
		fail_msg("%s is not refused", text);
	json_decref(answer);
	buf_fini(&out);
}

static void
test_refused_answers(void **state)
{
	static const char *const choices[] = {
	    /* choices without an order to go by */
	    "[{'message':{'role':'a','content':'x'},'finish_reason':'stop'}]",
	    "[{'index':'0','message':{'role':'a','content':'x'},"
	    "'finish_reason':'stop'}]",
	    "[{'index':-1,'message':{'role':'a','content':'x'},"
	    "'finish_reason':'stop'}]",
	    "[{'index':1,'message':{'role':'a','content':'x'},"
	    "'finish_reason':'stop'},{'index':0,'message':{'role':'a',"
	    "'content':'x'},'finish_reason':'stop'}]",
	    "[{'index':0,'message':{'role':'a','content':'x'},"
	    "'finish_reason':'stop'},{'index':0,'message':{'role':'a',"
	    "'content':'x'},'finish_reason':'stop'}]",
	    /* a message that no delta can say */
	    "[{'index':0,'message':{'content':'x'},'finish_reason':'stop'}]",
	    "[{'index':0,'message':{'role':7,'content':'x'},"
	    "'finish_reason':'stop'}]",
	    "[{'index':0,'message':{'role':'a','content':[{'text':'x'}]},"
	    "'finish_reason':'stop'}]",
	    "[{'index':0,'message':{'role':'a','content':'x','refusal':7},"
	    "'finish_reason':'stop'}]",
	    "[{'index':0,'message':{'role':'a','content':'x',"
	    "'reasoning':{'text':'y'}},'finish_reason':'stop'}]",
	    "[{'index':0,'message':{'role':'a','content':'x','audio':{}},"
	    "'finish_reason':'stop'}]",
	    "[{'index':0,'message':{'role':'a','content':'x'},"
	    "'finish_reason':'stop','delta':{}}]",
	    "[{'index':0,'message':{'role':'a','content':'x'},"
	    "'finish_reason':'stop','logprobs':7}]",
	    "[{'index':0,'message':{'role':'a','content':'x'},"
	    "'finish_reason':'stop','logprobs':{'content':{}}}]",
	    /* tool calls */
	    "[{'index':0,'message':{'role':'a','content':'x',"
	    "'tool_calls':{'id':'a'}},'finish_reason':'stop'}]",
	    "[{'index':0,'message':{'role':'a','tool_calls':['a']},"
	    "'finish_reason':'stop'}]",
	    "[{'index':0,'message':{'role':'a','tool_calls':[{'index':1,"
	    "'id':'a'}]},'finish_reason':'stop'}]",
	    "[{'index':0,'message':{'role':'a','tool_calls':[{'index':'0',"
	    "'id':'a'}]},'finish_reason':'stop'}]",
	    "[{'index':0,'message':{'role':'a','tool_calls':[{'id':'a',"
	    "'function':{'name':'f','arguments':{}}}]},"
	    "'finish_reason':'stop'}]",
	    "[{'index':0,'message':{'role':'a','tool_calls':[{'id':'a',"
	    "'function':'f'}]},'finish_reason':'stop'}]",
	    "[{'index':0,'message':{'role':'a','function_call':'f',"
	    "'content':'x'},'finish_reason':'stop'}]",
	    "[{'index':0,'message':{'role':'a','function_call':{'name':'f',"
	    "'arguments':null}},'finish_reason':'stop'}]",
	    /* what is not stored in the first place */
	    "[{'index':0,'message':{'role':'a','content':''},"
	    "'finish_reason':'stop'}]",
	    "[{'index':0,'message':{'role':'a','content':'x'}}]", "[]"};
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(choices); i++)
		expect_refused_answer(choices[i], answer_of(choices[i]),
		    false);
}

static void
test_refused_members(void **state)
{
	static const char good[] = "[{'index':0,'message':{'role':'a',"
				   "'content':'x'},'finish_reason':'stop'}]";
	json_t *answer;

	(void)state;
	answer = answer_of(good);
	json_object_set_new(answer, "object", json_string("chat.other"));
	expect_refused_answer("object", answer, false);
	answer = answer_of(good);
	json_object_del(answer, "object");
	expect_refused_answer("no object", answer, false);
	answer = answer_of(good);
	json_object_set_new(answer, "obfuscation", json_string("x"));
	expect_refused_answer("obfuscation", answer, false);
	answer = answer_of(good);
	json_object_set_new(answer, "usage", json_integer(7));
	expect_refused_answer("usage 7", answer, false);
	answer = answer_of(good);
	json_object_del(answer, "usage");
	expect_refused_answer("usage asked for and absent", answer, true);
	answer = answer_of(good);
	json_object_set_new(answer, "usage", json_null());
	expect_refused_answer("usage asked for and null", answer, true);
}

static void
test_full_buffer(void **state)
{
	json_t *answer = answer_of("[{'index':0,'message':{'role':'a',"
				   "'content':'x'},'finish_reason':'stop'}]");
	const struct wire_format *chat = wire_format_get(WIRE_CHAT);
	json_t *payloads = stream_of(WIRE_CHAT, "small", answer, true);
	struct buf out, text;
	size_t n;

	(void)state;
	put_stream(&text, payloads);
	for (n = 0; n <= text.len; n++) {
		buf_init(&out, n);
		assert_int_equal(chat->to_stream(&out, answer, true),
		    n == text.len ? 0 : -1);
		buf_fini(&out);
	}
	buf_init(&out, 20);
	assert_int_equal(chat->to_json(&out, payloads, NULL), -1);
	buf_fini(&out);
	buf_fini(&text);
	json_decref(payloads);
	json_decref(answer);
}

/* ---- streams ------------------------------------------------------------ */

static void
test_refused_streams(void **state)
{
#define BEGIN "[{'index':0,'delta':{'role':'assistant','content':'a'}},"
#define END "{'index':0,'delta':{},'finish_reason':'stop'}]"
#define TOOL(call) "{'index':0,'delta':{'tool_calls':[" call "]}},"
	static const char *const streams[] = {
	    "[{'delta':{'role':'assistant','content':'a'}},"
		"{'index':1,'delta':{'content':'b'}}," END,
	    "[{'index':null,'delta':{'role':'assistant'}}," END,
	    "[{'index':-1,'delta':{'role':'assistant','content':'a'}}," END,
	    BEGIN "{'index':0,'delta':{'role':'user'}}," END,
	    BEGIN "{'index':0,'delta':{'content':['b']}}," END,
	    BEGIN "{'index':0,'delta':{'audio':{'id':'x'}}}," END,
	    BEGIN "{'index':0,'delta':'b'}," END,
	    BEGIN "{'index':0,'message':{'content':'b'}}," END,
	    /* a sequel of who knows what, even if it is the same again */
	    BEGIN "{'index':0,'delta':{'x':'ha'}},"
		  "{'index':0,'delta':{'x':'ha'}}," END,
	    BEGIN "{'index':0,'delta':{},'token_ids':[5]},"
		  "{'index':0,'delta':{},'token_ids':[5]}," END,
	    BEGIN "{'index':0,'delta':{},'logprobs':7}," END,
	    BEGIN "{'index':0,'delta':{},'logprobs':{'content':7}}," END,
	    BEGIN TOOL("{'id':'a'}") END,
	    BEGIN TOOL("'a'") END,
	    BEGIN TOOL("{'index':1,'id':'a'}") END,
	    BEGIN TOOL("{'index':0,'id':'a'},{'index':0,'id':'b'}") END,
	    BEGIN TOOL("{'index':0,'function':{'name':'get_'}}")
		TOOL("{'index':0,'function':{'name':'time'}}") END,
	    BEGIN TOOL("{'index':0,'function':{'arguments':{}}}") END,
	    BEGIN "{'index':0,'delta':{'tool_calls':{}}}," END,
	    /* not whole */
	    "[{'index':0,'delta':{'role':'assistant','content':'a'}}]",
	    "[{'index':0,'delta':{'role':'assistant','content':''}}," END};
	static const char *const members[] = {"[{'id':'x'}]",
	    "[{'model':'n'}]", "[{'created':8}]",
	    "[{'object':'text_completion'}]", "[{'usage':7}]",
	    "[{'x_groq':{'id':1}},{'x_groq':{'id':2}}]",
	    "[{'object':null}]"};
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(streams); i++)
		expect_json(streams[i], "[]", NULL, NULL);
	for (i = 0; i < N_OF(members); i++)
		expect_json(BEGIN END, members[i], NULL, NULL);
#undef BEGIN
#undef END
#undef TOOL
}

/* A reader sees one of two members of the same name; which one is open. */
static void
test_refused_doubles(void **state)
{
	static const char json[] =
	    "{\"object\":\"chat.completion\",\"choices\":[{\"index\":0,"
	    "\"message\":{\"role\":\"a\",\"content\":\"x\",\"x\":1,\"x\":2},"
	    "\"finish_reason\":\"stop\"}]}";
	static const char stream[] =
	    "data: {\"object\":\"chat.completion.chunk\",\"choices\":[{"
	    "\"index\":0,\"delta\":{\"content\":\"x\",\"x\":1,\"x\":2},"
	    "\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n";
	const struct wire_format *chat = wire_format_get(WIRE_CHAT);
	struct buf out;

	(void)state;
	buf_init(&out, 4096);
	assert_int_equal(wire_reshape_to_stream(&out, json, sizeof(json) - 1,
	    chat, false), -1);
	assert_int_equal(wire_reshape_to_json(&out, stream,
	    sizeof(stream) - 1, chat, NULL), -1);
	buf_fini(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_refused_answers),
	    cmocka_unit_test(test_refused_members),
	    cmocka_unit_test(test_full_buffer),
	    cmocka_unit_test(test_refused_streams),
	    cmocka_unit_test(test_refused_doubles),
	};

	return cmocka_run_group_tests_name("wire chat, refused", tests, NULL,
	    NULL);
}
