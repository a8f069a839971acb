/* The cache object of a body: taken out, and of no weight in the key. */
#include "cache/canonical.h"

#include "body_check.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>

#define REST "\"model\":\"m\",\"messages\":[]"

static void
assert_sent_as(const char *text, const char *sent)
{
	struct cache_body plain = read_text(sent), body = read_text(text);
	struct buf out;

	assert_storable(&body);
	assert_true(same_digest(&plain, &body));
	buf_init(&out, 4096);
	buf_append(&out, text, body.cut_at);
	buf_puts(&out, text + body.cut_at + body.cut_len);
	assert_string_equal(out.data, sent);
	buf_fini(&out);
}

static void
test_taken_out(void **state)
{
	(void)state;
	assert_sent_as("{" REST ",\"cache\":{\"ttl\":5}}", "{" REST "}");
	assert_sent_as("{\"cache\":{\"ttl\":5}," REST "}", "{" REST "}");
	assert_sent_as("{\"cache\":{}," REST "}", "{" REST "}");
	assert_sent_as("{\"a\":1,\"c\\u0061che\":{\"ttl\":5}," REST "}",
	    "{\"a\":1," REST "}");
	assert_sent_as("{" REST " , \"cache\" : { \"no-cache\" : true } }",
	    "{" REST "  }");
	/* Not ours: no object, or not at the top. */
	assert_sent_as("{" REST ",\"cache\":true}", "{" REST ",\"cache\":true}");
	assert_sent_as("{" REST ",\"x\":{\"cache\":{}}}",
	    "{" REST ",\"x\":{\"cache\":{}}}");
}

static void
test_understood(void **state)
{
	struct cache_body body = read_text("{" REST ",\"cache\":{"
	    "\"no-cache\":true,\"ttl\":60,\"s-maxage\":9,\"namespace\":\"n\","
	    "\"use-cache\":true}}");

	(void)state;
	assert_true(body.asked.no_cache && !body.asked.no_store);
	assert_int_equal(body.asked.ttl_s, 60);
	assert_int_equal(body.asked.max_age_s, 9);
	assert_int_equal(body.asked.use, CACHE_USE_YES);
	assert_string_equal(body.asked.namespace, "n");
	assert_string_equal(body.asked.wrong, "");
	body = read_text("{" REST "}");
	assert_int_equal(body.asked.ttl_s, -1);
	assert_int_equal(body.asked.use, CACHE_USE_UNSAID);
	assert_int_equal(body.cut_len, 0);
}

/* Also where the body has no key: it is for us all the same. */
static void
test_taken_out_of_odd_bodies(void **state)
{
	static const char odd[] = "{" REST ",\"a\":1,\"a\":2,"
	    "\"cache\":{\"no-store\":true}}";
	struct cache_body body = read_text(odd);

	(void)state;
	assert_int_equal(body.verdict, WIRE_BODY_DUPLICATE_KEY);
	assert_true(body.asked.no_store);
	assert_int_equal(body.cut_len, strlen(",\"cache\":{\"no-store\":true}"));
}

/* Many a parser forgives the mark, so what follows it is understood. */
static void
test_taken_out_behind_a_byte_order_mark(void **state)
{
	struct cache_body body = read_text("\xef\xbb\xbf{\"cache\":{\"ttl\":5},"
	    REST "}");

	(void)state;
	assert_int_equal(body.verdict, WIRE_BODY_ENCODING);
	assert_int_equal(body.asked.ttl_s, 5);
	assert_int_equal(body.cut_at, 4);
	assert_int_equal(body.cut_len, strlen("\"cache\":{\"ttl\":5},"));
}

static void
test_options_that_are_understood(void **state)
{
#define OPTIONS(v) "{" REST ",\"stream\":true,\"stream_options\":" v "}"
	static const char *const plain[] = {OPTIONS("null"), OPTIONS("{}"),
	    OPTIONS("{\"include_usage\":true}"),
	    OPTIONS("{\"include_usage\":null,\"include_obfuscation\":false}")};
	static const char *const odd[] = {OPTIONS("7"), OPTIONS("[]"),
	    OPTIONS("{\"include_usage\":\"yes\"}"),
	    OPTIONS("{\"include_usage\":true,\"x\":null}")};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(plain) / sizeof(plain[0]); i++)
		assert_false(read_text(plain[i]).options_odd);
	for (i = 0; i < sizeof(odd) / sizeof(odd[0]); i++)
		assert_true(read_text(odd[i]).options_odd);
}

static void
test_twins(void **state)
{
	struct cache_body json = read_text("{" REST "}");
	struct cache_body stream = read_text("{" REST ",\"stream\":true}");
	struct cache_body usage = read_text("{" REST ",\"stream\":true,"
	    "\"stream_options\":{\"include_usage\":true}}");
	struct cache_body odd = read_text("{" REST ",\"stream\":true,"
	    "\"stream_options\":{\"continuous_usage_stats\":true}}");
	struct cache_body twin;

	(void)state;
	assert_true(usage.usage_asked && !stream.usage_asked);
	assert_true(odd.options_odd && !usage.options_odd);
	assert_int_equal(cache_body_twin(&twin, &json, false), 0);
	assert_true(twin.stream && same_digest(&twin, &stream));
	assert_int_equal(cache_body_twin(&twin, &json, true), 0);
	assert_true(twin.stream && same_digest(&twin, &usage));
	assert_int_equal(cache_body_twin(&twin, &usage, false), 0);
	assert_true(!twin.stream && same_digest(&twin, &json));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_taken_out),
	    cmocka_unit_test(test_understood),
	    cmocka_unit_test(test_taken_out_of_odd_bodies),
	    cmocka_unit_test(test_taken_out_behind_a_byte_order_mark),
	    cmocka_unit_test(test_options_that_are_understood),
	    cmocka_unit_test(test_twins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
