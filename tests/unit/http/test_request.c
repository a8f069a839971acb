/* Requests from CGI variables, as the web servers give them. */
#include "http/request.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static char *
variable(const char *s)
{
	return (char *)(uintptr_t)s;
}

#define ENV(...) \
	((char *[]){variable("REQUEST_METHOD=POST"), __VA_ARGS__, NULL})
#define V(s) variable(s)

static void
assert_string_or_null(const char *got, const char *want)
{
	if (want == NULL)
		assert_null(got);
	else {
		assert_non_null(got);
		assert_string_equal(got, want);
	}
}

struct target_case {
	const char *uri, *base;
	enum err_code code;
	const char *path, *query; /* when code is ERR_NONE */
};

static const struct target_case targets[] = {
	{"/v1/chat/completions", "/", ERR_NONE, "/v1/chat/completions", NULL},
	{"/v1/models?a=b&c=%20", "/", ERR_NONE, "/v1/models", "a=b&c=%20"},
	{"/v1/models?", "", ERR_NONE, "/v1/models", ""},
	{"/v1/a?b?c", "/", ERR_NONE, "/v1/a", "b?c"},
	{"/?/../x", "/", ERR_NONE, "/", "/../x"},
	{"/llm/v1/x", "/llm", ERR_NONE, "/v1/x", NULL},
	{"/llm/v1/x", "/llm/", ERR_NONE, "/v1/x", NULL},
	{"/llm", "/llm", ERR_NONE, "/", NULL},
	{"/llm?q", "/llm", ERR_NONE, "/", "q"},
	{"/llm/", "/llm", ERR_NONE, "/", NULL},
	{"/a/b/c", "/a/b", ERR_NONE, "/c", NULL},
	{"/llmx/v1", "/llm", ERR_NOT_FOUND, NULL, NULL},
	{"/ll", "/llm", ERR_NOT_FOUND, NULL, NULL},
	{"/LLM/v1", "/llm", ERR_NOT_FOUND, NULL, NULL},
	{"http://h.example/v1/x?q", "/", ERR_NONE, "/v1/x", "q"},
	{"HTTPS://u@h:8/llm/v1", "/llm", ERR_NONE, "/v1", NULL},
	{"http://h.example", "/", ERR_NONE, "/", NULL},
	{"http://h.example?q", "/", ERR_NONE, "/", "q"},
	{"ftp://h.example/x", "/", ERR_BAD_REQUEST, NULL, NULL},
	{"*", "/", ERR_BAD_REQUEST, NULL, NULL},
	{"v1/x", "/", ERR_BAD_REQUEST, NULL, NULL},
	{"?q", "/", ERR_NONE, "/", "q"},
	{"//v1//x", "/", ERR_NONE, "//v1//x", NULL},
	{"/models/org%2Fname", "/", ERR_NONE, "/models/org%2Fname", NULL},
	{"/a%20b%zz%", "/", ERR_NONE, "/a%20b%zz%", NULL},
	{"/a/...", "/", ERR_NONE, "/a/...", NULL},
	{"/a/.b/c.d/..e", "/", ERR_NONE, "/a/.b/c.d/..e", NULL},
	{"/a/..", "/", ERR_BAD_REQUEST, NULL, NULL},
	{"/./a", "/", ERR_BAD_REQUEST, NULL, NULL},
	{"/..", "/", ERR_BAD_REQUEST, NULL, NULL},
	{"/a/../b", "/", ERR_BAD_REQUEST, NULL, NULL},
	{"/a/%2e%2E/b", "/", ERR_BAD_REQUEST, NULL, NULL},
	{"/a/.%2e", "/", ERR_BAD_REQUEST, NULL, NULL},
	{"/a%2f..%2Fb", "/", ERR_BAD_REQUEST, NULL, NULL},
	{"/a/..%5cb", "/", ERR_BAD_REQUEST, NULL, NULL},
	{"/a/..\\b", "/", ERR_BAD_REQUEST, NULL, NULL},
	{"/llm/../llm/v1", "/llm", ERR_BAD_REQUEST, NULL, NULL},
	{"/a b", "/", ERR_BAD_REQUEST, NULL, NULL},
	{"/a#b", "/", ERR_BAD_REQUEST, NULL, NULL},
	{"/a\tb", "/", ERR_BAD_REQUEST, NULL, NULL},
	{"/a\x7f", "/", ERR_BAD_REQUEST, NULL, NULL},
	{"/caf\xc3\xa9", "/", ERR_BAD_REQUEST, NULL, NULL},
	{"/a?b\nc", "/", ERR_BAD_REQUEST, NULL, NULL},
	{"/a?b c", "/", ERR_BAD_REQUEST, NULL, NULL},
};

