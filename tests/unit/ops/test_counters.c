#include "ops/counters.h"
#include "ops/metrics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

struct place {
	char dir[64];
	char path[128];
	struct conf conf;
};

static int
setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return -1;
	snprintf(p->dir, sizeof(p->dir), "/tmp/test-counters.XXXXXX");
	if (mkdtemp(p->dir) == NULL)
		return -1;
	snprintf(p->path, sizeof(p->path), "%s/state", p->dir);
	p->conf.server.state_file = p->path;
	*state = p;
	return 0;
}

static int
teardown(void **state)
{
	struct place *p = *state;

	unlink(p->path);
	rmdir(p->dir);
	free(p);
	return 0;
}

static void
test_processes_share_them(void **state)
{
	struct place *p = *state;
	struct err err = ERR_INIT;
	struct counters *c = counters_open(&p->conf, &err), *other;
	const struct counters *kept;
	int status;
	pid_t pid;

	assert_non_null(c);
	assert_int_equal(err.code, ERR_NONE);
	pid = fork();
	if (pid == 0) {
		other = counters_open(&p->conf, NULL);
		counter_add(&other->aborted, 41);
		_exit(0);
	}
	waitpid(pid, &status, 0);
	counter_add(&c->aborted, 1);
	assert_int_equal(c->aborted, 42);
	counters_close(c);
	/* they outlive the processes */
	kept = counters_open_existing(&p->conf, &err);
	assert_non_null(kept);
	assert_int_equal(kept->aborted, 42);
	counters_close(kept);
}

static void
test_a_link_is_not_followed(void **state)
{
	struct place *p = *state;
	struct err err = ERR_INIT;
	struct counters *c;
	char target[160];
	struct stat st;

	snprintf(target, sizeof(target), "%s/victim", p->dir);
	assert_int_equal(symlink(target, p->path), 0);
	c = counters_open(&p->conf, &err);
	assert_int_equal(err.code, ERR_IO);
	assert_int_equal(stat(target, &st), -1);
	/* it counts all the same, for itself */
	assert_non_null(c);
	counter_add(&c->aborted, 1);
	assert_int_equal(c->aborted, 1);
	counters_close(c);
}

static void
test_another_layout_starts_anew(void **state)
{
	struct place *p = *state;
	struct err err = ERR_INIT;
	FILE *file = fopen(p->path, "w");
	struct counters *c;
	size_t i;

	assert_non_null(file);
	for (i = 0; i < sizeof(*c); i++)
		fputc('x', file);
	fclose(file);
	assert_null(counters_open_existing(&p->conf, &err));
	assert_int_equal(err.code, ERR_IO);
	c = counters_open(&p->conf, NULL);
	assert_non_null(c);
	assert_int_equal(c->aborted, 0);
	counters_close(c);
}

/* The metrics' text must hold this line. */
static void
assert_line(const struct buf *text, const char *line)
{
	char wanted[256];

	snprintf(wanted, sizeof(wanted), "\n%s\n", line);
	if (strstr(text->data, wanted) == NULL)
		fail_msg("no line '%s' in:\n%s", line, text->data);
}

static void
test_metrics_text(void **state)
{
	struct place *p = *state;
	struct counters *c = counters_open(&p->conf, NULL);
	struct buf text;

	counter_add(&c->requests[WIRE_CHAT][1][CACHE_STATUS_HIT], 3);
	counter_add(&c->verdicts[WIRE_STORABLE], 2);
	counter_add(&c->verdicts[WIRE_NO_TERMINATOR], 1);
	counter_add(&c->saved_prompt, 7);
	counters_time(&c->first_byte[COUNTERS_HIT], 0);
	counters_time(&c->first_byte[COUNTERS_HIT], 250);
	counters_time(&c->first_byte[COUNTERS_HIT], 251);
	counters_time(&c->first_byte[COUNTERS_HIT], INT64_C(999999999));
	buf_init(&text, 1 << 20);
	assert_int_equal(metrics_prometheus(c, &text), 0);
	assert_line(&text, "reprise_requests_total{format=\"chat\","
	    "mode=\"stream\",cache=\"hit\"} 3");
	assert_line(&text, "reprise_stored_total 2");
	assert_line(&text,
	    "reprise_not_stored_total{reason=\"no-terminator\"} 1");
	assert_line(&text, "reprise_tokens_saved_total{kind=\"prompt\"} 7");
	assert_line(&text, "reprise_time_to_first_byte_seconds_bucket"
	    "{cache=\"hit\",le=\"0.00025\"} 2");
	assert_line(&text, "reprise_time_to_first_byte_seconds_bucket"
	    "{cache=\"hit\",le=\"0.0005\"} 3");
	assert_line(&text, "reprise_time_to_first_byte_seconds_bucket"
	    "{cache=\"hit\",le=\"+Inf\"} 4");
	assert_line(&text,
	    "reprise_time_to_first_byte_seconds_count{cache=\"hit\"} 4");
	buf_fini(&text);
	counters_close(c);
}

/* What takes as long as a model is told apart from hits. */
static void
test_times_are_told_apart(void **state)
{
	static const char *const words[COUNTERS_TIMED] = {"hit", "live",
	    "stale", "reshaped", "paced", "miss"};
	struct place *p = *state;
	struct counters *c = counters_open(&p->conf, NULL);
	char line[128];
	struct buf text;
	unsigned t, n;

	for (t = 0; t < COUNTERS_TIMED; t++)
		for (n = 0; n <= t; n++) {
			counters_time(&c->first_byte[t], 1000000);
			counters_time(&c->duration[t], 2000000);
		}
	buf_init(&text, 1 << 20);
	assert_int_equal(metrics_prometheus(c, &text), 0);
	for (t = 0; t < COUNTERS_TIMED; t++) {
		snprintf(line, sizeof(line), "reprise_time_to_first_byte_"
		    "seconds_sum{cache=\"%s\"} %u.000000", words[t], t + 1);
		assert_line(&text, line);
		snprintf(line, sizeof(line), "reprise_duration_seconds_sum"
		    "{cache=\"%s\"} %u.000000", words[t], 2 * (t + 1));
		assert_line(&text, line);
	}
	buf_fini(&text);
	counters_close(c);
}

/* Each metric has one TYPE line, before its first sample. */
static void
test_metrics_have_one_type_each(void **state)
{
	struct place *p = *state;
	struct counters *c = counters_open(&p->conf, NULL);
	const char *at;
	char name[128], line[160];
	struct buf text;

	buf_init(&text, 1 << 20);
	assert_int_equal(metrics_prometheus(c, &text), 0);
	for (at = text.data; (at = strstr(at, "# TYPE ")) != NULL; at++) {
		assert_int_equal(sscanf(at, "# TYPE %127s", name), 1);
		snprintf(line, sizeof(line), "# TYPE %s ", name);
		assert_null(strstr(at + 1, line));
	}
	buf_fini(&text);
	counters_close(c);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_processes_share_them, setup,
		teardown),
	    cmocka_unit_test_setup_teardown(test_a_link_is_not_followed, setup,
		teardown),
	    cmocka_unit_test_setup_teardown(test_another_layout_starts_anew,
		setup, teardown),
	    cmocka_unit_test_setup_teardown(test_metrics_text, setup,
		teardown),
	    cmocka_unit_test_setup_teardown(test_times_are_told_apart, setup,
		teardown),
	    cmocka_unit_test_setup_teardown(test_metrics_have_one_type_each,
		setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
