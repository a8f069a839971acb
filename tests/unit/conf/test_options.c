/* Every option of the table: defaults, bounds, words, environment. */
#include "helper.h"

#include <ctype.h>
#include <stdlib.h>

/* Read "16M" or "250ms" in bytes or milliseconds, apart from the parser. */
static int64_t
evaluate(const struct conf_option *option, const char *text)
{
	char *unit;
	int64_t n = strtoll(text, &unit, 10);

	if (option->type == CONF_TYPE_NUMBER)
		return n;
	if (option->type == CONF_TYPE_SIZE)
		return strcmp(unit, "G") == 0 ? n * 1073741824 :
		    strcmp(unit, "M") == 0    ? n * 1048576 :
		    strcmp(unit, "K") == 0    ? n * 1024 :
						n;
	return strcmp(unit, "ms") == 0 ? n :
	    strcmp(unit, "m") == 0     ? n * 60000 :
	    strcmp(unit, "h") == 0     ? n * 3600000 :
	    strcmp(unit, "d") == 0     ? n * 86400000 :
					 n * 1000;
}

static bool
is_quantity(const struct conf_option *option)
{
	return option->min != NULL;
}

/* Set one option to a quantity in its smallest unit; that it is kept. */
static void
accept_quantity(const struct conf_option *option, int64_t value)
{
	char text[200], given[40];
	struct conf *conf;

	snprintf(given, sizeof(given), "%lld%s", (long long)value,
	    option->type == CONF_TYPE_DURATION ? "ms" : "");
	one_option(option, given, text, sizeof(text));
	conf = load(text);
	assert_int_equal(quantity_of(conf, option), value);
	conf_free(conf);
}

/* The place and the option as errors name them. */
static void
write_prefix(const struct conf_option *option, int line, char *out,
    size_t size)
{
	snprintf(out, size, "t.conf:%d: %s%s.%s", line,
	    conf_table_section(option->section),
	    option->section == CONF_IN_upstream ? ".u" : "", option->name);
}

static void
refuse_quantity(const struct conf_option *option, const char *given)
{
	char text[200], prefix[100], expected[300];
	int line = one_option(option, given, text, sizeof(text));
	const char *units = option->type == CONF_TYPE_DURATION ?
	    " (units: ms, s, m, h, d)" :
	    option->type == CONF_TYPE_SIZE ? " (units: K, M, G)" : "";

	write_prefix(option, line, prefix, sizeof(prefix));
	if (strcmp(option->min, option->max) == 0)
		snprintf(expected, sizeof(expected), "%s = %s: must be %s%s",
		    prefix, given, option->min, units);
	else
		snprintf(expected, sizeof(expected),
		    "%s = %s: must be from %s to %s%s", prefix, given,
		    option->min, option->max, units);
	refuse(text, expected);
}

static void
test_bounds(void **state)
{
	static const char *const garbage[] = {"", "-1", "+1", "1.5", "0x10",
		"1 0", "1kB", "1KB", "K", "ms", "1msx", "1 s", "1S", "ten",
		"99999999999999999999", "9223372036854775807G",
		"9223372036854775807d", "18446744073709551617", "1b",
		NULL};
	const struct conf_option *option;
	char given[40];
	int64_t min, max;
	int i, j;

	(void)state;
	for (i = 0; i < CONF_OPTION_COUNT; i++) {
		option = conf_table_row((enum conf_option_id)i);
		if (!is_quantity(option))
			continue;
		min = evaluate(option, option->min);
		max = evaluate(option, option->max);
		assert_true(min <= max);
		accept_quantity(option, min);
		accept_quantity(option, max);
		snprintf(given, sizeof(given), "%lld%s", (long long)(max + 1),
		    option->type == CONF_TYPE_DURATION ? "ms" : "");
		refuse_quantity(option, given);
		snprintf(given, sizeof(given), "%lld%s", (long long)(min - 1),
		    option->type == CONF_TYPE_DURATION ? "ms" : "");
		refuse_quantity(option, given);
		for (j = 0; garbage[j] != NULL; j++)
			refuse_quantity(option, garbage[j]);
	}
}

/* The n-th word of "a|b|c" into out, false when there is none. */
static bool
nth_word(const char *words, int n, char *out, size_t size)
{
	for (; n > 0; n--) {
		words = strchr(words, '|');
		if (words == NULL)
			return false;
		words++;
	}
	snprintf(out, size, "%.*s", (int)strcspn(words, "|"), words);
	return true;
}

/* False and true are off and on. */
static const char *
words_of(const struct conf_option *option)
{
	return option->type == CONF_TYPE_SWITCH ? "off|on" : option->words;
}

