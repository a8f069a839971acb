#include "ops/access_log.h"

#include "base/buf.h"
#include "base/clock.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <syslog.h>
#include <unistd.h>

enum { STRING_MAX = 300, LINE_MAX_BYTES = 16 * 1024,
	LINE_USUAL_BYTES = 900 };

enum { OPEN_FLAGS = O_WRONLY | O_APPEND | O_CLOEXEC };

struct access_log {
	char *path;             /* NULL: not a file */
	bool to_syslog;
	pthread_rwlock_t lock;  /* held for writing while fd is replaced */
	int fd;
	_Atomic int64_t checked_us; /* when the path was last looked at */
};

static int
open_file(const char *path)
{
	return open(path, OPEN_FLAGS | O_CREAT, 0640);
}

struct access_log *
access_log_open(const char *where, struct err *err)
{
	struct access_log *log = calloc(1, sizeof(*log));

	if (log == NULL) {
		err_set(err, ERR_MEMORY, "access log: out of memory");
		return NULL;
	}
	pthread_rwlock_init(&log->lock, NULL);
	log->fd = STDERR_FILENO;
	if (strcmp(where, "stderr") == 0)
		return log;
	if (strcmp(where, "syslog") == 0) {
		log->to_syslog = true;
		return log;
	}
	log->path = strdup(where);
	log->fd = log->path == NULL ? -1 : open_file(where);
	if (log->fd != -1)
		return log;
	err_sys(err, ERR_CONFIG, errno, where);
	access_log_close(log);
	return NULL;
}

/* Whether a file may be made in the folder of path; errno tells why not. */
static bool
may_be_made(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *folder = slash == NULL ? strdup(".")
	    : strndup(path, slash == path ? 1 : (size_t)(slash - path));
	bool may = folder != NULL &&
	    faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0;

	free(folder);
	return may;
}

int
access_log_check(const char *where, struct err *err)
{
	int fd;

	if (strcmp(where, "stderr") == 0 || strcmp(where, "syslog") == 0)
		return 0;
	fd = open(where, OPEN_FLAGS);
	if (fd != -1)
		close(fd);
	else if (errno != ENOENT || !may_be_made(where))
		return err_sys(err, ERR_CONFIG, errno, where);
	return 0;
}

void
access_log_close(struct access_log *log)
{
	if (log == NULL)
		return;
	if (log->path != NULL && log->fd != -1)
		close(log->fd);
	pthread_rwlock_destroy(&log->lock);
	free(log->path);
	free(log);
}

static bool
was_renamed(struct access_log *log)
{
	struct stat there, ours;
	bool same;

	pthread_rwlock_rdlock(&log->lock);
	same = stat(log->path, &there) == 0 && fstat(log->fd, &ours) == 0 &&
	    there.st_ino == ours.st_ino && there.st_dev == ours.st_dev;
	pthread_rwlock_unlock(&log->lock);
	return !same;
}

/* Once a second: has the file been renamed or removed under us? */
static void
follow_rotation(struct access_log *log)
{
	int64_t now = clock_steady_us(), then = log->checked_us;
	int fd;

	/* One thread a second wins the exchange, and looks. */
	if (log->path == NULL || now - then < 1000000 ||
	    !atomic_compare_exchange_strong(&log->checked_us, &then, now))
		return;
	if (!was_renamed(log))
		return;
	fd = open_file(log->path);
	if (fd == -1)
		return;
	pthread_rwlock_wrlock(&log->lock);
	close(log->fd);
	log->fd = fd;
	pthread_rwlock_unlock(&log->lock);
}

static void
put_string(struct buf *out, const char *name, const char *s)
{
	buf_puts(out, ",\"");
	buf_puts(out, name);
	buf_puts(out, "\":");
	if (s == NULL)
		buf_puts(out, "null");
	else
		buf_put_json_string(out, s, strnlen(s, STRING_MAX));
}

static void
put_ms(struct buf *out, const char *name, int64_t us)
{
	if (us < 0)
		buf_printf(out, ",\"%s\":null", name);
	else
		buf_printf(out, ",\"%s\":%" PRId64 ".%03d", name, us / 1000,
		    (int)(us % 1000));
}

static void
put_tokens(struct buf *out, const struct access_record *r)
{
	char *usage;

	buf_printf(out,
	    ",\"tokens_spent\":%" JSON_INTEGER_FORMAT
	    ",\"tokens_saved\":%" JSON_INTEGER_FORMAT,
	    r->spent.total, r->saved.total);
	if (r->usage == NULL)
		return;
	usage = json_dumps(r->usage, JSON_COMPACT | JSON_ENSURE_ASCII);
	if (usage != NULL && strlen(usage) < LINE_MAX_BYTES / 2)
		buf_printf(out, ",\"usage\":%s", usage);
	free(usage);
}

static void
put_record(struct buf *out, const struct access_record *r)
{
	char time[32];

	clock_rfc3339(r->time_ms, time);
	buf_printf(out, "{\"time\":\"%s\"", time);
	put_string(out, "request_id", r->request_id);
	put_string(out, "client", r->client);
	put_string(out, "caller", r->caller);
	put_string(out, "method", r->method);
	put_string(out, "path", r->path);
	put_string(out, "format", r->format);
	put_string(out, "model", r->model);
	buf_printf(out, ",\"stream\":%s,\"status\":%d",
	    r->stream ? "true" : "false", r->status);
	put_string(out, "cache", cache_status_word(r->cache));
	put_string(out, "not_stored", r->not_stored);
	put_string(out, "key", r->key);
	put_string(out, "upstream", r->upstream);
	put_string(out, "error", r->error);
	buf_printf(out, ",\"bytes\":%" PRIu64, r->bytes);
	put_ms(out, "ttft_ms", r->first_byte_us);
	put_ms(out, "duration_ms", r->duration_us);
	put_tokens(out, r);
	buf_printf(out, ",\"aborted\":%s}\n", r->aborted ? "true" : "false");
}

static int
write_line(struct access_log *log, const char *line, size_t len)
{
	ssize_t n;

	if (log->to_syslog) {
		syslog(LOG_INFO, "%.*s", (int)len - 1, line);
		return 0;
	}
	follow_rotation(log);
	pthread_rwlock_rdlock(&log->lock);
	do
		n = write(log->fd, line, len);
	while (n == -1 && errno == EINTR);
	pthread_rwlock_unlock(&log->lock);
	return n == (ssize_t)len ? 0 : -1;
}

int
access_log_write(struct access_log *log, const struct access_record *r)
{
	struct buf line;
	int rc = -1;

	buf_init(&line, LINE_MAX_BYTES);
	buf_reserve(&line, LINE_USUAL_BYTES);
	put_record(&line, r);
	if (!line.failed)
		rc = write_line(log, line.data, line.len);
	buf_fini(&line);
	return rc;
}
