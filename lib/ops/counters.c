#include "ops/counters.h"

#include "base/buf.h"
#include "base/digest.h"
#include "base/text.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(sizeof(counter) == sizeof(uint64_t),
    "a counter is a plain 64-bit cell that processes share");

const int64_t counters_bucket_us[COUNTERS_BUCKETS] = {250, 500, 1000, 2500,
    5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000,
    10000000, 30000000, 120000000};

static const struct {
	const char *text;
	const char *word;
} statuses[CACHE_STATUS_COUNT] = {
    [CACHE_STATUS_NONE] = {"", "none"},
    [CACHE_STATUS_HIT] = {"HIT (exact)", "hit"},
    [CACHE_STATUS_LIVE] = {"HIT (live)", "live"},
    [CACHE_STATUS_STALE] = {"HIT (stale)", "stale"},
    [CACHE_STATUS_RESHAPED] = {"HIT (reshaped)", "reshaped"},
    [CACHE_STATUS_MISS] = {"MISS", "miss"},
    [CACHE_STATUS_BYPASS] = {"BYPASS", "bypass"},
};

const char *
cache_status_text(enum cache_status s)
{
	return statuses[s].text;
}

const char *
cache_status_word(enum cache_status s)
{
	return statuses[s].word;
}

/*
 * The layout's name: its version and size, so that another layout is never
 * read as this one.
 */
static uint64_t
layout_magic(void)
{
	return UINT64_C(0x5265707269736500) + 1 +
	    ((uint64_t)sizeof(struct counters) << 16);
}

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
		buf_init(&text, 1 << 20);
		rc = conf_print(conf, &text);
		if (rc == 0)
			rc = digest_sha256(text.data, text.len, digest);
		buf_fini(&text);
	}
	if (rc == 0)
		text_hex(digest, sizeof(digest), hex);
	return rc;
}

int
counters_path(const struct conf *conf, char *path, size_t size)
{
	char hex[2 * DIGEST_BYTES + 1];
	const char *dir;
	int n;

	if (strcmp(conf->server.state_file, "auto") != 0) {
		n = snprintf(path, size, "%s", conf->server.state_file);
		return n >= 0 && (size_t)n < size ? 0 : -1;
	}
	if (identity(conf, hex) == -1)
		return -1;
	dir = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
	n = snprintf(path, size, "%s/reprise-%u-%.12s.counters", dir,
	    (unsigned)geteuid(), hex);
	return n >= 0 && (size_t)n < size ? 0 : -1;
}

static struct counters *
map(int fd, int protection)
{
	void *p = mmap(NULL, sizeof(struct counters), protection,
	    fd == -1 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Whether fd is a file that only this user can have made. */
static bool
is_ours(int fd, struct stat *st)
{
	return fstat(fd, st) == 0 && S_ISREG(st->st_mode) &&
	    st->st_uid == geteuid();
}

/*
 * Under the file's lock: give a new or foreign-layout file the right size
 * and magic. Cells start at zero.
 */
static struct counters *
map_and_stamp(int fd, const struct stat *st)
{
	struct counters *c;
	bool fresh = st->st_size != (off_t)sizeof(struct counters);

	if (fresh && (ftruncate(fd, 0) == -1 ||
	    ftruncate(fd, (off_t)sizeof(struct counters)) == -1))
		return NULL;
	c = map(fd, PROT_READ | PROT_WRITE);
	if (c != NULL && c->magic != layout_magic()) {
		memset(c, 0, sizeof(*c));
		c->magic = layout_magic();
	}
	return c;
}

static struct counters *
open_shared(const char *path, struct err *err)
{
	struct counters *c = NULL;
	struct stat st;
	int fd;

	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1) {
		err_sys(err, ERR_IO, errno, path);
		return NULL;
	}
	if (flock(fd, LOCK_EX) == -1)
		err_sys(err, ERR_IO, errno, path);
	else if (!is_ours(fd, &st))
		err_set(err, ERR_IO, "%s: not a plain file of this user", path);
	else if ((c = map_and_stamp(fd, &st)) == NULL)
		err_sys(err, ERR_IO, errno, path);
	/* A mapping keeps the file, and so the lock, beyond close(). */
	flock(fd, LOCK_UN);
	close(fd);
	return c;
}

struct counters *
counters_open(const struct conf *conf, struct err *err)
{
	struct counters *c = NULL;
	char path[4096];

	if (counters_path(conf, path, sizeof(path)) == -1)
		err_set(err, ERR_CONFIG, "server.state_file is too long");
	else
		c = open_shared(path, err);
	if (c != NULL)
		return c;
	c = map(-1, PROT_READ | PROT_WRITE);
	if (c != NULL)
		c->magic = layout_magic();
	return c;
}

/*
 * The workers may run as another user than whoever asks: with "auto", any
 * user's counters of this configuration will do.
 */
static int
open_existing(const struct conf *conf, char *path, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char *user, *rest;
	glob_t found;

	if (fd != -1 || strcmp(conf->server.state_file, "auto") != 0)
		return fd;
	/* ".../reprise-0-abc.counters" becomes ".../reprise-*-abc.counters" */
	user = strrchr(path, '/') + sizeof("/reprise-") - 1;
	rest = strchr(user, '-');
	if (rest == NULL || rest == user)
		return -1;
	*user = '*';
	memmove(user + 1, rest, strlen(rest) + 1);
	if (glob(path, 0, NULL, &found) == 0) {
		snprintf(path, size, "%s", found.gl_pathv[0]);
		globfree(&found);
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	}
	return fd;
}

struct counters *
counters_open_existing(const struct conf *conf, struct err *err)
{
	struct counters *c = NULL;
	struct stat st;
	char path[4096];
	int fd;

	if (counters_path(conf, path, sizeof(path)) == -1) {
		err_set(err, ERR_CONFIG, "server.state_file is too long");
		return NULL;
	}
	fd = open_existing(conf, path, sizeof(path));
	if (fd == -1) {
		err_sys(err, ERR_IO, errno, path);
		return NULL;
	}
	if (fstat(fd, &st) == 0 && st.st_size == (off_t)sizeof(*c))
		c = map(fd, PROT_READ);
	close(fd);
	if (c != NULL && c->magic == layout_magic())
		return c;
	counters_close(c);
	err_set(err, ERR_IO, "%s: not counters of this version", path);
	return NULL;
}

void
counters_close(struct counters *c)
{
	if (c != NULL)
		munmap(c, sizeof(*c));
}

void
counters_time(struct counters_histogram *h, int64_t us)
{
	size_t i = 0;

	if (us < 0)
		us = 0;
	while (i < COUNTERS_BUCKETS && us > counters_bucket_us[i])
		i++;
	counter_add(&h->bucket[i], 1);
	counter_add(&h->sum_us, (uint64_t)us);
}
