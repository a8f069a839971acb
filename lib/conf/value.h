/*
 * Values of options: from text into the struct and back. Private to this
 * room; pure but for the memory of strings; any thread.
 */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include "base/buf.h"
#include "base/err.h"
#include "conf/table.h"

#include <stdbool.h>
#include <stdint.h>

enum { CONF_VALUE_MAX = 4000 }; /* bytes of a value */

/*
 * Parse text by the option's type, bounds and rule, and put it into its
 * member of section, a struct conf_server, conf_cache, conf_flight,
 * conf_usage or conf_upstream.
 * A string that was there is freed; the new one belongs to the struct. 0,
 * or -1 with err: ERR_CONFIG, whose text is only what the value must be
 * ("must be from 4K to 1000K"), or ERR_MEMORY.
 */
int conf_value_parse(const struct conf_option *option, const char *text,
    void *section, struct err *err);

/* Append the member's value as it would be written. 0 or -1 as buf_append. */
int conf_value_format(const struct conf_option *option, const void *section,
    struct buf *out);

/*
 * Append what a value may be, from bounds and words: "from 4K to 1000K",
 * "on or off"; nothing for a string. 0 or -1 as buf_append.
 */
int conf_value_range(const struct conf_option *option, struct buf *out);

/*
 * Whether text, given for this option, must not be shown in an error: it
 * is, or may hold, a credential.
 */
bool conf_value_is_secret(const struct conf_option *option, const char *text);

/* The string member of an option of type STRING. */
char **conf_value_string(const struct conf_option *option, void *section);

#endif
