#include "upstream/upstream.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static char globs[4][64];
static struct conf_upstream list[] = {
	{.models = globs[0]}, {.models = globs[1]}, {.models = globs[2]},
	{.models = globs[3]},
};
static const struct conf conf = {.upstreams = list, .n_upstreams = 3};

static int
chosen(const char *model)
{
	const struct conf_upstream *u = upstream_select(&conf, model);

	return u == NULL ? -1 : (int)(u - list);
}

static int
setup(void **state)
{
	(void)state;
	memcpy(globs[0], "gpt-*, o?", 10);
	memcpy(globs[1], "claude-*\tgpt-4", 15);
	memcpy(globs[2], "llama", 6);
	return 0;
}

static void
test_globs(void **state)
{
	(void)state;
	assert_int_equal(chosen("gpt-4"), 0);
	assert_int_equal(chosen("o3"), 0);
	assert_int_equal(chosen("o3-mini"), -1);
	assert_int_equal(chosen("claude-x"), 1);
	assert_int_equal(chosen("llama"), 2);
	assert_int_equal(chosen("llama2"), -1);
	assert_int_equal(chosen("GPT-4"), -1);
}

static void
test_no_model_means_first(void **state)
{
	static const struct conf none = {.n_upstreams = 0};

	(void)state;
	assert_int_equal(chosen(NULL), 0);
	assert_int_equal(chosen(""), 0);
	assert_null(upstream_select(&none, NULL));
	assert_null(upstream_select(&none, "gpt-4"));
}

static void
test_no_globs_mean_all(void **state)
{
	struct conf_upstream one = {.models = NULL};
	struct conf all = {.upstreams = &one, .n_upstreams = 1};
	char blank[] = " , ";

	(void)state;
	assert_ptr_equal(upstream_select(&all, "x"), &one);
	one.models = blank;
	assert_ptr_equal(upstream_select(&all, "x"), &one);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(test_globs, setup),
		cmocka_unit_test_setup(test_no_model_means_first, setup),
		cmocka_unit_test(test_no_globs_mean_all),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
