/*
 * The inputs of an embeddings request: which are questions of their own,
 * which are the same, and that nothing else is.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "cache/inputs.h"
#include "cache/key.h"
#include "json_speller.h"

#include <stdlib.h>

/* A request read, from a copy of just its length. */
struct asked {
	char *text;
	struct cache_body body;
	struct cache_inputs in;
};

static void
read_request(struct asked *a, const char *text, size_t len)
{
	const struct wire_format *f = wire_format_get(WIRE_EMBEDDINGS);

	a->text = malloc(len);
	assert_non_null(a->text);
	memcpy(a->text, text, len);
	assert_int_equal(cache_body_read(&a->body, a->text, len, f, NULL), 0);
	if (a->body.verdict != WIRE_STORABLE)
		fail_msg("%.*s: %s", (int)len, text, a->body.why);
	assert_int_equal(cache_inputs_read(&a->in, &a->body, a->text, len, f),
	    0);
}

/* The request {"model":"m","input":INPUT MORE}. */
static void
read_input(struct asked *a, const char *input, const char *more)
{
	struct buf b;

	buf_init(&b, 64 << 20);
	buf_printf(&b, "{\"model\":\"m\", \"input\" :%s%s}", input, more);
	assert_false(b.failed);
	read_request(a, b.data, b.len);
	buf_fini(&b);
}

static void
asked_fini(struct asked *a)
{
	cache_inputs_fini(&a->in);
	free(a->text);
}

/* Whether the first inputs of two requests are the same question. */
static bool
is_same(const char *x, const char *more_x, const char *y, const char *more_y)
{
	struct asked a, b;
	bool same;

	read_input(&a, x, more_x);
	read_input(&b, y, more_y);
	assert_true(a.in.n > 0 && b.in.n > 0);
	same = memcmp(a.in.unique[0].digest, b.in.unique[0].digest,
	    DIGEST_BYTES) == 0;
	asked_fini(&a);
	asked_fini(&b);
	return same;
}

static void
assert_text(const struct cache_input *input, const char *wanted)
{
	assert_int_equal(input->text.len, strlen(wanted));
	assert_memory_equal(input->text.at, wanted, strlen(wanted));
}

static void
test_what_is_taken_apart(void **state)
{
	static const struct {
		const char *input;
		size_t n, n_unique;
	} cases[] = {
	    {"\"a\"", 1, 1}, {"\"\"", 1, 1}, {"[\"a\"]", 1, 1},
	    {" [ \"a\" , \"b\" ] ", 2, 2}, {"[\"a\",\"a\"]", 2, 1},
	    {"[1,2,3]", 1, 1}, {"[ -7 ]", 1, 1}, {"[[1,2],[1]]", 2, 2},
	    {"[[1 , 2],[1,2]]", 2, 1}, {"[\"a\",[1],\"a\",[1],\"b\"]", 5, 3},
	    {"[\"]\",\"[\",\",\"]", 3, 3},
	    /* none of our business */
	    {"[]", 0, 0}, {"[[]]", 0, 0}, {"{}", 0, 0}, {"{\"a\":1}", 0, 0},
	    {"1", 0, 0}, {"true", 0, 0}, {"[1.0]", 0, 0}, {"[1e2]", 0, 0},
	    {"[1,\"a\"]", 0, 0}, {"[\"a\",null]", 0, 0}, {"[[1],[]]", 0, 0},
	    {"[[[1]]]", 0, 0}, {"[\"a\",{\"text\":\"b\"}]", 0, 0},
	    {"[[1,\"a\"]]", 0, 0}, {"[[\"a\"]]", 0, 0}, {"[[true]]", 0, 0},
	};
	struct asked a;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		read_input(&a, cases[i].input, "");
		if (a.in.n != cases[i].n ||
		    a.in.n_unique != cases[i].n_unique)
			fail_msg("%s: %zu, %zu", cases[i].input, a.in.n,
			    a.in.n_unique);
		asked_fini(&a);
	}
}

static void
test_other_formats_have_no_inputs(void **state)
{
	static const char text[] = "{\"model\":\"m\",\"input\":[\"a\"]}";
	struct cache_body body = {0};
	struct cache_inputs in;

	(void)state;
	assert_int_equal(cache_inputs_read(&in, &body, text,
	    sizeof(text) - 1, wire_format_get(WIRE_RESPONSES)), 0);
	assert_int_equal(in.n, 0);
	cache_inputs_fini(&in);
}

