/* Where the files are that worker processes share. */
#include "helper.h"

#include "conf/state_path.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <unistd.h>

static struct conf_state_path
path_of(const char *text, enum conf_state what)
{
	struct conf *conf = load(text);
	struct conf_state_path at;
	struct err err = ERR_INIT;

	if (conf_state_path(conf, what, &at, &err) == -1)
		fail_msg("%s", err.text);
	conf_free(conf);
	return at;
}

static void
test_named(void **state)
{
	static const char text[] = "[server]\nstate_file = /run/r/state\n";
	struct conf_state_path at = path_of(text, CONF_STATE_COUNTERS);

	(void)state;
	assert_string_equal(at.path, "/run/r/state");
	assert_string_equal(at.any_user, "");
	at = path_of(text, CONF_STATE_UPSTREAMS);
	assert_string_equal(at.path, "/run/r/state.upstreams");
	assert_string_equal(at.any_user, "");
}

/* Each user, configuration and kind has one of its own. */
static void
test_automatic(void **state)
{
	struct conf_state_path one = path_of("", CONF_STATE_COUNTERS);
	struct conf_state_path other =
	    path_of("[cache]\nttl = 7\n", CONF_STATE_COUNTERS);
	char user[64];

	(void)state;
	snprintf(user, sizeof(user), "/reprise-%u-", (unsigned)geteuid());
	assert_non_null(strstr(one.path, user));
	assert_string_equal(one.path + strlen(one.path) - 9, ".counters");
	assert_int_equal(fnmatch(one.any_user, one.path, FNM_PATHNAME), 0);
	assert_int_not_equal(fnmatch(one.any_user, other.path, FNM_PATHNAME),
	    0);
	assert_string_equal(path_of("", CONF_STATE_COUNTERS).path, one.path);
	other = path_of("", CONF_STATE_UPSTREAMS);
	assert_string_equal(other.path + strlen(other.path) - 10, ".upstreams");
	assert_memory_equal(other.path, one.path, strlen(one.path) - 9);
}

/* A file is told by where it is, not by what is in it. */
static void
test_the_file_names_it(void **state)
{
	char real[] = "/tmp/test-state-path.XXXXXX", via[64];
	struct conf_state_path a, b;
	struct err err = ERR_INIT;
	struct conf *conf;
	int fd = mkstemp(real);

	(void)state;
	assert_int_not_equal(fd, -1);
	snprintf(via, sizeof(via), "/tmp/../tmp/%s", real + 5);
	conf = conf_load_text("", 0, real, no_env, &err);
	assert_int_equal(conf_state_path(conf, CONF_STATE_COUNTERS, &a, &err),
	    0);
	conf_free(conf);
	conf = conf_load_text("[cache]\nttl = 7\n", 16, via, no_env, &err);
	assert_int_equal(conf_state_path(conf, CONF_STATE_COUNTERS, &b, &err),
	    0);
	conf_free(conf);
	assert_string_equal(a.path, b.path);
	close(fd);
	unlink(real);
}

static void
test_too_long(void **state)
{
	char name[CONF_STATE_PATH_MAX + 1];
	struct conf conf = {.server.state_file = name};
	struct conf_state_path at;
	struct err err = ERR_INIT;

	(void)state;
	memset(name, 'x', sizeof(name));
	name[CONF_STATE_PATH_MAX - 1] = '\0';
	assert_int_equal(conf_state_path(&conf, CONF_STATE_COUNTERS, &at,
	    &err), 0);
	assert_int_equal(conf_state_path(&conf, CONF_STATE_UPSTREAMS, &at,
	    &err), -1);
	assert_int_equal(err.code, ERR_CONFIG);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_named),
	    cmocka_unit_test(test_automatic),
	    cmocka_unit_test(test_the_file_names_it),
	    cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
