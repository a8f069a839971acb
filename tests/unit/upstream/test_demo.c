/*
 * The real thing: demo-upstream, and each of its faults as it arrives
 * here. Only those of the transport are seen in this room; what an event
 * says is for others to judge.
 */
#include "collect.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include <cmocka.h>

#define BODY "{\"model\":\"m\",\"stream\":true,\"messages\":[]}"

enum { SHORT_MS = 100 };

struct fixture {
	pid_t pid;
	char url[80];
	struct upstream_pool *pool;
	struct collect c;
};

/* The program beside this one in the build directory. */
static void
find_program(char *out, size_t size)
{
	static const char beside[] = "/tests/unit/upstream/";
	char self[4096];
	ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	char *end;

	assert_true(n > 0);
	self[n] = '\0';
	end = strstr(self, beside);
	assert_non_null(end);
	*end = '\0';
	assert_true(snprintf(out, size, "%s/demo-upstream", self) < (int)size);
	if (access(out, X_OK) != 0)
		fail_msg("%s is not there: make it first", out);
}

static void
start_program(struct fixture *f, const char *program)
{
	char line[256];
	int out[2];
	ssize_t n;

	assert_int_equal(pipe(out), 0);
	f->pid = fork();
	assert_true(f->pid >= 0);
	if (f->pid == 0) {
		dup2(out[1], 1);
		execl(program, program, (char *)NULL);
		_exit(127);
	}
	close(out[1]);
	n = read(out[0], line, sizeof(line) - 1);
	close(out[0]);
	assert_true(n > 0);
	line[n] = '\0';
	assert_int_equal(sscanf(line, "demo-upstream listening on %79s",
	    f->url), 1);
}

static int
setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char program[4200];

	find_program(program, sizeof(program));
	start_program(f, program);
	f->pool = upstream_pool_new();
	collect_init(&f->c, f->url);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	int status;

	collect_fini(&f->c);
	upstream_pool_free(f->pool);
	kill(f->pid, SIGTERM);
	assert_int_equal(waitpid(f->pid, &status, 0), f->pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	free(f);
	return 0;
}

static int
ask(struct fixture *f, const char *knobs)
{
	http_headers_set(&f->c.sent, "X-Demo", knobs);
	collect_post(&f->c, BODY);
	return collect_run(&f->c, f->pool);
}

static void
test_faults(void **state)
{
	static const struct {
		const char *knobs;
		enum err_code code;
		int head; /* -1: a matter of chance */
	} table[] = {
		{"fault=none", ERR_NONE, true},
		{"fault=cut", ERR_NONE, true},
		{"fault=half", ERR_NONE, true},
		{"fault=half-utf8", ERR_NONE, true},
		{"fault=garbage-event", ERR_NONE, true},
		{"fault=error-event", ERR_NONE, true},
		{"fault=error-done", ERR_NONE, true},
		{"fault=error-body", ERR_NONE, true},
		{"fault=bad-json", ERR_NONE, true},
		{"fault=empty", ERR_NONE, true},
		{"fault=no-done", ERR_NONE, true},
		{"fault=no-finish", ERR_NONE, true},
		{"fault=after-done", ERR_NONE, true},
		{"fault=drop", ERR_UPSTREAM_BROKEN, true},
		{"fault=reset", ERR_UPSTREAM_BROKEN, -1},
		{"fault=cut, length=1", ERR_UPSTREAM_BROKEN, true},
		{"fault=drop, json=1", ERR_UPSTREAM_BROKEN, true},
		{"fault=drop, json=1, nolength=1", ERR_UPSTREAM_BROKEN, true},
		{"fault=garbage", ERR_UPSTREAM_BROKEN, false},
		{"fault=close-early", ERR_UPSTREAM_BROKEN, false},
		{"fault=huge-header", ERR_UPSTREAM_BROKEN, false},
		{"close=1", ERR_NONE, true},
		{"length=1", ERR_NONE, true},
		{"split=1, words=5", ERR_NONE, true},
		{"status=503", ERR_NONE, true},
	};
	struct fixture *f = *state;
	int rc;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		rc = ask(f, table[i].knobs);
		if (f->c.err.code != table[i].code)
			print_error("%s: %s\n", table[i].knobs, f->c.err.text);
		assert_int_equal(f->c.err.code, table[i].code);
		assert_int_equal(rc, table[i].code == ERR_NONE ? 0 : -1);
		if (table[i].head != -1)
			assert_int_equal(f->c.report.got_head, table[i].head);
	}
}

