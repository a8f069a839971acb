#include "upstream/upstream.h"

#include "base/text.h"

#include <string.h>

enum { GLOB_MAX = 256 };

static bool
serves(const struct conf_upstream *upstream, const char *model)
{
	const char *rest = upstream->models;
	char glob[GLOB_MAX];
	const char *item;
	size_t len;

	if (rest == NULL || rest[strspn(rest, " \t,")] == '\0')
		return true;
	while ((item = text_next_item(&rest, " \t,", &len)) != NULL) {
		if (len >= sizeof(glob))
			continue;
		memcpy(glob, item, len);
		glob[len] = '\0';
		if (text_glob(glob, model))
			return true;
	}
	return false;
}

const struct conf_upstream *
upstream_select(const struct conf *conf, const char *model)
{
	for (size_t i = 0; i < conf->n_upstreams; i++) {
		if (model == NULL || model[0] == '\0' ||
		    serves(&conf->upstreams[i], model))
			return &conf->upstreams[i];
	}
	return NULL;
}
