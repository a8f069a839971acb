#include "http/server.h"

#include "base/clock.h"
#include "base/diag.h"
#include "http/aside.h"
#include "http/cgi.h"
#include "http/fcgi.h"
#include "http/listener.h"
#include "http/peers.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	/* The deepest stack is Jansson's, 2048 levels of a body's JSON. */
	STACK_BYTES = 1024 * 1024,
	EVENTS = 64,
	/*
	 * For a body that an overloaded process reads only to answer 503: of
	 * one silence, and of all of it.
	 */
	OVERLOADED_READ_MS = 1000,
	/* For the first bytes on a connection made just before the end. */
	LAST_GRACE_MS = 200,
	/* For requests that were told to give up. */
	GIVE_UP_US = 2 * 1000 * 1000
};

struct worker {
	struct server *server;
	struct http_fcgi *fcgi;
	pthread_t thread;
	bool overflow; /* serves only what waited too long */
};

struct server {
	struct http_server_config config;
	int epoll_fd, wake_fd, signal_fd;
	struct http_peers *peers;
	struct http_listener listener;
	struct http_aside *aside;
	struct worker *workers; /* config.threads, and one for overflow */
	int n_workers;          /* of which so many have a thread */
	bool stopping, gave_up;
	int64_t drain_until_us;
};

bool
http_server_is_fcgi(void)
{
	int listens = 0;
	socklen_t len = sizeof(listens);

	return getsockopt(STDIN_FILENO, SOL_SOCKET, SO_ACCEPTCONN, &listens,
	    &len) == 0 && listens != 0;
}

/* ---- workers ------------------------------------------------------------ */

/*
 * A connection made just before the end has been promised service: wait a
 * moment for its request, as it cannot be parked any more.
 */
static enum http_fcgi_arrival
await_last(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	poll(&p, 1, LAST_GRACE_MS);
	return http_fcgi_look(fd);
}

/* End the exchange and give the connection back. */
static void
give_back(struct worker *w, struct http_peer *peer, bool broken)
{
	const struct http_server_config *config = &w->server->config;
	struct http_peers *peers = w->server->peers;

	peer->fresh = false;
	if (!http_fcgi_end(w->fcgi, broken)) {
		http_peers_drop(peers, peer, false);
		return;
	}
	if (w->overflow)
		http_socket_timeouts(peer->fd, config->io_timeout_ms,
		    config->io_timeout_ms);
	http_peers_park(peers, peer);
}

static void
serve_request(struct worker *w, struct http_peer *peer)
{
	const struct http_server_config *config = &w->server->config;
	struct http_aside *aside = w->server->aside;
	int64_t ready_us = peer->ready_us;
	struct http_conn *conn = http_fcgi_begin(w->fcgi, peer->fd);
	void (*after)(void *arg, bool allowed);
	void *after_arg;
	bool broken, begun;

	if (conn == NULL) {
		http_peers_drop(w->server->peers, peer, false);
		return;
	}
	conn->ready_us = ready_us;
	/* The one overflow thread must not be held by one slow sender. */
	if (w->overflow)
		conn->read_until_us = clock_steady_us() +
		    OVERLOADED_READ_MS * 1000;
	broken = config->handler(conn, w->overflow, config->ctx) ==
	    HTTP_BROKEN;
	after = conn->after;
	after_arg = conn->after_arg;
	/* Begun first, so that a drain never finds nothing in the air. */
	begun = after != NULL && !w->overflow && http_aside_begin(aside);
	give_back(w, peer, broken);
	if (begun)
		http_aside_give(aside, after, after_arg);
	else if (after != NULL)
		after(after_arg, false);
}

static void
serve(struct worker *w, struct http_peer *peer)
{
	struct http_peers *peers = w->server->peers;
	enum http_fcgi_arrival arrival = http_fcgi_look(peer->fd);

	if (arrival == HTTP_FCGI_NOTHING && peer->fresh &&
	    http_peers_stopping(peers))
		arrival = await_last(peer->fd);
	switch (arrival) {
	case HTTP_FCGI_NOTHING:
		http_peers_park(peers, peer);
		return;
	case HTTP_FCGI_HANGUP:
		http_peers_drop(peers, peer, true);
		return;
	case HTTP_FCGI_REQUEST:
		break;
	}
	if (w->overflow && w->server->config.io_timeout_ms > OVERLOADED_READ_MS)
		http_socket_timeouts(peer->fd, OVERLOADED_READ_MS,
		    OVERLOADED_READ_MS);
	serve_request(w, peer);
}

static void *
work(void *arg)
{
	struct worker *w = arg;
	struct http_peers *peers = w->server->peers;
	struct http_peer *peer;

	while ((peer = w->overflow ? http_peers_take_overdue(peers) :
	    http_peers_take(peers)) != NULL)
		serve(w, peer);
	return NULL;
}

