/*
 * Reshaping a Responses answer, as the tests of it see it: both ways, and
 * what a client makes of the events on its way.
 */
#ifndef TEST_RESPONSES_CLIENT_H
#define TEST_RESPONSES_CLIENT_H

#include "golden.h"

#include "wire/payload.h"
#include "wire/reshape.h"

enum { OUT_MAX = 16 * 1024 * 1024, PIECE_MAX = 43 };

/* ---- both ways ---------------------------------------------------------- */

static inline const struct wire_format *
row(void)
{
	return wire_format_get(WIRE_RESPONSES);
}

/* The events made of an answer, as an array; they must be storable. */
static inline json_t *
stream_of(const json_t *answer, const char *what)
{
	struct buf out;
	json_t *payloads;

	buf_init(&out, OUT_MAX);
	if (row()->to_stream(&out, answer, false) != 0)
		fail_msg("%s is refused", what);
	golden_expect(what, golden_judge_stream(WIRE_RESPONSES, out.data,
	    out.len, &golden_lax, NULL), WIRE_STORABLE);
	payloads = wire_payloads(out.data, out.len);
	assert_non_null(payloads);
	buf_fini(&out);
	return payloads;
}

/* The answer made of a stream; it must be storable. NULL: refused. */
static inline json_t *
answer_of(const json_t *payloads, const char *what)
{
	struct buf out;
	json_t *answer = NULL;

	buf_init(&out, OUT_MAX);
	if (row()->to_json(&out, payloads, NULL) == 0) {
		golden_expect(what, golden_judge_json(WIRE_RESPONSES, out.data,
		    out.len, &golden_lax, NULL), WIRE_STORABLE);
		answer = json_loadb(out.data, out.len, JSON_ALLOW_NUL, NULL);
		assert_non_null(answer);
	}
	buf_fini(&out);
	return answer;
}

static inline const char *
string_in(const json_t *object, const char *member)
{
	const char *s = json_string_value(json_object_get(object, member));

	return s != NULL ? s : "";
}

static inline json_t *
twin_of(const char *name)
{
	char file[64];

	snprintf(file, sizeof(file), "%s.json", name);
	return fixture_json("responses", file);
}

static inline json_t *
answer_of_file(const char *name)
{
	size_t len;
	char *bytes = fixture_read("responses", name, &len);
	json_t *payloads = wire_payloads(bytes, len), *answer = NULL;

	if (payloads != NULL)
		answer = answer_of(payloads, name);
	json_decref(payloads);
	free(bytes);
	return answer;
}

/* ---- what a client makes of the events ----------------------------------- */

/* The element that an event names; it must be there. */
static inline json_t *
element(json_t *array, const json_t *event, const char *index_name)
{
	json_t *index = json_object_get(event, index_name), *found;

	assert_true(json_is_integer(index));
	found = json_array_get(array, (size_t)json_integer_value(index));
	assert_non_null(found);
	return found;
}

static inline void
append_to(json_t *holder, const char *member, const json_t *delta)
{
	json_t *old = json_object_get(holder, member);
	size_t n = json_string_length(old), m = json_string_length(delta);
	char *text = malloc(n + m + 1);

	assert_true(json_is_string(old) && json_is_string(delta));
	assert_non_null(text);
	memcpy(text, json_string_value(old), n);
	memcpy(text + n, json_string_value(delta), m);
	json_object_set_new(holder, member, json_stringn(text, n + m));
	free(text);
}

/* An element comes at the end of its list, as packages demand. */
static inline void
append_at(json_t *array, const json_t *event, const char *index_name,
    json_t *value)
{
	assert_int_equal(
	    json_integer_value(json_object_get(event, index_name)),
	    json_array_size(array));
	json_array_append_new(array, json_deep_copy(value));
}

static inline void
apply_part(json_t *item, const json_t *event)
{
	json_t *part = json_object_get(event, "part");

	if (json_object_get(event, "summary_index") != NULL)
		append_at(json_object_get(item, "summary"), event,
		    "summary_index", part);
	else
		append_at(json_object_get(item, "content"), event,
		    "content_index", part);
}

static inline json_t *
holder_of(json_t *item, const json_t *event)
{
	if (json_object_get(event, "summary_index") != NULL)
		return element(json_object_get(item, "summary"), event,
		    "summary_index");
	if (json_object_get(event, "content_index") != NULL)
		return element(json_object_get(item, "content"), event,
		    "content_index");
	return item;
}

static inline const char *
member_of(const char *type)
{
	if (strstr(type, "refusal") != NULL)
		return "refusal";
	if (strstr(type, "arguments") != NULL)
		return "arguments";
	return strstr(type, "input") != NULL ? "input" : "text";
}

static inline bool
ends_in(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && strcmp(s + n - m, end) == 0;
}

