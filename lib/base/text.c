#include "base/text.h"

#include <string.h>

static bool
is_continuation(unsigned char c)
{
	return (c & 0xc0) == 0x80;
}

/* Length that a lead byte announces, 0 when it cannot lead. */
static size_t
lead_length(unsigned char c)
{
	if (c < 0x80)
		return 1;
	if (c >= 0xc2 && c <= 0xdf)
		return 2;
	if ((c & 0xf0) == 0xe0)
		return 3;
	if (c >= 0xf0 && c <= 0xf4)
		return 4;
	return 0;
}

size_t
text_utf8_next(const char *s, size_t len, uint32_t *code_point)
{
	static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *u = (const unsigned char *)s;
	size_t need = lead_length(u[0]), i;
	uint32_t c;

	*code_point = 0xfffd;
	if (need == 0 || need > len)
		return 1;
	if (need == 1) {
		*code_point = u[0];
		return 1;
	}
	c = u[0] & (0x7fu >> need);
	for (i = 1; i < need; i++) {
		if (!is_continuation(u[i]))
			return 1;
		c = c << 6 | (u[i] & 0x3fu);
	}
	if (c < least[need] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 1;
	*code_point = c;
	return need;
}

bool
text_glob(const char *pattern, const char *s)
{
	const char *star = NULL, *mark = NULL;

	while (*s != '\0') {
		if (*pattern == '*') {
			star = pattern++;
			mark = s;
		} else if (*pattern == '?' || *pattern == *s) {
			pattern++;
			s++;
		} else if (star != NULL) {
			pattern = star + 1;
			s = ++mark;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return *pattern == '\0';
}

void
text_hex(const void *bytes, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *u = bytes;
	size_t i;

	for (i = 0; i < len; i++) {
		out[2 * i] = digits[u[i] >> 4];
		out[2 * i + 1] = digits[u[i] & 15];
	}
	out[2 * len] = '\0';
}

int
text_hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int
text_unhex(const char *s, void *out, size_t len)
{
	unsigned char *u = out;
	size_t i;
	int hi, lo;

	for (i = 0; i < len; i++) {
		if ((hi = text_hex_value(s[2 * i])) == -1 ||
		    (lo = text_hex_value(s[2 * i + 1])) == -1)
			return -1;
		u[i] = (unsigned char)(hi << 4 | lo);
	}
	return s[2 * len] == '\0' ? 0 : -1;
}

int
text_u64(const char *s, uint64_t max, uint64_t *out)
{
	uint64_t value = 0, digit;

	if (*s == '\0')
		return -1;
	for (; *s != '\0'; s++) {
		if (*s < '0' || *s > '9')
			return -1;
		digit = (uint64_t)(*s - '0');
		if (value > (UINT64_MAX - digit) / 10)
			return -1;
		value = value * 10 + digit;
	}
	if (value > max)
		return -1;
	*out = value;
	return 0;
}

void
text_printable(const char *s, char *out, size_t out_size)
{
	size_t i;

	for (i = 0; s[i] != '\0' && i + 1 < out_size; i++)
		out[i] = s[i];
	out[i] = '\0';
	while (i-- > 0) {
		if (out[i] < 0x20 || out[i] > 0x7e)
			out[i] = '?';
	}
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

const char *
text_next_item(const char **rest, const char *seps, size_t *len)
{
	const char *start, *end;

	while (**rest != '\0') {
		start = *rest;
		end = start + strcspn(start, seps);
		*rest = *end == '\0' ? end : end + 1;
		while (start < end && is_blank(*start))
			start++;
		while (end > start && is_blank(end[-1]))
			end--;
		*len = (size_t)(end - start);
		if (*len > 0)
			return start;
	}
	return NULL;
}
