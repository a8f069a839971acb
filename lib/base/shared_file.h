/*
 * A small file that processes of one user share by mapping it: counters,
 * the health of upstreams. What is in it is only ever changed atomically,
 * so that nobody has to lock it and a killed process leaves it whole.
 */
#ifndef BASE_SHARED_FILE_H
#define BASE_SHARED_FILE_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/*
 * The first member of what is shared: the layout's name, its version and
 * size included, so that another layout is never read as this one.
 */
struct shared_file_head {
	uint64_t magic;
};

/*
 * The magic of a layout: eight letters that name it and its version, and
 * its size. Any thread.
 */
uint64_t shared_file_magic(const char letters[8], size_t size);

/*
 * Map the file at path, size bytes that begin with a struct
 * shared_file_head, making it when it is not there. All bytes but the head
 * are zero in a new file. One of another layout is replaced by a new one;
 * processes that have it mapped keep it to themselves. Only a plain file of
 * this user with no other name is used; no link is followed. NULL with err
 * (ERR_IO), also when there is no room for all of it. Ends with
 * shared_file_close. Any thread.
 */
void *shared_file_open(const char *path, size_t size, uint64_t magic,
    struct err *err);

/*
 * As shared_file_open, for this process and its children alone. NULL when
 * memory is short. Any thread.
 */
void *shared_file_private(size_t size, uint64_t magic);

/*
 * What an existing file holds at the moment, a copy. path_glob: if path is
 * not there, the first file that matches this is taken; or NULL. NULL with
 * err (ERR_IO) when there is none, or none of this layout. Ends with
 * shared_file_close. Any thread.
 */
const void *shared_file_read(const char *path, const char *path_glob,
    size_t size, uint64_t magic, struct err *err);

/* Unmap it; nobody may use it any more. p may be NULL. Any thread. */
void shared_file_close(const void *p, size_t size);

#endif