static int
start_worker(struct server *s, const pthread_attr_t *attr)
{
	struct worker *w = &s->workers[s->n_workers];
	int errnum;

	w->server = s;
	w->overflow = s->n_workers == s->config.threads;
	w->fcgi = http_fcgi_new();
	if (w->fcgi == NULL)
		return ENOMEM;
	errnum = pthread_create(&w->thread, attr, work, w);
	if (errnum != 0) {
		http_fcgi_free(w->fcgi);
		return errnum;
	}
	s->n_workers++;
	return 0;
}

/* All signals but those of a thread's own faults. */
static void
asynchronous_signals(sigset_t *set)
{
	static const int own[] = {
		SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS
	};
	size_t i;

	sigfillset(set);
	for (i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		sigdelset(set, own[i]);
}

/*
 * Workers take no signals: one that hits a thread in a write would make
 * libfcgi cut the answer.
 */
static int
start_workers(struct server *s, struct err *err)
{
	int wanted = s->config.threads + 1, errnum = 0;
	sigset_t all, before;
	pthread_attr_t attr;

	s->workers = calloc((size_t)wanted, sizeof(*s->workers));
	if (s->workers == NULL)
		return err_set(err, ERR_MEMORY, "no memory for threads");
	if ((errnum = pthread_attr_init(&attr)) != 0)
		return err_sys(err, ERR_IO, errnum, "starting threads");
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	asynchronous_signals(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	while (errnum == 0 && s->n_workers < wanted)
		errnum = start_worker(s, &attr);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (errnum != 0)
		return err_sys(err, ERR_IO, errnum, "starting threads");
	return 0;
}

static void
join_workers(struct server *s)
{
	int i;

	if (s->n_workers > 0)
		http_peers_quit(s->peers);
	for (i = 0; i < s->n_workers; i++) {
		pthread_join(s->workers[i].thread, NULL);
		http_fcgi_free(s->workers[i].fcgi);
	}
	s->n_workers = 0;
}

/* ---- the acceptor ------------------------------------------------------- */

static int
watch(struct server *s, int *fd, struct err *err)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = fd};

	if (*fd == -1 || epoll_ctl(s->epoll_fd, EPOLL_CTL_ADD, *fd, &ev) == -1)
		return err_sys(err, ERR_IO, errno, "preparing to serve");
	return 0;
}

static int
open_descriptors(struct server *s, struct err *err)
{
	sigset_t ends;

	/* SIGUSR1 is FastCGI's own word for it, SIGQUIT some supervisors'. */
	sigemptyset(&ends);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGQUIT);
	sigaddset(&ends, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &ends, NULL);
	s->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll_fd == -1)
		return err_sys(err, ERR_IO, errno, "epoll_create1");
	s->signal_fd = signalfd(-1, &ends, SFD_CLOEXEC | SFD_NONBLOCK);
	if (watch(s, &s->signal_fd, err) == -1)
		return -1;
	s->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return watch(s, &s->wake_fd, err);
}

static int
start(struct server *s, struct err *err)
{
	const struct http_server_config *c = &s->config;

	if (c->threads < 1)
		return err_set(err, ERR_CONFIG, "a server needs a thread");
	if (http_fcgi_init(err) == -1 || open_descriptors(s, err) == -1)
		return -1;
	s->peers = http_peers_new(s->epoll_fd, s->wake_fd,
	    c->queue_timeout_ms);
	if (s->peers == NULL)
		return err_set(err, ERR_MEMORY, "no memory for connections");
	/* Half as many as serve: an upstream is not asked by all of them. */
	s->aside = http_aside_new(s->peers, (c->threads + 1) / 2, STACK_BYTES);
	if (s->aside == NULL)
		return err_set(err, ERR_MEMORY, "no memory to serve");
	if (http_listener_init(&s->listener, c->listen_fd, s->epoll_fd,
	    s->peers, c->threads, c->io_timeout_ms, err) == -1)
		return -1;
	return start_workers(s, err);
}

static void
close_if_open(int fd)
{
	if (fd != -1)
		close(fd);
}

static void
server_free(struct server *s)
{
	join_workers(s);
	http_aside_free(s->aside);
	if (s->epoll_fd != -1 && s->peers != NULL)
		http_listener_stop(&s->listener);
	http_peers_free(s->peers);
	close_if_open(s->signal_fd);
	close_if_open(s->wake_fd);
	close_if_open(s->epoll_fd);
	free(s->workers);
	free(s);
}

