/*
 * Responses as stream and as JSON: what cannot be said faithfully, or for
 * which there is no room, is refused.
 */
#include "responses_client.h"

/* Streams that are stored, but in which one thing contradicts another. */
static const char *const odd_streams[] = {"odd-lost-delta.sse",
    "odd-lost-end.sse",
    "odd-other-delta.sse", "odd-other-done.sse", "odd-other-item.sse",
    "odd-other-id.sse", "odd-other-arguments.sse", "odd-gap.sse",
    "odd-same-index.sse", "odd-item-unseen.sse", "odd-item-lost.sse",
    "output-only.sse"};

static void
test_odd_streams_are_refused(void **state)
{
	json_t *answer;
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(odd_streams); i++) {
		answer = answer_of_file(odd_streams[i]);
		if (answer != NULL)
			fail_msg("%s says an answer", odd_streams[i]);
	}
}

/* No golden answer that may not be stored is reshaped either way. */
static void
test_bad_answers_are_refused(void **state)
{
	DIR *dir = opendir("tests/fixtures/responses");
	struct dirent *d;
	struct buf out;
	char name[64], *bytes;
	size_t len;

	(void)state;
	assert_non_null(dir);
	while ((d = readdir(dir)) != NULL) {
		/* What follows the end, is cut, or is not in a payload. */
		if (strncmp(d->d_name, "bad-", 4) != 0 ||
		    strcmp(d->d_name, "bad-two-dones.sse") == 0 ||
		    strcmp(d->d_name, "bad-done-before-completed.sse") == 0 ||
		    strcmp(d->d_name, "bad-unended.sse") == 0)
			continue;
		assert_true(strlen(d->d_name) < sizeof(name));
		memcpy(name, d->d_name, strlen(d->d_name) + 1);
		bytes = fixture_read("responses", name, &len);
		buf_init(&out, OUT_MAX);
		if (wire_reshape_to_json(&out, bytes, len, row(), NULL) == 0 ||
		    wire_reshape_to_stream(&out, bytes, len, row(), true) == 0)
			if (strncmp(d->d_name, "bad-chat", 8) != 0)
				fail_msg("%s is reshaped", d->d_name);
		buf_fini(&out);
		free(bytes);
	}
	closedir(dir);
}

static void
test_what_cannot_be_streamed(void **state)
{
	static const char *const items[] = {
	    /* parts without events, or not as they should be */
	    "{'id':'m','type':'message','content':["
	    "{'type':'output_text','text':'x'},{'type':'output_audio'}]}",
	    "{'id':'m','type':'message','content':[{'text':'x'}]}",
	    "{'id':'m','type':'message','content':["
	    "{'type':'refusal','text':'x'}]}",
	    "{'id':'m','type':'message','content':["
	    "{'type':'output_text','text':'x','annotations':{}}]}",
	    "{'id':'m','type':'message','content':["
	    "{'type':'output_text','text':'x','logprobs':'y'}]}",
	    "{'id':'r','type':'reasoning','summary':["
	    "{'type':'text','text':'x'}]}",
	    "{'id':'r','type':'reasoning','summary':'x','content':["
	    "{'type':'reasoning_text','text':'x'}]}",
	    "{'id':'r','type':'reasoning','content':["
	    "{'type':'summary_text','text':'x'}]}",
	    /* calls without their text */
	    "{'id':'f','type':'function_call'}",
	    "{'id':'f','type':'function_call','arguments':{}}",
	    "{'id':'f','type':'custom_tool_call','arguments':'x'}",
	    /* nothing that events could name */
	    "{'type':'function_call','arguments':'x'}",
	    "{'id':null,'type':'message','content':["
	    "{'type':'output_text','text':'x'}]}",
	    "{'id':5,'type':'message','content':["
	    "{'type':'output_text','text':'x'}]}",
	};
	char text[512], *p;
	struct buf out;
	json_t *answer;
	size_t i;

	(void)state;
	for (i = 0; i < N_OF(items); i++) {
		snprintf(text, sizeof(text), "{'object':'response','status':"
		    "'completed','output':[%s,{'id':'x','type':'x_call'}]}",
		    items[i]);
		for (p = text; *p != '\0'; p++)
			*p = *p == '\'' ? '"' : *p;
		answer = json_loads(text, 0, NULL);
		golden_expect(items[i], golden_judge_value(WIRE_RESPONSES,
		    answer, &golden_lax, NULL), WIRE_STORABLE);
		buf_init(&out, OUT_MAX);
		if (row()->to_stream(&out, answer, false) == 0)
			fail_msg("%s is made a stream", items[i]);
		buf_fini(&out);
		json_decref(answer);
	}
}

/* As many items as a stream may have, and one more. */
static void
test_many_items(void **state)
{
	enum { MANY = 4096 };
	json_t *answer = json_pack("{s:s, s:s, s:[]}", "object", "response",
	    "status", "completed", "output");
	json_t *output = json_object_get(answer, "output");
	struct buf out;
	int i;

	(void)state;
	for (i = 0; i < MANY; i++)
		json_array_append_new(output,
		    json_pack("{s:s}", "type", "x_call"));
	check_round_trip(answer, "an answer of many items");
	json_array_append_new(output, json_pack("{s:s}", "type", "x_call"));
	buf_init(&out, OUT_MAX);
	assert_int_equal(row()->to_stream(&out, answer, false), -1);
	buf_fini(&out);
	json_decref(answer);
}

/* Nothing is made in part when the room for it is too small. */
static void
test_no_room(void **state)
{
	json_t *answer = fixture_json("responses", "search.json"), *payloads;
	size_t max, whole;
	struct buf out;

	(void)state;
	payloads = stream_of(answer, "search.json");
	buf_init(&out, OUT_MAX);
	assert_int_equal(row()->to_stream(&out, answer, false), 0);
	whole = out.len;
	buf_fini(&out);
	for (max = 0; max < whole; max += 61) {
		buf_init(&out, max);
		assert_int_equal(row()->to_stream(&out, answer, false), -1);
		buf_fini(&out);
	}
	buf_init(&out, 100);
	assert_int_equal(row()->to_json(&out, payloads, NULL), -1);
	buf_fini(&out);
	json_decref(payloads);
	json_decref(answer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_odd_streams_are_refused),
	    cmocka_unit_test(test_bad_answers_are_refused),
	    cmocka_unit_test(test_what_cannot_be_streamed),
	    cmocka_unit_test(test_many_items),
	    cmocka_unit_test(test_no_room),
	};

	return cmocka_run_group_tests_name("wire responses, refused", tests,
	    NULL, NULL);
}
