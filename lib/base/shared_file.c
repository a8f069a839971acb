#include "base/shared_file.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of versions that are started at the same time, each makes its own. */
enum { ATTEMPTS = 8 };

uint64_t
shared_file_magic(const char letters[8], size_t size)
{
	uint64_t magic;

	memcpy(&magic, letters, sizeof(magic));
	return magic ^ ((uint64_t)size << 16);
}

static void *
map(int fd, size_t size, int protection)
{
	void *p = mmap(NULL, size, protection,
	    fd == -1 ? MAP_SHARED | MAP_ANONYMOUS : MAP_SHARED, fd, 0);

	return p == MAP_FAILED ? NULL : p;
}

/* Whether fd is a file that only this user can have made. */
static bool
is_ours(int fd, struct stat *st)
{
	return fstat(fd, st) == 0 && S_ISREG(st->st_mode) &&
	    st->st_uid == geteuid() && st->st_nlink <= 1;
}

/*
 * Give a new file its size. All of it is reserved: a page for which there
 * is no room would be met as a SIGBUS, by some request, much later.
 */
static int
fill(int fd, size_t size)
{
	int errnum = posix_fallocate(fd, 0, (off_t)size);

	/* Some of it may be there; nobody uses it, as we hold the lock. */
	if (errnum != 0 && ftruncate(fd, 0) == -1)
		errnum = errno;
	errno = errnum;
	return errnum == 0 ? 0 : -1;
}

/*
 * Map the file if it is new or of this layout. Another layout's is taken
 * out of the way and left as it is: processes of another version may have
 * it mapped, and would die of its being cut short. *again is set when
 * there is to be another file at path.
 */
static void *
map_or_remove(int fd, const char *path, size_t size, uint64_t magic,
    bool *again)
{
	struct shared_file_head *head;
	struct stat st;
	bool fresh;

	if (fstat(fd, &st) == -1)
		return NULL;
	/* Or another was faster to remove it. */
	*again = st.st_nlink == 0;
	fresh = st.st_size == 0;
	if (*again || (fresh && fill(fd, size) == -1))
		return NULL;
	if (fresh || st.st_size == (off_t)size) {
		head = map(fd, size, PROT_READ | PROT_WRITE);
		if (head == NULL)
			return NULL;
		if (fresh)
			head->magic = magic;
		if (head->magic == magic)
			return head;
		shared_file_close(head, size);
	}
	*again = unlink(path) == 0;
	return NULL;
}

/* One attempt, under the file's lock. */
static void *
open_once(const char *path, size_t size, uint64_t magic, bool *again,
    struct err *err)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat st;
	void *p = NULL;

	*again = false;
	if (fd == -1) {
		err_sys(err, ERR_IO, errno, path);
		return NULL;
	}
	/* Another user's could stay locked for ever. */
	if (!is_ours(fd, &st))
		err_set(err, ERR_IO, "%s: not a plain file of this user", path);
	else if (flock(fd, LOCK_EX) == -1 || ((p = map_or_remove(fd, path,
	    size, magic, again)) == NULL && !*again))
		err_sys(err, ERR_IO, errno, path);
	/* A mapping keeps the file, and so the lock, beyond close(). */
	flock(fd, LOCK_UN);
	close(fd);
	return p;
}

void *
shared_file_open(const char *path, size_t size, uint64_t magic,
    struct err *err)
{
	bool again = true;
	void *p = NULL;
	int i;

	for (i = 0; i < ATTEMPTS && again; i++)
		p = open_once(path, size, magic, &again, err);
	if (again)
		err_set(err, ERR_IO, "%s: others make it anew all the time",
		    path);
	return p;
}

void *
shared_file_private(size_t size, uint64_t magic)
{
	struct shared_file_head *head = map(-1, size, PROT_READ | PROT_WRITE);

	if (head != NULL)
		head->magic = magic;
	return head;
}

/* No pipe is waited for, whoever put it there. */
enum { READ_FLAGS = O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK };

static int
open_first(const char *path, const char *path_glob)
{
	int fd = open(path, READ_FLAGS), errnum = errno;
	glob_t found;

	if (fd != -1 || path_glob == NULL)
		return fd;
	if (glob(path_glob, 0, NULL, &found) == 0) {
		fd = open(found.gl_pathv[0], READ_FLAGS);
		errnum = errno;
		globfree(&found);
	}
	errno = errnum;
	return fd;
}

/*
 * What it holds now, in memory of our own: the file may be another user's,
 * who could cut it short under a mapping. NULL when it is not all there.
 */
static struct shared_file_head *
copy(int fd, size_t size)
{
	char *p = map(-1, size, PROT_READ | PROT_WRITE);
	size_t got = 0;
	ssize_t n = 1;

	while (p != NULL && got < size && n > 0) {
		n = pread(fd, p + got, size - got, (off_t)got);
		if (n > 0)
			got += (size_t)n;
	}
	if (got == size)
		return (struct shared_file_head *)(void *)p;
	shared_file_close(p, size);
	return NULL;
}

const void *
shared_file_read(const char *path, const char *path_glob, size_t size,
    uint64_t magic, struct err *err)
{
	const struct shared_file_head *head = NULL;
	int fd = open_first(path, path_glob);
	struct stat st;

	if (fd == -1) {
		err_sys(err, ERR_IO, errno, path);
		return NULL;
	}
	if (fstat(fd, &st) == 0 && st.st_size == (off_t)size)
		head = copy(fd, size);
	close(fd);
	if (head != NULL && head->magic == magic)
		return head;
	shared_file_close(head, size);
	err_set(err, ERR_IO, "%s: not of this version", path);
	return NULL;
}

void
shared_file_close(const void *p, size_t size)
{
	if (p != NULL)
		munmap((void *)(uintptr_t)p, size);
}