/* Silent from some event on: which limit it runs into tells from which. */
static void
test_stall(void **state)
{
	struct fixture *f = *state;

	f->c.upstream.idle_timeout_ms = SHORT_MS;
	assert_int_equal(ask(f, "fault=stall"), -1);
	assert_int_equal(f->c.err.code, ERR_UPSTREAM_TIMEOUT);
	assert_true(f->c.report.got_head);
	assert_true(f->c.body.len > 0);
	f->c.upstream.idle_timeout_ms = 20000;
	/* On a busy machine a head may take its time, too. */
	f->c.upstream.first_byte_timeout_ms = SHORT_MS;
	do {
		f->c.upstream.first_byte_timeout_ms *= 4;
		assert_int_equal(ask(f, "fault=stall, at=0"), -1);
		assert_int_equal(f->c.err.code, ERR_UPSTREAM_TIMEOUT);
	} while (!f->c.report.got_head &&
	    f->c.upstream.first_byte_timeout_ms < 20000);
	assert_true(f->c.report.got_head);
	assert_int_equal(f->c.body.len, 0);
}

/* The same bytes however they are framed and cut into sends. */
static void
test_framings_agree(void **state)
{
	static const char *const knobs[] = {
		"words=40, close=1", "words=40, length=1",
		"words=40, split=1", "words=40, split=7",
		"words=40, fault=half-utf8, at=1",
	};
	struct fixture *f = *state;
	struct buf want;

	assert_int_equal(ask(f, "words=40"), 0);
	buf_init(&want, f->c.body.len);
	buf_append(&want, f->c.body.data, f->c.body.len);
	assert_non_null(strstr(want.data, "data: [DONE]"));
	for (size_t i = 0; i < sizeof(knobs) / sizeof(knobs[0]); i++) {
		assert_int_equal(ask(f, knobs[i]), 0);
		assert_int_equal(f->c.body.len, want.len);
		assert_memory_equal(f->c.body.data, want.data, want.len);
	}
	buf_fini(&want);
}

/* What ends the streams of each format, and the body that asks for one. */
static const struct {
	const char *path;
	const char *type;
	const char *body;
	const char *last;
} formats[] = {
	{"/v1/chat/completions", "application/json", BODY, "data: [DONE]"},
	{"/v1/completions", "application/json",
	    "{\"stream\":true,\"prompt\":\"p\"}", "data: [DONE]"},
	{"/v1/responses", "application/json",
	    "{\"stream\":true,\"input\":\"i\"}",
	    "event: response.completed\ndata: {"},
	{"/v1/messages", "application/json", BODY,
	    "event: message_stop\ndata: {"},
	{"/v1/audio/transcriptions", "multipart/form-data; boundary=b",
	    "--b\r\nContent-Disposition: form-data; name=\"stream\"\r\n\r\n"
	    "true\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; "
	    "filename=\"f\"\r\n\r\nRIFF\r\n--b--\r\n",
	    "data: {\"type\":\"transcript.text.done\""},
};

static int
ask_format(struct fixture *f, size_t i, const char *knobs)
{
	http_headers_set(&f->c.sent, "X-Demo", knobs);
	http_headers_set(&f->c.sent, "Content-Type", formats[i].type);
	collect_post(&f->c, formats[i].body);
	f->c.request.path = formats[i].path;
	return collect_run(&f->c, f->pool);
}

