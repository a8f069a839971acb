/* The response's order and its safety, and the generic part of http_conn. */
#include "http/response.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* A connection in memory that gives its body in pieces of any size. */
struct memory_conn {
	struct http_conn conn;
	const char *body;
	size_t body_len, piece;
	bool cut;          /* the body breaks off instead of ending */
	struct buf out;
	size_t writes, flushes;
	size_t fail_after; /* writes that succeed */
};

static ssize_t
memory_read(struct http_conn *c, void *out, size_t size)
{
	struct memory_conn *m = (struct memory_conn *)c;

	if (size > m->piece)
		size = m->piece;
	if (size > m->body_len)
		size = m->body_len;
	if (size == 0)
		return m->cut ? -1 : 0;
	memcpy(out, m->body, size);
	m->body += size;
	m->body_len -= size;
	return (ssize_t)size;
}

static int
memory_write(struct http_conn *c, const void *bytes, size_t len)
{
	struct memory_conn *m = (struct memory_conn *)c;

	if (m->writes >= m->fail_after)
		return -1;
	m->writes++;
	return buf_append(&m->out, bytes, len);
}

static int
memory_flush(struct http_conn *c)
{
	((struct memory_conn *)c)->flushes++;
	return 0;
}

static int
memory_watch_fd(const struct http_conn *c)
{
	(void)c;
	return 7;
}

static bool
memory_peer_left(struct http_conn *c)
{
	return ((struct memory_conn *)c)->cut;
}

static const struct http_conn_ops memory_ops = {
	.read = memory_read,
	.write = memory_write,
	.flush = memory_flush,
	.watch_fd = memory_watch_fd,
	.peer_left = memory_peer_left
};

static void
memory_init(struct memory_conn *m, const char *body, size_t piece)
{
	memset(m, 0, sizeof(*m));
	m->conn.ops = &memory_ops;
	m->body = body;
	m->body_len = strlen(body);
	m->piece = piece;
	m->fail_after = SIZE_MAX;
	buf_init(&m->out, 1 << 20);
}

static void
a_response_in_order(void **state)
{
	struct memory_conn m;
	struct http_response r;

	(void)state;
	memory_init(&m, "", 1);
	http_response_init(&r, &m.conn, false);
	assert_int_equal(http_response_status(&r, 200), 0);
	http_response_header(&r, "A", "1");
	http_response_header(&r, "status", "500");
	http_response_header(&r, "B", "two words");
	assert_int_equal(m.writes, 0);
	assert_int_equal(http_response_body(&r, "hello ", 6), 0);
	assert_int_not_equal(r.first_byte_us, 0);
	assert_int_equal(http_response_body(&r, "you", 3), 0);
	assert_int_equal(http_response_flush(&r), 0);
	assert_int_equal(http_response_end(&r), 0);
	assert_int_equal(r.body_bytes, 9);
	assert_string_equal(m.out.data, "Status: 200 OK\r\nA: 1\r\n"
	    "B: two words\r\n\r\nhello you");
	assert_int_equal(m.conn.bytes_written, m.out.len);
	http_response_fini(&r);
	buf_fini(&m.out);
}

