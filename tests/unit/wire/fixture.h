/*
 * Reading the golden answers of tests/fixtures, and JSON in tests. Tests
 * run at the top of the tree.
 */
#ifndef TEST_FIXTURE_H
#define TEST_FIXTURE_H

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* A file that is JSON. New. */
static inline json_t *
fixture_json(const char *dir, const char *name)
{
	size_t len;
	char *bytes = fixture_read(dir, name, &len);
	json_t *value = json_loadb(bytes, len, JSON_ALLOW_NUL, NULL);

	if (value == NULL) {
		fprintf(stderr, "%s/%s is no JSON\n", dir, name);
		exit(1);
	}
	free(bytes);
	return value;
}

/* JSON of a text, which may have ' in place of ". */
static inline json_t *
json_of(const char *text)
{
	char *copy = strdup(text), *p;
	json_error_t why;
	json_t *value;

	if (copy == NULL)
		exit(1);
	for (p = copy; *p != '\0'; p++)
		if (*p == '\'')
			*p = '"';
	value = json_loads(copy, JSON_ALLOW_NUL, &why);
	if (value == NULL) {
		fprintf(stderr, "%s: %s\n", copy, why.text);
		exit(1);
	}
	free(copy);
	return value;
}

#endif
