/*
 * The file that struct upstream_health maps. Private to the room.
 *
 * An upstream has the slot of its name and url, wherever it stands in the
 * configuration: processes that were started with an older one, and go on
 * for a while, share what is still the same.
 */
#ifndef UPSTREAM_TABLE_H
#define UPSTREAM_TABLE_H

#include "base/digest.h"
#include "base/shared_file.h"
#include "upstream/cell.h"
#include "upstream/group.h"
#include "upstream/health.h"

#include <stdatomic.h>
#include <stdint.h>

/* How a try failed. */
enum health_kind {
	HEALTH_CONNECT,
	HEALTH_TIMEOUT,
	HEALTH_STATUS, /* 429 or 5xx */
	HEALTH_BROKEN,
	HEALTH_KINDS
};

typedef _Atomic uint64_t health_count;

struct health_slot {
	_Atomic uint64_t id; /* 0: free */
	health_cell cell;
	health_count tries;
	health_count retries;   /* of the tries, those after another failed */
	health_count fallbacks; /* answers given for want of better ones */
	health_count failures[HEALTH_KINDS];
};

/* Whose turn it is among equals. */
struct health_turn {
	_Atomic uint64_t id;
	_Atomic uint64_t count;
};

enum { HEALTH_SLOTS = 512, HEALTH_TURNS = 512, HEALTH_LIMITS = 4096 };

struct health_table {
	struct shared_file_head head;
	struct health_slot slots[HEALTH_SLOTS];
	struct health_turn turns[HEALTH_TURNS];
	_Atomic uint64_t other_turns; /* of those that found no room */
	/*
	 * Callers that are limited at an upstream which knows them by their
	 * own credentials, each at the place its hash falls to: a part of
	 * that hash, and until when. A newer one takes an older one's place.
	 */
	_Atomic uint64_t limits[HEALTH_LIMITS];
};

struct upstream_health {
	const struct conf *conf;
	struct health_table *table; /* mapped; read only if so opened */
	struct health_slot *own;    /* for those that found no room */
	struct health_slot **slot;  /* by place in conf; NULL: none yet */
	bool read_only;
};

/* The slot of an upstream of h's configuration. Any thread. */
struct health_slot *health_slot_of(const struct upstream_health *h,
    const struct conf_upstream *upstream);

/*
 * The next turn of a group's members of one priority: 0, 1, 2... over all
 * processes. Any thread.
 */
uint64_t health_next_turn(const struct upstream_health *h,
    const struct upstream_group *group, int64_t priority);

/*
 * A caller, by a digest of its credentials, is not to be sent to an upstream
 * until then, by cell.h's clock. Any thread, any process.
 */
void health_limit(const struct upstream_health *h,
    const struct conf_upstream *upstream, const uint8_t caller[DIGEST_BYTES],
    int64_t until_ms);

/* Until when; at or before now_ms: it may be. Any thread, any process. */
int64_t health_limited_until(const struct upstream_health *h,
    const struct conf_upstream *upstream, const uint8_t caller[DIGEST_BYTES]);

/* Count one more. Any thread, any process. */
static inline void
health_add(health_count *count)
{
	atomic_fetch_add_explicit(count, 1, memory_order_relaxed);
}

#endif
