#include "cmd.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { TEXT_MAX = 1 << 20 };

int
cmd_config(const struct conf *conf, int argc, char **argv)
{
	struct buf text;
	int c, rc;
	bool manual = false;

	while ((c = getopt(argc, argv, "m")) != -1) {
		if (c != 'm')
			return 2;
		manual = true;
	}
	if (optind != argc)
		return 2;
	buf_init(&text, TEXT_MAX);
	rc = manual ? conf_print_manual(&text) : conf_print(conf, &text);
	if (rc == 0)
		fwrite(text.data, 1, text.len, stdout);
	buf_fini(&text);
	return rc == 0 ? 0 : 1;
}
