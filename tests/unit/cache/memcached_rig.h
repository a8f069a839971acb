/*
 * Real memcached processes for tests, on unix sockets in a directory of
 * their own, and a server that plays a script.
 */
#ifndef MEMCACHED_RIG_H
#define MEMCACHED_RIG_H

#include "cache/memcached.h"

#include "base/clock.h"

#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	/* For what must happen some time: twice a breaker's longest rest. */
	PATIENCE_MS = 120 * 1000,
	RIG_SERVERS = 3
};

struct rig_server {
	char path[108];
	pid_t pid; /* 0: not running */
};

struct rig {
	char dir[64];
	struct rig_server servers[RIG_SERVERS];
	char list[RIG_SERVERS * 110]; /* their addresses */
};

static inline void
nap(void)
{
	struct timespec t = {0, 2 * 1000 * 1000};

	nanosleep(&t, NULL);
}

static inline int
rig_connect(const char *path)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	if (fd != -1 && connect(fd, (struct sockaddr *)&a, sizeof(a)) == -1) {
		close(fd);
		return -1;
	}
	return fd;
}

static inline void
rig_await(const struct rig_server *s)
{
	int64_t until = clock_steady_us() + (int64_t)PATIENCE_MS * 1000;
	int fd;

	while ((fd = rig_connect(s->path)) == -1) {
		if (clock_steady_us() > until ||
		    waitpid(s->pid, NULL, WNOHANG) != 0)
			fail_msg("memcached does not listen on %s", s->path);
		nap();
	}
	close(fd);
}

static inline void
server_start(struct rig_server *s)
{
	unlink(s->path);
	s->pid = fork();
	if (s->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL); /* should a test fail */
		execlp("memcached", "memcached", "-s", s->path, "-t", "1",
		    "-m", "64", "-c", "128", "-u", "root", (char *)NULL);
		_exit(127);
	}
	assert_true(s->pid > 0);
	rig_await(s);
}

static inline void
server_kill(struct rig_server *s)
{
	if (s->pid <= 0)
		return;
	kill(s->pid, SIGKILL);
	waitpid(s->pid, NULL, 0);
	s->pid = 0;
}

static inline void
server_signal(struct rig_server *s, int signal)
{
	int status;

	assert_int_equal(kill(s->pid, signal), 0);
	if (signal == SIGSTOP)
		waitpid(s->pid, &status, WUNTRACED);
}

static inline void
rig_open(struct rig *r, size_t running)
{
	size_t i;

	memset(r, 0, sizeof(*r));
	snprintf(r->dir, sizeof(r->dir), "/tmp/reprise-test-XXXXXX");
	assert_non_null(mkdtemp(r->dir));
	for (i = 0; i < RIG_SERVERS; i++) {
		snprintf(r->servers[i].path, sizeof(r->servers[i].path),
		    "%s/%zu.sock", r->dir, i);
		if (i < running)
			server_start(&r->servers[i]);
	}
	snprintf(r->list, sizeof(r->list), "%s, %s %s", r->servers[0].path,
	    r->servers[1].path, r->servers[2].path);
}

static inline void
rig_close(struct rig *r)
{
	size_t i;

	for (i = 0; i < RIG_SERVERS; i++) {
		server_kill(&r->servers[i]);
		unlink(r->servers[i].path);
	}
	rmdir(r->dir);
}

static inline struct store *
open_store(const char *servers, int pool_max, int64_t timeout_ms,
    int64_t retry_ms)
{
	struct memcached_store_config config = {.servers = servers,
	    .pool_max = pool_max, .timeout_ms = timeout_ms,
	    .retry_ms = retry_ms};
	struct err err = ERR_INIT;
	struct store *s = memcached_store_new(&config, &err);

	if (s == NULL)
		fail_msg("%s", err.text);
	return s;
}

/* Get one name; its value must be wanted whenever there is one. */
static inline enum store_result
get_one(struct store *s, const char *name, const char *wanted)
{
	struct store_value v = {.name = name};
	enum store_result result = store_get(s, name, &v, 1, 1 << 20);

	if (result != STORE_OK)
		assert_int_equal(v.result, STORE_ABSENT);
	else
		result = v.result;
	if (result == STORE_OK) {
		assert_int_equal(v.len, strlen(wanted));
		assert_memory_equal(v.data, wanted, v.len);
	} else {
		assert_null(v.data);
	}
	free(v.data);
	return result;
}

static inline enum store_result
set_one(struct store *s, const char *name, const char *value)
{
	return store_set(s, name, name, value, strlen(value), 0);
}

/* Wait until name's server is asked and has this to say of it. */
static inline void
await_result(struct store *s, const char *name, const char *value,
    enum store_result wanted)
{
	int64_t until = clock_steady_us() + (int64_t)PATIENCE_MS * 1000;

	while (get_one(s, name, value) != wanted) {
		if (clock_steady_us() > until)
			fail_msg("%s does not become %d", name, (int)wanted);
		nap();
	}
}

/* Wait until name's server is asked and answers again. */
static inline void
await_answer(struct store *s, const char *name)
{
	int64_t until = clock_steady_us() + (int64_t)PATIENCE_MS * 1000;

	while (store_remove(s, name, name) == STORE_DOWN) {
		if (clock_steady_us() > until)
			fail_msg("%s is still down", name);
		nap();
	}
}

/* How many descriptors this process has open. */
static inline int
open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int n = 0;

	assert_non_null(dir);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}

/*
 * A server that takes one request line on each connection, sends reply and
 * closes; with reply NULL it says nothing and keeps the connection.
 */
struct script {
	char dir[64];
	char path[108];
	const char *reply;
	size_t len;
	int listener;
	int kept[64];
	int n_kept;
	int accepted; /* read it after script_stop */
	pthread_t thread;
};

static inline void
script_answer(struct script *s, int fd)
{
	char request[4096];
	size_t len = 0;
	ssize_t n;

	while (len < sizeof(request) && memchr(request, '\n', len) == NULL) {
		n = read(fd, request + len, sizeof(request) - len);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	if (s->len > 0)
		(void)send(fd, s->reply, s->len, MSG_NOSIGNAL);
	close(fd);
}

static inline void *
script_run(void *arg)
{
	struct script *s = arg;
	int fd;

	while ((fd = accept(s->listener, NULL, NULL)) != -1) {
		s->accepted++;
		if (s->reply != NULL)
			script_answer(s, fd);
		else if (s->n_kept < 64)
			s->kept[s->n_kept++] = fd;
	}
	return NULL;
}

static inline void
script_start(struct script *s, const char *reply, size_t len)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};

	memset(s, 0, sizeof(*s));
	s->reply = reply;
	s->len = len;
	snprintf(s->dir, sizeof(s->dir), "/tmp/reprise-test-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	snprintf(s->path, sizeof(s->path), "%s/sock", s->dir);
	snprintf(a.sun_path, sizeof(a.sun_path), "%s", s->path);
	s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->listener, (struct sockaddr *)&a, sizeof(a)),
	    0);
	assert_int_equal(listen(s->listener, 64), 0);
	assert_int_equal(pthread_create(&s->thread, NULL, script_run, s), 0);
}

static inline void
script_stop(struct script *s)
{
	int i;

	shutdown(s->listener, SHUT_RDWR);
	pthread_join(s->thread, NULL);
	close(s->listener);
	for (i = 0; i < s->n_kept; i++)
		close(s->kept[i]);
	unlink(s->path);
	rmdir(s->dir);
}

#endif