static void
what_is_out_of_order_is_refused(void **state)
{
	struct memory_conn m;
	struct http_response r;

	(void)state;
	memory_init(&m, "", 1);
	http_response_init(&r, &m.conn, false);
	assert_int_equal(http_response_header(&r, "A", "1"), -1);
	assert_int_equal(http_response_body(&r, "x", 1), -1);
	assert_int_equal(http_response_start(&r), -1);
	assert_int_equal(http_response_flush(&r), -1);
	assert_int_equal(http_response_end(&r), -1);
	assert_int_equal(http_response_status(&r, 199), -1);
	assert_int_equal(http_response_status(&r, 600), -1);
	assert_int_equal(r.state, HTTP_RESPONSE_NEW);
	assert_int_equal(http_response_status(&r, 404), 0);
	assert_int_equal(http_response_status(&r, 200), -1);
	assert_int_equal(http_response_start(&r), 0);
	assert_int_equal(m.flushes, 1);
	assert_int_equal(r.first_byte_us, 0);
	assert_int_equal(http_response_start(&r), -1);
	assert_int_equal(http_response_header(&r, "A", "1"), -1);
	assert_int_equal(http_response_end(&r), 0);
	assert_int_equal(http_response_body(&r, "x", 1), -1);
	assert_int_equal(http_response_end(&r), -1);
	assert_string_equal(m.out.data, "Status: 404 Not Found\r\n\r\n");
	http_response_fini(&r);

	http_response_init(&r, &m.conn, false);
	assert_int_equal(http_response_status(&r, 200), 0);
	http_response_break(&r);
	assert_int_equal(http_response_body(&r, "x", 1), -1);
	assert_int_equal(http_response_end(&r), -1);
	assert_int_equal(r.state, HTTP_RESPONSE_BROKEN);
	http_response_fini(&r);
	buf_fini(&m.out);
}

/* Whatever byte a value holds, the head keeps its lines. */
static void
no_byte_can_split_a_response(void **state)
{
	struct memory_conn m;
	struct http_response r;
	char value[] = "a?Set-Cookie: x";
	char name[] = "X?Y";
	size_t lines;
	const char *p;
	int c;

	(void)state;
	for (c = 1; c < 256; c++) {
		memory_init(&m, "", 1);
		http_response_init(&r, &m.conn, false);
		http_response_status(&r, 200);
		value[1] = name[1] = (char)c;
		assert_int_equal(http_response_header(&r, "X", value),
		    c == '\t' || (c >= 0x20 && c != 0x7f) ? 0 : -1);
		assert_int_equal(http_response_header(&r, name, "v") == 0,
		    http_is_token(name));
		assert_int_equal(http_response_header(&r, "Last", "l"), 0);
		http_response_end(&r);
		lines = 0;
		for (p = m.out.data; (p = strchr(p, '\n')) != NULL; p++)
			lines++;
		assert_in_range(lines, 3, 5);
		assert_null(strstr(m.out.data, "\nSet-Cookie"));
		assert_non_null(strstr(m.out.data, "\r\nLast: l\r\n\r\n"));
		http_response_fini(&r);
		buf_fini(&m.out);
	}
}

static void
some_answers_have_no_body(void **state)
{
	static const struct {
		int status;
		bool head_only;
	} cases[] = {{200, true}, {204, false}, {304, false}};
	struct memory_conn m;
	struct http_response r;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		memory_init(&m, "", 1);
		http_response_init(&r, &m.conn, cases[i].head_only);
		http_response_status(&r, cases[i].status);
		assert_int_equal(http_response_body(&r, "body", 4), 0);
		assert_int_equal(http_response_end(&r), 0);
		assert_int_equal(r.body_bytes, 0);
		assert_null(strstr(m.out.data, "body"));
		assert_memory_equal(m.out.data + m.out.len - 4, "\r\n\r\n", 4);
		http_response_fini(&r);
		buf_fini(&m.out);
	}
}

static void
every_status_has_a_reason(void **state)
{
	struct memory_conn m;
	struct http_response r;
	char start[32];
	int status;

	(void)state;
	memory_init(&m, "", 1);
	for (status = 200; status < 600; status++) {
		http_response_init(&r, &m.conn, false);
		assert_int_equal(http_response_status(&r, status), 0);
		http_response_end(&r);
		snprintf(start, sizeof(start), "Status: %d ", status);
		assert_memory_equal(m.out.data, start, strlen(start));
		assert_true(m.out.len > strlen(start) + 4);
		http_response_fini(&r);
		buf_reset(&m.out);
	}
	buf_fini(&m.out);
}

