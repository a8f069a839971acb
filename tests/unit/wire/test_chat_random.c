/*
 * Random chat completions reshaped: from JSON to stream and back, and from
 * streams as other makers cut them to JSON and back. A failing one names
 * its seed.
 */
#include "chat_reshaping.h"
#include "random_choices.h"

enum { ROUNDS = 2000 };

/* ---- answers ------------------------------------------------------------ */

static void
random_growing(struct rng *r, json_t *message, const char *name)
{
	switch (rng_below(r, 4)) {
	case 0:
		break;
	case 1:
		json_object_set_new(message, name, json_null());
		break;
	default:
		json_object_set_new(message, name, random_text(r, 12));
	}
}

static json_t *
random_tool(struct rng *r)
{
	json_t *tool = json_pack("{s:s, s:s, s:{s:s, s:o}}", "id",
	    rng_below(r, 2) ? "call_1" : "call_2", "type", "function",
	    "function", "name", "f", "arguments", random_text(r, 9));

	if (rng_below(r, 4) == 0)
		json_object_set_new(tool, "extra", random_value(r, 2));
	if (rng_below(r, 4) > 0)
		return tool;
	json_decref(tool);
	return json_pack("{s:s, s:s, s:{s:s, s:o}}", "id", "call_3", "type",
	    "custom", "custom", "name", "g", "input", random_text(r, 9));
}

static json_t *
random_message(struct rng *r)
{
	json_t *message = json_object(), *tools;
	size_t n;

	random_growing(r, message, "content");
	json_object_set_new(message, "role", json_string("assistant"));
	random_growing(r, message, "refusal");
	random_growing(r, message, "reasoning");
	random_growing(r, message, "reasoning_content");
	if (rng_below(r, 3) == 0)
		json_object_set_new(message, "annotations",
		    random_value(r, 2));
	if (rng_below(r, 3) == 0)
		json_object_set_new(message, "x", random_value(r, 2));
	if (rng_below(r, 4) == 0)
		json_object_set_new(message, "function_call",
		    rng_below(r, 2) ? json_null() : json_pack("{s:s, s:o}",
		    "name", "f", "arguments", random_text(r, 9)));
	if (rng_below(r, 2) == 0) {
		tools = json_array();
		for (n = rng_below(r, 4); n > 0; n--)
			json_array_append_new(tools, random_tool(r));
		json_object_set_new(message, "tool_calls", tools);
	}
	return message;
}

static json_t *
random_entries(struct rng *r, const json_t *text)
{
	json_t *list, *tokens, *token;
	size_t i;

	if (!json_is_string(text))
		return json_null();
	list = json_array();
	tokens = random_pieces(r, text);
	json_array_foreach(tokens, i, token)
		json_array_append_new(list, json_pack("{s:O, s:f, s:o}",
		    "token", token, "logprob",
		    (double)rng_below(r, 1000) / -77.0, "top_logprobs",
		    random_value(r, 1)));
	/* Sometimes they do not spell it. */
	if (rng_below(r, 3) == 0)
		json_array_append_new(list,
		    json_pack("{s:s}", "token", "\xc3\xbc"));
	json_decref(tokens);
	return list;
}

static json_t *
random_logprobs(struct rng *r, const json_t *choice)
{
	json_t *message = json_object_get(choice, "message");

	return json_pack("{s:o, s:o}",
	    "content", random_entries(r, json_object_get(message, "content")),
	    "refusal", random_entries(r, json_object_get(message, "refusal")));
}

static json_t *
random_choice(struct rng *r, json_int_t index)
{
	static const char *const reasons[] = {"stop", "length", "tool_calls"};
	json_t *message = random_message(r);
	json_t *choice = json_pack("{s:I, s:o, s:s}", "index", index, "message",
	    message, "finish_reason", reasons[rng_below(r, 3)]);

	add_members(r, choice, random_logprobs);
	return choice;
}

/* An answer; now and then one that is not stored, for want of content. */
static json_t *
random_answer(struct rng *r)
{
	json_t *answer = random_choices(r, "chat.completion", random_choice);

	if (rng_below(r, 4) > 0)
		json_object_set_new(answer, "usage",
		    rng_below(r, 8) == 0 ? json_null() : random_usage(r));
	if (rng_below(r, 2) == 0)
		json_object_set_new(answer, "service_tier", json_null());
	if (rng_below(r, 2) == 0)
		json_object_set_new(answer, "x_other", random_value(r, 2));
	return answer;
}

/* The pieces of text that a reader would show, one by one. */
static void
check_words(const json_t *payloads)
{
	static const char *const texts[] = {"reasoning", "reasoning_content",
	    "content", "refusal"};
	const json_t *choice, *text;
	size_t i, k;

	for (i = 0; i < json_array_size(payloads); i++) {
		choice = choice_at(payloads, i);
		for (k = 0; k < N_OF(texts); k++) {
			text = json_object_get(json_object_get(choice, "delta"),
			    texts[k]);
			if (json_string_length(text) > 0 &&
			    !json_is_object(json_object_get(choice,
			    "logprobs")))
				check_piece(text);
		}
	}
}

