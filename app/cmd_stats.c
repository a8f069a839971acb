#include "cmd.h"

#include "ops/counters.h"
#include "ops/metrics.h"
#include "upstream/health.h"

#include <stdio.h>
#include <unistd.h>

enum { TEXT_MAX = 1 << 20 };

/* They are there since a worker of this version was started. */
static void
put_upstreams(const struct conf *conf, bool prometheus, struct buf *text)
{
	struct upstream_health *health =
	    upstream_health_open_existing(conf, NULL);

	if (health == NULL)
		return;
	if (prometheus)
		upstream_health_prometheus(health, text);
	else
		upstream_health_summary(health, text);
	upstream_health_close(health);
}

int
cmd_stats(const struct conf *conf, int argc, char **argv)
{
	struct err err = ERR_INIT;
	const struct counters *counters;
	bool prometheus = false;
	struct buf text;
	int c, rc;

	while ((c = getopt(argc, argv, "m")) != -1) {
		if (c != 'm')
			return 2;
		prometheus = true;
	}
	if (optind != argc)
		return 2;
	counters = counters_open_existing(conf, &err);
	if (counters == NULL) {
		fprintf(stderr, "reprise: no counters (has a worker run yet?): "
		    "%s\n", err.text);
		return 1;
	}
	buf_init(&text, TEXT_MAX);
	rc = prometheus ? metrics_prometheus(counters, &text) :
	    metrics_summary(counters, &text);
	put_upstreams(conf, prometheus, &text);
	if (text.failed)
		rc = -1;
	if (rc == 0)
		fwrite(text.data, 1, text.len, stdout);
	buf_fini(&text);
	counters_close(counters);
	return rc == 0 ? 0 : 1;
}
