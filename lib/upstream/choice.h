/*
 * Which member of a group is asked, and which next. Private to the room.
 */
#ifndef UPSTREAM_CHOICE_H
#define UPSTREAM_CHOICE_H

#include "upstream/table.h"

/* One request's walk through its group. It belongs to one thread. */
struct choice {
	const struct upstream_health *health;
	const struct upstream_group *group;
	const uint8_t *caller; /* digest of its credentials; NULL: no matter.
				  To be set after choice_init. */
	bool only_well;      /* none for want of better ones; likewise */
	uint64_t tried;      /* a bit a member */
	int64_t priority;    /* that turn was drawn for */
	uint64_t turn;
	bool drawn;
};

/* Begin. Holds nothing that would have to be freed. */
void choice_init(struct choice *c, const struct upstream_health *health,
    const struct upstream_group *group);

/*
 * The place in the group of the member to be asked next, which counts as
 * tried from now on, and the pass for it; -1 when each has been.
 *
 * Those of the least priority number come first, among them one that is due
 * to be tried, then the others by weight: over any run of requests that
 * find the same of them well, each gets its exact share. Those that are left
 * out come last, first the one whose time is up soonest; behind them those
 * that asked to be left alone. With only_well neither these nor fallbacks
 * are asked. Any thread, each with a choice of its own.
 */
int choice_next(struct choice *c, int64_t now_ms, struct cell_pass *pass);

/*
 * Whether another may be asked if the one asked now fails. One that asked
 * to be left alone may not: for a first try only it is better than nothing.
 */
bool choice_has_next(const struct choice *c, int64_t now_ms);

#endif
