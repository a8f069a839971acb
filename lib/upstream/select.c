#include "upstream/group.h"

#include "base/text.h"

#include <string.h>

enum { GLOB_MAX = 256 };

#define SEPARATORS " \t,"

/* What a section lists. */
static const char *
models_of(const struct conf_upstream *upstream)
{
	const char *models = upstream->models;

	if (models == NULL || models[strspn(models, SEPARATORS)] == '\0')
		return "*";
	return models;
}

/* The glob of a section that matches a model, or NULL. */
static const char *
matching(const struct conf_upstream *upstream, const char *model,
    size_t *len)
{
	const char *rest = models_of(upstream), *item;
	char glob[GLOB_MAX];

	while ((item = text_next_item(&rest, SEPARATORS, len)) != NULL) {
		if (*len >= sizeof(glob))
			continue;
		memcpy(glob, item, *len);
		glob[*len] = '\0';
		if (text_glob(glob, model))
			return item;
	}
	return NULL;
}

static bool
lists(const struct conf_upstream *upstream, const char *glob, size_t len)
{
	const char *rest = models_of(upstream), *item;
	size_t n;

	while ((item = text_next_item(&rest, SEPARATORS, &n)) != NULL) {
		if (n == len && memcmp(item, glob, n) == 0)
			return true;
	}
	return false;
}

const struct conf_upstream *
upstream_select(const struct conf *conf, const char *model)
{
	size_t i, len;

	for (i = 0; i < conf->n_upstreams; i++) {
		if (model == NULL || model[0] == '\0' ||
		    matching(&conf->upstreams[i], model, &len) != NULL)
			return &conf->upstreams[i];
	}
	return NULL;
}

static void
add(struct upstream_group *group, const struct conf_upstream *upstream)
{
	if (group->count == UPSTREAM_GROUP_MAX)
		return;
	if (group->count == 0 || upstream->priority < group->best)
		group->best = upstream->priority;
	group->member[group->count++] = upstream;
}

int
upstream_group_of(const struct conf *conf, const char *model,
    struct upstream_group *out)
{
	const struct conf_upstream *first = upstream_select(conf, model);
	size_t i;

	out->count = 0;
	if (first == NULL)
		return -1;
	add(out, first);
	/* The one that gets what names no model may not match it: alone. */
	out->glob = matching(first, model == NULL ? "" : model,
	    &out->glob_len);
	for (i = 0; out->glob != NULL && i < conf->n_upstreams; i++) {
		if (&conf->upstreams[i] != first &&
		    lists(&conf->upstreams[i], out->glob, out->glob_len))
			add(out, &conf->upstreams[i]);
	}
	return 0;
}

bool
upstream_group_is_fallback(const struct upstream_group *group,
    const struct conf_upstream *member)
{
	return member->priority > group->best;
}
