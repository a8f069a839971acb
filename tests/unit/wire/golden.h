/*
 * Golden answers of a wire format: files of tests/fixtures, each with the
 * verdict it must get. What the tests of all formats share: a test names
 * in a struct golden_set what its format is to say of which answers and
 * requests, and lists the tests of it below among its own.
 */
#ifndef TEST_GOLDEN_H
#define TEST_GOLDEN_H

#include "fixture.h"

#include "wire/format.h"

#include <dirent.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

struct golden {
	const char *name;
	enum wire_verdict verdict; /* storing lengths and tool calls */
	enum wire_verdict strict;  /* storing neither */
};

#define GOOD(name) {name, WIRE_STORABLE, WIRE_STORABLE}
#define BAD(name, why) {name, why, why}
#define N_OF(array) (sizeof(array) / sizeof(array[0]))

/* The total of an answer's usage, stored or not; 0: it has none. */
struct golden_usage {
	const char *name;
	json_int_t total;
};

/* What the format says of a request's body. */
struct golden_request {
	const char *body;
	enum wire_verdict verdict;
};

/*
 * A gateway on the way may end a cut stream with an end of its own, which
 * what the stream lacks before a text in it gives away.
 */
struct golden_forgery {
	const char *name;
	const char *before;
	const char *end;
};

#define FORGED_DONE "\n\ndata: [DONE]\n\n"

struct golden_set {
	enum wire_format_id id;
	const char *dir; /* below tests/fixtures */
	const struct golden *jsons;
	size_t n_jsons;
	const struct golden_usage *usages;
	size_t n_usages;
	const struct golden_request *requests;
	size_t n_requests;

	/* What follows is left out where there are no streams. */
	const struct golden *streams;
	size_t n_streams;
	const char *last; /* a text in the event before which none is whole */
	const struct golden_forgery *forgeries;
	size_t n_forgeries;
};

/* A list of the set, and how many it has. */
#define ALL_OF(list) list, N_OF(list)

static const struct wire_policy golden_lax = {true, true};
static const struct wire_policy golden_strict = {false, false};

struct golden_judging {
	const struct wire_format *format;
	struct wire_stream stream;
};

static inline int
golden_on_event(void *arg, const struct sse_event *event)
{
	struct golden_judging *j = arg;

	j->format->stream_event(&j->stream, event);
	return 0;
}

typedef enum wire_verdict golden_judge_fn(enum wire_format_id id,
    const char *bytes, size_t len, const struct wire_policy *policy,
    json_t **usage);

/*
 * Judge a whole stream, and put in usage (when not NULL) its usage. As
 * whoever stores must, take an event without its blank line for a cut.
 */
static inline enum wire_verdict
golden_judge_stream(enum wire_format_id id, const char *bytes, size_t len,
    const struct wire_policy *policy, json_t **usage)
{
	struct golden_judging j = {.format = wire_format_get(id)};
	struct sse_parser parser;
	enum wire_verdict v;

	sse_parser_init(&parser, 1024 * 1024);
	assert_int_equal(
	    sse_parser_feed(&parser, bytes, len, golden_on_event, &j), 0);
	v = j.format->stream_end(&j.stream, policy);
	if (v == WIRE_STORABLE && !sse_parser_at_boundary(&parser))
		v = WIRE_NO_TERMINATOR;
	if (usage != NULL)
		*usage = json_incref(j.stream.usage);
	j.format->stream_fini(&j.stream);
	sse_parser_fini(&parser);
	return v;
}

/* The same for a JSON answer that has been read. */
static inline enum wire_verdict
golden_judge_value(enum wire_format_id id, const json_t *body,
    const struct wire_policy *policy, json_t **usage)
{
	json_t *found = NULL;
	enum wire_verdict v;

	v = wire_format_get(id)->judge_json(body, policy, &found);
	if (usage != NULL)
		*usage = found;
	else
		json_decref(found);
	return v;
}

/* The same for the text of a JSON answer. */
static inline enum wire_verdict
golden_judge_json(enum wire_format_id id, const char *bytes, size_t len,
    const struct wire_policy *policy, json_t **usage)
{
	enum wire_verdict v;
	json_t *body;

	body = json_loadb(bytes, len, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
	if (body == NULL)
		return WIRE_BAD_JSON;
	v = golden_judge_value(id, body, policy, usage);
	json_decref(body);
	return v;
}

static inline void
golden_expect(const char *name, enum wire_verdict v, enum wire_verdict want)
{
	if (v != want)
		fail_msg("%s is \"%s\", not \"%s\"", name, wire_verdict_word(v),
		    wire_verdict_word(want));
}

static inline void
golden_check_one(const struct golden_set *set, const struct golden *g,
    golden_judge_fn *judge)
{
	size_t len;
	char *bytes = fixture_read(set->dir, g->name, &len);

	golden_expect(g->name, judge(set->id, bytes, len, &golden_lax, NULL),
	    g->verdict);
	golden_expect(g->name,
	    judge(set->id, bytes, len, &golden_strict, NULL), g->strict);
	free(bytes);
}

static inline bool
golden_lists(const struct golden *list, size_t n, const char *name)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(list[i].name, name) == 0)
			return true;
	return false;
}

