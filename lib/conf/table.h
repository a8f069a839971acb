/*
 * The option table: conf/options.def as data. Private to this room.
 * Everything here is static and constant; any thread.
 */
#ifndef CONF_TABLE_H
#define CONF_TABLE_H

#include "conf/conf.h"

#include <stddef.h>

enum conf_section {
	CONF_IN_server,
	CONF_IN_cache,
	CONF_IN_flight,
	CONF_IN_usage,
	CONF_IN_upstream, /* after all that have no name */
	CONF_SECTION_COUNT
};

enum conf_type {
	CONF_TYPE_STRING,
	CONF_TYPE_SWITCH,
	CONF_TYPE_CHOICE,
	CONF_TYPE_NUMBER,
	CONF_TYPE_SIZE,
	CONF_TYPE_DURATION
};

/* One for each row, in the rows' order: CONF_OPTION_cache_ttl and so on. */
enum conf_option_id {
#define CONF_ID(section, name, ...) CONF_OPTION_##section##_##name,
#define STRING CONF_ID
#define SWITCH CONF_ID
#define CHOICE CONF_ID
#define NUMBER CONF_ID
#define SIZE CONF_ID
#define DURATION CONF_ID
#include "conf/options.def"
#undef STRING
#undef SWITCH
#undef CHOICE
#undef NUMBER
#undef SIZE
#undef DURATION
#undef CONF_ID
	CONF_OPTION_COUNT
};

struct conf_option {
	enum conf_option_id id;
	enum conf_section section;
	enum conf_type type;
	const char *name;
	const char *words;    /* CHOICE: separated by '|' */
	const char *fallback; /* the default, as a user would write it */
	const char *min, *max; /* of numbers, likewise */
	const char *help;
	size_t offset;        /* of the member in the section's struct */
};

enum { CONF_NAME_MAX = 40 }; /* bytes of an option's or upstream's name */

/* The row of an option. */
const struct conf_option *conf_table_row(enum conf_option_id id);

/* "server", "cache", "flight", "usage" or "upstream". */
const char *conf_table_section(enum conf_section section);

/* Where in struct conf the struct of a section without a name is, bytes. */
size_t conf_table_offset(enum conf_section section);

/* The option of that name in that section, or NULL. */
const struct conf_option *conf_table_find(enum conf_section section,
    const char *name);

enum { CONF_FAR = 100 };

/*
 * How far a typed word is from a known one, in insertions, deletions and
 * replacements (Levenshtein's distance); CONF_FAR when it is too far to
 * ask whether that was meant: more than one for every three bytes, or
 * either has more than 63.
 */
size_t conf_table_distance(const char *typed, const char *known);

#endif
