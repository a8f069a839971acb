#include "cache/memcached.h"

#include "base/clock.h"
#include "base/diag.h"
#include "cache/address.h"
#include "cache/gate.h"

#include <libmemcached/memcached.h>
#include <libmemcached/util.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	SMALL_GET = 8,             /* names of a get that need no memory */
	GROUP_TRIES = 100 * 1000,  /* to find a name placed on a server */
	RELATIVE_MAX_S = 30 * 24 * 3600 /* longer is a date: protocol.txt */
};

/*
 * One memcached. Each has its own pool, so that threads waiting for a
 * server that hangs hold no connection to the others. Gate and pool lock
 * for themselves.
 */
struct server {
	char label[ADDRESS_MAX];
	memcached_pool_st *pool;
	struct gate gate;
};

struct memcached_store {
	struct store store;
	memcached_st *ring;      /* places names; never connects */
	struct server *servers;  /* in the ring's order */
	size_t n_servers;
	int pool_max;
	int64_t timeout_ms;
};

/* How one try of an operation went. */
enum outcome {
	ANSWERED, /* the server's answer is in op->result */
	DROPPED,  /* the connection was gone: it may have been an old one */
	FAILED    /* refused, timed out, or nonsense */
};

struct op {
	enum outcome (*attempt)(memcached_st *mc, struct op *op);
	memcached_return_t rc;
	int errnum; /* of the system, or 0 */
	enum store_result result;
	/* set, add, remove */
	const char *name;
	const char *data;
	size_t len;
	time_t expiry;
	/* get */
	struct store_value *values;
	size_t n;
	size_t max_bytes;
};

static struct memcached_store *
self(struct store *s)
{
	return (struct memcached_store *)s;
}

/*
 * Read libmemcached's return code once the connection is at fault.
 * A time-out is not tried again: the request has waited long enough.
 */
static enum outcome
fault(memcached_st *mc, struct op *op, memcached_return_t rc)
{
	memcached_return_t last = memcached_last_error(mc);

	/* A write that timed out says only here what it was. */
	op->rc = last != MEMCACHED_SUCCESS ? last : rc;
	op->errnum = memcached_last_error_errno(mc);
	op->result = STORE_DOWN;
	switch (op->rc) {
	case MEMCACHED_TIMEOUT:
	case MEMCACHED_HOST_LOOKUP_FAILURE:
	case MEMCACHED_MEMORY_ALLOCATION_FAILURE:
		return FAILED;
	default:
		return DROPPED;
	}
}

/* Read the return code of an operation that changes something. */
static enum outcome
judge(memcached_st *mc, struct op *op, memcached_return_t rc)
{
	op->rc = rc;
	switch (rc) {
	case MEMCACHED_SUCCESS:
	case MEMCACHED_STORED:
	case MEMCACHED_DELETED:
		op->result = STORE_OK;
		return ANSWERED;
	case MEMCACHED_NOTSTORED:
	case MEMCACHED_DATA_EXISTS:
	case MEMCACHED_NOTFOUND:
		op->result = STORE_ABSENT;
		return ANSWERED;
	case MEMCACHED_E2BIG:
	case MEMCACHED_SERVER_MEMORY_ALLOCATION_FAILURE:
	case MEMCACHED_SERVER_ERROR:
	case MEMCACHED_CLIENT_ERROR:
	case MEMCACHED_ERROR:
	case MEMCACHED_BAD_KEY_PROVIDED:
	case MEMCACHED_KEY_TOO_BIG:
		op->result = STORE_REFUSED;
		return ANSWERED;
	default:
		return fault(mc, op, rc);
	}
}

static enum outcome
attempt_set(memcached_st *mc, struct op *op)
{
	enum outcome out = judge(mc, op, memcached_set(mc, op->name,
	    strlen(op->name), op->data, op->len, op->expiry, 0));

	if (op->result == STORE_ABSENT)
		op->result = STORE_REFUSED;
	return out;
}

static enum outcome
attempt_add(memcached_st *mc, struct op *op)
{
	return judge(mc, op, memcached_add(mc, op->name, strlen(op->name),
	    op->data, op->len, op->expiry, 0));
}

