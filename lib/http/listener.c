#include "http/listener.h"

#include "base/clock.h"
#include "base/diag.h"
#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	/*
	 * The head start of the other processes: connections must be seen
	 * waiting at so many looks in a row, so far apart. That one waits
	 * now and then means nothing, it may have come just now and be taken
	 * at once by a process that is free.
	 */
	LOOKS = 10,
	LOOK_US = 2 * 1000,
	BATCH_MAX = 64,
	HELD_US = 100 * 1000,
	COMPLAIN_US = 10 * 1000 * 1000
};

/* The address of a web server, as accept gives it. */
union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
	struct sockaddr_storage storage;
};

enum accepted {
	ACCEPTED_ALL,   /* as many as were asked for: there may be more */
	ACCEPTED_EMPTY, /* there are no more */
	ACCEPTED_FULL   /* the system, or our bound, allows no more */
};

/*
 * Descriptors that requests need besides the web server's connection: the
 * store's and the upstream's connections, logs.
 */
static int
max_open(int threads)
{
	struct rlimit limit;
	rlim_t reserve = 64 + 4 * (rlim_t)threads;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		limit.rlim_cur = 1024;
	if (limit.rlim_cur > 1000 * 1000)
		limit.rlim_cur = 1000 * 1000;
	if (limit.rlim_cur > 2 * reserve)
		return (int)(limit.rlim_cur - reserve);
	return limit.rlim_cur < 4 ? 1 : (int)(limit.rlim_cur / 2);
}

static int
socket_option(int fd, int name)
{
	int value = 0;
	socklen_t len = sizeof(value);

	if (getsockopt(fd, SOL_SOCKET, name, &value, &len) == -1)
		return -1;
	return value;
}

static void
set_mode(struct http_listener *l, enum http_listener_mode mode)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.ptr = l};

	if (mode == l->mode)
		return;
	/* What is exclusive can be added and removed, but not modified. */
	if (l->mode != HTTP_LISTENER_OFF)
		epoll_ctl(l->epoll_fd, EPOLL_CTL_DEL, l->fd, NULL);
	l->mode = HTTP_LISTENER_OFF;
	if (mode == HTTP_LISTENER_OFF)
		return;
	if (mode == HTTP_LISTENER_EXCLUSIVE)
		ev.events |= (uint32_t)EPOLLEXCLUSIVE;
	if (epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, l->fd, &ev) == 0)
		l->mode = mode;
}

int
http_listener_init(struct http_listener *l, int fd, int epoll_fd,
    struct http_peers *peers, int threads, int64_t io_timeout_ms,
    struct err *err)
{
	int domain = socket_option(fd, SO_DOMAIN), flags;

	memset(l, 0, sizeof(*l));
	l->fd = fd;
	l->epoll_fd = epoll_fd;
	l->peers = peers;
	l->threads = threads;
	l->max_open = max_open(threads);
	l->io_timeout_ms = io_timeout_ms;
	l->tcp = domain == AF_INET || domain == AF_INET6;
	l->allowed = getenv("FCGI_WEB_SERVER_ADDRS");
	if (socket_option(fd, SO_ACCEPTCONN) != 1)
		return err_set(err, ERR_CONFIG,
		    "descriptor %d is not a listening socket", fd);
	flags = fcntl(fd, F_GETFL);
	if (flags == -1 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1)
		return err_sys(err, ERR_IO, errno, "O_NONBLOCK");
	set_mode(l, HTTP_LISTENER_EXCLUSIVE);
	if (l->mode == HTTP_LISTENER_OFF)
		return err_sys(err, ERR_IO, errno, "epoll_ctl");
	return 0;
}

static void
complain(struct http_listener *l, int errnum)
{
	int64_t now = clock_steady_us();
	char reason[128];

	if (now < l->quiet_until_us)
		return;
	l->quiet_until_us = now + COMPLAIN_US;
	diag(LOG_WARNING, "accepting connections: %s",
	    strerror_r(errnum, reason, sizeof(reason)));
}

/*
 * Whether the FastCGI variable FCGI_WEB_SERVER_ADDRS, a list of addresses,
 * lets this peer by. libfcgi would look at it in its own accept.
 */
static bool
is_allowed(const struct http_listener *l, const union address *from)
{
	char address[INET6_ADDRSTRLEN] = "";
	const char *rest = l->allowed, *item;
	size_t len;

	if (!l->tcp || l->allowed == NULL || *l->allowed == '\0')
		return true;
	if (from->any.sa_family == AF_INET)
		inet_ntop(AF_INET, &from->in.sin_addr, address,
		    sizeof(address));
	else if (IN6_IS_ADDR_V4MAPPED(&from->in6.sin6_addr))
		inet_ntop(AF_INET, &from->in6.sin6_addr.s6_addr[12], address,
		    sizeof(address));
	else
		inet_ntop(AF_INET6, &from->in6.sin6_addr, address,
		    sizeof(address));
	while ((item = text_next_item(&rest, ",", &len)) != NULL) {
		if (len == strlen(address) && strncmp(item, address, len) == 0)
			return true;
	}
	return false;
}

static void
set_timeout(int fd, int name, int64_t ms)
{
	struct timeval t = {
		.tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000 * 1000)
	};

	setsockopt(fd, SOL_SOCKET, name, &t, sizeof(t));
}

void
http_socket_timeouts(int fd, int64_t read_ms, int64_t write_ms)
{
	set_timeout(fd, SO_RCVTIMEO, read_ms);
	set_timeout(fd, SO_SNDTIMEO, write_ms);
}

