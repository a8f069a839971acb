/* One CGI exchange: over pipes, and as a process of its own. */
#include "http/cgi.h"
#include "http/response.h"
#include "http/server.h"

#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct pipes {
	int in[2], out[2]; /* [0] is read, [1] written */
};

static struct pipes
pipes_open(void)
{
	struct pipes p;

	assert_int_equal(pipe(p.in), 0);
	assert_int_equal(pipe(p.out), 0);
	return p;
}

static char *
variable(const char *s)
{
	return (char *)(uintptr_t)s;
}

#define ENV(...) ((char *[]){__VA_ARGS__, NULL})
#define V(s) variable(s)

static void
close_all(struct pipes *p)
{
	int i;

	for (i = 0; i < 2; i++) {
		close(p->in[i]);
		close(p->out[i]);
	}
}

/* How long the body is, whatever else stands in the pipe. */
static void
the_body_ends_where_it_should(void **state)
{
	static const struct {
		const char *method, *length, *other;
		bool closed; /* the server has closed standard input */
		const char *want; /* NULL: cut short */
	} cases[] = {
		{"REQUEST_METHOD=POST", "CONTENT_LENGTH=4", "X=", false,
		    "1234"},
		{"REQUEST_METHOD=POST", "CONTENT_LENGTH=0", "X=", false, ""},
		{"REQUEST_METHOD=POST", "CONTENT_LENGTH=6", "X=", true,
		    "123456"},
		{"REQUEST_METHOD=POST", "CONTENT_LENGTH=7", "X=", true, NULL},
		{"REQUEST_METHOD=POST", "CONTENT_LENGTH=", "X=", true,
		    "123456"},
		{"REQUEST_METHOD=PUT", "X=", "X=", true, "123456"},
		{"REQUEST_METHOD=GET", "X=", "X=", false, ""},
		{"REQUEST_METHOD=HEAD", "CONTENT_LENGTH=", "X=", false, ""},
		{"REQUEST_METHOD=OPTIONS", "X=", "X=", false, ""},
		{"REQUEST_METHOD=DELETE", "X=", "X=", false, ""},
		{"REQUEST_METHOD=DELETE", "CONTENT_LENGTH=2", "X=", false,
		    "12"},
		{"REQUEST_METHOD=DELETE", "X=",
		    "HTTP_TRANSFER_ENCODING=chunked", true, "123456"},
		{"X=", "X=", "X=", false, ""},
		{"REQUEST_METHOD=POST", "CONTENT_LENGTH=4x", "X=", false, ""},
	};
	struct http_cgi cgi;
	struct pipes p;
	struct buf in;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char **env = ENV(V(cases[i].method), V(cases[i].length),
		    V(cases[i].other));

		p = pipes_open();
		assert_int_equal(write(p.in[1], "123456", 6), 6);
		if (cases[i].closed)
			close(p.in[1]);
		http_cgi_init(&cgi, env, p.in[0], p.out[1], -1);
		buf_init(&in, 100);
		if (cases[i].want == NULL) {
			assert_int_equal(http_conn_read_all(&cgi.conn, &in,
			    NULL), -1);
		} else {
			assert_int_equal(http_conn_read_all(&cgi.conn, &in,
			    NULL), 0);
			assert_int_equal(in.len, strlen(cases[i].want));
			assert_memory_equal(in.len > 0 ? in.data : "",
			    cases[i].want, in.len);
		}
		buf_fini(&in);
		if (cases[i].closed)
			p.in[1] = dup(p.in[0]);
		close_all(&p);
	}
}

static void
a_reader_that_leaves_is_noticed(void **state)
{
	struct http_cgi cgi;
	struct pipes p = pipes_open();

	(void)state;
	http_cgi_init(&cgi, ENV(V("REQUEST_METHOD=GET")), p.in[0], p.out[1], -1);
	assert_int_equal(http_conn_drain(&cgi.conn), 0);
	assert_int_equal(http_conn_watch_fd(&cgi.conn), -1);
	assert_false(http_conn_peer_left(&cgi.conn));
	assert_int_equal(http_conn_write(&cgi.conn, "waits", 5), 0);
	close(p.out[0]);
	assert_int_equal(http_conn_flush(&cgi.conn), -1);
	assert_int_equal(http_conn_write(&cgi.conn, "x", 1), -1);
	http_cgi_init(&cgi, ENV(V("REQUEST_METHOD=GET")), p.in[0], p.out[1], -1);
	assert_int_equal(http_conn_drain(&cgi.conn), 0);
	assert_true(http_conn_peer_left(&cgi.conn));
	assert_int_equal(http_cgi_end(&cgi, false), -1);
	close(p.in[0]);
	close(p.in[1]);
	close(p.out[1]);
}

/* ---- as a process ------------------------------------------------------- */

struct plan {
	size_t repeat; /* of the request's body, for the answer */
	bool broken;
	bool wait_for_signal;
	bool afterwards; /* something is to be done then */
	int said[2];     /* by what is done afterwards */
	int release[2];  /* and when it may end */
	int err_fd;      /* standard error, or 0: the test's */
};

