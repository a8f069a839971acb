/*
 * Reading INI text, by inih. Private to this room, and the only module
 * that knows inih.
 *
 * What inih would lose without a word is an error here: lines too long for
 * its buffer, section names it would cut, text after a heading, NUL bytes.
 * A value cannot go on in the next line; indentation means nothing.
 */
#ifndef CONF_INI_H
#define CONF_INI_H

#include "base/err.h"

#include <stddef.h>

enum { CONF_INI_LINE_MAX = 4200 }; /* bytes of a line */

/* Called in the text's order. 0, or -1 with err to stop. */
struct conf_ini_events {
	/* [name] */
	int (*section)(void *arg, const char *name, int line, struct err *err);
	/* name = value, without the blanks around them and the comment */
	int (*option)(void *arg, const char *name, const char *value, int line,
	    struct err *err);
	void *arg;
};

/*
 * Parse text[0..len-1]. 0, or -1 with err: what a call-back said, or
 * ERR_CONFIG with the label ("reprise.conf") and line in its text. Not for
 * several threads at once: it sets inih's line limit, a global.
 */
int conf_ini_parse(const char *text, size_t len, const char *label,
    const struct conf_ini_events *events, struct err *err);

#endif
