#include "cache/json_scan.h"

#include "base/json_text.h"

#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/*
 * Bytes that Jansson 2.14 allocates for a container with its first slots,
 * for one more element, and for one object member, with malloc's overhead
 * on 64-bit; rounded up.
 */
enum { CONTAINER_BYTES = 256, ELEMENT_BYTES = 64, MEMBER_BYTES = 128 };

enum {
	DIGITS_MAX = 17,  /* enough to tell any two doubles apart */
	DIGITS_SAFE = 15, /* any decimal of so many digits survives a double */
	EXPONENT_SAFE = 290 /* far inside the range of normal doubles */
};

/* digits x 10^exponent, with no zero at either end of digits. */
struct decimal {
	char digits[DIGITS_MAX + 1];
	size_t n; /* may exceed DIGITS_MAX; the digits beyond are dropped */
	int64_t exponent;
};

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool
in_number(char c)
{
	return is_digit(c) || c == '.' || c == 'e' || c == 'E' || c == '+' ||
	    c == '-';
}

/* The exponent part of a number, after the 'e'. Bounded, never overflows. */
static int64_t
read_exponent(const char *p, const char *end)
{
	int64_t value = 0;
	bool negative = p < end && *p == '-';

	if (p < end && (*p == '-' || *p == '+'))
		p++;
	for (; p < end && is_digit(*p); p++) {
		if (value < INT32_MAX)
			value = value * 10 + (*p - '0');
	}
	return negative ? -value : value;
}

static void
read_decimal(struct decimal *d, const char *p, const char *end)
{
	size_t seen = 0; /* digits since the first that is not 0 */
	bool fraction = false;
	int64_t exponent = 0;

	memset(d, 0, sizeof(*d));
	for (; p < end && *p != 'e' && *p != 'E'; p++) {
		if (*p == '.')
			fraction = true;
		if (!is_digit(*p))
			continue;
		if (fraction)
			exponent--;
		if (seen == 0 && *p == '0')
			continue;
		if (seen < DIGITS_MAX)
			d->digits[seen] = *p;
		seen++;
		if (*p != '0')
			d->n = seen;
	}
	if (p < end)
		exponent += read_exponent(p + 1, end);
	d->exponent = exponent + (int64_t)(seen - d->n);
	d->digits[d->n < DIGITS_MAX ? d->n : DIGITS_MAX] = '\0';
}

/*
 * Whether value, written with n digits, has just these. Both the number
 * given to strtod and the comparison leave the decimal point out, so the
 * locale does not matter.
 */
static bool
prints_back(double value, const char *digits, size_t n)
{
	char text[64];
	size_t i = 0;
	const char *p;

	snprintf(text, sizeof(text), "%.*e", (int)n - 1, value);
	for (p = text; *p != '\0' && *p != 'e'; p++) {
		if (is_digit(*p) && (i >= n || *p != digits[i++]))
			return false;
	}
	return i == n;
}

static bool
decimal_exact(const struct decimal *d)
{
	char text[DIGITS_MAX + 32];
	int64_t magnitude = d->exponent + (int64_t)d->n;
	double value;

	if (d->n == 0)
		return true;
	if (d->n > DIGITS_MAX)
		return false;
	if (d->n <= DIGITS_SAFE && magnitude > -EXPONENT_SAFE &&
	    magnitude < EXPONENT_SAFE)
		return true;
	snprintf(text, sizeof(text), "%se%lld", d->digits,
	    (long long)d->exponent);
	value = strtod(text, NULL);
	return isnormal(value) && prints_back(value, d->digits, d->n);
}

bool
json_number_exact(const char *token, size_t len)
{
	struct decimal d;
	size_t i;

	for (i = 0; i < len; i++) {
		if (token[i] == '.' || token[i] == 'e' || token[i] == 'E')
			break;
	}
	if (i == len)
		return !(len == 2 && token[0] == '-' && token[1] == '0');
	read_decimal(&d, token, token + len);
	return decimal_exact(&d);
}

static size_t
scan_number(struct json_scan *scan, const char *text, size_t len, size_t i)
{
	size_t start = i;

	while (i < len && in_number(text[i]))
		i++;
	if (!scan->number_odd && !json_number_exact(text + start, i - start)) {
		scan->number_odd = true;
		scan->number_at = start;
	}
	return i;
}

void
json_scan(struct json_scan *scan, const char *text, size_t len)
{
	size_t i = 0, depth = 0;
	char c;

	memset(scan, 0, sizeof(*scan));
	while (i < len) {
		c = text[i];
		if (c == '"') {
			i = (size_t)(json_skip_string(text + i, text + len) -
			    text);
			continue;
		}
		if (c == '-' || is_digit(c)) {
			i = scan_number(scan, text, len, i);
			continue;
		}
		i++;
		if (c == '[' || c == '{') {
			scan->tree_bytes += CONTAINER_BYTES;
			if (++depth > scan->depth)
				scan->depth = depth;
		} else if (c == ']' || c == '}') {
			depth -= depth > 0;
		} else if (c == ',') {
			scan->tree_bytes += ELEMENT_BYTES;
		} else if (c == ':') {
			scan->tree_bytes += MEMBER_BYTES;
		}
	}
}
