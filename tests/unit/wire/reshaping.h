/*
 * What the tests of reshaping share: making streams of JSON answers and
 * the reverse, and round trips. For formats whose answers are made of
 * choices.
 */
#ifndef TEST_RESHAPING_H
#define TEST_RESHAPING_H

#include "golden.h"

#include "wire/payload.h"
#include "wire/reshape.h"

/* ---- reshaping ---- */

/* The stream made of an answer, in out (set up here). 0 or -1. */
static inline int
to_stream(enum wire_format_id id, const json_t *answer, bool usage,
    struct buf *out)
{
	char *text = json_dumps(answer, JSON_COMPACT);
	int rc;

	assert_non_null(text);
	buf_init(out, 1 << 24);
	rc = wire_reshape_to_stream(out, text, strlen(text),
	    wire_format_get(id), usage);
	free(text);
	return rc;
}

/* The answer made of a stream: new; NULL: refused. */
static inline json_t *
to_json(enum wire_format_id id, const char *stream, size_t len, json_t *usage)
{
	json_t *answer = NULL;
	struct buf out;

	buf_init(&out, 1 << 24);
	if (wire_reshape_to_json(&out, stream, len, wire_format_get(id),
	    usage) == 0) {
		golden_expect("a made answer", golden_judge_json(id, out.data,
		    out.len, &golden_lax, NULL), WIRE_STORABLE);
		answer = json_loadb(out.data, out.len,
		    JSON_ALLOW_NUL | JSON_REJECT_DUPLICATES, NULL);
		assert_non_null(answer);
	}
	buf_fini(&out);
	return answer;
}

static inline void
expect_equal(const char *name, const json_t *got, const json_t *want)
{
	if (!json_equal(got, want))
		fail_msg("%s: got %s, not %s", name, json_dumps(got, 0),
		    json_dumps(want, 0));
}

/*
 * The stream made of an answer: judged, and its payloads. The array is
 * new.
 */
static inline json_t *
stream_of(enum wire_format_id id, const char *name, const json_t *answer,
    bool usage)
{
	json_t *payloads;
	struct buf out;

	if (to_stream(id, answer, usage, &out) != 0)
		fail_msg("%s is refused", name);
	golden_expect(name, golden_judge_stream(id, out.data, out.len,
	    &golden_lax, NULL), WIRE_STORABLE);
	assert_true(out.len > 14 && strcmp(out.data + out.len - 14,
	    "data: [DONE]\n\n") == 0);
	payloads = wire_payloads(out.data, out.len);
	assert_non_null(payloads);
	buf_fini(&out);
	return payloads;
}

/* Payloads as a stream. */
static inline void
put_stream(struct buf *out, const json_t *payloads)
{
	size_t i;

	buf_init(out, 1 << 24);
	for (i = 0; i < json_array_size(payloads); i++)
		wire_put_event(out, NULL, json_array_get(payloads, i));
	buf_puts(out, "data: [DONE]\n\n");
	assert_false(out->failed);
}

/* Payloads, as a stream, back to an answer. New or NULL. */
static inline json_t *
json_from(enum wire_format_id id, const json_t *payloads, json_t *usage)
{
	json_t *answer;
	struct buf out;

	put_stream(&out, payloads);
	answer = to_json(id, out.data, out.len, usage);
	buf_fini(&out);
	return answer;
}

/*
 * JSON to stream to JSON is the JSON wanted (the same, but for what a
 * format may lose), with the usage in the stream and beside it.
 */
static inline void
check_json_round_trip(enum wire_format_id id, const char *name,
    const json_t *answer, const json_t *want)
{
	json_t *usage = json_object_get(answer, "usage"), *payloads, *back;
	int asked;

	for (asked = 0; asked <= json_is_object(usage); asked++) {
		payloads = stream_of(id, name, answer, asked);
		back = json_from(id, payloads, asked ? NULL : usage);
		expect_equal(name, back, want);
		json_decref(payloads);
		json_decref(back);
	}
}

/*
 * What every made stream is like: one id and time, a finish_reason once at
 * the end of each choice, choices one after the other, usage as asked.
 */
