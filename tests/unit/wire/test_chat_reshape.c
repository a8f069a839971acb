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
	    "azure.sse", /* begins with a chunk of no object */
	    "no-index.sse", "groq.sse", "openrouter-details.sse", NULL};
	const struct reshaping_set set = {WIRE_CHAT, "chat", refused,
	    say_chat, forgive_tool_index};

	(void)state;
	check_fixtures(&set);
}

/* ---- what a made stream looks like -------------------------------------- */

static json_t *
answer_of(const char *choices)
{
	json_t *answer = json_of("{'id':'c-1','object':'chat.completion',"
				 "'created':7,'model':'m','choices':[],"
				 "'usage':{'total_tokens':3}}");
	json_t *list = json_of(choices);

	json_object_set_new(answer, "choices", list);
	return answer;
}

static void
expect_choices(const char *choices, const char *want)
{
	json_t *answer = answer_of(choices), *wanted = json_of(want);
	json_t *payloads = stream_of(WIRE_CHAT, choices, answer, true);
	json_t *got = json_array();
	size_t i;

	check_chunks(answer, payloads, true);
	for (i = 0; i + 1 < json_array_size(payloads); i++)
		json_array_append(got,
		    (json_t *)(uintptr_t)choice_at(payloads, i));
	expect_equal(choices, got, wanted);
	json_decref(answer);
	json_decref(wanted);
	json_decref(payloads);
	json_decref(got);
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

/* ---- what is refused ---------------------------------------------------- */

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

/* A stream of choices, one a chunk, with the same head and these members. */
static json_t *
stream_with(const char *choices, const char *members)
{
	json_t *list = json_of(choices), *payloads = json_array(), *one, *chunk;
	json_t *more = json_of(members), *own;
	size_t i;

	json_array_foreach(list, i, one) {
		chunk = json_of("{'id':'c-1','object':'chat.completion.chunk',"
				"'created':7,'model':'m','choices':[]}");
		json_array_append(json_object_get(chunk, "choices"), one);
		own = json_array_get(more, i);
		json_object_update(chunk, own);
		json_array_append_new(payloads, chunk);
	}
	json_decref(more);
	json_decref(list);
	return payloads;
}

static void
expect_json(const char *choices, const char *members, json_t *usage,
    const char *want)
{
	json_t *payloads = stream_with(choices, members);
	json_t *got = json_from(WIRE_CHAT, payloads, usage);
	json_t *wanted = want == NULL ? NULL : json_of(want);

	if (want == NULL && got != NULL)
		fail_msg("%s %s is not refused", choices, members);
	if (want != NULL)
		expect_equal(choices, got, wanted);
	json_decref(wanted);
	json_decref(got);
	json_decref(payloads);
}

#define HEAD "'id':'c-1','object':'chat.completion','created':7,'model':'m'"

static void
test_json_of_stream(void **state)
{
	json_t *usage = json_of("{'total_tokens':3}");

	(void)state;
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

static void
test_refused_streams(void **state)
{
#define BEGIN "[{'index':0,'delta':{'role':'assistant','content':'a'}},"
#define END "{'index':0,'delta':{},'finish_reason':'stop'}]"
#define TOOL(call) "{'index':0,'delta':{'tool_calls':[" call "]}},"
	static const char *const streams[] = {
	    "[{'delta':{'role':'assistant','content':'a'}}," END,
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

/* ---- the row ------------------------------------------------------------ */

static void
test_owns(void **state)
{
	const struct wire_format *chat = wire_format_get(WIRE_CHAT);
	static const struct {
		const char *text;
		bool json, payload;
	} cases[] = {{"{'object':'chat.completion','choices':[]}", true, false},
	    {"{'object':'chat.completion.chunk','choices':[]}", false, true},
	    {"{'object':'text_completion','choices':[]}", false, false},
	    {"{'object':'chat.completion'}", false, false},
	    {"{'object':'chat.completion','choices':{}}", false, false},
	    {"{'choices':[]}", false, false}, {"[]", false, false}};
	json_t *value;
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(cases); i++) {
		value = json_of(cases[i].text);
		assert_int_equal(chat->owns_json(value), cases[i].json);
		assert_int_equal(chat->owns_payload(value), cases[i].payload);
		json_decref(value);
	}
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
	    cmocka_unit_test(test_refused_answers),
	    cmocka_unit_test(test_refused_members),
	    cmocka_unit_test(test_full_buffer),
	    cmocka_unit_test(test_json_of_stream),
	    cmocka_unit_test(test_refused_streams),
	    cmocka_unit_test(test_refused_doubles),
	    cmocka_unit_test(test_owns),
	};

	return cmocka_run_group_tests_name("wire chat reshaped", tests, NULL,
	    NULL);
}
