/* What comes back: every answer, whole, split and cut. */
#include "collect.h"
#include "script.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

/* Play one answer and fetch it. The caller ends with collect_fini. */
static int
fetch(struct collect *c, const struct script_step *step)
{
	struct script *s = script_start(step, 1);
	struct upstream_pool *pool = upstream_pool_new();
	int rc;

	collect_init(c, s->url);
	rc = collect_run(c, pool);
	/* The url goes away with the script. */
	c->upstream.url = NULL;
	upstream_pool_free(pool);
	script_stop(s);
	script_free(s);
	return rc;
}

struct good {
	const char *bytes;
	enum script_end end;
	int status;
	const char *body;
};

static const struct good good[] = {
	{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", SCRIPT_KEEP,
	    200, "hello"},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
	    "2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\nX-Trailer: t\r\n\r\n",
	    SCRIPT_KEEP, 200, "hello"},
	{"HTTP/1.1 200 OK\r\n\r\nhello", SCRIPT_CLOSE, 200, "hello"},
	{"HTTP/1.0 200 OK\r\n\r\nhello", SCRIPT_CLOSE, 200, "hello"},
	{"HTTP/1.1 103 Early Hints\r\nX-Early: 1\r\n\r\n"
	    "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", SCRIPT_KEEP,
	    200, "hello"},
	{"HTTP/1.1 204 No Content\r\n\r\n", SCRIPT_KEEP, 204, ""},
	{"HTTP/1.1 304 Not Modified\r\nETag: x\r\n\r\n", SCRIPT_KEEP, 304, ""},
	{"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n"
	    "Content-Length: 5\r\n\r\nhello", SCRIPT_KEEP, 302, "hello"},
	{"HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm=x\r\n"
	    "Content-Length: 0\r\n\r\n", SCRIPT_KEEP, 401, ""},
	{"HTTP/1.1 529\r\nContent-Length: 5\r\n\r\nhello", SCRIPT_KEEP, 529,
	    "hello"},
	{"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 5\r\n"
	    "\r\nhello", SCRIPT_KEEP, 200, "hello"},
};

enum { N_GOOD = sizeof(good) / sizeof(good[0]) };

static void
test_good_answers_at_every_split(void **state)
{
	struct script_step step;
	struct collect c;

	(void)state;
	for (size_t i = 0; i < N_GOOD; i++) {
		for (size_t at = 0; at < strlen(good[i].bytes); at++) {
			step = (struct script_step){.bytes = good[i].bytes,
			    .split = at, .end = good[i].end};
			assert_int_equal(fetch(&c, &step), 0);
			assert_int_equal(c.heads, 1);
			assert_int_equal(c.status, good[i].status);
			assert_true(c.report.got_head);
			assert_int_equal(c.body.len, strlen(good[i].body));
			assert_memory_equal(c.body.len == 0 ? "" :
			    c.body.data, good[i].body, c.body.len);
			assert_null(http_headers_get(&c.got, "X-Early"));
			assert_null(http_headers_get(&c.got, "X-Trailer"));
			collect_fini(&c);
		}
	}
}

/*
 * Cut anywhere, an answer that tells its length must not seem whole. Only
 * the last line feed after the trailers is not missed by libcurl: the last
 * chunk has been seen by then.
 */
static void
test_cut_answers_are_broken(void **state)
{
	struct script_step step;
	struct collect c;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		for (size_t len = 1; len < strlen(good[i].bytes) - i;
		    len++) {
			step = (struct script_step){.bytes = good[i].bytes,
			    .len = len, .end = len % 2 == 0 ? SCRIPT_CLOSE :
			    SCRIPT_RESET};
			assert_int_equal(fetch(&c, &step), -1);
			assert_int_equal(c.err.code, ERR_UPSTREAM_BROKEN);
			collect_fini(&c);
		}
	}
}

static void
test_bytes_before_a_cut_are_delivered(void **state)
{
	static const struct script_step step = {.bytes = "HTTP/1.1 200 OK\r\n"
	    "Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n5\r\nwor",
	    .end = SCRIPT_CLOSE};
	struct collect c;

	(void)state;
	assert_int_equal(fetch(&c, &step), -1);
	assert_int_equal(c.err.code, ERR_UPSTREAM_BROKEN);
	assert_true(c.report.got_head);
	assert_string_equal(c.body.data, "hellowor");
	collect_fini(&c);
}

