/*
 * What the tests of chat completions reshaped share.
 */
#ifndef TEST_CHAT_RESHAPING_H
#define TEST_CHAT_RESHAPING_H

#include "reshaping.h"

/* What a choice of a chunk says. */
static inline void
say_chat(json_t *said, const char *key, const json_t *choice)
{
	static const char *const texts[] = {"content", "reasoning",
	    "reasoning_content", "refusal"};
	const json_t *delta = json_object_get(choice, "delta"), *call, *f;
	char name[96];
	size_t i;

	for (i = 0; i < N_OF(texts); i++) {
		snprintf(name, sizeof(name), "%s %s", key, texts[i]);
		say_text(said, name, json_object_get(delta, texts[i]));
	}
	f = json_object_get(delta, "function_call");
	snprintf(name, sizeof(name), "%s function", key);
	say_value(said, name, json_object_get(f, "name"));
	snprintf(name, sizeof(name), "%s function arguments", key);
	say_text(said, name, json_object_get(f, "arguments"));
	for (i = 0; i < json_array_size(json_object_get(delta, "tool_calls"));
	    i++) {
		int at;

		call = json_array_get(json_object_get(delta, "tool_calls"), i);
		f = json_object_get(call, "function");
		at = (int)json_integer_value(json_object_get(call, "index"));
		snprintf(name, sizeof(name), "%s tool %d id", key, at);
		say_value(said, name, json_object_get(call, "id"));
		snprintf(name, sizeof(name), "%s tool %d name", key, at);
		say_value(said, name, json_object_get(f, "name"));
		snprintf(name, sizeof(name), "%s tool %d arguments", key, at);
		say_text(said, name, json_object_get(f, "arguments"));
	}
}

static inline json_t *
answer_of(const char *choices)
{
	return answer_with("chat.completion", choices);
}

/* A stream of choices, one a chunk, with the same head and these members. */
static inline json_t *
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

static inline void
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

#endif
