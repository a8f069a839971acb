/*
 * Time, in one unit each: milliseconds since 1970 for what is stored or
 * shown, microseconds of a steady clock for durations. Any thread.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

/* Now, in milliseconds since 1970-01-01 UTC. May step when it is set. */
int64_t clock_wall_ms(void);

/* A steady clock in microseconds from an arbitrary start. Never steps. */
int64_t clock_steady_us(void);

/*
 * Write wall_ms as RFC 3339 in UTC with milliseconds, for example
 * "2026-01-31T09:26:53.589Z", into out, which must hold 32 bytes.
 */
void clock_rfc3339(int64_t wall_ms, char out[32]);

#endif
