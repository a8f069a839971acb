/*
 * Messages reshaped: thousands of random answers come back as they were,
 * however their streams are cut. A failure names the seed.
 */
#include "messages_reshaping.h"

enum { RANDOM_ANSWERS = 3000 };

struct dice {
	uint64_t state;
};

static unsigned
roll(struct dice *d, unsigned sides)
{
	/* Knuth's MMIX generator; its high bits are the good ones. */
	d->state = d->state * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(d->state >> 33) % sides;
}

static json_t *
random_text(struct dice *d)
{
	static const char *const parts[] = {" ", "a", "owl", "\n", "\t", "ß",
	    "—", "語", "👋🏽", "\"", "\\", "{", "}", "data: [DONE]", "\r\n",
	    "supercalifragilisticexpialidociousnesses", "\x01", "\x7f"};
	unsigned n = roll(d, 4) == 0 ? roll(d, 60) : roll(d, 6);
	struct buf b;
	json_t *text;

	buf_init(&b, OUT_MAX);
	buf_reserve(&b, 1);
	for (; n > 0; n--)
		buf_puts(&b, parts[roll(d, N_OF(parts))]);
	if (roll(d, 50) == 0)
		buf_append(&b, "\0", 1);
	text = json_stringn(b.data, b.len);
	assert_non_null(text);
	buf_fini(&b);
	return text;
}

static json_t *
random_value(struct dice *d, unsigned depth)
{
	static const char *const names[] = {"a", "type", "text", "", "ä\n"};
	json_t *value;
	unsigned n;

	switch (roll(d, depth > 3 ? 6 : 8)) {
	case 0:
		return json_null();
	case 1:
		return json_boolean(roll(d, 2));
	case 2:
		return json_integer((json_int_t)d->state);
	case 3:
		return json_real((double)(int32_t)roll(d, 1u << 31) / 1e7);
	case 4:
	case 5:
		return random_text(d);
	case 6:
		value = json_array();
		for (n = roll(d, 4); n > 0; n--)
			json_array_append_new(value,
			    random_value(d, depth + 1));
		return value;
	default:
		value = json_object();
		for (n = roll(d, 4); n > 0; n--)
			json_object_set_new(value, names[roll(d, N_OF(names))],
			    random_value(d, depth + 1));
		return value;
	}
}

/* Set a member to anything, to null or "", or leave it out. */
static void
random_member(struct dice *d, json_t *object, const char *name, json_t *value)
{
	switch (roll(d, 4)) {
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
random_list(struct dice *d)
{
	json_t *list = json_array();
	unsigned n;

	for (n = roll(d, 4); n > 0; n--)
		json_array_append_new(list, random_value(d, 2));
	return list;
}

static json_t *
random_block(struct dice *d)
{
	static const char *const types[] = {"text", "thinking", "tool_use",
	    "server_tool_use", "redacted_thinking", "mcp_tool_use",
	    "hologram"};
	unsigned type = roll(d, N_OF(types));
	json_t *block = json_object(), *input = json_object();

	json_object_set_new(block, "type", json_string(types[type]));
	json_object_set_new(input, "x", random_value(d, 0));
	if (roll(d, 3) == 0)
		json_object_clear(input);
	if (type == 0) {
		json_object_set_new(block, "text", random_text(d));
		random_member(d, block, "citations", random_list(d));
	} else if (type == 1) {
		json_object_set_new(block, "thinking", random_text(d));
		random_member(d, block, "signature", random_text(d));
	} else {
		json_object_set(block, "input", input);
	}
	random_member(d, block, "more", random_value(d, 1));
	json_decref(input);
	return block;
}

static json_t *
random_usage(struct dice *d)
{
	json_t *usage = json_object();

	random_member(d, usage, "input_tokens", json_integer(roll(d, 9)));
	random_member(d, usage, "output_tokens", json_integer(roll(d, 9)));
	random_member(d, usage, "server_tool_use", random_value(d, 2));
	random_member(d, usage, "service_tier", random_text(d));
	return usage;
}

static json_t *
random_answer(struct dice *d)
{
	static const char *const reasons[] = {"end_turn", "max_tokens",
	    "tool_use", "stop_sequence", "pause_turn", "surprise"};
	json_t *answer = json_pack("{s:s, s:s, s:s, s:s, s:[]}", "id",
	    "msg_01", "type", "message", "role", "assistant", "model", "m",
	    "content");
	unsigned n;

	for (n = roll(d, 5); n > 0; n--)
		json_array_append_new(json_object_get(answer, "content"),
		    random_block(d));
	json_array_append_new(json_object_get(answer, "content"),
	    json_pack("{s:s, s:s}", "type", "text", "text", "so"));
	json_object_set_new(answer, "stop_reason",
	    json_string(reasons[roll(d, N_OF(reasons))]));
	random_member(d, answer, "stop_sequence", random_text(d));
	random_member(d, answer, "stop_details", random_value(d, 1));
	random_member(d, answer, "container", random_value(d, 1));
	random_member(d, answer, "hue", random_value(d, 0));
	json_object_set_new(answer, "usage", random_usage(d));
	return answer;
}

static void
test_random_answers_come_back(void **state)
{
	struct dice d;
	json_t *answer;
	char name[64];
	uint64_t seed;

	(void)state;
	for (seed = 1; seed <= RANDOM_ANSWERS; seed++) {
		d.state = seed;
		snprintf(name, sizeof(name), "the random answer of seed %u",
		    (unsigned)seed);
		answer = random_answer(&d);
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
merge_any(struct dice *d, json_t *into, const json_t *next)
{
	return into != NULL && roll(d, 2) == 0 &&
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
	struct dice d;
	uint64_t seed;
	size_t i;

	(void)state;
	for (seed = 1; seed <= RANDOM_ANSWERS / 10; seed++) {
		d.state = seed;
		answer = random_answer(&d);
		stream = stream_of(answer);
		payloads = wire_payloads(stream.data, stream.len);
		other = json_array();
		json_array_foreach(payloads, i, payload) {
			if (merge_any(&d, json_array_get(other,
			    json_array_size(other) - 1), payload))
				continue;
			if (i > 0 && roll(&d, 5) == 0)
				json_array_append_new(other,
				    json_pack("{s:s}", "type", "ping"));
			json_array_append(other, payload);
		}
		back = json_of_payloads(other);
		if (back == NULL || !json_equal(back, answer))
			fail_msg("seed %u comes back as another",
			    (unsigned)seed);
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
