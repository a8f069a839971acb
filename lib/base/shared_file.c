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
	    st->st_uid == geteuid();
}

/*
 * Under the file's lock: give a new or foreign-layout file the right size
 * and magic. All else starts at zero.
 */
static void *
map_and_stamp(int fd, const struct stat *st, size_t size, uint64_t magic)
{
	bool fresh = st->st_size != (off_t)size;
	struct shared_file_head *head;

	if (fresh && (ftruncate(fd, 0) == -1 ||
	    ftruncate(fd, (off_t)size) == -1))
		return NULL;
	head = map(fd, size, PROT_READ | PROT_WRITE);
	if (head != NULL && head->magic != magic) {
		memset(head, 0, size);
		head->magic = magic;
	}
	return head;
}

void *
shared_file_open(const char *path, size_t size, uint64_t magic,
    struct err *err)
{
	void *p = NULL;
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
	else if ((p = map_and_stamp(fd, &st, size, magic)) == NULL)
		err_sys(err, ERR_IO, errno, path);
	/* A mapping keeps the file, and so the lock, beyond close(). */
	flock(fd, LOCK_UN);
	close(fd);
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

static int
open_first(const char *path, const char *path_glob)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), errnum = errno;
	glob_t found;

	if (fd != -1 || path_glob == NULL)
		return fd;
	if (glob(path_glob, 0, NULL, &found) == 0) {
		fd = open(found.gl_pathv[0], O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		errnum = errno;
		globfree(&found);
	}
	errno = errnum;
	return fd;
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
		head = map(fd, size, PROT_READ);
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
