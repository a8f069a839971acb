/*
 * reprise.fcgi: the handler that a web server starts, or talks to over a
 * socket. FastCGI when descriptor 0 listens, else one CGI request.
 */
#include "base/diag.h"
#include "conf/conf.h"
#include "gateway/gateway.h"
#include "http/server.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static const int levels[] = {
    [CONF_LOG_ERROR] = LOG_ERR,
    [CONF_LOG_WARNING] = LOG_WARNING,
    [CONF_LOG_NOTICE] = LOG_NOTICE,
    [CONF_LOG_INFO] = LOG_INFO,
    [CONF_LOG_DEBUG] = LOG_DEBUG,
};

/*
 * Answers of megabytes come and go: by default glibc gives the memory of
 * each back to the kernel, and the page faults of getting it again cost
 * more than all the rest of a large hit.
 */
static void
keep_memory(void)
{
	mallopt(M_MMAP_THRESHOLD, 32 << 20);
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
}

static int
serve_fcgi(const struct conf *conf, struct gateway *gateway)
{
	struct http_server_config config = {
	    .listen_fd = STDIN_FILENO,
	    .threads = (int)conf->server.threads,
	    .queue_timeout_ms = conf->server.queue_timeout_ms,
	    .drain_timeout_ms = conf->server.drain_timeout_ms,
	    .io_timeout_ms = conf->server.io_timeout_ms,
	    .handler = gateway_handle,
	    .give_up = gateway_give_up,
	    .ctx = gateway,
	};
	struct err err = ERR_INIT;
	bool all_done = false;

	keep_memory();
	if (http_server_run(&config, &all_done, &err) == -1) {
		diag(LOG_ERR, "%s", err.text);
		return 1;
	}
	/* Requests that outlived the drain are given up with the process. */
	if (!all_done)
		_exit(0);
	return 0;
}

/*
 * A web server that starts a handler with a broken configuration shows its
 * users a bare 500; say the reason where the operator looks first.
 */
static int
refuse(bool cgi, const struct err *err)
{
	diag(LOG_ERR, "%s", err->text);
	if (cgi)
		printf("Status: 500 Internal Server Error\r\n"
		    "Content-Type: application/json\r\n\r\n"
		    "{\"error\":{\"message\":\"the handler is misconfigured; "
		    "the web server's error log says how\","
		    "\"type\":\"server_error\",\"param\":null,"
		    "\"code\":\"misconfigured\"}}\n");
	return 1;
}

/* What is wrong with a configuration beyond its syntax, touching nothing. */
static int
test(const struct conf *conf)
{
	struct err err = ERR_INIT;
	struct cache *cache = gateway_open_cache(conf, &err);

	if (cache == NULL)
		return refuse(false, &err);
	cache_free(cache);
	return 0;
}

/* The configuration's path, or NULL; *test_only: -t was given. */
static const char *
read_options(int argc, char **argv, bool *test_only)
{
	const char *path = NULL;
	int c;

	while ((c = getopt(argc, argv, "c:tV")) != -1) {
		switch (c) {
		case 'c':
			path = optarg;
			break;
		case 't':
			*test_only = true;
			break;
		case 'V':
			puts("reprise " REPRISE_VERSION);
			exit(0);
		default:
			fputs("usage: reprise.fcgi [-tV] [-c FILE]\n", stderr);
			exit(2);
		}
	}
	return path;
}

int
main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	bool cgi = !http_server_is_fcgi(), test_only = false;
	struct gateway *gateway;
	const char *path;
	struct conf *conf;
	int status;

	path = read_options(argc, argv, &test_only);
	if (cgi && !test_only && getenv("REQUEST_METHOD") == NULL) {
		fputs("reprise.fcgi is started by a web server or by "
		    "spawn-fcgi; see reprise(1)\n", stderr);
		return 2;
	}
	conf = conf_load(path, environ, &err);
	if (conf == NULL)
		return refuse(cgi && !test_only, &err);
	if (test_only) {
		status = test(conf);
		conf_free(conf);
		return status;
	}
	diag_open(strcmp(conf->server.log, "syslog") == 0,
	    levels[conf->server.log_level]);
	gateway = gateway_new(conf, !cgi, &err);
	if (gateway == NULL)
		status = refuse(cgi, &err);
	else if (cgi)
		status = http_server_run_cgi(gateway_handle, gateway);
	else
		status = serve_fcgi(conf, gateway);
	gateway_free(gateway);
	conf_free(conf);
	return status;
}