/* Where a text stands for the last time. */
static inline size_t
golden_last(const char *bytes, size_t len, const char *text)
{
	size_t at = len, n = strlen(text);

	while (at-- > 0)
		if (len - at >= n && memcmp(bytes + at, text, n) == 0)
			return at;
	fail_msg("there is no %s", text);
	return 0;
}

/* Where the line ends that a blank line follows, from a place on. */
static inline size_t
golden_blank(const char *bytes, size_t len, size_t at)
{
	for (; at + 1 < len; at++)
		if (memcmp(bytes + at, "\n\n", 2) == 0 ||
		    memcmp(bytes + at, "\r\r", 2) == 0 ||
		    memcmp(bytes + at, "\n\r", 2) == 0)
			return at;
	fail_msg("there is no blank line");
	return 0;
}

/* No beginning of a stream passes for the whole, judged by itself. */
static inline void
golden_check_beginnings(enum wire_format_id id, const char *bytes, size_t end)
{
	size_t n;

	for (n = 0; n <= end; n++)
		assert_int_not_equal(golden_judge_stream(id, bytes, n,
		    &golden_lax, NULL), WIRE_STORABLE);
}

/* The same, judged again and again while the stream comes byte by byte. */
static inline void
golden_check_growing(enum wire_format_id id, const char *bytes, size_t end)
{
	struct golden_judging j = {.format = wire_format_get(id)};
	struct sse_parser parser;
	size_t n;

	sse_parser_init(&parser, 64 * 1024);
	for (n = 0; n <= end; n++) {
		assert_true(!sse_parser_at_boundary(&parser) ||
		    j.format->stream_end(&j.stream, &golden_lax) !=
		    WIRE_STORABLE);
		assert_int_equal(sse_parser_feed(&parser, bytes + n, 1,
		    golden_on_event, &j), 0);
	}
	j.format->stream_fini(&j.stream);
	sse_parser_fini(&parser);
}

/* Of each good stream, what comes before the blank line of its end. */
static inline void
golden_check_cut_streams(const struct golden_set *set,
    void (*check)(enum wire_format_id id, const char *bytes, size_t end))
{
	size_t i, len, at;
	char *bytes;

	for (i = 0; i < set->n_streams; i++) {
		if (set->streams[i].verdict != WIRE_STORABLE)
			continue;
		bytes = fixture_read(set->dir, set->streams[i].name, &len);
		at = golden_last(bytes, len, set->last);
		check(set->id, bytes, golden_blank(bytes, len, at) + 1);
		free(bytes);
	}
}

static inline void
golden_check_forgery(const struct golden_set *set,
    const struct golden_forgery *f)
{
	size_t n, len, end, forged = strlen(f->end);
	char *bytes = fixture_read(set->dir, f->name, &len), *text;

	text = malloc(len + forged);
	assert_non_null(text);
	assert_non_null(strstr(bytes, f->before));
	end = (size_t)(strstr(bytes, f->before) - bytes);
	for (n = 0; n < end; n++) {
		memcpy(text, bytes, n);
		memcpy(text + n, f->end, forged);
		assert_int_not_equal(golden_judge_stream(set->id, text,
		    n + forged, &golden_lax, NULL), WIRE_STORABLE);
	}
	free(text);
	free(bytes);
}

static inline void
golden_check_usage(const struct golden_set *set, const struct golden_usage *u)
{
	size_t len, end = strlen(u->name);
	char *bytes = fixture_read(set->dir, u->name, &len);
	golden_judge_fn *judge = golden_judge_stream;
	json_t *usage = NULL;

	if (end > 5 && strcmp(u->name + end - 5, ".json") == 0)
		judge = golden_judge_json;
	judge(set->id, bytes, len, &golden_strict, &usage);
	if (u->total == 0)
		assert_null(usage);
	else
		assert_int_equal(wire_usage_tokens(usage).total, u->total);
	json_decref(usage);
	free(bytes);
}

/* Whether an answer, or a payload, is taken for the format's own. */
struct owned_case {
	const char *text; /* as of json_of */
	bool json, payload;
};

static inline void
check_owned(enum wire_format_id id, const struct owned_case *cases, size_t n)
{
	const struct wire_format *f = wire_format_get(id);
	json_t *value;
	size_t i;

	for (i = 0; i < n; i++) {
		value = json_of(cases[i].text);
		assert_int_equal(f->owns_json(value), cases[i].json);
		assert_int_equal(f->owns_payload(value), cases[i].payload);
		json_decref(value);
	}
}

/* ---- tests of a set, which is their state -------------------------------- */

#define GOLDEN_TEST(test, set)                                                 \
	cmocka_unit_test_prestate(test, (void *)(uintptr_t)(set))

