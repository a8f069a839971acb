/* The usage chunk taken out of a stream, however the network splits it. */
#include "gateway/usage_filter.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#define CHUNK                                                                  \
	"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\\\"usage\\\"\"}," \
	"\"finish_reason\":null}],\"usage\":null}"
#define USAGE                                                                  \
	"data: {\"choices\":[],\"usage\":{\"total_tokens\":7}}"
#define DONE "data: [DONE]"

/* Everything that passes when text comes in pieces of n bytes. */
static void
filter(const char *text, size_t len, size_t n, struct buf *passed,
    json_int_t *tokens)
{
	struct usage_filter f;
	size_t at, piece;

	usage_filter_init(&f, 65536);
	for (at = 0; at < len; at += piece) {
		piece = len - at < n ? len - at : n;
		assert_int_equal(usage_filter_feed(&f, text + at, piece), 0);
		buf_append(passed, f.out.data, f.whole);
		usage_filter_sent(&f);
	}
	usage_filter_end(&f);
	buf_append(passed, f.out.data, f.whole);
	*tokens = json_integer_value(json_object_get(f.usage, "total_tokens"));
	usage_filter_fini(&f);
}

static void
assert_passes(const char *text, const char *expected, json_int_t usage)
{
	struct buf passed;
	json_int_t tokens;
	size_t n, len = strlen(text);

	for (n = 1; n <= len; n++) {
		buf_init(&passed, 65536);
		filter(text, len, n, &passed, &tokens);
		assert_int_equal(passed.len, strlen(expected));
		assert_memory_equal(passed.data, expected, passed.len);
		assert_int_equal(tokens, usage);
		buf_fini(&passed);
	}
}

static void
test_only_the_chunk_goes(void **state)
{
	(void)state;
	assert_passes(CHUNK "\n\n" USAGE "\n\n" DONE "\n\n",
	    CHUNK "\n\n" DONE "\n\n", 7);
	assert_passes(CHUNK "\r\n\r\n" USAGE "\r\n\r\n" DONE "\r\n\r\n",
	    CHUNK "\r\n\r\n" DONE "\r\n\r\n", 7);
	assert_passes(CHUNK "\r\r" USAGE "\r\r" DONE "\r\r",
	    CHUNK "\r\r" DONE "\r\r", 7);
	assert_passes(": hello\n\n" CHUNK "\n\n" USAGE "\n\n: bye\n\n",
	    ": hello\n\n" CHUNK "\n\n: bye\n\n", 7);
}

static void
test_all_else_passes(void **state)
{
	static const char *const texts[] = {CHUNK "\n\n" DONE "\n\n",
	    CHUNK "\n\n" USAGE, "data: \"usage\"\n\n", "no stream at all",
	    "data: {\"usage\":{},\"choices\":[{}]}\n\n",
	    "data: {\"usage\":{}}\n\n", "data: {\"usage\"\n\n"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_passes(texts[i], texts[i], 0);
}

/* An event too long to be followed: from there on nothing is held back. */
static void
test_long_events_pass(void **state)
{
	static char text[70000];
	struct usage_filter f;

	(void)state;
	memset(text, 'x', sizeof(text));
	memcpy(text, "data: ", 6);
	usage_filter_init(&f, 65536);
	assert_int_equal(usage_filter_feed(&f, text, sizeof(text)), 0);
	assert_int_equal(f.whole, sizeof(text));
	usage_filter_fini(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_only_the_chunk_goes),
	    cmocka_unit_test(test_all_else_passes),
	    cmocka_unit_test(test_long_events_pass),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
