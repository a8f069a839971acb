/* The pace of a replay in words. */
#include "conf/conf.h"

#include <string.h>

enum { DIGITS_MAX = 7, DECIMALS_MAX = 3 };

static const double rate_max = 1000000;

static size_t
count_digits(const char *s)
{
	return strspn(s, "0123456789");
}

/*
 * Read a plain decimal number at s into *out. The byte behind it, or NULL
 * when there is none or it is out of bounds. By hand, as strtod reads much
 * more, and another comma in another locale.
 */
static const char *
read_number(const char *s, double *out)
{
	size_t whole = count_digits(s), decimals = 0, i;
	double n = 0;

	if (whole == 0 || whole > DIGITS_MAX)
		return NULL;
	for (i = 0; i < whole; i++)
		n = n * 10 + (*s++ - '0');
	if (*s == '.') {
		decimals = count_digits(++s);
		if (decimals == 0 || decimals > DECIMALS_MAX)
			return NULL;
	}
	/* In thousandths, which are exact, and divided once. */
	for (i = 0; i < DECIMALS_MAX; i++)
		n = n * 10 + (i < decimals ? *s++ - '0' : 0);
	n /= 1000;
	if (n <= 0 || n > rate_max)
		return NULL;
	*out = n;
	return s;
}

/* What stands for "times": '*', 'x', U+00D7. Its bytes, or 0. */
static size_t
times_sign(const char *s)
{
	if (*s == '*' || *s == 'x')
		return 1;
	return strncmp(s, "\xc3\x97", 2) == 0 ? 2 : 0;
}

int
conf_parse_replay(const char *s, struct conf_replay *out)
{
	static const char recorded[] = "recorded";
	struct conf_replay r = {CONF_REPLAY_INSTANT, 1};
	size_t sign;

	if (strcmp(s, "instant") == 0) {
		*out = r;
		return 0;
	}
	if (strncmp(s, recorded, sizeof(recorded) - 1) == 0) {
		r.kind = CONF_REPLAY_RECORDED;
		s += sizeof(recorded) - 1;
		sign = times_sign(s);
		if (sign > 0 && (s = read_number(s + sign, &r.value)) == NULL)
			return -1;
	} else {
		r.kind = CONF_REPLAY_RATE;
		s = read_number(s, &r.value);
		if (s == NULL || strncmp(s, "/s", 2) != 0)
			return -1;
		s += 2;
	}
	if (*s != '\0')
		return -1;
	*out = r;
	return 0;
}
