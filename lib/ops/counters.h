/*
 * Counters shared by all worker processes: a small file mapped into each,
 * whose cells are only ever added to atomically.
 */
#ifndef OPS_COUNTERS_H
#define OPS_COUNTERS_H

#include "base/err.h"
#include "base/shared_file.h"
#include "conf/conf.h"
#include "wire/format.h"
#include "wire/verdict.h"

#include <stdatomic.h>
#include <stdint.h>

/* How a request met the cache; the words are X-Cache's. */
enum cache_status {
	CACHE_STATUS_NONE,     /* own endpoints, requests refused early */
	CACHE_STATUS_HIT,
	CACHE_STATUS_LIVE,
	CACHE_STATUS_STALE,
	CACHE_STATUS_RESHAPED,
	CACHE_STATUS_MISS,
	CACHE_STATUS_BYPASS,
	CACHE_STATUS_REFRESH,  /* no request: an entry renewed behind one */
	CACHE_STATUS_COUNT
};

/* X-Cache's text ("HIT (exact)"); "" for NONE. Static. Any thread. */
const char *cache_status_text(enum cache_status s);

/* The word in records and metrics ("hit"). Static. Any thread. */
const char *cache_status_word(enum cache_status s);

/* Upper bounds of a histogram's buckets in microseconds; one more is +Inf. */
extern const int64_t counters_bucket_us[];
enum { COUNTERS_BUCKETS = 16 };

typedef _Atomic uint64_t counter;

struct counters_histogram {
	counter bucket[COUNTERS_BUCKETS + 1];
	counter sum_us;
};

/*
 * What is timed, each apart. The words are those of enum cache_status; but a
 * replay at a pace, of whatever, takes as long as it was asked to take.
 */
enum counters_timed {
	COUNTERS_HIT,
	COUNTERS_LIVE,  /* as long as the answer it followed */
	COUNTERS_STALE, /* it may have waited for an upstream to fail */
	COUNTERS_RESHAPED,
	COUNTERS_PACED,
	COUNTERS_MISS,
	COUNTERS_TIMED
};

/* The word in metrics ("hit"). Static. Any thread. */
const char *counters_timed_word(enum counters_timed timed);

struct counters {
	struct shared_file_head head;
	counter requests[WIRE_FORMAT_COUNT][2][CACHE_STATUS_COUNT];
	counter verdicts[WIRE_VERDICT_COUNT]; /* [WIRE_STORABLE]: stored */
	struct counters_histogram first_byte[COUNTERS_TIMED];
	struct counters_histogram duration[COUNTERS_TIMED];
#define COUNTER(name, metric, labels, help) counter name;
#include "ops/counters.def"
#undef COUNTER
};

/* Add n to a cell. Any thread, any process. */
static inline void
counter_add(counter *c, uint64_t n)
{
	atomic_fetch_add_explicit(c, n, memory_order_relaxed);
}

/*
 * Open the counters that conf's state_file names, making the file when it
 * is not there. Only a plain file of this user is used (no link is
 * followed). On failure err says why, and the counters returned count for
 * this process alone. NULL only when memory is short. Ends with
 * counters_close. Called by main.
 */
struct counters *counters_open(const struct conf *conf, struct err *err);

/*
 * Open existing counters read-only, for `reprise stats`. NULL with err
 * when there are none.
 */
const struct counters *counters_open_existing(const struct conf *conf,
    struct err *err);

/* Unmap them. c may be NULL. */
void counters_close(const struct counters *c);

/* Count one duration. Any thread. */
void counters_time(struct counters_histogram *h, int64_t us);

#endif
