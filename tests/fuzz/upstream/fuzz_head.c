/*
 * The head of an answer: any lines, as libcurl would hand them over. A
 * head that is accepted must be one that may travel on.
 */
#include "upstream/head.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool ok)
{
	if (!ok)
		abort();
}

static void
check(const struct head *h)
{
	static const char *const hops[] = {"Connection", "Keep-Alive",
	    "Transfer-Encoding", "Trailer", "Upgrade", "TE"};
	size_t lengths = 0;

	require(h->status >= 200 && h->status <= 599);
	require(h->fields.count <= HTTP_HEADERS_MAX);
	for (size_t i = 0; i < sizeof(hops) / sizeof(hops[0]); i++)
		require(http_headers_get(&h->fields, hops[i]) == NULL);
	for (size_t i = 0; i < h->fields.count; i++) {
		require(http_is_token(h->fields.list[i].name));
		require(http_is_field_value(h->fields.list[i].value));
		if (strcasecmp(h->fields.list[i].name, "Content-Length") == 0)
			lengths++;
	}
	require(lengths <= (h->chunked ? 0 : 1));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *line = (const char *)data;
	const char *end = line + size, *next;
	struct err err = ERR_INIT;
	struct head h;
	bool completed;
	int times = 0, rc = 0;

	head_init(&h);
	for (; line < end && rc == 0; line = next) {
		next = memchr(line, '\n', (size_t)(end - line));
		next = next == NULL ? end : next + 1;
		rc = head_line(&h, line, (size_t)(next - line), &completed,
		    &err);
		require((rc == 0) == (err.code == ERR_NONE));
		if (rc == 0 && completed)
			times++;
	}
	require(times <= 1 && h.done == (times == 1));
	if (h.done)
		check(&h);
	head_fini(&h);
	return 0;
}
