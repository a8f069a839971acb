/*
 * The server as web servers meet it: processes on one listening socket,
 * kept-alive connections, overload, and the way it stops.
 */
#include "http/request.h"
#include "http/response.h"
#include "http/server.h"

#include "base/clock.h"
#include "fcgi_client.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

enum {
	ID = 1, UNFINISHED = 3, FAILED = 4,
	/*
	 * For requests that are to wait too long: the others, that a worker
	 * is about to take, must not on a machine that is busy.
	 */
	OVERDUE_MS = 3000,
	/* Half of what listener.c gives the others when a process is busy. */
	HEAD_START_MS = 10
};

/* One listening socket and the pipes by which tests hold requests back. */
struct site {
	char folder[64];
	struct sockaddr_un address;
	int listen_fd;
	int entered[2]; /* a held handler writes its pid */
	int release[2]; /* and waits for a byte */
	struct http_server_config config; /* of its processes */
};

/* ---- the process under test --------------------------------------------- */

static void
hold(const struct site *s)
{
	pid_t pid = getpid();
	char byte;

	if (write(s->entered[1], &pid, sizeof(pid)) != sizeof(pid) ||
	    read(s->release[0], &byte, 1) != 1)
		_exit(FAILED);
}

/* Done aside: hold a worker that has answered, or say that it must not be. */
static void
aside(void *arg, bool allowed)
{
	const struct site *s = arg;
	pid_t never = -1;

	if (allowed)
		hold(s);
	else if (write(s->entered[1], &never, sizeof(never)) != sizeof(never))
		_exit(FAILED);
}

/*
 * Answers with the body, or as the path says: /pid, /hold (with the pid,
 * once released), /broken, /aside (and something to do afterwards).
 */
static enum http_outcome
handle(struct http_conn *c, bool overloaded, void *ctx)
{
	const struct site *s = ctx;
	struct http_request req;
	struct http_response r;
	struct buf body;
	bool broken;

	buf_init(&body, ANSWER_MAX);
	http_request_parse(&req, c->envp, "/", NULL);
	http_response_init(&r, c, false);
	http_conn_read_all(c, &body, NULL);
	http_response_status(&r, overloaded ? 503 : 200);
	broken = strcmp(req.path, "/broken") == 0;
	if (!overloaded && strcmp(req.path, "/hold") == 0)
		hold(s);
	if (strcmp(req.path, "/aside") == 0) {
		c->after = aside;
		c->after_arg = ctx;
	}
	if (strcmp(req.path, "/hold") == 0 || strcmp(req.path, "/pid") == 0)
		buf_printf(&body, "%d", (int)getpid());
	http_response_body(&r, body.data, body.len);
	if (broken)
		http_response_flush(&r);
	else
		http_response_end(&r);
	http_response_fini(&r);
	http_request_fini(&req);
	buf_fini(&body);
	return broken ? HTTP_BROKEN : HTTP_COMPLETE;
}

static void
site_open(struct site *s)
{
	memset(s, 0, sizeof(*s));
	snprintf(s->folder, sizeof(s->folder), "/tmp/reprise-test-XXXXXX");
	assert_non_null(mkdtemp(s->folder));
	s->address.sun_family = AF_UNIX;
	snprintf(s->address.sun_path, sizeof(s->address.sun_path), "%s/s",
	    s->folder);
	s->listen_fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_not_equal(s->listen_fd, -1);
	assert_int_equal(bind(s->listen_fd,
	    (const struct sockaddr *)&s->address, sizeof(s->address)), 0);
	assert_int_equal(listen(s->listen_fd, 1024), 0);
	assert_int_equal(pipe(s->entered), 0);
	assert_int_equal(pipe(s->release), 0);
	s->config = (struct http_server_config){
		.listen_fd = s->listen_fd,
		.threads = 2,
		.queue_timeout_ms = 600 * 1000,
		.drain_timeout_ms = 600 * 1000,
		.io_timeout_ms = 600 * 1000,
		.handler = handle,
		.ctx = s
	};
}

static void
site_close(struct site *s)
{
	close(s->listen_fd);
	close(s->entered[0]);
	close(s->entered[1]);
	close(s->release[0]);
	close(s->release[1]);
	unlink(s->address.sun_path);
	rmdir(s->folder);
}

