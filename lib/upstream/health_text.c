/* What the processes know of their upstreams, in words. */
#include "upstream/table.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stddef.h>

static const char *const kinds[HEALTH_KINDS] = {
    [HEALTH_CONNECT] = "connect",
    [HEALTH_TIMEOUT] = "timeout",
    [HEALTH_STATUS] = "status",
    [HEALTH_BROKEN] = "broken",
};

static const struct {
	const char *metric;
	const char *help;
	size_t offset;
} counts[] = {
    {"reprise_upstream_tries_total",
	"Requests of cached formats sent to an upstream.",
	offsetof(struct health_slot, tries)},
    {"reprise_upstream_retries_total",
	"Of these, those that another upstream had failed at.",
	offsetof(struct health_slot, retries)},
    {"reprise_upstream_fallbacks_total",
	"Answers given by an upstream of a lower priority.",
	offsetof(struct health_slot, fallbacks)},
};

static uint64_t
value(const health_count *count)
{
	return atomic_load_explicit(count, memory_order_relaxed);
}

static const health_count *
count_at(const struct health_slot *slot, size_t offset)
{
	return (const health_count *)(const void *)
	    ((const char *)slot + offset);
}

static void
head(struct buf *out, const char *metric, const char *type, const char *help)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", metric, help, metric,
	    type);
}

static void
put_failures(const struct upstream_health *h, struct buf *out)
{
	static const char metric[] = "reprise_upstream_failures_total";
	size_t i, k;

	head(out, metric, "counter",
	    "Tries that failed, also those another upstream made up for.");
	for (i = 0; i < h->conf->n_upstreams; i++)
		for (k = 0; k < HEALTH_KINDS; k++)
			buf_printf(out,
			    "%s{upstream=\"%s\",kind=\"%s\"} %" PRIu64 "\n",
			    metric, h->conf->upstreams[i].name, kinds[k],
			    value(&h->slot[i]->failures[k]));
}

static void
put_out(const struct upstream_health *h, struct buf *out)
{
	int64_t now_ms = clock_steady_us() / 1000;
	size_t i;

	head(out, "reprise_upstream_out", "gauge",
	    "Whether an upstream failed, and is left out where there are "
	    "others, and of renewals, until one request has found it well.");
	for (i = 0; i < h->conf->n_upstreams; i++)
		buf_printf(out, "reprise_upstream_out{upstream=\"%s\"} %d\n",
		    h->conf->upstreams[i].name,
		    cell_look(&h->slot[i]->cell, now_ms).resting);
}

int
upstream_health_prometheus(const struct upstream_health *h, struct buf *out)
{
	size_t c, i;

	for (c = 0; c < sizeof(counts) / sizeof(counts[0]); c++) {
		head(out, counts[c].metric, "counter", counts[c].help);
		for (i = 0; i < h->conf->n_upstreams; i++)
			buf_printf(out, "%s{upstream=\"%s\"} %" PRIu64 "\n",
			    counts[c].metric, h->conf->upstreams[i].name,
			    value(count_at(h->slot[i], counts[c].offset)));
	}
	put_failures(h, out);
	put_out(h, out);
	return out->failed ? -1 : 0;
}

static void
put_line(const struct conf_upstream *u, const struct health_slot *slot,
    int64_t now_ms, struct buf *out)
{
	struct cell_view view = cell_look(&slot->cell, now_ms);
	uint64_t failures = 0;
	size_t k;

	for (k = 0; k < HEALTH_KINDS; k++)
		failures += value(&slot->failures[k]);
	buf_printf(out, "upstream %s: %" PRIu64 " tries, %" PRIu64
	    " failed, %" PRIu64 " as a retry, %" PRIu64 " as a fallback",
	    u->name, value(&slot->tries), failures, value(&slot->retries),
	    value(&slot->fallbacks));
	if (view.standing == CELL_OUT)
		buf_printf(out, "; left out, to be tried in %" PRId64 " s",
		    (view.until_ms - now_ms + 999) / 1000);
	else if (view.standing == CELL_DUE)
		buf_puts(out, "; left out, to be tried by the next request");
	buf_putc(out, '\n');
}

int
upstream_health_summary(const struct upstream_health *h, struct buf *out)
{
	int64_t now_ms = clock_steady_us() / 1000;
	size_t i;

	for (i = 0; i < h->conf->n_upstreams; i++)
		put_line(&h->conf->upstreams[i], h->slot[i], now_ms, out);
	return out->failed ? -1 : 0;
}
