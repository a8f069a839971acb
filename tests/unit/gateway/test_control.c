/* What callers may say about the cache, and which headers go where. */
#include "gateway/control.h"
#include "gateway/exchange.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#define ALL                                                                    \
	"no-cache no-store max-age only-if-cached ttl namespace use-cache "    \
	"replay"

static struct conf conf = {
	.cache = {.ttl_ms = 3600000, .namespace = (char *)(uintptr_t)"usual",
	    .allow_control = (char *)(uintptr_t)ALL,
	    .replay = (char *)(uintptr_t)"20/s"},
};

/* One header and a cache object, either NULL, under a configuration. */
static int
read_both(struct control *out, const char *name, const char *value,
    const char *object, struct err *err)
{
	static struct http_headers h; /* what *out borrows from */
	static struct cache_asked asked;

	http_headers_fini(&h);
	http_headers_init(&h);
	if (name != NULL)
		assert_int_equal(http_headers_add(&h, name, value), 0);
	cache_asked_init(&asked);
	if (object != NULL)
		cache_asked_read(&asked, object, strlen(object));
	return control_read(out, &h, &asked, &conf, err);
}

static int
read_one(struct control *out, const char *name, const char *value,
    struct err *err)
{
	return read_both(out, name, value, NULL, err);
}

static void
test_silence_means_the_configured_way(void **state)
{
	struct control c;

	(void)state;
	assert_int_equal(read_one(&c, "Accept", "*/*", NULL), 0);
	assert_true(c.read && c.store && !c.only_if_cached);
	assert_true(c.max_age_s == -1);
	assert_true(c.ttl_ms == 3600000);
	assert_string_equal(c.namespace, "usual");
	assert_int_equal(c.replay.kind, CONF_REPLAY_RATE);
	assert_true(c.replay.value == 20);
}

static void
test_pace_of_a_replay(void **state)
{
	static const char *const bad[] = {"", "fast", "recorded*", "recorded*0",
	    "0/s", "10", "10/m", "recorded 4", "instant*2"};
	struct err err = ERR_INIT;
	struct control c;
	size_t i;

	(void)state;
	read_one(&c, "X-Cache-Replay", "instant", NULL);
	assert_int_equal(c.replay.kind, CONF_REPLAY_INSTANT);
	read_one(&c, "X-Cache-Replay", "recorded", NULL);
	assert_int_equal(c.replay.kind, CONF_REPLAY_RECORDED);
	assert_true(c.replay.value == 1);
	read_one(&c, "x-cache-replay", "recorded\xc3\x97" "4", NULL);
	assert_int_equal(c.replay.kind, CONF_REPLAY_RECORDED);
	assert_true(c.replay.value == 4);
	read_one(&c, "X-Cache-Replay", "2.5/s", NULL);
	assert_int_equal(c.replay.kind, CONF_REPLAY_RATE);
	assert_true(c.replay.value == 2.5);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		err_clear(&err);
		assert_int_equal(
		    read_one(&c, "X-Cache-Replay", bad[i], &err), -1);
		assert_int_equal(err.code, ERR_BAD_REQUEST);
		assert_non_null(strstr(err.text, "X-Cache-Replay"));
	}
}

static void
test_directives(void **state)
{
	struct control c;

	(void)state;
	read_one(&c, "Cache-Control", "no-cache", NULL);
	assert_true(!c.read && c.store);
	read_one(&c, "Cache-Control", "No-Store", NULL);
	assert_true(!c.read && !c.store);
	read_one(&c, "Cache-Control", "max-age=7, only-if-cached", NULL);
	assert_true(c.read && c.only_if_cached && c.max_age_s == 7);
	/* careful: what cannot be read allows nothing old */
	read_one(&c, "Cache-Control", "max-age=soon", NULL);
	assert_true(c.max_age_s == 0);
}

static void
test_ttl_and_namespace(void **state)
{
	static const char *const bad_ttl[] = {"", "-1", "1.5", "x", "9999999d",
	    "5 s x"};
	struct err err = ERR_INIT;
	char long_name[CACHE_NAMESPACE_MAX + 2];
	struct control c;
	size_t i;

	(void)state;
	read_one(&c, "X-Cache-TTL", "90", NULL);
	assert_true(c.ttl_ms == 90000);
	read_one(&c, "X-Cache-TTL", "10m", NULL);
	assert_true(c.ttl_ms == 600000);
	read_one(&c, "X-Cache-TTL", "0", NULL);
	assert_true(c.ttl_ms == 0);
	for (i = 0; i < sizeof(bad_ttl) / sizeof(bad_ttl[0]); i++) {
		err_clear(&err);
		assert_int_equal(
		    read_one(&c, "X-Cache-TTL", bad_ttl[i], &err), -1);
		assert_int_equal(err.code, ERR_BAD_REQUEST);
		assert_non_null(strstr(err.text, "X-Cache-TTL"));
	}
	read_one(&c, "X-Cache-Namespace", "team:a/b", NULL);
	assert_string_equal(c.namespace, "team:a/b");
	memset(long_name, 'x', sizeof(long_name) - 1);
	long_name[sizeof(long_name) - 1] = '\0';
	assert_int_equal(
	    read_one(&c, "X-Cache-Namespace", long_name, NULL), -1);
	assert_int_equal(read_one(&c, "X-Cache-Namespace", "a b", NULL), -1);
}

