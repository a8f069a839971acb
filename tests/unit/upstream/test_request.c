/* What goes up: the bytes an upstream receives. */
#include "collect.h"
#include "script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <linux/sockios.h>
#include <sys/ioctl.h>

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static const struct script_step ok_steps[] = {
	{.bytes = OK}, {.bytes = OK}, {.bytes = OK}, {.bytes = OK},
	{.bytes = OK}, {.bytes = OK}, {.bytes = OK}, {.bytes = OK},
};

struct fixture {
	struct script *script;
	struct upstream_pool *pool;
	struct collect c;
};

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	f->script = script_start(ok_steps, 8);
	f->pool = upstream_pool_new();
	collect_init(&f->c, f->script->url);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;

	collect_fini(&f->c);
	upstream_pool_free(f->pool);
	script_stop(f->script);
	script_free(f->script);
	free(f);
	return 0;
}

static const char *
last_request(struct fixture *f)
{
	const char *last;

	pthread_mutex_lock(&f->script->lock);
	last = f->script->requests[f->script->n_requests - 1];
	pthread_mutex_unlock(&f->script->lock);
	return last;
}

static void
run_ok(struct fixture *f)
{
	int rc = collect_run(&f->c, f->pool);

	if (rc != 0)
		print_error("%s\n", f->c.err.text);
	assert_int_equal(rc, 0);
	assert_int_equal(f->c.status, 200);
	assert_string_equal(f->c.body.data, "ok");
}

/* The whole request must be line, Host, these fields, and the body. */
static void
assert_request(struct fixture *f, const char *line, const char *rest)
{
	char want[2048];

	snprintf(want, sizeof(want), "%s HTTP/1.1\r\nHost: 127.0.0.1:%u\r\n%s",
	    line, f->script->port, rest);
	assert_string_equal(last_request(f), want);
}

static void
test_nothing_is_added(void **state)
{
	struct fixture *f = *state;

	run_ok(f);
	assert_request(f, "GET /v1/models", "\r\n");
	collect_post(&f->c, "{}");
	run_ok(f);
	assert_request(f, "POST /v1/chat/completions",
	    "Content-Length: 2\r\n\r\n{}");
}

static void
test_fields_of_the_caller(void **state)
{
	struct fixture *f = *state;
	struct http_headers *h = &f->c.sent;

	http_headers_add(h, "host", "evil");
	http_headers_add(h, "Content-Length", "77");
	http_headers_add(h, "Expect", "100-continue");
	http_headers_add(h, "Transfer-Encoding", "chunked");
	http_headers_add(h, "User-Agent", "me/1");
	http_headers_add(h, "Accept-Encoding", "gzip");
	http_headers_add(h, "X-Empty", "");
	http_headers_add(h, "Authorization", "Bearer caller");
	collect_post(&f->c, "body");
	run_ok(f);
	assert_request(f, "POST /v1/chat/completions", "User-Agent: me/1\r\n"
	    "Accept-Encoding: gzip\r\nX-Empty:\r\nAuthorization: Bearer "
	    "caller\r\nContent-Length: 4\r\n\r\nbody");
	f->c.request.identity = true;
	f->c.request.method = "GET";
	f->c.request.body = NULL;
	http_headers_remove(h, "Authorization");
	run_ok(f);
	assert_request(f, "GET /v1/chat/completions", "User-Agent: me/1\r\n"
	    "X-Empty:\r\nAccept-Encoding: identity\r\n\r\n");
}

static void
test_key_replaces_credentials(void **state)
{
	static char key[] = "sk-secret";
	struct fixture *f = *state;
	struct http_headers *h = &f->c.sent;

	http_headers_add(h, "AUTHORIZATION", "Bearer caller");
	http_headers_add(h, "X-Api-Key", "caller");
	http_headers_add(h, "Api-Key", "caller");
	f->c.upstream.credential = key;
	run_ok(f);
	assert_request(f, "GET /v1/models",
	    "Authorization: Bearer sk-secret\r\n\r\n");
}

