/* Files: the configuration itself, and those that keys are in. */
#include "helper.h"

#include <stdlib.h>
#include <unistd.h>

static char dir[] = "/tmp/test_conf_XXXXXX";

static int
make_dir(void **state)
{
	(void)state;
	return mkdtemp(dir) == NULL;
}

static int
remove_dir(void **state)
{
	(void)state;
	return rmdir(dir);
}

/* Write bytes to a file of the directory; its path goes to out. */
static void
write_file(const char *name, const char *bytes, size_t len, char out[64])
{
	FILE *f;

	snprintf(out, 64, "%s/%s", dir, name);
	f = fopen(out, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(bytes, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static void
test_load_file(void **state)
{
	char path[64], variable[100];
	char *envp[] = {variable, NULL};
	struct conf *conf;

	(void)state;
	write_file("r.conf", "[cache]\nttl = 7\n", 16, path);
	conf = conf_load(path, no_env, NULL);
	assert_non_null(conf);
	assert_int_equal(conf->cache.ttl_ms, 7000);
	assert_string_equal(conf->path, path);
	conf_free(conf);
	snprintf(variable, sizeof(variable), "REPRISE_CONF=%s", path);
	conf = conf_load(NULL, envp, NULL);
	assert_non_null(conf);
	assert_int_equal(conf->cache.ttl_ms, 7000);
	conf_free(conf);
	assert_int_equal(unlink(path), 0);
}

static void
test_load_failures(void **state)
{
	char path[64], variable[100], expected[200];
	char *envp[] = {variable, NULL};
	struct err err = ERR_INIT;

	(void)state;
	snprintf(path, sizeof(path), "%s/none.conf", dir);
	snprintf(variable, sizeof(variable), "REPRISE_CONF=%s", path);
	snprintf(expected, sizeof(expected), "%s: No such file or directory",
	    path);
	assert_null(conf_load(path, no_env, &err));
	assert_string_equal(err.text, expected);
	assert_int_equal(err.code, ERR_CONFIG);
	err_clear(&err);
	assert_null(conf_load(NULL, envp, &err));
	assert_string_equal(err.text, expected);
	err_clear(&err);
	assert_null(conf_load(dir, no_env, &err));
	assert_non_null(strstr(err.text, "Is a directory"));
	assert_null(conf_load("/dev/zero", no_env, NULL));
}

static void
test_no_default_file(void **state)
{
	struct conf *conf;

	(void)state;
	if (access("/etc/reprise/reprise.conf", F_OK) == 0)
		skip();
	conf = conf_load(NULL, no_env, NULL);
	assert_non_null(conf);
	assert_null(conf->path);
	assert_int_equal(conf->server.threads, 32);
	conf_free(conf);
}

static void
test_file_bound(void **state)
{
	enum { MEGABYTE = 1024 * 1024 };
	char *text = malloc(MEGABYTE + 1), path[64];
	struct conf *conf;
	size_t i;

	(void)state;
	assert_non_null(text);
	for (i = 0; i <= MEGABYTE; i++)
		text[i] = i % 100 == 99 ? '\n' : ';';
	memcpy(text + MEGABYTE - 18, "\n[cache]\nttl = 7  ", 18);
	write_file("big.conf", text, MEGABYTE, path);
	conf = conf_load(path, no_env, NULL);
	assert_non_null(conf);
	assert_int_equal(conf->cache.ttl_ms, 7000);
	conf_free(conf);
	write_file("big.conf", text, MEGABYTE + 1, path);
	assert_null(conf_load(path, no_env, NULL));
	assert_int_equal(unlink(path), 0);
	free(text);
}

/* What a key file with these bytes gives; expected NULL: an error. */
static void
check_key_file(const char *bytes, size_t len, const char *expected,
    const char *why)
{
	char path[64], text[200], said[300];
	struct err err = ERR_INIT;
	struct conf *conf;

	write_file("key", bytes, len, path);
	snprintf(text, sizeof(text),
	    "[upstream a]\nurl = http://h\nkey = file:%s\n", path);
	conf = conf_load_text(text, strlen(text), "t.conf", no_env, &err);
	if (expected != NULL) {
		assert_non_null(conf);
		assert_string_equal(conf->upstreams[0].credential, expected);
	} else {
		assert_null(conf);
		snprintf(said, sizeof(said),
		    "t.conf:3: upstream.a.key = file:%s: %s", path, why);
		assert_string_equal(err.text, said);
	}
	conf_free(conf);
	assert_int_equal(unlink(path), 0);
}

static void
test_key_file(void **state)
{
	char *big = calloc(1, 17000);

	(void)state;
	assert_non_null(big);
	check_key_file("sk-1", 4, "sk-1", NULL);
	check_key_file("sk-1 \t\r\nsecond\n", 15, "sk-1", NULL);
	check_key_file("", 0, NULL, "is empty");
	check_key_file("  \nsk-1\n", 8, NULL, "is empty");
	check_key_file("sk\0-1\n", 6, NULL, "holds control characters");
	check_key_file("sk-1\0", 5, NULL, "holds control characters");
	check_key_file("sk\t-1\n", 6, NULL, "holds control characters");
	check_key_file("sk\r-1\n", 6, NULL, "holds control characters");
	check_key_file("sk\x7f\n", 4, NULL, "holds control characters");
	memset(big, 'k', 17000);
	check_key_file(big, 17000, NULL, "File too large");
	free(big);
	refuse("[upstream a]\nurl = http://h\nkey = file:/nonexistent/key\n",
	    "t.conf:3: upstream.a.key = file:/nonexistent/key: No such file "
	    "or directory");
	refuse("[upstream a]\nurl = http://h\nkey = file:/dev/zero\n",
	    "t.conf:3: upstream.a.key = file:/dev/zero: is not a regular file");
}

static void
test_key_env(void **state)
{
	static const char text[] =
	    "[upstream a]\nurl = http://h\nkey = env:MY_KEY\n";
	char good[] = "MY_KEY=sk-2 ", empty[] = "MY_KEY=";
	char bad[] = "MY_KEY=a\nb";
	char *envp[] = {good, NULL};
	struct conf *conf = load_env(text, envp);

	(void)state;
	assert_string_equal(conf->upstreams[0].credential, "sk-2");
	conf_free(conf);
	refuse(text, "t.conf:3: upstream.a.key = env:MY_KEY: is not set");
	envp[0] = empty;
	refuse_env(text, envp,
	    "t.conf:3: upstream.a.key = env:MY_KEY: is empty");
	envp[0] = bad;
	refuse_env(text, envp, "t.conf:3: upstream.a.key = env:MY_KEY: holds "
	    "control characters");
}

/* What may be a credential is never repeated. */
static void
test_secrets_not_shown(void **state)
{
	(void)state;
	refuse("[upstream a]\nkey = sk-1\n", "t.conf:2: upstream.a.key = (not "
	    "shown): must be env:NAME or file:PATH");
	refuse("[upstream a]\nkey = env:sk-1\n", "t.conf:2: upstream.a.key = "
	    "(not shown): must be env:NAME or file:PATH");
	refuse("[upstream a]\nkey = env:\n", "t.conf:2: upstream.a.key = "
	    "(not shown): must be env:NAME or file:PATH");
	refuse("[upstream a]\nurl = http://me:pw@h\n", "t.conf:2: "
	    "upstream.a.url = (not shown): must be http(s)://HOST[:PORT]"
	    "[/PATH] and no more");
	refuse("[upstream a]\nproxy = http://me:pw@h\n", "t.conf:2: "
	    "upstream.a.proxy = (not shown): must be SCHEME://HOST:PORT and "
	    "no more; http, https, socks4(a) or socks5(h)");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_load_file),
		cmocka_unit_test(test_load_failures),
		cmocka_unit_test(test_no_default_file),
		cmocka_unit_test(test_file_bound),
		cmocka_unit_test(test_key_file),
		cmocka_unit_test(test_key_env),
		cmocka_unit_test(test_secrets_not_shown),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
