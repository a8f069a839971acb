#include "upstream/table.h"

#include "conf/state_path.h"

#include <stdlib.h>
#include <string.h>

_Static_assert(sizeof(_Atomic uint64_t) == sizeof(uint64_t) &&
    ATOMIC_LLONG_LOCK_FREE == 2, "processes share plain 64-bit cells");

static uint64_t
layout_magic(void)
{
	return shared_file_magic("Repr-up1", sizeof(struct health_table));
}

/* ---- names -------------------------------------------------------- */

/* FNV-1a (Fowler, Noll, Vo), 64 bits. */
static uint64_t
hash(uint64_t h, const void *bytes, size_t len)
{
	const unsigned char *at = bytes;

	while (len-- > 0)
		h = (h ^ *at++) * UINT64_C(0x100000001b3);
	return h;
}

static const uint64_t hash_start = UINT64_C(0xcbf29ce484222325);

/* An id is not 0, which means free. */
static uint64_t
as_id(uint64_t h)
{
	return h == 0 ? 1 : h;
}

static uint64_t
id_of(const struct conf_upstream *u)
{
	uint64_t h = hash(hash_start, u->name, strlen(u->name) + 1);

	return as_id(hash(h, u->url, strlen(u->url)));
}

static uint64_t
id_of_turn(const struct upstream_group *group, int64_t priority)
{
	uint64_t h = hash(hash_start, group->glob, group->glob_len);
	uint64_t id;
	size_t i;

	h = hash(h, &priority, sizeof(priority));
	for (i = 0; i < group->count; i++) {
		id = id_of(group->member[i]);
		h = hash(h, &id, sizeof(id));
	}
	return as_id(h);
}

/*
 * Whether the place of *at is, or with make now becomes, that of id; set
 * *free when it is nobody's.
 */
static bool
is_place(_Atomic uint64_t *at, uint64_t id, bool make, bool *free_place)
{
	uint64_t seen = atomic_load(at);

	if (seen == 0 && make && atomic_compare_exchange_strong(at, &seen, id))
		return true;
	*free_place = seen == 0;
	return seen == id;
}

/* NULL when there is no room, or none yet. */
static struct health_slot *
find_slot(struct health_table *table, uint64_t id, bool make)
{
	bool free_place = false;
	struct health_slot *slot;
	size_t i;

	for (i = 0; i < HEALTH_SLOTS && !free_place; i++) {
		slot = &table->slots[(id + i) % HEALTH_SLOTS];
		if (is_place(&slot->id, id, make, &free_place))
			return slot;
	}
	return NULL;
}

uint64_t
health_next_turn(const struct upstream_health *h,
    const struct upstream_group *group, int64_t priority)
{
	uint64_t id = id_of_turn(group, priority);
	bool free_place = false;
	struct health_turn *turn;
	size_t i;

	for (i = 0; i < HEALTH_TURNS && !free_place; i++) {
		turn = &h->table->turns[(id + i) % HEALTH_TURNS];
		if (is_place(&turn->id, id, true, &free_place))
			return atomic_fetch_add(&turn->count, 1);
	}
	return atomic_fetch_add(&h->table->other_turns, 1);
}

/* ---- callers' own limits ------------------------------------------ */

/* A limit's word: so many bits of time in milliseconds, the rest a tag. */
enum { LIMIT_TIME_BITS = 42 };

static const uint64_t limit_time = (UINT64_C(1) << LIMIT_TIME_BITS) - 1;

static uint64_t
who(const struct conf_upstream *upstream, const uint8_t caller[DIGEST_BYTES])
{
	uint64_t id = id_of(upstream);

	return hash(hash(hash_start, caller, DIGEST_BYTES), &id, sizeof(id));
}

void
health_limit(const struct upstream_health *h,
    const struct conf_upstream *upstream, const uint8_t caller[DIGEST_BYTES],
    int64_t until_ms)
{
	uint64_t id = who(upstream, caller);

	atomic_store(&h->table->limits[id % HEALTH_LIMITS],
	    (id & ~limit_time) | ((uint64_t)until_ms & limit_time));
}

int64_t
health_limited_until(const struct upstream_health *h,
    const struct conf_upstream *upstream, const uint8_t caller[DIGEST_BYTES])
{
	uint64_t id = who(upstream, caller);
	uint64_t word = atomic_load(&h->table->limits[id % HEALTH_LIMITS]);

	return (word & ~limit_time) != (id & ~limit_time) ? 0
	    : (int64_t)(word & limit_time);
}

/* ---- opening ------------------------------------------------------ */

static int
find_slots(struct upstream_health *h)
{
	size_t i, n = h->conf->n_upstreams;

	h->own = calloc(n + 1, sizeof(*h->own));
	h->slot = calloc(n + 1, sizeof(struct health_slot *));
	if (h->own == NULL || h->slot == NULL)
		return -1;
	for (i = 0; i < n; i++) {
		h->slot[i] = find_slot(h->table, id_of(&h->conf->upstreams[i]),
		    !h->read_only);
		if (h->slot[i] == NULL)
			h->slot[i] = &h->own[i];
	}
	return 0;
}

/* Steals the table, which may be NULL. */
static struct upstream_health *
make(const struct conf *conf, struct health_table *table, bool read_only)
{
	struct upstream_health *h = calloc(1, sizeof(*h));

	if (h == NULL) {
		shared_file_close(table, sizeof(*table));
		return NULL;
	}
	*h = (struct upstream_health){
	    .conf = conf, .table = table, .read_only = read_only};
	if (table != NULL && find_slots(h) == 0)
		return h;
	upstream_health_close(h);
	return NULL;
}

struct upstream_health *
upstream_health_open(const struct conf *conf, struct err *err)
{
	struct health_table *table = NULL;
	struct conf_state_path at;

	if (conf_state_path(conf, CONF_STATE_UPSTREAMS, &at, err) == 0)
		table = shared_file_open(at.path, sizeof(*table),
		    layout_magic(), err);
	if (table == NULL)
		table = shared_file_private(sizeof(*table), layout_magic());
	return make(conf, table, false);
}

struct upstream_health *
upstream_health_open_existing(const struct conf *conf, struct err *err)
{
	struct upstream_health *h;
	struct conf_state_path at;
	const void *table;

	if (conf_state_path(conf, CONF_STATE_UPSTREAMS, &at, err) == -1)
		return NULL;
	table = shared_file_read(at.path,
	    at.any_user[0] != '\0' ? at.any_user : NULL,
	    sizeof(struct health_table), layout_magic(), err);
	if (table == NULL)
		return NULL;
	/* Nothing that could change it will be done with it. */
	h = make(conf, (struct health_table *)(uintptr_t)table, true);
	if (h == NULL)
		err_set(err, ERR_MEMORY, "out of memory");
	return h;
}

void
upstream_health_close(struct upstream_health *h)
{
	if (h == NULL)
		return;
	shared_file_close(h->table, sizeof(*h->table));
	free(h->own);
	free(h->slot);
	free(h);
}

struct health_slot *
health_slot_of(const struct upstream_health *h,
    const struct conf_upstream *upstream)
{
	return h->slot[upstream - h->conf->upstreams];
}
