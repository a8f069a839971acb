/*
 * Rules that single string options have beyond their type. Private to
 * this room; pure; any thread.
 */
#ifndef CONF_CHECK_H
#define CONF_CHECK_H

#include "base/err.h"
#include "conf/table.h"

#include <stdbool.h>
#include <stddef.h>

/*
 * Check a value of an option of type STRING and bring it into the form in
 * which it is kept, in place: it may become shorter, or longer by one
 * byte, for which there must be room. 0, or -1 with err (ERR_CONFIG): only
 * what the value must be.
 */
int conf_check_string(const struct conf_option *option, char *value,
    struct err *err);

/* Whether name may name an upstream: letters, digits, '-', '_', '.'. */
bool conf_check_upstream_name(const char *name);

/* Whether a control byte (below 0x20, or DEL) other than a tab is in s. */
bool conf_check_has_control(const char *s, size_t len);

#endif
