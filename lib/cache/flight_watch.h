/*
 * What the followers of one flight share within a process: one of them looks
 * at the store, and what it finds does for all who would look at the same
 * time or within the next WATCH_YOUNG_MS. Nobody is handed a look that began
 * before he came, nor the same one twice: so a lone follower asks the store
 * at every poll.
 *
 * Whatever is shared was verified by whoever fetched it. No lock is held
 * while the store is asked. Who waits for another's look waits no longer
 * than that one's two round trips may take, which he would have made himself.
 *
 * All functions of any thread. Private to the cache room.
 */
#ifndef CACHE_FLIGHT_WATCH_H
#define CACHE_FLIGHT_WATCH_H

#include "cache/flight_private.h"

enum {
	WATCH_YOUNG_MS = 10,
	WATCH_KEPT_BYTES = 256 * 1024, /* of a flight's segments, the newest */
	WATCH_KEPT = 64                /* and so many of them, at most */
};

/* The flights that are followed in a process. */
struct flight_watches;

/* One of them. */
struct flight_watch;

/* What a look at the store has found. Immutable. */
struct flight_glance {
	unsigned refs;    /* guarded by the watch */
	uint64_t number;  /* of looks, in the order in which they began */
	int64_t asked_us; /* when it began, by the flight's steady clock */
	bool up;          /* the store answered; else there is no more */
	bool has_state, has_joined, has_need;
	struct record_state state;
	uint64_t joined, need;          /* numbers of the marks */
	const struct flight_head *head; /* NULL: not known yet; as long as the
					   watch */
	char *state_value;              /* what state borrows from */
};

/* NULL when memory is short. */
struct flight_watches *flight_watches_new(void);

/* End it, when nobody follows any more. all may be NULL. */
void flight_watches_free(struct flight_watches *all);

/*
 * Begin to follow a flight. seen: the last look that the follower is not to
 * be handed; flight_watch_look moves it. NULL when memory is short. End with
 * flight_watch_leave; with the last follower goes all that is shared.
 */
struct flight_watch *flight_watch_join(struct flight_watches *all,
    const uint8_t id[FLIGHT_ID_BYTES], uint64_t *seen);

/* watch may be NULL. */
void flight_watch_leave(struct flight_watch *watch);

/*
 * What is new, for f, which follows: from the store, or from another who
 * looks at the same time or did moments ago. NULL when memory is short. End
 * with flight_watch_drop before leaving.
 */
struct flight_glance *flight_watch_look(struct flight_watch *watch,
    const struct flight *f, uint64_t *seen);

/* g may be NULL. */
void flight_watch_drop(struct flight_watch *watch, struct flight_glance *g);

/*
 * Whether the caller is to renew the mark by which the leader sees that it is
 * followed: g is the first to show that it is not there, or is as it was
 * 250 ms before.
 */
bool flight_watch_joined_due(struct flight_watch *watch,
    const struct flight_glance *g);

/* It was renewed. */
void flight_watch_joined(struct flight_watch *watch, uint64_t number,
    int64_t now_us);

/*
 * Append the bytes of segment n, which begins at that offset of the body, to
 * out, if it is kept. 0, or -1.
 */
int flight_watch_segment(struct flight_watch *watch, uint32_t n, uint64_t at,
    struct buf *out);

#endif