static pid_t
spawn(const struct site *s)
{
	struct err err = ERR_INIT;
	bool all_done = false;
	pid_t pid = fork();

	assert_int_not_equal(pid, -1);
	if (pid != 0)
		return pid;
	/* A test that fails or hangs leaves no process behind. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (http_server_run(&s->config, &all_done, &err) == -1)
		_exit(FAILED);
	if (!all_done)
		_exit(UNFINISHED);
	/* Not _exit: what a sanitizer has to say comes at exit. */
	exit(0);
}

static int
await_exit(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
stop(pid_t pid)
{
	kill(pid, SIGTERM);
	assert_int_equal(await_exit(pid), 0);
}

/* Open it, with one process of so many threads. */
static pid_t
site_serve(struct site *s, int threads)
{
	site_open(s);
	s->config.threads = threads;
	return spawn(s);
}

/* ---- the web server's side ---------------------------------------------- */

static int
dial(const struct site *s)
{
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	assert_int_not_equal(fd, -1);
	assert_int_equal(connect(fd, (const struct sockaddr *)&s->address,
	    sizeof(s->address)), 0);
	return fd;
}

static void
ask(int fd, bool keep, const char *uri, const char *body)
{
	struct buf records;

	buf_init(&records, 1 << 20);
	fcgi_put_request(&records, ID, keep, uri, body, strlen(body));
	assert_int_equal(fcgi_send_buf(fd, &records), 0);
	buf_fini(&records);
}

/* Read a whole answer and return its body (owned). */
static char *
hear_any(int fd, int *status)
{
	struct fcgi_answer a;
	char *body;

	fcgi_read_answer(fd, ID, &a);
	assert_true(a.ended);
	assert_false(a.bad);
	assert_int_equal(sscanf(a.out.data, "Status: %3d ", status), 1);
	body = strstr(a.out.data, "\r\n\r\n");
	assert_non_null(body);
	body = strdup(body + 4);
	assert_non_null(body);
	buf_fini(&a.out);
	return body;
}

/* One that has this status. */
static char *
hear(int fd, int wanted)
{
	int status;
	char *body = hear_any(fd, &status);

	assert_int_equal(status, wanted);
	return body;
}

static void
hear_text(int fd, int status, const char *want)
{
	char *got = hear(fd, status);

	assert_string_equal(got, want);
	free(got);
}

static pid_t
hear_pid(int fd)
{
	char *got = hear(fd, 200);
	long pid = strtol(got, NULL, 10);

	free(got);
	return (pid_t)pid;
}

static pid_t
await_entered(const struct site *s)
{
	pid_t pid;

	assert_int_equal(read(s->entered[0], &pid, sizeof(pid)), sizeof(pid));
	return pid;
}

static void
release(const struct site *s)
{
	assert_int_equal(write(s->release[1], "x", 1), 1);
}

static void
echo(int fd, const char *text)
{
	ask(fd, true, "/echo", text);
	hear_text(fd, 200, text);
}

/* A connection that has had an answer, and is kept. */
static int
dial_parked(const struct site *s)
{
	int fd = dial(s);

	echo(fd, "");
	return fd;
}

/* Hold a thread up; returns the pid of its process. */
static pid_t
hold_by(const struct site *s, int fd)
{
	ask(fd, true, "/hold", "");
	return await_entered(s);
}

static int
dial_held(const struct site *s)
{
	int fd = dial(s);

	hold_by(s, fd);
	return fd;
}

static void
let_go(const struct site *s, int held, pid_t pid)
{
	release(s);
	assert_int_equal(hear_pid(held), pid);
}

/* Leave something to do aside, which pid does (-1: it must not be done). */
static void
go_aside(const struct site *s, int fd, pid_t pid)
{
	ask(fd, true, "/aside", "aside");
	hear_text(fd, 200, "aside");
	assert_int_equal(await_entered(s), pid);
}

/* ---- what can be seen from outside -------------------------------------- */

static int
count_threads(pid_t pid)
{
	char path[64];
	DIR *tasks;
	int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	tasks = opendir(path);
	assert_non_null(tasks);
	while (readdir(tasks) != NULL)
		n++;
	closedir(tasks);
	return n - 2; /* "." and ".." */
}

/* Whether what epoll says of a descriptor names this file. */
static bool
has_target(const char *path, int fd)
{
	FILE *info = fopen(path, "r");
	char line[256];
	bool found = false;
	int target;

	/* It may have been closed by now. */
	if (info == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), info) != NULL)
		found = sscanf(line, "tfd: %d", &target) == 1 && target == fd;
	fclose(info);
	return found;
}

