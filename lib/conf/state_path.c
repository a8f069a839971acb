#include "conf/state_path.h"

#include "base/digest.h"
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_MAX = 1 << 20 };

/* With "auto" all are told apart by it; else what is added to the name. */
static const struct {
	const char *automatic;
	const char *added;
} suffixes[] = {
    [CONF_STATE_COUNTERS] = {".counters", ""},
    [CONF_STATE_UPSTREAMS] = {".upstreams", ".upstreams"},
};

/* What "auto" tells apart: the configuration's file, else its content. */
static int
identity(const struct conf *conf, char hex[2 * DIGEST_BYTES + 1])
{
	uint8_t digest[DIGEST_BYTES];
	char *real = conf->path ? realpath(conf->path, NULL) : NULL;
	struct buf text;
	int rc;

	if (real != NULL) {
		rc = digest_sha256(real, strlen(real), digest);
		free(real);
	} else {
		buf_init(&text, TEXT_MAX);
		rc = conf_print(conf, &text);
		if (rc == 0)
			rc = digest_sha256(text.data, text.len, digest);
		buf_fini(&text);
	}
	if (rc == 0)
		text_hex(digest, sizeof(digest), hex);
	return rc;
}

static void
put_automatic(struct conf_state_path *out, const char *hex, const char *suffix)
{
	const char *dir = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	snprintf(out->path, sizeof(out->path), "%s/reprise-%u-%.12s%s", dir,
	    (unsigned)geteuid(), hex, suffix);
	snprintf(out->any_user, sizeof(out->any_user), "%s/reprise-*-%.12s%s",
	    dir, hex, suffix);
}

int
conf_state_path(const struct conf *conf, enum conf_state what,
    struct conf_state_path *out, struct err *err)
{
	const char *file = conf->server.state_file;
	char hex[2 * DIGEST_BYTES + 1];
	int n;

	out->any_user[0] = '\0';
	if (strcmp(file, "auto") == 0) {
		if (identity(conf, hex) == -1)
			return err_set(err, ERR_CONFIG,
			    "the configuration has no name");
		put_automatic(out, hex, suffixes[what].automatic);
		return 0;
	}
	n = snprintf(out->path, sizeof(out->path), "%s%s", file,
	    suffixes[what].added);
	if (n < 0 || (size_t)n >= sizeof(out->path))
		return err_set(err, ERR_CONFIG,
		    "server.state_file is too long");
	return 0;
}