static enum outcome
attempt_remove(memcached_st *mc, struct op *op)
{
	return judge(mc, op, memcached_delete(mc, op->name, strlen(op->name),
	    0));
}

static void
drop_values(struct op *op)
{
	size_t i;

	for (i = 0; i < op->n; i++) {
		free(op->values[i].data);
		op->values[i].data = NULL;
		op->values[i].len = 0;
		op->values[i].result = STORE_ABSENT;
	}
}

/*
 * The value that a result answers, at or after *next: memcached answers in
 * the order of the question. NULL: this was never asked for.
 */
static struct store_value *
asked_for(struct op *op, size_t *next, const memcached_result_st *result)
{
	const char *key = memcached_result_key_value(result);
	size_t len = memcached_result_key_length(result);
	const char *name;

	while (key != NULL && *next < op->n) {
		name = op->values[(*next)++].name;
		if (strncmp(name, key, len) == 0 && name[len] == '\0')
			return &op->values[*next - 1];
	}
	return NULL;
}

/* Move a result's bytes into v, unless they pass what is left of *room. */
static void
take_value(struct store_value *v, memcached_result_st *result, size_t *room)
{
	size_t len = memcached_result_length(result);

	if (len > *room)
		return;
	/* By libmemcached's default allocator, malloc; NULL for "". */
	v->data = memcached_result_take_value(result);
	if (v->data == NULL && len > 0)
		return;
	v->len = len;
	v->result = STORE_OK;
	*room -= len;
}

/* Read all answers to a get that was sent. */
static enum outcome
read_values(memcached_st *mc, struct op *op)
{
	memcached_result_st result;
	struct store_value *v;
	size_t next = 0, room = op->max_bytes;
	memcached_return_t rc;
	bool foreign = false;

	memcached_result_create(mc, &result);
	while (!foreign && memcached_fetch_result(mc, &result, &rc) != NULL) {
		v = asked_for(op, &next, &result);
		foreign = v == NULL;
		if (!foreign)
			take_value(v, &result, &room);
	}
	memcached_result_free(&result);
	if (foreign)
		return fault(mc, op, MEMCACHED_PROTOCOL_ERROR);
	/* Some broken connections are reported as NOTFOUND. */
	if ((rc != MEMCACHED_END && rc != MEMCACHED_NOTFOUND) ||
	    memcached_last_error(mc) != MEMCACHED_SUCCESS)
		return fault(mc, op, rc);
	op->rc = rc;
	op->result = STORE_OK;
	return ANSWERED;
}

static enum outcome
get_names(memcached_st *mc, struct op *op, const char **names, size_t *lens)
{
	enum outcome out;
	memcached_return_t rc;
	size_t i;

	for (i = 0; i < op->n; i++) {
		names[i] = op->values[i].name;
		lens[i] = strlen(names[i]);
	}
	rc = memcached_mget(mc, names, lens, op->n);
	out = rc == MEMCACHED_SUCCESS ? read_values(mc, op)
				      : fault(mc, op, rc);
	if (out != ANSWERED)
		drop_values(op);
	return out;
}

static enum outcome
attempt_get(memcached_st *mc, struct op *op)
{
	const char *few[SMALL_GET], **names;
	size_t few_lens[SMALL_GET], *lens;
	enum outcome out = FAILED;

	if (op->n <= SMALL_GET)
		return get_names(mc, op, few, few_lens);
	names = calloc(op->n, sizeof(*names));
	lens = calloc(op->n, sizeof(*lens));
	if (names != NULL && lens != NULL)
		out = get_names(mc, op, names, lens);
	else
		op->rc = MEMCACHED_MEMORY_ALLOCATION_FAILURE;
	free(names);
	free(lens);
	return out;
}