/* Whether a process watches the listening socket just now. */
static bool
is_listening(const struct site *s, pid_t pid)
{
	char folder[64], path[128];
	struct dirent *entry;
	bool found = false;
	DIR *fds;

	snprintf(folder, sizeof(folder), "/proc/%d/fdinfo", (int)pid);
	fds = opendir(folder);
	assert_non_null(fds);
	while (!found && (entry = readdir(fds)) != NULL) {
		snprintf(path, sizeof(path), "%s/%.32s", folder,
		    entry->d_name);
		if (entry->d_name[0] != '.')
			found = has_target(path, s->listen_fd);
	}
	closedir(fds);
	return found;
}

static void
await_listening(const struct site *s, pid_t pid)
{
	while (!is_listening(s, pid))
		sched_yield();
}

/* ---- serving ------------------------------------------------------------ */

static void
requests_are_served_with_and_without_keeping(void **state)
{
	struct site s;
	pid_t pid;
	int i, fd, kept;

	(void)state;
	pid = site_serve(&s, 2);
	kept = dial(&s);
	for (i = 0; i < 50; i++) {
		fd = dial(&s);
		ask(fd, false, "/echo", "once");
		ask(kept, true, "/echo", "again");
		hear_text(fd, 200, "once");
		hear_text(kept, 200, "again");
		assert_true(fcgi_is_closed(fd));
		close(fd);
	}
	stop(pid);
	assert_true(fcgi_is_closed(kept));
	close(kept);
	site_close(&s);
}

/* More kept connections than threads, all busy and in turn. */
static void
kept_connections_starve_nobody(void **state)
{
	enum { CONNECTIONS = 40, ROUNDS = 8 };
	struct site s;
	int fds[CONNECTIONS], i, round;
	pid_t pid;

	(void)state;
	pid = site_serve(&s, 2);
	for (i = 0; i < CONNECTIONS; i++)
		fds[i] = dial(&s);
	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < CONNECTIONS; i++)
			ask(fds[i], true, "/echo", "all at once");
		for (i = CONNECTIONS - 1; i >= 0; i--)
			hear_text(fds[i], 200, "all at once");
		for (i = 0; i < CONNECTIONS; i++)
			echo(fds[i], "in turn");
	}
	stop(pid);
	for (i = 0; i < CONNECTIONS; i++)
		close(fds[i]);
	site_close(&s);
}

/* A connection that says nothing, or closes, keeps no thread. */
static void
silent_connections_hold_nobody_up(void **state)
{
	enum { CONNECTIONS = 20 };
	struct site s;
	int fds[CONNECTIONS], i, fd;
	pid_t pid;

	(void)state;
	pid = site_serve(&s, 1);
	for (i = 0; i < CONNECTIONS; i++)
		fds[i] = dial(&s);
	fd = dial(&s);
	echo(fd, "1");
	for (i = 0; i < CONNECTIONS / 2; i++)
		close(fds[i]);
	echo(fd, "2");
	for (; i < CONNECTIONS; i++) {
		ask(fds[i], false, "/echo", "late");
		hear_text(fds[i], 200, "late");
		close(fds[i]);
	}
	stop(pid);
	close(fd);
	site_close(&s);
}

/* What comes as a request ends is the beginning of no other. */
static void
a_late_abort_holds_nobody_up(void **state)
{
	struct site s;
	struct buf abort_record;
	int aborted, fd, i;
	pid_t pid;

	(void)state;
	buf_init(&abort_record, 100);
	fcgi_put_record(&abort_record, FCGI_ABORT, ID, "", 0);
	pid = site_serve(&s, 1);
	aborted = dial_parked(&s);
	fd = dial_parked(&s);
	for (i = 0; i < 20; i++) {
		assert_int_equal(fcgi_send_buf(aborted, &abort_record), 0);
		echo(fd, "meanwhile");
	}
	echo(aborted, "the next");
	stop(pid);
	buf_fini(&abort_record);
	close(aborted);
	close(fd);
	site_close(&s);
}

static void
a_broken_answer_is_cut_off(void **state)
{
	struct site s;
	struct fcgi_answer a;
	pid_t pid;
	int fd;

	(void)state;
	pid = site_serve(&s, 2);
	fd = dial(&s);
	ask(fd, true, "/broken", "half");
	fcgi_read_answer(fd, ID, &a);
	assert_false(a.ended || a.bad);
	assert_non_null(strstr(a.out.data, "half"));
	buf_fini(&a.out);
	close(fd);
	stop(pid);
	site_close(&s);
}

/* ---- what is done aside -------------------------------------------------- */