static void
test_bad_heads_are_broken(void **state)
{
	static const char *const bad[] = {
		"\x16\x03\x01\x02 no HTTP\r\n\r\n",
		"HTTP/1.1 2x0 OK\r\n\r\n",
		"HTTP/1.1 600 Beyond\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 999 Odd\r\nContent-Length: 2\r\n\r\nok",
		"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nok",
		"HTTP/1.1 200 OK\r\nX-A: 1\r\n folded\r\n\r\n",
		"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
		("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"
		    "Content-Length: 2\r\n\r\nab"),
		"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n\r\na",
		"HTTP/1.1 100 Continue\r\n\r\n",
	};
	struct script_step step;
	struct collect c;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		step = (struct script_step){.bytes = bad[i],
		    .end = SCRIPT_CLOSE};
		assert_int_equal(fetch(&c, &step), -1);
		assert_int_equal(c.err.code, ERR_UPSTREAM_BROKEN);
		assert_int_equal(c.heads, 0);
		assert_false(c.report.got_head);
		collect_fini(&c);
	}
}

static void
test_fields_that_do_not_travel(void **state)
{
	static const struct script_step step = {.bytes = "HTTP/1.1 200 OK\r\n"
	    "Connection: close, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\n"
	    "Transfer-Encoding: chunked\r\nContent-Length: 99\r\n"
	    "X-Bell: a\ab\r\nX Y: z\r\nx-good:  v \r\nX-Good: w\r\n"
	    "X-None:\r\n\r\n0\r\n\r\n", .end = SCRIPT_CLOSE};
	struct collect c;

	(void)state;
	assert_int_equal(fetch(&c, &step), 0);
	assert_int_equal(c.got.count, 3);
	assert_string_equal(c.got.list[0].name, "x-good");
	assert_string_equal(c.got.list[0].value, "v");
	assert_string_equal(c.got.list[1].value, "w");
	assert_string_equal(c.got.list[2].value, "");
	collect_fini(&c);
}

static void
test_same_length_twice(void **state)
{
	static const struct script_step step = {.bytes = "HTTP/1.1 200 OK\r\n"
	    "Content-Length: 2\r\nContent-Length: 2\r\n\r\nok"};
	struct collect c;

	(void)state;
	assert_int_equal(fetch(&c, &step), 0);
	assert_int_equal(c.got.count, 1);
	assert_string_equal(c.body.data, "ok");
	collect_fini(&c);
}

/* A head of n fields with values of size bytes. */
static char *
big_head(size_t n, size_t size)
{
	struct buf b;

	buf_init(&b, 4 * 1024 * 1024);
	buf_puts(&b, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n");
	for (size_t i = 0; i < n; i++) {
		buf_printf(&b, "X-%zu: ", i);
		for (size_t j = 0; j < size; j++)
			buf_putc(&b, 'x');
		buf_puts(&b, "\r\n");
	}
	buf_puts(&b, "\r\n");
	assert_false(b.failed);
	return b.data;
}

static void
test_heads_are_bounded(void **state)
{
	static const struct {
		size_t n, size;
		int rc;
	} table[] = {
		{1, 50000, 0}, {255, 10, 0}, {256, 10, -1}, {6, 50000, -1},
		{1, 400000, -1},
	};
	struct script_step step;
	struct collect c;
	char *bytes;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		bytes = big_head(table[i].n, table[i].size);
		step = (struct script_step){.bytes = bytes};
		assert_int_equal(fetch(&c, &step), table[i].rc);
		assert_int_equal(c.err.code, table[i].rc == 0 ? ERR_NONE :
		    ERR_UPSTREAM_BROKEN);
		collect_fini(&c);
		free(bytes);
	}
}

static void
test_large_answer(void **state)
{
	enum { BIG = 5 * 1000 * 1000 };
	struct script_step step = {0};
	struct collect c;
	struct buf b;
	size_t head;

	(void)state;
	buf_init(&b, 2 * BIG);
	buf_printf(&b, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", BIG);
	head = b.len;
	for (int i = 0; i < BIG; i++)
		buf_putc(&b, (char)(i * 7 + i / 251));
	step.bytes = b.data;
	step.len = b.len;
	assert_int_equal(fetch(&c, &step), 0);
	assert_int_equal(c.body.len, BIG);
	assert_memory_equal(c.body.data, b.data + head, BIG);
	collect_fini(&c);
	buf_fini(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good_answers_at_every_split),
		cmocka_unit_test(test_cut_answers_are_broken),
		cmocka_unit_test(test_bytes_before_a_cut_are_delivered),
		cmocka_unit_test(test_bad_heads_are_broken),
		cmocka_unit_test(test_fields_that_do_not_travel),
		cmocka_unit_test(test_same_length_twice),
		cmocka_unit_test(test_heads_are_bounded),
		cmocka_unit_test(test_large_answer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
