#include "gateway/control.h"

#include "base/text.h"
#include "cache/key.h"
#include "http/cache_control.h"

#include <string.h>

/* What a caller has said, by the words of cache.allow_control. */
struct said {
	const char *word;
	bool said;
};

static bool
is_allowed(const char *words, const char *word)
{
	const char *item;
	size_t len;

	while ((item = text_next_item(&words, " \t,", &len)) != NULL) {
		if (strlen(word) == len && memcmp(item, word, len) == 0)
			return true;
	}
	return false;
}

static int
check_allowed(const struct said *said, size_t n, const char *words,
    struct err *err)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (said[i].said && !is_allowed(words, said[i].word))
			return err_set(err, ERR_FORBIDDEN,
			    "callers may not use the cache control '%s' here",
			    said[i].word);
	}
	return 0;
}

/* Whether the cache takes part in a request. */
static bool
is_used(enum cache_use use, int mode)
{
	if (use == CACHE_USE_UNSAID)
		return mode == CONF_MODE_ON;
	return use == CACHE_USE_YES;
}

static void
read_directives(struct control *out, const struct http_cache_control *cc,
    const struct cache_asked *asked)
{
	bool no_store = cc->no_store || asked->no_store;

	out->read = !cc->no_cache && !asked->no_cache && !no_store;
	out->store = !no_store;
	out->only_if_cached = cc->only_if_cached;
	out->max_age_s = cc->max_age_s;
	if (asked->max_age_s >= 0 &&
	    (out->max_age_s < 0 || asked->max_age_s < out->max_age_s))
		out->max_age_s = asked->max_age_s;
}

static int
read_ttl(struct control *out, const char *header,
    const struct cache_asked *asked, const struct conf *conf, struct err *err)
{
	out->ttl_ms = conf->cache.ttl_ms;
	if (header != NULL && conf_parse_duration(header, &out->ttl_ms) == -1)
		return err_set(err, ERR_BAD_REQUEST,
		    "X-Cache-TTL is a number of seconds, or a number with one "
		    "of ms, s, m, h, d, up to ten years");
	if (asked->ttl_s >= 0)
		out->ttl_ms = asked->ttl_s * 1000;
	return 0;
}

static int
read_replay(struct control *out, const char *header, const struct conf *conf,
    struct err *err)
{
	if (header == NULL)
		header = conf->cache.replay;
	if (conf_parse_replay(header, &out->replay) == -1)
		return err_set(err, ERR_BAD_REQUEST,
		    "X-Cache-Replay is instant, recorded, recorded*N for N "
		    "times as fast, or N/s for N events a second, with N from "
		    "0.001 to 1000000");
	return 0;
}

static int
read_namespace(struct control *out, const char *header,
    const struct cache_asked *asked, const struct conf *conf, struct err *err)
{
	out->namespace = conf->cache.namespace;
	if (header != NULL && !cache_namespace_ok(header))
		return err_set(err, ERR_BAD_REQUEST,
		    "X-Cache-Namespace is 1 to %d printable ASCII characters "
		    "without blanks", CACHE_NAMESPACE_MAX);
	if (header != NULL)
		out->namespace = header;
	if (asked->namespace[0] != '\0')
		out->namespace = asked->namespace;
	return 0;
}

int
control_read(struct control *out, const struct http_headers *h,
    const struct cache_asked *asked, const struct conf *conf, struct err *err)
{
	const char *ttl = http_headers_get(h, "X-Cache-TTL");
	const char *replay = http_headers_get(h, "X-Cache-Replay");
	const char *ns = http_headers_get(h, "X-Cache-Namespace");
	struct http_cache_control cc;

	http_cache_control_parse(&cc, h);
	if (asked->wrong[0] != '\0')
		return err_set(err, ERR_BAD_REQUEST,
		    "the cache object of the body: %s", asked->wrong);
	const struct said said[] = {
	    {"no-cache", cc.no_cache || asked->no_cache},
	    {"no-store", cc.no_store || asked->no_store},
	    {"max-age", cc.max_age_s >= 0 || asked->max_age_s >= 0},
	    {"only-if-cached", cc.only_if_cached},
	    {"ttl", ttl != NULL || asked->ttl_s >= 0},
	    {"namespace", ns != NULL || asked->namespace[0] != '\0'},
	    {"replay", replay != NULL},
	    {"use-cache", asked->use != CACHE_USE_UNSAID},
	};

	if (check_allowed(said, sizeof(said) / sizeof(said[0]),
	    conf->cache.allow_control, err) == -1)
		return -1;
	out->used = is_used(asked->use, conf->cache.mode);
	read_directives(out, &cc, asked);
	if (read_ttl(out, ttl, asked, conf, err) == -1 ||
	    read_replay(out, replay, conf, err) == -1)
		return -1;
	return read_namespace(out, ns, asked, conf, err);
}
