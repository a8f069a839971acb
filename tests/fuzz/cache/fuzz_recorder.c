/*
 * Recording any answer: however it is cut, the verdict, the usage and the
 * events are those of the uncut answer, and what may be stored is the very
 * bytes. The first byte says how it is cut and how much may be kept; the
 * Content-Type follows up to a line feed, then the body.
 */
#include "cache/recorder.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SMALL = 256, LARGE = 1 << 20 };

static void
require(bool holds)
{
	if (!holds)
		abort();
}

static void
check_kept(const struct recorder *r, const char *body, size_t len,
    size_t max_bytes)
{
	if (r->verdict != WIRE_STORABLE) {
		require(r->body.data == NULL);
		return;
	}
	require(len <= max_bytes && r->body.len == len);
	require(memcmp(r->body.data, body, len) == 0);
}

/* Record the body in steps. */
static void
record(struct recorder *r, const char *type, const char *body, size_t len,
    size_t step, size_t max_bytes)
{
	const struct recorder_config config = {
	    .format = wire_format_get(WIRE_CHAT),
	    .policy = {.store_length = true, .store_tool_calls = true},
	    .max_bytes = max_bytes,
	};
	size_t at, n;

	recorder_init(r, &config);
	recorder_head(r, 200, type, NULL);
	for (at = 0; at < len; at += n) {
		n = step < len - at ? step : len - at;
		recorder_data(r, body + at, n);
		require(r->body.len <= max_bytes);
	}
	require(recorder_end(r, true) == r->verdict);
	check_kept(r, body, len, max_bytes);
}

static void
check_same(const struct recorder *a, const struct recorder *b)
{
	require(a->verdict == b->verdict && a->mode == b->mode);
	require(a->events == b->events);
	require(recorder_at_boundary(a) == recorder_at_boundary(b));
	require(a->usage == NULL ? b->usage == NULL :
	    json_equal(a->usage, b->usage) == 1);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct recorder whole, parts;
	const char *body, *end;
	size_t max_bytes, len;
	char *type;

	if (size < 2)
		return 0;
	max_bytes = data[0] & 0x80 ? SMALL : LARGE;
	end = (const char *)data + size;
	body = memchr(data + 1, '\n', size - 1);
	body = body == NULL ? end : body + 1;
	len = (size_t)(end - body);
	type = strndup((const char *)data + 1, size - len - 1);
	require(type != NULL);
	type[strcspn(type, "\n")] = '\0';
	record(&whole, type, body, len, size, max_bytes);
	record(&parts, type, body, len, data[0] % 16 + 1, max_bytes);
	check_same(&whole, &parts);
	recorder_fini(&whole);
	recorder_fini(&parts);
	free(type);
	return 0;
}
