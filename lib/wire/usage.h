/*
 * Usage objects of any format: what several inputs cost together shared out
 * among them, and added up again. All functions: any thread.
 */
#ifndef WIRE_USAGE_H
#define WIRE_USAGE_H

#include <jansson.h>
#include <stddef.h>

/*
 * Share the usage of a batch out among its n inputs in proportion to
 * weights[0..n-1] (evenly when they are all 0): a new array of n usage
 * values, or NULL when memory is short. Integers are shared by largest
 * remainder, so that the shares add up to the whole; reals by proportion;
 * objects member by member; of anything else everybody gets a copy. usage
 * is not NULL.
 */
json_t *wire_usage_share(const json_t *usage, const size_t *weights,
    size_t n);

/*
 * Add the usage `more` to `sum`: numbers add up (integers no further than
 * they reach), objects member by member; members that only one of them has
 * are kept, also where the other has null; anything else stays as it is in
 * sum. Either may be NULL. A new value that shares nothing with them; or
 * NULL when both are NULL or memory is short.
 */
json_t *wire_usage_add(const json_t *sum, const json_t *more);

#endif
