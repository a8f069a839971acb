/* The rules of header fields and of Cache-Control. */
#include "http/cache_control.h"
#include "http/header.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
fields_are_kept_in_order_and_trimmed(void **state)
{
	struct http_headers h;

	(void)state;
	http_headers_init(&h);
	assert_int_equal(http_headers_add(&h, "Accept", " \ta, b \t"), 0);
	assert_int_equal(http_headers_add(&h, "X-Empty", "  "), 0);
	assert_int_equal(http_headers_add(&h, "accept", "c"), 0);
	assert_int_equal(h.count, 3);
	assert_string_equal(h.list[0].name, "Accept");
	assert_string_equal(h.list[0].value, "a, b");
	assert_string_equal(h.list[1].value, "");
	assert_string_equal(http_headers_get(&h, "ACCEPT"), "a, b");
	assert_null(http_headers_get(&h, "Accep"));
	http_headers_remove(&h, "aCCept");
	assert_int_equal(h.count, 1);
	assert_string_equal(h.list[0].name, "X-Empty");
	http_headers_fini(&h);
	assert_int_equal(h.count, 0);
}

static void
set_replaces_all(void **state)
{
	struct http_headers h;

	(void)state;
	http_headers_init(&h);
	http_headers_add(&h, "A", "1");
	http_headers_add(&h, "B", "2");
	http_headers_add(&h, "a", "3");
	/* Its own string as the new value. */
	assert_int_equal(http_headers_set(&h, "A",
	    http_headers_get(&h, "a")), 0);
	assert_int_equal(h.count, 2);
	assert_string_equal(http_headers_get(&h, "a"), "1");
	assert_string_equal(http_headers_get(&h, "b"), "2");
	http_headers_fini(&h);
}

/* No control byte but tab may pass, wherever it stands. */
static void
control_bytes_are_refused(void **state)
{
	struct http_headers h;
	char value[] = "abcd", name[] = "Abcd";
	size_t at;
	int c;
	bool good;

	(void)state;
	http_headers_init(&h);
	for (c = 1; c < 256; c++) {
		good = c == '\t' || (c >= 0x20 && c != 0x7f);
		for (at = 0; at < 4; at++) {
			memcpy(value, "abcd", 4);
			value[at] = (char)c;
			assert_int_equal(http_is_field_value(value), good);
			assert_int_equal(http_headers_add(&h, "X", value),
			    good ? 0 : -1);
			http_headers_remove(&h, "X");
			if (good && c != '\t')
				continue;
			memcpy(name, "Abcd", 4);
			name[at] = (char)c;
			assert_false(http_is_token(name));
			assert_int_equal(http_headers_add(&h, name, "v"), -1);
		}
	}
	assert_int_equal(h.count, 0);
	http_headers_fini(&h);
}

static void
names_are_tokens(void **state)
{
	static const char separators[] = "\"(),/:;<=>?@[\\]{} ";
	char name[] = "ab";
	size_t i;

	(void)state;
	assert_false(http_is_token(""));
	assert_true(http_is_token("!#$%&'*+-.^_`|~09azAZ"));
	assert_false(http_is_token("caf\xc3\xa9"));
	for (i = 0; separators[i] != '\0'; i++) {
		name[1] = separators[i];
		assert_false(http_is_token(name));
	}
}

static void
the_list_is_bounded(void **state)
{
	struct http_headers h;
	size_t i;
	char *big = malloc(HTTP_HEADERS_MAX_BYTES + 1);

	(void)state;
	assert_non_null(big);
	http_headers_init(&h);
	for (i = 0; i < HTTP_HEADERS_MAX; i++)
		assert_int_equal(http_headers_add(&h, "N", "v"), 0);
	assert_int_equal(http_headers_add(&h, "N", "v"), -1);
	assert_int_equal(h.count, HTTP_HEADERS_MAX);
	http_headers_remove(&h, "n");
	assert_int_equal(h.bytes, 0);
	memset(big, 'x', HTTP_HEADERS_MAX_BYTES);
	big[HTTP_HEADERS_MAX_BYTES] = '\0';
	assert_int_equal(http_headers_add(&h, "N", big), -1);
	big[HTTP_HEADERS_MAX_BYTES - 1] = '\0';
	assert_int_equal(http_headers_add(&h, "N", big), 0);
	assert_int_equal(http_headers_add(&h, "N", ""), -1);
	http_headers_fini(&h);
	free(big);
}

