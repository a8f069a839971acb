/* Time-outs, stopping, waking, dead connections, many threads. */
#include "collect.h"
#include "script.h"

#include "base/clock.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define OK "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define HALF "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nok"
#define HEAD_ONLY "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n"

enum {
	SHORT_MS = 100,
	/* Half of what perform.c does not watch a readable descriptor for. */
	REST_MS = 50
};

struct fixture {
	struct script *script;
	struct upstream_pool *pool;
	struct collect c;
	int gate[2]; /* a pipe */
};

static void
begin(struct fixture *f, const struct script_step *steps, size_t n)
{
	f->script = script_start(steps, n);
	f->pool = upstream_pool_new();
	assert_int_equal(pipe(f->gate), 0);
	collect_init(&f->c, f->script->url);
}

/* Ends the script: its counters may then be read until script_free. */
static void
finish(struct fixture *f)
{
	collect_fini(&f->c);
	upstream_pool_free(f->pool);
	script_stop(f->script);
	close(f->gate[0]);
	close(f->gate[1]);
}

static void
assert_fails(struct fixture *f, enum err_code code)
{
	assert_int_equal(collect_run(&f->c, f->pool), -1);
	if (f->c.err.code != code)
		print_error("%s\n", f->c.err.text);
	assert_int_equal(f->c.err.code, code);
}

static void
test_first_byte_timeout(void **state)
{
	static const struct script_step steps[] = {
		{.end = SCRIPT_HOLD}, {.bytes = HEAD_ONLY, .end = SCRIPT_HOLD},
		{.bytes = HEAD_ONLY, .end = SCRIPT_HOLD},
		{.bytes = HEAD_ONLY, .end = SCRIPT_HOLD},
	};
	struct fixture f;
	unsigned n = 1;

	(void)state;
	begin(&f, steps, 4);
	f.c.upstream.first_byte_timeout_ms = SHORT_MS;
	assert_fails(&f, ERR_UPSTREAM_TIMEOUT);
	assert_false(f.c.report.got_head);
	assert_non_null(strstr(f.c.err.text, "first_byte_timeout"));
	/* On a busy machine a head may take its time, too. */
	do {
		f.c.upstream.first_byte_timeout_ms *= 4;
		assert_fails(&f, ERR_UPSTREAM_TIMEOUT);
	} while (!f.c.report.got_head && ++n < 4);
	assert_true(f.c.report.got_head);
	finish(&f);
	assert_int_equal(f.script->holds_ended, n + 1);
	script_free(f.script);
}

static void
test_idle_timeout(void **state)
{
	static const struct script_step steps[] = {
		{.bytes = HALF, .end = SCRIPT_HOLD},
	};
	struct fixture f;

	(void)state;
	begin(&f, steps, 1);
	f.c.upstream.idle_timeout_ms = SHORT_MS;
	assert_fails(&f, ERR_UPSTREAM_TIMEOUT);
	assert_non_null(strstr(f.c.err.text, "idle_timeout"));
	assert_string_equal(f.c.body.data, "ok");
	finish(&f);
	script_free(f.script);
}

/* Until nothing more fits in a listener's queue of the least length. */
static void
await_full(int listener)
{
	struct tcp_info info = {.tcpi_unacked = 0};
	socklen_t len = sizeof(info);

	/* Of a listener, this counts who waits to be accepted. */
	while (info.tcpi_unacked == 0) {
		assert_int_equal(getsockopt(listener, IPPROTO_TCP, TCP_INFO,
		    &info, &len), 0);
		sched_yield();
	}
}

