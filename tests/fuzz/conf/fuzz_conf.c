/*
 * The configuration from arbitrary bytes: the file up to the first NUL,
 * then the strings of the environment, each ended by a NUL.
 *
 * What is taken must print as a file that is taken, to the same effect,
 * without its REPRISE_ variables; what is refused must be explained.
 */
#include "conf/conf.h"

#include <stdlib.h>
#include <string.h>

enum { VARIABLES_MAX = 16, PRINTED_MAX = 16 << 20 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	char *bytes; /* with a NUL after them */
	size_t file_len;
	char *envp[VARIABLES_MAX + 1];
	char *foreign[VARIABLES_MAX + 1]; /* not REPRISE_ */
};

static void
input_fini(struct input *in)
{
	free(in->bytes);
}

static int
input_init(struct input *in, const uint8_t *data, size_t size)
{
	char *at;
	size_t n = 0, n_foreign = 0;

	memset(in, 0, sizeof(*in));
	if ((in->bytes = malloc(size + 1)) == NULL)
		return -1;
	if (size > 0)
		memcpy(in->bytes, data, size);
	in->bytes[size] = '\0';
	in->file_len = strlen(in->bytes);
	at = in->bytes + in->file_len + 1;
	while (at < in->bytes + size && n < VARIABLES_MAX) {
		in->envp[n++] = at;
		if (strncmp(at, "REPRISE_", 8) != 0)
			in->foreign[n_foreign++] = at;
		at += strlen(at) + 1;
	}
	return 0;
}

static void
check_refusal(const struct err *err)
{
	if (err->code != ERR_CONFIG || err->text[0] == '\0' ||
	    strpbrk(err->text, "\r\n\x1b") != NULL)
		abort();
}

static void
check_round_trip(const struct conf *conf, char *const *envp)
{
	struct buf first, second;
	struct conf *again;

	buf_init(&first, PRINTED_MAX);
	buf_init(&second, PRINTED_MAX);
	if (conf_print(conf, &first) == -1)
		abort();
	again = conf_load_text(first.data, first.len, NULL, envp, NULL);
	if (again == NULL || conf_print(again, &second) == -1 ||
	    strcmp(first.data, second.data) != 0)
		abort();
	conf_free(again);
	buf_fini(&first);
	buf_fini(&second);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = ERR_INIT;
	struct input in;
	struct conf *conf;

	if (input_init(&in, data, size) == -1)
		return 0;
	conf = conf_load_text(in.bytes, in.file_len, "fuzz.conf", in.envp,
	    &err);
	if (conf == NULL)
		check_refusal(&err);
	else
		check_round_trip(conf, in.foreign);
	conf_free(conf);
	input_fini(&in);
	return 0;
}
