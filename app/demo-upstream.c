/*
 * demo-upstream: a simulated model behind the APIs of demo_formats.h, for
 * trying Reprise out and for its tests. It listens on the loopback only,
 * answers the same to the same, and misbehaves when told to (see
 * demo_knobs.def).
 */
#include "demo_server.h"

#include "base/text.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { BACKLOG = 4096, STACK_BYTES = 2 * 1024 * 1024 };

struct job {
	struct demo_server *server;
	int fd;
};

static void *
connection_main(void *arg)
{
	struct job job = *(struct job *)arg;

	free(arg);
	demo_server_serve(job.server, job.fd);
	return NULL;
}

static void
start(struct demo_server *server, int fd, const pthread_attr_t *attr)
{
	struct job *job = malloc(sizeof(*job));
	pthread_t thread;
	int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (job != NULL) {
		*job = (struct job){server, fd};
		if (pthread_create(&thread, attr, connection_main, job) == 0)
			return;
	}
	free(job);
	close(fd);
}

/* Listen on the loopback; *port may be 0 and is set. A descriptor or -1. */
static int
listen_on(uint16_t *port)
{
	struct sockaddr_in addr = {.sin_family = AF_INET};
	socklen_t len = sizeof(addr);
	int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	addr.sin_port = htons(*port);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&addr, sizeof(addr)) != 0 ||
	    listen(fd, BACKLOG) != 0 ||
	    getsockname(fd, (struct sockaddr *)&addr, &len) != 0) {
		close(fd);
		return -1;
	}
	*port = ntohs(addr.sin_port);
	return fd;
}

/* A descriptor that is readable once SIGTERM or SIGINT came, or -1. */
static int
watch_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	if (pthread_sigmask(SIG_BLOCK, &set, NULL) != 0)
		return -1;
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static void
serve(struct demo_server *server, int listen_fd, int signal_fd)
{
	struct pollfd fds[2] = {
		{.fd = listen_fd, .events = POLLIN},
		{.fd = signal_fd, .events = POLLIN},
	};
	struct timespec pause = {.tv_nsec = 10 * 1000 * 1000};
	pthread_attr_t attr;
	int fd;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_BYTES);
	while (fds[1].revents == 0) {
		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[0].revents == 0)
			continue;
		fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0)
			start(server, fd, &attr);
		else if (errno == EMFILE || errno == ENFILE)
			nanosleep(&pause, NULL);
	}
	pthread_attr_destroy(&attr);
}

static void
usage(FILE *out)
{
	fputs("usage: demo-upstream [-p PORT] [-s SEED] [-k KNOBS]\n"
	    "A simulated model on 127.0.0.1; without -p on a free port.\n\n",
	    out);
	demo_knobs_help(out);
}

static int
bad_usage(const char *why)
{
	fprintf(stderr, "demo-upstream: %s; --help tells more\n", why);
	return 2;
}

/* 0; 1 when there is nothing to serve; 2 when the arguments are wrong. */
static int
read_arguments(struct demo_server *server, uint16_t *port, int argc,
    char **argv)
{
	struct err err = ERR_INIT;
	uint64_t n;
	int opt;

	if (argc > 1 && strcmp(argv[1], "--help") == 0) {
		usage(stdout);
		return 1;
	}
	while ((opt = getopt(argc, argv, "p:s:k:")) != -1) {
		if (opt == 'p' && text_u64(optarg, 65535, &n) == 0)
			*port = (uint16_t)n;
		else if (opt == 's' && text_u64(optarg, UINT64_MAX, &n) == 0)
			server->seed = n;
		else if (opt != 'k')
			return bad_usage("bad arguments");
		else if (demo_knobs_parse(&server->knobs, optarg, &err) != 0)
			return bad_usage(err.text);
	}
	return optind == argc ? 0 : bad_usage("too many arguments");
}

int
main(int argc, char **argv)
{
	static struct demo_server server;
	int listen_fd, signal_fd, rc;
	uint16_t port = 0;

	demo_knobs_init(&server.knobs);
	demo_last_init(&server.last);
	rc = read_arguments(&server, &port, argc, argv);
	if (rc != 0)
		return rc == 1 ? 0 : rc;
	/* The order of JSON members never depends on chance. */
	json_object_seed(1);
	signal_fd = watch_signals();
	listen_fd = listen_on(&port);
	if (signal_fd < 0 || listen_fd < 0) {
		perror("demo-upstream");
		return 1;
	}
	printf("demo-upstream listening on http://127.0.0.1:%u\n",
	    (unsigned)port);
	fflush(stdout);
	serve(&server, listen_fd, signal_fd);
	/* Threads may be in the middle of answers: no exit handlers. */
	_exit(0);
}
