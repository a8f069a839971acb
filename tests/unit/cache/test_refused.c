/*
 * Request bodies that are no JSON, or JSON that has no canonical form, and
 * the borders of both.
 */
#include "cache/canonical.h"

#include "body_check.h"
#include "json_speller.h"

#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { ROUNDS = 2000 };

static const char sample[] = SAMPLE;

static void
assert_number_ok(const char *number, const char *canonical)
{
	struct buf text, form;
	struct cache_body body;

	buf_init(&text, TEXT_MAX);
	buf_init(&form, TEXT_MAX);
	buf_printf(&text, WITH("%s"), number);
	assert_int_equal(cache_body_read(&body, text.data, text.len,
	    wire_format_get(WIRE_CHAT), &form), 0);
	assert_storable(&body);
	buf_reset(&text);
	buf_printf(&text, "{\"messages\":[],\"model\":\"m\",\"x\":%s}",
	    canonical);
	assert_string_equal(form.data, text.data);
	buf_fini(&form);
	buf_fini(&text);
}

static void
assert_number_odd(const char *number)
{
	char text[600];

	snprintf(text, sizeof(text), WITH("%s"), number);
	assert_odd(text, strlen(text), WIRE_BODY_NUMBER);
	snprintf(text, sizeof(text), WITH("[{\"a\":[1,%s ]},\"1\"]"), number);
	assert_odd(text, strlen(text), WIRE_BODY_NUMBER);
	snprintf(text, sizeof(text), WITH("\"\\\\\\\"%s\""), number);
	assert_true(read_text(text).verdict == WIRE_STORABLE);
}

static void
test_numbers_held(void **state)
{
	(void)state;
	assert_number_ok("0", "0");
	assert_number_ok("-1", "-1");
	assert_number_ok("9223372036854775807", "9223372036854775807");
	assert_number_ok("-9223372036854775808", "-9223372036854775808");
	assert_number_ok("1e0", "1.0");
	assert_number_ok("10.0e-1", "1.0");
	assert_number_ok("1000000000000000000000.0", "1e21");
	assert_number_ok("0.10", "0.10000000000000001");
	assert_number_ok("0.10000000000000001", "0.10000000000000001");
	assert_number_ok("-0.0", "-0.0");
	assert_number_ok("0e99999999999999999999", "0.0");
	assert_number_ok("0.000e-5", "0.0");
	assert_number_ok("2.2250738585072014e-308", "2.2250738585072014e-308");
	assert_number_ok("1.7976931348623157e308", "1.7976931348623157e308");
	assert_number_ok("17976931348623157E+292", "1.7976931348623157e308");
	assert_number_ok("0.30000000000000004", "0.30000000000000004");
}

static void
test_numbers_not_held(void **state)
{
	char zeros[500];

	(void)state;
	assert_number_odd("-0");
	assert_number_odd("9223372036854775808");
	assert_number_odd("-9223372036854775809");
	assert_number_odd("18446744073709551615");
	assert_number_odd("1e309");
	assert_number_odd("1.7976931348623159e308");
	assert_number_odd("-1e999999999999999999999");
	assert_number_odd("1e-400");
	assert_number_odd("1e-99999999999999999999");
	assert_number_odd("4.9e-324");
	assert_number_odd("2.2250738585072009e-308");
	assert_number_odd("0.123456789012345678");
	assert_number_odd("123456789012345678.5");
	assert_number_odd("9007199254740993.0"); /* 2^53 + 1 */
	assert_number_odd("1.00000000000000000001");
	snprintf(zeros, sizeof(zeros), "0.%0400d", 1);
	assert_number_odd(zeros);
}

/* Doubles of random bits, in 17 digits, are held and stay apart. */
static void
test_any_normal_double_is_held(void **state)
{
	struct rng r = {5};
	struct cache_body a, b;
	char text[200];
	uint64_t bits;
	double v;
	int i;

	(void)state;
	for (i = 0; i < ROUNDS; i++) {
		bits = (uint64_t)rng_below(&r, 1u << 31) << 33 ^
		    (uint64_t)rng_below(&r, 1u << 31) << 12 ^
		    rng_below(&r, 4096);
		memcpy(&v, &bits, sizeof(v));
		if (!isnormal(v))
			continue;
		snprintf(text, sizeof(text), WITH("%.16e"), v);
		a = read_text(text);
		assert_storable(&a);
		bits ^= 1; /* its neighbour */
		memcpy(&v, &bits, sizeof(v));
		snprintf(text, sizeof(text), WITH("%.16e"), v);
		b = read_text(text);
		assert_false(same_digest(&a, &b));
	}
}

