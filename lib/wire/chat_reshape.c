#include "wire/chat.h"

#include "wire/choices_reshape.h"
#include "wire/payload.h"

#include <string.h>

static const char json_object_name[] = "chat.completion";
static const char chunk_object_name[] = "chat.completion.chunk";

/* ---- how chunks fold into an answer ------------------------------------- */

static const struct wire_fold_rule function_rules[] = {
    {.name = "name", .how = WIRE_FOLD_SETTLED},
    {.name = "arguments", .how = WIRE_FOLD_TEXT},
    {.how = WIRE_FOLD_ONCE},
};

static const struct wire_fold_rule custom_rules[] = {
    {.name = "name", .how = WIRE_FOLD_SETTLED},
    {.name = "input", .how = WIRE_FOLD_TEXT},
    {.how = WIRE_FOLD_ONCE},
};

/* Some servers say id and type again in each chunk, or "" in later ones. */
static const struct wire_fold_rule tool_rules[] = {
    {.name = "index", .how = WIRE_FOLD_SAME},
    {.name = "id", .how = WIRE_FOLD_SETTLED},
    {.name = "type", .how = WIRE_FOLD_SETTLED},
    {.name = "function", .how = WIRE_FOLD_OBJECT, .inner = function_rules},
    {.name = "custom", .how = WIRE_FOLD_OBJECT, .inner = custom_rules},
    {.how = WIRE_FOLD_ONCE},
};

static const struct wire_fold_rule delta_rules[] = {
    {.name = "role", .how = WIRE_FOLD_SETTLED},
    {.name = "content", .how = WIRE_FOLD_TEXT},
    {.name = "reasoning", .how = WIRE_FOLD_TEXT},
    {.name = "reasoning_content", .how = WIRE_FOLD_TEXT},
    {.name = "refusal", .how = WIRE_FOLD_TEXT},
    {.name = "audio", .how = WIRE_FOLD_REFUSED},
    {.name = "function_call", .how = WIRE_FOLD_OBJECT,
	.inner = function_rules},
    {.name = "tool_calls", .how = WIRE_FOLD_NUMBERED, .inner = tool_rules},
    {.how = WIRE_FOLD_ONCE},
};

static const struct wire_fold_rule logprobs_rules[] = {
    {.name = "content", .how = WIRE_FOLD_LIST},
    {.name = "refusal", .how = WIRE_FOLD_LIST},
    {.how = WIRE_FOLD_ONCE},
};

static const struct wire_fold_rule choice_rules[] = {
    {.name = "delta", .how = WIRE_FOLD_OBJECT, .inner = delta_rules,
	.as = "message"},
    {.name = "message", .how = WIRE_FOLD_REFUSED},
    WIRE_CHOICE_RULES(logprobs_rules),
};

static const struct wire_fold_rule chunk_rules[] = {
    WIRE_CHUNK_RULES(choice_rules),
};

/* A message says who speaks, before all else; a stream may leave it open. */
static int
settle_role(json_t *choice)
{
	json_t *message = json_object_get(choice, "message"), *whole;
	int rc;

	if (json_string_length(json_object_get(message, "role")) > 0)
		return 0;
	json_object_del(message, "role");
	whole = json_pack("{s:s}", "role", "assistant");
	rc = json_object_update(whole, message);
	if (json_object_set_new(choice, "message", whole) != 0)
		rc = -1;
	return rc;
}

/* ---- an answer to chunks ------------------------------------------------ */

/* The texts of a message, in the order in which they are streamed. */
static const struct {
	const char *name;
	bool has_logprobs; /* a list of this name in logprobs */
} texts[] = {{"reasoning", false}, {"reasoning_content", false},
    {"content", true}, {"refusal", true}};
enum { N_TEXTS = sizeof(texts) / sizeof(texts[0]) };

/* The choice that is being written. */
struct writer {
	struct wire_chunks *chunks;
	json_t *choice;
	json_t *message;
	const char *text;  /* the member that comes in pieces, */
	const char *outer; /* the member that it is in, or NULL, */
	json_int_t tool;   /* and the tool call that this is in, or -1 */
};

static bool
is_text(const char *name)
{
	size_t i;

	for (i = 0; i < N_TEXTS; i++)
		if (strcmp(texts[i].name, name) == 0)
			return true;
	return false;
}

/* Both delta and logprobs (or NULL) are taken over. */
static int
put_delta(struct writer *w, json_t *delta, json_t *logprobs)
{
	return wire_chunks_put(w->chunks, w->choice, "delta", delta, logprobs);
}