/* What is said afterwards, and once more at its end. */
struct saying {
	pid_t pid, session;
	bool allowed;
};

static void
afterwards(void *arg, bool allowed)
{
	const struct plan *plan = arg;
	struct saying s;
	char byte;

	memset(&s, 0, sizeof(s));
	s.pid = getpid();
	s.session = getsid(0);
	s.allowed = allowed;
	close(plan->said[0]);
	close(plan->release[1]);
	if (write(plan->said[1], &s, sizeof(s)) != sizeof(s) ||
	    write(STDOUT_FILENO, "lost", 4) != 4 ||
	    read(plan->release[0], &byte, 1) != 1 ||
	    write(STDERR_FILENO, "said\n", 5) != 5 ||
	    write(plan->said[1], &s, sizeof(s)) != sizeof(s))
		_exit(97);
}

static enum http_outcome
handle(struct http_conn *c, bool overloaded, void *ctx)
{
	const struct plan *plan = ctx;
	struct http_response r;
	struct buf in;
	size_t i;

	if (overloaded)
		return HTTP_BROKEN;
	if (plan->afterwards) {
		c->after = afterwards;
		c->after_arg = ctx;
	}
	buf_init(&in, 1 << 20);
	http_response_init(&r, c, false);
	if (http_conn_read_all(c, &in, NULL) == -1)
		http_response_status(&r, 400);
	else
		http_response_status(&r, 200);
	http_response_start(&r);
	if (plan->wait_for_signal) {
		struct pollfd p = {.fd = http_conn_watch_fd(c),
		    .events = POLLIN};

		/* Readable, and so the client has left; the answer goes on. */
		poll(&p, 1, -1);
		if (!http_conn_peer_left(c))
			_exit(98);
	}
	for (i = 0; i < plan->repeat; i++)
		http_response_body(&r, in.data, in.len);
	if (plan->broken)
		http_response_break(&r);
	else
		http_response_end(&r);
	http_response_fini(&r);
	buf_fini(&in);
	return plan->broken ? HTTP_BROKEN : HTTP_COMPLETE;
}

static pid_t
spawn(struct pipes *p, struct plan *plan, const char *length)
{
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid != 0) {
		close(p->in[0]);
		close(p->out[1]);
		return pid;
	}
	dup2(p->in[0], STDIN_FILENO);
	dup2(p->out[1], STDOUT_FILENO);
	if (plan->err_fd != 0) {
		dup2(plan->err_fd, STDERR_FILENO);
		close(plan->err_fd);
	}
	close_all(p);
	setenv("REQUEST_METHOD", "POST", 1);
	setenv("CONTENT_LENGTH", length, 1);
	/* As libfcgi's start would: it must be undone. */
	signal(SIGTERM, SIG_IGN);
	if (http_server_is_fcgi())
		_exit(99);
	_exit(http_server_run_cgi(handle, plan));
}

static int
await_exit(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return status;
}

/* All that the program writes. */
static void
read_output(int fd, struct buf *out)
{
	ssize_t n;

	buf_init(out, 64 << 20);
	while (buf_reserve(out, 65536) == 0 &&
	    (n = read(fd, out->data + out->len, 65536)) > 0)
		out->len += (size_t)n;
	close(fd);
}

static void
a_request_is_answered(void **state)
{
	static const char head[] = "Status: 200 OK\r\n\r\n";
	struct plan plan = {.repeat = 500000};
	struct pipes p = pipes_open();
	pid_t pid = spawn(&p, &plan, "5");
	struct buf out;
	size_t i;

	(void)state;
	assert_int_equal(write(p.in[1], "abcde", 5), 5);
	read_output(p.out[0], &out);
	assert_int_equal(await_exit(pid), 0);
	close(p.in[1]);
	assert_int_equal(out.len, strlen(head) + 5 * plan.repeat);
	assert_memory_equal(out.data, head, strlen(head));
	for (i = strlen(head); i < out.len; i += 5)
		assert_memory_equal(out.data + i, "abcde", 5);
	buf_fini(&out);
}

static void
a_broken_answer_ends_in_failure(void **state)
{
	struct plan plan = {.repeat = 3, .broken = true};
	struct pipes p = pipes_open();
	pid_t pid = spawn(&p, &plan, "5");
	struct buf out;
	int status;

	(void)state;
	assert_int_equal(write(p.in[1], "abcde", 5), 5);
	read_output(p.out[0], &out);
	status = await_exit(pid);
	close(p.in[1]);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	/* What was not flushed when it broke is not sent. */
	assert_int_equal(out.len, strlen("Status: 200 OK\r\n\r\n"));
	buf_fini(&out);
}

