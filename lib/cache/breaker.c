#include "cache/breaker.h"

#include <string.h>

void
breaker_init(struct breaker *b, int64_t first_rest_ms)
{
	memset(b, 0, sizeof(*b));
	if (first_rest_ms < 1)
		first_rest_ms = 1;
	if (first_rest_ms > INT64_MAX / 4000)
		first_rest_ms = INT64_MAX / 4000;
	b->first_rest_us = first_rest_ms * 1000;
}

enum breaker_pass
breaker_admit(struct breaker *b, int64_t now_us)
{
	if (!b->open)
		return BREAKER_ASK;
	if (b->probing || now_us < b->until_us)
		return BREAKER_REFUSE;
	b->probing = true;
	return BREAKER_PROBE;
}

/* A first rest that is longer than the ceiling is what was asked for. */
static int64_t
next_rest(const struct breaker *b)
{
	int64_t max_us = (int64_t)BREAKER_REST_MAX_MS * 1000;

	if (b->rest_us >= max_us)
		return b->rest_us;
	return b->rest_us * 2 > max_us ? max_us : b->rest_us * 2;
}

bool
breaker_report(struct breaker *b, enum breaker_pass pass, bool answered,
    int64_t now_us)
{
	if (pass == BREAKER_PROBE) {
		b->probing = false;
		b->open = !answered;
		b->rest_us = next_rest(b);
		b->until_us = now_us + b->rest_us;
		return answered;
	}
	if (answered || b->open)
		return false;
	b->open = true;
	b->rest_us = b->first_rest_us;
	b->until_us = now_us + b->rest_us;
	return true;
}

void
breaker_return(struct breaker *b, enum breaker_pass pass)
{
	if (pass == BREAKER_PROBE)
		b->probing = false;
}