static inline void
check_chunks(const json_t *answer, const json_t *payloads, bool usage)
{
	static const char *const same[] = {"id", "created", "model"};
	size_t n = json_array_size(payloads), i, k, at = 0;
	const json_t *chunk, *choices, *want, *choice;

	want = json_object_get(answer, "choices");
	for (i = 0; i < n; i++) {
		chunk = json_array_get(payloads, i);
		choices = json_object_get(chunk, "choices");
		for (k = 0; k < N_OF(same); k++)
			expect_equal(same[k], json_object_get(chunk, same[k]),
			    json_object_get(answer, same[k]));
		if (usage && i == n - 1) {
			assert_int_equal(json_array_size(choices), 0);
			expect_equal("usage", json_object_get(chunk, "usage"),
			    json_object_get(answer, "usage"));
			continue;
		}
		assert_false(json_is_object(json_object_get(chunk, "usage")));
		assert_int_equal(json_object_get(chunk, "usage") != NULL,
		    usage || json_is_null(json_object_get(answer, "usage")));
		assert_int_equal(json_array_size(choices), 1);
		choice = json_array_get(choices, 0);
		expect_equal("index", json_object_get(choice, "index"),
		    json_object_get(json_array_get(want, at), "index"));
		if (!json_is_null(json_object_get(choice, "finish_reason")))
			expect_equal("finish_reason",
			    json_object_get(choice, "finish_reason"),
			    json_object_get(json_array_get(want, at++),
			    "finish_reason"));
	}
	assert_int_equal(at, json_array_size(want));
}

/* The one choice of a chunk; NULL: of the usage chunk. */
static inline const json_t *
choice_at(const json_t *payloads, size_t i)
{
	return json_array_get(json_object_get(json_array_get(payloads, i),
	    "choices"), 0);
}

/* An answer of these choices. New. */
static inline json_t *
answer_with(const char *object, const char *choices)
{
	return json_pack("{s:s, s:s, s:i, s:s, s:o, s:{s:i}}", "id", "c-1",
	    "object", object, "created", 7, "model", "m", "choices",
	    json_of(choices), "usage", "total_tokens", 3);
}

/*
 * The choices of the chunks that are made of an answer (given away), but
 * for the usage chunk, are those wanted.
 */
static inline void
check_choices(enum wire_format_id id, json_t *answer, const char *want)
{
	json_t *payloads = stream_of(id, want, answer, true);
	json_t *wanted = json_of(want), *got = json_array();
	size_t i;

	check_chunks(answer, payloads, true);
	for (i = 0; i + 1 < json_array_size(payloads); i++)
		json_array_extend(got, json_object_get(json_array_get(payloads,
		    i), "choices"));
	expect_equal(want, got, wanted);
	json_decref(answer);
	json_decref(wanted);
	json_decref(payloads);
	json_decref(got);
}

/* A word with the blanks before it, of a bearable length. */
static inline void
check_piece(const json_t *piece)
{
	const char *s = json_string_value(piece);
	size_t len = json_string_length(piece), n = 0;

	assert_true(len > 0 && len < 48);
	while (n < len && strchr(" \t\r\n", s[n]) != NULL && s[n] != '\0')
		n++;
	while (n < len && (s[n] == '\0' || strchr(" \t\r\n", s[n]) == NULL))
		n++;
	assert_int_equal(n, len);
}

/* ---- what a stream says, told another way than the module does ---- */

static inline void
say_text(json_t *said, const char *key, const json_t *piece)
{
	const json_t *have = json_object_get(said, key);
	struct buf all;

	if (json_string_length(piece) == 0)
		return;
	buf_init(&all, 1 << 24);
	if (have != NULL)
		buf_append(&all, json_string_value(have),
		    json_string_length(have));
	buf_append(&all, json_string_value(piece), json_string_length(piece));
	json_object_set_new(said, key, json_stringn(all.data, all.len));
	buf_fini(&all);
}

static inline void
say_value(json_t *said, const char *key, json_t *value)
{
	if (wire_is_set(value) && (!json_is_string(value) ||
	    json_string_length(value) > 0))
		json_object_set(said, key, value);
}

/* The format's part: what a choice of a chunk adds; key: for its names. */
typedef void say_choice_fn(json_t *said, const char *key,
    const json_t *choice);