static void
test_words(void **state)
{
	static const char *const garbage[] = {"", "yes", "ON", "|", "off|on",
		"of", "offf", "1", NULL};
	const struct conf_option *option;
	char text[200], word[40], prefix[100];
	struct conf *conf;
	struct err err;
	int i, n, line;

	(void)state;
	for (i = 0; i < CONF_OPTION_COUNT; i++) {
		option = conf_table_row((enum conf_option_id)i);
		if (option->type != CONF_TYPE_CHOICE &&
		    option->type != CONF_TYPE_SWITCH)
			continue;
		for (n = 0; nth_word(words_of(option), n, word, sizeof(word));
		     n++) {
			one_option(option, word, text, sizeof(text));
			conf = load(text);
			assert_int_equal(word_of(conf, option), n);
			conf_free(conf);
		}
		for (n = 0; garbage[n] != NULL; n++) {
			line = one_option(option, garbage[n], text,
			    sizeof(text));
			write_prefix(option, line, prefix, sizeof(prefix));
			err_clear(&err);
			assert_null(conf_load_text(text, strlen(text), "t.conf",
			    no_env, &err));
			assert_int_equal(err.code, ERR_CONFIG);
			assert_memory_equal(err.text, prefix, strlen(prefix));
			assert_non_null(strstr(err.text, ": must be "));
		}
	}
}

static void
test_words_in_errors(void **state)
{
	(void)state;
	refuse("[server]\nlog_level = loud\n", "t.conf:2: server.log_level = "
	    "loud: must be error, warning, notice, info or debug");
	refuse("[cache]\nscope = all\n",
	    "t.conf:2: cache.scope = all: must be credential or shared");
	refuse("[cache]\nreplay = 5/m\n", "t.conf:2: cache.replay = 5/m: must "
	    "be instant, recorded, recorded*N or N/s, N from 0.001 to "
	    "1000000");
	refuse("[cache]\nreplay = recorded*0\n", "t.conf:2: cache.replay = "
	    "recorded*0: must be instant, recorded, recorded*N or N/s, N from "
	    "0.001 to 1000000");
	refuse("[cache]\nstore_length = maybe\n",
	    "t.conf:2: cache.store_length = maybe: must be on or off");
	refuse("[cache]\nallow_control = ttl, all\n",
	    "t.conf:2: cache.allow_control = ttl, all: must be words out of "
	    "no-cache, no-store, max-age, only-if-cached, ttl, namespace, "
	    "use-cache, replay; or none");
}

/* The enums of conf.h follow the words' order in options.def. */
static void
test_enums(void **state)
{
	static const struct {
		enum conf_option_id id;
		int value;
		const char *word;
	} all[] = {
		{CONF_OPTION_server_log_level, CONF_LOG_ERROR, "error"},
		{CONF_OPTION_server_log_level, CONF_LOG_WARNING, "warning"},
		{CONF_OPTION_server_log_level, CONF_LOG_NOTICE, "notice"},
		{CONF_OPTION_server_log_level, CONF_LOG_INFO, "info"},
		{CONF_OPTION_server_log_level, CONF_LOG_DEBUG, "debug"},
		{CONF_OPTION_cache_compress, CONF_COMPRESS_ZSTD, "zstd"},
		{CONF_OPTION_cache_compress, CONF_COMPRESS_OFF, "off"},
		{CONF_OPTION_cache_scope, CONF_SCOPE_CREDENTIAL, "credential"},
		{CONF_OPTION_cache_scope, CONF_SCOPE_SHARED, "shared"},
		{CONF_OPTION_cache_upstream_no_store, CONF_NO_STORE_HONOUR,
		    "honour"},
		{CONF_OPTION_cache_upstream_no_store, CONF_NO_STORE_IGNORE,
		    "ignore"},
		{CONF_OPTION_cache_on_abort, CONF_ON_ABORT_FINISH, "finish"},
		{CONF_OPTION_cache_on_abort, CONF_ON_ABORT_CANCEL, "cancel"},
		{CONF_OPTION_cache_mode, CONF_MODE_ON, "on"},
		{CONF_OPTION_cache_mode, CONF_MODE_OPT_IN, "opt_in"},
		{CONF_OPTION_upstream_key_header, CONF_KEY_HEADER_AUTO, "auto"},
		{CONF_OPTION_upstream_key_header,
		    CONF_KEY_HEADER_AUTHORIZATION, "authorization"},
		{CONF_OPTION_upstream_key_header, CONF_KEY_HEADER_X_API_KEY,
		    "x-api-key"},
		{CONF_OPTION_upstream_key_header, CONF_KEY_HEADER_API_KEY,
		    "api-key"},
	};
	static const enum conf_option_id named[] = {
		CONF_OPTION_server_log_level, CONF_OPTION_cache_compress,
		CONF_OPTION_cache_scope, CONF_OPTION_cache_upstream_no_store,
		CONF_OPTION_cache_on_abort, CONF_OPTION_cache_mode,
		CONF_OPTION_upstream_key_header};
	const struct conf_option *option;
	char word[40];
	size_t i, words = 0;
	int n;

	(void)state;
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		option = conf_table_row(all[i].id);
		assert_true(nth_word(option->words, all[i].value, word,
		    sizeof(word)));
		assert_string_equal(word, all[i].word);
	}
	for (i = 0; i < sizeof(named) / sizeof(named[0]); i++) {
		option = conf_table_row(named[i]);
		for (n = 0; nth_word(option->words, n, word, sizeof(word)); n++)
			words++;
	}
	assert_int_equal(words, sizeof(all) / sizeof(all[0]));
}