static void
test_methods(void **state)
{
	static const struct {
		const char *method, *body, *rest;
	} table[] = {
		{"DELETE", NULL, "\r\n"},
		{"POST", NULL, "Content-Length: 0\r\n\r\n"},
		{"PUT", NULL, "Content-Length: 0\r\n\r\n"},
		{"OPTIONS", NULL, "\r\n"},
		{"DELETE", "abc", "Content-Length: 3\r\n\r\nabc"},
		{"GET", "abc", "Content-Length: 3\r\n\r\nabc"},
		{"x-odd!", "a", "Content-Length: 1\r\n\r\na"},
	};
	struct fixture *f = *state;
	char line[64];

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		collect_post(&f->c, table[i].body == NULL ? "" :
		    table[i].body);
		if (table[i].body == NULL)
			f->c.request.body = NULL;
		f->c.request.method = table[i].method;
		f->c.request.path = "/p";
		snprintf(line, sizeof(line), "%s /p", table[i].method);
		run_ok(f);
		assert_request(f, line, table[i].rest);
	}
}

static void
test_head_has_no_body(void **state)
{
	struct fixture *f = *state;

	f->c.request.method = "HEAD";
	assert_int_equal(collect_run(&f->c, f->pool), 0);
	assert_request(f, "HEAD /v1/models", "\r\n");
	assert_int_equal(f->c.status, 200);
	assert_int_equal(f->c.body.len, 0);
	assert_string_equal(http_headers_get(&f->c.got, "Content-Length"), "2");
}

static void
test_target_goes_out_as_it_is(void **state)
{
	struct fixture *f = *state;
	char base[80];

	snprintf(base, sizeof(base), "%s/v1/", f->script->url);
	f->c.upstream.url = base;
	f->c.request.path = "/v1/a/../b/./%2e%2E//c;d=e";
	f->c.request.query = "x=%20+{1}[2]|'&y=/../?";
	run_ok(f);
	assert_request(f, "GET /v1/a/../b/./%2e%2E//c;d=e"
	    "?x=%20+{1}[2]|'&y=/../?", "\r\n");
}

static void
test_what_may_not_be_sent(void **state)
{
	struct http_header bad[] = {{(char *)(uintptr_t)"X-A",
	    (char *)(uintptr_t)"b\r\nX-Evil: 1"}};
	struct http_headers forged = {.list = bad, .count = 1};
	struct fixture *f = *state;

	f->c.request.headers = &forged;
	assert_int_equal(collect_run(&f->c, f->pool), -1);
	assert_int_equal(f->c.err.code, ERR_BAD_REQUEST);
	f->c.request.headers = &f->c.sent;
	f->c.request.method = "GET / HTTP/1.1\r\n";
	assert_int_equal(collect_run(&f->c, f->pool), -1);
	assert_int_equal(f->c.err.code, ERR_BAD_REQUEST);
	f->c.request.method = "GET";
	f->c.request.path = "/a b";
	assert_int_equal(collect_run(&f->c, f->pool), -1);
	assert_int_equal(f->c.err.code, ERR_BAD_REQUEST);
	assert_int_equal(f->script->connections, 0);
}

static void
test_streamed_body(void **state)
{
	struct fixture *f = *state;

	run_ok(f);
	collect_upload(&f->c, "hello, upstream", 15);
	run_ok(f);
	assert_request(f, "POST /v1/models",
	    "Content-Length: 15\r\n\r\nhello, upstream");
	/* Not over the connection that was idle. */
	assert_false(f->c.report.reused);
	collect_upload(&f->c, "hello, upstream", -1);
	run_ok(f);
	assert_false(f->c.report.reused);
	assert_request(f, "POST /v1/models", "Transfer-Encoding: chunked\r\n"
	    "\r\n5\r\nhello\r\n5\r\n, ups\r\n5\r\ntream\r\n0\r\n\r\n");
	collect_upload(&f->c, "", 0);
	f->c.request.method = "GET";
	run_ok(f);
	assert_request(f, "GET /v1/models", "\r\n");
}