/* Say once what became of a server. */
static void
tell(const struct server *sv, bool answered, const struct op *op)
{
	struct err err = ERR_INIT;
	const char *what = memcached_strerror(NULL, op->rc);

	if (op->errnum != 0) {
		err_sys(&err, ERR_STORE, op->errnum, "system");
		what = err.text;
	}
	if (answered)
		diag(LOG_NOTICE, "memcached %s answers again", sv->label);
	else
		diag(LOG_WARNING, "memcached %s does not answer: %s",
		    sv->label, what);
}

static size_t
place(struct memcached_store *m, const char *group)
{
	return memcached_generate_hash(m->ring, group, strlen(group));
}

/*
 * Try, and once more when the connection turns out to be gone: after a
 * restart of memcached every pooled one is.
 */
static enum outcome
try_twice(memcached_st *mc, struct op *op)
{
	enum outcome out = op->attempt(mc, op);

	if (out == DROPPED) {
		memcached_quit(mc);
		out = op->attempt(mc, op);
	}
	/* What a broken connection still has to say is nobody's answer. */
	if (out != ANSWERED)
		memcached_quit(mc);
	return out;
}

/* Run an operation on its group's server. */
static enum store_result
run(struct memcached_store *m, const char *group, struct op *op)
{
	struct server *sv = &m->servers[place(m, group)];
	enum breaker_pass pass = gate_enter(&sv->gate);
	memcached_return_t rc;
	memcached_st *mc;
	bool answered;

	op->result = STORE_DOWN;
	if (pass == BREAKER_REFUSE)
		return STORE_DOWN;
	/*
	 * The gate has left one free. (The pool's own wait is no use: it adds
	 * the time-out to the present second cut off.)
	 */
	mc = memcached_pool_fetch(sv->pool, NULL, &rc);
	if (mc == NULL) {
		gate_return(&sv->gate, pass);
		return STORE_DOWN;
	}
	answered = try_twice(mc, op) == ANSWERED;
	memcached_pool_release(sv->pool, mc);
	if (gate_leave(&sv->gate, pass, answered))
		tell(sv, answered, op);
	return op->result;
}

/*
 * memcached takes more than 30 days for a date, which it reads as a signed
 * 32-bit number. Dates beyond that live until they are evicted; the entry
 * itself knows how long it is fresh.
 */
static time_t
expiry(int64_t ttl_s)
{
	int64_t now_s = clock_wall_ms() / 1000;

	if (ttl_s < 0)
		return -1;
	if (ttl_s <= RELATIVE_MAX_S)
		return (time_t)ttl_s;
	return ttl_s > INT32_MAX - now_s ? 0 : (time_t)(now_s + ttl_s);
}

static enum store_result
op_get(struct store *s, const char *group, struct store_value *values,
    size_t n, size_t max_bytes)
{
	struct op op = {.attempt = attempt_get, .values = values, .n = n,
	    .max_bytes = max_bytes};

	return run(self(s), group, &op);
}

static enum store_result
op_set(struct store *s, const char *group, const char *name,
    const void *data, size_t len, int64_t ttl_s)
{
	struct op op = {.attempt = attempt_set, .name = name, .data = data,
	    .len = len, .expiry = expiry(ttl_s)};

	return run(self(s), group, &op);
}

static enum store_result
op_add(struct store *s, const char *group, const char *name,
    const void *data, size_t len, int64_t ttl_s)
{
	struct op op = {.attempt = attempt_add, .name = name, .data = data,
	    .len = len, .expiry = expiry(ttl_s)};

	return run(self(s), group, &op);
}

