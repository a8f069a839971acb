/*
 * Who asks: a digest over all that may tell callers apart, and the name a
 * request goes by. The credential itself is never kept.
 */
#include "gateway/exchange.h"

#include "base/text.h"
#include "http/env.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/*
 * Headers by which upstreams know a caller. Cookies count: a difference
 * that did not matter costs a miss, one that did would cost a leak.
 */
static const char *const credential_headers[] = {"Authorization", "x-api-key",
    "api-key", "x-goog-api-key", "Cookie"};

enum { N_CREDENTIAL_HEADERS =
	   sizeof(credential_headers) / sizeof(credential_headers[0]) };

/* Parts of other names that sound like one ("x-litellm-api-key"). */
static const char *const credential_parts[] = {"authorization", "api-key",
    "apikey", "auth-token", "access-token"};

enum { N_CREDENTIAL_PARTS =
	   sizeof(credential_parts) / sizeof(credential_parts[0]) };

static void
add(struct digest *d, const char *value)
{
	/* An absent credential and an empty one are not the same. */
	digest_update(d, value != NULL ? "+" : "-", 1);
	digest_field(d, value, value != NULL ? strlen(value) : 0);
}

static bool
sounds_like_credential(const char *name)
{
	size_t i;

	for (i = 0; i < N_CREDENTIAL_HEADERS; i++)
		if (strcasecmp(name, credential_headers[i]) == 0)
			return false; /* counted by its name already */
	for (i = 0; i < N_CREDENTIAL_PARTS; i++)
		if (strcasestr(name, credential_parts[i]) != NULL)
			return true;
	return false;
}

/* In their order of arrival: another order costs a miss at most. */
static void
add_others(struct exchange *x, struct digest *d)
{
	const struct http_headers *h = &x->request.headers;
	size_t i;

	for (i = 0; i < h->count; i++) {
		if (!sounds_like_credential(h->list[i].name))
			continue;
		add(d, h->list[i].name);
		add(d, h->list[i].value);
		x->has_credential = true;
	}
}

static void
read_credential(struct exchange *x)
{
	struct digest *d = digest_new();
	const char *value;
	size_t i;

	if (d == NULL)
		return;
	for (i = 0; i < N_CREDENTIAL_HEADERS; i++) {
		value = http_headers_get(&x->request.headers,
		    credential_headers[i]);
		add(d, value);
		if (value != NULL && i + 1 < N_CREDENTIAL_HEADERS)
			x->has_credential = true;
	}
	/*
	 * The web server may have asked for a password or a certificate.
	 * nginx sends the variable empty when it has not.
	 */
	value = http_env(x->conn->envp, "REMOTE_USER");
	if (value != NULL && *value == '\0')
		value = NULL;
	add(d, value);
	add_others(x, d);
	if (digest_finish(d, x->scope) == 0 &&
	    (x->has_credential || value != NULL))
		text_hex(x->scope, 6, x->caller);
}

static bool
is_sane_id(const char *id)
{
	size_t len = strlen(id);

	return len > 0 && len <= REQUEST_ID_MAX &&
	    strspn(id, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	    "0123456789-_.:+/=@") == len;
}

static void
read_request_id(struct exchange *x)
{
	const char *id = http_headers_get(&x->request.headers, "X-Request-Id");
	struct gateway *g = x->gateway;
	uint64_t n;

	if (id != NULL && is_sane_id(id)) {
		memcpy(x->request_id, id, strlen(id) + 1);
		return;
	}
	/* Unlike any other process's, and counted within this one. */
	n = atomic_fetch_add(&g->id_count, 1);
	text_hex(g->id_prefix, sizeof(g->id_prefix), x->request_id);
	snprintf(x->request_id + 2 * sizeof(g->id_prefix), 17, "%016" PRIx64,
	    n);
}

void
identity_read(struct exchange *x)
{
	read_credential(x);
	read_request_id(x);
}
