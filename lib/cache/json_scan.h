/*
 * What a JSON parser does not tell of a text: how deep it nests and how
 * much memory its tree may take, before it is parsed; and numbers that lose
 * something when they become a double or an integer.
 */
#ifndef CACHE_JSON_SCAN_H
#define CACHE_JSON_SCAN_H

#include <stdbool.h>
#include <stddef.h>

struct json_scan {
	size_t depth;      /* deepest nesting of arrays and objects */
	size_t tree_bytes; /* upper estimate of Jansson's tree, strings apart */
	bool number_odd;   /* a number is not held exactly */
	size_t number_at;  /* offset of the first such */
};

/*
 * Scan text[0..len-1] once, without judging its grammar (RFC 8259): as far
 * as the text is JSON the result is right, beyond that it is harmless.
 * Big integers are left to the parser, which refuses them. Any thread.
 */
void json_scan(struct json_scan *scan, const char *text, size_t len);

/*
 * Whether a number token with a fraction or exponent, or an integer, is
 * held without loss: a real has 17 significant digits at most, its double
 * is normal or zero as written and prints back to those digits; an integer
 * is not "-0", whose sign would be lost. Any thread.
 */
bool json_number_exact(const char *token, size_t len);

#endif
