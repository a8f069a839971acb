/*
 * Reading the golden answers of tests/fixtures. Tests run at the top of
 * the tree.
 */
#ifndef TEST_FIXTURE_H
#define TEST_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>

/* A whole file, NUL-terminated; the test is stopped when there is none. */
static inline char *
fixture_read(const char *dir, const char *name, size_t *len)
{
	enum { FIXTURE_MAX = 64 * 1024 };
	char path[512], *bytes = malloc(FIXTURE_MAX);
	FILE *f;

	snprintf(path, sizeof(path), "tests/fixtures/%s/%s", dir, name);
	f = fopen(path, "rb");
	if (f == NULL || bytes == NULL) {
		fprintf(stderr, "cannot read %s\n", path);
		exit(1);
	}
	*len = fread(bytes, 1, FIXTURE_MAX - 1, f);
	bytes[*len] = '\0';
	fclose(f);
	return bytes;
}

#endif