/* Web servers say by SIGTERM that the client has left: no reason to die. */
static void
sigterm_says_that_the_client_left(void **state)
{
	struct plan plan = {.wait_for_signal = true};
	struct pipes p = pipes_open();
	pid_t pid = spawn(&p, &plan, "0");
	char byte;
	int status;

	(void)state;
	/* The head shows that the handler runs. */
	assert_int_equal(read(p.out[0], &byte, 1), 1);
	kill(pid, SIGTERM);
	status = await_exit(pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
	close(p.in[1]);
	close(p.out[0]);
}

/* ---- what is done afterwards --------------------------------------------- */

/* Begin it with this standard error; its pipes and the answer are the rest. */
static struct saying
begin_afterwards(struct plan *plan, int err_fd)
{
	struct pipes p = pipes_open();
	struct saying s;
	struct buf out;
	pid_t pid;

	memset(plan, 0, sizeof(*plan));
	plan->repeat = 2;
	plan->afterwards = true;
	plan->err_fd = err_fd;
	assert_int_equal(pipe(plan->said), 0);
	assert_int_equal(pipe(plan->release), 0);
	pid = spawn(&p, plan, "3");
	close(plan->said[1]);
	close(plan->release[0]);
	assert_int_equal(write(p.in[1], "abc", 3), 3);
	/* The web server sees the end of output and process all the same. */
	read_output(p.out[0], &out);
	assert_int_equal(await_exit(pid), 0);
	assert_int_equal(out.len, strlen("Status: 200 OK\r\n\r\nabcabc"));
	buf_fini(&out);
	close(p.in[1]);
	assert_int_equal(read(plan->said[0], &s, sizeof(s)), sizeof(s));
	assert_true(s.allowed);
	assert_int_not_equal(s.pid, pid);
	assert_int_equal(s.session, s.pid);
	return s;
}

/* It has ended, and said so or not. */
static void
end_afterwards(struct plan *plan, bool said)
{
	struct saying s;
	ssize_t n = read(plan->said[0], &s, sizeof(s));

	assert_int_equal(n, said ? sizeof(s) : 0);
	if (said)
		assert_int_equal(read(plan->said[0], &s, sizeof(s)), 0);
	close(plan->said[0]);
	close(plan->release[1]);
}

static void
what_is_done_afterwards_holds_no_server(void **state)
{
	struct plan plan;
	int err[2];
	char byte;

	(void)state;
	assert_int_equal(pipe(err), 0);
	/* So that the child does not hold the reading end. */
	assert_int_equal(fcntl(err[0], F_SETFD, FD_CLOEXEC), 0);
	begin_afterwards(&plan, err[1]);
	close(err[1]);
	assert_int_equal(read(err[0], &byte, 1), 0);
	assert_int_equal(write(plan.release[1], "x", 1), 1);
	end_afterwards(&plan, true);
	close(err[0]);
}

static void
a_log_file_hears_what_is_done_afterwards(void **state)
{
	FILE *log = tmpfile();
	struct plan plan;
	char text[8] = "";

	(void)state;
	assert_non_null(log);
	begin_afterwards(&plan, fileno(log));
	assert_int_equal(write(plan.release[1], "x", 1), 1);
	end_afterwards(&plan, true);
	assert_int_equal(pread(fileno(log), text, sizeof(text), 0), 5);
	assert_string_equal(text, "said\n");
	fclose(log);
}

static void
sigterm_ends_what_is_done_afterwards(void **state)
{
	struct saying s;
	struct plan plan;

	(void)state;
	s = begin_afterwards(&plan, 0);
	kill(s.pid, SIGTERM);
	end_afterwards(&plan, false);
}

/* Nothing is done after a broken answer, but what was kept for it is freed. */
static void
nothing_follows_a_broken_answer(void **state)
{
	struct plan plan = {.broken = true, .afterwards = true};
	struct pipes p = pipes_open();
	struct saying s;
	struct buf out;
	pid_t pid;

	(void)state;
	assert_int_equal(pipe(plan.said), 0);
	assert_int_equal(pipe(plan.release), 0);
	assert_int_equal(write(plan.release[1], "x", 1), 1);
	pid = spawn(&p, &plan, "0");
	assert_int_equal(read(plan.said[0], &s, sizeof(s)), sizeof(s));
	assert_false(s.allowed);
	assert_int_equal(s.pid, pid);
	read_output(p.out[0], &out);
	buf_fini(&out);
	assert_int_equal(WEXITSTATUS(await_exit(pid)), 1);
	close(p.in[1]);
	close(plan.said[0]);
	close(plan.said[1]);
	close(plan.release[0]);
	close(plan.release[1]);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_body_ends_where_it_should),
		cmocka_unit_test(a_reader_that_leaves_is_noticed),
		cmocka_unit_test(a_request_is_answered),
		cmocka_unit_test(a_broken_answer_ends_in_failure),
		cmocka_unit_test(sigterm_says_that_the_client_left),
		cmocka_unit_test(what_is_done_afterwards_holds_no_server),
		cmocka_unit_test(a_log_file_hears_what_is_done_afterwards),
		cmocka_unit_test(sigterm_ends_what_is_done_afterwards),
		cmocka_unit_test(nothing_follows_a_broken_answer),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
