#include "cache/memcached_client.h"

#include "base/clock.h"

#include <libmemcached/memcached.h>
#include <libmemcached/util.h>

#include <stdlib.h>
#include <string.h>

struct memcached_ring {
	memcached_st *mc; /* never connects */
};

struct memcached_client {
	memcached_pool_st *pool;
};

enum {
	SMALL_GET = 8,                  /* names of a get that need no memory */
	RELATIVE_MAX_S = 30 * 24 * 3600 /* longer is a date: protocol.txt */
};

/* How one try of an operation went. */
enum outcome {
	ANSWERED, /* the server's answer is in result */
	DROPPED,  /* the connection was gone: it may have been an old one */
	FAILED    /* refused, timed out, or nonsense */
};

struct attempt {
	const struct memcached_op *op;
	enum store_result result;
	memcached_return_t rc;
	int errnum; /* of the system, or 0 */
};

/* ---- reading libmemcached's return codes -------------------------------- */

/*
 * Read libmemcached's return code once the connection is at fault.
 * A time-out is not tried again: the request has waited long enough.
 */
static enum outcome
fault(memcached_st *mc, struct attempt *a, memcached_return_t rc)
{
	memcached_return_t last = memcached_last_error(mc);

	/* A write that timed out says only here what it was. */
	a->rc = last != MEMCACHED_SUCCESS ? last : rc;
	a->errnum = memcached_last_error_errno(mc);
	a->result = STORE_DOWN;
	switch (a->rc) {
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
judge(memcached_st *mc, struct attempt *a, memcached_return_t rc)
{
	a->rc = rc;
	switch (rc) {
	case MEMCACHED_SUCCESS:
	case MEMCACHED_STORED:
	case MEMCACHED_DELETED:
		a->result = STORE_OK;
		return ANSWERED;
	case MEMCACHED_NOTSTORED:
	case MEMCACHED_DATA_EXISTS:
	case MEMCACHED_NOTFOUND:
		a->result = STORE_ABSENT;
		return ANSWERED;
	case MEMCACHED_E2BIG:
	case MEMCACHED_SERVER_MEMORY_ALLOCATION_FAILURE:
	case MEMCACHED_SERVER_ERROR:
	case MEMCACHED_CLIENT_ERROR:
	case MEMCACHED_ERROR:
	case MEMCACHED_BAD_KEY_PROVIDED:
	case MEMCACHED_KEY_TOO_BIG:
		a->result = STORE_REFUSED;
		return ANSWERED;
	default:
		return fault(mc, a, rc);
	}
}

/* ---- what changes something --------------------------------------------- */

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

static enum outcome
attempt_set(memcached_st *mc, struct attempt *a)
{
	const struct memcached_op *op = a->op;
	enum outcome out = judge(mc, a, memcached_set(mc, op->name,
	    strlen(op->name), op->data, op->len, expiry(op->ttl_s), 0));

	if (a->result == STORE_ABSENT)
		a->result = STORE_REFUSED;
	return out;
}

static enum outcome
attempt_add(memcached_st *mc, struct attempt *a)
{
	const struct memcached_op *op = a->op;

	return judge(mc, a, memcached_add(mc, op->name, strlen(op->name),
	    op->data, op->len, expiry(op->ttl_s), 0));
}

static enum outcome
attempt_remove(memcached_st *mc, struct attempt *a)
{
	const char *name = a->op->name;

	return judge(mc, a, memcached_delete(mc, name, strlen(name), 0));
}

/* ---- getting ------------------------------------------------------------ */

static void
drop_values(const struct memcached_op *op)
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
asked_for(const struct memcached_op *op, size_t *next,
    const memcached_result_st *result)
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
read_values(memcached_st *mc, struct attempt *a)
{
	memcached_result_st result;
	struct store_value *v;
	size_t next = 0, room = a->op->max_bytes;
	memcached_return_t rc;
	bool foreign = false;

	memcached_result_create(mc, &result);
	while (!foreign && memcached_fetch_result(mc, &result, &rc) != NULL) {
		v = asked_for(a->op, &next, &result);
		foreign = v == NULL;
		if (!foreign)
			take_value(v, &result, &room);
	}
	memcached_result_free(&result);
	if (foreign)
		return fault(mc, a, MEMCACHED_PROTOCOL_ERROR);
	/* Some broken connections are reported as NOTFOUND. */
	if ((rc != MEMCACHED_END && rc != MEMCACHED_NOTFOUND) ||
	    memcached_last_error(mc) != MEMCACHED_SUCCESS)
		return fault(mc, a, rc);
	a->rc = rc;
	a->result = STORE_OK;
	return ANSWERED;
}

static enum outcome
get_names(memcached_st *mc, struct attempt *a, const char **names,
    size_t *lens)
{
	enum outcome out;
	memcached_return_t rc;
	size_t i;

	for (i = 0; i < a->op->n; i++) {
		names[i] = a->op->values[i].name;
		lens[i] = strlen(names[i]);
	}
	rc = memcached_mget(mc, names, lens, a->op->n);
	out = rc == MEMCACHED_SUCCESS ? read_values(mc, a) : fault(mc, a, rc);
	if (out != ANSWERED)
		drop_values(a->op);
	return out;
}

static enum outcome
attempt_get(memcached_st *mc, struct attempt *a)
{
	const char *few[SMALL_GET], **names;
	size_t few_lens[SMALL_GET], *lens;
	enum outcome out = FAILED;

	if (a->op->n <= SMALL_GET)
		return get_names(mc, a, few, few_lens);
	names = calloc(a->op->n, sizeof(*names));
	lens = calloc(a->op->n, sizeof(*lens));
	if (names != NULL && lens != NULL)
		out = get_names(mc, a, names, lens);
	else
		a->rc = MEMCACHED_MEMORY_ALLOCATION_FAILURE;
	free(names);
	free(lens);
	return out;
}

/* ---- running an operation ----------------------------------------------- */

static enum outcome (*const attempts[])(memcached_st *mc,
    struct attempt *a) = {
    [MEMCACHED_GET] = attempt_get,
    [MEMCACHED_SET] = attempt_set,
    [MEMCACHED_ADD] = attempt_add,
    [MEMCACHED_REMOVE] = attempt_remove,
};

/* Try, and once more when the connection turns out to be gone. */
static enum outcome
try_twice(memcached_st *mc, struct attempt *a)
{
	enum outcome out = attempts[a->op->verb](mc, a);

	if (out == DROPPED) {
		memcached_quit(mc);
		out = attempts[a->op->verb](mc, a);
	}
	/* What a broken connection still has to say is nobody's answer. */
	if (out != ANSWERED)
		memcached_quit(mc);
	return out;
}

enum memcached_outcome
memcached_client_run(struct memcached_client *client,
    const struct memcached_op *op, enum store_result *result, struct err *err)
{
	struct attempt a = {.op = op, .result = STORE_DOWN};
	memcached_return_t rc;
	memcached_st *mc;
	enum outcome out;

	*result = STORE_DOWN;
	/* Its own wait adds the time-out to the present second, cut off. */
	mc = memcached_pool_fetch(client->pool, NULL, &rc);
	if (mc == NULL)
		return MEMCACHED_NOT_ASKED;
	out = try_twice(mc, &a);
	memcached_pool_release(client->pool, mc);
	*result = a.result;
	if (out == ANSWERED)
		return MEMCACHED_ANSWERED;
	if (a.errnum != 0)
		err_sys(err, ERR_STORE, a.errnum, "system");
	else
		err_set(err, ERR_STORE, "%s", memcached_strerror(NULL, a.rc));
	return MEMCACHED_SILENT;
}

/* ---- setting up --------------------------------------------------------- */

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

static memcached_pool_st *
make_pool(const struct address *server, int max, int64_t timeout_ms)
{
	memcached_st *mc = memcached_create(NULL);
	memcached_pool_st *pool = NULL;

	if (mc != NULL && set_up(mc, timeout_ms) == MEMCACHED_SUCCESS &&
	    add_address(mc, server) == MEMCACHED_SUCCESS)
		pool = memcached_pool_create(mc, 1, (uint32_t)max);
	if (pool == NULL)
		memcached_free(mc);
	return pool;
}

struct memcached_client *
memcached_client_new(const struct address *server, int max,
    int64_t timeout_ms)
{
	struct memcached_client *client = calloc(1, sizeof(*client));

	if (client == NULL)
		return NULL;
	client->pool = make_pool(server, max, timeout_ms);
	if (client->pool != NULL)
		return client;
	free(client);
	return NULL;
}

void
memcached_client_free(struct memcached_client *client)
{
	if (client == NULL)
		return;
	memcached_free(memcached_pool_destroy(client->pool));
	free(client);
}

/* ---- placing names ------------------------------------------------------ */

struct memcached_ring *
memcached_ring_new(const struct address *list, size_t n)
{
	struct memcached_ring *ring = calloc(1, sizeof(*ring));
	memcached_return_t rc;
	size_t i;

	if (ring == NULL)
		return NULL;
	ring->mc = memcached_create(NULL);
	rc = ring->mc != NULL ? MEMCACHED_SUCCESS : MEMCACHED_FAILURE;
	if (rc == MEMCACHED_SUCCESS)
		rc = memcached_behavior_set(ring->mc,
		    MEMCACHED_BEHAVIOR_HASH, MEMCACHED_HASH_MD5);
	if (rc == MEMCACHED_SUCCESS)
		rc = memcached_behavior_set(ring->mc,
		    MEMCACHED_BEHAVIOR_KETAMA, 1);
	for (i = 0; i < n && rc == MEMCACHED_SUCCESS; i++)
		rc = add_address(ring->mc, &list[i]);
	if (rc == MEMCACHED_SUCCESS)
		return ring;
	memcached_ring_free(ring);
	return NULL;
}

void
memcached_ring_free(struct memcached_ring *ring)
{
	if (ring == NULL)
		return;
	memcached_free(ring->mc);
	free(ring);
}

size_t
memcached_ring_place(struct memcached_ring *ring, const char *name)
{
	return memcached_generate_hash(ring->mc, name, strlen(name));
}
