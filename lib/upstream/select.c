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

/* Make the group of a section and this glob of it; NULL: it is alone. */
static void
gather(const struct conf *conf, const struct conf_upstream *first,
    const char *glob, size_t glob_len, struct upstream_group *out)
{
	size_t i;

	*out = (struct upstream_group){.glob = glob, .glob_len = glob_len};
	add(out, first);
	for (i = 0; glob != NULL && i < conf->n_upstreams; i++) {
		if (&conf->upstreams[i] != first &&
		    lists(&conf->upstreams[i], glob, glob_len))
			add(out, &conf->upstreams[i]);
	}
}

int
upstream_group_of(const struct conf *conf, const char *model,
    struct upstream_group *out)
{
	const struct conf_upstream *first = upstream_select(conf, model);
	const char *glob;
	size_t len = 0;

	if (first == NULL)
		return -1;
	/* The one that gets what names no model need not list it. */
	glob = matching(first, model == NULL ? "" : model, &len);
	gather(conf, first, glob, len, out);
	return 0;
}

/* Whether place, an item of models of u, is where a glob is first listed. */
static bool
is_first_place(const struct conf *conf, const struct conf_upstream *u,
    const char *place, size_t len)
{
	const struct conf_upstream *above;
	const char *rest = models_of(u), *item;
	size_t n;

	for (above = conf->upstreams; above < u; above++) {
		if (lists(above, place, len))
			return false;
	}
	while ((item = text_next_item(&rest, SEPARATORS, &n)) != place) {
		if (n == len && memcmp(item, place, n) == 0)
			return false;
	}
	return true;
}

void
upstream_each_group(const struct conf *conf,
    void (*each)(void *arg, const struct upstream_group *group), void *arg)
{
	const struct conf_upstream *u = conf->upstreams;
	const struct conf_upstream *end = u + conf->n_upstreams;
	struct upstream_group group;
	const char *rest, *item;
	size_t len;

	for (; u < end; u++) {
		rest = models_of(u);
		while ((item = text_next_item(&rest, SEPARATORS,
		    &len)) != NULL) {
			if (!is_first_place(conf, u, item, len))
				continue;
			gather(conf, u, item, len, &group);
			each(arg, &group);
		}
	}
}

bool
upstream_group_is_fallback(const struct upstream_group *group,
    const struct conf_upstream *member)
{
	return member->priority > group->best;
}