/* The role is the first member of a choice's first delta, and only there. */
static void
check_roles(const json_t *payloads)
{
	json_int_t last = -1, index;
	json_t *delta;
	size_t i;

	for (i = 0; i < json_array_size(payloads); i++) {
		const json_t *choice = choice_at(payloads, i);

		if (choice == NULL)
			continue;
		index = json_integer_value(json_object_get(choice, "index"));
		delta = json_object_get(choice, "delta");
		if (index == last) {
			assert_null(json_object_get(delta, "role"));
			continue;
		}
		assert_string_equal(
		    json_object_iter_key(json_object_iter(delta)), "role");
		last = index;
	}
}

static void
check_stream(const json_t *payloads)
{
	check_words(payloads);
	check_roles(payloads);
}

/* ---- streams of other makers: random pieces, choices interleaved -------- */

static void
add_delta(json_t *queue, const json_t *choice, json_t *delta)
{
	json_t *out = json_pack("{s:O, s:o, s:n}", "index",
	    json_object_get(choice, "index"), "delta", delta, "finish_reason");

	if (json_object_get(choice, "logprobs") != NULL)
		json_object_set_new(out, "logprobs", json_null());
	json_array_append_new(queue, out);
}

static void
add_text(struct rng *r, json_t *queue, const json_t *choice, const char *name,
    json_t *text)
{
	json_t *pieces, *piece;
	size_t i;

	if (json_string_length(text) == 0) {
		add_delta(queue, choice, json_pack("{s:O}", name, text));
		return;
	}
	pieces = random_pieces(r, text);
	if (rng_below(r, 2) == 0)
		json_array_insert_new(pieces, rng_below(r, 2),
		    rng_below(r, 2) ? json_string("") : json_null());
	json_array_foreach(pieces, i, piece)
		add_delta(queue, choice, json_pack("{s:O}", name, piece));
	json_decref(pieces);
}

static void
add_tool(struct rng *r, json_t *queue, const json_t *choice, size_t at,
    json_t *tool)
{
	json_t *first = json_deep_copy(tool), *piece, *pieces, *callee;
	bool custom = json_object_get(tool, "custom") != NULL;
	const char *outer = custom ? "custom" : "function";
	const char *text = custom ? "input" : "arguments";
	size_t i;

	callee = json_object_get(tool, outer);
	pieces = random_pieces(r, json_object_get(callee, text));
	json_object_set_new(json_object_get(first, outer), text,
	    json_string(""));
	json_object_set_new(first, "index", json_integer((json_int_t)at));
	add_delta(queue, choice, json_pack("{s:[o]}", "tool_calls", first));
	json_array_foreach(pieces, i, piece) {
		json_t *next = json_pack("{s:i, s:{s:O}}", "index", (int)at,
		    outer, text, piece);

		if (rng_below(r, 4) == 0)
			json_object_set(next, "id",
			    json_object_get(tool, "id"));
		if (rng_below(r, 4) == 0)
			json_object_set_new(next, "type", json_string(""));
		if (rng_below(r, 4) == 0)
			json_object_set(json_object_get(next, outer), "name",
			    json_object_get(callee, "name"));
		add_delta(queue, choice,
		    json_pack("{s:[o]}", "tool_calls", next));
	}
	json_decref(pieces);
}

static void
add_member(struct rng *r, json_t *queue, const json_t *choice,
    const char *name, json_t *value)
{
	json_t *tool;
	size_t i;

	if (json_is_string(value) && (strcmp(name, "content") == 0 ||
	    strcmp(name, "refusal") == 0 || strncmp(name, "reason", 6) == 0))
		add_text(r, queue, choice, name, value);
	else if (strcmp(name, "tool_calls") == 0 && json_array_size(value) > 0)
		json_array_foreach(value, i, tool)
			add_tool(r, queue, choice, i, tool);
	else
		add_delta(queue, choice, json_pack("{s:O}", name, value));
}

/* The chunks of a choice, in the order they must come. */
static json_t *
cut_choice(struct rng *r, json_t *choice)
{
	json_t *queue = json_array(), *value, *last;
	const char *name;

	json_object_foreach(json_object_get(choice, "message"), name, value)
		add_member(r, queue, choice, name, value);
	add_delta(queue, choice, json_object());
	last = json_array_get(queue, json_array_size(queue) - 1);
	json_object_foreach(choice, name, value) {
		if (strcmp(name, "message") != 0)
			json_object_set(last, name, value);
	}
	return queue;
}

static json_t *
cut_answer(struct rng *r, json_t *answer)
{
	json_t *queues = json_array(), *head = json_copy(answer), *choice;
	json_t *payloads;
	size_t i;

	json_array_foreach(json_object_get(answer, "choices"), i, choice)
		json_array_append_new(queues, cut_choice(r, choice));
	json_object_set_new(head, "object",
	    json_string("chat.completion.chunk"));
	if (!json_is_null(json_object_get(head, "usage")))
		json_object_del(head, "usage");
	payloads = random_mix(r, queues, head);
	json_decref(head);
	return payloads;
}

/* ---- round trips -------------------------------------------------------- */

static const struct random_set set = {.id = WIRE_CHAT, .rounds = ROUNDS,
    .answer = random_answer, .cut = cut_answer, .check = check_stream,
    .say = say_chat, .usage_beside = true};

static void
test_random_answers(void **state)
{
	(void)state;
	assert_true(check_random_answers(&set) > ROUNDS / 4);
}

static void
test_random_streams(void **state)
{
	(void)state;
	assert_true(check_random_streams(&set) > ROUNDS / 4);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_random_answers),
	    cmocka_unit_test(test_random_streams),
	};

	return cmocka_run_group_tests_name("wire chat random", tests, NULL,
	    NULL);
}
