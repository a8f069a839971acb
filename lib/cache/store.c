#include "cache/store.h"

#include <stdbool.h>

/* memcached's limit of a key (its doc/protocol.txt, "Keys"). */
enum { NAME_MAX_BYTES = 250 };

/*
 * A name that breaks memcached's rules would be read as two names or as a
 * command: such a call never reaches a store.
 */
static bool
name_ok(const char *name)
{
	size_t i;

	for (i = 0; name[i] != '\0'; i++) {
		if (name[i] <= ' ' || name[i] == 0x7f || i == NAME_MAX_BYTES)
			return false;
	}
	return i > 0;
}

enum store_result
store_get(struct store *s, const char *group, struct store_value *values,
    size_t n, size_t max_bytes)
{
	bool ok = name_ok(group);
	size_t i;

	for (i = 0; i < n; i++) {
		values[i].result = STORE_ABSENT;
		values[i].data = NULL;
		values[i].len = 0;
		ok = ok && name_ok(values[i].name);
	}
	if (n == 0 || !ok)
		return STORE_OK;
	return s->ops->get(s, group, values, n, max_bytes);
}

enum store_result
store_set(struct store *s, const char *group, const char *name,
    const void *data, size_t len, int64_t ttl_s)
{
	if (!name_ok(group) || !name_ok(name))
		return STORE_REFUSED;
	return s->ops->set(s, group, name, data, len, ttl_s);
}

enum store_result
store_add(struct store *s, const char *group, const char *name,
    const void *data, size_t len, int64_t ttl_s)
{
	if (!name_ok(group) || !name_ok(name))
		return STORE_REFUSED;
	return s->ops->add(s, group, name, data, len, ttl_s);
}

enum store_result
store_remove(struct store *s, const char *group, const char *name)
{
	if (!name_ok(group) || !name_ok(name))
		return STORE_ABSENT;
	return s->ops->remove(s, group, name);
}

size_t
store_server_count(struct store *s)
{
	return s->ops->server_count(s);
}

size_t
store_server_of(struct store *s, const char *group)
{
	return s->ops->server_of(s, group);
}

int
store_server_group(struct store *s, size_t server, char *group, size_t size)
{
	return s->ops->server_group(s, server, group, size);
}

void
store_server_label(struct store *s, size_t server, char *label, size_t size)
{
	s->ops->server_label(s, server, label, size);
}

void
store_free(struct store *s)
{
	if (s != NULL)
		s->ops->free(s);
}
