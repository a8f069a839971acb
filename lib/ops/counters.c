#include "ops/counters.h"

#include "base/shared_file.h"
#include "conf/state_path.h"

_Static_assert(sizeof(counter) == sizeof(uint64_t),
    "a counter is a plain 64-bit cell that processes share");

const int64_t counters_bucket_us[COUNTERS_BUCKETS] = {250, 500, 1000, 2500,
    5000, 10000, 25000, 50000, 100000, 250000, 500000, 1000000, 2500000,
    10000000, 30000000, 120000000};

static const struct {
	const char *text;
	const char *word;
} statuses[CACHE_STATUS_COUNT] = {
    [CACHE_STATUS_NONE] = {"", "none"},
    [CACHE_STATUS_HIT] = {"HIT (exact)", "hit"},
    [CACHE_STATUS_LIVE] = {"HIT (live)", "live"},
    [CACHE_STATUS_STALE] = {"HIT (stale)", "stale"},
    [CACHE_STATUS_RESHAPED] = {"HIT (reshaped)", "reshaped"},
    [CACHE_STATUS_MISS] = {"MISS", "miss"},
    [CACHE_STATUS_BYPASS] = {"BYPASS", "bypass"},
    [CACHE_STATUS_REFRESH] = {"", "refresh"},
};

const char *
cache_status_text(enum cache_status s)
{
	return statuses[s].text;
}

const char *
cache_status_word(enum cache_status s)
{
	return statuses[s].word;
}

const char *
counters_timed_word(enum counters_timed timed)
{
	static const char *const words[COUNTERS_TIMED] = {
	    [COUNTERS_HIT] = "hit",
	    [COUNTERS_LIVE] = "live",
	    [COUNTERS_STALE] = "stale",
	    [COUNTERS_RESHAPED] = "reshaped",
	    [COUNTERS_PACED] = "paced",
	    [COUNTERS_MISS] = "miss",
	};

	return words[timed];
}

static uint64_t
layout_magic(void)
{
	return shared_file_magic("Reprise1", sizeof(struct counters));
}

struct counters *
counters_open(const struct conf *conf, struct err *err)
{
	struct counters *c = NULL;
	struct conf_state_path at;

	if (conf_state_path(conf, CONF_STATE_COUNTERS, &at, err) == 0)
		c = shared_file_open(at.path, sizeof(*c), layout_magic(), err);
	if (c != NULL)
		return c;
	return shared_file_private(sizeof(*c), layout_magic());
}

const struct counters *
counters_open_existing(const struct conf *conf, struct err *err)
{
	struct conf_state_path at;

	if (conf_state_path(conf, CONF_STATE_COUNTERS, &at, err) == -1)
		return NULL;
	return shared_file_read(at.path,
	    at.any_user[0] != '\0' ? at.any_user : NULL,
	    sizeof(struct counters), layout_magic(), err);
}

void
counters_close(const struct counters *c)
{
	shared_file_close(c, sizeof(*c));
}

void
counters_time(struct counters_histogram *h, int64_t us)
{
	size_t i = 0;

	if (us < 0)
		us = 0;
	while (i < COUNTERS_BUCKETS && us > counters_bucket_us[i])
		i++;
	counter_add(&h->bucket[i], 1);
	counter_add(&h->sum_us, (uint64_t)us);
}