static void
targets_are_read(void **state)
{
	const struct target_case *t;
	struct http_request req;
	struct err err;
	char uri[128];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(targets) / sizeof(*t); i++) {
		t = &targets[i];
		err_clear(&err);
		snprintf(uri, sizeof(uri), "REQUEST_URI=%s", t->uri);
		assert_int_equal(http_request_parse(&req, ENV(uri), t->base,
		    &err), t->code == ERR_NONE ? 0 : -1);
		assert_int_equal(err.code, t->code);
		assert_non_null(req.path);
		if (t->code == ERR_NONE) {
			assert_string_equal(req.path, t->path);
			assert_string_or_null(req.query, t->query);
		}
		http_request_fini(&req);
	}
}

static void
a_long_target_is_refused(void **state)
{
	struct http_request req;
	struct err err = ERR_INIT;
	size_t len = 100 * 1000;
	char *uri = malloc(len + 1);

	(void)state;
	assert_non_null(uri);
	memset(uri, 'a', len);
	uri[len] = '\0';
	memcpy(uri, "REQUEST_URI=/", 13);
	assert_int_equal(http_request_parse(&req, ENV(uri), "/", &err), -1);
	assert_int_equal(err.code, ERR_BAD_REQUEST);
	http_request_fini(&req);
	free(uri);
}

/* What the real servers send for POST /llm/v1/chat?x=1, mounted at /llm. */
static void
every_server_means_the_same(void **state)
{
	char *const *const styles[] = {
		/* nginx: original URI, SCRIPT_NAME decoded, both types */
		ENV(V("QUERY_STRING=x=1"), V("CONTENT_TYPE=application/json"),
		    V("CONTENT_LENGTH=17"), V("SCRIPT_NAME=/llm/v1/chat"),
		    V("REQUEST_URI=/llm/v1/chat?x=1"),
		    V("REMOTE_ADDR=192.0.2.7"), V("HTTP_HOST=h"),
		    V("HTTP_CONTENT_TYPE=application/json"),
		    V("HTTP_CONTENT_LENGTH=17"), V("HTTP_CONNECTION=close"),
		    V("HTTP_AUTHORIZATION=Bearer k")),
		/* lighttpd: mounted at "/", it splits anywhere */
		ENV(V("CONTENT_LENGTH=17"), V("SCRIPT_NAME=/llm/v1"),
		    V("PATH_INFO=/chat"), V("REQUEST_URI=/llm/v1/chat?x=1"),
		    V("QUERY_STRING=x=1"), V("HTTP_HOST=h"),
		    V("CONTENT_TYPE=application/json"),
		    V("HTTP_AUTHORIZATION=Bearer k"),
		    V("REMOTE_ADDR=192.0.2.7")),
		/* Apache after a rewrite */
		ENV(V("REDIRECT_HTTP_AUTHORIZATION=Bearer k"),
		    V("REDIRECT_STATUS=200"), V("HTTP_HOST=h"),
		    V("CONTENT_TYPE=application/json"),
		    V("CONTENT_LENGTH=17"), V("REMOTE_ADDR=192.0.2.7"),
		    V("REQUEST_URI=/llm/v1/chat?x=1"),
		    V("SCRIPT_NAME=/reprise.fcgi"), V("PATH_INFO=/v1/chat"),
		    V("QUERY_STRING=x=1")),
		/* a server that keeps the original URI to itself */
		ENV(V("SCRIPT_NAME=/llm"), V("PATH_INFO=/v1/chat"),
		    V("QUERY_STRING=x=1"), V("CONTENT_LENGTH=17"),
		    V("CONTENT_TYPE=application/json"), V("HTTP_HOST=h"),
		    V("HTTP_AUTHORIZATION=Bearer k"),
		    V("REMOTE_ADDR=192.0.2.7")),
	};
	struct http_request req;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(styles) / sizeof(styles[0]); i++) {
		assert_int_equal(http_request_parse(&req, styles[i], "/llm",
		    NULL), 0);
		assert_string_equal(req.method, "POST");
		assert_string_equal(req.path, "/v1/chat");
		assert_string_equal(req.query, "x=1");
		assert_string_equal(req.client, "192.0.2.7");
		assert_int_equal(req.content_length, 17);
		assert_string_equal(http_headers_get(&req.headers,
		    "Authorization"), "Bearer k");
		assert_string_equal(http_headers_get(&req.headers,
		    "Content-Type"), "application/json");
		assert_int_equal(req.headers.count, 3);
		http_request_fini(&req);
	}
}