static void
test_defaults(void **state)
{
	const struct conf_option *option;
	struct conf *conf = load("[upstream u]\nurl = http://h\n");
	char word[40];
	int i;

	(void)state;
	for (i = 0; i < CONF_OPTION_COUNT; i++) {
		option = conf_table_row((enum conf_option_id)i);
		if (option->id == CONF_OPTION_upstream_url)
			continue;
		if (is_quantity(option)) {
			assert_int_equal(quantity_of(conf, option),
			    evaluate(option, option->fallback));
		} else if (option->type == CONF_TYPE_STRING) {
			assert_string_equal(string_of(conf, option),
			    option->fallback);
		} else {
			assert_true(nth_word(words_of(option),
			    word_of(conf, option), word, sizeof(word)));
			assert_string_equal(word, option->fallback);
		}
	}
	/* Some by hand, lest table and test be wrong alike. */
	assert_int_equal(conf->server.threads, 32);
	assert_int_equal(conf->server.max_body_bytes, 16 * 1024 * 1024);
	assert_int_equal(conf->cache.ttl_ms, 3600 * 1000);
	assert_int_equal(conf->cache.timeout_ms, 250);
	assert_int_equal(conf->cache.compress, CONF_COMPRESS_ZSTD);
	assert_int_equal(conf->server.log_level, CONF_LOG_NOTICE);
	assert_true(conf->cache.store_length);
	assert_true(conf->cache.single_flight);
	assert_string_equal(conf->cache.replay, "instant");
	assert_int_equal(conf->cache.stale_if_error_ms, 0);
	assert_int_equal(conf->cache.stale_while_revalidate_ms, 0);
	assert_int_equal(conf->flight.lease_ms, 5000);
	assert_int_equal(conf->flight.wait_ms, 0);
	assert_int_equal(conf->upstreams[0].priority, 0);
	assert_int_equal(conf->upstreams[0].weight, 1);
	assert_int_equal(conf->upstreams[0].retries, 2);
	assert_int_equal(conf->upstreams[0].rest_ms, 1000);
	assert_int_equal(conf->upstreams[0].first_byte_timeout_ms, 120000);
	assert_null(conf->upstreams[0].credential);
	conf_free(conf);
}

static void
write_variable(const struct conf_option *option, const char *value, char *out,
    size_t size)
{
	char *p;

	snprintf(out, size, "REPRISE_%s_%s%s=%s",
	    conf_table_section(option->section),
	    option->section == CONF_IN_upstream ? "u_" : "", option->name,
	    value);
	for (p = out; *p != '='; p++)
		*p = (char)toupper((unsigned char)*p);
}

/* Each option by its variable, which overrides the file. */
static void
test_environment(void **state)
{
	const struct conf_option *option;
	char text[400], variable[400], word[40], secret[] = "SAMPLE_KEY=s";
	char *envp[] = {variable, secret, NULL};
	struct conf *conf;
	int i, n;

	(void)state;
	for (i = 0; i < CONF_OPTION_COUNT; i++) {
		option = conf_table_row((enum conf_option_id)i);
		one_option(option, option->fallback, text, sizeof(text));
		if (option->type == CONF_TYPE_STRING) {
			write_variable(option, sample_string(option), variable,
			    sizeof(variable));
			conf = load_env(text, envp);
			assert_string_equal(string_of(conf, option),
			    sample_string(option));
		} else if (is_quantity(option)) {
			write_variable(option, option->max, variable,
			    sizeof(variable));
			conf = load_env(text, envp);
			assert_int_equal(quantity_of(conf, option),
			    evaluate(option, option->max));
		} else {
			for (n = 0; nth_word(words_of(option), n, word,
				 sizeof(word)); n++)
				;
			write_variable(option, word, variable,
			    sizeof(variable));
			conf = load_env(text, envp);
			assert_int_equal(word_of(conf, option), n - 1);
		}
		conf_free(conf);
	}
}

static void
test_parse_duration(void **state)
{
	static const struct {
		const char *text;
		int64_t ms; /* -1: malformed */
	} all[] = {{"0", 0}, {"90", 90000}, {"250ms", 250}, {"10m", 600000},
		{"1h", 3600000}, {"2d", 172800000}, {"007s", 7000},
		{"3650d", INT64_C(315360000000)},
		{"315360000000ms", INT64_C(315360000000)}, {"3651d", -1},
		{"315360000001ms", -1}, {"99999999999999999999", -1},
		{"1.5s", -1}, {"", -1}, {"s", -1}, {"-1", -1}, {" 1", -1},
		{"1 ", -1}, {"1 s", -1}, {"1w", -1}, {"1mss", -1}};
	int64_t ms;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		ms = -2;
		assert_int_equal(conf_parse_duration(all[i].text, &ms),
		    all[i].ms == -1 ? -1 : 0);
		assert_int_equal(ms, all[i].ms == -1 ? -2 : all[i].ms);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_words_in_errors),
		cmocka_unit_test(test_enums),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_parse_duration),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
