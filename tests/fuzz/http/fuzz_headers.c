/*
 * Header fields: the input's lines "name: value" are added, stripped, read
 * as Cache-Control, and sent; the head must keep its lines.
 */
#include "http/cache_control.h"
#include "http/response.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A connection that only counts the lines written to it. */
struct counting_conn {
	struct http_conn conn;
	size_t lines, carriage_returns;
};

static int
count_write(struct http_conn *c, const void *bytes, size_t len)
{
	struct counting_conn *count = (struct counting_conn *)c;
	const char *s = bytes;
	size_t i;

	for (i = 0; i < len; i++) {
		count->lines += s[i] == '\n';
		count->carriage_returns += s[i] == '\r';
	}
	return 0;
}

static void
check(int holds)
{
	if (!holds)
		abort();
}

static void
send_all(const struct http_headers *h)
{
	static const struct http_conn_ops ops = {.write = count_write};
	struct counting_conn count = {.conn = {.ops = &ops}};
	struct http_response r;
	size_t i, sent = 0;

	http_response_init(&r, &count.conn, false);
	http_response_status(&r, 200);
	for (i = 0; i < h->count; i++)
		sent += http_response_header(&r, h->list[i].name,
		    h->list[i].value) == 0;
	check(http_response_end(&r) == 0);
	http_response_fini(&r);
	check(count.lines == sent + 2);
	check(count.carriage_returns == sent + 2);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *line, *next, *colon;
	struct http_cache_control cc;
	struct http_headers h;

	if (text == NULL)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	http_headers_init(&h);
	for (line = text; line != NULL; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		colon = strchr(line, ':');
		if (colon == NULL)
			continue;
		*colon = '\0';
		http_headers_add(&h, line, colon + 1);
	}
	http_cache_control_parse(&cc, &h);
	check(cc.max_age_s >= -1);
	send_all(&h);
	http_headers_strip_hop_by_hop(&h);
	check(http_headers_get(&h, "Connection") == NULL);
	send_all(&h);
	http_headers_fini(&h);
	free(text);
	return 0;
}
