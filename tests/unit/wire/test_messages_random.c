/*
 * Messages reshaped: thousands of random answers come back as they were,
 * however their streams are cut. A failure names the seed.
 */
#include "messages_reshaping.h"
#include "random_json.h"

enum { RANDOM_ANSWERS = 3000 };

/* A short text, now and then a long one. */
static json_t *
any_text(struct rng *r)
{
	return random_text(r, rng_below(r, 4) == 0 ? 60 : 6);
}

/* Set a member to anything, to null or "", or leave it out. */
static void
random_member(struct rng *r, json_t *object, const char *name, json_t *value)
{
	switch (rng_below(r, 4)) {
	case 0:
		json_decref(value);
		break;
	case 1:
		json_decref(value);
		json_object_set_new(object, name, json_null());
		break;
	default:
		json_object_set_new(object, name, value);
		break;
	}
}

static json_t *
random_list(struct rng *r)
{
	json_t *list = json_array();
	size_t n;

	for (n = rng_below(r, 4); n > 0; n--)
		json_array_append_new(list, random_value(r, 2));
	return list;
}

static json_t *
random_block(struct rng *r)
{
	static const char *const types[] = {"text", "thinking", "tool_use",
	    "server_tool_use", "redacted_thinking", "mcp_tool_use",
	    "hologram"};
	size_t type = rng_below(r, N_OF(types));
	json_t *block = json_object(), *input = json_object();

	json_object_set_new(block, "type", json_string(types[type]));
	json_object_set_new(input, "x", random_value(r, 4));
	if (rng_below(r, 3) == 0)
		json_object_clear(input);
	if (type == 0) {
		json_object_set_new(block, "text", any_text(r));
		random_member(r, block, "citations", random_list(r));
	} else if (type == 1) {
		json_object_set_new(block, "thinking", any_text(r));
		random_member(r, block, "signature", any_text(r));
	} else {
		json_object_set(block, "input", input);
	}
	random_member(r, block, "more", random_value(r, 3));
	json_decref(input);
	return block;
}

static json_t *
random_usage(struct rng *r)
{
	json_t *usage = json_object();

	random_member(r, usage, "input_tokens",
	    json_integer((json_int_t)rng_below(r, 9)));
	random_member(r, usage, "output_tokens",
	    json_integer((json_int_t)rng_below(r, 9)));
	random_member(r, usage, "server_tool_use", random_value(r, 2));
	random_member(r, usage, "service_tier", any_text(r));
	return usage;
}

static json_t *
random_answer(struct rng *r)
{
	static const char *const reasons[] = {"end_turn", "max_tokens",
	    "tool_use", "stop_sequence", "pause_turn", "surprise"};
	json_t *answer = json_pack("{s:s, s:s, s:s, s:s, s:[]}", "id",
	    "msg_01", "type", "message", "role", "assistant", "model", "m",
	    "content");
	size_t n;

	for (n = rng_below(r, 5); n > 0; n--)
		json_array_append_new(json_object_get(answer, "content"),
		    random_block(r));
	json_array_append_new(json_object_get(answer, "content"),
	    json_pack("{s:s, s:s}", "type", "text", "text", "so"));
	json_object_set_new(answer, "stop_reason",
	    json_string(reasons[rng_below(r, N_OF(reasons))]));
	random_member(r, answer, "stop_sequence", any_text(r));
	random_member(r, answer, "stop_details", random_value(r, 3));
	random_member(r, answer, "container", random_value(r, 3));
	random_member(r, answer, "hue", random_value(r, 4));
	json_object_set_new(answer, "usage", random_usage(r));
	return answer;
}

static void
test_random_answers_come_back(void **state)
{
	json_t *answer;
	char name[64];
	size_t seed;

	(void)state;
	for (seed = 1; seed <= RANDOM_ANSWERS; seed++) {
		struct rng r = rng_new(seed);

		snprintf(name, sizeof(name), "the random answer of seed %zu",
		    seed);
		answer = random_answer(&r);
		expect_round_trip(name, answer);
		json_decref(answer);
	}
}

/* ---- other ways to say the same ----------------------------------------- */

/* Put the text of one delta after that of another; whether they are alike. */
static bool
merge_delta(json_t *into, const json_t *next, const char *type,
    const char *member)
{
	json_t *delta = json_object_get(into, "delta"), *one, *two;
	struct buf b;

	if (!is_delta(into, type) || !is_delta(next, type))
		return false;
	one = json_object_get(delta, member);
	two = json_object_get(json_object_get(next, "delta"), member);
	buf_init(&b, OUT_MAX);
	buf_reserve(&b, 1);
	buf_append(&b, json_string_value(one), json_string_length(one));
	buf_append(&b, json_string_value(two), json_string_length(two));
	json_object_set_new(delta, member, json_stringn(b.data, b.len));
	buf_fini(&b);
	return true;
}

static bool
merge_any(struct rng *r, json_t *into, const json_t *next)
{
	return into != NULL && rng_below(r, 2) == 0 &&
	    (merge_delta(into, next, "text_delta", "text") ||
	    merge_delta(into, next, "thinking_delta", "thinking") ||
	    merge_delta(into, next, "input_json_delta", "partial_json"));
}

/* Longer pieces, and pings between them, are the same answer. */
static void
test_streams_cut_otherwise_say_the_same(void **state)
{
	json_t *answer, *payloads, *other, *payload, *back;
	struct buf stream;
	size_t seed, i;

	(void)state;
	for (seed = 1; seed <= RANDOM_ANSWERS / 10; seed++) {
		struct rng r = rng_new(seed);

		answer = random_answer(&r);
		stream = stream_of(answer);
		payloads = wire_payloads(stream.data, stream.len);
		other = json_array();
		json_array_foreach(payloads, i, payload) {
			if (merge_any(&r, json_array_get(other,
			    json_array_size(other) - 1), payload))
				continue;
			if (i > 0 && rng_below(&r, 5) == 0)
				json_array_append_new(other,
				    json_pack("{s:s}", "type", "ping"));
			json_array_append(other, payload);
		}
		back = json_of_payloads(other);
		if (back == NULL || !json_equal(back, answer))
			fail_msg("seed %zu comes back as another", seed);
		json_decref(back);
		json_decref(other);
		json_decref(payloads);
		json_decref(answer);
		buf_fini(&stream);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_random_answers_come_back),
	    cmocka_unit_test(test_streams_cut_otherwise_say_the_same),
	};

	return cmocka_run_group_tests_name("wire messages random", tests, NULL,
	    NULL);
}
