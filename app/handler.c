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

static const char *
config_path(int argc, char **argv)
{
	int c;

	while ((c = getopt(argc, argv, "c:V")) != -1) {
		switch (c) {
		case 'c':
			return optarg;
		case 'V':
			puts("reprise " REPRISE_VERSION);
			exit(0);
		default:
			fputs("usage: reprise.fcgi [-c FILE]\n", stderr);
			exit(2);
		}
	}
	return NULL;
}

int
main(int argc, char **argv)
{
	struct err err = ERR_INIT;
	bool cgi = !http_server_is_fcgi();
	struct gateway *gateway;
	struct conf *conf;
	int status;

	conf = conf_load(config_path(argc, argv), environ, &err);
	if (conf == NULL)
		return refuse(cgi, &err);
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
