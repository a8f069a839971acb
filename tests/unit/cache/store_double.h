/*
 * A store in memory for tests: a table of names, with switches for what can
 * go wrong. One thread.
 */
#ifndef STORE_DOUBLE_H
#define STORE_DOUBLE_H

#include "cache/store.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DOUBLE_SLOTS = 4096 };

struct double_item {
	char name[251];
	size_t server; /* that it is on */
	char *data; /* NULL: the slot is free */
	size_t len;
	int64_t ttl_s;
	int64_t put_us;
};

struct store_double {
	struct store store;
	struct double_item items[DOUBLE_SLOTS];
	int calls;            /* of any operation, counted from 0 */
	int fail_at;          /* this call fails, and ... */
	int fail_count;       /* ... so many from it on; 0: none */
	enum store_result fail_with;
	bool lost_answer;     /* a failing write is carried out all the same */
	int gets;
	int sets;
	size_t servers;
	size_t down_server;   /* SIZE_MAX: none */
	int64_t (*now_us)(void); /* by which values run out; NULL: never */
	/* Called before each operation but those that it makes itself. */
	void (*before)(struct store_double *d, int call);
	bool in_before;
};

static inline struct store_double *
double_of(struct store *s)
{
	return (struct store_double *)s;
}

/* The server of a group, by its last byte as a hex digit. */
static inline size_t
double_server_of(struct store *s, const char *group)
{
	char c = group[strlen(group) - 1];

	return (size_t)(c >= 'a' && c <= 'f' ? c - 'a' + 10 : c & 15) %
	    double_of(s)->servers;
}

static inline bool
double_is_down(struct store *s, const char *group)
{
	return double_server_of(s, group) == double_of(s)->down_server;
}

/* Whether the present call is to fail. */
static inline bool
double_fails(struct store_double *d)
{
	int call = d->calls++;

	if (d->before != NULL && !d->in_before) {
		d->in_before = true;
		d->before(d, call);
		d->in_before = false;
	}
	return call >= d->fail_at && call - d->fail_at < d->fail_count;
}

static inline void
double_drop(struct double_item *item)
{
	free(item->data);
	item->data = NULL;
}

static inline bool
double_ran_out(const struct store_double *d, const struct double_item *item)
{
	return d->now_us != NULL && item->ttl_s > 0 &&
	    d->now_us() - item->put_us >= item->ttl_s * 1000000;
}

static inline struct double_item *
double_find(struct store_double *d, size_t server, const char *name)
{
	struct double_item *item;
	size_t i;

	for (i = 0; i < DOUBLE_SLOTS; i++) {
		item = &d->items[i];
		if (item->data == NULL || item->server != server ||
		    strcmp(item->name, name) != 0)
			continue;
		if (!double_ran_out(d, item))
			return item;
		double_drop(item);
		return NULL;
	}
	return NULL;
}

/* The n-th item whose name contains part, or NULL. */
static inline struct double_item *
double_nth(struct store_double *d, const char *part, size_t n)
{
	size_t i;

	for (i = 0; i < DOUBLE_SLOTS; i++) {
		if (d->items[i].data != NULL &&
		    strstr(d->items[i].name, part) != NULL && n-- == 0)
			return &d->items[i];
	}
	return NULL;
}

static inline size_t
double_count(struct store_double *d)
{
	size_t i, n = 0;

	for (i = 0; i < DOUBLE_SLOTS; i++)
		n += d->items[i].data != NULL;
	return n;
}

static inline void
double_put_on(struct store_double *d, size_t server, const char *name,
    const void *data, size_t len, int64_t ttl_s)
{
	struct double_item *item = double_find(d, server, name);
	size_t i;

	for (i = 0; item == NULL && i < DOUBLE_SLOTS; i++) {
		if (d->items[i].data == NULL)
			item = &d->items[i];
	}
	if (item == NULL)
		abort();
	free(item->data);
	snprintf(item->name, sizeof(item->name), "%s", name);
	item->data = malloc(len > 0 ? len : 1);
	if (item->data == NULL)
		abort();
	if (len > 0)
		memcpy(item->data, data, len);
	item->server = server;
	item->len = len;
	item->ttl_s = ttl_s;
	item->put_us = d->now_us != NULL ? d->now_us() : 0;
}

