#include "wire/usage.h"

#include "wire/payload.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>

/* ---- sharing out -------------------------------------------------------- */

/* Holds the product of any count and any weight. */
__extension__ typedef unsigned __int128 wide;

struct shares {
	const size_t *weights; /* NULL: all the same */
	size_t n;
	wide total;
};

/* What the division of a whole leaves of somebody's share. */
struct rest {
	wide rest;
	size_t place;
};

static size_t
weight_of(const struct shares *s, size_t i)
{
	return s->weights != NULL ? s->weights[i] : 1;
}

/* The largest rest first; of equal ones, the first. */
static int
by_rest(const void *a, const void *b)
{
	const struct rest *x = a, *y = b;

	if (x->rest != y->rest)
		return x->rest > y->rest ? -1 : 1;
	return x->place < y->place ? -1 : 1;
}

static int
share_integer(json_t *all, json_int_t whole, const struct shares *s)
{
	bool negative = whole < 0;
	wide magnitude = negative ? (wide)0 - (wide)whole : (wide)whole;
	wide left = magnitude, product;
	struct rest *rests = calloc(s->n, sizeof(*rests));
	wide *parts = calloc(s->n, sizeof(*parts));
	size_t i;
	int rc = rests != NULL && parts != NULL ? 0 : -1;

	for (i = 0; i < s->n && rc == 0; i++) {
		product = magnitude * weight_of(s, i);
		parts[i] = product / s->total;
		rests[i] = (struct rest){product % s->total, i};
		left -= parts[i];
	}
	if (rc == 0)
		qsort(rests, s->n, sizeof(*rests), by_rest);
	for (i = 0; i < left && rc == 0; i++)
		parts[rests[i].place]++;
	for (i = 0; i < s->n && rc == 0; i++)
		rc = json_array_append_new(all,
		    json_integer((json_int_t)(negative ?
		    0 - parts[i] : parts[i])));
	free(rests);
	free(parts);
	return rc;
}

static json_t *share_value(const json_t *value, const struct shares *s);

static int
share_object(json_t *all, const json_t *object, const struct shares *s)
{
	json_t *members = (json_t *)(uintptr_t)object, *value, *parts;
	const char *key;
	size_t i;
	int rc = 0;

	for (i = 0; i < s->n && rc == 0; i++)
		rc = json_array_append_new(all, json_object());
	json_object_foreach(members, key, value) {
		parts = rc == 0 ? share_value(value, s) : NULL;
		rc = parts != NULL ? 0 : -1;
		for (i = 0; i < s->n && rc == 0; i++)
			rc = json_object_set(json_array_get(all, i), key,
			    json_array_get(parts, i));
		json_decref(parts);
	}
	return rc;
}

static int
share_real(json_t *all, double whole, const struct shares *s)
{
	double part;
	size_t i;
	int rc = 0;

	for (i = 0; i < s->n && rc == 0; i++) {
		part = whole * ((double)weight_of(s, i) / (double)s->total);
		rc = json_array_append_new(all, json_real(part));
	}
	return rc;
}

static json_t *
share_value(const json_t *value, const struct shares *s)
{
	json_t *all = json_array();
	size_t i;
	int rc = all != NULL ? 0 : -1;

	if (rc == 0 && json_is_integer(value))
		rc = share_integer(all, json_integer_value(value), s);
	else if (rc == 0 && json_is_object(value))
		rc = share_object(all, value, s);
	else if (rc == 0 && json_is_real(value))
		rc = share_real(all, json_real_value(value), s);
	for (i = json_array_size(all); i < s->n && rc == 0; i++)
		rc = json_array_append_new(all, json_deep_copy(value));
	if (rc == 0)
		return all;
	json_decref(all);
	return NULL;
}

json_t *
wire_usage_share(const json_t *usage, const size_t *weights, size_t n)
{
	struct shares s = {weights, n, 0};
	size_t i;

	if (n == 0)
		return json_array();
	for (i = 0; i < n; i++)
		s.total += weights[i];
	if (s.total == 0) {
		s.weights = NULL;
		s.total = n;
	}
	return share_value(usage, &s);
}

/* ---- adding up ---------------------------------------------------------- */

static json_t *
add_integers(json_int_t a, json_int_t b)
{
	json_int_t sum;

	if (__builtin_add_overflow(a, b, &sum))
		sum = a > 0 ? INT64_MAX : INT64_MIN;
	return json_integer(sum);
}

static json_t *
add_reals(double a, double b)
{
	return json_real(isfinite(a + b) ? a + b : a);
}

/* Add the members of an object to sum, which is ours. */
static int
add_members(json_t *sum, const json_t *object)
{
	json_t *members = (json_t *)(uintptr_t)object, *value, *both;
	const char *key;

	json_object_foreach(members, key, value) {
		both = wire_usage_add(json_object_get(sum, key), value);
		if (json_object_set_new(sum, key, both) != 0)
			return -1;
	}
	return 0;
}

json_t *
wire_usage_add(const json_t *sum, const json_t *more)
{
	json_t *both;

	if (!wire_is_set(sum) && more != NULL)
		return json_deep_copy(more);
	if (json_is_integer(sum) && json_is_integer(more))
		return add_integers(json_integer_value(sum),
		    json_integer_value(more));
	if (json_is_number(sum) && json_is_number(more))
		return add_reals(json_number_value(sum),
		    json_number_value(more));
	both = sum != NULL ? json_deep_copy(sum) : NULL;
	if (!json_is_object(both) || !json_is_object(more) ||
	    add_members(both, more) == 0)
		return both;
	json_decref(both);
	return NULL;
}