/* Growing, thinning out and growing again, in many proportions. */
static void
the_list_survives_any_order_of_changes(void **state)
{
	struct http_headers h;
	size_t keep, drop, i;

	(void)state;
	for (keep = 0; keep < 40; keep++) {
		for (drop = 0; drop < 40; drop++) {
			http_headers_init(&h);
			for (i = 0; i < drop; i++)
				http_headers_add(&h, "drop", "1");
			for (i = 0; i < keep; i++)
				http_headers_add(&h, "keep", "1");
			http_headers_remove(&h, "drop");
			assert_int_equal(h.count, keep);
			for (i = 0; i < 40; i++)
				assert_int_equal(http_headers_add(&h, "more",
				    "1"), 0);
			assert_int_equal(h.count, keep + 40);
			http_headers_fini(&h);
		}
	}
}

static void
tokens_of_lists(void **state)
{
	struct http_headers h;

	(void)state;
	http_headers_init(&h);
	http_headers_add(&h, "Connection", "keep-alive ,, Foo");
	http_headers_add(&h, "connection", "Close");
	assert_true(http_headers_has_token(&h, "CONNECTION", "close"));
	assert_true(http_headers_has_token(&h, "Connection", "foo"));
	assert_false(http_headers_has_token(&h, "Connection", "fo"));
	assert_false(http_headers_has_token(&h, "Connection", "keep"));
	assert_false(http_headers_has_token(&h, "Upgrade", "close"));
	http_headers_fini(&h);
}

static void
hop_by_hop_fields_stop_here(void **state)
{
	static const char *const gone[] = {
		"Connection", "keep-alive", "Proxy-Connection",
		"Proxy-Authenticate", "Proxy-Authorization", "TE", "Trailer",
		"Transfer-Encoding", "upgrade", "PROXY", "X-Named", "x-other"
	};
	struct http_headers h;
	size_t i;

	(void)state;
	http_headers_init(&h);
	for (i = 0; i < sizeof(gone) / sizeof(gone[0]); i++)
		http_headers_add(&h, gone[i], "X-named , connection, X-Other");
	http_headers_add(&h, "Content-Type", "application/json");
	http_headers_add(&h, "Tea", "green");
	http_headers_strip_hop_by_hop(&h);
	assert_int_equal(h.count, 2);
	assert_string_equal(h.list[0].name, "Content-Type");
	assert_string_equal(h.list[1].name, "Tea");
	http_headers_fini(&h);
}

static void
server_orders_stop_here(void **state)
{
	(void)state;
	assert_true(http_is_server_order("x-accel-redirect"));
	assert_true(http_is_server_order("X-Accel-Buffering"));
	assert_true(http_is_server_order("X-Sendfile"));
	assert_true(http_is_server_order("X-Sendfile2"));
	assert_true(http_is_server_order("X-LIGHTTPD-send-file"));
	assert_true(http_is_server_order("STATUS"));
	assert_false(http_is_server_order("X-Request-Id"));
}

struct control_case {
	const char *first, *second; /* two fields; NULL: none */
	struct http_cache_control want;
};

#define C(cache, store, priv, only, age)                                       \
	{                                                                      \
		.no_cache = (cache), .no_store = (store),                      \
		.is_private = (priv), .only_if_cached = (only),                \
		.max_age_s = (age)                                             \
	}