static inline json_t *
said_by(const char *stream, size_t len, say_choice_fn *say)
{
	json_t *payloads = wire_payloads(stream, len), *said = json_object();
	json_t *chunk, *choice;
	char key[32], reason[64];
	size_t i, k;

	assert_non_null(payloads);
	json_array_foreach(payloads, i, chunk) {
		if (json_is_object(json_object_get(chunk, "usage")))
			say_value(said, "usage",
			    json_object_get(chunk, "usage"));
		json_array_foreach(json_object_get(chunk, "choices"), k,
		    choice) {
			snprintf(key, sizeof(key), "%d",
			    (int)json_integer_value(json_object_get(choice,
			    "index")));
			snprintf(reason, sizeof(reason), "%s finish", key);
			say_value(said, reason,
			    json_object_get(choice, "finish_reason"));
			say(said, key, choice);
		}
	}
	json_decref(payloads);
	return said;
}

/* Stream to JSON to stream says the same. */
static inline void
check_stream_round_trip(enum wire_format_id id, const char *name,
    const char *stream, size_t len, say_choice_fn *say)
{
	json_t *answer = to_json(id, stream, len, NULL), *first, *second;
	struct buf out;

	if (answer == NULL)
		fail_msg("%s is refused", name);
	if (to_stream(id, answer, json_is_object(json_object_get(answer,
	    "usage")), &out) != 0)
		fail_msg("what was made of %s is refused", name);
	first = said_by(stream, len, say);
	second = said_by(out.data, out.len, say);
	expect_equal(name, second, first);
	json_decref(first);
	json_decref(second);
	json_decref(answer);
	buf_fini(&out);
}

/* ---- the fixtures of a format ---- */

/* Of the good ones, those that cannot be expressed; the last is NULL. */
struct reshaping_set {
	enum wire_format_id id;
	const char *dir;
	const char *const *refused;
	say_choice_fn *say;
	void (*forgive)(json_t *want); /* take out what may be lost; NULL */
};

static inline bool
is_refused(const struct reshaping_set *set, const char *name)
{
	const char *const *p;

	for (p = set->refused; *p != NULL; p++)
		if (strcmp(*p, name) == 0)
			return true;
	return false;
}

static inline void
check_json_fixture(const struct reshaping_set *set, const char *name,
    const char *bytes, size_t len)
{
	json_t *answer = json_loadb(bytes, len, JSON_ALLOW_NUL, NULL);
	json_t *want = json_deep_copy(answer);
	struct buf out;

	if (set->forgive != NULL)
		set->forgive(want);
	if (answer != NULL && !is_refused(set, name) &&
	    strncmp(name, "bad-", 4) != 0) {
		check_json_round_trip(set->id, name, answer, want);
	} else if (answer != NULL) {
		if (to_stream(set->id, answer, false, &out) == 0)
			fail_msg("%s is not refused", name);
		buf_fini(&out);
	}
	json_decref(answer);
	json_decref(want);
}

static inline void
check_stream_fixture(const struct reshaping_set *set, const char *name,
    const char *bytes, size_t len)
{
	json_t *answer;

	if (strncmp(name, "bad-", 4) == 0)
		return;
	if (!is_refused(set, name)) {
		check_stream_round_trip(set->id, name, bytes, len, set->say);
		return;
	}
	answer = to_json(set->id, bytes, len, NULL);
	if (answer != NULL)
		fail_msg("%s is not refused", name);
}

/* Every fixture makes its round trip, or is refused. */
static inline void
check_fixtures(const struct reshaping_set *set)
{
	size_t len, seen = 0;
	struct dirent *d;
	char path[256], *bytes;
	DIR *dir;

	snprintf(path, sizeof(path), "tests/fixtures/%s", set->dir);
	dir = opendir(path);
	assert_non_null(dir);
	while ((d = readdir(dir)) != NULL) {
		if (d->d_name[0] == '.')
			continue;
		bytes = fixture_read(set->dir, d->d_name, &len);
		if (strstr(d->d_name, ".json") != NULL)
			check_json_fixture(set, d->d_name, bytes, len);
		else
			check_stream_fixture(set, d->d_name, bytes, len);
		free(bytes);
		seen++;
	}
	closedir(dir);
	assert_true(seen > 0);
}

#endif
