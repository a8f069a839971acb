/*
 * JSON as text: members and elements stand where a parser sees them, and
 * what is cut or set is gone or there, with all other bytes as they were.
 */
#include "json_text_rules.h"
#include "random.h"

#include <stdarg.h>
#include <setjmp.h>
#include <cmocka.h>

/* Texts with what is easily got wrong. */
static const char *const texts[] = {
    "{}", "[]", " { } ", "\t[\r\n]\n", "{\"a\":1}", "[1]", "1", "\"x\"",
    "null", "", " ", "{\"a\":1,\"b\":2,\"c\":3}",
    " { \"a\" : 1 , \"b\" : [ 1 , 2 ] , \"c\" : { } } ",
    "{\n  \"a\": \"x\",\n  \"b\": null\n}\n",
    "{\"\":1,\"\\u0061\":2,\"\\u00E9\":3,\"\xc3\xa8\":4,\"a\\/b\":5}",
    "{\"\\\"\\\\\\b\\f\\n\\r\\t\":\"\\\"\",\"\\\\\":\"\\\\\"}",
    "{\"a\":\"},]\",\"b\":[\"]\",\"}\"],\"{\":\"{\\\"\"}",
    "[[[],[[]]],{\"a\":[{}]},-1.5e+3,true,false,null,\"\"]",
    "{\"a\":{\"a\":{\"a\":1}},\"b\":[{\"a\":2}]}",
    "{\"a\":\"\\u0000\",\"b\":\"\\ud83d\\ude00\"}",
    "[\"\\\\\",\"\\\\\\\"\",\"\\\\\\\\\"]",
    /* no JSON */
    "{", "[", "{\"", "{\"a", "{\"a\"", "{\"a\":", "{\"a\":1", "{\"a\":\"",
    "{a:1}", "{\"a\" 1}", "{\"a\":}", "{,}", "[,]", "[1", "[1 2]", "[\"\\",
    "{\"\\\":1}", "{\"\\u00\":1}", "{\"\\u006\":1}", "}", "]", "{]", "[}",
    "{\"a\":[}", "{\"a\":1,\"a\":2}", "{\"a\":1}}", ",", "{\"\\q\":1}",
};

enum { N_TEXTS = sizeof(texts) / sizeof(texts[0]) };

/* The text is given exactly as long as it is: a byte more is a fault. */
static void
expect_rules(const char *text, size_t len)
{
	char *exact = malloc(len > 0 ? len : 1);
	bool good;

	assert_non_null(exact);
	memcpy(exact, text, len);
	good = rules_hold(exact, len);
	free(exact);
	if (!good)
		fail_msg("not as a parser sees it: %.*s", (int)len, text);
}

static void
test_texts_and_all_their_beginnings(void **state)
{
	size_t i, n;

	(void)state;
	for (i = 0; i < N_TEXTS; i++)
		for (n = 0; n <= strlen(texts[i]); n++)
			expect_rules(texts[i], n);
}

static void
put_blanks(struct buf *out, struct rng *r)
{
	while (rng_below(r, 3) == 0)
		buf_putc(out, " \t\r\n"[rng_below(r, 4)]);
}

static void
put_random_string(struct buf *out, struct rng *r)
{
	static const char *const pieces[] = {"a", "b", "\\u0061", "\\\"",
	    "\\\\", "\\/", "\\n", "{", "}", "[", "]", ",", ":", " ",
	    "\xc3\xa9", "\\u00e9", "\\ud83d\\ude00", "key", "\\u005c"};

	buf_putc(out, '"');
	while (rng_below(r, 4) != 0)
		buf_puts(out, pieces[rng_below(r,
		    sizeof(pieces) / sizeof(pieces[0]))]);
	buf_putc(out, '"');
}

static void
put_random(struct buf *out, struct rng *r, uint32_t depth)
{
	static const char *const atoms[] = {"0", "-1", "1.50", "1e3", "true",
	    "false", "null", "123456789012"};
	size_t kind = rng_below(r, depth > 0 ? 4 : 2);
	size_t i, n = rng_below(r, 5);

	put_blanks(out, r);
	if (kind == 0)
		buf_puts(out, atoms[rng_below(r,
		    sizeof(atoms) / sizeof(atoms[0]))]);
	else if (kind == 1)
		put_random_string(out, r);
	else
		buf_putc(out, kind == 2 ? '[' : '{');
	for (i = 0; kind > 1 && i < n; i++) {
		if (i > 0)
			buf_putc(out, ',');
		put_blanks(out, r);
		if (kind == 3) {
			put_random_string(out, r);
			put_blanks(out, r);
			buf_putc(out, ':');
		}
		put_random(out, r, depth - 1);
	}
	put_blanks(out, r);
	if (kind > 1)
		buf_putc(out, kind == 2 ? ']' : '}');
	put_blanks(out, r);
}

/* Check the random text of each seed, damaged in one place or whole. */
static size_t
check_random_texts(bool damaged)
{
	static const char marks[] = "{}[]\",:\\ 1u\n";
	size_t seed, parsed = 0;
	struct buf text;
	json_t *tree;

	buf_init(&text, 1 << 20);
	for (seed = 0; seed < 3000; seed++) {
		struct rng r = rng_new(seed);

		buf_reset(&text);
		put_random(&text, &r, 4);
		if (damaged)
			text.data[rng_below(&r, text.len)] =
			    marks[rng_below(&r, sizeof(marks) - 1)];
		tree = rules_parse(text.data, text.len);
		parsed += tree != NULL && json_object_size(tree) > 0;
		json_decref(tree);
		expect_rules(text.data, text.len);
	}
	buf_fini(&text);
	return parsed;
}

