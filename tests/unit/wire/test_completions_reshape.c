/*
 * Completions reshaped between JSON and stream: nothing is lost, or it is
 * refused.
 */
#include "random_choices.h"

enum { ROUNDS = 2000 };

static const char *const lists[] = {"tokens", "token_logprobs",
    "top_logprobs", "text_offset"};

/* ---- the fixtures ------------------------------------------------------- */

static void
say_completion(json_t *said, const char *key, const json_t *choice)
{
	const json_t *logprobs = json_object_get(choice, "logprobs");
	json_t *list;
	char name[64];
	size_t i;

	snprintf(name, sizeof(name), "%s text", key);
	say_text(said, name, json_object_get(choice, "text"));
	for (i = 0; i < N_OF(lists); i++) {
		list = json_object_get(logprobs, lists[i]);
		if (!json_is_array(list))
			continue;
		snprintf(name, sizeof(name), "%s %s", key, lists[i]);
		if (json_object_get(said, name) == NULL)
			json_object_set_new(said, name, json_array());
		json_array_extend(json_object_get(said, name), list);
	}
}

static void
test_fixtures(void **state)
{
	static const char *const refused[] = {"no-index.sse", NULL};
	const struct reshaping_set set = {.id = WIRE_COMPLETIONS,
	    .dir = "completions", .refused = refused, .say = say_completion};

	(void)state;
	check_fixtures(&set);
}

/* ---- what a made stream looks like -------------------------------------- */

static json_t *
answer_of(const char *choices)
{
	return answer_with("text_completion", choices);
}

static void
expect_choices(const char *choices, const char *want)
{
	json_t *answer = answer_of(choices);

	check_json_round_trip(WIRE_COMPLETIONS, choices, answer, answer);
	check_choices(WIRE_COMPLETIONS, answer, want);
}

static void
test_stream_of_text(void **state)
{
	(void)state;
	expect_choices("[{'text':' Hi  you\\n','index':0,'logprobs':null,"
	    "'finish_reason':'stop','stop_reason':null}]",
	    "[{'index':0,'text':' Hi','logprobs':null,'finish_reason':null},"
	    "{'index':0,'text':'  you','logprobs':null,"
	    "'finish_reason':null},"
	    "{'index':0,'text':'\\n','logprobs':null,'finish_reason':null},"
	    "{'index':0,'text':'','logprobs':null,'finish_reason':'stop',"
	    "'stop_reason':null}]");
	expect_choices("[{'text':'a','index':0,'finish_reason':'stop'},"
	    "{'text':'b','index':3,'finish_reason':'length'}]",
	    "[{'index':0,'text':'a','finish_reason':null},"
	    "{'index':0,'text':'','finish_reason':'stop'},"
	    "{'index':3,'text':'b','finish_reason':null},"
	    "{'index':3,'text':'','finish_reason':'length'}]");
}

/* Each token comes with what is known of it. */
static void
test_stream_of_logprobs(void **state)
{
	(void)state;
	expect_choices("[{'text':'a b','index':0,'logprobs':{"
	    "'tokens':['a ','b'],'token_logprobs':[null,-1.5],"
	    "'top_logprobs':null,'text_offset':[0,2]},"
	    "'finish_reason':'stop'}]",
	    "[{'index':0,'text':'a ','logprobs':{'tokens':['a '],"
	    "'token_logprobs':[null],'top_logprobs':null,'text_offset':[0]},"
	    "'finish_reason':null},"
	    "{'index':0,'text':'b','logprobs':{'tokens':['b'],"
	    "'token_logprobs':[-1.5],'top_logprobs':null,'text_offset':[2]},"
	    "'finish_reason':null},"
	    "{'index':0,'text':'','logprobs':null,'finish_reason':'stop'}]");
}

