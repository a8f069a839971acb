/* Options from the environment. */
#include "helper.h"

static void
test_override(void **state)
{
	char ttl[] = "REPRISE_CACHE_TTL= 9s ", other[] = "PATH=/bin";
	char conf_path[] = "REPRISE_CONF=/nonexistent";
	char version[] = "REPRISE_VERSION=1";
	char *envp[] = {other, ttl, conf_path, version, NULL};
	struct conf *conf = load_env("[cache]\nttl = 5\nchunk = 8K\n", envp);

	(void)state;
	assert_int_equal(conf->cache.ttl_ms, 9000);
	assert_int_equal(conf->cache.chunk_bytes, 8192);
	conf_free(conf);
	/* It does not excuse what is wrong in the file. */
	refuse_env("[cache]\nttl = x\n", envp,
	    "t.conf:2: cache.ttl = x: must be from 0 to 3650d "
	    "(units: ms, s, m, h, d)");
	conf = conf_load_text("", 0, NULL, NULL, NULL);
	assert_non_null(conf);
	conf_free(conf);
}

static void
refuse_variable(const char *variable, const char *expected)
{
	char copy[400];
	char *envp[] = {copy, NULL};

	snprintf(copy, sizeof(copy), "%s", variable);
	refuse_env("", envp, expected);
}

static void
test_refused(void **state)
{
	char name[300];

	(void)state;
	refuse_variable("REPRISE_CACHE_CHUNK=9G", "REPRISE_CACHE_CHUNK: "
	    "cache.chunk = 9G: must be from 4K to 1000K "
	    "(units: K, M, G)");
	refuse_variable("REPRISE_CACHE_TTTL=9", "REPRISE_CACHE_TTTL: no option "
	    "has this name; did you mean REPRISE_CACHE_TTL?");
	refuse_variable("REPRISE_cache_ttl=9",
	    "REPRISE_cache_ttl: no option has this name");
	refuse_variable("REPRISE_=9", "REPRISE_: no option has this name");
	refuse_variable("REPRISE_SECRET=sk-1",
	    "REPRISE_SECRET: no option has this name");
	refuse_variable("REPRISE_A\r\nB=9",
	    "REPRISE_A??B: no option has this name");
	refuse_variable("REPRISE_UPSTREAM_A_B=9", "REPRISE_UPSTREAM_A_B: no "
	    "option has this name; an upstream's are REPRISE_UPSTREAM_NAME_URL "
	    "and so on");
	refuse_variable("REPRISE_UPSTREAM_URL=http://h", "REPRISE_UPSTREAM_URL:"
	    " no option has this name; an upstream's are "
	    "REPRISE_UPSTREAM_NAME_URL and so on");
	refuse_variable("REPRISE_UPSTREAM_a_URL=http://h",
	    "REPRISE_UPSTREAM_a_URL: an upstream's name is written in capital "
	    "letters, digits and '_' here");
	refuse_variable("REPRISE_UPSTREAM_A_KEY=sk-1", "REPRISE_UPSTREAM_A_KEY:"
	    " upstream.a.key = (not shown): must be env:NAME or file:PATH");
	refuse_variable("REPRISE_UPSTREAM_A_MODELS=x",
	    "REPRISE_UPSTREAM_A_MODELS: upstream a has no url");
	refuse_variable("REPRISE_SERVER_LOG=a\nb", "REPRISE_SERVER_LOG: "
	    "server.log = a?b: must not hold control characters");
	refuse_variable("REPRISE_SERVER_LOG=a ;b", "REPRISE_SERVER_LOG: "
	    "server.log = a ;b: must not hold a word beginning with ; or #");
	memset(name, 'X', sizeof(name));
	memcpy(name, "REPRISE_", 8);
	memcpy(name + sizeof(name) - 3, "=1", 3);
	refuse_variable(name, "REPRISE_XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX"
	    "XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX...: no option has this name");
}

static void
test_upstream_of_file(void **state)
{
	static const char text[] = "[upstream Open-AI.x]\nurl = http://h\n"
	    "[upstream b]\nurl = http://b\n";
	char models[] = "REPRISE_UPSTREAM_OPEN_AI_X_MODELS=gpt-*";
	char timeout[] = "REPRISE_UPSTREAM_OPEN_AI_X_FIRST_BYTE_TIMEOUT=3s";
	char *envp[] = {models, timeout, NULL};
	struct conf *conf = load_env(text, envp);

	(void)state;
	assert_int_equal(conf->n_upstreams, 2);
	assert_string_equal(conf->upstreams[0].name, "Open-AI.x");
	assert_string_equal(conf->upstreams[0].models, "gpt-*");
	assert_int_equal(conf->upstreams[0].first_byte_timeout_ms, 3000);
	assert_string_equal(conf->upstreams[1].models, "*");
	conf_free(conf);
}

static void
test_ambiguous(void **state)
{
	char models[] = "REPRISE_UPSTREAM_A_B_MODELS=gpt-*";
	char *envp[] = {models, NULL};

	(void)state;
	refuse_env("[upstream a-b]\nurl = http://h\n[upstream a_b]\n"
	    "url = http://b\n", envp, "REPRISE_UPSTREAM_A_B_MODELS: this may "
	    "be upstream a-b or upstream a_b");
}

/* They come after the file's, in the order of their names. */
static void
test_introduced(void **state)
{
	char z[] = "REPRISE_UPSTREAM_Z_URL=http://z";
	char key[] = "REPRISE_UPSTREAM_MY_AI_KEY=env:K", k[] = "K=sk-3";
	char m[] = "REPRISE_UPSTREAM_MY_AI_URL=http://m/v1/";
	char *one[] = {z, key, k, m, NULL}, *other[] = {m, key, k, z, NULL};
	char *const *const orders[] = {one, other};
	struct conf *conf;
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		conf = load_env("[upstream zz]\nurl = http://zz\n", orders[i]);
		assert_int_equal(conf->n_upstreams, 3);
		assert_string_equal(conf->upstreams[0].name, "zz");
		assert_string_equal(conf->upstreams[1].name, "my_ai");
		assert_string_equal(conf->upstreams[1].url, "http://m/v1");
		assert_string_equal(conf->upstreams[1].credential, "sk-3");
		assert_string_equal(conf->upstreams[2].name, "z");
		conf_free(conf);
	}
}

/* A name of the longest length, and one longer. */
static void
test_long_name(void **state)
{
	char variable[] = "REPRISE_UPSTREAM_"
	    "A234567890123456789012345678901234567890_URL=http://h";
	char *envp[] = {variable, NULL};
	struct conf *conf = load_env("", envp);

	(void)state;
	assert_string_equal(conf->upstreams[0].name,
	    "a234567890123456789012345678901234567890");
	conf_free(conf);
	refuse_variable("REPRISE_UPSTREAM_"
	    "A2345678901234567890123456789012345678901_URL=http://h",
	    "REPRISE_UPSTREAM_A2345678901234567890123456789012345678901_URL: "
	    "an upstream's name has 40 letters at most");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_override),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_upstream_of_file),
		cmocka_unit_test(test_ambiguous),
		cmocka_unit_test(test_introduced),
		cmocka_unit_test(test_long_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
