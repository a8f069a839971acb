/*
 * The upstreams that serve a model together.
 */
#ifndef UPSTREAM_GROUP_H
#define UPSTREAM_GROUP_H

#include "conf/conf.h"

#include <stdbool.h>
#include <stddef.h>

/* A section beyond so many of one group is never asked. */
enum { UPSTREAM_GROUP_MAX = 64 };

struct upstream_group {
	/* The first is the selected one, the others in the file's order. */
	const struct conf_upstream *member[UPSTREAM_GROUP_MAX];
	size_t count;
	/* What makes them one: the glob they all list; not terminated. */
	const char *glob;
	size_t glob_len;
	int64_t best; /* the least priority number among them */
};

/*
 * The upstream that serves a model: the first whose models= globs match.
 * model NULL or "": the first upstream. NULL when there is none. Any
 * thread.
 */
const struct conf_upstream *upstream_select(const struct conf *conf,
    const char *model);

/*
 * The group of a model: the upstream that upstream_select gives, and all
 * that list the very glob by which it was selected; absent models= count as
 * "*". A glob that merely matches the model too is not enough: a caller's
 * credential must not get to another provider by accident. 0, or -1 when
 * no upstream serves it. Any thread.
 */
int upstream_group_of(const struct conf *conf, const char *model,
    struct upstream_group *out);

/*
 * Call each() for every glob that the sections list, once, with the group
 * that it makes; also when that is one section alone. Any thread.
 */
void upstream_each_group(const struct conf *conf,
    void (*each)(void *arg, const struct upstream_group *group), void *arg);

/* Whether a member is there for when others fail. Any thread. */
bool upstream_group_is_fallback(const struct upstream_group *group,
    const struct conf_upstream *member);

#endif
