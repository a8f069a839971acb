/*
 * Responses as stream and as JSON: thousands of random answers come back as
 * they were. A failure names the seed.
 */
#include "responses_client.h"

enum { ROUNDS = 3000 };

static uint64_t random_state;

static unsigned
pick(unsigned n)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (unsigned)(random_state % n);
}

static json_t *
random_text(void)
{
	static const char *const atoms[] = {" ", "  ", "\n", "\t", "word",
	    "Grüße", "🌍", "\"", "\\", "data: [DONE]", "\r\n", "{\"a\":1}",
	    "日本語", "a-very-long-word-that-does-not-end-for-a-good-while-yet",
	    "\x01", "é"};
	char text[1024] = "";
	size_t len = 0, n;
	unsigned i;

	for (i = pick(12); i > 0; i--) {
		n = pick(N_OF(atoms));
		memcpy(text + len, atoms[n], strlen(atoms[n]));
		len += strlen(atoms[n]);
		if (pick(40) == 0)
			text[len++] = '\0';
	}
	return json_stringn(text, len);
}

/* Members that nobody has heard of. */
static void
add_unknown(json_t *object)
{
	if (pick(4) == 0)
		json_object_set_new(object, "x_text", random_text());
	if (pick(6) == 0)
		json_object_set_new(object, "x_number",
		    json_real((double)pick(1000) / 7));
	if (pick(6) == 0)
		json_object_set_new(object, "x_null", json_null());
}

static json_t *
random_list(const char *member)
{
	json_t *list = json_array(), *element;
	unsigned i;

	for (i = pick(4); i > 0; i--) {
		element = json_object();
		json_object_set_new(element, member, random_text());
		json_object_set_new(element, "logprob",
		    json_real(-1.0 / (1 + pick(50))));
		add_unknown(element);
		json_array_append_new(list, element);
	}
	return list;
}

static json_t *
random_part(const char *type, const char *member)
{
	json_t *part = json_pack("{s:s}", "type", type);

	add_unknown(part);
	if (strcmp(type, "output_text") == 0) {
		if (pick(3) > 0)
			json_object_set_new(part, "annotations",
			    pick(8) > 0 ? random_list("url") : json_null());
		if (pick(3) > 0)
			json_object_set_new(part, "logprobs",
			    pick(8) > 0 ? random_list("token") : json_null());
	}
	json_object_set_new(part, member, random_text());
	return part;
}

static json_t *
random_parts(const char *type, const char *member)
{
	json_t *list = json_array();
	unsigned i;

	for (i = pick(4); i > 0; i--)
		json_array_append_new(list, random_part(type, member));
	return list;
}

static void
fill_message(json_t *item)
{
	json_t *content = random_parts("output_text", "text");

	if (pick(4) == 0)
		json_array_append_new(content,
		    random_part("refusal", "refusal"));
	json_object_set_new(item, "content", content);
	json_object_set_new(item, "role", json_string("assistant"));
}

static void
fill_reasoning(json_t *item)
{
	if (pick(4) > 0)
		json_object_set_new(item, "summary",
		    random_parts("summary_text", "text"));
	if (pick(2) > 0)
		json_object_set_new(item, "content", pick(5) > 0 ?
		    random_parts("reasoning_text", "text") : json_null());
	if (pick(3) == 0)
		json_object_set_new(item, "encrypted_content", random_text());
}

static void
fill_call(json_t *item)
{
	json_object_set_new(item, "arguments", random_text());
	json_object_set_new(item, "name", json_string("f"));
	json_object_set_new(item, "call_id", json_string("call_1"));
}

static void
fill_custom(json_t *item)
{
	json_object_set_new(item, "name", json_string("f"));
	json_object_set_new(item, "input", random_text());
}

static json_t *
random_item(unsigned index)
{
	static const struct {
		const char *type;
		void (*fill)(json_t *item);
	} types[] = {{"message", fill_message}, {"reasoning", fill_reasoning},
	    {"function_call", fill_call}, {"custom_tool_call", fill_custom},
	    {"web_search_call", add_unknown}, {"mcp_call", fill_call},
	    {"never_heard_of", fill_message}};
	json_t *item = json_object();
	unsigned type = pick(N_OF(types));
	char id[24];

	snprintf(id, sizeof(id), "item_%u", index);
	json_object_set_new(item, "id", json_string(id));
	json_object_set_new(item, "type", json_string(types[type].type));
	if (pick(4) > 0)
		json_object_set_new(item, "status",
		    pick(8) > 0 ? json_string("completed") : json_null());
	add_unknown(item);
	types[type].fill(item);
	return item;
}

static json_t *
random_answer(void)
{
	json_t *answer = json_pack("{s:s, s:s}", "id", "resp_1", "object",
	    "response");
	json_t *output = json_array();
	unsigned i, n = 1 + pick(5);

	for (i = 0; i < n; i++)
		json_array_append_new(output, random_item(i));
	if (pick(5) > 0)
		json_object_set_new(answer, "usage", json_pack("{s:i, s:i}",
		    "input_tokens", 9, "output_tokens", pick(1000)));
	json_object_set_new(answer, "output", output);
	if (pick(2) > 0)
		json_object_set_new(answer, "error", json_null());
	json_object_set_new(answer, "status", json_string("completed"));
	if (pick(3) > 0)
		json_object_set_new(answer, "completed_at", json_integer(5));
	add_unknown(answer);
	return answer;
}

static void
test_random_round_trips(void **state)
{
	json_t *answer;
	char what[48];
	unsigned i, n = 0;

	(void)state;
	for (i = 1; i <= ROUNDS; i++) {
		random_state = i * 0x9e3779b97f4a7c15U;
		snprintf(what, sizeof(what), "the answer of seed %u", i);
		answer = random_answer();
		if (golden_judge_value(WIRE_RESPONSES, answer, &golden_lax,
		    NULL) == WIRE_STORABLE) {
			check_round_trip(answer, what);
			n++;
		}
		json_decref(answer);
	}
	/* Most have content; else the test would say little. */
	assert_in_range(n, ROUNDS / 2, ROUNDS);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_random_round_trips),
	};

	return cmocka_run_group_tests_name("wire responses, at random", tests,
	    NULL, NULL);
}