static void
decoded_paths_are_encoded_again(void **state)
{
	struct http_request req;

	(void)state;
	assert_int_equal(http_request_parse(&req,
	    ENV(V("PATH_INFO=/v1/a b%c?\xc3\xa9"), V("QUERY_STRING=")), "/",
	    NULL), 0);
	assert_string_equal(req.path, "/v1/a%20b%25c%3F%C3%A9");
	assert_null(req.query);
	http_request_fini(&req);
	assert_int_equal(http_request_parse(&req,
	    ENV(V("SCRIPT_NAME=/llm"), V("PATH_INFO=/../etc")), "/llm", NULL),
	    -1);
	http_request_fini(&req);
	assert_int_equal(http_request_parse(&req, ENV(V("X=1")), "/", NULL),
	    -1);
	http_request_fini(&req);
}

static void
lengths_are_digits(void **state)
{
	static const struct {
		const char *text;
		int64_t want; /* -2: refused */
	} cases[] = {
		{"CONTENT_LENGTH=", -1}, {"CONTENT_LENGTH=0", 0},
		{"CONTENT_LENGTH=007", 7}, {"X=1", -1},
		{"CONTENT_LENGTH=9007199254740992", 9007199254740992},
		{"CONTENT_LENGTH=9007199254740993", -2},
		{"CONTENT_LENGTH=99999999999999999999999", -2},
		{"CONTENT_LENGTH=-1", -2}, {"CONTENT_LENGTH=+1", -2},
		{"CONTENT_LENGTH= 1", -2}, {"CONTENT_LENGTH=1 ", -2},
		{"CONTENT_LENGTH=1, 1", -2}, {"CONTENT_LENGTH=0x1", -2},
	};
	struct http_request req;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(http_request_parse(&req,
		    ENV(V(cases[i].text), V("REQUEST_URI=/")), "/", NULL),
		    cases[i].want == -2 ? -1 : 0);
		assert_int_equal(req.content_length,
		    cases[i].want == -2 ? -1 : cases[i].want);
		http_request_fini(&req);
	}
}

