/*
 * Golden answers of a wire format: files of tests/fixtures, each with the
 * verdict it must get. What the tests of all formats share: a test names
 * its format's golden answers in a struct golden_set, and calls these.
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

struct golden_set {
	enum wire_format_id id;
	const char *dir; /* below tests/fixtures */
	const struct golden *streams;
	size_t n_streams;
	const struct golden *jsons;
	size_t n_jsons;
};

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

/* The same for a JSON answer. */
static inline enum wire_verdict
golden_judge_json(enum wire_format_id id, const char *bytes, size_t len,
    const struct wire_policy *policy, json_t **usage)
{
	json_t *body, *found = NULL;
	enum wire_verdict v;

	body = json_loadb(bytes, len, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
	if (body == NULL)
		return WIRE_BAD_JSON;
	v = wire_format_get(id)->judge_json(body, policy, &found);
	json_decref(body);
	if (usage != NULL)
		*usage = found;
	else
		json_decref(found);
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

/* Every golden answer gets its verdict. */
static inline void
golden_check(const struct golden_set *set)
{
	size_t i;

	for (i = 0; i < set->n_streams; i++)
		golden_check_one(set, &set->streams[i], golden_judge_stream);
	for (i = 0; i < set->n_jsons; i++)
		golden_check_one(set, &set->jsons[i], golden_judge_json);
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

/* No file of the set's folder is left out. */
static inline void
golden_check_listed(const struct golden_set *set)
{
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

/* Where the last [DONE] of a text begins. */
static inline size_t
golden_terminator(const char *bytes, size_t len)
{
	size_t at = len;

	while (at-- > 0)
		if (len - at >= 6 && memcmp(bytes + at, "[DONE]", 6) == 0)
			return at;
	fail_msg("there is no terminator");
	return 0;
}

/*
 * For formats that end with [DONE]: cut at any byte, thus also between any
 * two events, a stream is not stored before the blank line of its
 * terminator.
 */
static inline void
golden_check_cut_streams(const struct golden_set *set)
{
	size_t i, n, len, done;
	char *bytes;

	for (i = 0; i < set->n_streams; i++) {
		if (set->streams[i].verdict != WIRE_STORABLE)
			continue;
		bytes = fixture_read(set->dir, set->streams[i].name, &len);
		done = golden_terminator(bytes, len);
		for (n = 0; n <= done + sizeof("[DONE]"); n++)
			assert_int_not_equal(golden_judge_stream(set->id, bytes,
			    n, &golden_lax, NULL), WIRE_STORABLE);
		free(bytes);
	}
}

/*
 * A gateway on the way may end a cut stream with a terminator of its own,
 * which what the stream lacks before finish, a text in it, gives away.
 */
static inline void
golden_check_forged_end(const struct golden_set *set, const char *name,
    const char *finish)
{
	static const char forged[] = "\n\ndata: [DONE]\n\n";
	size_t n, len, end;
	char *bytes = fixture_read(set->dir, name, &len), *text;

	text = malloc(len + sizeof(forged));
	assert_non_null(text);
	assert_non_null(strstr(bytes, finish));
	end = (size_t)(strstr(bytes, finish) - bytes);
	for (n = 0; n < end; n++) {
		memcpy(text, bytes, n);
		memcpy(text + n, forged, sizeof(forged));
		assert_int_not_equal(golden_judge_stream(set->id, text,
		    n + sizeof(forged) - 1, &golden_lax, NULL), WIRE_STORABLE);
	}
	free(text);
	free(bytes);
}

/* No beginning of a JSON answer passes for the whole. */
static inline void
golden_check_cut_jsons(const struct golden_set *set)
{
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

/* The total of an answer's usage, stored or not; 0: it has none. */
static inline void
golden_check_usage(const struct golden_set *set, const char *name,
    json_int_t total)
{
	size_t len, end = strlen(name);
	char *bytes = fixture_read(set->dir, name, &len);
	golden_judge_fn *judge = golden_judge_stream;
	json_t *usage = NULL;

	if (end > 5 && strcmp(name + end - 5, ".json") == 0)
		judge = golden_judge_json;
	judge(set->id, bytes, len, &golden_strict, &usage);
	if (total == 0)
		assert_null(usage);
	else
		assert_int_equal(wire_usage_tokens(usage).total, total);
	json_decref(usage);
	free(bytes);
}

/* What the format says of a request's body, given as text. */
static inline enum wire_verdict
golden_judge_request(enum wire_format_id id, const char *text)
{
	json_t *body = json_loads(text, 0, NULL);
	enum wire_verdict v;

	assert_non_null(body);
	v = wire_format_get(id)->judge_request(body);
	json_decref(body);
	return v;
}

#endif
