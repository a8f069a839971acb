/* The text: what is read, what is refused, and in which words. */
#include "helper.h"

static const char sample[] =
"[server]\n"
"threads = 32              ; requests a process serves at once (FastCGI)\n"
"base_path = /             ; where it is mounted; stripped before routing\n"
"max_body = 16M\n"
"log = stderr              ; access records: stderr | syslog | a file (JSON lines)\n"
"heartbeat = 0             ; e.g. 15s: SSE comment while an upstream is silent, for servers with short limits; never recorded\n"
"\n"
"[cache]\n"
"servers = /run/reprise/memcached.sock   ; or host:port, host:port \xe2\x80\xa6 (consistent hashing)\n"
"namespace = default\n"
"ttl = 1h\n"
"max_entry = 16M           ; decoded size; a longer answer streams on unrecorded\n"
"chunk = 512K              ; stored bytes a memcached key\n"
"compress = zstd           ; or off\n"
"scope = credential        ; or shared\n"
"cross_mode = off\n"
"single_flight = on        ; identical requests in the air: one upstream call\n"
"replay = instant          ; or recorded, or N/s (tokens a second)\n"
"on_abort = finish         ; or cancel: what to do upstream when the leading client goes away\n"
"stale_if_error = 0\n"
"\n"
"[upstream openai]\n"
"url = https://api.openai.com\n"
"key = env:OPENAI_API_KEY  ; or file:PATH; absent: the caller's own credential is forwarded\n"
"models = gpt-*, o*        ; globs; absent: all\n"
"connect_timeout = 5s\n"
"first_byte_timeout = 120s\n"
"idle_timeout = 60s\n";

static void
test_sample(void **state)
{
	char key[] = "OPENAI_API_KEY=sk-sample";
	char *envp[] = {key, NULL};
	struct conf *conf = load_env(sample, envp);

	(void)state;
	assert_string_equal(conf->path, "t.conf");
	assert_int_equal(conf->server.threads, 32);
	assert_string_equal(conf->server.base_path, "/");
	assert_string_equal(conf->server.log, "stderr");
	assert_int_equal(conf->server.heartbeat_ms, 0);
	assert_string_equal(conf->cache.servers, "/run/reprise/memcached.sock");
	assert_int_equal(conf->cache.chunk_bytes, 512 * 1024);
	assert_false(conf->cache.cross_mode);
	assert_true(conf->cache.single_flight);
	assert_string_equal(conf->cache.replay, "instant");
	assert_int_equal(conf->cache.on_abort, CONF_ON_ABORT_FINISH);
	assert_int_equal(conf->cache.stale_if_error_ms, 0);
	assert_int_equal(conf->n_upstreams, 1);
	assert_string_equal(conf->upstreams[0].name, "openai");
	assert_string_equal(conf->upstreams[0].url, "https://api.openai.com");
	assert_string_equal(conf->upstreams[0].credential, "sk-sample");
	assert_string_equal(conf->upstreams[0].models, "gpt-*, o*");
	assert_int_equal(conf->upstreams[0].idle_timeout_ms, 60000);
	conf_free(conf);
}

static void
test_layout(void **state)
{
	struct conf *conf;

	(void)state;
	/* Indentation, CRLF, a BOM, no end of line, ':', '#' at the start. */
	conf = load("\xef\xbb\xbf[cache]\r\n  ttl = 5 \r\n\tchunk:8K\r\n\r\n"
	    "# comment\r\n;comment\r\n  ; comment\r\nnamespace=a;b");
	assert_int_equal(conf->cache.ttl_ms, 5000);
	assert_int_equal(conf->cache.chunk_bytes, 8192);
	assert_string_equal(conf->cache.namespace, "a;b");
	conf_free(conf);
	/* A section may be taken up again; an indented heading is one. */
	conf = load("[cache] ; c\nttl = 5\n  [server]\nthreads = 3\n[cache]\n"
	    "chunk = 8K\n");
	assert_int_equal(conf->server.threads, 3);
	assert_int_equal(conf->cache.chunk_bytes, 8192);
	conf_free(conf);
	conf = load("");
	assert_int_equal(conf->n_upstreams, 0);
	conf_free(conf);
}

