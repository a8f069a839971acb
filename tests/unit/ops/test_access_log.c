#include "ops/access_log.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct place {
	char dir[64];
	char path[128], old[128];
	struct access_log *log;
};

static int
setup(void **state)
{
	struct place *p = calloc(1, sizeof(*p));

	if (p == NULL)
		return -1;
	snprintf(p->dir, sizeof(p->dir), "/tmp/test-log.XXXXXX");
	if (mkdtemp(p->dir) == NULL)
		return -1;
	snprintf(p->path, sizeof(p->path), "%s/log", p->dir);
	snprintf(p->old, sizeof(p->old), "%s/log.1", p->dir);
	p->log = access_log_open(p->path, NULL);
	*state = p;
	return p->log != NULL ? 0 : -1;
}

static int
teardown(void **state)
{
	struct place *p = *state;

	access_log_close(p->log);
	unlink(p->path);
	unlink(p->old);
	rmdir(p->dir);
	free(p);
	return 0;
}

/* The n-th line of a file as JSON; fails the test when it is none. */
static json_t *
read_record(const char *path, int n)
{
	FILE *file = fopen(path, "r");
	char line[32768];
	json_error_t why;
	json_t *json;
	int i;

	assert_non_null(file);
	for (i = 0; i <= n; i++)
		assert_non_null(fgets(line, sizeof(line), file));
	assert_null(fgets(line + strlen(line), 10, file));
	fclose(file);
	json = json_loads(line, JSON_REJECT_DUPLICATES, &why);
	if (json == NULL)
		fail_msg("%s in: %s", why.text, line);
	return json;
}

static const char *
text(const json_t *json, const char *name)
{
	return json_string_value(json_object_get(json, name));
}

static void
test_record_as_json(void **state)
{
	struct place *p = *state;
	struct access_record r = {
	    .time_ms = INT64_C(1700000000007), .request_id = "id-1",
	    .client = "127.0.0.1", .caller = "0123456789ab",
	    .method = "POST", .path = "/v1/chat/completions",
	    .format = "chat", .model = "gpt", .stream = true, .status = 200,
	    .cache = CACHE_STATUS_HIT, .key = "abc", .upstream = "main",
	    .bytes = 12345, .first_byte_us = 1500, .duration_us = 2001,
	    .saved = {.prompt = 1, .completion = 2, .total = 3},
	    .usage = json_pack("{s:i}", "total_tokens", 3),
	};
	json_t *json;

	assert_int_equal(access_log_write(p->log, &r), 0);
	json = read_record(p->path, 0);
	assert_string_equal(text(json, "time"), "2023-11-14T22:13:20.007Z");
	assert_string_equal(text(json, "request_id"), "id-1");
	assert_string_equal(text(json, "cache"), "hit");
	assert_true(json_is_true(json_object_get(json, "stream")));
	assert_true(json_is_null(json_object_get(json, "not_stored")));
	assert_true(json_real_value(json_object_get(json, "ttft_ms")) == 1.5);
	assert_true(
	    json_real_value(json_object_get(json, "duration_ms")) == 2.001);
	assert_int_equal(
	    json_integer_value(json_object_get(json, "tokens_saved")), 3);
	assert_int_equal(
	    json_integer_value(json_object_get(json, "tokens_spent")), 0);
	assert_int_equal(json_integer_value(json_object_get(
	    json_object_get(json, "usage"), "total_tokens")), 3);
	assert_true(json_is_false(json_object_get(json, "aborted")));
	json_decref(json);
	json_decref(r.usage);
}

/* What a peer sends can neither end a line nor break the JSON. */
static void
test_no_injection(void **state)
{
	struct place *p = *state;
	char path[5000];
	struct access_record r = {.request_id = "a\",\"cache\":\"hit\n{}\r",
	    .path = path, .model = "\x80\xff\x1b[31m\\", .method = "P\tT"};
	json_t *json;

	memset(path, '"', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(access_log_write(p->log, &r), 0);
	json = read_record(p->path, 0);
	assert_string_equal(text(json, "request_id"),
	    "a\",\"cache\":\"hit\n{}\r");
	assert_string_equal(text(json, "cache"), "none");
	assert_true(strlen(text(json, "path")) < 1000);
	json_decref(json);
}

/* The file was renamed away: from a second later, lines go to a new one. */
static void
test_rotation(void **state)
{
	struct place *p = *state;
	struct access_record r = {.request_id = "x"};
	int i;

	assert_int_equal(access_log_write(p->log, &r), 0);
	assert_int_equal(rename(p->path, p->old), 0);
	for (i = 0; i < 1000 && access(p->path, F_OK) == -1; i++) {
		assert_int_equal(access_log_write(p->log, &r), 0);
		usleep(10000);
	}
	assert_int_equal(access(p->path, F_OK), 0);
	json_decref(read_record(p->path, 0));
}

static void
test_unwritable_path_is_an_error(void **state)
{
	struct err err = ERR_INIT;

	(void)state;
	assert_null(access_log_open("/nonexistent/folder/log", &err));
	assert_int_equal(err.code, ERR_CONFIG);
	assert_non_null(strstr(err.text, "/nonexistent/folder/log"));
}

static void
test_check_makes_no_file(void **state)
{
	struct place *p = *state;
	struct err err = ERR_INIT;
	char below[160];

	assert_int_equal(access_log_check("stderr", &err), 0);
	assert_int_equal(access_log_check("syslog", &err), 0);
	assert_int_equal(access_log_check(p->path, &err), 0);
	assert_int_equal(access_log_check(p->old, &err), 0);
	assert_int_equal(access(p->old, F_OK), -1);
	assert_int_equal(access_log_check(p->dir, NULL), -1);
	snprintf(below, sizeof(below), "%s/none/log", p->dir);
	assert_int_equal(access_log_check(below, &err), -1);
	assert_int_equal(err.code, ERR_CONFIG);
	assert_non_null(strstr(err.text, below));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup_teardown(test_record_as_json, setup,
		teardown),
	    cmocka_unit_test_setup_teardown(test_no_injection, setup,
		teardown),
	    cmocka_unit_test_setup_teardown(test_rotation, setup, teardown),
	    cmocka_unit_test(test_unwritable_path_is_an_error),
	    cmocka_unit_test_setup_teardown(test_check_makes_no_file, setup,
		teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
