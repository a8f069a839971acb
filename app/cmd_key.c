#include "cmd.h"

#include "gateway/gateway.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { VARIABLES_MAX = 64, BODY_MAX = 256 << 20 };

/* The request as the web server would describe it. */
struct variables {
	char *list[VARIABLES_MAX + 1];
	size_t count;
};

static int
set(struct variables *v, const char *name, const char *value)
{
	char *s = NULL;

	if (v->count == VARIABLES_MAX ||
	    asprintf(&s, "%s=%s", name, value) == -1)
		return -1;
	v->list[v->count++] = s;
	return 0;
}

static int
set_header(struct variables *v, const char *header)
{
	const char *colon = strchr(header, ':');
	char name[128] = "HTTP_";
	size_t i, len;

	if (colon == NULL || (len = (size_t)(colon - header)) == 0 ||
	    len + 6 > sizeof(name))
		return -1;
	for (i = 0; i < len; i++)
		name[5 + i] = header[i] == '-' ? '_' :
		    (char)toupper((unsigned char)header[i]);
	name[5 + len] = '\0';
	colon++;
	return set(v, name, colon + strspn(colon, " \t"));
}

static int
set_path(struct variables *v, const struct conf *conf, const char *path)
{
	const char *base = conf->server.base_path;
	char *uri = NULL;
	int rc;

	if (asprintf(&uri, "%s%s", strcmp(base, "/") == 0 ? "" : base,
	    path) == -1)
		return -1;
	rc = set(v, "REQUEST_URI", uri);
	free(uri);
	return rc;
}

static int
read_options(const struct conf *conf, int argc, char **argv,
    struct variables *v)
{
	const char *path = "/v1/chat/completions";
	int c;

	while ((c = getopt(argc, argv, "p:n:H:")) != -1) {
		if (c == 'p')
			path = optarg;
		else if (c == 'n' ?
		    set(v, "HTTP_X_CACHE_NAMESPACE", optarg) == -1 :
		    c != 'H' || set_header(v, optarg) == -1)
			return -1;
	}
	if (optind != argc || set(v, "REQUEST_METHOD", "POST") == -1)
		return -1;
	return set_path(v, conf, path);
}

static int
read_body(struct buf *body)
{
	char piece[65536];
	size_t n;

	while ((n = fread(piece, 1, sizeof(piece), stdin)) > 0)
		if (buf_append(body, piece, n) == -1)
			return -1;
	return ferror(stdin) ? -1 : 0;
}

int
cmd_key(const struct conf *conf, int argc, char **argv)
{
	struct variables v = {0};
	struct err err = ERR_INIT;
	struct buf body, out;
	int status = 2;

	buf_init(&body, BODY_MAX);
	buf_init(&out, BODY_MAX + 65536);
	if (read_options(conf, argc, argv, &v) == -1)
		goto done;
	status = 1;
	if (read_body(&body) == -1)
		fprintf(stderr, "reprise: the body could not be read\n");
	else if (conf->n_upstreams == 0)
		fprintf(stderr, "reprise: no upstream is configured%s\n",
		    conf->path == NULL ? ": there is no configuration file, "
		    "see -c" : "");
	else if (gateway_explain(conf, v.list,
	    body.data != NULL ? body.data : "", body.len, &out, &err) == -1)
		fprintf(stderr, "reprise: would be refused with %d: %s\n",
		    err_status(err.code), err.text);
	else
		status = 0;
	if (out.len > 0)
		fwrite(out.data, 1, out.len, stdout);
done:
	while (v.count > 0)
		free(v.list[--v.count]);
	buf_fini(&body);
	buf_fini(&out);
	return status;
}