/* Every golden answer gets its verdict. */
static inline void
golden_test_answers(void **state)
{
	const struct golden_set *set = *state;
	size_t i;

	for (i = 0; i < set->n_streams; i++)
		golden_check_one(set, &set->streams[i], golden_judge_stream);
	for (i = 0; i < set->n_jsons; i++)
		golden_check_one(set, &set->jsons[i], golden_judge_json);
}

/* No file of the set's folder is left out. */
static inline void
golden_test_no_fixture_is_forgotten(void **state)
{
	const struct golden_set *set = *state;
	struct dirent *d;
	char path[256];
	DIR *dir;

	snprintf(path, sizeof(path), "tests/fixtures/%s", set->dir);
	dir = opendir(path);
	assert_non_null(dir);
	while ((d = readdir(dir)) != NULL)
		if (d->d_name[0] != '.' &&
		    !golden_lists(set->streams, set->n_streams, d->d_name) &&
		    !golden_lists(set->jsons, set->n_jsons, d->d_name))
			fail_msg("%s has no verdict in this test", d->d_name);
	closedir(dir);
}

/*
 * Cut at any byte, thus also between any two events, a stream is not stored
 * before the blank line of the event that ends it.
 */
static inline void
golden_test_no_part_of_a_stream_is_stored(void **state)
{
	golden_check_cut_streams(*state, golden_check_beginnings);
}

/* As above, and soon done for long streams too. */
static inline void
golden_test_no_growing_stream_is_stored(void **state)
{
	golden_check_cut_streams(*state, golden_check_growing);
}

static inline void
golden_test_no_part_with_a_forged_end_is_stored(void **state)
{
	const struct golden_set *set = *state;
	size_t i;

	assert_true(set->n_forgeries > 0);
	for (i = 0; i < set->n_forgeries; i++)
		golden_check_forgery(set, &set->forgeries[i]);
}

/* No beginning of a JSON answer passes for the whole. */
static inline void
golden_test_no_part_of_a_json_is_stored(void **state)
{
	const struct golden_set *set = *state;
	size_t i, n, len;
	char *bytes;

	for (i = 0; i < set->n_jsons; i++) {
		bytes = fixture_read(set->dir, set->jsons[i].name, &len);
		/* The last two bytes are the closing brace and a line end. */
		for (n = 0; n < len - 1; n++)
			assert_int_not_equal(golden_judge_json(set->id, bytes,
			    n, &golden_lax, NULL), WIRE_STORABLE);
		free(bytes);
	}
}

/*
 * For formats without streams: whatever it says, an event stream is not an
 * answer.
 */
static inline void
golden_test_streams_are_not_stored(void **state)
{
	static const char *const texts[] = {"", "data: [DONE]\n\n",
	    "data: {}\n\ndata: [DONE]\n\n", "event: error\ndata: {}\n\n"};
	const struct golden_set *set = *state;
	size_t i;

	for (i = 0; i < N_OF(texts); i++)
		golden_expect(texts[i], golden_judge_stream(set->id, texts[i],
		    strlen(texts[i]), &golden_lax, NULL), WIRE_CONTENT_TYPE);
}

/* Usage is found, also where the answer is not stored. */
static inline void
golden_test_usage(void **state)
{
	const struct golden_set *set = *state;
	size_t i;

	assert_true(set->n_usages > 0);
	for (i = 0; i < set->n_usages; i++)
		golden_check_usage(set, &set->usages[i]);
}

static inline void
golden_test_request(void **state)
{
	const struct golden_set *set = *state;
	json_t *body;
	size_t i;

	assert_true(set->n_requests > 0);
	for (i = 0; i < set->n_requests; i++) {
		body = json_loads(set->requests[i].body, 0, NULL);
		assert_non_null(body);
		golden_expect(set->requests[i].body,
		    wire_format_get(set->id)->judge_request(body),
		    set->requests[i].verdict);
		json_decref(body);
	}
}

/* The tests of every format; of one with streams; of one without. */
#define GOLDEN_TESTS(set)                                                      \
	GOLDEN_TEST(golden_test_answers, set),                                 \
	    GOLDEN_TEST(golden_test_no_fixture_is_forgotten, set),             \
	    GOLDEN_TEST(golden_test_no_part_of_a_json_is_stored, set),         \
	    GOLDEN_TEST(golden_test_usage, set),                               \
	    GOLDEN_TEST(golden_test_request, set)
#define GOLDEN_TESTS_STREAMS(set)                                              \
	GOLDEN_TESTS(set),                                                     \
	    GOLDEN_TEST(golden_test_no_growing_stream_is_stored, set),         \
	    GOLDEN_TEST(golden_test_no_part_with_a_forged_end_is_stored, set)
#define GOLDEN_TESTS_NO_STREAMS(set)                                           \
	GOLDEN_TESTS(set), GOLDEN_TEST(golden_test_streams_are_not_stored, set)

#endif