static void
test_duplicate_keys_at_any_depth(void **state)
{
	char text[1500], *p;
	int depth, i;

	(void)state;
	ODD(START ",\"model\":\"m\"}", WIRE_BODY_DUPLICATE_KEY);
	ODD(START ",\"\\u006dodel\":\"m\"}", WIRE_BODY_DUPLICATE_KEY);
	ODD(START ",\"stream\":true,\"stream\":true}",
	    WIRE_BODY_DUPLICATE_KEY);
	ODD(WITH("{\"\":1,\"\":1}"), WIRE_BODY_DUPLICATE_KEY);
	for (depth = 0; depth < 100; depth++) {
		p = text + snprintf(text, sizeof(text), "%s,\"x\":", START);
		for (i = 0; i < depth; i++)
			p = stpcpy(p, i % 2 ? "[" : "{\"a\":");
		p = stpcpy(p, "{\"k\":1,\"l\":2,\"k\":1}");
		while (i-- > 0)
			p = stpcpy(p, i % 2 ? "]" : "}");
		stpcpy(p, "}");
		assert_odd(text, strlen(text), WIRE_BODY_DUPLICATE_KEY);
	}
}

static void
test_encoding(void **state)
{
	(void)state;
	ODD(WITH("\"\xff\""), WIRE_BODY_ENCODING);
	ODD(WITH("\"\xc0\x80\""), WIRE_BODY_ENCODING);
	ODD(WITH("\"\xed\xa0\x80\""), WIRE_BODY_ENCODING);
	ODD(WITH("\"\xf4\x90\x80\x80\""), WIRE_BODY_ENCODING);
	ODD(WITH("\"\xc3\""), WIRE_BODY_ENCODING);
	ODD(START "}\xc3", WIRE_BODY_ENCODING);
	ODD(WITH("\"\\ud800\""), WIRE_BODY_ENCODING);
	ODD(WITH("\"\\udc00\""), WIRE_BODY_ENCODING);
	ODD(WITH("\"\\ud83dx\""), WIRE_BODY_ENCODING);
	ODD(WITH("\"\\ud83d\\u0041\""), WIRE_BODY_ENCODING);
	ODD(WITH("\"\\ude00\\ud83d\""), WIRE_BODY_ENCODING);
	ODD(WITH("{\"\\ud800\":1}"), WIRE_BODY_ENCODING);
	ODD(WITH("{\"a\\u0000\":1}"), WIRE_BODY_ENCODING);
	ODD("\xef\xbb\xbf" START "}", WIRE_BODY_ENCODING);
	ODD("\xef\xbb\xbf", WIRE_BODY_ENCODING);
}

static void
test_shape(void **state)
{
	(void)state;
	ODD("[]", WIRE_BODY_SHAPE);
	ODD("1", WIRE_BODY_SHAPE);
	ODD("\"text\"", WIRE_BODY_SHAPE);
	ODD(" null ", WIRE_BODY_SHAPE);
	ODD("{}", WIRE_BODY_SHAPE);
	ODD("{\"model\":\"m\"}", WIRE_BODY_SHAPE);
	ODD("{\"model\":1,\"messages\":[]}", WIRE_BODY_SHAPE);
}

static void
test_malformed(void **state)
{
	(void)state;
	MALFORMED("");
	MALFORMED(" \n");
	MALFORMED("{");
	MALFORMED(START);
	MALFORMED(START ",}");
	MALFORMED(START "}x");
	MALFORMED(START "}{}");
	MALFORMED(WITH("nul"));
	MALFORMED(WITH("NaN"));
	MALFORMED(WITH("Infinity"));
	MALFORMED(WITH("-Infinity"));
	MALFORMED(WITH("01"));
	MALFORMED(WITH("1."));
	MALFORMED(WITH(".5"));
	MALFORMED(WITH("+1"));
	MALFORMED(WITH("0x10"));
	MALFORMED(WITH("[1,]"));
	MALFORMED(WITH("[1 2]"));
	MALFORMED(WITH("'a'"));
	MALFORMED(WITH("\"a\nb\""));
	MALFORMED(WITH("\"\\x41\""));
	MALFORMED(WITH("\"\\u12g4\""));
	MALFORMED("{model:\"m\"}");
	MALFORMED("// comment\n" START "}");
	/* A NUL byte, wherever it hides. */
	MALFORMED("\0" START "}");
	MALFORMED(START "}\0");
	MALFORMED(WITH("1\0"));
	MALFORMED(WITH("true\0"));
	MALFORMED(WITH("\"a\0b\""));
}

static void
test_why_names_the_place_and_no_content(void **state)
{
	struct cache_body body;

	(void)state;
	body = read_text("{\"a\":1,\n \"b\": secret }");
	assert_true(body.malformed);
	assert_non_null(strstr(body.why, "line 2, column 12"));
	assert_null(strstr(body.why, "secret"));
	body = read_text("{\"key\":1,\"key\":2}");
	assert_non_null(strstr(body.why, "line 1, column 14"));
	assert_null(strstr(body.why, "key\""));
	body = read_text("{\"caf\xc3\xa9\":\n[1, -0]}");
	assert_non_null(strstr(body.why, "line 2, column 5"));
	body = read_text("{\"caf\xc3\xa9\":-0}");
	assert_non_null(strstr(body.why, "line 1, column 9"));
}