/* A listener whose queue is full drops what would connect. */
static void
test_connect_timeout(void **state)
{
	struct sockaddr_in addr = {.sin_family = AF_INET};
	socklen_t len = sizeof(addr);
	struct upstream_pool *pool = upstream_pool_new();
	int fds[8], listener = socket(AF_INET, SOCK_STREAM, 0);
	struct collect c;
	char url[64];

	(void)state;
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(listener, (struct sockaddr *)&addr, len), 0);
	assert_int_equal(listen(listener, 0), 0);
	getsockname(listener, (struct sockaddr *)&addr, &len);
	for (int i = 0; i < 8; i++) {
		fds[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)connect(fds[i], (struct sockaddr *)&addr, len);
	}
	await_full(listener);
	snprintf(url, sizeof(url), "http://127.0.0.1:%u",
	    ntohs(addr.sin_port));
	collect_init(&c, url);
	c.upstream.connect_timeout_ms = SHORT_MS;
	assert_int_equal(collect_run(&c, pool), -1);
	assert_int_equal(c.err.code, ERR_UPSTREAM_TIMEOUT);
	assert_non_null(strstr(c.err.text, "connect_timeout"));
	collect_fini(&c);
	upstream_pool_free(pool);
	for (int i = 0; i < 8; i++)
		close(fds[i]);
	close(listener);
}

static void
test_stop_from_each_callback(void **state)
{
	static const struct script_step steps[] = {
		{.bytes = HALF, .end = SCRIPT_HOLD},
		{.bytes = HALF, .end = SCRIPT_HOLD},
		{.bytes = HALF, .end = SCRIPT_HOLD},
	};
	struct fixture f;

	(void)state;
	begin(&f, steps, 3);
	f.c.stop_head = true;
	assert_fails(&f, ERR_CANCELLED);
	assert_int_equal(f.c.body.len, 0);
	f.c.stop_head = false;
	f.c.stop_data = true;
	assert_fails(&f, ERR_CANCELLED);
	assert_string_equal(f.c.body.data, "ok");
	f.c.stop_data = false;
	f.c.stop_idle = true;
	f.c.request.tick_ms = 1;
	assert_fails(&f, ERR_CANCELLED);
	f.c.stop_idle = false;
	f.c.request.tick_ms = 0;
	collect_upload(&f.c, "some", 100);
	f.c.upload_fails = true;
	assert_fails(&f, ERR_CANCELLED);
	finish(&f);
	/* Every one of them was really hung up on. */
	assert_int_equal(f.script->holds_ended, f.script->n_requests);
	script_free(f.script);
}

/* The upstream answers only after idle() was woken by the descriptor. */
static void
test_watched_descriptor_wakes_idle(void **state)
{
	struct script_step step = {.bytes = OK};
	int watched[2];
	struct fixture f;

	(void)state;
	assert_int_equal(pipe(watched), 0);
	begin(&f, &step, 1);
	step.gate = f.gate[0];
	f.c.open_gate = f.gate[1];
	f.c.idles_for_gate = 1;
	f.c.unwatch = true;
	f.c.request.watch_fd = watched[0];
	/* A hang-up counts as readable. */
	close(watched[1]);
	assert_int_equal(collect_run(&f.c, f.pool), 0);
	assert_int_equal(f.c.idles, 1);
	finish(&f);
	script_free(f.script);
	close(watched[0]);
}

static void
test_readable_descriptor_can_stop(void **state)
{
	static const struct script_step steps[] = {{.end = SCRIPT_HOLD}};
	int watched[2];
	struct fixture f;

	(void)state;
	assert_int_equal(pipe(watched), 0);
	begin(&f, steps, 1);
	f.c.stop_idle = true;
	f.c.request.watch_fd = watched[0];
	assert_int_equal(write(watched[1], "x", 1), 1);
	assert_fails(&f, ERR_CANCELLED);
	assert_int_equal(f.c.idles, 1);
	finish(&f);
	script_free(f.script);
	close(watched[0]);
	close(watched[1]);
}

/* idle() leaves it readable and watched: still no spinning. */
static void
test_unread_descriptor_does_not_spin(void **state)
{
	struct script_step step = {.bytes = OK};
	int64_t begun_us = clock_steady_us();
	int watched[2];
	struct fixture f;

	(void)state;
	assert_int_equal(pipe(watched), 0);
	begin(&f, &step, 1);
	step.gate = f.gate[0];
	f.c.open_gate = f.gate[1];
	f.c.idles_for_gate = 3;
	f.c.request.watch_fd = watched[0];
	close(watched[1]);
	assert_int_equal(collect_run(&f.c, f.pool), 0);
	assert_true(f.c.idles >= 3);
	/* As seldom as promised, however long the answer took. */
	assert_true((f.c.idles - 1) * REST_MS * INT64_C(1000) <=
	    clock_steady_us() - begun_us);
	finish(&f);
	script_free(f.script);
	close(watched[0]);
}

