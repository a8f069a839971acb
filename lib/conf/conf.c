#include "conf/conf.h"

#include "conf/load.h"
#include "conf/value.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define DEFAULT_PATH "/etc/reprise/reprise.conf"

enum { FILE_MAX = 1024 * 1024 };

/* Read fd to its end. As conf_load_file. */
static int
read_all(int fd, struct buf *out)
{
	char block[4096];
	ssize_t n;

	for (;;) {
		n = read(fd, block, sizeof(block));
		if (n == 0)
			return 0;
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1)
			return errno;
		if (buf_append(out, block, (size_t)n) == -1)
			return EFBIG;
	}
}

int
conf_load_file(const char *path, struct buf *out)
{
	int fd, errnum;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd == -1)
		return errno;
	errnum = read_all(fd, out);
	close(fd);
	return errnum;
}

struct conf *
conf_load(const char *path, char *const *envp, struct err *err)
{
	struct conf *conf = NULL;
	struct buf text;
	int errnum;

	if (path == NULL)
		path = conf_load_variable(envp, "REPRISE_CONF");
	if (path == NULL || path[0] == '\0') {
		path = DEFAULT_PATH;
		if (access(path, F_OK) == -1 &&
		    (errno == ENOENT || errno == ENOTDIR))
			return conf_load_text("", 0, NULL, envp, err);
	}
	buf_init(&text, FILE_MAX);
	if ((errnum = conf_load_file(path, &text)) != 0)
		err_sys(err, ERR_CONFIG, errnum, path);
	else
		conf = conf_load_text(text.len == 0 ? "" : text.data, text.len,
		    path, envp, err);
	buf_fini(&text);
	return conf;
}

/* Free the strings of a section's options. */
static void
free_section(enum conf_section section, void *base)
{
	const struct conf_option *option;
	size_t i;

	for (i = 0; i < CONF_OPTION_COUNT; i++) {
		option = conf_table_row((enum conf_option_id)i);
		if (option->section == section &&
		    option->type == CONF_TYPE_STRING)
			free(*conf_value_string(option, base));
	}
}

static void
free_upstream(struct conf_upstream *upstream)
{
	if (upstream->credential != NULL)
		explicit_bzero(upstream->credential,
		    strlen(upstream->credential));
	free(upstream->credential);
	free(upstream->name);
	free_section(CONF_IN_upstream, upstream);
}

void
conf_free(struct conf *conf)
{
	enum conf_section section;
	size_t i;

	if (conf == NULL)
		return;
	for (i = 0; i < conf->n_upstreams; i++)
		free_upstream(&conf->upstreams[i]);
	free(conf->upstreams);
	for (section = 0; section < CONF_IN_upstream; section++)
		free_section(section,
		    (char *)conf + conf_table_offset(section));
	free(conf->path);
	free(conf);
}