/* What cannot be cached is still to be sent to the right place. */
static void
test_odd_bodies_name_model_and_stream(void **state)
{
#define ODD_START "{\"model\":\"m\",\"stream\":true,\"messages\":[],\"x\":"
	static const char *const texts[] = {ODD_START "-0}",
	    ODD_START "18446744073709551615}", ODD_START "1,\"x\":2}",
	    ODD_START "\"\\ud83d\"}", ODD_START "\"\\\\\\ud83d\"}",
	    ODD_START "\"\xff\"}", "\xef\xbb\xbf" ODD_START "1}",
	    "{\"model\":\"m\",\"stream\":true}"};
	struct cache_body body;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		body = read_text(texts[i]);
		assert_int_not_equal(body.verdict, WIRE_STORABLE);
		assert_false(body.malformed);
		assert_string_equal(body.model, "m");
		assert_true(body.stream);
	}
}

/* START with levels more arrays and objects in turn around a number. */
static struct cache_body
read_nested(size_t levels)
{
	struct cache_body body;
	struct buf text;
	size_t i;

	buf_init(&text, 16 * TEXT_MAX);
	buf_puts(&text, START ",\"x\":");
	for (i = 0; i < levels; i++)
		buf_puts(&text, i % 2 ? "{\"a\":" : "[");
	buf_puts(&text, "1");
	while (i-- > 0)
		buf_puts(&text, i % 2 ? "}" : "]");
	buf_puts(&text, "}");
	body = read_bytes(text.data, text.len);
	buf_fini(&text);
	return body;
}

static void *
read_deep(void *arg)
{
	struct cache_body *bodies = arg;

	bodies[0] = read_nested(511);
	bodies[1] = read_nested(512);
	bodies[2] = read_nested(100000);
	return NULL;
}

/* On a stack of a worker's size. */
static void
test_deep_nesting_fits_a_worker_stack(void **state)
{
	struct cache_body bodies[3];
	pthread_attr_t attr;
	pthread_t thread;

	(void)state;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 1024 * 1024);
	assert_int_equal(pthread_create(&thread, &attr, read_deep, bodies), 0);
	pthread_join(thread, NULL);
	pthread_attr_destroy(&attr);
	assert_storable(&bodies[0]);
	assert_int_equal(bodies[1].verdict, WIRE_BODY_DEPTH);
	assert_int_equal(bodies[2].verdict, WIRE_BODY_DEPTH);
	assert_false(bodies[2].malformed);
}

/* A small text whose tree would take a hundred times its size. */
static void
test_too_many_values(void **state)
{
	struct buf text;
	int i;

	(void)state;
	buf_init(&text, 16 * TEXT_MAX);
	buf_puts(&text, START ",\"x\":[{}");
	for (i = 0; i < 1000000; i++)
		buf_puts(&text, ",{}");
	buf_puts(&text, "]}");
	assert_odd(text.data, text.len, WIRE_MEMORY);
	buf_fini(&text);
}

static void
test_no_truncation_is_storable(void **state)
{
	struct cache_body body;
	size_t len;

	(void)state;
	for (len = 0; len < sizeof(sample) - 1; len++) {
		body = read_bytes(sample, len);
		assert_int_not_equal(body.verdict, WIRE_STORABLE);
	}
	body = read_bytes(sample, len);
	assert_storable(&body);
}

/*
 * Jansson loses bytes of a string when an allocation fails; its allocations
 * end the process instead.
 */
static void
test_failed_allocation_ends_the_process(void **state)
{
	const struct rlimit no_core = {0, 0};
	json_malloc_t json_malloc;
	json_free_t json_free;
	int status;
	pid_t pid;

	(void)state;
	json_get_alloc_funcs(&json_malloc, &json_free);
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		setrlimit(RLIMIT_CORE, &no_core);
		close(STDERR_FILENO);
		signal(SIGABRT, SIG_DFL);
		json_free(json_malloc(SIZE_MAX / 4));
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_false(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_numbers_held),
	    cmocka_unit_test(test_numbers_not_held),
	    cmocka_unit_test(test_any_normal_double_is_held),
	    cmocka_unit_test(test_duplicate_keys_at_any_depth),
	    cmocka_unit_test(test_encoding),
	    cmocka_unit_test(test_shape),
	    cmocka_unit_test(test_malformed),
	    cmocka_unit_test(test_why_names_the_place_and_no_content),
	    cmocka_unit_test(test_odd_bodies_name_model_and_stream),
	    cmocka_unit_test(test_deep_nesting_fits_a_worker_stack),
	    cmocka_unit_test(test_too_many_values),
	    cmocka_unit_test(test_no_truncation_is_storable),
	    cmocka_unit_test(test_failed_allocation_ends_the_process),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