static void
test_environment_is_ignored(void **state)
{
	static const char *const names[] = {"http_proxy", "https_proxy",
	    "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
	struct fixture *f = *state;

	for (size_t i = 0; i < 5; i++)
		setenv(names[i], "http://127.0.0.1:1", 1);
	run_ok(f);
	for (size_t i = 0; i < 5; i++)
		unsetenv(names[i]);
}

static void
test_configured_proxy_is_used(void **state)
{
	static char target[] = "http://model.invalid";
	struct fixture *f = *state;

	f->c.upstream.proxy = f->script->url;
	f->c.upstream.url = target;
	setenv("no_proxy", "*", 1);
	run_ok(f);
	unsetenv("no_proxy");
	assert_non_null(strstr(last_request(f),
	    "GET http://model.invalid/v1/models HTTP/1.1\r\n"));
}

static void
test_connections_are_reused(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 8; i++) {
		collect_post(&f->c, "{}");
		run_ok(f);
		assert_int_equal(f->c.report.reused, i > 0);
	}
	assert_int_equal(f->script->connections, 1);
}

/* Have the server say something on its first connection, until it is there. */
static void
say_unasked(struct script *s, const char *bytes, bool close)
{
	struct pollfd wait = {.fd = -1};
	int left = 1;

	pthread_mutex_lock(&s->lock);
	assert_int_equal(send(s->fds[0], bytes, strlen(bytes), MSG_NOSIGNAL),
	    strlen(bytes));
	if (close)
		shutdown(s->fds[0], SHUT_WR);
	while (left > 0 && ioctl(s->fds[0], SIOCOUTQ, &left) == 0)
		poll(&wait, 1, 1);
	pthread_mutex_unlock(&s->lock);
}

/* What came before a request was sent is no answer to it. */
static void
test_what_is_said_unasked_is_nobodys(void **state)
{
	static const struct {
		const char *bytes;
		bool close;
	} said[] = {
		{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad", false},
		{"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n"
		    "Connection: close\r\n\r\n", true},
		{"0\r\n\r\n", false}, {"\r\n", false}, {"x", true},
	};
	size_t i;

	for (i = 0; i < sizeof(said) / sizeof(said[0]); i++) {
		struct fixture *f;

		assert_int_equal(setup(state), 0);
		f = *state;
		run_ok(f);
		say_unasked(f->script, said[i].bytes, said[i].close);
		collect_post(&f->c, "{}");
		run_ok(f);
		assert_false(f->c.report.reused);
		run_ok(f);
		assert_true(f->c.report.reused);
		assert_int_equal(f->script->connections, 2);
		teardown(state);
	}
}

/* Nor is what came right behind the answer before. */
static void
test_what_is_said_behind_an_answer(void **state)
{
	static const struct script_step steps[] = {
		{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
		    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad"},
		{.bytes = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
		    "\r\n2\r\nok\r\n0\r\n\r\n"
		    "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nbad"},
		{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"},
		{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"},
	};
	struct fixture *f = calloc(1, sizeof(*f));

	f->script = script_start(steps, 4);
	f->pool = upstream_pool_new();
	collect_init(&f->c, f->script->url);
	*state = f;
	for (int i = 0; i < 4; i++) {
		collect_post(&f->c, "{}");
		run_ok(f);
	}
	teardown(state);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_nothing_is_added),
		TEST(test_fields_of_the_caller),
		TEST(test_key_replaces_credentials),
		TEST(test_methods),
		TEST(test_head_has_no_body),
		TEST(test_target_goes_out_as_it_is),
		TEST(test_what_may_not_be_sent),
		TEST(test_streamed_body),
		TEST(test_environment_is_ignored),
		TEST(test_configured_proxy_is_used),
		TEST(test_connections_are_reused),
		cmocka_unit_test(test_what_is_said_unasked_is_nobodys),
		cmocka_unit_test(test_what_is_said_behind_an_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
