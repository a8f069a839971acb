#include "upstream/retry_after.h"

#include "base/text.h"

#include <stddef.h>
#include <string.h>
#include <time.h>

/* More than this is as good as for ever. */
enum { SECONDS_MAX = 366 * 24 * 3600 };

/* Seconds since 1970, or -1. No locale is set, so the names are English. */
static int64_t
date_of(const char *value)
{
	static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT",
	    "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"};
	struct tm tm;
	const char *end;
	size_t i;

	for (i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		tm = (struct tm){0};
		end = strptime(value, forms[i], &tm);
		if (end != NULL && *end == '\0')
			return timegm(&tm);
	}
	return -1;
}

int64_t
retry_after_ms(const char *value, int64_t wall_ms)
{
	int64_t left_ms;
	uint64_t n;

	if (value == NULL)
		return 0;
	if (text_u64(value, SECONDS_MAX, &n) == 0)
		return (int64_t)n * 1000;
	if (value[0] != '\0' && value[strspn(value, "0123456789")] == '\0')
		return (int64_t)SECONDS_MAX * 1000;
	left_ms = date_of(value) * 1000 - wall_ms;
	if (left_ms > (int64_t)SECONDS_MAX * 1000)
		return (int64_t)SECONDS_MAX * 1000;
	return left_ms > 0 ? left_ms : 0;
}
