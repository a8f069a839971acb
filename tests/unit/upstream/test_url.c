#include "upstream/url.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void
test_join(void **state)
{
	static const struct {
		const char *base, *path, *query, *url;
	} table[] = {
		{"http://h", "/v1/x", NULL, "http://h/v1/x"},
		{"http://h/", "/v1/x", NULL, "http://h/v1/x"},
		{"http://h/v1", "/v1/x", NULL, "http://h/v1/x"},
		{"http://h/v1//", "/v1/x", "a=b", "http://h/v1/x?a=b"},
		{"http://h/v1", "/v1", NULL, "http://h/v1"},
		{"http://h/v1", "/v1beta/x", NULL, "http://h/v1/v1beta/x"},
		{"http://h/v1", "/rerank", NULL, "http://h/v1/rerank"},
		{"http://h/api/v1", "/v1/x", "", "http://h/api/v1/x?"},
		{"http://h/apiv1", "/v1/x", NULL, "http://h/apiv1/v1/x"},
		{"http://v1", "/v1/x", NULL, "http://v1/v1/x"},
		{"http://h", "//a/../%2e?", NULL, NULL},
		{"http://h", "//a/../%2e", "?", "http://h//a/../%2e??"},
	};
	struct err err = ERR_INIT;
	struct buf b;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		buf_init(&b, 1000);
		if (table[i].url == NULL) {
			assert_int_equal(url_join(&b, table[i].base,
			    table[i].path, table[i].query, NULL), -1);
		} else {
			assert_int_equal(url_join(&b, table[i].base,
			    table[i].path, table[i].query, &err), 0);
			assert_string_equal(b.data, table[i].url);
		}
		buf_fini(&b);
	}
}

static void
test_refused_bytes(void **state)
{
	char path[] = "/v1/a?b", query[] = "x=yz";
	struct err err;
	struct buf b;

	(void)state;
	for (int c = 1; c < 256; c++) {
		buf_init(&b, 1000);
		err_clear(&err);
		path[5] = query[2] = (char)c;
		assert_int_equal(url_join(&b, "http://h", path, NULL, &err),
		    c <= ' ' || c == 0x7f || c == '?' || c == '#' ? -1 : 0);
		if (err.code != ERR_NONE)
			assert_int_equal(err.code, ERR_BAD_REQUEST);
		assert_int_equal(url_join(&b, "http://h", "/", query, NULL),
		    c <= ' ' || c == 0x7f || c == '#' ? -1 : 0);
		buf_fini(&b);
	}
	buf_init(&b, 1000);
	assert_int_equal(url_join(&b, "http://h", "v1", NULL, NULL), -1);
	assert_int_equal(url_join(&b, "http://h", "", NULL, NULL), -1);
	buf_fini(&b);
}

static void
test_host(void **state)
{
	char out[32];

	(void)state;
	url_host("https://api.example.com:8443/v1?x", out, sizeof(out));
	assert_string_equal(out, "api.example.com:8443");
	url_host("http://user:p@ss@h/@", out, sizeof(out));
	assert_string_equal(out, "h");
	url_host("http://[::1]:80", out, sizeof(out));
	assert_string_equal(out, "[::1]:80");
	url_host("http://a\nb", out, sizeof(out));
	assert_string_equal(out, "a?b");
	url_host("http://0123456789", out, 5);
	assert_string_equal(out, "0123");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_join),
		cmocka_unit_test(test_refused_bytes),
		cmocka_unit_test(test_host),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
