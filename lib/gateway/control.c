#include "gateway/control.h"

#include "cache/key.h"
#include "http/cache_control.h"

int
control_read(struct control *out, const struct http_headers *h,
    const struct conf *conf, struct err *err)
{
	struct http_cache_control cc;
	const char *ttl = http_headers_get(h, "X-Cache-TTL");
	const char *ns = http_headers_get(h, "X-Cache-Namespace");

	http_cache_control_parse(&cc, h);
	out->read = !cc.no_cache && !cc.no_store;
	out->store = !cc.no_store;
	out->only_if_cached = cc.only_if_cached;
	out->max_age_s = cc.max_age_s;
	out->ttl_ms = conf->cache.ttl_ms;
	out->namespace = conf->cache.namespace;
	if (ttl != NULL && conf_parse_duration(ttl, &out->ttl_ms) == -1)
		return err_set(err, ERR_BAD_REQUEST,
		    "X-Cache-TTL is a number of seconds, or a number with one "
		    "of ms, s, m, h, d, up to ten years");
	if (ns != NULL && !cache_namespace_ok(ns))
		return err_set(err, ERR_BAD_REQUEST,
		    "X-Cache-Namespace is 1 to %d printable ASCII characters "
		    "without blanks", CACHE_NAMESPACE_MAX);
	if (ns != NULL)
		out->namespace = ns;
	return 0;
}
