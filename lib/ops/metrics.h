/*
 * The counters in words: Prometheus' text format, version 0.0.4
 * (prometheus.io, "Exposition formats"), and a short summary for people.
 */
#ifndef OPS_METRICS_H
#define OPS_METRICS_H

#include "base/buf.h"
#include "ops/counters.h"

/* Append all metrics. 0, or -1 when out failed. Any thread. */
int metrics_prometheus(const struct counters *c, struct buf *out);

/* Append what `reprise stats` prints. 0, or -1 when out failed. */
int metrics_summary(const struct counters *c, struct buf *out);

#endif
