#include "ops/metrics.h"

#include <inttypes.h>
#include <string.h>

static const char *const mode_words[2] = {"json", "stream"};

static uint64_t
value(const counter *c)
{
	return atomic_load_explicit(c, memory_order_relaxed);
}

static void
head(struct buf *out, const char *metric, const char *type, const char *help)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", metric, help, metric,
	    type);
}

static void
put_requests(const struct counters *c, struct buf *out)
{
	unsigned f, m, s;

	head(out, "reprise_requests_total", "counter",
	    "Requests by format, mode and how they met the cache.");
	for (f = 0; f < WIRE_FORMAT_COUNT; f++)
		for (m = 0; m < 2; m++)
			for (s = 0; s < CACHE_STATUS_COUNT; s++)
				buf_printf(out,
				    "reprise_requests_total{format=\"%s\","
				    "mode=\"%s\",cache=\"%s\"} %" PRIu64 "\n",
				    wire_format_get(f)->name, mode_words[m],
				    cache_status_word(s),
				    value(&c->requests[f][m][s]));
}

static void
put_verdicts(const struct counters *c, struct buf *out)
{
	unsigned v;

	head(out, "reprise_stored_total", "counter", "Answers stored.");
	buf_printf(out, "reprise_stored_total %" PRIu64 "\n",
	    value(&c->verdicts[WIRE_STORABLE]));
	head(out, "reprise_not_stored_total", "counter",
	    "Answers not stored, by reason.");
	for (v = WIRE_STORABLE + 1; v < WIRE_VERDICT_COUNT; v++)
		buf_printf(out,
		    "reprise_not_stored_total{reason=\"%s\"} %" PRIu64 "\n",
		    wire_verdict_word(v), value(&c->verdicts[v]));
}

static void
put_histogram(const struct counters_histogram *h, const char *metric,
    const char *cache, struct buf *out)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < COUNTERS_BUCKETS; i++) {
		sum += value(&h->bucket[i]);
		buf_printf(out,
		    "%s_bucket{cache=\"%s\",le=\"%g\"} %" PRIu64 "\n", metric,
		    cache, (double)counters_bucket_us[i] / 1e6, sum);
	}
	sum += value(&h->bucket[COUNTERS_BUCKETS]);
	buf_printf(out,
	    "%s_bucket{cache=\"%s\",le=\"+Inf\"} %" PRIu64 "\n"
	    "%s_sum{cache=\"%s\"} %.6f\n"
	    "%s_count{cache=\"%s\"} %" PRIu64 "\n",
	    metric, cache, sum, metric, cache, (double)value(&h->sum_us) / 1e6,
	    metric, cache, sum);
}

static void
put_timed(const struct counters_histogram h[COUNTERS_TIMED],
    const char *metric, const char *help, struct buf *out)
{
	unsigned t;

	head(out, metric, "histogram", help);
	for (t = 0; t < COUNTERS_TIMED; t++)
		put_histogram(&h[t], metric, counters_timed_word(t), out);
}

/* One plain counter; its HELP and TYPE come before the first of a name. */
static void
put_plain(struct buf *out, const char **last, const char *metric,
    const char *labels, const char *help, uint64_t n)
{
	if (*last == NULL || strcmp(*last, metric) != 0)
		head(out, metric, "counter", help);
	*last = metric;
	if (*labels == '\0')
		buf_printf(out, "%s %" PRIu64 "\n", metric, n);
	else
		buf_printf(out, "%s{%s} %" PRIu64 "\n", metric, labels, n);
}

int
metrics_prometheus(const struct counters *c, struct buf *out)
{
	const char *last = NULL;

	put_requests(c, out);
	put_verdicts(c, out);
	put_timed(c->first_byte, "reprise_time_to_first_byte_seconds",
	    "From the request to the first byte of its answer's body.", out);
	put_timed(c->duration, "reprise_duration_seconds",
	    "From the request to the end of its answer.", out);
#define COUNTER(name, metric, labels, help)                                    \
	put_plain(out, &last, metric, labels, help, value(&c->name));
#include "ops/counters.def"
#undef COUNTER
	return out->failed ? -1 : 0;
}

static uint64_t
requests_with(const struct counters *c, enum cache_status s)
{
	uint64_t sum = 0;
	unsigned f, m;

	for (f = 0; f < WIRE_FORMAT_COUNT; f++)
		for (m = 0; m < 2; m++)
			sum += value(&c->requests[f][m][s]);
	return sum;
}

int
metrics_summary(const struct counters *c, struct buf *out)
{
	uint64_t n;
	unsigned i;

	for (i = 0; i < CACHE_STATUS_COUNT; i++) {
		if ((n = requests_with(c, i)) > 0)
			buf_printf(out, "requests, %-9s %12" PRIu64 "%s\n",
			    cache_status_word(i), n,
			    i == CACHE_STATUS_NONE ?
			    "  (own endpoints, refused early)" : "");
	}
	buf_printf(out, "answers stored      %12" PRIu64 "\n",
	    value(&c->verdicts[WIRE_STORABLE]));
	for (i = WIRE_STORABLE + 1; i < WIRE_VERDICT_COUNT; i++) {
		if ((n = value(&c->verdicts[i])) > 0)
			buf_printf(out, "not stored          %12" PRIu64
			    "  %s: %s\n", n, wire_verdict_word(i),
			    wire_verdict_text(i));
	}
	buf_printf(out, "tokens spent        %12" PRIu64 "\n",
	    value(&c->spent_prompt) + value(&c->spent_completion));
	buf_printf(out, "tokens saved        %12" PRIu64 "\n",
	    value(&c->saved_prompt) + value(&c->saved_completion));
	buf_printf(out, "upstream failures   %12" PRIu64 "\n",
	    value(&c->upstream_connect) + value(&c->upstream_timeout) +
	    value(&c->upstream_broken) + value(&c->upstream_status));
	buf_printf(out, "store failures      %12" PRIu64 "\n",
	    value(&c->store_down) + value(&c->save_failed));
	return out->failed ? -1 : 0;
}
