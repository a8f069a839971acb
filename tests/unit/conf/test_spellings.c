/* String options: how each may be spelled, and what is kept of it. */
#include "helper.h"

/* given as a value; kept NULL: refused. */
struct spelling {
	const char *given;
	const char *kept;
};

static void
check_spellings(enum conf_option_id id, const struct spelling *all, size_t n)
{
	const struct conf_option *option = conf_table_row(id);
	struct err err;
	struct conf *conf;
	char text[600];
	size_t i;

	for (i = 0; i < n; i++) {
		one_option(option, all[i].given, text, sizeof(text));
		err_clear(&err);
		conf = conf_load_text(text, strlen(text), NULL, no_env, &err);
		if ((conf == NULL) != (all[i].kept == NULL))
			fail_msg("\"%s\": %s", all[i].given, err.text);
		if (conf != NULL)
			assert_string_equal(string_of(conf, option),
			    all[i].kept);
		else
			assert_non_null(strstr(err.text, ": must "));
		conf_free(conf);
	}
}

static void
test_base_path(void **state)
{
	static const struct spelling all[] = {{"", "/"}, {"/", "/"},
		{"llm", "/llm"}, {"/llm/", "/llm"}, {"llm///", "/llm"},
		{"/a/b.c/..d", "/a/b.c/..d"}, {"//", "/"}, {"/a%20b", "/a%20b"},
		{"//a", NULL}, {"/a//b", NULL}, {"/.", NULL}, {"/a/../b", NULL},
		{"..", NULL}, {"/%2e%2E/b", NULL}, {"/.%2e", NULL},
		{"/a b", NULL}, {"/a\tb", NULL}, {"/a?b", NULL}, {"/a#b", NULL},
		{"/\xc3\xa9", NULL}};

	(void)state;
	check_spellings(CONF_OPTION_server_base_path, all,
	    sizeof(all) / sizeof(all[0]));
}

static void
test_namespace(void **state)
{
	static const struct spelling all[] = {{"a", "a"}, {"a:b/c", "a:b/c"},
		{"", NULL}, {"a b", NULL}, {"a\tb", NULL}, {"\xc3\xa9", NULL}};
	char longest[130], text[200];
	struct conf *conf;

	(void)state;
	check_spellings(CONF_OPTION_cache_namespace, all,
	    sizeof(all) / sizeof(all[0]));
	memset(longest, 'n', 129);
	longest[128] = '\0';
	snprintf(text, sizeof(text), "[cache]\nnamespace = %s\n", longest);
	conf = load(text);
	assert_string_equal(conf->cache.namespace, longest);
	conf_free(conf);
	longest[128] = 'n';
	longest[129] = '\0';
	snprintf(text, sizeof(text), "[cache]\nnamespace = %s\n", longest);
	refuse(text, "t.conf:2: cache.namespace = "
	    "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn...: must be 1 to 128 "
	    "printable ASCII bytes without blanks");
}

static void
test_url(void **state)
{
	static const struct spelling all[] = {
		{"http://h", "http://h"}, {"https://h/", "https://h"},
		{"HTTPS://H.example:443/v1//", "HTTPS://H.example:443/v1"},
		{"http://127.0.0.1:8080/a/b", "http://127.0.0.1:8080/a/b"},
		{"http://[::1]:80/", "http://[::1]:80"},
		{"http://h:65535", "http://h:65535"}, {"h", NULL},
		{"ftp://h", NULL}, {"http:/h", NULL}, {"http://", NULL},
		{"http:///v1", NULL}, {"http://:80", NULL},
		{"http://h:", NULL}, {"http://h:0", NULL},
		{"http://h:65536", NULL}, {"http://h:8x", NULL},
		{"http://h:000000080", NULL}, {"http://u@h", NULL},
		{"http://u:p@h", NULL}, {"http://h?q", NULL},
		{"http://h/?q", NULL}, {"http://h/#f", NULL},
		{"http://h#f", NULL}, {"http://h/a b", NULL},
		{"http://h/a\tb", NULL}, {"http://h\\x", NULL},
		{"http://[::1", NULL}, {"http://[]", NULL},
		{"http://[::1]x", NULL}, {"http://h/\xc3\xa9", NULL},
		{"file:///etc/passwd", NULL}};

	(void)state;
	check_spellings(CONF_OPTION_upstream_url, all,
	    sizeof(all) / sizeof(all[0]));
}

static void
test_replay(void **state)
{
	static const struct spelling all[] = {{"instant", "instant"},
		{"recorded", "recorded"}, {"recorded*4", "recorded*4"},
		{"recorded x4", NULL}, {"recordedx0.5", "recordedx0.5"},
		{"recorded\xc3\x97" "4", "recorded\xc3\x97" "4"},
		{"30/s", "30/s"}, {"30/s ; a comment", "30/s"}, {"", NULL},
		{"30 / s", NULL}, {"30/m", NULL}, {"off", NULL},
		{"recorded*0", NULL}};

	(void)state;
	check_spellings(CONF_OPTION_cache_replay, all,
	    sizeof(all) / sizeof(all[0]));
}

static void
test_other_strings(void **state)
{
	static const struct spelling proxies[] = {{"", ""},
		{"http://p:3128/", "http://p:3128"},
		{"socks5h://p:1080", "socks5h://p:1080"}, {"p:3128", NULL},
		{"http://u:p@p:3128", NULL}, {"http://p:1/x", NULL}};
	static const struct spelling controls[] = {{"none", "none"},
		{"replay", "replay"}, {"ttl,replay", "ttl,replay"},
		{"", ""}, {"Replay", NULL}, {"replays", NULL}};
	static const struct spelling any[] = {{"a b", "a b"}, {"", NULL}};
	static const struct spelling empty[] = {{"", ""}};

	(void)state;
	check_spellings(CONF_OPTION_upstream_proxy, proxies,
	    sizeof(proxies) / sizeof(proxies[0]));
	check_spellings(CONF_OPTION_cache_allow_control, controls,
	    sizeof(controls) / sizeof(controls[0]));
	check_spellings(CONF_OPTION_server_log, any, 2);
	check_spellings(CONF_OPTION_server_state_file, any, 2);
	check_spellings(CONF_OPTION_cache_servers, any, 2);
	check_spellings(CONF_OPTION_upstream_models, any, 2);
	check_spellings(CONF_OPTION_cache_key_headers, empty, 1);
	check_spellings(CONF_OPTION_upstream_ca_file, empty, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_base_path),
		cmocka_unit_test(test_namespace),
		cmocka_unit_test(test_url),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_other_strings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