static void
test_unknown(void **state)
{
	(void)state;
	refuse("[cache]\n\nchunks = 4K\n",
	    "t.conf:3: [cache] has no option chunks; did you mean chunk?");
	refuse("[upstream a]\nurl = http://h\nidle_timout = 4\n",
	    "t.conf:3: [upstream] has no option idle_timout; did you mean "
	    "idle_timeout?");
	refuse("[cache]\nmax_body = 4K\n", "t.conf:2: [cache] has no option "
	    "max_body; it belongs in [server]");
	refuse("[cache]\nwarp = 9\n", "t.conf:2: [cache] has no option warp");
	refuse("[cache]\n = 9\n", "t.conf:2: [cache] has no option ");
	refuse("[cache]\nTTL = 9\n", "t.conf:2: [cache] has no option TTL");
	refuse("[cahce]\n", "t.conf:1: there is no section [cahce]; did you "
	    "mean [cache]?");
	refuse("[flights]\n", "t.conf:1: there is no section [flights]; did "
	    "you mean [flight]?");
	refuse("[flight]\nsingle_flight = off\n", "t.conf:2: [flight] has no "
	    "option single_flight; it belongs in [cache]");
	refuse("[metrics]\n", "t.conf:1: there is no section [metrics]; there "
	    "are [server], [cache], [flight], [usage] and [upstream NAME]");
	refuse("[]\n", "t.conf:1: there is no section []; there are [server], "
	    "[cache], [flight], [usage] and [upstream NAME]");
	refuse("\nttl = 5\n",
	    "t.conf:2: an option must be below a [section]");
}

static void
test_duplicates(void **state)
{
	(void)state;
	refuse("[cache]\nttl = 5\n[server]\n[cache]\nttl = 5\n",
	    "t.conf:5: ttl is already set on line 2");
	refuse("[upstream a]\nurl = http://h\nurl = http://i\n",
	    "t.conf:3: url is already set on line 2");
	refuse("[upstream a]\nurl = http://h\n[upstream a]\n",
	    "t.conf:3: [upstream a] is already on line 1");
	conf_free(load("[upstream a]\nurl = http://h\n"
	    "[upstream A]\nurl = http://h\n"));
}

static void
test_malformed(void **state)
{
	(void)state;
	refuse("[cache]\nttl\n",
	    "t.conf:2: neither [section] nor option = value");
	/* The first error is told, whoever finds it. */
	refuse("[cache]\nttl\nchunk = 9G\n",
	    "t.conf:2: neither [section] nor option = value");
	refuse("[cache]\nchunk = 9G\nttl\n",
	    "t.conf:2: cache.chunk = 9G: must be from 4K to 1000K "
	    "(units: K, M, G)");
	refuse("[cache\n", "t.conf:1: a section's heading must end with ]");
	refuse("[cache] ttl = 5\n",
	    "t.conf:1: nothing may follow a section's heading");
	refuse("[server]\nlog = a\x01z\n",
	    "t.conf:2: the line holds control characters");
	refuse("[server]\nlog = a\rthreads = 2\n",
	    "t.conf:2: the line holds control characters");
	/* What looks like the next part of a value is not taken for one. */
	refuse("[upstream a]\nmodels = gpt-*,\n    o*\nurl = http://h\n",
	    "t.conf:3: neither [section] nor option = value");
	refuse("[server]\nlog = /x # a comment?\n", "t.conf:2: server.log = "
	    "/x # a comment?: must not hold a word beginning with ; or #");
}

static void
test_nul(void **state)
{
	static const char text[] = "[cache]\nttl = 5\0\nchunk = 9K\n";
	struct err err = ERR_INIT;

	(void)state;
	assert_null(conf_load_text(text, sizeof(text) - 1, NULL, no_env, &err));
	assert_string_equal(err.text,
	    "configuration:2: the line holds control characters");
}