static void
admit(struct http_listener *l, int fd, const union address *from)
{
	int on = 1;

	if (!is_allowed(l, from)) {
		close(fd);
		return;
	}
	http_socket_timeouts(fd, l->io_timeout_ms, l->io_timeout_ms);
	/* The answers are few large writes: never hold one back. */
	if (l->tcp)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (http_peers_add(l->peers, fd) == -1)
		complain(l, ENOMEM);
}

/* What a failure of accept means. Nothing of it ends the loop. */
static enum accepted
judge(struct http_listener *l, int errnum)
{
	switch (errnum) {
	case EAGAIN:
		return ACCEPTED_EMPTY;
	case EINTR:
	case ECONNABORTED:
	case EPROTO:
	case EPERM:
	case ENETDOWN:
	case ENETUNREACH:
	case EHOSTDOWN:
	case EHOSTUNREACH:
	case ENONET:
	case ENOPROTOOPT:
	case EOPNOTSUPP:
	case ETIMEDOUT:
		/* accept(2): troubles of one connection, which is gone. */
		return ACCEPTED_ALL;
	default:
		complain(l, errnum);
		http_peers_evict(l->peers);
		return ACCEPTED_FULL;
	}
}

static enum accepted
accept_one(struct http_listener *l)
{
	union address from;
	socklen_t len = sizeof(from);
	int fd;

	if (http_peers_look(l->peers, false).open >= l->max_open &&
	    !http_peers_evict(l->peers)) {
		complain(l, EMFILE);
		return ACCEPTED_FULL;
	}
	memset(&from, 0, sizeof(from));
	fd = accept4(l->fd, &from.any, &len, SOCK_CLOEXEC);
	if (fd == -1)
		return judge(l, errno);
	admit(l, fd, &from);
	return ACCEPTED_ALL;
}

static enum accepted
accept_some(struct http_listener *l, int count)
{
	enum accepted result = ACCEPTED_ALL;
	int i;

	for (i = 0; i < count && result == ACCEPTED_ALL; i++)
		result = accept_one(l);
	if (result == ACCEPTED_FULL) {
		l->hold = HTTP_LISTENER_HELD;
		l->hold_until_us = clock_steady_us() + HELD_US;
	} else if (result == ACCEPTED_EMPTY) {
		l->hold = HTTP_LISTENER_OPEN;
	}
	return result;
}

static void
yield_from_now(struct http_listener *l)
{
	l->hold = HTTP_LISTENER_YIELDING;
	l->looks = LOOKS;
	l->hold_until_us = clock_steady_us() + LOOK_US;
}

void
http_listener_event(struct http_listener *l)
{
	if (l->hold != HTTP_LISTENER_OPEN)
		return;
	if (http_peers_look(l->peers, false).spare > 0) {
		accept_some(l, 1);
		return;
	}
	/* A request taken now would wait here while others may be idle. */
	l->batch = 1;
	yield_from_now(l);
}

static bool
is_waiting(const struct http_listener *l)
{
	struct pollfd p = {.fd = l->fd, .events = POLLIN};

	return poll(&p, 1, 0) > 0;
}

/*
 * One look at what we leave to others. When they do not take it, they are
 * all busy: take some, and twice as many each time, so that whoever waits
 * too long is told so.
 */
static void
look_again(struct http_listener *l)
{
	if (!is_waiting(l)) {
		l->hold = HTTP_LISTENER_OPEN;
		return;
	}
	l->hold_until_us = clock_steady_us() + LOOK_US;
	if (--l->looks > 0)
		return;
	if (accept_some(l, l->batch) != ACCEPTED_ALL)
		return;
	if (l->batch < BATCH_MAX)
		l->batch *= 2;
	yield_from_now(l);
}

/*
 * With workers to spare, one process a connection is woken. Without, all
 * must be: the one that is woken might not take it. The way back waits for
 * half of the workers, as it costs two system calls.
 */
static enum http_listener_mode
best_mode(const struct http_listener *l, int spare)
{
	if (l->hold != HTTP_LISTENER_OPEN)
		return HTTP_LISTENER_OFF;
	if (spare <= 0)
		return HTTP_LISTENER_SHARED;
	if (l->mode == HTTP_LISTENER_SHARED && spare <= (l->threads + 1) / 2)
		return HTTP_LISTENER_SHARED;
	return HTTP_LISTENER_EXCLUSIVE;
}

void
http_listener_tick(struct http_listener *l)
{
	int64_t now = clock_steady_us();
	int spare;

	if (l->hold == HTTP_LISTENER_HELD && now >= l->hold_until_us)
		l->hold = HTTP_LISTENER_OPEN;
	if (l->hold == HTTP_LISTENER_YIELDING && now >= l->hold_until_us)
		look_again(l);
	for (;;) {
		/* Ask first: a worker may become idle at any moment. */
		spare = http_peers_look(l->peers,
		    l->hold == HTTP_LISTENER_YIELDING).spare;
		if (l->hold != HTTP_LISTENER_YIELDING || spare <= 0)
			break;
		if (accept_some(l, spare) == ACCEPTED_ALL)
			yield_from_now(l);
	}
	set_mode(l, best_mode(l, spare));
}

int
http_listener_wait_ms(const struct http_listener *l)
{
	int64_t left_us;

	if (l->hold == HTTP_LISTENER_OPEN)
		return -1;
	left_us = l->hold_until_us - clock_steady_us();
	return left_us <= 0 ? 0 : (int)(left_us / 1000 + 1);
}

void
http_listener_stop(struct http_listener *l)
{
	set_mode(l, HTTP_LISTENER_OFF);
}