/* What cannot be dealt out stays with the whole text. */
static void
test_stream_of_other_logprobs(void **state)
{
	static const char *const logprobs[] = {"{}", "{'tokens':['a','b']}",
	    "{'tokens':['a b'],'token_logprobs':[]}",
	    "{'tokens':['a',' b'],'token_logprobs':[-1]}",
	    "{'tokens':['a b'],'other':7}", "{'tokens':[1,2]}",
	    "{'token_logprobs':[-1]}", "{'tokens':null}"};
	char answer[256], want[512];
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(logprobs); i++) {
		snprintf(answer, sizeof(answer), "[{'text':'a b','index':0,"
		    "'logprobs':%s,'finish_reason':'stop'}]", logprobs[i]);
		snprintf(want, sizeof(want), "[{'index':0,'text':'a b',"
		    "'logprobs':%s,'finish_reason':null},{'index':0,'text':'',"
		    "'logprobs':null,'finish_reason':'stop'}]", logprobs[i]);
		expect_choices(answer, want);
	}
}

/* ---- what is refused ---------------------------------------------------- */

static void
test_refused_answers(void **state)
{
	static const char *const choices[] = {
	    "[{'text':'x','finish_reason':'stop'}]",
	    "[{'text':'x','index':'0','finish_reason':'stop'}]",
	    "[{'text':'x','index':1024,'finish_reason':'stop'}]",
	    "[{'text':'x','index':0,'finish_reason':'stop'},"
	    "{'text':'x','index':0,'finish_reason':'stop'}]",
	    "[{'text':'x','index':0,'logprobs':7,'finish_reason':'stop'}]",
	    "[{'text':'x','index':0,'logprobs':{'tokens':7},"
	    "'finish_reason':'stop'}]",
	    "[{'text':'','index':0,'finish_reason':'stop'}]",
	    "[{'text':'x','index':0,'finish_reason':null}]", "[]"};
	json_t *answer;
	struct buf out;
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(choices); i++) {
		answer = answer_of(choices[i]);
		if (to_stream(WIRE_COMPLETIONS, answer, false, &out) == 0)
			fail_msg("%s is not refused", choices[i]);
		json_decref(answer);
		buf_fini(&out);
	}
	answer = answer_of("[{'text':'x','index':0,'finish_reason':'stop'}]");
	json_object_del(answer, "usage");
	assert_int_equal(to_stream(WIRE_COMPLETIONS, answer, true, &out), -1);
	json_decref(answer);
	buf_fini(&out);
}

static void
test_refused_streams(void **state)
{
#define HEAD "{'id':'c-1','object':'text_completion','choices':["
#define BEGIN HEAD "{'index':0,'text':'a'}]},"
#define END HEAD "{'index':0,'text':'','finish_reason':'stop'}]}]"
	static const char *const streams[] = {
	    "[" BEGIN HEAD "{'text':'b'},{'text':'c'}]}," END,
	    "[" BEGIN HEAD "{'index':0,'text':7}]}," END,
	    "[" BEGIN HEAD "{'index':0,'text':'','x':'ha'}]},"
		HEAD "{'index':0,'text':'','x':'ha'}]}," END,
	    "[" BEGIN HEAD "{'index':0,'logprobs':[]}]}," END,
	    "[" BEGIN HEAD "{'index':0,'logprobs':{'tokens':'b'}}]}," END,
	    "[" BEGIN "{'id':'c-2','choices':[]}," END,
	    "[" BEGIN "{'object':'chat.completion.chunk'}," END,
	    "[" BEGIN "7," END, "[" END, "[" BEGIN HEAD "]}]"};
	json_t *payloads;
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(streams); i++) {
		payloads = json_of(streams[i]);
		if (json_from(WIRE_COMPLETIONS, payloads, NULL) != NULL)
			fail_msg("%s is not refused", streams[i]);
		json_decref(payloads);
	}
#undef HEAD
#undef BEGIN
#undef END
}

/* ---- random ones -------------------------------------------------------- */

/* Logprobs of a text; now and then a list is missing, null or short. */
static json_t *
random_logprobs(struct rng *r, const json_t *choice)
{
	json_t *tokens = random_pieces(r, json_object_get(choice, "text"));
	json_t *logprobs, *list;
	size_t i, k, odd = rng_below(r, 12);

	logprobs = json_pack("{s:o}", lists[0], tokens);
	for (i = 1; i < N_OF(lists); i++) {
		list = json_array();
		for (k = 0; k < json_array_size(tokens); k++)
			json_array_append_new(list, random_value(r, 1));
		if (odd == i)
			json_array_remove(list, 0);
		json_object_set_new(logprobs, lists[i], list);
		if (odd == i + 4)
			json_object_del(logprobs, lists[i]);
		if (odd == i + 8)
			json_object_set_new(logprobs, lists[i], json_null());
	}
	return logprobs;
}