/* The answer is whole, and its connection free, while it is being done. */
static void
nobody_waits_for_what_is_done_aside(void **state)
{
	struct site s;
	int fd, i;
	pid_t pid;

	(void)state;
	pid = site_serve(&s, 1);
	fd = dial(&s);
	go_aside(&s, fd, pid);
	for (i = 0; i < 20; i++)
		echo(fd, "meanwhile");
	release(&s);
	stop(pid);
	close(fd);
	site_close(&s);
}

/* The rest of the work is dropped; all the workers go on serving. */
static void
half_as_many_as_serve_are_aside(void **state)
{
	static const struct {
		int threads, allowed;
	} cases[] = {{1, 1}, {2, 1}, {3, 2}, {5, 3}};
	struct site s;
	int fd, n;
	size_t i;
	pid_t pid;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		pid = site_serve(&s, cases[i].threads);
		fd = dial(&s);
		for (n = 0; n < cases[i].allowed; n++)
			go_aside(&s, fd, pid);
		go_aside(&s, fd, -1);
		for (n = 0; n < cases[i].allowed; n++)
			release(&s);
		stop(pid);
		close(fd);
		site_close(&s);
	}
}

/* There is none before, and never more than half as many as serve. */
static void
threads_aside_begin_when_they_are_needed(void **state)
{
	struct site s;
	int fd, before, i;
	pid_t pid;

	(void)state;
	pid = site_serve(&s, 16);
	fd = dial_parked(&s);
	before = count_threads(pid);
	for (i = 0; i < 20; i++) {
		go_aside(&s, fd, pid);
		/* Those before may not have come to their ends yet. */
		assert_in_range(count_threads(pid), before + 1, before + 8);
		release(&s);
	}
	stop(pid);
	close(fd);
	site_close(&s);
}

/* The worker for what waited too long is to be there for the next. */
static void
the_overflow_worker_does_nothing_aside(void **state)
{
	struct site s;
	int held, fd;
	pid_t pid;

	(void)state;
	site_open(&s);
	s.config.threads = 1;
	s.config.queue_timeout_ms = OVERDUE_MS;
	pid = spawn(&s);
	held = dial_held(&s);
	fd = dial(&s);
	ask(fd, true, "/aside", "late");
	hear_text(fd, 503, "late");
	assert_int_equal(await_entered(&s), -1);
	let_go(&s, held, pid);
	stop(pid);
	close(held);
	close(fd);
	site_close(&s);
}

/* It counts as being in the air, and no longer than that is bounded. */
static void
the_drain_waits_for_what_is_done_aside(void **state)
{
	struct site s;
	int fd, bounded;
	pid_t pid;

	(void)state;
	for (bounded = 0; bounded < 2; bounded++) {
		site_open(&s);
		if (bounded)
			s.config.drain_timeout_ms = 20;
		pid = spawn(&s);
		fd = dial(&s);
		go_aside(&s, fd, pid);
		kill(pid, SIGTERM);
		/* The parked connection is closed as the drain begins. */
		assert_true(fcgi_is_closed(fd));
		if (!bounded)
			release(&s);
		assert_int_equal(await_exit(pid), bounded ? UNFINISHED : 0);
		close(fd);
		site_close(&s);
	}
}

/* Once the process is to stop, nothing is begun. */
static void
nothing_is_begun_aside_during_the_drain(void **state)
{
	struct site s;
	int held, parked, other;
	pid_t pid;

	(void)state;
	pid = site_serve(&s, 1);
	parked = dial_parked(&s);
	other = dial_parked(&s);
	held = dial_held(&s);
	ask(parked, true, "/aside", "in the queue");
	/* As in sigterm_serves_the_queue. */
	kill(pid, SIGTERM);
	assert_true(fcgi_is_closed(other));
	let_go(&s, held, pid);
	hear_text(parked, 200, "in the queue");
	assert_int_equal(await_entered(&s), -1);
	assert_int_equal(await_exit(pid), 0);
	close(held);
	close(other);
	close(parked);
	site_close(&s);
}

/* ---- overload ----------------------------------------------------------- */

