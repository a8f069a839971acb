/*
 * A scripted upstream for the tests of this room: a server on a free port
 * of the loopback that plays one step a request, in the order requests
 * come, and remembers what it received. Each connection has a thread.
 */
#ifndef TESTS_UPSTREAM_SCRIPT_H
#define TESTS_UPSTREAM_SCRIPT_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SCRIPT_MAX = 64, SCRIPT_REQUEST_MAX = 256 * 1024 };

enum script_end {
	SCRIPT_KEEP,  /* wait for the next request */
	SCRIPT_CLOSE,
	SCRIPT_RESET, /* RST */
	SCRIPT_HOLD   /* say nothing until the client closes */
};

struct script_step {
	const char *bytes;
	size_t len;      /* 0: strlen(bytes) */
	size_t split;    /* a second send from here on; 0: one send */
	int gate;        /* wait until readable before answering; 0: do not */
	enum script_end end;
};

struct script {
	int listen_fd;
	unsigned port;
	char url[64];
	pthread_t acceptor;
	pthread_mutex_t lock; /* guards what follows */
	const struct script_step *steps;
	size_t n_steps, next;
	size_t connections;
	size_t holds_ended; /* HOLD steps whose client closed */
	size_t n_threads;
	pthread_t threads[SCRIPT_MAX * 8];
	int fds[SCRIPT_MAX * 8];
	size_t n_requests;
	char *requests[SCRIPT_MAX * 8];
};

struct script_job {
	struct script *script;
	int fd;
	size_t index;
};

/* Whether the request in buf is complete. */
static inline bool
script_complete(const char *buf)
{
	const char *end = strstr(buf, "\r\n\r\n");
	const char *length;

	if (end == NULL)
		return false;
	if (strcasestr(buf, "Transfer-Encoding: chunked") != NULL)
		return strstr(end + 2, "\r\n0\r\n\r\n") != NULL;
	length = strcasestr(buf, "Content-Length: ");
	if (length == NULL || length > end)
		return true;
	return strlen(end + 4) >= strtoul(length + 16, NULL, 10);
}

/* The next request as a string to be freed; NULL when the client left. */
static inline char *
script_read(int fd)
{
	char *buf = calloc(1, SCRIPT_REQUEST_MAX);
	size_t len = 0;
	ssize_t n;

	while (!script_complete(buf)) {
		n = recv(fd, buf + len, SCRIPT_REQUEST_MAX - 1 - len, 0);
		if (n <= 0) {
			free(buf);
			return NULL;
		}
		len += (size_t)n;
	}
	return buf;
}

static inline void
script_await(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	(void)poll(&p, 1, 20000);
}

static inline void
script_send(int fd, const struct script_step *step)
{
	size_t len = step->len > 0 ? step->len : strlen(step->bytes);
	size_t at = 0, end = step->split > 0 ? step->split : len;
	ssize_t n;

	while (at < len) {
		n = send(fd, step->bytes + at, end - at, MSG_NOSIGNAL);
		if (n <= 0)
			return;
		at += (size_t)n;
		if (at == end)
			end = len;
	}
}

/* Take the next step for a request; NULL when the script is over. */
static inline const struct script_step *
script_next(struct script *s, char *request)
{
	const struct script_step *step = NULL;

	pthread_mutex_lock(&s->lock);
	s->requests[s->n_requests++] = request;
	if (s->next < s->n_steps)
		step = &s->steps[s->next++];
	pthread_mutex_unlock(&s->lock);
	return step;
}

static inline bool
script_answer(struct script *s, int fd, const struct script_step *step)
{
	struct linger hard = {.l_onoff = 1, .l_linger = 0};
	char byte;

	if (step->gate > 0)
		script_await(step->gate);
	if (step->bytes != NULL)
		script_send(fd, step);
	if (step->end == SCRIPT_RESET)
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
	if (step->end == SCRIPT_HOLD) {
		while (recv(fd, &byte, 1, 0) > 0)
			continue;
		pthread_mutex_lock(&s->lock);
		s->holds_ended++;
		pthread_mutex_unlock(&s->lock);
	}
	return step->end == SCRIPT_KEEP;
}

static inline void *
script_serve(void *arg)
{
	struct script_job job = *(struct script_job *)arg;
	const struct script_step *step;
	char *request;

	free(arg);
	while ((request = script_read(job.fd)) != NULL) {
		step = script_next(job.script, request);
		if (step == NULL ||
		    !script_answer(job.script, job.fd, step))
			break;
	}
	pthread_mutex_lock(&job.script->lock);
	close(job.fd);
	job.script->fds[job.index] = -1;
	pthread_mutex_unlock(&job.script->lock);
	return NULL;
}

static inline void *
script_accept(void *arg)
{
	struct script *s = arg;
	struct script_job *job;
	int fd, one = 1;

	while ((fd = accept(s->listen_fd, NULL, NULL)) >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		job = malloc(sizeof(*job));
		pthread_mutex_lock(&s->lock);
		*job = (struct script_job){s, fd, s->n_threads};
		s->connections++;
		s->fds[s->n_threads] = fd;
		pthread_create(&s->threads[s->n_threads++], NULL, script_serve,
		    job);
		pthread_mutex_unlock(&s->lock);
	}
	return NULL;
}

/* Start to play. End with script_stop. */
static inline struct script *
script_start(const struct script_step *steps, size_t n_steps)
{
	struct sockaddr_in addr = {.sin_family = AF_INET};
	socklen_t len = sizeof(addr);
	struct script *s = calloc(1, sizeof(*s));

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->steps = steps;
	s->n_steps = n_steps;
	pthread_mutex_init(&s->lock, NULL);
	s->listen_fd = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(s->listen_fd, (struct sockaddr *)&addr, len) != 0 ||
	    listen(s->listen_fd, 64) != 0 ||
	    getsockname(s->listen_fd, (struct sockaddr *)&addr, &len) != 0)
		abort();
	s->port = ntohs(addr.sin_port);
	snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%u", s->port);
	pthread_create(&s->acceptor, NULL, script_accept, s);
	return s;
}

/* Stop, and wait for all threads. What was counted may be read after it. */
static inline void
script_stop(struct script *s)
{
	shutdown(s->listen_fd, SHUT_RDWR);
	pthread_join(s->acceptor, NULL);
	close(s->listen_fd);
	pthread_mutex_lock(&s->lock);
	for (size_t i = 0; i < s->n_threads; i++) {
		if (s->fds[i] >= 0)
			shutdown(s->fds[i], SHUT_RDWR);
	}
	pthread_mutex_unlock(&s->lock);
	for (size_t i = 0; i < s->n_threads; i++)
		pthread_join(s->threads[i], NULL);
}

static inline void
script_free(struct script *s)
{
	for (size_t i = 0; i < s->n_requests; i++)
		free(s->requests[i]);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

#endif
