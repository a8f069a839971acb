/*
 * Numbers in stored values: so many bytes, the least first. Any thread.
 */
#ifndef BASE_LITTLE_ENDIAN_H
#define BASE_LITTLE_ENDIAN_H

#include <stddef.h>
#include <stdint.h>

/* Write the low bytes (8 at most) of value to at. */
static inline void
put_le(uint8_t *at, uint64_t value, size_t bytes)
{
	size_t i;

	for (i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> (8 * i));
}

/* Read a number of so many bytes, 8 at most. */
static inline uint64_t
take_le(const uint8_t *at, size_t bytes)
{
	uint64_t value = 0;
	size_t i;

	for (i = 0; i < bytes; i++)
		value |= (uint64_t)at[i] << (8 * i);
	return value;
}

#endif
