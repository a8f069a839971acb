#include "cache/memcached.h"

#include "base/diag.h"
#include "cache/gate.h"
#include "cache/memcached_client.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { GROUP_TRIES = 100 * 1000 /* to find a name placed on a server */ };

/*
 * One memcached. Each has its own client, so that threads waiting for a
 * server that hangs hold no connection to the others. The gate lets as many
 * in as the client has connections. Both lock for themselves.
 */
struct server {
	char label[ADDRESS_MAX];
	struct memcached_client *client;
	struct gate gate;
};

struct memcached_store {
	struct store store;
	struct memcached_ring *ring;
	struct server *servers; /* in the ring's order */
	size_t n_servers;
};

static struct memcached_store *
self(struct store *s)
{
	return (struct memcached_store *)s;
}

/* ---- operations --------------------------------------------------------- */

/* Say once what became of a server. */
static void
tell(const struct server *sv, bool answered, const struct err *why)
{
	if (answered)
		diag(LOG_NOTICE, "memcached %s answers again", sv->label);
	else
		diag(LOG_WARNING, "memcached %s does not answer: %s",
		    sv->label, why->text);
}

static size_t
place(struct memcached_store *m, const char *group)
{
	return memcached_ring_place(m->ring, group);
}

/* Run an operation on its group's server. */
static enum store_result
run(struct memcached_store *m, const char *group,
    const struct memcached_op *op)
{
	struct server *sv = &m->servers[place(m, group)];
	enum breaker_pass pass = gate_enter(&sv->gate);
	enum memcached_outcome outcome;
	enum store_result result;
	struct err why = ERR_INIT;
	bool answered;

	if (pass == BREAKER_REFUSE)
		return STORE_DOWN;
	outcome = memcached_client_run(sv->client, op, &result, &why);
	if (outcome == MEMCACHED_NOT_ASKED) {
		gate_return(&sv->gate, pass);
		return STORE_DOWN;
	}
	answered = outcome == MEMCACHED_ANSWERED;
	if (gate_leave(&sv->gate, pass, answered))
		tell(sv, answered, &why);
	return result;
}

static enum store_result
op_get(struct store *s, const char *group, struct store_value *values,
    size_t n, size_t max_bytes)
{
	const struct memcached_op op = {.verb = MEMCACHED_GET,
	    .values = values, .n = n, .max_bytes = max_bytes};

	return run(self(s), group, &op);
}

static enum store_result
op_set(struct store *s, const char *group, const char *name,
    const void *data, size_t len, int64_t ttl_s)
{
	const struct memcached_op op = {.verb = MEMCACHED_SET, .name = name,
	    .data = data, .len = len, .ttl_s = ttl_s};

	return run(self(s), group, &op);
}

static enum store_result
op_add(struct store *s, const char *group, const char *name,
    const void *data, size_t len, int64_t ttl_s)
{
	const struct memcached_op op = {.verb = MEMCACHED_ADD, .name = name,
	    .data = data, .len = len, .ttl_s = ttl_s};

	return run(self(s), group, &op);
}

static enum store_result
op_remove(struct store *s, const char *group, const char *name)
{
	const struct memcached_op op = {.verb = MEMCACHED_REMOVE,
	    .name = name};

	return run(self(s), group, &op);
}

static size_t
op_server_count(struct store *s)
{
	return self(s)->n_servers;
}

static size_t
op_server_of(struct store *s, const char *group)
{
	return place(self(s), group);
}

static int
op_server_group(struct store *s, size_t server, char *group, size_t size)
{
	unsigned i;
	int n;

	for (i = 0; i < GROUP_TRIES; i++) {
		n = snprintf(group, size, "group-%u", i);
		if (n < 0 || (size_t)n >= size)
			return -1;
		if (place(self(s), group) == server)
			return 0;
	}
	return -1;
}

static void
op_server_label(struct store *s, size_t server, char *label, size_t size)
{
	snprintf(label, size, "%s", self(s)->servers[server].label);
}

/* ---- making and freeing ------------------------------------------------- */

static void
server_fini(struct server *sv)
{
	if (sv->client == NULL)
		return;
	memcached_client_free(sv->client);
	gate_fini(&sv->gate);
}

static void
discard(struct memcached_store *m)
{
	size_t i;

	for (i = 0; m->servers != NULL && i < m->n_servers; i++)
		server_fini(&m->servers[i]);
	free(m->servers);
	memcached_ring_free(m->ring);
	free(m);
}

static void
op_free(struct store *s)
{
	discard(self(s));
}

static const struct store_ops memcached_ops = {
    .get = op_get,
    .set = op_set,
    .add = op_add,
    .remove = op_remove,
    .server_count = op_server_count,
    .server_of = op_server_of,
    .server_group = op_server_group,
    .server_label = op_server_label,
    .free = op_free,
};

static int64_t
within(int64_t value, int64_t low, int64_t high)
{
	return value < low ? low : value > high ? high : value;
}

static int
server_init(struct server *sv, const struct address *a,
    const struct memcached_store_config *config)
{
	int max = config->pool_max > 0 ? config->pool_max : 1;
	int64_t timeout_ms = within(config->timeout_ms, 1, INT32_MAX / 1000);

	sv->client = memcached_client_new(a, max, timeout_ms);
	if (sv->client == NULL)
		return -1;
	memcpy(sv->label, a->label, sizeof(sv->label));
	gate_init(&sv->gate, max, timeout_ms, config->retry_ms);
	return 0;
}

static struct memcached_store *
make_store(const struct memcached_store_config *config,
    const struct address *list, size_t n)
{
	struct memcached_store *m = calloc(1, sizeof(*m));
	size_t i;

	if (m == NULL)
		return NULL;
	m->store.ops = &memcached_ops;
	m->n_servers = n;
	m->ring = memcached_ring_new(list, n);
	m->servers = calloc(n, sizeof(*m->servers));
	for (i = 0; m->ring != NULL && m->servers != NULL && i < n; i++) {
		if (server_init(&m->servers[i], &list[i], config) == -1)
			break;
	}
	if (i == n)
		return m;
	discard(m);
	return NULL;
}

struct store *
memcached_store_new(const struct memcached_store_config *config,
    struct err *err)
{
	struct address *list = calloc(ADDRESS_LIST_MAX, sizeof(*list));
	struct memcached_store *m = NULL;
	size_t n = 0;

	if (list != NULL)
		n = address_parse_list(config->servers, list, err);
	if (n > 0)
		m = make_store(config, list, n);
	if (m == NULL)
		err_set(err, ERR_MEMORY, "no memory for the memcached store");
	free(list);
	return m == NULL ? NULL : &m->store;
}