static void
test_random_texts(void **state)
{
	(void)state;
	/* Not all: some have the same key twice. */
	assert_true(check_random_texts(false) > 200);
}

static void
test_damaged_texts(void **state)
{
	(void)state;
	check_random_texts(true);
}

static void
expect_cut(const char *text, const char *name, const char *want)
{
	struct json_item item;
	struct json_span cut;
	struct buf out;

	assert_true(json_member(&item, text, strlen(text), name));
	cut = json_member_cut(&item, text, strlen(text));
	buf_init(&out, 256);
	buf_append(&out, text, (size_t)(cut.at - text));
	buf_puts(&out, cut.at + cut.len);
	assert_string_equal(out.data, want);
	buf_fini(&out);
}

static void
test_a_cut_takes_one_member_and_one_comma(void **state)
{
	(void)state;
	expect_cut("{\"a\":1,\"b\":2,\"c\":3}", "a", "{\"b\":2,\"c\":3}");
	expect_cut("{\"a\":1,\"b\":2,\"c\":3}", "b", "{\"a\":1,\"c\":3}");
	expect_cut("{\"a\":1,\"b\":2,\"c\":3}", "c", "{\"a\":1,\"b\":2}");
	expect_cut("{\"a\":{\"b\":1}}", "a", "{}");
	expect_cut("{\n \"a\" : 1 ,\n \"b\" : 2\n}", "b", "{\n \"a\" : 1 \n}");
}

static void
expect_put(const char *text, const char *name, const char *want)
{
	const struct json_span value = {"[9]", 3};
	struct buf out;

	buf_init(&out, 256);
	assert_int_equal(
	    json_put_with(&out, text, strlen(text), name, &value), 0);
	assert_string_equal(out.data, want);
	buf_fini(&out);
}

static void
test_a_member_is_set_where_it_stands_else_last(void **state)
{
	(void)state;
	expect_put("{\"a\":1,\"b\":2}", "a", "{\"a\":[9],\"b\":2}");
	expect_put("{\"\\u0061\" : 1.0 }", "a", "{\"\\u0061\" : [9] }");
	expect_put("{\"b\":{\"a\":1}}", "a", "{\"b\":{\"a\":1},\"a\":[9]}");
	expect_put(" {\n} ", "a", " {\"a\":[9]\n} ");
	expect_put("{\n \"b\": 1\n}\n", "a", "{\n \"b\": 1,\"a\":[9]\n}\n");
}

static void
test_only_objects_have_members(void **state)
{
	static const char *const others[] = {"[1]", "1", "\"a\"", "", " "};
	const struct json_span value = {"1", 1};
	struct json_item item;
	struct buf out;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
		buf_init(&out, 64);
		assert_int_equal(json_put_with(&out, others[i],
		    strlen(others[i]), "a", &value), -1);
		assert_false(
		    json_member(&item, others[i], strlen(others[i]), "a"));
		buf_fini(&out);
	}
}

static void
test_no_room_is_said(void **state)
{
	static const char text[] = "{\"a\":1}";
	const struct json_span value = {"12345", 5};
	struct buf out;
	size_t room;

	(void)state;
	for (room = 0; room < sizeof(text) - 1 + 4; room++) {
		buf_init(&out, room);
		assert_int_equal(json_put_with(&out, text, sizeof(text) - 1,
		    "a", &value), -1);
		buf_fini(&out);
	}
}

static void
test_key_names(void **state)
{
	static const struct {
		const char *key, *name;
		bool is;
	} cases[] = {{"\"input\"", "input", true}, {"\"input\"", "inputs", false},
	    {"\"inputs\"", "input", false}, {"\"Input\"", "input", false},
	    {"\"\\u0069nput\"", "input", true}, {"\"\"", "", true},
	    {"\"inpu\\u0074\"", "input", true}, {"\"\\u006A\"", "j", true},
	    {"\"\\u0169nput\"", "input", false}, {"\"a\\/b\"", "a/b", true},
	    {"\"\\n\"", "\n", true}, {"\"\\n\"", "n", false},
	    {"\"\\\\\"", "\\", true}, {"\"\"", "a", false}};
	struct json_span key;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		key = (struct json_span){cases[i].key, strlen(cases[i].key)};
		assert_int_equal(json_key_is(&key, cases[i].name), cases[i].is);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_texts_and_all_their_beginnings),
	    cmocka_unit_test(test_random_texts),
	    cmocka_unit_test(test_damaged_texts),
	    cmocka_unit_test(test_a_cut_takes_one_member_and_one_comma),
	    cmocka_unit_test(test_a_member_is_set_where_it_stands_else_last),
	    cmocka_unit_test(test_only_objects_have_members),
	    cmocka_unit_test(test_no_room_is_said),
	    cmocka_unit_test(test_key_names),
	};

	return cmocka_run_group_tests_name("base json_text", tests, NULL, NULL);
}