static void
test_ticks(void **state)
{
	struct script_step step = {.bytes = OK};
	struct fixture f;

	(void)state;
	begin(&f, &step, 1);
	step.gate = f.gate[0];
	f.c.open_gate = f.gate[1];
	f.c.idles_for_gate = 5;
	f.c.request.tick_ms = 2;
	assert_int_equal(collect_run(&f.c, f.pool), 0);
	assert_true(f.c.idles >= 5);
	finish(&f);
	script_free(f.script);
}

/*
 * The server closed it while it was idle: a body in memory is sent over a
 * new connection, and once.
 */
static void
test_connection_closed_while_idle(void **state)
{
	static const struct script_step steps[] = {
		{.bytes = OK, .end = SCRIPT_CLOSE}, {.bytes = OK},
	};
	struct fixture f;

	(void)state;
	begin(&f, steps, 2);
	collect_post(&f.c, "{\"a\":1}");
	assert_int_equal(collect_run(&f.c, f.pool), 0);
	assert_int_equal(collect_run(&f.c, f.pool), 0);
	assert_false(f.c.report.reused);
	finish(&f);
	assert_int_equal(f.script->n_requests, 2);
	assert_int_equal(f.script->connections, 2);
	script_free(f.script);
}

/* It died after the request had arrived: libcurl repeats once, no more. */
static void
test_reused_connection_dies(void **state)
{
	static const struct script_step steps[] = {
		{.bytes = OK}, {.end = SCRIPT_CLOSE}, {.end = SCRIPT_CLOSE},
		{.bytes = OK}, {.bytes = OK},
	};
	struct fixture f;

	(void)state;
	begin(&f, steps, 5);
	collect_post(&f.c, "{\"a\":1}");
	assert_int_equal(collect_run(&f.c, f.pool), 0);
	assert_fails(&f, ERR_UPSTREAM_BROKEN);
	finish(&f);
	assert_int_equal(f.script->n_requests, 3);
	assert_string_equal(strstr(f.script->requests[2], "\r\n\r\n"),
	    "\r\n\r\n{\"a\":1}");
	script_free(f.script);
}

static void
test_new_connection_dies(void **state)
{
	static const struct script_step steps[] = {
		{.end = SCRIPT_CLOSE}, {.bytes = OK},
	};
	struct fixture f;

	(void)state;
	begin(&f, steps, 2);
	collect_post(&f.c, "{}");
	assert_fails(&f, ERR_UPSTREAM_BROKEN);
	finish(&f);
	assert_int_equal(f.script->n_requests, 1);
	script_free(f.script);
}

/* After a line of the answer, nothing is ever repeated. */
static void
test_reused_connection_dies_in_answer(void **state)
{
	static const struct script_step steps[] = {
		{.bytes = OK},
		{.bytes = "HTTP/1.1 200 OK\r\n", .end = SCRIPT_CLOSE},
		{.bytes = OK},
	};
	struct fixture f;

	(void)state;
	begin(&f, steps, 3);
	collect_post(&f.c, "{}");
	assert_int_equal(collect_run(&f.c, f.pool), 0);
	assert_fails(&f, ERR_UPSTREAM_BROKEN);
	finish(&f);
	assert_int_equal(f.script->n_requests, 2);
	script_free(f.script);
}

static void
test_refused_connection_is_told_plainly(void **state)
{
	static char key[] = "sk-secret";
	struct upstream_pool *pool = upstream_pool_new();
	struct script *s = script_start(NULL, 0);
	struct collect c;

	(void)state;
	collect_init(&c, s->url);
	script_stop(s);
	c.upstream.credential = key;
	c.request.query = "token=secret";
	assert_int_equal(collect_run(&c, pool), -1);
	assert_int_equal(c.err.code, ERR_UPSTREAM_CONNECT);
	assert_non_null(strstr(c.err.text, "upstream demo (127.0.0.1:"));
	assert_non_null(strstr(c.err.text, "Connection refused"));
	assert_null(strstr(c.err.text, "secret"));
	collect_fini(&c);
	upstream_pool_free(pool);
	script_free(s);
}

