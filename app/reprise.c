/*
 * reprise: the command line beside the handler.
 */
#include "cmd.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern char **environ;

static const struct {
	const char *name;
	int (*run)(const struct conf *conf, int argc, char **argv);
	const char *usage;
	const char *help;
} commands[] = {
    {"check", cmd_check, "",
	"tell whether configuration, memcached and upstreams are well"},
    {"config", cmd_config, "[-m]",
	"print the configuration in force (-m: its manual, mdoc)"},
    {"key", cmd_key, "[-p PATH] [-n NAMESPACE] [-H 'NAME: VALUE']... < BODY",
	"print a request body's key, and whether it would be cached"},
    {"purge", cmd_purge, "[-n NAMESPACE] [-k KEY]",
	"forget a namespace (the configured one by default), or one key"},
    {"stats", cmd_stats, "[-m]",
	"print the counters of all workers (-m: in Prometheus' format)"},
};

enum { N_COMMANDS = sizeof(commands) / sizeof(commands[0]) };

static void
usage(FILE *out)
{
	size_t i;

	fputs("usage: reprise [-c FILE] COMMAND [OPTION]...\n", out);
	for (i = 0; i < N_COMMANDS; i++)
		fprintf(out, "  %s %s\n      %s\n", commands[i].name,
		    commands[i].usage, commands[i].help);
	fputs("  -c FILE  the configuration; else $REPRISE_CONF, else "
	    "/etc/reprise/reprise.conf\n  -V       the version\n", out);
}

/* Run the command that argv[0] names. */
static int
run(const char *path, int argc, char **argv)
{
	struct err err = ERR_INIT;
	struct conf *conf;
	size_t i = 0;
	int status;

	while (i < N_COMMANDS && strcmp(argv[0], commands[i].name) != 0)
		i++;
	if (i == N_COMMANDS) {
		usage(stderr);
		return 2;
	}
	conf = conf_load(path, environ, &err);
	if (conf == NULL) {
		fprintf(stderr, "reprise: %s\n", err.text);
		return 1;
	}
	optind = 1;
	status = commands[i].run(conf, argc, argv);
	if ((fflush(stdout) == EOF || ferror(stdout)) && status == 0) {
		fputs("reprise: the output could not be written\n", stderr);
		status = 1;
	}
	if (status == 2)
		fprintf(stderr, "usage: reprise [-c FILE] %s %s\n",
		    commands[i].name, commands[i].usage);
	conf_free(conf);
	return status;
}

static const struct option long_options[] = {
    {"help", no_argument, NULL, 'h'},
    {"print", no_argument, NULL, 'p'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

int
main(int argc, char **argv)
{
	const char *path = NULL;
	char *print[] = {(char[]){"config"}, NULL};
	int c;

	/* '+': the words after the command are the command's own. */
	while ((c = getopt_long(argc, argv, "+c:hV", long_options, NULL)) !=
	    -1) {
		switch (c) {
		case 'c':
			path = optarg;
			break;
		case 'h':
			usage(stdout);
			return 0;
		case 'p':
			return run(path, 1, print);
		case 'V':
			puts("reprise " REPRISE_VERSION);
			return 0;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (optind < argc)
		return run(path, argc - optind, argv + optind);
	usage(stderr);
	return 2;
}