static void
test_there_is_a_limit_to_inputs(void **state)
{
	struct asked a;
	struct buf b;
	size_t more, i;

	(void)state;
	for (more = 0; more < 2; more++) {
		buf_init(&b, 1 << 20);
		for (i = 0; i < CACHE_INPUTS_MAX + more; i++)
			buf_printf(&b, "%s\"%zu\"", i == 0 ? "[" : ",", i);
		buf_putc(&b, ']');
		read_input(&a, b.data, "");
		assert_int_equal(a.in.n, more == 0 ? CACHE_INPUTS_MAX : 0);
		assert_int_equal(a.in.n_unique, a.in.n);
		asked_fini(&a);
		buf_fini(&b);
	}
	/* One input of many tokens is one. */
	buf_init(&b, 1 << 20);
	for (i = 0; i <= CACHE_INPUTS_MAX; i++)
		buf_printf(&b, "%s%zu", i == 0 ? "[" : ",", i);
	buf_putc(&b, ']');
	read_input(&a, b.data, "");
	assert_int_equal(a.in.n, 1);
	assert_int_equal(a.in.unique[0].weight, CACHE_INPUTS_MAX + 1);
	asked_fini(&a);
	buf_fini(&b);
}

static void
test_places_texts_and_weights(void **state)
{
	static const size_t wanted[] = {0, 1, 0, 2, 1, 0, 3};
	struct asked a;

	(void)state;
	read_input(&a, "[\"caf\xc3\xa9\", [7, 8,9], \"caf\\u00e9\", \"\", "
	    "[7,8,9], \"c\\u0061f\xc3\xa9\", \"\\\\\\\"\"]", "");
	assert_int_equal(a.in.n, 7);
	assert_int_equal(a.in.n_unique, 4);
	assert_memory_equal(a.in.unique_of, wanted, sizeof(wanted));
	assert_text(&a.in.unique[0], "\"caf\xc3\xa9\"");
	assert_text(&a.in.unique[1], "[7, 8,9]");
	assert_text(&a.in.unique[2], "\"\"");
	assert_text(&a.in.unique[3], "\"\\\\\\\"\"");
	assert_int_equal(a.in.unique[0].weight, 5);
	assert_int_equal(a.in.unique[1].weight, 3);
	assert_int_equal(a.in.unique[2].weight, 0);
	assert_int_equal(a.in.unique[3].weight, 2);
	asked_fini(&a);
}