static void
test_cache_object(void **state)
{
	struct control c;

	(void)state;
	read_both(&c, NULL, NULL, "{\"no-cache\":true}", NULL);
	assert_true(c.used && !c.read && c.store);
	read_both(&c, NULL, NULL, "{\"no-store\":true}", NULL);
	assert_true(!c.read && !c.store);
	read_both(&c, NULL, NULL, "{\"no-cache\":false,\"ttl\":null}", NULL);
	assert_true(c.read && c.store && c.ttl_ms == 3600000);
	read_both(&c, NULL, NULL, "{\"ttl\":7,\"namespace\":\"n\"}", NULL);
	assert_true(c.ttl_ms == 7000);
	assert_string_equal(c.namespace, "n");
	read_both(&c, NULL, NULL, "{\"s-maxage\":0}", NULL);
	assert_true(c.max_age_s == 0);
	read_both(&c, NULL, NULL, "{\"s-max-age\":9}", NULL);
	assert_true(c.max_age_s == 9);
}

static void
test_object_and_header(void **state)
{
	struct control c;

	(void)state;
	read_both(&c, "Cache-Control", "max-age=5", "{\"s-maxage\":9}", NULL);
	assert_true(c.max_age_s == 5);
	read_both(&c, "Cache-Control", "max-age=9", "{\"s-maxage\":5}", NULL);
	assert_true(c.max_age_s == 5);
	read_both(&c, "X-Cache-TTL", "5", "{\"ttl\":9}", NULL);
	assert_true(c.ttl_ms == 9000);
	read_both(&c, "X-Cache-Namespace", "h", "{\"namespace\":\"b\"}", NULL);
	assert_string_equal(c.namespace, "b");
	read_both(&c, "Cache-Control", "no-store", "{\"no-store\":false}", NULL);
	assert_true(!c.store);
}

static void
test_wrong_objects(void **state)
{
	static const struct {
		const char *object, *says;
	} cases[] = {
	    {"{\"ttl\":-1}", "ttl"}, {"{\"ttl\":1.5}", "ttl"},
	    {"{\"ttl\":\"5\"}", "ttl"}, {"{\"ttl\":315360001}", "ttl"},
	    {"{\"s-maxage\":true}", "s-maxage"},
	    {"{\"no-cache\":1}", "no-cache"},
	    {"{\"use-cache\":\"yes\"}", "use-cache"},
	    {"{\"namespace\":\"a b\"}", "namespace"},
	    {"{\"namespace\":\"\"}", "namespace"},
	    {"{\"no_cache\":true}", "no_cache"},
	    {"{\"ttl\":1,\"ttl\":2}", "twice"},
	};
	struct control c;
	struct err err;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		err = (struct err)ERR_INIT;
		assert_int_equal(read_both(&c, NULL, NULL, cases[i].object,
		    &err), -1);
		assert_int_equal(err.code, ERR_BAD_REQUEST);
		if (strstr(err.text, cases[i].says) == NULL)
			fail_msg("%s: %s", cases[i].object, err.text);
	}
}

static void
test_opting_in(void **state)
{
	struct control c;

	(void)state;
	read_both(&c, NULL, NULL, "{\"use-cache\":false}", NULL);
	assert_false(c.used);
	conf.cache.mode = CONF_MODE_OPT_IN;
	read_both(&c, NULL, NULL, NULL, NULL);
	assert_false(c.used);
	read_both(&c, NULL, NULL, "{\"ttl\":5}", NULL);
	assert_false(c.used);
	read_both(&c, NULL, NULL, "{\"use-cache\":true}", NULL);
	assert_true(c.used && c.read && c.store);
	conf.cache.mode = CONF_MODE_ON;
}

