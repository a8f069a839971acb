/* What a leader knows of those who follow it. */
#include "cache/flight_private.h"

#include <stdlib.h>

enum {
	FOLLOWED_US = 800 * 1000, /* who follows renews more often */
	GAP_US = 250 * 1000       /* between looks, counted as watching */
};

/* The number that followers renew. Whether there is one. */
static bool
read_joined(struct flight *f, uint64_t *number, bool *down)
{
	char name[NAMES_BYTES];
	struct store_value v = {.name = name};
	bool read;

	names_flight(name, f->names.manifest, f->id, "joined");
	*down = store_get(f->store, f->names.manifest, &v, 1,
	    RECORD_HEAD_MAX) == STORE_DOWN;
	read = v.result == STORE_OK && record_mark_read(v.data, v.len,
	    RECORD_JOINED, f->id, number);
	free(v.data);
	return read;
}

/*
 * Of a long time without a look little counts: where the whole machine stood
 * still, so did those who follow.
 */
static bool
is_followed(struct flight *f)
{
	struct flight_joined *j = &f->lead.joined;
	int64_t now_us = f->clock->steady_us();
	int64_t gap_us = now_us - f->lead.looked_us;
	bool read, down;
	uint64_t number = 0;

	read = read_joined(f, &number, &down);
	f->lead.looked_us = f->clock->steady_us();
	/* What is lost, or not to be read, is renewed within that time. */
	if (read ? !j->known || number != j->number : down && !j->known)
		*j = (struct flight_joined){true, number, now_us};
	else if (gap_us > GAP_US)
		j->since_us += gap_us - GAP_US;
	return j->known && now_us - j->since_us <= FOLLOWED_US;
}

/*
 * A follower shows itself and then looks at the state; we say that we may
 * leave and then look for followers: one of the two sees the other, and
 * nobody is left with half an answer.
 */
bool
flight_lead_followed(struct flight *f)
{
	struct flight_lead *l = &f->lead;
	bool followed;

	if (!flight_lead_active(f))
		return false;
	followed = is_followed(f);
	if (!followed && !l->leaving) {
		l->leaving = l->dirty = true;
		flight_lead_publish(f);
		followed = !l->dirty && is_followed(f);
	}
	if (followed && l->leaving) {
		l->leaving = false;
		l->dirty = true;
	}
	return followed;
}

void
flight_lead_tidy(struct flight *f)
{
	const struct flight_lead *l = &f->lead;
	char name[NAMES_BYTES];
	uint64_t number;
	bool down;
	uint32_t n;

	if (f->part != PART_LEADS || !l->ended || l->first == l->n ||
	    l->was_followed || read_joined(f, &number, &down) || down)
		return;
	for (n = l->first; n < l->n; n++) {
		names_segment(name, f->names.manifest, f->id, n);
		if (store_remove(f->store, f->names.manifest, name) ==
		    STORE_DOWN)
			return;
	}
}