static void
who_waits_too_long_is_told(void **state)
{
	struct site s;
	int held, fresh, kept;
	pid_t pid;

	(void)state;
	site_open(&s);
	s.config.threads = 1;
	s.config.queue_timeout_ms = OVERDUE_MS;
	pid = spawn(&s);
	kept = dial_held(&s);
	let_go(&s, kept, pid);
	held = dial_held(&s);
	/* A new connection and a kept one, while the one thread is held. */
	fresh = dial(&s);
	ask(fresh, false, "/echo", "new");
	ask(kept, true, "/echo", "kept");
	hear_text(fresh, 503, "new");
	hear_text(kept, 503, "kept");
	let_go(&s, held, pid);
	/* All is well again, on the same connections. */
	hold_by(&s, kept);
	let_go(&s, kept, pid);
	stop(pid);
	close(held);
	close(fresh);
	close(kept);
	site_close(&s);
}

/* Send a byte of a body now and then, until fd can be read. */
static void
drip_until_heard(int slow, int fd)
{
	enum { EVERY_MS = 20 };
	struct pollfd p = {.fd = fd, .events = POLLIN};

	while (poll(&p, 1, EVERY_MS) == 0)
		fcgi_send(slow, "x", 1);
}

/* They are told whether their bodies come or not. */
static void
a_slow_body_keeps_nobody_from_being_told(void **state)
{
	struct buf records;
	struct site s;
	int held, slow, fresh;
	pid_t pid;

	(void)state;
	site_open(&s);
	s.config.threads = 1;
	s.config.queue_timeout_ms = OVERDUE_MS;
	pid = spawn(&s);
	held = dial_held(&s);
	slow = dial(&s);
	buf_init(&records, 4096);
	fcgi_put_head(&records, ID, true, "/echo");
	/* The header of a record whose content never comes to its end. */
	fcgi_put_record(&records, FCGI_STDIN, ID, "", 0);
	records.data[records.len - 4] = (char)255;
	assert_int_equal(fcgi_send_buf(slow, &records), 0);
	buf_fini(&records);
	fresh = dial(&s);
	ask(fresh, true, "/echo", "new");
	drip_until_heard(slow, fresh);
	hear_text(fresh, 503, "new");
	drip_until_heard(slow, slow);
	free(hear(slow, 503));
	assert_true(fcgi_is_closed(slow));
	let_go(&s, held, pid);
	stop(pid);
	close(held);
	close(slow);
	close(fresh);
	site_close(&s);
}

/*
 * Ask while a process has no thread to spare. The other one answers; or the
 * busy one took it, after the head start that it gives, and was too late.
 */
static void
ask_beside(const struct site *s, pid_t busy, pid_t other)
{
	int64_t begun_us;
	int fd, status;
	char *got;

	await_listening(s, busy);
	begun_us = clock_steady_us();
	fd = dial(s);
	ask(fd, false, "/pid", "");
	got = hear_any(fd, &status);
	if (status != 200)
		assert_true(clock_steady_us() - begun_us >=
		    (OVERDUE_MS + HEAD_START_MS) * 1000);
	assert_int_equal(strtol(got, NULL, 10), status == 200 ? other : busy);
	free(got);
	close(fd);
}

/*
 * Two processes of one thread each: the second request goes to the process
 * that is free, however often, and never waits behind the held one.
 */
static void
a_busy_process_leaves_requests_to_others(void **state)
{
	struct site s;
	pid_t one, two, busy;
	int held, i;

	(void)state;
	site_open(&s);
	s.config.threads = 1;
	s.config.queue_timeout_ms = OVERDUE_MS;
	one = spawn(&s);
	two = spawn(&s);
	held = dial(&s);
	ask(held, false, "/hold", "");
	busy = await_entered(&s);
	for (i = 0; i < 30; i++)
		ask_beside(&s, busy, busy == one ? two : one);
	let_go(&s, held, busy);
	close(held);
	stop(one);
	stop(two);
	site_close(&s);
}

/* With fewer descriptors than connections, idle ones make room. */
static void
descriptors_running_out_end_nothing(void **state)
{
	enum { CONNECTIONS = 100 };
	struct rlimit before, few;
	struct site s;
	int fds[CONNECTIONS], i;
	pid_t pid;

	(void)state;
	site_open(&s);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	few = before;
	few.rlim_cur = 40;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	pid = spawn(&s);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	for (i = 0; i < CONNECTIONS; i++) {
		fds[i] = dial(&s);
		echo(fds[i], "more");
	}
	assert_true(fcgi_is_closed(fds[0]));
	echo(fds[CONNECTIONS - 1], "newest");
	stop(pid);
	for (i = 0; i < CONNECTIONS; i++)
		close(fds[i]);
	site_close(&s);
}

/* ---- stopping ----------------------------------------------------------- */

