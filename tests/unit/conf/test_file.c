/* The file: what is read, what is refused, and in which words. */
#include "helper.h"

#include <stdlib.h>
#include <unistd.h>

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

/* ---- files ------------------------------------------------------------ */

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
		cmocka_unit_test(test_sample),
		cmocka_unit_test(test_layout),
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_duplicates),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_long_names),
		cmocka_unit_test(test_upstreams),
		cmocka_unit_test(test_base_path),
		cmocka_unit_test(test_namespace),
		cmocka_unit_test(test_url),
		cmocka_unit_test(test_replay),
		cmocka_unit_test(test_other_strings),
		cmocka_unit_test(test_error_fits),
		cmocka_unit_test(test_errors_printable),
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
