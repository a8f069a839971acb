/*
 * Responses as stream and as JSON: thousands of random answers come back as
 * they were. A failure names the seed.
 */
#include "random_json.h"
#include "responses_client.h"

enum { ROUNDS = 3000 };

/* Members that nobody has heard of. */
static void
add_unknown(struct rng *r, json_t *object)
{
	if (rng_below(r, 4) == 0)
		json_object_set_new(object, "x_text", random_text(r, 12));
	if (rng_below(r, 6) == 0)
		json_object_set_new(object, "x_number",
		    json_real((double)rng_below(r, 1000) / 7));
	if (rng_below(r, 6) == 0)
		json_object_set_new(object, "x_null", json_null());
}

static json_t *
random_list(struct rng *r, const char *member)
{
	json_t *list = json_array(), *element;
	size_t i;

	for (i = rng_below(r, 4); i > 0; i--) {
		element = json_object();
		json_object_set_new(element, member, random_text(r, 12));
		json_object_set_new(element, "logprob",
		    json_real(-1.0 / (double)(1 + rng_below(r, 50))));
		add_unknown(r, element);
		json_array_append_new(list, element);
	}
	return list;
}

static json_t *
random_part(struct rng *r, const char *type, const char *member)
{
	json_t *part = json_pack("{s:s}", "type", type);

	add_unknown(r, part);
	if (strcmp(type, "output_text") == 0) {
		if (rng_below(r, 3) > 0)
			json_object_set_new(part, "annotations",
			    rng_below(r, 8) > 0 ? random_list(r, "url") :
			    json_null());
		if (rng_below(r, 3) > 0)
			json_object_set_new(part, "logprobs",
			    rng_below(r, 8) > 0 ? random_list(r, "token") :
			    json_null());
	}
	json_object_set_new(part, member, random_text(r, 12));
	return part;
}

static json_t *
random_parts(struct rng *r, const char *type, const char *member)
{
	json_t *list = json_array();
	size_t i;

	for (i = rng_below(r, 4); i > 0; i--)
		json_array_append_new(list, random_part(r, type, member));
	return list;
}

static void
fill_message(struct rng *r, json_t *item)
{
	json_t *content = random_parts(r, "output_text", "text");

	if (rng_below(r, 4) == 0)
		json_array_append_new(content,
		    random_part(r, "refusal", "refusal"));
	json_object_set_new(item, "content", content);
	json_object_set_new(item, "role", json_string("assistant"));
}

static void
fill_reasoning(struct rng *r, json_t *item)
{
	if (rng_below(r, 4) > 0)
		json_object_set_new(item, "summary",
		    random_parts(r, "summary_text", "text"));
	if (rng_below(r, 2) > 0)
		json_object_set_new(item, "content", rng_below(r, 5) > 0 ?
		    random_parts(r, "reasoning_text", "text") : json_null());
	if (rng_below(r, 3) == 0)
		json_object_set_new(item, "encrypted_content",
		    random_text(r, 12));
}

static void
fill_call(struct rng *r, json_t *item)
{
	json_object_set_new(item, "arguments", random_text(r, 12));
	json_object_set_new(item, "name", json_string("f"));
	json_object_set_new(item, "call_id", json_string("call_1"));
}

static void
fill_custom(struct rng *r, json_t *item)
{
	json_object_set_new(item, "name", json_string("f"));
	json_object_set_new(item, "input", random_text(r, 12));
}

static json_t *
random_item(struct rng *r, size_t index)
{
	static const struct {
		const char *type;
		void (*fill)(struct rng *r, json_t *item);
	} types[] = {{"message", fill_message}, {"reasoning", fill_reasoning},
	    {"function_call", fill_call}, {"custom_tool_call", fill_custom},
	    {"web_search_call", add_unknown}, {"mcp_call", fill_call},
	    {"never_heard_of", fill_message}};
	json_t *item = json_object();
	size_t type = rng_below(r, N_OF(types));
	char id[24];

	snprintf(id, sizeof(id), "item_%zu", index);
	json_object_set_new(item, "id", json_string(id));
	json_object_set_new(item, "type", json_string(types[type].type));
	if (rng_below(r, 4) > 0)
		json_object_set_new(item, "status",
		    rng_below(r, 8) > 0 ? json_string("completed") : json_null());
	add_unknown(r, item);
	types[type].fill(r, item);
	return item;
}

static json_t *
random_answer(struct rng *r)
{
	json_t *answer = json_pack("{s:s, s:s}", "id", "resp_1", "object",
	    "response");
	json_t *output = json_array();
	size_t i, n = 1 + rng_below(r, 5);

	for (i = 0; i < n; i++)
		json_array_append_new(output, random_item(r, i));
	if (rng_below(r, 5) > 0)
		json_object_set_new(answer, "usage", json_pack("{s:i, s:i}",
		    "input_tokens", 9, "output_tokens", (int)rng_below(r, 1000)));
	json_object_set_new(answer, "output", output);
	if (rng_below(r, 2) > 0)
		json_object_set_new(answer, "error", json_null());
	json_object_set_new(answer, "status", json_string("completed"));
	if (rng_below(r, 3) > 0)
		json_object_set_new(answer, "completed_at", json_integer(5));
	add_unknown(r, answer);
	return answer;
}

static void
test_random_round_trips(void **state)
{
	json_t *answer;
	char what[48];
	size_t seed, n = 0;

	(void)state;
	for (seed = 1; seed <= ROUNDS; seed++) {
		struct rng r = rng_new(seed);

		snprintf(what, sizeof(what), "the answer of seed %zu", seed);
		answer = random_answer(&r);
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