/* On the first server. */
static inline void
double_put(struct store_double *d, const char *name, const void *data,
    size_t len, int64_t ttl_s)
{
	double_put_on(d, 0, name, data, len, ttl_s);
}

static inline enum store_result
double_get(struct store *s, const char *group, struct store_value *values,
    size_t n, size_t max_bytes)
{
	struct store_double *d = double_of(s);
	struct double_item *item;
	size_t i;

	d->gets++;
	if (double_fails(d))
		return d->fail_with == STORE_DOWN ? STORE_DOWN : STORE_OK;
	if (double_is_down(s, group))
		return STORE_DOWN;
	for (i = 0; i < n; i++) {
		item = double_find(d, double_server_of(s, group),
		    values[i].name);
		if (item == NULL || item->len > max_bytes)
			continue;
		max_bytes -= item->len;
		values[i].result = STORE_OK;
		values[i].len = item->len;
		values[i].data = malloc(item->len > 0 ? item->len : 1);
		if (values[i].data == NULL)
			abort();
		memcpy(values[i].data, item->data, item->len);
	}
	return STORE_OK;
}

static inline enum store_result
double_set(struct store *s, const char *group, const char *name,
    const void *data, size_t len, int64_t ttl_s)
{
	struct store_double *d = double_of(s);
	bool fails = double_fails(d);

	d->sets++;
	if (double_is_down(s, group))
		return STORE_DOWN;
	if (!fails || d->lost_answer)
		double_put_on(d, double_server_of(s, group), name, data, len,
		    ttl_s);
	return fails ? d->fail_with : STORE_OK;
}

static inline enum store_result
double_add(struct store *s, const char *group, const char *name,
    const void *data, size_t len, int64_t ttl_s)
{
	struct store_double *d = double_of(s);
	size_t server = double_server_of(s, group);
	bool fails = double_fails(d), absent;

	if (double_is_down(s, group))
		return STORE_DOWN;
	absent = double_find(d, server, name) == NULL;
	if (absent && (!fails || d->lost_answer))
		double_put_on(d, server, name, data, len, ttl_s);
	return fails ? d->fail_with : absent ? STORE_OK : STORE_ABSENT;
}

static inline enum store_result
double_remove(struct store *s, const char *group, const char *name)
{
	struct store_double *d = double_of(s);
	struct double_item *item;
	bool fails = double_fails(d);

	if (double_is_down(s, group))
		return STORE_DOWN;
	item = double_find(d, double_server_of(s, group), name);
	if (item != NULL && (!fails || d->lost_answer))
		double_drop(item);
	return fails ? d->fail_with : item != NULL ? STORE_OK : STORE_ABSENT;
}

static inline size_t
double_server_count(struct store *s)
{
	return double_of(s)->servers;
}

static inline int
double_server_group(struct store *s, size_t server, char *group, size_t size)
{
	(void)s;
	snprintf(group, size, "server-%zu", server);
	return 0;
}

static inline void
double_server_label(struct store *s, size_t server, char *label, size_t size)
{
	(void)s;
	snprintf(label, size, "host-%zu:11211", server);
}

static inline void
double_free(struct store *s)
{
	struct store_double *d = double_of(s);
	size_t i;

	for (i = 0; i < DOUBLE_SLOTS; i++)
		free(d->items[i].data);
	free(d);
}

static inline struct store_double *
double_new(void)
{
	static const struct store_ops ops = {
	    .get = double_get,
	    .set = double_set,
	    .add = double_add,
	    .remove = double_remove,
	    .server_count = double_server_count,
	    .server_of = double_server_of,
	    .server_group = double_server_group,
	    .server_label = double_server_label,
	    .free = double_free,
	};
	struct store_double *d = calloc(1, sizeof(*d));

	if (d == NULL)
		abort();
	d->store.ops = &ops;
	d->servers = 1;
	d->down_server = SIZE_MAX;
	d->fail_with = STORE_DOWN;
	return d;
}

#endif