static void
stop(struct server *s)
{
	if (s->stopping)
		return;
	s->stopping = true;
	s->drain_until_us = clock_steady_us() +
	    s->config.drain_timeout_ms * 1000;
	http_listener_stop(&s->listener);
	http_peers_stop(s->peers);
}

static void
on_signal(struct server *s)
{
	struct signalfd_siginfo info;

	while (read(s->signal_fd, &info, sizeof(info)) == sizeof(info))
		stop(s);
}

/* A parked connection: a request, or its end. */
static void
on_peer(struct server *s, struct http_peer *peer, uint32_t events)
{
	if ((events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0 &&
	    http_fcgi_look(peer->fd) != HTTP_FCGI_REQUEST)
		http_peers_hangup(s->peers, peer);
	else
		http_peers_ready(s->peers, peer);
}

static bool
is_peer(const struct server *s, const void *tag)
{
	return tag != &s->listener && tag != &s->signal_fd &&
	    tag != &s->wake_fd;
}

/*
 * Parked connections come first: what the other events do may close one
 * that is among these.
 */
static void
dispatch(struct server *s, const struct epoll_event *events, int count)
{
	uint64_t wakes;
	void *tag;
	int i;

	for (i = 0; i < count; i++) {
		if (is_peer(s, events[i].data.ptr))
			on_peer(s, events[i].data.ptr, events[i].events);
	}
	for (i = 0; i < count; i++) {
		tag = events[i].data.ptr;
		if (tag == &s->signal_fd)
			on_signal(s);
		else if (tag == &s->listener && !s->stopping)
			http_listener_event(&s->listener);
		else if (tag == &s->wake_fd &&
		    read(s->wake_fd, &wakes, sizeof(wakes)) == -1)
			continue;
	}
}

/* Milliseconds until the drain must end; 0 when it need not go on. */
static int
drain_left_ms(struct server *s)
{
	int64_t left_us = s->drain_until_us - clock_steady_us();

	if (!http_peers_look(s->peers, false).in_air)
		return 0;
	if (left_us <= 0 && !s->gave_up && s->config.give_up != NULL) {
		s->gave_up = true;
		s->config.give_up(s->config.ctx);
		s->drain_until_us = clock_steady_us() + GIVE_UP_US;
		left_us = GIVE_UP_US;
	}
	if (left_us <= 0)
		return 0;
	/* Bounded, so that any configured time fits an int. */
	return left_us > 60000000 ? 60000 : (int)(left_us / 1000 + 1);
}

static void
accept_loop(struct server *s)
{
	struct epoll_event events[EVENTS];
	int n, wait_ms;

	for (;;) {
		if (s->stopping) {
			wait_ms = drain_left_ms(s);
			if (wait_ms == 0)
				return;
		} else {
			http_listener_tick(&s->listener);
			wait_ms = http_listener_wait_ms(&s->listener);
		}
		n = epoll_wait(s->epoll_fd, events, EVENTS, wait_ms);
		dispatch(s, events, n);
	}
}

int
http_server_run(const struct http_server_config *config, bool *all_done,
    struct err *err)
{
	struct server *s = calloc(1, sizeof(*s));

	*all_done = true;
	if (s == NULL)
		return err_set(err, ERR_MEMORY, "no memory to serve");
	s->config = *config;
	s->epoll_fd = s->wake_fd = s->signal_fd = -1;
	if (start(s, err) == -1) {
		server_free(s);
		return -1;
	}
	accept_loop(s);
	*all_done = !http_peers_look(s->peers, false).in_air;
	if (*all_done)
		server_free(s);
	else
		/* s is left to the threads that are still in the handler. */
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
		diag(LOG_WARNING, "stopping with requests unfinished");
	return 0;
}

int
http_server_run_cgi(http_handler *handler, void *ctx)
{
	struct sigaction act = {.sa_handler = SIG_IGN};
	struct http_cgi cgi;
	sigset_t leave;
	bool broken;

	sigaction(SIGPIPE, &act, NULL);
	/*
	 * The web server's way to say that the client has left (SIGKILL may
	 * follow in a few seconds): the request still gets its record. An
	 * ignored signal would never arrive.
	 */
	act.sa_handler = SIG_DFL;
	sigaction(SIGTERM, &act, NULL);
	sigemptyset(&leave);
	sigaddset(&leave, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &leave, NULL);
	http_cgi_init(&cgi, environ, STDIN_FILENO, STDOUT_FILENO,
	    signalfd(-1, &leave, SFD_CLOEXEC | SFD_NONBLOCK));
	broken = handler(&cgi.conn, false, ctx) == HTTP_BROKEN;
	http_cgi_end(&cgi, broken);
	if (cgi.conn.after != NULL)
		cgi.conn.after(cgi.conn.after_arg,
		    !broken && http_cgi_detach() == 0);
	return broken ? 1 : 0;
}