/* Whatever its length, a line is kept whole or refused. */
static void
test_long_lines(void **state)
{
	static const size_t lengths[] = {150, 180, 185, 190, 191, 192, 193,
		194, 195, 196, 197, 198, 199, 200, 201, 250, 400, 1000, 4000};
	char text[16000], value[5000];
	struct conf *conf;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		memset(value, 'a' + (int)i, lengths[i]);
		value[lengths[i]] = '\0';
		snprintf(text, sizeof(text), "; %s\n[server]\nlog = %s\n"
		    "threads = 7 ; %s\n", value, value, value);
		conf = load(text);
		assert_string_equal(conf->server.log, value);
		assert_int_equal(conf->server.threads, 7);
		conf_free(conf);
	}
	memset(value, 'v', 4300);
	value[4300] = '\0';
	snprintf(text, sizeof(text), "[server]\n; %s\n", value);
	refuse(text, "t.conf:2: the line is too long");
	value[4001] = '\0';
	snprintf(text, sizeof(text), "[server]\nlog = %s\n", value);
	refuse(text, "t.conf:2: server.log = "
	    "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv...: must be at most "
	    "4000 bytes");
}

static void
test_long_names(void **state)
{
	struct conf *conf;

	(void)state;
	conf = load("[upstream a23456789012345678901234567890123456789.]\n"
	    "url = http://h\n");
	assert_string_equal(conf->upstreams[0].name,
	    "a23456789012345678901234567890123456789.");
	conf_free(conf);
	refuse("[upstream a234567890123456789012345678901234567890x]\n",
	    "t.conf:1: the section's name is too long");
	refuse("[upstream]\n", "t.conf:1: an upstream is named as in [upstream "
	    "openai]: 1 to 40 letters, digits, '-', '_' and '.'");
	refuse("[upstream a b]\n", "t.conf:1: an upstream is named as in "
	    "[upstream openai]: 1 to 40 letters, digits, '-', '_' and '.'");
}

static void
test_upstreams(void **state)
{
	struct conf *conf;

	(void)state;
	conf = load("[upstream z]\nurl = http://z\n[upstream a-1.b_]\n"
	    "models = x\nurl = http://a\n");
	assert_int_equal(conf->n_upstreams, 2);
	assert_string_equal(conf->upstreams[0].name, "z");
	assert_string_equal(conf->upstreams[1].name, "a-1.b_");
	assert_string_equal(conf->upstreams[0].models, "*");
	assert_string_equal(conf->upstreams[1].models, "x");
	conf_free(conf);
	refuse("[server]\n[upstream a]\n", "t.conf:2: upstream a has no url");
	refuse("[upstream a]\nurl =\n[upstream b]\nurl = http://h\n",
	    "t.conf:1: upstream a has no url");
}

/* The longest names and values there can be leave room for the bounds. */
static void
test_error_fits(void **state)
{
	static const char text[] =
	    "[upstream a234567890123456789012345678901234567890]\n"
	    "first_byte_timeout = 1234567890123456789012345678901234567890x\n";
	char path[300];
	struct err err = ERR_INIT;

	(void)state;
	memset(path, 'p', sizeof(path));
	snprintf(path + 250, 50, "/reprise.conf");
	assert_null(conf_load_text(text, strlen(text), path, no_env, &err));
	assert_non_null(strstr(err.text, "p/reprise.conf:2: upstream."));
	assert_non_null(strstr(err.text, "...: must be from 10ms to 1h"));
}

static void
test_errors_printable(void **state)
{
	(void)state;
	refuse("[cache]\nttl = \x1b[1m\n",
	    "t.conf:2: the line holds control characters");
	refuse("[cache]\nttl = \xc3\xa9\n",
	    "t.conf:2: cache.ttl = ??: must be from 0 to 3650d "
	    "(units: ms, s, m, h, d)");
	refuse("[cache]\nt\xc3\xa9 = 1\n",
	    "t.conf:2: [cache] has no option t??");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sample),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_duplicates),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_upstreams),
		cmocka_unit_test(test_error_fits),
		cmocka_unit_test(test_errors_printable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