static void
test_every_format_ends_as_asked(void **state)
{
	struct fixture *f = *state;
	const char *last;

	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
		assert_int_equal(ask_format(f, i, "words=5"), 0);
		last = strstr(f->c.body.data, formats[i].last);
		assert_non_null(last);
		last = strstr(last, "\n\n");
		assert_string_equal(last, "\n\n");
		assert_int_equal(ask_format(f, i, "fault=after-done"), 0);
		last = strstr(f->c.body.data, formats[i].last);
		assert_non_null(last);
		assert_non_null(strstr(strstr(last, "\n\n"), "data: {"));
		assert_int_equal(ask_format(f, i, "fault=no-done"), 0);
		assert_null(strstr(f->c.body.data, formats[i].last));
		assert_int_equal(ask_format(f, i, "fault=error-done"), 0);
		assert_non_null(strstr(f->c.body.data, formats[i].last));
		assert_non_null(strstr(f->c.body.data, "error"));
		assert_int_equal(ask_format(f, i, "fault=drop"), -1);
		assert_int_equal(f->c.err.code, ERR_UPSTREAM_BROKEN);
	}
}

static void
test_the_last_request_can_be_seen(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(ask_format(f, 4, "words=1"), 0);
	collect_post(&f->c, "");
	f->c.request.method = "GET";
	f->c.request.path = "/demo/last";
	assert_int_equal(collect_run(&f->c, f->pool), 0);
	assert_non_null(strstr(f->c.body.data,
	    "\"target\":\"/v1/audio/transcriptions\""));
	assert_non_null(strstr(f->c.body.data, "\"body\":\"--b\\u000d"));
}

static void
test_reuse_and_abort_as_the_server_sees_it(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 5; i++)
		assert_int_equal(ask(f, "words=3"), 0);
	f->c.stop_data = true;
	assert_int_equal(ask(f, "fault=stall"), -1);
	assert_int_equal(f->c.err.code, ERR_CANCELLED);
	f->c.stop_data = false;
	collect_post(&f->c, "");
	f->c.request.method = "GET";
	f->c.request.path = "/demo/stats";
	/* The server notices by itself, soon. */
	do {
		assert_int_equal(collect_run(&f->c, f->pool), 0);
	} while (strstr(f->c.body.data, "\"active\":0,\"aborted\":1") ==
	    NULL);
	assert_string_equal(f->c.body.data, "{\"requests\":6,\"active\":0,"
	    "\"aborted\":1,\"connections\":1,\"chat\":6,"
	    "\"completions\":0,\"responses\":0,\"messages\":0,"
	    "\"embeddings\":0,\"rerank\":0,\"transcriptions\":0,"
	    "\"translations\":0}");
}

/* An upload may take longer than first_byte_timeout, as long as it moves. */
static ssize_t
slow_read(void *arg, char *out, size_t size)
{
	int *left = arg;

	(void)size;
	if ((*left)-- == 0)
		return 0;
	usleep(300 * 1000);
	out[0] = 'x';
	return 1;
}

static void
test_slow_upload(void **state)
{
	struct fixture *f = *state;
	int left = 12;

	f->c.upstream.first_byte_timeout_ms = 3000;
	f->c.request.method = "PUT";
	f->c.request.path = "/demo/echo";
	f->c.request.read_body = slow_read;
	f->c.request.read_arg = &left;
	assert_int_equal(collect_run(&f->c, f->pool), 0);
	assert_non_null(strstr(f->c.body.data, "\"body_bytes\":12,"));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_faults),
		TEST(test_stall),
		TEST(test_framings_agree),
		TEST(test_every_format_ends_as_asked),
		TEST(test_the_last_request_can_be_seen),
		TEST(test_reuse_and_abort_as_the_server_sees_it),
		TEST(test_slow_upload),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
