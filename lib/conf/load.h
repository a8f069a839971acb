/*
 * A configuration being loaded: what load.c, env.c and resolve.c share.
 * Private to this room. One thread, as conf_load.
 */
#ifndef CONF_LOAD_H
#define CONF_LOAD_H

#include "base/buf.h"
#include "base/err.h"
#include "conf/conf.h"
#include "conf/table.h"

#include <stddef.h>

/* Where something was said: a line of the file, or a variable. */
struct conf_place {
	int line;             /* 0: not in the file */
	const char *variable; /* "NAME=value" of envp, or NULL */
};

struct conf_places {
	struct conf_place heading; /* of an upstream */
	struct conf_place option[CONF_OPTION_COUNT];
};

struct conf_load {
	struct conf *conf;
	const char *label;       /* names the file in errors */
	char *const *envp;
	struct conf_places own;  /* of the sections without a name */
	struct conf_places *upstreams; /* beside conf->upstreams */
};

/* What an option is being set in. */
struct conf_target {
	void *section;              /* the struct */
	struct conf_places *places;
	const char *upstream;       /* its name, or NULL */
};

/*
 * Set an option from text and remember where that was. 0, or -1 with err:
 * ERR_CONFIG naming place, option, text and what it must be; ERR_MEMORY.
 */
int conf_load_option(struct conf_load *load, const struct conf_target *target,
    const struct conf_option *option, const char *text,
    const struct conf_place *place, struct err *err);

/*
 * Put an upstream with default options at an index, those from there on
 * moving up. 0, or -1 with err.
 */
int conf_load_insert_upstream(struct conf_load *load, size_t index,
    const char *name, const struct conf_place *place, struct err *err);

/* The target of a section; index: which upstream, else ignored. */
struct conf_target conf_load_target(struct conf_load *load,
    enum conf_section section, size_t index);

/*
 * Set err to "PLACE: WHAT" by a printf format, ERR_CONFIG. Returns -1.
 */
int conf_load_refuse(const struct conf_load *load,
    const struct conf_place *place, struct err *err, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

/* Apply the REPRISE_ variables of envp. 0, or -1 with err. */
int conf_load_environment(struct conf_load *load, struct err *err);

/*
 * See that every upstream is complete, and read its credential. 0, or -1
 * with err.
 */
int conf_load_resolve(struct conf_load *load, struct err *err);

/*
 * Append a file's content to out, of at most out's ceiling. 0 or a number
 * of errno; EFBIG when it is longer (or memory is short).
 */
int conf_load_file(const char *path, struct buf *out);

/* The value of a variable in envp, borrowed from there, or NULL. */
const char *conf_load_variable(char *const *envp, const char *name);

#endif