static void
test_useless_configuration(void **state)
{
	static const struct {
		const char *url;
		const char *ca_file;
		enum err_code code;
	} table[] = {
		{"http://user:secret@127.0.0.1:1", NULL, ERR_CONFIG},
		{"ftp://127.0.0.1:1", NULL, ERR_CONFIG},
		{"file:///etc/passwd", NULL, ERR_CONFIG},
		/* A name that no name server need be asked for. */
		{"http://no..host", NULL, ERR_UPSTREAM_CONNECT},
	};
	struct upstream_pool *pool = upstream_pool_new();
	struct collect c;
	char url[64];

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		snprintf(url, sizeof(url), "%s", table[i].url);
		collect_init(&c, url);
		assert_int_equal(collect_run(&c, pool), -1);
		assert_int_equal(c.err.code, table[i].code);
		assert_null(strstr(c.err.text, "secret"));
		collect_fini(&c);
	}
	upstream_pool_free(pool);
}

static void
test_tls_with_a_plain_server(void **state)
{
	static const struct script_step steps[] = {{.bytes = OK}};
	struct fixture f;
	char url[64];

	(void)state;
	begin(&f, steps, 1);
	snprintf(url, sizeof(url), "https://127.0.0.1:%u", f.script->port);
	f.c.upstream.url = url;
	/* What TLS says has no empty line: close it to end the wait. */
	f.c.upstream.connect_timeout_ms = SHORT_MS;
	assert_int_equal(collect_run(&f.c, f.pool), -1);
	assert_true(f.c.err.code == ERR_UPSTREAM_CONNECT ||
	    f.c.err.code == ERR_UPSTREAM_TIMEOUT);
	finish(&f);
	assert_int_equal(f.script->n_requests, 0);
	script_free(f.script);
}

enum { THREADS = 8, ROUNDS = 6 };

static void *
many(void *arg)
{
	struct fixture *f = arg;
	struct collect c;
	size_t bad = 0;

	collect_init(&c, f->script->url);
	collect_post(&c, "{}");
	for (int i = 0; i < ROUNDS; i++) {
		if (collect_run(&c, f->pool) != 0 || c.body.len != 2)
			bad++;
	}
	collect_fini(&c);
	return (void *)bad;
}

static void
test_many_threads_share_a_pool(void **state)
{
	static struct script_step steps[THREADS * ROUNDS];
	pthread_t threads[THREADS];
	struct fixture f;
	void *bad;

	(void)state;
	for (size_t i = 0; i < THREADS * ROUNDS; i++)
		steps[i].bytes = OK;
	begin(&f, steps, THREADS * ROUNDS);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&threads[i], NULL, many, &f);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], &bad);
		assert_null(bad);
	}
	finish(&f);
	assert_in_range(f.script->connections, 1, THREADS);
	script_free(f.script);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_first_byte_timeout),
		cmocka_unit_test(test_idle_timeout),
		cmocka_unit_test(test_connect_timeout),
		cmocka_unit_test(test_stop_from_each_callback),
		cmocka_unit_test(test_watched_descriptor_wakes_idle),
		cmocka_unit_test(test_readable_descriptor_can_stop),
		cmocka_unit_test(test_unread_descriptor_does_not_spin),
		cmocka_unit_test(test_ticks),
		cmocka_unit_test(test_connection_closed_while_idle),
		cmocka_unit_test(test_reused_connection_dies),
		cmocka_unit_test(test_new_connection_dies),
		cmocka_unit_test(test_reused_connection_dies_in_answer),
		cmocka_unit_test(test_refused_connection_is_told_plainly),
		cmocka_unit_test(test_useless_configuration),
		cmocka_unit_test(test_tls_with_a_plain_server),
		cmocka_unit_test(test_many_threads_share_a_pool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