static void
a_head_too_long_is_left_out_whole(void **state)
{
	struct memory_conn m;
	struct http_response r;
	char *value = malloc(200 * 1024);
	int i, added = 0;

	(void)state;
	assert_non_null(value);
	memset(value, 'v', 200 * 1024);
	value[200 * 1024 - 1] = '\0';
	memory_init(&m, "", 1);
	http_response_init(&r, &m.conn, false);
	http_response_status(&r, 200);
	for (i = 0; i < 5; i++)
		added += http_response_header(&r, "Long", value) == 0;
	assert_in_range(added, 1, 4);
	assert_int_equal(http_response_header(&r, "Short", "s"), 0);
	assert_int_equal(http_response_end(&r), 0);
	assert_string_equal(m.out.data + m.out.len - 13, "\nShort: s\r\n\r\n");
	http_response_fini(&r);
	buf_fini(&m.out);
	free(value);
}

static void
a_failed_write_is_latched(void **state)
{
	struct memory_conn m;
	struct http_response r;

	(void)state;
	memory_init(&m, "", 1);
	m.fail_after = 2;
	http_response_init(&r, &m.conn, false);
	http_response_status(&r, 200);
	assert_int_equal(http_response_body(&r, "a", 1), 0);
	assert_int_equal(http_response_body(&r, "b", 1), -1);
	assert_true(m.conn.client_gone);
	m.fail_after = SIZE_MAX;
	assert_int_equal(http_response_body(&r, "c", 1), -1);
	assert_int_equal(http_response_flush(&r), -1);
	assert_int_equal(http_response_end(&r), -1);
	assert_true(http_conn_peer_left(&m.conn));
	http_response_fini(&r);
	buf_fini(&m.out);
}

static void
a_body_is_read_whole_in_any_pieces(void **state)
{
	static const char body[] = "0123456789abcdef";
	struct memory_conn m;
	struct buf in;
	struct err err;
	size_t piece, max;
	int result;

	(void)state;
	for (piece = 1; piece <= sizeof(body); piece++) {
		for (max = 0; max <= sizeof(body); max++) {
			memory_init(&m, body, piece);
			buf_init(&in, max);
			err_clear(&err);
			result = http_conn_read_all(&m.conn, &in, &err);
			if (max >= strlen(body)) {
				assert_int_equal(result, 0);
				assert_string_equal(in.data, body);
			} else {
				assert_int_equal(result, -1);
				assert_int_equal(err.code, ERR_TOO_LARGE);
			}
			assert_true(m.conn.body_ended);
			assert_int_equal(m.conn.bytes_read, strlen(body));
			buf_fini(&in);
		}
	}
}

static void
a_cut_body_is_an_error(void **state)
{
	struct memory_conn m;
	struct buf in;
	struct err err = ERR_INIT;
	char byte;

	(void)state;
	memory_init(&m, "half", 3);
	m.cut = true;
	buf_init(&in, 100);
	assert_int_equal(http_conn_watch_fd(&m.conn), -1);
	assert_int_equal(http_conn_read_all(&m.conn, &in, &err), -1);
	assert_int_equal(err.code, ERR_CLIENT_GONE);
	assert_false(m.conn.body_ended);
	assert_int_equal(http_conn_read(&m.conn, &byte, 1, NULL), -1);
	assert_int_equal(http_conn_drain(&m.conn), -1);
	assert_false(http_conn_peer_left(&m.conn));
	buf_fini(&in);

	memory_init(&m, "", 1);
	assert_int_equal(http_conn_drain(&m.conn), 0);
	assert_int_equal(http_conn_watch_fd(&m.conn), 7);
	m.cut = true;
	assert_true(http_conn_peer_left(&m.conn));
	assert_int_equal(http_conn_write(&m.conn, "x", 1), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_response_in_order),
		cmocka_unit_test(what_is_out_of_order_is_refused),
		cmocka_unit_test(no_byte_can_split_a_response),
		cmocka_unit_test(some_answers_have_no_body),
		cmocka_unit_test(every_status_has_a_reason),
		cmocka_unit_test(a_head_too_long_is_left_out_whole),
		cmocka_unit_test(a_failed_write_is_latched),
		cmocka_unit_test(a_body_is_read_whole_in_any_pieces),
		cmocka_unit_test(a_cut_body_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
