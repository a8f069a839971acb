/*
 * The addresses of memcached servers as the configuration writes them.
 * Private to the cache room.
 */
#ifndef CACHE_ADDRESS_H
#define CACHE_ADDRESS_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	ADDRESS_MAX = 256,      /* bytes of one, with its NUL */
	ADDRESS_PORT = 11211,   /* memcached's, where none is named */
	ADDRESS_LIST_MAX = 64   /* servers; libmemcached's ring ends at 100 */
};

struct address {
	char label[ADDRESS_MAX]; /* as written */
	char host[ADDRESS_MAX];  /* a name, a number without brackets, or a
				    path when is_path */
	uint16_t port;           /* 0 when is_path */
	bool is_path;            /* of a unix socket */
};

/*
 * Parse a list separated by blanks or commas into list, which has room for
 * ADDRESS_LIST_MAX: "/path", "host", "host:port", "[v6]", "[v6]:port".
 * Returns how many (at least 1), or 0 with err (ERR_CONFIG) naming the
 * address that is malformed or there twice. Any thread.
 */
size_t address_parse_list(const char *text, struct address *list,
    struct err *err);

#endif