static void
headers_come_from_variables(void **state)
{
	struct http_request req;
	const struct http_headers *h = &req.headers;

	(void)state;
	assert_int_equal(http_request_parse(&req, ENV(V("REQUEST_URI=/"),
	    V("HTTP_X_CACHE_TTL= 5 "), V("HTTP_ACCEPT=a"), V("HTTP_ACCEPT=b"),
	    V("HTTP_AUTHORIZATION=Bearer one"),
	    V("HTTP_AUTHORIZATION=Bearer two"),
	    V("REDIRECT_HTTP_AUTHORIZATION=Bearer three"),
	    V("HTTP_PROXY=http://evil.example"), V("HTTP_X_EQ=a=b"),
	    V("HTTP_CONNECTION=x-hop, close"), V("HTTP_X_HOP=1"),
	    V("HTTP_TE=trailers"), V("HTTP_TRANSFER_ENCODING=chunked"),
	    V("HTTP_COOKIE=c=1"), V("HTTP_COOKIE=d=2"),
	    V("HTTPS=on"), V("PATH=/bin"), V("CONTENT_TYPE=")), "/", NULL), 0);
	assert_int_equal(h->count, 5);
	assert_string_equal(http_headers_get(h, "x-cache-ttl"), "5");
	/* What comes twice is one field: nobody sees only half of it. */
	assert_string_equal(http_headers_get(h, "accept"), "a, b");
	assert_string_equal(http_headers_get(h, "cookie"), "c=1; d=2");
	assert_string_equal(http_headers_get(h, "authorization"),
	    "Bearer one");
	assert_string_equal(http_headers_get(h, "x-eq"), "a=b");
	http_request_fini(&req);
}

static void
a_bad_part_is_refused_but_the_rest_is_kept(void **state)
{
	static const struct {
		const char *method, *extra;
	} cases[] = {
		{"REQUEST_METHOD=", "X=1"},
		{"REQUEST_METHOD=PO ST", "X=1"},
		{"REQUEST_METHOD=G\nET", "X=1"},
		{"X=1", "X=2"},
		{"REQUEST_METHOD=GET", "HTTP_X=a\rb"},
		{"REQUEST_METHOD=GET", "HTTP_X=a\nInjected: yes"},
		{"REQUEST_METHOD=GET", "HTTP_X(Y)=a"},
		{"REQUEST_METHOD=GET", "HTTP_=a"},
		{"REQUEST_METHOD=GET", "CONTENT_TYPE=a\x01"},
	};
	struct http_request req;
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char *env[] = {V(cases[i].method), V(cases[i].extra),
		    V("REQUEST_URI=/v1/x?q"), V("HTTP_GOOD=yes"),
		    V("REMOTE_ADDR=::1\x1b[0m"), NULL};

		err_clear(&err);
		assert_int_equal(http_request_parse(&req, env, "/", &err), -1);
		assert_int_equal(err.code, ERR_BAD_REQUEST);
		assert_non_null(req.method);
		assert_null(strpbrk(req.method, "\r\n"));
		assert_string_equal(req.path, "/v1/x");
		assert_string_equal(req.query, "q");
		assert_string_equal(req.client, "::1?[0m");
		assert_string_equal(http_headers_get(&req.headers, "good"),
		    "yes");
		http_request_fini(&req);
	}
}

static void
too_many_headers_are_refused(void **state)
{
	char *env[HTTP_HEADERS_MAX + 4], names[HTTP_HEADERS_MAX + 4][16];
	struct http_request req;
	struct err err = ERR_INIT;
	size_t i;

	(void)state;
	env[0] = V("REQUEST_METHOD=GET");
	env[1] = V("REQUEST_URI=/");
	for (i = 2; i < HTTP_HEADERS_MAX + 3; i++) {
		snprintf(names[i], sizeof(names[i]), "HTTP_X%zu=1", i);
		env[i] = names[i];
	}
	env[i] = NULL;
	assert_int_equal(http_request_parse(&req, env, "/", &err), -1);
	assert_int_equal(err.code, ERR_BAD_REQUEST);
	http_request_fini(&req);
	env[i - 1] = NULL;
	assert_int_equal(http_request_parse(&req, env, "/", NULL), 0);
	http_request_fini(&req);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(targets_are_read),
		cmocka_unit_test(a_long_target_is_refused),
		cmocka_unit_test(every_server_means_the_same),
		cmocka_unit_test(decoded_paths_are_encoded_again),
		cmocka_unit_test(lengths_are_digits),
		cmocka_unit_test(headers_come_from_variables),
		cmocka_unit_test(a_bad_part_is_refused_but_the_rest_is_kept),
		cmocka_unit_test(too_many_headers_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