static json_t *
random_choice(struct rng *r, json_int_t index)
{
	json_t *text = random_text(r, 12), *choice;

	if (json_string_length(text) == 0)
		json_string_set(text, " ");
	choice = json_pack("{s:o, s:I, s:s}", "text", text, "index", index,
	    "finish_reason", rng_below(r, 2) ? "stop" : "length");
	add_members(r, choice, random_logprobs);
	return choice;
}

static json_t *
random_answer(struct rng *r)
{
	json_t *answer = random_choices(r, "text_completion", random_choice);

	if (rng_below(r, 4) > 0)
		json_object_set_new(answer, "usage", random_usage(r));
	if (rng_below(r, 2) == 0)
		json_object_set_new(answer, "x_other", random_value(r, 2));
	return answer;
}

static void
check_words(const json_t *payloads)
{
	const json_t *choice, *text;
	size_t i;

	for (i = 0; i < json_array_size(payloads); i++) {
		choice = choice_at(payloads, i);
		text = json_object_get(choice, "text");
		if (json_string_length(text) > 0 &&
		    !json_is_object(json_object_get(choice, "logprobs")))
			check_piece(text);
	}
}

/*
 * A choice as another maker may stream it: pieces of any size, whatever
 * else it has with one of them.
 */
static json_t *
cut_choice(struct rng *r, json_t *choice)
{
	json_t *pieces = random_pieces(r, json_object_get(choice, "text"));
	json_t *queue = json_array(), *piece, *one;
	size_t i, n = json_array_size(pieces), whole = rng_below(r, n);

	json_array_foreach(pieces, i, piece) {
		one = i == whole ? json_copy(choice) : json_pack("{s:O, s:n}",
		    "index", json_object_get(choice, "index"),
		    rng_below(r, 2) ? "finish_reason" : "logprobs");
		json_object_set(one, "text", piece);
		json_array_append_new(queue, one);
	}
	json_decref(pieces);
	return queue;
}

static json_t *
cut_answer(struct rng *r, json_t *answer)
{
	json_t *queues = json_array(), *choice;
	size_t i;

	json_array_foreach(json_object_get(answer, "choices"), i, choice) {
		/* A null that only the stream has would be one more member. */
		if (json_object_get(choice, "logprobs") == NULL)
			json_object_set_new(choice, "logprobs", json_null());
		json_array_append_new(queues, cut_choice(r, choice));
	}
	return random_mix(r, queues, answer);
}

static const struct random_set set = {.id = WIRE_COMPLETIONS,
    .rounds = ROUNDS, .answer = random_answer, .cut = cut_answer,
    .check = check_words, .say = say_completion, .usage_beside = false};

static void
test_random_answers(void **state)
{
	(void)state;
	assert_int_equal(check_random_answers(&set), ROUNDS);
}

static void
test_random_streams(void **state)
{
	(void)state;
	assert_int_equal(check_random_streams(&set), ROUNDS);
}

/* ---- the row ------------------------------------------------------------ */

static void
test_owns(void **state)
{
	static const struct owned_case cases[] = {
	    {"{'object':'text_completion','choices':[]}", true, true},
	    {"{'object':'chat.completion','choices':[]}", false, false},
	    {"{'object':'text_completion'}", false, false},
	    {"{'object':7,'choices':[]}", false, false},
	    {"[]", false, false}};

	(void)state;
	check_owned(WIRE_COMPLETIONS, cases, N_OF(cases));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fixtures),
	    cmocka_unit_test(test_stream_of_text),
	    cmocka_unit_test(test_stream_of_logprobs),
	    cmocka_unit_test(test_stream_of_other_logprobs),
	    cmocka_unit_test(test_refused_answers),
	    cmocka_unit_test(test_refused_streams),
	    cmocka_unit_test(test_random_answers),
	    cmocka_unit_test(test_random_streams),
	    cmocka_unit_test(test_owns),
	};

	return cmocka_run_group_tests_name("wire completions reshaped", tests,
	    NULL, NULL);
}
