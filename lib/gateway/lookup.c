/*
 * From a request to its key, and from the key to an entry that may answer
 * this very request.
 */
#include "gateway/exchange.h"

#include "base/clock.h"
#include "base/text.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

int
key_headers_split(struct key_headers *k, const char *words, struct err *err)
{
	const char *item;
	size_t len, i;
	char *out;

	out = k->text = calloc(1, strlen(words) + 2);
	if (out == NULL)
		return err_set(err, ERR_MEMORY, "out of memory");
	while ((item = text_next_item(&words, " \t,", &len)) != NULL) {
		if (k->count == KEY_HEADERS_MAX)
			return err_set(err, ERR_CONFIG,
			    "cache.key_headers names more than %d headers",
			    KEY_HEADERS_MAX);
		for (i = 0; i < len; i++)
			out[i] = (char)tolower((unsigned char)item[i]);
		k->name[k->count++] = out;
		out += len + 1;
	}
	return 0;
}

void
key_headers_fini(struct key_headers *k)
{
	free(k->text);
	memset(k, 0, sizeof(*k));
}

int
lookup_key_of(const struct exchange *x, const struct cache_body *body,
    uint8_t key[CACHE_KEY_BYTES])
{
	const struct gateway *g = x->gateway;
	struct text_pair headers[KEY_HEADERS_MAX];
	struct cache_key_parts parts = {
	    .method = x->request.method,
	    .path = x->request.path,
	    .query = x->request.query,
	    .upstream_name = x->upstream->name,
	    .upstream_url = x->upstream->url,
	    .namespace = x->control.namespace,
	    .scope = g->conf->cache.scope == CONF_SCOPE_SHARED ? NULL :
	    x->scope,
	    .headers = headers,
	    .body = body,
	};
	const char *value;
	size_t i;

	for (i = 0; i < g->key_headers.count; i++) {
		value = http_headers_get(&x->request.headers,
		    g->key_headers.name[i]);
		if (value == NULL)
			continue;
		headers[parts.n_headers].name = g->key_headers.name[i];
		headers[parts.n_headers++].value = value;
	}
	return cache_key(key, &parts);
}

void
lookup_take_key(struct exchange *x, const uint8_t key[CACHE_KEY_BYTES])
{
	memcpy(x->key, key, sizeof(x->key));
	text_hex(x->key, sizeof(x->key), x->key_hex);
}

int
lookup_key(struct exchange *x, struct err *err)
{
	uint8_t key[CACHE_KEY_BYTES];

	if (lookup_key_of(x, &x->facts, key) == -1)
		return err_set(err, ERR_MEMORY, "the key could not be made");
	lookup_take_key(x, key);
	return 0;
}

int
lookup_vary_differs(void *arg, const char *name, const char *value)
{
	const struct exchange *x = arg;
	char now[VARY_HEX];

	return headers_vary_value(now, &x->request.headers, name) == -1 ||
	    strcmp(now, value) != 0;
}

bool
lookup_is_fit(struct exchange *x, const struct cache_found *found)
{
	int64_t age_ms = clock_wall_ms() - found->entry.created_ms;

	if (cache_found_each(found, "vary", lookup_vary_differs, x) != 0) {
		x->fwd = "fwd=vary-miss";
		return false;
	}
	if (x->control.max_age_s >= 0 &&
	    age_ms > x->control.max_age_s * 1000) {
		x->fwd = "fwd=stale";
		return false;
	}
	return true;
}

static int
take_cache_control(void *arg, const char *name, const char *value)
{
	if (strcasecmp(name, "Cache-Control") != 0)
		return 0;
	return http_headers_add(arg, name, value);
}

/*
 * Whether an answer that was found stale may answer all the same, if the
 * operator wants that and the upstream does not forbid it (RFC 9111 section
 * 4.2.4). What streams say of caching is meant for proxies on their way.
 */
static bool
may_be_stale(const struct exchange *x)
{
	struct http_cache_control cc;
	struct http_headers said;
	bool known;

	if (x->gateway->conf->cache.upstream_no_store == CONF_NO_STORE_IGNORE)
		return true;
	http_headers_init(&said);
	known = cache_found_each(&x->found, "headers", take_cache_control,
	    &said) == 0;
	http_cache_control_parse(&cc, &said);
	http_headers_fini(&said);
	return known && !cc.no_cache && !cc.must_revalidate;
}

/* What was found is past its freshness: x->stale, and why it is not used. */
static void
judge_stale(struct exchange *x)
{
	if (!lookup_is_fit(x, &x->found))
		return;
	x->stale = x->control.read && may_be_stale(x);
	x->fwd = "fwd=stale";
}

bool
lookup_entry(struct exchange *x)
{
	struct cache_found found;
	enum cache_result result;

	/* Also when nothing may be read: storing needs the epoch. */
	result = cache_lookup(x->gateway->cache, x->control.namespace, x->key,
	    &found);
	/* An earlier look may have found a stale entry, and the epoch. */
	if (x->looked_up && result == CACHE_DOWN) {
		counter_add(&x->gateway->counters->store_down, 1);
		cache_found_fini(&found);
		return false;
	}
	if (x->looked_up)
		cache_found_fini(&x->found);
	x->found = found;
	x->looked_up = true;
	x->stale = false;
	x->fwd = "fwd=miss";
	if (result == CACHE_DOWN) {
		counter_add(&x->gateway->counters->store_down, 1);
		x->verdict = WIRE_STORE_DOWN;
	}
	if (result == CACHE_STALE)
		judge_stale(x);
	if (result != CACHE_HIT)
		return false;
	if (!x->control.read) {
		x->fwd = "fwd=request";
		return false;
	}
	return lookup_is_fit(x, &x->found);
}
