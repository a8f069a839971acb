/*
 * What the files behind cache/flight.h share. Private to the cache room.
 */
#ifndef CACHE_FLIGHT_PRIVATE_H
#define CACHE_FLIGHT_PRIVATE_H

#include "cache/cache_private.h"
#include "cache/flight.h"
#include "cache/flight_record.h"

/* Where the time comes from: base/clock.h, but in tests of the flight. */
struct flight_clock {
	int64_t (*steady_us)(void);
	int64_t (*wall_ms)(void);
};

/* A number that followers renew, as its reader knows it. */
struct flight_joined {
	bool known;
	uint64_t number;
	int64_t since_us; /* it has been so since then, as far as seen */
};

struct flight_lead {
	bool ended;
	bool given_up;       /* it cannot be told to followers: silent */
	bool deposed;        /* somebody else has the lock */
	bool released;       /* nobody may join any more, and ... */
	bool let_go;         /* ... the lock has been seen to */
	bool leaving;        /* followers were told that it may give up */
	bool told;           /* followers know how it ended, or never will */
	enum flight_state how; /* once ended; and ... */
	struct err err;        /* ... the upstream's, if any */
	bool was_followed;   /* as far as seen */
	bool dirty;          /* there is something not yet published */
	bool has_head;
	bool head_written;
	struct buf head;     /* the value */
	uint64_t beat;
	/*
	 * The body: segments first to n - 1 are in the store, the rest is
	 * open. starts[i] is where segment first + i begins; the one after
	 * the last of them where the open part does.
	 */
	uint32_t first, n;
	uint64_t *starts;
	size_t starts_cap;
	uint32_t heal;       /* segments from here to n - 1 are to be written
				again; n: none */
	struct buf open;
	size_t cut;          /* bytes of open that are segment n, once it was
				tried to write it: it stays as it is; or 0 */
	int64_t published_us, checked_us;
	int64_t retry_us;    /* leave the store alone until then */
	struct flight_joined joined;
	int64_t looked_us;   /* when the last look for that ended */
};

struct flight_watch;
struct flight_glance;

struct flight_follow {
	struct flight_watch *watch; /* or NULL: memory was short */
	uint64_t seen;       /* the last look at the store */
	struct flight_glance *held; /* what state borrows from; or NULL */
	enum flight_state told; /* other than FLIGHT_LEADING: the end */
	struct err err;
	bool waits_for_heir; /* the leader is dead, another took its place */
	int64_t heir_us;     /* since when it waits for that */
	bool lives;          /* the leader was seen to live */
	bool has_state;
	struct record_state state;
	const struct flight_head *head; /* once known; the watch's */
	uint32_t next;       /* the first segment not given out as a whole */
	uint64_t next_at;    /* where it begins */
	uint64_t pos;        /* all before was given out */
	struct buf out;      /* for flight_news */
	bool missing;        /* the store has lost what is wanted next */
	int64_t polled_us;
	int64_t silent_us;   /* time spent watching without a sign of life */
	int64_t missing_us;  /* likewise, in want of something lost */
	int64_t wait_ms;
};

enum flight_part { PART_NONE, PART_LEADS, PART_FOLLOWS };

struct flight {
	struct store *store;
	struct flight_watches *watches; /* of the cache */
	struct question names;
	uint64_t self;       /* random: tells this one's heir marks */
	char lock[NAMES_BYTES];
	struct flight_config config;
	size_t segment_bytes;          /* of the body in a segment, at most */
	const struct flight_clock *clock;
	enum flight_part part;
	uint8_t id[FLIGHT_ID_BYTES];   /* of the flight it is part of */
	int64_t lease_ms;              /* of that one's leader */
	bool knows_dead;
	uint8_t dead[FLIGHT_ID_BYTES]; /* one that came to an end */
	struct buf scratch;            /* a value to be written */
	struct flight_lead lead;
	struct flight_follow follow;
};

enum {
	FLIGHT_LASTING_S = 300 /* values live so long after their writing */
};

/* What a look at the lock has shown. */
enum flight_lock { LOCK_DOWN, LOCK_ABSENT, LOCK_ODD, LOCK_HELD };

/* All of one thread at a time, as the flight itself. */

/*
 * Of the flight that f is part of: the leader's sign of life comes so often;
 * one that is silent for so long is dead; its lease, rounded up.
 */
int64_t flight_beat_us(const struct flight *f);
int64_t flight_death_us(const struct flight *f);
int64_t flight_lease_s(const struct flight *f);

/* Set a value of the flight's group from scratch. */
enum store_result flight_put_scratch(struct flight *f, const char *name,
    int64_t ttl_s);

/* Write the lock with our id; add: only where there is none. */
enum store_result flight_put_lock(struct flight *f, bool add);

/* Read the lock; whose, where it is LOCK_HELD. */
enum flight_lock flight_read_lock(struct flight *f,
    struct record_holder *holder);

/*
 * Remove the lock, if it is that of f->id and nobody was told to replace it.
 * 0, or -1 when that is not known: the store did not answer.
 */
int flight_let_go(struct flight *f);

/*
 * Take the right to let go or replace the lock of a flight: STORE_ABSENT
 * when somebody else has it. It runs out soon after our own lease. Whoever
 * has it may ask again.
 */
enum store_result flight_be_heir(struct flight *f,
    const uint8_t id[FLIGHT_ID_BYTES]);

/* Begin to lead under f->id, the lock being set, or to follow its holder. */
void flight_lead_begin(struct flight *f);
void flight_follow_begin(struct flight *f, const struct record_holder *holder);

/* Whether it leads and has not ended; publish all there is by now. */
bool flight_lead_active(const struct flight *f);
void flight_lead_publish(struct flight *f);

/*
 * Where nobody has ever followed, what is in the store of the body serves
 * nobody: remove it. The state stays, for who saw the lock at the last
 * moment: it learns that all is over, and looks the answer up.
 */
void flight_lead_tidy(struct flight *f);

/* Free what the parts hold. */
void flight_lead_fini(struct flight_lead *l);
void flight_follow_fini(struct flight_follow *w);

#endif