static const struct control_case control_cases[] = {
	{NULL, NULL, C(0, 0, 0, 0, -1)},
	{"", NULL, C(0, 0, 0, 0, -1)},
	{"no-cache", NULL, C(1, 0, 0, 0, -1)},
	{"No-Store", "max-age=5", C(0, 1, 0, 0, 5)},
	{" no-cache ,\tNO-STORE,private,only-if-cached", NULL,
	    C(1, 1, 1, 1, -1)},
	{"max-age=0", NULL, C(0, 0, 0, 0, 0)},
	{"max-age=\"60\"", NULL, C(0, 0, 0, 0, 60)},
	{"max-age=60, max-age=30", "max-age=90", C(0, 0, 0, 0, 30)},
	{"max-age", NULL, C(0, 0, 0, 0, 0)},
	{"max-age=", NULL, C(0, 0, 0, 0, 0)},
	{"max-age=-1", NULL, C(0, 0, 0, 0, 0)},
	{"max-age=1.5", NULL, C(0, 0, 0, 0, 0)},
	{"max-age=6O", NULL, C(0, 0, 0, 0, 0)},
	{"max-age=\"6", NULL, C(0, 0, 0, 0, 0)},
	{"max-age=99999999999999999999999999", NULL,
	    C(0, 0, 0, 0, 2147483648)},
	{"s-maxage=9, max-stale=3, x-no-store, no-storex", NULL,
	    C(0, 0, 0, 0, -1)},
	{"x=\"no-store, max-age=9\"", NULL, C(0, 0, 0, 0, -1)},
	{"x=\"a\\\", no-store\", no-cache", NULL, C(1, 0, 0, 0, -1)},
	{"no-cache=\"Set-Cookie\", private=\"a, b\"", NULL,
	    C(1, 0, 1, 0, -1)},
	{"no-store=yes", NULL, C(0, 1, 0, 0, -1)},
	{"x=\"never closed, no-store", NULL, C(0, 1, 0, 0, -1)},
	{",,, ,no-store", NULL, C(0, 1, 0, 0, -1)},
	{"x=\"a\\", NULL, C(0, 0, 0, 0, -1)},
	{"must-revalidate", NULL, {.must_revalidate = true, .max_age_s = -1}},
	{"public", "Proxy-Revalidate=1",
	    {.must_revalidate = true, .max_age_s = -1}},
};

static void
cache_control_is_read(void **state)
{
	const struct control_case *c;
	struct http_cache_control got;
	struct http_headers h;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(control_cases) / sizeof(*c); i++) {
		c = &control_cases[i];
		http_headers_init(&h);
		http_headers_add(&h, "X-Cache-Control", "no-store");
		if (c->first != NULL)
			http_headers_add(&h, "cache-control", c->first);
		if (c->second != NULL)
			http_headers_add(&h, "Cache-Control", c->second);
		http_cache_control_parse(&got, &h);
		if (got.no_cache != c->want.no_cache ||
		    got.no_store != c->want.no_store ||
		    got.is_private != c->want.is_private ||
		    got.only_if_cached != c->want.only_if_cached ||
		    got.must_revalidate != c->want.must_revalidate ||
		    got.max_age_s != c->want.max_age_s)
			fail_msg("case %zu: %s", i, c->first);
		http_headers_fini(&h);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(fields_are_kept_in_order_and_trimmed),
		cmocka_unit_test(set_replaces_all),
		cmocka_unit_test(control_bytes_are_refused),
		cmocka_unit_test(names_are_tokens),
		cmocka_unit_test(the_list_is_bounded),
		cmocka_unit_test(the_list_survives_any_order_of_changes),
		cmocka_unit_test(tokens_of_lists),
		cmocka_unit_test(hop_by_hop_fields_stop_here),
		cmocka_unit_test(server_orders_stop_here),
		cmocka_unit_test(cache_control_is_read),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