/* A delta of one piece, inside what it belongs to. */
static json_t *
delta_of(const struct writer *w, json_t *piece)
{
	if (w->outer == NULL)
		return json_pack("{s:O}", w->text, piece);
	if (w->tool < 0)
		return json_pack("{s:{s:O}}", w->outer, w->text, piece);
	return json_pack("{s:[{s:I, s:{s:O}}]}", "tool_calls", "index",
	    w->tool, w->outer, w->text, piece);
}

static int
put_piece(void *arg, json_t *piece)
{
	return put_delta(arg, delta_of(arg, piece), NULL);
}

/* ---- logprobs: each with its token, where the tokens spell the text ----- */

/* The entries for a text whose tokens spell it; else NULL. */
static json_t *
entries_for(const struct writer *w, size_t text)
{
	const json_t *logprobs = json_object_get(w->choice, "logprobs");
	json_t *list = json_object_get(logprobs, texts[text].name);

	if (!texts[text].has_logprobs || !wire_tokens_spell(list, "token",
	    json_object_get(w->message, texts[text].name)))
		return NULL;
	return list;
}

static bool
has_logprobs_shape(const json_t *logprobs)
{
	const json_t *content = json_object_get(logprobs, "content");
	const json_t *refusal = json_object_get(logprobs, "refusal");

	if (!wire_is_set(logprobs))
		return true;
	return json_is_object(logprobs) &&
	    (!wire_is_set(content) || json_is_array(content)) &&
	    (!wire_is_set(refusal) || json_is_array(refusal));
}

/*
 * The logprobs of a first chunk: all of them, but for the entries that go
 * with their tokens. New.
 */
static json_t *
first_logprobs(const struct writer *w)
{
	json_t *all = json_object_get(w->choice, "logprobs"), *first;
	size_t i;

	if (!json_is_object(all))
		return json_incref(all);
	first = wire_copy(all);
	for (i = 0; i < N_TEXTS; i++) {
		if (entries_for(w, i) != NULL && json_object_set_new(first,
		    texts[i].name, json_array()) != 0) {
			json_decref(first);
			return NULL;
		}
	}
	return first;
}

/* An entry alone, and null for the other text where that has a list. New. */
static json_t *
logprobs_of(const struct writer *w, json_t *entry)
{
	const json_t *all = json_object_get(w->choice, "logprobs");
	const char *other;

	other = strcmp(w->text, "content") == 0 ? "refusal" : "content";
	if (json_object_get(all, other) == NULL)
		return json_pack("{s:[O]}", w->text, entry);
	return json_pack("{s:[O], s:n}", w->text, entry, other);
}

static int
put_tokens(struct writer *w, const json_t *entries)
{
	json_t *entry, *logprobs;
	size_t i;

	json_array_foreach(entries, i, entry) {
		logprobs = logprobs_of(w, entry);
		if (logprobs == NULL || put_delta(w, delta_of(w,
		    json_object_get(entry, "token")), logprobs) != 0)
			return -1;
	}
	return 0;
}

/* ---- the chunks of a choice, in order ----------------------------------- */

/*
 * What the first delta says of a member: 1, a value in *first; 0, nothing;
 * -1, it cannot be expressed. A text that is null, empty or to come is told
 * apart from one that is not there.
 */
static int
first_value(const char *name, json_t *value, json_t **first)
{
	*first = value;
	if (!wire_is_set(value))
		return 1;
	if (strcmp(name, "audio") == 0)
		return -1;
	if (strcmp(name, "function_call") == 0)
		return json_is_object(value) ? 0 : -1;
	if (strcmp(name, "tool_calls") == 0)
		return !json_is_array(value) ? -1 : json_array_size(value) == 0;
	if (!is_text(name))
		return 1;
	if (!json_is_string(value))
		return -1;
	return json_string_length(value) == 0;
}

static json_t *
first_delta(const struct writer *w)
{
	json_t *delta, *role = json_object_get(w->message, "role"), *value;
	const char *name;
	int has;

	if (json_string_length(role) == 0)
		return NULL;
	delta = json_pack("{s:O}", "role", role);
	json_object_foreach(w->message, name, value) {
		has = first_value(name, value, &value);
		if (has == 0 && strcmp(name, "content") == 0)
			has = json_object_set_new(delta, name, json_string(""));
		else if (has == 1)
			has = json_object_set(delta, name, value);
		if (has == -1) {
			json_decref(delta);
			return NULL;
		}
	}
	return delta;
}

static int
put_first(struct writer *w)
{
	json_t *delta = first_delta(w), *logprobs = first_logprobs(w);

	if (delta != NULL && (logprobs != NULL ||
	    json_object_get(w->choice, "logprobs") == NULL))
		return put_delta(w, delta, logprobs);
	json_decref(delta);
	json_decref(logprobs);
	return -1;
}