static void
test_what_callers_may_not_say(void **state)
{
	static const struct {
		const char *word, *name, *value, *object;
	} cases[] = {
	    {"no-cache", "Cache-Control", "no-cache", "{\"no-cache\":true}"},
	    {"no-store", "Cache-Control", "no-store", "{\"no-store\":true}"},
	    {"max-age", "Cache-Control", "max-age=5", "{\"s-maxage\":5}"},
	    {"only-if-cached", "Cache-Control", "only-if-cached", NULL},
	    {"ttl", "X-Cache-TTL", "5", "{\"ttl\":5}"},
	    {"namespace", "X-Cache-Namespace", "n", "{\"namespace\":\"n\"}"},
	    {"use-cache", NULL, NULL, "{\"use-cache\":false}"},
	    {"replay", "X-Cache-Replay", "recorded", NULL},
	};
	enum { N = sizeof(cases) / sizeof(cases[0]) };
	char *all = conf.cache.allow_control;
	struct control c;
	struct err err;
	int i, j, rc;

	(void)state;
	for (i = 0; i < N; i++) {
		/* Only that one may be said: it passes, others do not. */
		conf.cache.allow_control = (char *)(uintptr_t)cases[i].word;
		for (j = 0; j < 2 * N; j++) {
			err = (struct err)ERR_INIT;
			if (j < N)
				rc = read_both(&c, cases[j].name,
				    cases[j].value, NULL, &err);
			else
				rc = read_both(&c, NULL, NULL,
				    cases[j - N].object, &err);
			if (j % N == i || (j < N ? cases[j].name :
			    cases[j - N].object) == NULL) {
				assert_int_equal(rc, 0);
				continue;
			}
			assert_int_equal(rc, -1);
			assert_int_equal(err.code, ERR_FORBIDDEN);
			assert_int_equal(err_status(err.code), 403);
			assert_non_null(strstr(err.text, cases[j % N].word));
		}
	}
	conf.cache.allow_control = (char *)(uintptr_t)"none";
	assert_int_equal(read_both(&c, NULL, NULL, NULL, NULL), 0);
	conf.cache.allow_control = all;
}

static void
test_what_is_replayed(void **state)
{
	static const char *const kept[] = {"Content-Type",
	    "Access-Control-Allow-Origin", "openai-version", "Vary"};
	static const char *const dropped[] = {"date", "AGE", "Set-Cookie",
	    "Retry-After", "x-ratelimit-remaining-tokens", "X-Request-Id",
	    "request-id", "x-ms-request-id", "x-amzn-requestid", "CF-Ray",
	    "openai-processing-ms", "Content-Length", "Transfer-Encoding",
	    "X-Sendfile", "X-Accel-Redirect", "Status", "X-Cache"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		assert_true(headers_replayable(kept[i], ENTRY_STREAM));
	for (i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++)
		assert_false(headers_replayable(dropped[i], ENTRY_JSON));
	assert_false(headers_replayable("Cache-Control", ENTRY_STREAM));
	assert_true(headers_replayable("Cache-Control", ENTRY_JSON));
}

static void
test_what_speaks_of_the_very_bytes(void **state)
{
	static const char *const bytes[] = {"etag", "Content-MD5", "Digest",
	    "Repr-Digest", "content-digest", "Content-Length",
	    "Content-Encoding"};
	static const char *const meaning[] = {"Content-Type",
	    "Content-Language", "Vary", "Access-Control-Allow-Origin"};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++)
		assert_true(headers_about_bytes(bytes[i]));
	for (i = 0; i < sizeof(meaning) / sizeof(meaning[0]); i++)
		assert_false(headers_about_bytes(meaning[i]));
}

static void
test_what_goes_upstream(void **state)
{
	struct http_headers in, out;

	(void)state;
	http_headers_init(&in);
	http_headers_init(&out);
	http_headers_add(&in, "X-Cache-TTL", "5");
	http_headers_add(&in, "x-cache-namespace", "n");
	http_headers_add(&in, "Cache-Control", "no-cache");
	http_headers_add(&in, "Authorization", "Bearer k");
	assert_int_equal(headers_for_upstream(&out, &in, true), 0);
	assert_int_equal(out.count, 1);
	assert_string_equal(out.list[0].name, "Authorization");
	http_headers_fini(&out);
	/* where nothing is cached, Cache-Control is the upstream's */
	assert_int_equal(headers_for_upstream(&out, &in, false), 0);
	assert_string_equal(http_headers_get(&out, "cache-control"),
	    "no-cache");
	http_headers_fini(&out);
	http_headers_fini(&in);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_silence_means_the_configured_way),
	    cmocka_unit_test(test_cache_object),
	    cmocka_unit_test(test_object_and_header),
	    cmocka_unit_test(test_wrong_objects),
	    cmocka_unit_test(test_opting_in),
	    cmocka_unit_test(test_what_callers_may_not_say),
	    cmocka_unit_test(test_pace_of_a_replay),
	    cmocka_unit_test(test_directives),
	    cmocka_unit_test(test_ttl_and_namespace),
	    cmocka_unit_test(test_what_is_replayed),
	    cmocka_unit_test(test_what_speaks_of_the_very_bytes),
	    cmocka_unit_test(test_what_goes_upstream),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
