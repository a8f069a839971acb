/* Who is in a group. */
#include "upstream/group.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { SECTIONS_MAX = 80 };

struct fixture {
	char models[SECTIONS_MAX][64];
	struct conf_upstream list[SECTIONS_MAX];
	struct conf conf;
};

/* One section for each of these; "" is absent. */
static void
sections(struct fixture *f, size_t n, const char *const *models)
{
	memset(f, 0, sizeof(*f));
	f->conf.upstreams = f->list;
	f->conf.n_upstreams = n;
	for (size_t i = 0; i < n; i++) {
		snprintf(f->models[i], sizeof(f->models[i]), "%s", models[i]);
		f->list[i].models = models[i][0] == '\0' ? NULL : f->models[i];
	}
}

/* The group of a model as digits, in its order; "-": none. */
static void
assert_group(const struct fixture *f, const char *model, const char *expected)
{
	struct upstream_group group;
	char got[SECTIONS_MAX + 1] = "-";

	if (upstream_group_of(&f->conf, model, &group) == 0) {
		assert_ptr_equal(group.member[0],
		    upstream_select(&f->conf, model));
		for (size_t i = 0; i < group.count; i++)
			got[i] = (char)('0' + (group.member[i] - f->list));
		got[group.count] = '\0';
	}
	assert_string_equal(got, expected);
}

static void
test_the_same_glob(void **state)
{
	static const char *const models[] = {"gpt-4o", "gpt-4o, gpt-4o-mini",
	    "o?\tgpt-4o-mini", "gpt-4o-mini,gpt-4o"};
	struct fixture f;

	(void)state;
	sections(&f, 4, models);
	assert_group(&f, "gpt-4o", "013");
	assert_group(&f, "gpt-4o-mini", "123");
	assert_group(&f, "o1", "2");
	assert_group(&f, "claude", "-");
}

/* What merely matches as well is another provider's, perhaps. */
static void
test_a_catch_all_is_no_member(void **state)
{
	static const char *const models[] = {"gpt-*", "*", "gpt-4*", "",
	    "gpt-*", "gpt-?"};
	struct fixture f;

	(void)state;
	sections(&f, 6, models);
	assert_group(&f, "gpt-4", "04");
	assert_group(&f, "llama", "13");
}

static void
test_absent_is_a_star(void **state)
{
	static const char *const models[] = {"", "*", "a", " , "};
	struct fixture f;

	(void)state;
	sections(&f, 4, models);
	assert_group(&f, "x", "013");
	/* a model nobody names goes to the first, and its group */
	assert_group(&f, "", "013");
	assert_group(&f, NULL, "013");
}

/* The first section takes what names no model, alone if it lists no "*". */
static void
test_no_model(void **state)
{
	static const char *const models[] = {"gpt-*", "gpt-*", "*"};
	struct fixture f;

	(void)state;
	sections(&f, 3, models);
	assert_group(&f, "", "0");
	assert_group(&f, NULL, "0");
	assert_group(&f, "gpt-5", "01");
	f.conf.n_upstreams = 0;
	assert_group(&f, NULL, "-");
}

static void
test_more_than_there_is_room_for(void **state)
{
	const char *models[SECTIONS_MAX];
	struct upstream_group group;
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < SECTIONS_MAX; i++)
		models[i] = "m";
	sections(&f, SECTIONS_MAX, models);
	assert_int_equal(upstream_group_of(&f.conf, "m", &group), 0);
	assert_int_equal(group.count, UPSTREAM_GROUP_MAX);
}

static void
test_fallbacks(void **state)
{
	static const char *const models[] = {"m", "m", "m", "n"};
	static const int64_t priorities[] = {5, 2, 2, 0};
	struct upstream_group group;
	struct fixture f;

	(void)state;
	sections(&f, 4, models);
	for (size_t i = 0; i < 4; i++)
		f.list[i].priority = priorities[i];
	assert_int_equal(upstream_group_of(&f.conf, "m", &group), 0);
	assert_true(upstream_group_is_fallback(&group, &f.list[0]));
	assert_false(upstream_group_is_fallback(&group, &f.list[1]));
	assert_false(upstream_group_is_fallback(&group, &f.list[2]));
}

static void
note_group(void *arg, const struct upstream_group *group)
{
	char *text = arg, item[64];

	snprintf(item, sizeof(item), "%.*s:%zu ", (int)group->glob_len,
	    group->glob, group->count);
	strncat(text, item, 255 - strlen(text));
}

static void
test_each_glob_once(void **state)
{
	static const char *const models[] = {"a b a", "", "b c", "*, c"};
	char text[256] = "";
	struct fixture f;

	(void)state;
	sections(&f, 4, models);
	upstream_each_group(&f.conf, note_group, text);
	assert_string_equal(text, "a:1 b:2 *:2 c:2 ");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_same_glob),
		cmocka_unit_test(test_a_catch_all_is_no_member),
		cmocka_unit_test(test_absent_is_a_star),
		cmocka_unit_test(test_no_model),
		cmocka_unit_test(test_more_than_there_is_room_for),
		cmocka_unit_test(test_fallbacks),
		cmocka_unit_test(test_each_glob_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
