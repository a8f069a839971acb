/*
 * A flight: identical requests in the air share one upstream call. One
 * leads; the others follow what it gets, in any process on any host that
 * shares the store (design: "Collapsing identical requests").
 *
 * What is in the store, all in the group of the question's manifest:
 *
 *   <manifest>:e<epoch>:v<version>:lock
 *                                   who leads: the id of a flight, and the
 *                                   leader's lease
 *   <manifest>:f<id>:state          written by its leader alone: a count that
 *                                   grows with every sign of life, how it
 *                                   stands, how many segments there are, and
 *                                   the bytes after the last of them
 *   <manifest>:f<id>:head           status, headers, Vary values
 *   <manifest>:f<id>:<n>            segment n of the body
 *   <manifest>:f<id>:joined         a number that followers renew
 *   <manifest>:f<id>:need           the first segment somebody misses
 *   <manifest>:f<id>:heir           whoever may take a dead leader's place
 *
 * The epoch is in the lock's name, so that nobody joins what began before a
 * purge, and so is the version of all this, so that processes of two versions
 * never meet. Nothing is judged by comparing clocks of two hosts: a leader is
 * dead when its state has not changed for most of its own lease as a
 * follower's clock counts it. Every value carries its kind, the flight's id
 * and a digest; what is not as it must be counts as absent.
 *
 * A flight is used by one thread at a time. No function fails: what the
 * store does not do shows in what a follower is told.
 */
#ifndef CACHE_FLIGHT_H
#define CACHE_FLIGHT_H

#include "base/err.h"
#include "cache/cache.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	FLIGHT_TICK_MS = 50 /* how often flight_lead_tick is to be called */
};

struct flight_config {
	int64_t lease_ms;   /* as a leader: silent for longer, it has lost its
			       place; 100 ms to an hour, or the nearest */
	size_t max_bytes;   /* of a flight's body in the store at a time */
};

struct flight;

/*
 * Prepare to take part in the flight of a question that was looked up.
 * NULL when memory is short, or when the look-up (found) learned no epoch
 * because the store is down. End with flight_free. cache must outlive it.
 */
struct flight *flight_new(struct cache *cache, const char *ns,
    const uint8_t key[CACHE_KEY_BYTES], const struct cache_found *found,
    const struct flight_config *config);

/*
 * End it. A leader that has not said how it ended has abandoned it; a
 * follower that found its leader dead sees to it that nobody joins that any
 * more. f may be NULL.
 */
void flight_free(struct flight *f);

enum flight_role {
	FLIGHT_LEAD,   /* ask the upstream; the flight_lead_ functions follow */
	FLIGHT_FOLLOW, /* somebody leads: flight_follow_poll */
	FLIGHT_ALONE   /* the store is down: no flight, ask the upstream */
};

/*
 * Take part: lead where nobody does, else follow. A follower that was told
 * FLIGHT_DEAD or FLIGHT_ABANDONED may enter again: of all those exactly one
 * comes to lead, as long as the store works (one whose try the store did not
 * answer leads, too: its lock may be there). Before it does so, and also as
 * a leader before it asks the upstream, it must look the question up once
 * more: the answer may have been stored since.
 */
enum flight_role flight_enter(struct flight *f);

/* ---- the leader ---------------------------------------------------------- */

/* What followers are to know of an answer's head. All borrowed. */
struct flight_head {
	int status;
	enum entry_mode mode;
	const struct text_pair *headers; /* for the client */
	size_t n_headers;
	const struct text_pair *vary;    /* as in struct cache_answer */
	size_t n_vary;
	uint8_t asker[DIGEST_BYTES]; /* digest of the leader's credentials, or
					zero where no follower needs to ask */
};

/*
 * The answer's head has come. Published with the first flight_lead_data or
 * tick. One that is too long to be published (64 KB, or 512 headers) ends the
 * flight as FLIGHT_ABANDONED.
 */
void flight_lead_head(struct flight *f, const struct flight_head *head);

/*
 * Bytes of the body, as the leader's client gets them. Published at once
 * when nothing was for FLIGHT_TICK_MS or much has gathered, else by a tick.
 */
void flight_lead_data(struct flight *f, const char *bytes, size_t len);

/*
 * Let nobody join any more: what is known of the answer by now is only for
 * those who follow already.
 */
void flight_lead_close(struct flight *f);

/*
 * To be called every FLIGHT_TICK_MS while the leader waits, also before the
 * head, and never less often than every 0.8 of the lease, or followers think
 * it dead: publishes what is due, shows that the leader lives, and every fifth
 * of the lease renews the lock and sees whether the store has lost anything
 * that somebody needs. kept: all bytes given to flight_lead_data so far, if
 * the caller still has them (then what was lost is written again), or NULL.
 */
void flight_lead_tick(struct flight *f, const char *kept, size_t kept_len);

/*
 * Whether anybody has followed within the last 0.8 s or so. Asks the store
 * at every call. Where a follower once was it takes up to a second of calls
 * every FLIGHT_TICK_MS until this is false. A follower that does not poll for
 * so long is not seen. After false, who comes new begins with nothing of the
 * answer until this is true, or the flight has ended: so the leader may well
 * give it up.
 */
bool flight_lead_followed(struct flight *f);

/* How a leader ends, and what a follower is told. */
enum flight_state {
	FLIGHT_LEADING,   /* not at all yet */
	FLIGHT_COMPLETE,  /* the answer has ended as HTTP says it should */
	FLIGHT_BROKEN,    /* it broke off after its head; err */
	FLIGHT_FAILED,    /* the upstream failed before a head; err */
	FLIGHT_ABANDONED, /* the leader gave up for reasons of its own */
	FLIGHT_DEAD       /* follower only: no sign of life, or bytes lost,
			     or it had ended before this follower came */
};

/*
 * The end: publishes the rest and the state, and lets the lock go, if it is
 * still its own. An answer that is to be stored must have been, so that
 * whoever comes next finds it. err: for FLIGHT_BROKEN and FLIGHT_FAILED, an
 * upstream's error; else NULL. Later calls do nothing.
 */
void flight_lead_end(struct flight *f, enum flight_state how,
    const struct err *err);

/*
 * Whether the store has taken that end; if it did not answer, it is tried
 * again, no more often than every FLIGHT_TICK_MS. To be called until then by
 * a leader with time for it: its followers wait for most of its lease.
 */
bool flight_lead_landed(struct flight *f);

/* ---- the follower -------------------------------------------------------- */

/* What a poll has brought. Pointers are valid until the next call. */
struct flight_news {
	const struct flight_head *head; /* once known, at every poll */
	const char *bytes;       /* the body's next bytes, perhaps none */
	size_t len;
	enum flight_state state; /* other than FLIGHT_LEADING only when all
				    bytes there are have been given out; but
				    what was abandoned is given out no more */
	struct err err;          /* of FLIGHT_BROKEN, FLIGHT_FAILED */
	int64_t wait_ms;         /* poll again after so long; 0: at once */
};

/*
 * Ask the store what is new: one round trip, one more for segments; or take
 * what another follower of the same cache object is just fetching, or did
 * less than 10 ms ago. Gives out 256 KB of body at a time, at most. wait_ms
 * grows while nothing is new, up to 100. Bytes are given out only when the
 * leader was seen to live after this follower came, or lived moments before
 * by the clock both use or seem to use.
 */
void flight_follow_poll(struct flight *f, struct flight_news *news);

#endif
