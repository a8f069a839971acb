/* A file that processes share by mapping it. */
#include "base/shared_file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CELLS = 4096 };

struct cells {
	struct shared_file_head head;
	_Atomic uint64_t cell[CELLS]; /* several pages */
};

enum { SIZE = sizeof(struct cells), PAGE = 4096 };

struct place {
	char dir[64];
	char path[80];
	char other[80];
};

static int
setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	snprintf(p->dir, sizeof(p->dir), "/tmp/test-shared.XXXXXX");
	if (mkdtemp(p->dir) == NULL)
		return -1;
	snprintf(p->path, sizeof(p->path), "%s/state", p->dir);
	snprintf(p->other, sizeof(p->other), "%s/other", p->dir);
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct place *p = *state;

	unlink(p->path);
	unlink(p->other);
	rmdir(p->dir);
	free(p);
	return 0;
}

static uint64_t
magic(void)
{
	return shared_file_magic("test-sh1", SIZE);
}

static struct cells *
open_it(const struct place *p)
{
	struct err err = ERR_INIT;
	struct cells *c = shared_file_open(p->path, SIZE, magic(), &err);

	if (c == NULL)
		fail_msg("%s", err.text);
	assert_true(c->head.magic == magic());
	return c;
}

static void
assert_refused(const struct place *p)
{
	struct err err = ERR_INIT;

	assert_null(shared_file_open(p->path, SIZE, magic(), &err));
	assert_int_equal(err.code, ERR_IO);
	assert_non_null(strstr(err.text, p->path));
}

static void
test_shared(void **state)
{
	struct place *p = *state;
	struct cells *a = open_it(p), *b = open_it(p);
	struct stat st;

	for (size_t i = 0; i < CELLS; i++)
		assert_int_equal(a->cell[i], 0);
	a->cell[CELLS - 1]++;
	assert_int_equal(b->cell[CELLS - 1], 1);
	/* readable for this user alone, and no page is yet to be found */
	assert_int_equal(stat(p->path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_true(st.st_blocks * 512 >= SIZE);
	shared_file_close(a, SIZE);
	shared_file_close(b, SIZE);
	/* and it outlives those that had it open */
	a = open_it(p);
	assert_int_equal(a->cell[CELLS - 1], 1);
	shared_file_close(a, SIZE);
}

/* Versions of any size, one running while the other is started. */
static void
test_another_layout_is_replaced(void **state)
{
	static const size_t sizes[] = {PAGE, SIZE - PAGE, SIZE, SIZE + PAGE};
	struct place *p = *state;
	struct cells *c;
	unsigned char *old;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		old = shared_file_open(p->path, sizes[i],
		    shared_file_magic("test-sh0", sizes[i]), NULL);
		assert_non_null(old);
		memset(old + sizeof(uint64_t), 0x5a,
		    sizes[i] - sizeof(uint64_t));
		c = open_it(p);
		for (size_t k = 0; k < CELLS; k++)
			assert_int_equal(c->cell[k], 0);
		c->cell[0] = 7;
		/* whoever has the old one mapped still has all of it */
		for (size_t k = sizeof(uint64_t); k < sizes[i]; k++)
			assert_int_equal(old[k], 0x5a);
		old[sizes[i] - 1] = 1;
		assert_int_equal(c->cell[CELLS - 1], 0);
		shared_file_close(old, sizes[i]);
		shared_file_close(c, SIZE);
	}
}

static void
make_file(const char *path, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_int_not_equal(fd, -1);
	assert_int_equal(ftruncate(fd, (off_t)size), 0);
	close(fd);
}

/* Killed between any two steps of making it. */
static void
test_half_made(void **state)
{
	static const size_t sizes[] = {0, 1, PAGE, SIZE - 1, SIZE};
	struct place *p = *state;
	struct cells *c;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		make_file(p->path, sizes[i]);
		c = open_it(p);
		c->cell[CELLS - 1] = 1;
		shared_file_close(c, SIZE);
	}
}