static int
put_texts(struct writer *w)
{
	json_t *entries;
	int rc = 0;
	size_t i;

	for (i = 0; i < N_TEXTS && rc == 0; i++) {
		w->text = texts[i].name;
		entries = entries_for(w, i);
		if (entries != NULL)
			rc = put_tokens(w, entries);
		else
			rc = wire_each_piece(json_object_get(w->message,
			    w->text), put_piece, w);
	}
	return rc;
}

/* A call with its text (arguments or input) empty, for the pieces. New. */
static json_t *
opened(json_t *call, const char *text)
{
	const json_t *value = json_object_get(call, text);
	json_t *out;

	if (!json_is_object(call) || (value != NULL && !json_is_string(value)))
		return NULL;
	out = wire_copy(call);
	if (value != NULL && json_object_set_new(out, text, json_string(""))) {
		json_decref(out);
		return NULL;
	}
	return out;
}

static int
put_function_call(struct writer *w)
{
	json_t *call = json_object_get(w->message, "function_call"), *first;

	if (!wire_is_set(call))
		return 0;
	w->outer = "function_call";
	w->text = "arguments";
	first = opened(call, w->text);
	if (first == NULL || put_delta(w,
	    json_pack("{s:o}", "function_call", first), NULL) != 0)
		return -1;
	return wire_each_piece(json_object_get(call, w->text), put_piece, w);
}

/* What a tool call calls, and the member of that which grows. */
static const struct {
	const char *name;
	const char *text;
} callees[] = {{"function", "arguments"}, {"custom", "input"}};
enum { N_CALLEES = sizeof(callees) / sizeof(callees[0]) };

/* The first delta of a tool call: {"index",...}, all else as it is. New. */
static json_t *
opened_tool(json_t *tool, json_int_t index)
{
	json_t *out = json_pack("{s:I}", "index", index), *callee;
	int rc = json_object_update(out, tool);
	size_t i;

	for (i = 0; i < N_CALLEES && rc == 0; i++) {
		callee = json_object_get(tool, callees[i].name);
		if (wire_is_set(callee))
			rc = json_object_set_new(out, callees[i].name,
			    opened(callee, callees[i].text));
	}
	if (rc == 0)
		return out;
	json_decref(out);
	return NULL;
}

static int
put_tool(struct writer *w, json_t *tool)
{
	const json_t *index = json_object_get(tool, "index");
	json_t *first;
	int rc = 0;
	size_t i;

	/* DeepSeek numbers them in its JSON, too. */
	if (index != NULL && (!json_is_integer(index) ||
	    json_integer_value(index) != w->tool))
		return -1;
	first = opened_tool(tool, w->tool);
	if (first == NULL || put_delta(w,
	    json_pack("{s:[o]}", "tool_calls", first), NULL) != 0)
		return -1;
	for (i = 0; i < N_CALLEES && rc == 0; i++) {
		w->outer = callees[i].name;
		w->text = callees[i].text;
		rc = wire_each_piece(json_object_get(json_object_get(tool,
		    w->outer), w->text), put_piece, w);
	}
	return rc;
}

static int
put_tools(struct writer *w)
{
	json_t *tool;
	size_t i;

	json_array_foreach(json_object_get(w->message, "tool_calls"), i, tool) {
		w->tool = (json_int_t)i;
		if (put_tool(w, tool) != 0)
			return -1;
	}
	return 0;
}

static int
put_choice(struct wire_chunks *c, json_t *choice)
{
	struct writer w = {.chunks = c, .choice = choice,
	    .message = json_object_get(choice, "message"), .tool = -1};

	if (json_object_get(choice, "delta") != NULL ||
	    !has_logprobs_shape(json_object_get(choice, "logprobs")))
		return -1;
	if (put_first(&w) != 0 || put_texts(&w) != 0 ||
	    put_function_call(&w) != 0 || put_tools(&w) != 0)
		return -1;
	return wire_chunks_put_last(c, choice, "delta", json_object(),
	    "message");
}

/* ---- the members of the row --------------------------------------------- */

static const struct wire_choices_shape shape = {
    .json_object = json_object_name,
    .chunk_object = chunk_object_name,
    .rules = chunk_rules,
    .judge_json = wire_chat_judge_json,
    .put_choice = put_choice,
    .settle = settle_role,
};

bool
wire_chat_owns_json(const json_t *answer)
{
	return wire_choices_own(answer, json_object_name);
}

bool
wire_chat_owns_payload(const json_t *payload)
{
	return wire_choices_own(payload, chunk_object_name);
}

int
wire_chat_to_stream(struct buf *out, const json_t *answer, bool usage)
{
	return wire_choices_to_stream(out, answer, usage, &shape);
}

int
wire_chat_to_json(struct buf *out, const json_t *payloads, json_t *usage)
{
	return wire_choices_to_json(out, payloads, usage, &shape);
}
