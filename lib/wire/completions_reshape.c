#include "wire/completions.h"

#include "wire/choices_reshape.h"
#include "wire/payload.h"

#include <string.h>

/* Of an answer and of a chunk. */
static const char object_name[] = "text_completion";

/* ---- how chunks fold into an answer ------------------------------------- */

static const struct wire_fold_rule logprobs_rules[] = {
    {.name = "tokens", .how = WIRE_FOLD_LIST},
    {.name = "token_logprobs", .how = WIRE_FOLD_LIST},
    {.name = "top_logprobs", .how = WIRE_FOLD_LIST},
    {.name = "text_offset", .how = WIRE_FOLD_LIST},
    {.how = WIRE_FOLD_ONCE},
};

static const struct wire_fold_rule choice_rules[] = {
    {.name = "text", .how = WIRE_FOLD_TEXT},
    WIRE_CHOICE_RULES(logprobs_rules),
};

static const struct wire_fold_rule chunk_rules[] = {
    WIRE_CHUNK_RULES(choice_rules),
};

/* ---- an answer to chunks ------------------------------------------------ */

struct writer {
	struct wire_chunks *chunks;
	json_t *choice;
};

/* Write a piece; logprobs (or NULL) is taken over. */
static int
put_text(struct writer *w, json_t *text, json_t *logprobs)
{
	return wire_chunks_put(w->chunks, w->choice, "text",
	    json_incref(text), logprobs);
}

static int
put_piece(void *arg, json_t *piece)
{
	return put_text(arg, piece, NULL);
}

static bool
is_list(const char *name)
{
	const struct wire_fold_rule *rule;

	for (rule = logprobs_rules; rule->name != NULL; rule++)
		if (strcmp(rule->name, name) == 0)
			return true;
	return false;
}

/* Whether each list is one, or null. */
static bool
has_lists(json_t *logprobs)
{
	const char *name;
	json_t *value;

	json_object_foreach(logprobs, name, value) {
		if (is_list(name) && wire_is_set(value) &&
		    !json_is_array(value))
			return false;
	}
	return json_is_object(logprobs);
}

/*
 * Whether logprobs can be dealt out token by token: nothing but lists that
 * are as long as that of the tokens, which spell the text.
 */
static bool
is_by_token(json_t *logprobs, const json_t *text)
{
	const json_t *tokens = json_object_get(logprobs, "tokens");
	const char *name;
	json_t *value;

	if (!wire_tokens_spell(tokens, NULL, text))
		return false;
	json_object_foreach(logprobs, name, value) {
		if (!is_list(name) || (wire_is_set(value) &&
		    json_array_size(value) != json_array_size(tokens)))
			return false;
	}
	return true;
}

/* The logprobs of one token. New. */
static json_t *
logprobs_at(json_t *logprobs, size_t i)
{
	json_t *out = json_object(), *value, *one;
	const char *name;
	int rc = 0;

	json_object_foreach(logprobs, name, value) {
		one = wire_is_set(value) ?
		    json_pack("[O]", json_array_get(value, i)) : json_null();
		if (json_object_set_new(out, name, one) != 0)
			rc = -1;
	}
	if (rc == 0)
		return out;
	json_decref(out);
	return NULL;
}

static int
put_tokens(struct writer *w, json_t *logprobs)
{
	json_t *token, *one;
	size_t i;

	json_array_foreach(json_object_get(logprobs, "tokens"), i, token) {
		one = logprobs_at(logprobs, i);
		if (one == NULL || put_text(w, token, one) != 0)
			return -1;
	}
	return 0;
}

static int
put_all_text(struct writer *w)
{
	json_t *text = json_object_get(w->choice, "text");
	json_t *logprobs = json_object_get(w->choice, "logprobs");

	if (!wire_is_set(logprobs))
		return wire_each_piece(text, put_piece, w);
	if (!has_lists(logprobs))
		return -1;
	if (is_by_token(logprobs, text))
		return put_tokens(w, logprobs);
	return put_text(w, text, json_incref(logprobs));
}

static int
put_choice(struct wire_chunks *c, json_t *choice)
{
	struct writer w = {c, choice};

	if (put_all_text(&w) != 0)
		return -1;
	return wire_chunks_put_last(c, choice, "text", json_string(""), "text");
}

/* ---- the members of the row --------------------------------------------- */

static const struct wire_choices_shape shape = {
    .json_object = object_name,
    .chunk_object = object_name,
    .rules = chunk_rules,
    .judge_json = wire_completions_judge_json,
    .put_choice = put_choice,
};

bool
wire_completions_owns_json(const json_t *answer)
{
	return wire_choices_own(answer, object_name);
}

bool
wire_completions_owns_payload(const json_t *payload)
{
	return wire_choices_own(payload, object_name);
}

int
wire_completions_to_stream(struct buf *out, const json_t *answer, bool usage)
{
	return wire_choices_to_stream(out, answer, usage, &shape);
}

int
wire_completions_to_json(struct buf *out, const json_t *payloads,
    json_t *usage)
{
	return wire_choices_to_json(out, payloads, usage, &shape);
}