/* No room is an error now, not a signal later. */
static void
test_no_room(void **state)
{
	struct place *p = *state;
	struct rlimit before, little;
	struct cells *c;
	struct stat st;

	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	little = before;
	little.rlim_cur = PAGE;
	signal(SIGXFSZ, SIG_IGN);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &little), 0);
	assert_refused(p);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	assert_int_equal(stat(p->path, &st), 0);
	assert_int_equal(st.st_size, 0);
	c = open_it(p);
	shared_file_close(c, SIZE);
}

static void
test_links(void **state)
{
	struct place *p = *state;
	struct stat st;
	int fd;

	make_file(p->other, 10);
	assert_int_equal(symlink(p->other, p->path), 0);
	assert_refused(p);
	assert_int_equal(unlink(p->path), 0);
	/* Another name of a file of ours: not even its lock is waited for. */
	assert_int_equal(link(p->other, p->path), 0);
	fd = open(p->other, O_RDONLY);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_refused(p);
	close(fd);
	assert_int_equal(stat(p->other, &st), 0);
	assert_int_equal(st.st_size, 10);
	assert_int_equal(st.st_nlink, 2);
}

static void
test_no_file(void **state)
{
	struct place *p = *state;
	struct err err = ERR_INIT;

	assert_int_equal(mkfifo(p->path, 0600), 0);
	assert_refused(p);
	assert_null(shared_file_read(p->path, NULL, SIZE, magic(), &err));
	assert_int_equal(err.code, ERR_IO);
	assert_int_equal(unlink(p->path), 0);
	assert_int_equal(mkdir(p->path, 0700), 0);
	assert_refused(p);
	assert_int_equal(rmdir(p->path), 0);
}

enum { CROWD = 16, ROUNDS = 20 };

/* Many that start at once and all find another layout share one new file. */
static void
test_a_crowd_replaces_it_once(void **state)
{
	struct place *p = *state;
	struct cells *c;
	int status;

	for (int round = 0; round < ROUNDS; round++) {
		make_file(p->path, PAGE);
		for (int i = 0; i < CROWD; i++) {
			if (fork() == 0) {
				c = shared_file_open(p->path, SIZE, magic(),
				    NULL);
				if (c != NULL)
					c->cell[CELLS - 1]++;
				_exit(c == NULL);
			}
		}
		for (int i = 0; i < CROWD; i++) {
			assert_true(wait(&status) > 0);
			assert_int_equal(status, 0);
		}
		c = open_it(p);
		assert_int_equal(c->cell[CELLS - 1], CROWD);
		shared_file_close(c, SIZE);
	}
}

static void
test_read(void **state)
{
	struct place *p = *state;
	struct cells *c = open_it(p);
	const struct cells *seen;
	struct err err = ERR_INIT;
	char glob[80];

	c->cell[CELLS - 1] = 9;
	snprintf(glob, sizeof(glob), "%s/s*", p->dir);
	assert_null(shared_file_read(p->other, NULL, SIZE, magic(), &err));
	assert_int_equal(err.code, ERR_IO);
	seen = shared_file_read(p->other, glob, SIZE, magic(), NULL);
	assert_non_null(seen);
	shared_file_close(c, SIZE);
	/* whatever its owner does with it meanwhile */
	assert_int_equal(truncate(p->path, 0), 0);
	assert_int_equal(seen->cell[CELLS - 1], 9);
	shared_file_close(seen, SIZE);
	assert_null(shared_file_read(p->path, NULL, SIZE, magic(), NULL));
	assert_int_equal(truncate(p->path, SIZE), 0);
	assert_null(shared_file_read(p->path, NULL, SIZE, magic(), NULL));
}

static void
test_private(void **state)
{
	struct cells *a = shared_file_private(SIZE, magic());
	struct cells *b = shared_file_private(SIZE, magic());

	(void)state;
	assert_true(a->head.magic == magic());
	a->cell[CELLS - 1] = 1;
	assert_int_equal(b->cell[CELLS - 1], 0);
	shared_file_close(a, SIZE);
	shared_file_close(b, SIZE);
	shared_file_close(NULL, SIZE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_shared),
		TEST(test_another_layout_is_replaced),
		TEST(test_half_made),
		TEST(test_no_room),
		TEST(test_links),
		TEST(test_no_file),
		TEST(test_a_crowd_replaces_it_once),
		TEST(test_read),
		cmocka_unit_test(test_private),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
