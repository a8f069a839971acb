#include "gateway/exchange.h"

#include "base/text.h"

#include <string.h>
#include <strings.h>

/*
 * Headers of the moment or of the caller: never stored. A name that ends
 * in '*' stands for all that begin so, one that begins with it for all
 * that end so.
 */
static const char *const never_stored[] = {"Date", "Age", "Set-Cookie",
    "Retry-After", "x-ratelimit-*", "anthropic-ratelimit-*", "*request-id",
    "*requestid", "cf-ray", "cf-cache-status", "openai-processing-ms",
    "x-envoy-upstream-service-time", "server-timing", "Content-Length",
    "Location", "Connection", "Keep-Alive", "Transfer-Encoding", "Via", NULL};

/* Headers that are about another hop or cache, or that we say ourselves. */
static const char *const never_passed[] = {"X-Cache", "Cache-Status",
    "Alt-Svc", "X-Request-Id", NULL};

/* Headers that speak of the very bytes of a body (RFC 9110, RFC 9530). */
static const char *const about_bytes[] = {"ETag", "Content-MD5", "Digest",
    "Content-Digest", "Repr-Digest", "Content-Length", "Content-Encoding",
    "Content-Range", "Accept-Ranges", "Last-Modified", NULL};

/* Request headers meant for Reprise alone. */
static const char *const said_to_us[] = {"X-Cache-*", NULL};

static bool
is_like(const char *name, const char *pattern)
{
	size_t len = strlen(name), n = strlen(pattern);

	if (pattern[n - 1] == '*')
		return strncasecmp(name, pattern, n - 1) == 0;
	if (pattern[0] == '*')
		return len >= n - 1 &&
		    strcasecmp(name + len - (n - 1), pattern + 1) == 0;
	return strcasecmp(name, pattern) == 0;
}

static bool
is_listed(const char *name, const char *const *list)
{
	for (; *list != NULL; list++) {
		if (is_like(name, *list))
			return true;
	}
	return false;
}

bool
headers_replayable(const char *name, enum entry_mode mode)
{
	/* What a stream says of caching is meant for proxies on its way. */
	if (mode == ENTRY_STREAM && strcasecmp(name, "Cache-Control") == 0)
		return false;
	return headers_pass_down(name) && !is_listed(name, never_stored);
}

bool
headers_pass_down(const char *name)
{
	return !http_is_server_order(name) && !is_listed(name, never_passed);
}

bool
headers_about_bytes(const char *name)
{
	return is_listed(name, about_bytes);
}

int
headers_vary_value(char out[VARY_HEX], const struct http_headers *in,
    const char *name)
{
	const char *value = http_headers_get(in, name);
	uint8_t digest[DIGEST_BYTES];

	if (value == NULL)
		value = "";
	if (digest_sha256(value, strlen(value), digest) == -1)
		return -1;
	text_hex(digest, sizeof(digest), out);
	return 0;
}

int
headers_for_upstream(struct http_headers *out, const struct http_headers *in,
    bool cached_format)
{
	const struct http_header *h;
	size_t i;

	for (i = 0; i < in->count; i++) {
		h = &in->list[i];
		if (is_listed(h->name, said_to_us))
			continue;
		/*
		 * For what we cache, Cache-Control spoke to this cache;
		 * elsewhere it is the upstream's to read.
		 */
		if (cached_format && strcasecmp(h->name, "Cache-Control") == 0)
			continue;
		if (http_headers_add(out, h->name, h->value) == -1)
			return -1;
	}
	return 0;
}
