/*
 * Random numbers that are the same in each run, for tests of any room: a
 * test that fails names its seed.
 */
#ifndef TEST_RANDOM_H
#define TEST_RANDOM_H

#include <stddef.h>
#include <stdint.h>

/* Marsaglia's xorshift: never zero, thus never stuck. */
struct rng {
	uint64_t state;
};

/* A number from 0 to n - 1. */
static inline size_t
rng_below(struct rng *r, size_t n)
{
	r->state ^= r->state << 13;
	r->state ^= r->state >> 7;
	r->state ^= r->state << 17;
	return (size_t)(r->state >> 16) % n;
}

static inline struct rng
rng_new(size_t seed)
{
	struct rng r = {0x9e3779b97f4a7c15u + seed * 0x2545f4914f6cdd1du};

	rng_below(&r, 2);
	return r;
}

#endif
