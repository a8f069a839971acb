/*
 * When an upstream wants to be asked again.
 */
#ifndef UPSTREAM_RETRY_AFTER_H
#define UPSTREAM_RETRY_AFTER_H

#include <stdint.h>

/*
 * Milliseconds from wall_ms (clock_wall_ms) that a Retry-After value means:
 * seconds, or a date in any of HTTP's three forms (RFC 9110 sections 10.2.3
 * and 5.6.7). 0 when it is past, malformed or NULL. Any thread.
 */
int64_t retry_after_ms(const char *value, int64_t wall_ms);

#endif
