/* An exchange with nobody takes all and gives nothing. */
#include "http/request.h"
#include "http/response.h"
#include "http/silent.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void
nobody_reads_and_nobody_leaves(void **state)
{
	struct http_response r;
	struct http_conn c;
	char byte;

	(void)state;
	http_silent_init(&c);
	assert_int_equal(http_conn_read(&c, &byte, 1, NULL), 0);
	assert_int_equal(http_conn_drain(&c), 0);
	http_response_init(&r, &c, true);
	assert_int_equal(http_response_status(&r, 200), 0);
	assert_int_equal(http_response_body(&r, "abc", 3), 0);
	assert_int_equal(http_response_flush(&r), 0);
	assert_true(http_conn_room(&c) > 0);
	assert_int_equal(http_conn_watch_fd(&c), -1);
	assert_false(http_conn_peer_left(&c));
	assert_int_equal(http_response_end(&r), 0);
	assert_false(c.client_gone);
	/* Nothing counts as sent. */
	assert_true(r.body_bytes == 0 && r.first_byte_us == 0);
	http_response_fini(&r);
}

static void
a_request_is_copied_whole(void **state)
{
	static char *const env[] = {(char *)"REQUEST_METHOD=POST",
	    (char *)"REQUEST_URI=/base/v1/x?q=1", (char *)"REMOTE_ADDR=::1",
	    (char *)"CONTENT_LENGTH=7", (char *)"CONTENT_TYPE=text/plain",
	    (char *)"HTTP_X_TWO=a, b", NULL};
	static char *const bare[] = {(char *)"REQUEST_METHOD=GET",
	    (char *)"REQUEST_URI=/base/", NULL};
	struct http_request a, b;

	(void)state;
	assert_int_equal(http_request_parse(&a, env, "/base", NULL), 0);
	assert_int_equal(http_request_copy(&b, &a), 0);
	http_request_fini(&a);
	assert_string_equal(b.method, "POST");
	assert_string_equal(b.path, "/v1/x");
	assert_string_equal(b.query, "q=1");
	assert_string_equal(b.client, "::1");
	assert_true(b.content_length == 7);
	assert_int_equal(b.headers.count, 2);
	assert_string_equal(http_headers_get(&b.headers, "X-Two"), "a, b");
	assert_string_equal(http_headers_get(&b.headers, "Content-Type"),
	    "text/plain");
	http_request_fini(&b);
	assert_int_equal(http_request_parse(&a, bare, "/base", NULL), 0);
	assert_int_equal(http_request_copy(&b, &a), 0);
	assert_null(b.query);
	assert_true(b.content_length == a.content_length);
	http_request_fini(&a);
	http_request_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nobody_reads_and_nobody_leaves),
		cmocka_unit_test(a_request_is_copied_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
