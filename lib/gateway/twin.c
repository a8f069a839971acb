/*
 * Cross mode: a stream served from a stored JSON answer, or the reverse,
 * when only that is there and can be said in the other mode without loss.
 */
#include "gateway/exchange.h"

#include "wire/reshape.h"

#include <string.h>

/*
 * An upstream may have answered in the other mode than it was asked for: the
 * stored body then is what this request asks for. Not so a stream without
 * the usage it asks for.
 */
static int
take_as_it_is(struct exchange *x, const struct cache_found *found)
{
	if (x->facts.usage_asked)
		return -1;
	return buf_append(&x->reshaped, found->body,
	    (size_t)found->entry.plain_len);
}

static int
reshape(struct exchange *x, const struct cache_found *found)
{
	const char *body = found->body;
	size_t len = (size_t)found->entry.plain_len;

	buf_reset(&x->reshaped);
	if ((found->entry.mode == ENTRY_STREAM) == x->facts.stream)
		return take_as_it_is(x, found);
	if (found->entry.mode == ENTRY_JSON)
		return wire_reshape_to_stream(&x->reshaped, body, len,
		    x->format, x->facts.usage_asked);
	return wire_reshape_to_json(&x->reshaped, body, len, x->format,
	    json_object_get(found->meta, "usage"));
}

/* Look one twin up. Whether it serves; x then holds it. */
static bool
try_twin(struct exchange *x, bool usage)
{
	uint8_t key[CACHE_KEY_BYTES];
	struct cache_found found;
	struct cache_body twin;
	const char *fwd = x->fwd;

	if (cache_body_twin(&twin, &x->facts, usage) == -1 ||
	    lookup_key_of(x, &twin, key) == -1)
		return false;
	if (cache_lookup(x->gateway->cache, x->control.namespace, key,
	    &found) == CACHE_HIT && lookup_is_fit(x, &found) &&
	    reshape(x, &found) == 0) {
		cache_found_fini(&x->found);
		x->found = found;
		x->stale = false;
		lookup_take_key(x, key);
		return true;
	}
	/* Half a stream may be there that could not be finished. */
	buf_reset(&x->reshaped);
	cache_found_fini(&found);
	x->fwd = fwd;
	return false;
}

bool
lookup_twin(struct exchange *x)
{
	if (!x->gateway->conf->cache.cross_mode || !x->control.read ||
	    x->verdict != WIRE_STORABLE || x->format->to_stream == NULL ||
	    (x->facts.stream && x->facts.options_odd))
		return false;
	if (x->facts.stream)
		return try_twin(x, false);
	/* A stream that tells its usage says more than one that does not. */
	return (x->format->asks_usage && try_twin(x, true)) ||
	    try_twin(x, false);
}