static enum store_result
op_remove(struct store *s, const char *group, const char *name)
{
	struct op op = {.attempt = attempt_remove, .name = name};

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

static void
server_fini(struct server *sv)
{
	if (sv->pool == NULL)
		return;
	memcached_free(memcached_pool_destroy(sv->pool));
	gate_fini(&sv->gate);
}

static void
discard(struct memcached_store *m)
{
	size_t i;

	for (i = 0; m->servers != NULL && i < m->n_servers; i++)
		server_fini(&m->servers[i]);
	free(m->servers);
	memcached_free(m->ring);
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

/*
 * What every connection is told. libmemcached's own giving-up is put out of
 * reach: it counts in whole seconds, a connection at a time, and would
 * still refuse when our breaker lets a probe through.
 */
static memcached_return_t
set_up(memcached_st *mc, int64_t timeout_ms)
{
	const struct {
		memcached_behavior_t name;
		uint64_t value;
	} wanted[] = {
	    {MEMCACHED_BEHAVIOR_TCP_NODELAY, 1},
	    {MEMCACHED_BEHAVIOR_POLL_TIMEOUT, (uint64_t)timeout_ms},
	    {MEMCACHED_BEHAVIOR_CONNECT_TIMEOUT, (uint64_t)timeout_ms},
	    {MEMCACHED_BEHAVIOR_SND_TIMEOUT, (uint64_t)timeout_ms * 1000},
	    {MEMCACHED_BEHAVIOR_RCV_TIMEOUT, (uint64_t)timeout_ms * 1000},
	    {MEMCACHED_BEHAVIOR_SERVER_FAILURE_LIMIT, UINT32_MAX},
	    {MEMCACHED_BEHAVIOR_SERVER_TIMEOUT_LIMIT, UINT32_MAX},
	    {MEMCACHED_BEHAVIOR_RETRY_TIMEOUT, 0},
	    {MEMCACHED_BEHAVIOR_DEAD_TIMEOUT, 0},
	    {MEMCACHED_BEHAVIOR_AUTO_EJECT_HOSTS, 0},
	};
	memcached_return_t rc = MEMCACHED_SUCCESS;
	size_t i;

	for (i = 0; i < sizeof(wanted) / sizeof(wanted[0]) &&
	     rc == MEMCACHED_SUCCESS; i++)
		rc = memcached_behavior_set(mc, wanted[i].name,
		    wanted[i].value);
	return rc;
}

static memcached_return_t
add_address(memcached_st *mc, const struct address *a)
{
	return a->is_path ? memcached_server_add_unix_socket(mc, a->host)
			  : memcached_server_add(mc, a->host, a->port);
}

/* The ring: ketama by MD5, the same for any order of the servers. */
static memcached_st *
make_ring(const struct address *list, size_t n)
{
	memcached_st *ring = memcached_create(NULL);
	memcached_return_t rc;
	size_t i;

	if (ring == NULL)
		return NULL;
	rc = memcached_behavior_set(ring, MEMCACHED_BEHAVIOR_HASH,
	    MEMCACHED_HASH_MD5);
	if (rc == MEMCACHED_SUCCESS)
		rc = memcached_behavior_set(ring, MEMCACHED_BEHAVIOR_KETAMA, 1);
	for (i = 0; i < n && rc == MEMCACHED_SUCCESS; i++)
		rc = add_address(ring, &list[i]);
	if (rc == MEMCACHED_SUCCESS)
		return ring;
	memcached_free(ring);
	return NULL;
}

static int
server_init(struct server *sv, const struct address *a,
    const struct memcached_store *m, int64_t retry_ms)
{
	memcached_st *mc = memcached_create(NULL);

	if (mc == NULL || set_up(mc, m->timeout_ms) != MEMCACHED_SUCCESS ||
	    add_address(mc, a) != MEMCACHED_SUCCESS ||
	    (sv->pool = memcached_pool_create(mc, 1, (uint32_t)m->pool_max)) ==
	    NULL) {
		memcached_free(mc);
		return -1;
	}
	memcpy(sv->label, a->label, sizeof(sv->label));
	gate_init(&sv->gate, m->pool_max, m->timeout_ms, retry_ms);
	return 0;
}

static int64_t
within(int64_t value, int64_t low, int64_t high)
{
	return value < low ? low : value > high ? high : value;
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
	m->pool_max = config->pool_max > 0 ? config->pool_max : 1;
	m->timeout_ms = within(config->timeout_ms, 1, INT32_MAX / 1000);
	m->n_servers = n;
	m->ring = make_ring(list, n);
	m->servers = calloc(n, sizeof(*m->servers));
	for (i = 0; m->ring != NULL && m->servers != NULL && i < n; i++) {
		if (server_init(&m->servers[i], &list[i], m,
		    config->retry_ms) == -1)
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
