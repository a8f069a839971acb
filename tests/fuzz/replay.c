/*
 * A main for fuzz targets without libFuzzer: runs the target on each file
 * named, and on the files of each folder named.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 16 << 20 };

static int
replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	uint8_t *data, *exact;
	size_t len;
	int unread;

	if (file == NULL || (data = malloc(INPUT_MAX)) == NULL) {
		perror(path);
		return -1;
	}
	len = fread(data, 1, INPUT_MAX, file);
	unread = ferror(file) || fgetc(file) != EOF;
	fclose(file);
	if (unread) {
		fprintf(stderr, "%s: not a file of under 16 MB\n", path);
		free(data);
		return -1;
	}
	/* A block of just that size, so that sanitizers see every overrun. */
	exact = malloc(len > 0 ? len : 1);
	if (exact != NULL) {
		memcpy(exact, data, len);
		LLVMFuzzerTestOneInput(exact, len);
	}
	free(exact);
	free(data);
	return 0;
}

static int
replay_folder(const char *path, size_t *count)
{
	DIR *dir = opendir(path);
	struct dirent *entry;
	char file[4096];
	int rc = 0;

	if (dir == NULL) {
		*count += 1;
		return replay_file(path);
	}
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		rc |= replay_file(file);
		*count += 1;
	}
	closedir(dir);
	return rc;
}

int
main(int argc, char **argv)
{
	size_t count = 0;
	int i, rc = 0;

	for (i = 1; i < argc; i++)
		rc |= replay_folder(argv[i], &count);
	printf("%zu inputs replayed\n", count);
	return rc == 0 && count > 0 ? 0 : 1;
}
