#include "conf/load.h"

#include "conf/check.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { CREDENTIAL_MAX = 16 * 1024 };

/*
 * Keep s[0..len-1] without trailing blanks as the credential; NULL, or
 * what is wrong with it.
 */
static const char *
keep_credential(struct conf_upstream *upstream, const char *s, size_t len)
{
	while (len > 0 && memchr(" \t\r\n", s[len - 1], 4) != NULL)
		len--;
	if (len == 0)
		return "is empty";
	if (len > CREDENTIAL_MAX)
		return "is too long";
	if (conf_check_has_control(s, len) || memchr(s, '\t', len) != NULL)
		return "holds control characters";
	upstream->credential = strndup(s, len);
	return upstream->credential != NULL ? NULL : "does not fit into memory";
}

static const char *
from_environment(const struct conf_load *load, struct conf_upstream *upstream)
{
	const char *value = conf_load_variable(load->envp, upstream->key + 4);

	if (value == NULL)
		return "is not set";
	return keep_credential(upstream, value, strlen(value));
}

/* The first line of a file; reason holds what errno says. */
static const char *
from_file(struct conf_upstream *upstream, char *reason, size_t reason_size)
{
	const char *path = upstream->key + 5, *newline, *bad;
	struct stat st;
	struct buf content;
	size_t len;
	int errnum;

	/* Not a pipe or device, which could block or have no end. */
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode))
		return "is not a regular file";
	buf_init(&content, CREDENTIAL_MAX);
	errnum = conf_load_file(path, &content);
	len = content.len;
	newline = len == 0 ? NULL : memchr(content.data, '\n', len);
	if (newline != NULL)
		len = (size_t)(newline - content.data);
	if (errnum != 0)
		bad = strerror_r(errnum, reason, reason_size);
	else
		bad = keep_credential(upstream, content.data, len);
	if (content.data != NULL)
		explicit_bzero(content.data, content.cap);
	buf_fini(&content);
	return bad;
}

static int
resolve_key(struct conf_load *load, size_t index, struct err *err)
{
	struct conf_upstream *upstream = &load->conf->upstreams[index];
	const struct conf_place *place =
	    &load->upstreams[index].option[CONF_OPTION_upstream_key];
	const char *bad, *key = upstream->key;
	char reason[128];

	if (key[0] == '\0')
		return 0;
	if (strncmp(key, "env:", 4) == 0)
		bad = from_environment(load, upstream);
	else
		bad = from_file(upstream, reason, sizeof(reason));
	if (bad == NULL)
		return 0;
	return conf_load_refuse(load, place, err, "upstream.%s.key = %.60s%s: "
	    "%s", upstream->name, key, strlen(key) > 60 ? "..." : "", bad);
}

int
conf_load_resolve(struct conf_load *load, struct err *err)
{
	struct conf_upstream *upstream;
	size_t i;

	for (i = 0; i < load->conf->n_upstreams; i++) {
		upstream = &load->conf->upstreams[i];
		if (upstream->url[0] == '\0')
			return conf_load_refuse(load,
			    &load->upstreams[i].heading, err,
			    "upstream %s has no url", upstream->name);
		if (resolve_key(load, i, err) == -1)
			return -1;
	}
	return 0;
}