static void
test_same_and_different(void **state)
{
	static const struct {
		const char *x, *more_x, *y, *more_y;
		bool same;
	} cases[] = {
	    {"\"a\"", "", "[\"a\"]", "", true},
	    {"\"a\"", "", "[\"a\",\"b\"]", "", true},
	    {"[1,2]", "", "[[1,2],[3]]", "", true},
	    {"[1,2]", "", " [ 1 , 2 ]", "", true},
	    {"\"a/b\"", "", "\"\\u0061\\/b\"", "", true},
	    {"\"\\ud83d\\ude00\"", "", "\"\xf0\x9f\x98\x80\"", "", true},
	    {"\"a\"", ",\"x\":[1,{}]", "\"a\"", " , \"x\" : [ 1,{} ]", true},
	    {"\"a\"", ",\"stream\":false", "\"a\"", "", true},
	    {"\"a\"", ",\"cache\":{\"ttl\":1}", "\"a\"", "", true},
	    {"\"a\"", "", "\"b\"", "", false},
	    {"\"a\"", "", "\"A\"", "", false},
	    {"\"a\"", "", "\" a\"", "", false},
	    {"\"a\"", "", "\"a\\u0000\"", "", false},
	    {"\"a\\u0000b\"", "", "\"a\\u0000c\"", "", false},
	    {"\"1\"", "", "[1]", "", false},
	    {"\"1,\"", "", "[1]", "", false},
	    {"[1,2]", "", "[12]", "", false},
	    {"[1,2]", "", "[2,1]", "", false},
	    {"[1]", "", "[-1]", "", false},
	    {"\"a\"", "", "\"a\"", ",\"dimensions\":2", false},
	    {"\"a\"", ",\"dimensions\":3", "\"a\"", ",\"dimensions\":2",
	     false},
	    {"\"a\"", ",\"encoding_format\":\"float\"", "\"a\"",
	     ",\"encoding_format\":\"base64\"", false},
	    {"\"a\"", ",\"user\":\"u\"", "\"a\"", "", false},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		if (is_same(cases[i].x, cases[i].more_x, cases[i].y,
		    cases[i].more_y) != cases[i].same)
			fail_msg("%s%s and %s%s", cases[i].x, cases[i].more_x,
			    cases[i].y, cases[i].more_y);
}

static void
key_of(uint8_t key[CACHE_KEY_BYTES], const struct cache_body *body)
{
	struct cache_key_parts parts = {.method = "POST",
	    .path = "/v1/embeddings", .upstream_name = "u",
	    .upstream_url = "http://u", .namespace = "ns", .body = body};

	assert_int_equal(cache_key(key, &parts), 0);
}

static void
test_an_input_has_a_key_of_its_own(void **state)
{
	uint8_t whole[CACHE_KEY_BYTES], one[CACHE_KEY_BYTES];
	struct cache_body body;
	struct asked a, b;

	(void)state;
	read_input(&a, "\"a\"", "");
	read_input(&b, "[\"b\",\"a\"]", "");
	key_of(whole, &a.body);
	cache_inputs_body(&body, &a.body, &a.in.unique[0]);
	key_of(one, &body);
	assert_memory_not_equal(whole, one, sizeof(one));
	cache_inputs_body(&body, &b.body, &b.in.unique[1]);
	key_of(whole, &body);
	assert_memory_equal(whole, one, sizeof(one));
	asked_fini(&a);
	asked_fini(&b);
}

/* One of a few inputs, so that there are repeats. */
static json_t *
random_input(struct rng *r)
{
	json_t *tokens;
	size_t i, n;

	if (rng_below(r, 3) > 0)
		return json_string(random_text(r));
	tokens = json_array();
	n = 1 + rng_below(r, 3);
	for (i = 0; i < n; i++)
		json_array_append_new(tokens,
		    json_integer((json_int_t)rng_below(r, 3)));
	return tokens;
}

/* Each place stands for what it says, however it is spelled. */
static void
check_places(const struct asked *a, const json_t *inputs)
{
	size_t i, j;
	bool same;

	assert_int_equal(a->in.n, json_array_size(inputs));
	for (i = 0; i < a->in.n; i++) {
		assert_true(a->in.unique_of[i] < a->in.n_unique);
		for (j = 0; j < i; j++) {
			same = json_equal(json_array_get(inputs, i),
			    json_array_get(inputs, j));
			assert_int_equal(same,
			    a->in.unique_of[i] == a->in.unique_of[j]);
		}
	}
}

static void
test_random_inputs_in_random_spellings(void **state)
{
	struct rng r = {20261};
	json_t *request, *inputs;
	struct asked a, b;
	struct buf text;
	size_t round, i, n;

	(void)state;
	buf_init(&text, 1 << 20);
	for (round = 0; round < 300; round++) {
		inputs = json_array();
		n = 1 + rng_below(&r, 20);
		for (i = 0; i < n; i++)
			json_array_append_new(inputs, random_input(&r));
		request = json_pack("{s:s,s:O}", "model", "m", "input",
		    inputs);
		buf_reset(&text);
		spell(&r, &text, request);
		read_request(&a, text.data, text.len);
		buf_reset(&text);
		spell(&r, &text, request);
		read_request(&b, text.data, text.len);
		check_places(&a, inputs);
		assert_int_equal(a.in.n_unique, b.in.n_unique);
		for (i = 0; i < a.in.n_unique; i++)
			assert_memory_equal(a.in.unique[i].digest,
			    b.in.unique[i].digest, DIGEST_BYTES);
		asked_fini(&a);
		asked_fini(&b);
		json_decref(request);
		json_decref(inputs);
	}
	buf_fini(&text);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_what_is_taken_apart),
	    cmocka_unit_test(test_other_formats_have_no_inputs),
	    cmocka_unit_test(test_there_is_a_limit_to_inputs),
	    cmocka_unit_test(test_places_texts_and_weights),
	    cmocka_unit_test(test_same_and_different),
	    cmocka_unit_test(test_an_input_has_a_key_of_its_own),
	    cmocka_unit_test(test_random_inputs_in_random_spellings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