/* Events of an item after its first; deltas alone bring its texts. */
static inline void
apply_inside(json_t *output, const json_t *event)
{
	const char *type = string_in(event, "type");
	json_t *item = element(output, event, "output_index"), *holder;

	if (!ends_in(type, "output_item.done"))
		assert_string_equal(string_in(event, "item_id"),
		    string_in(item, "id"));
	if (ends_in(type, "_part.added")) {
		apply_part(item, event);
	} else if (ends_in(type, ".delta")) {
		append_to(holder_of(item, event), member_of(type),
		    json_object_get(event, "delta"));
	} else if (ends_in(type, "annotation.added")) {
		holder = holder_of(item, event);
		append_at(json_object_get(holder, "annotations"), event,
		    "annotation_index", json_object_get(event, "annotation"));
	}
}

/* What ends a text or part says what its deltas have said. */
static inline void
check_done(json_t *output, const json_t *event)
{
	const char *type = string_in(event, "type"), *member = member_of(type);
	json_t *item = element(output, event, "output_index");
	json_t *holder = holder_of(item, event), *want;

	if (ends_in(type, "_part.done")) {
		want = json_object_get(event, "part");
		member = member_of(string_in(want, "type"));
		want = json_object_get(want, member);
	} else {
		want = json_object_get(event, member);
	}
	assert_true(json_equal(json_object_get(holder, member), want));
}

/* The answer that all events but the last add up to. */
static inline json_t *
accumulate(const json_t *payloads)
{
	size_t i, n = json_array_size(payloads);
	json_t *event = json_array_get(payloads, 0), *output, *whole;
	const char *type;

	assert_string_equal(string_in(event, "type"), "response.created");
	whole = json_deep_copy(json_object_get(event, "response"));
	output = json_object_get(whole, "output");
	assert_int_equal(json_array_size(output), 0);
	for (i = 2; i + 1 < n; i++) {
		event = json_array_get(payloads, i);
		type = string_in(event, "type");
		if (ends_in(type, "output_item.added"))
			append_at(output, event, "output_index",
			    json_object_get(event, "item"));
		else
			apply_inside(output, event);
		if (ends_in(type, ".done") && !ends_in(type, "item.done"))
			check_done(output, event);
	}
	return whole;
}

/* Texts, and the lists that come by events of their own. */
static inline void
check_same_list(const json_t *a, const json_t *b)
{
	static const char *const names[] = {"type", "text", "refusal",
	    "annotations"};
	json_t *x, *y;
	size_t i, k;

	assert_int_equal(json_array_size(a), json_array_size(b));
	for (i = 0; i < json_array_size(a); i++) {
		for (k = 0; k < N_OF(names); k++) {
			x = json_object_get(json_array_get(a, i), names[k]);
			y = json_object_get(json_array_get(b, i), names[k]);
			assert_true(x == y || json_equal(x, y));
		}
	}
}

static inline void
check_same_item(json_t *got, json_t *want)
{
	check_same_list(json_object_get(got, "content"),
	    json_object_get(want, "content"));
	check_same_list(json_object_get(got, "summary"),
	    json_object_get(want, "summary"));
	if (json_object_get(want, "content") != NULL)
		json_object_set(got, "content",
		    json_object_get(want, "content"));
	if (json_object_get(want, "summary") != NULL)
		json_object_set(got, "summary",
		    json_object_get(want, "summary"));
	if (wire_is_set(json_object_get(want, "status"))) {
		assert_string_equal(string_in(got, "status"), "in_progress");
		json_object_set(got, "status", json_object_get(want, "status"));
	}
	assert_true(json_equal(got, want));
}

static inline void
check_accumulated(const json_t *payloads, const json_t *answer)
{
	json_t *whole = accumulate(payloads), *got, *want;
	size_t i;

	got = json_object_get(whole, "output");
	want = json_object_get(answer, "output");
	assert_int_equal(json_array_size(got), json_array_size(want));
	for (i = 0; i < json_array_size(got); i++)
		check_same_item(json_array_get(got, i),
		    json_array_get(want, i));
	assert_string_equal(string_in(whole, "status"), "in_progress");
	assert_true(!wire_is_set(json_object_get(whole, "usage")));
	assert_string_equal(string_in(whole, "id"), string_in(answer, "id"));
	json_decref(whole);
}

static inline void
check_pieces(const json_t *payloads)
{
	const json_t *event, *delta;
	size_t i;

	for (i = 0; i < json_array_size(payloads); i++) {
		event = json_array_get(payloads, i);
		assert_int_equal(i, json_integer_value(
		    json_object_get(event, "sequence_number")));
		delta = json_object_get(event, "delta");
		if (delta == NULL)
			continue;
		assert_true(json_is_string(delta));
		if (json_array_size(json_object_get(event, "logprobs")) == 0) {
			assert_in_range(json_string_length(delta), 1,
			    PIECE_MAX);
		}
	}
}

static inline void
check_round_trip(const json_t *answer, const char *what)
{
	json_t *payloads = stream_of(answer, what), *last, *back;

	check_pieces(payloads);
	check_accumulated(payloads, answer);
	last = json_array_get(payloads, json_array_size(payloads) - 1);
	assert_string_equal(string_in(last, "type"), "response.completed");
	assert_true(json_equal(json_object_get(last, "response"), answer));
	back = answer_of(payloads, what);
	if (back == NULL)
		fail_msg("the stream of %s is refused", what);
	if (!json_equal(back, answer))
		fail_msg("%s comes back as another", what);
	json_decref(back);
	json_decref(payloads);
}

#endif
