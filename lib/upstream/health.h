/*
 * What the worker processes of a host know together of their upstreams:
 * which are left out, whose turn it is, and how often what happened.
 */
#ifndef UPSTREAM_HEALTH_H
#define UPSTREAM_HEALTH_H

#include "base/buf.h"
#include "base/err.h"
#include "conf/conf.h"

struct upstream_health;

/*
 * Open what the processes of this configuration share, a file beside the
 * counters (conf/state_path.h). On failure err says why, and what is
 * returned is this process's own. NULL only when memory is short. conf
 * must outlive it. Ends with upstream_health_close. Called by main.
 */
struct upstream_health *upstream_health_open(const struct conf *conf,
    struct err *err);

/*
 * Open what is there to be read, for `reprise stats`. NULL with err when
 * there is nothing.
 */
struct upstream_health *upstream_health_open_existing(const struct conf *conf,
    struct err *err);

/* Close it. h may be NULL. */
void upstream_health_close(struct upstream_health *h);

/*
 * Append the metrics of each configured upstream in Prometheus' text format
 * (see ops/metrics.h). 0, or -1 when out failed. Any thread.
 */
int upstream_health_prometheus(const struct upstream_health *h,
    struct buf *out);

/*
 * Append a line for each configured upstream, for people. 0, or -1 when out
 * failed. Any thread.
 */
int upstream_health_summary(const struct upstream_health *h, struct buf *out);

#endif