static void
signal_finishes_what_is_in_the_air(int number)
{
	struct site s;
	pid_t one, two, going, staying;
	int held, fd, parked;

	site_open(&s);
	one = spawn(&s);
	two = spawn(&s);
	held = dial(&s);
	going = hold_by(&s, held);
	staying = going == one ? two : one;
	await_listening(&s, going);
	kill(going, number);
	/* Each is answered, first by either, then by the one that stays. */
	do {
		fd = dial(&s);
		ask(fd, false, "/pid", "");
		free(hear(fd, 200));
		close(fd);
	} while (is_listening(&s, going));
	kill(going, number);
	parked = dial(&s);
	ask(parked, true, "/pid", "");
	assert_int_equal(hear_pid(parked), staying);
	let_go(&s, held, going);
	assert_true(fcgi_is_closed(held));
	assert_int_equal(await_exit(going), 0);
	/* The socket and the other process are as before. */
	ask(parked, true, "/pid", "");
	assert_int_equal(hear_pid(parked), staying);
	fd = dial(&s);
	ask(fd, false, "/pid", "");
	assert_int_equal(hear_pid(fd), staying);
	close(fd);
	stop(staying);
	assert_true(fcgi_is_closed(parked));
	close(parked);
	close(held);
	site_close(&s);
}

static void
ending_signals_finish_what_is_in_the_air(void **state)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGQUIT, SIGUSR1};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		signal_finishes_what_is_in_the_air(signals[i]);
}

/* What waits in the queue at SIGTERM is served as well. */
static void
sigterm_serves_the_queue(void **state)
{
	struct site s;
	int held, queued;
	pid_t pid;

	(void)state;
	pid = site_serve(&s, 1);
	queued = dial_parked(&s);
	held = dial_held(&s);
	ask(queued, true, "/echo", "patience");
	/*
	 * The signal is handled after the events that came before it, and
	 * the parked connection's was one.
	 */
	kill(pid, SIGTERM);
	let_go(&s, held, pid);
	hear_text(queued, 200, "patience");
	assert_int_equal(await_exit(pid), 0);
	close(held);
	close(queued);
	site_close(&s);
}

static void
the_drain_is_bounded(void **state)
{
	struct site s;
	pid_t pid;
	int held;

	(void)state;
	site_open(&s);
	s.config.drain_timeout_ms = 20;
	pid = spawn(&s);
	held = dial_held(&s);
	kill(pid, SIGINT);
	assert_int_equal(await_exit(pid), UNFINISHED);
	close(held);
	site_close(&s);
}

static void
what_cannot_start_says_so(void **state)
{
	struct site s;
	struct err err = ERR_INIT;
	bool all_done;
	int fd[2];

	(void)state;
	site_open(&s);
	assert_int_equal(pipe(fd), 0);
	s.config.listen_fd = fd[0];
	assert_int_equal(http_server_run(&s.config, &all_done, &err), -1);
	assert_int_equal(err.code, ERR_CONFIG);
	s.config.listen_fd = s.listen_fd;
	s.config.threads = 0;
	err_clear(&err);
	assert_int_equal(http_server_run(&s.config, &all_done, &err), -1);
	assert_int_equal(err.code, ERR_CONFIG);
	close(fd[0]);
	close(fd[1]);
	site_close(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_served_with_and_without_keeping),
		cmocka_unit_test(kept_connections_starve_nobody),
		cmocka_unit_test(silent_connections_hold_nobody_up),
		cmocka_unit_test(a_late_abort_holds_nobody_up),
		cmocka_unit_test(a_broken_answer_is_cut_off),
		cmocka_unit_test(nobody_waits_for_what_is_done_aside),
		cmocka_unit_test(half_as_many_as_serve_are_aside),
		cmocka_unit_test(threads_aside_begin_when_they_are_needed),
		cmocka_unit_test(the_overflow_worker_does_nothing_aside),
		cmocka_unit_test(the_drain_waits_for_what_is_done_aside),
		cmocka_unit_test(nothing_is_begun_aside_during_the_drain),
		cmocka_unit_test(who_waits_too_long_is_told),
		cmocka_unit_test(a_slow_body_keeps_nobody_from_being_told),
		cmocka_unit_test(a_busy_process_leaves_requests_to_others),
		cmocka_unit_test(descriptors_running_out_end_nothing),
		cmocka_unit_test(ending_signals_finish_what_is_in_the_air),
		cmocka_unit_test(sigterm_serves_the_queue),
		cmocka_unit_test(the_drain_is_bounded),
		cmocka_unit_test(what_cannot_start_says_so),
	};

	alarm(300);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
