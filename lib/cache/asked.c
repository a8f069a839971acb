#include "cache/asked.h"

#include "cache/key.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

enum { SECONDS_MAX = 3650 * 24 * 3600 };

void
cache_asked_init(struct cache_asked *asked)
{
	memset(asked, 0, sizeof(*asked));
	asked->ttl_s = -1;
	asked->max_age_s = -1;
}

static bool
take_flag(struct cache_asked *asked, const char *name, const json_t *value,
    bool *flag)
{
	if (!json_is_boolean(value)) {
		snprintf(asked->wrong, sizeof(asked->wrong),
		    "%s is true or false", name);
		return false;
	}
	*flag = json_is_true(value);
	return true;
}

static void
take_seconds(struct cache_asked *asked, const char *name,
    const json_t *value, int64_t *seconds)
{
	json_int_t n = json_integer_value(value);

	if (!json_is_integer(value) || n < 0 || n > SECONDS_MAX)
		snprintf(asked->wrong, sizeof(asked->wrong),
		    "%s is a whole number of seconds, up to ten years", name);
	else
		*seconds = n;
}

static void
take_namespace(struct cache_asked *asked, const json_t *value)
{
	const char *ns = json_string_value(value);

	if (ns == NULL || strlen(ns) != json_string_length(value) ||
	    !cache_namespace_ok(ns))
		snprintf(asked->wrong, sizeof(asked->wrong),
		    "namespace is 1 to %d printable ASCII characters without "
		    "blanks", CACHE_NAMESPACE_MAX);
	else
		memcpy(asked->namespace, ns, strlen(ns) + 1);
}

static void
take(struct cache_asked *asked, const char *name, const json_t *value)
{
	bool use;

	if (json_is_null(value))
		return;
	if (strcmp(name, "no-cache") == 0)
		take_flag(asked, name, value, &asked->no_cache);
	else if (strcmp(name, "no-store") == 0)
		take_flag(asked, name, value, &asked->no_store);
	else if (strcmp(name, "use-cache") == 0) {
		if (take_flag(asked, name, value, &use))
			asked->use = use ? CACHE_USE_YES : CACHE_USE_NO;
	} else if (strcmp(name, "ttl") == 0)
		take_seconds(asked, name, value, &asked->ttl_s);
	else if (strcmp(name, "s-maxage") == 0 ||
	    strcmp(name, "s-max-age") == 0)
		take_seconds(asked, name, value, &asked->max_age_s);
	else if (strcmp(name, "namespace") == 0)
		take_namespace(asked, value);
	else
		snprintf(asked->wrong, sizeof(asked->wrong),
		    "there is no member %.40s", name);
}

void
cache_asked_read(struct cache_asked *asked, const char *text, size_t len)
{
	json_t *object = json_loadb(text, len, JSON_REJECT_DUPLICATES, NULL);
	json_t *value;
	const char *name;

	cache_asked_init(asked);
	if (!json_is_object(object))
		snprintf(asked->wrong, sizeof(asked->wrong),
		    "it is not a JSON object, or has a member twice");
	json_object_foreach(object, name, value) {
		if (asked->wrong[0] == '\0')
			take(asked, name, value);
	}
	json_decref(object);
}
