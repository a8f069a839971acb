/* One FastCGI exchange over a socket pair. */
#include "http/fcgi.h"

#include "fcgi_client.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/time.h>

#include <cmocka.h>

enum { ID = 0x0123 };

struct link {
	struct http_fcgi *fcgi;
	int here, there; /* the handler's and the web server's end */
};

static struct link
link_open(int type)
{
	struct link l;
	int fd[2];

	l.fcgi = http_fcgi_new();
	assert_non_null(l.fcgi);
	assert_int_equal(socketpair(AF_UNIX, type, 0, fd), 0);
	l.here = fd[0];
	l.there = fd[1];
	return l;
}

static void
link_close(struct link *l)
{
	http_fcgi_free(l->fcgi);
	close(l->there);
}

/* Whether the handler's end was closed: nothing else can have its number. */
static bool
is_open(int fd)
{
	struct pollfd p = {.fd = fd};

	return poll(&p, 1, 0) == 0 || (p.revents & POLLNVAL) == 0;
}

static struct http_conn *
begin_with(struct link *l, const struct buf *records)
{
	struct http_conn *c;

	assert_int_equal(fcgi_send_buf(l->there, records), 0);
	c = http_fcgi_begin(l->fcgi, l->here);
	assert_non_null(c);
	return c;
}

static void
put_request(struct buf *b, bool keep, const char *body)
{
	buf_init(b, 1 << 20);
	fcgi_put_request(b, ID, keep, "/x", body, strlen(body));
}

static void
a_kept_connection_serves_request_after_request(void **state)
{
	struct link l = link_open(SOCK_STREAM);
	struct fcgi_answer a;
	struct http_conn *c;
	struct buf records, in;
	int i;

	(void)state;
	put_request(&records, true, "question");
	for (i = 0; i < 3; i++) {
		c = begin_with(&l, &records);
		buf_init(&in, 100);
		assert_int_equal(http_conn_read_all(c, &in, NULL), 0);
		assert_string_equal(in.data, "question");
		assert_int_equal(http_conn_write(c, "answer", 6), 0);
		assert_true(http_fcgi_end(l.fcgi, false));
		fcgi_read_answer(l.there, ID, &a);
		assert_true(a.ended && !a.bad);
		assert_string_equal(a.out.data, "answer");
		buf_fini(&a.out);
		buf_fini(&in);
	}
	buf_fini(&records);
	close(l.here);
	link_close(&l);
}

static void
the_connection_closes_when_not_asked_to_keep(void **state)
{
	struct link l = link_open(SOCK_STREAM);
	struct fcgi_answer a;
	struct http_conn *c;
	struct buf records;

	(void)state;
	put_request(&records, false, "unread");
	c = begin_with(&l, &records);
	assert_string_equal(c->envp[1], "REQUEST_METHOD=POST");
	assert_false(http_fcgi_end(l.fcgi, false));
	assert_false(is_open(l.here));
	fcgi_read_answer(l.there, ID, &a);
	assert_true(a.ended && !a.bad);
	/* Not reset, though the handler had left the body unread. */
	assert_int_equal(recv(l.there, records.data, 1, 0), 0);
	buf_fini(&a.out);
	buf_fini(&records);
	link_close(&l);
}

static void *
run_cut(void *arg)
{
	struct link *l = arg;

	return http_fcgi_end(l->fcgi, true) ? l : NULL;
}

static void
a_broken_answer_is_cut_when_the_rest_was_read(void **state)
{
	struct link l = link_open(SOCK_STREAM);
	struct pollfd cut = {.fd = l.there, .events = POLLRDHUP};
	struct fcgi_answer a;
	struct http_conn *c;
	struct buf records;
	pthread_t thread;
	void *kept;

	(void)state;
	put_request(&records, true, "");
	c = begin_with(&l, &records);
	assert_int_equal(http_conn_drain(c), 0);
	assert_int_equal(http_conn_write(c, "part", 4), 0);
	assert_int_equal(http_conn_flush(c), 0);
	assert_int_equal(http_conn_write(c, "never sent", 10), 0);
	assert_int_equal(pthread_create(&thread, NULL, run_cut, &l), 0);
	/* A web server that is slow to read does not see the cut first. */
	assert_int_equal(poll(&cut, 1, 500), 0);
	fcgi_read_answer(l.there, ID, &a);
	assert_int_equal(pthread_join(thread, &kept), 0);
	assert_null(kept);
	assert_false(is_open(l.here));
	assert_false(a.ended || a.bad);
	assert_string_equal(a.out.data, "part");
	buf_fini(&a.out);
	buf_fini(&records);
	link_close(&l);
}

/* ---- bodies ------------------------------------------------------------- */

struct echo_client {
	int fd;
	size_t len, step;
	struct fcgi_answer answer;
};

static char
pattern(size_t i)
{
	return (char)(i * 2654435761u >> 13);
}

static void *
run_echo_client(void *arg)
{
	struct echo_client *e = arg;
	struct buf records;
	char *body = malloc(e->len + 1);
	size_t i;

	buf_init(&records, ANSWER_MAX);
	for (i = 0; body != NULL && i < e->len; i++)
		body[i] = pattern(i);
	fcgi_put_head(&records, ID, true, "/echo");
	fcgi_put_stdin(&records, ID, body, e->len, e->step);
	fcgi_send_buf(e->fd, &records);
	fcgi_read_answer(e->fd, ID, &e->answer);
	buf_fini(&records);
	free(body);
	return NULL;
}

static void
echo(size_t len, size_t client_step, size_t write_step)
{
	struct link l = link_open(SOCK_STREAM);
	struct echo_client e = {.fd = l.there, .len = len,
	    .step = client_step};
	struct http_conn *c;
	struct buf in;
	size_t at, part, i;
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, run_echo_client, &e),
	    0);
	c = http_fcgi_begin(l.fcgi, l.here);
	assert_non_null(c);
	buf_init(&in, len);
	assert_int_equal(http_conn_read_all(c, &in, NULL), 0);
	assert_int_equal(in.len, len);
	for (at = 0; at < len; at += part) {
		part = len - at < write_step ? len - at : write_step;
		assert_int_equal(http_conn_write(c, in.data + at, part), 0);
	}
	assert_int_equal(c->bytes_written, len);
	assert_true(http_fcgi_end(l.fcgi, false));
	pthread_join(thread, NULL);
	assert_true(e.answer.ended && !e.answer.bad);
	assert_int_equal(e.answer.out.len, len);
	for (i = 0; i < len; i++) {
		if (e.answer.out.data[i] != pattern(i))
			fail_msg("byte %zu of %zu differs", i, len);
	}
	buf_fini(&e.answer.out);
	buf_fini(&in);
	close(l.here);
	link_close(&l);
}

static void
bodies_pass_both_ways_unchanged(void **state)
{
	static const size_t lengths[] = {0, 1, 7999, 8000, 8001, 8192, 16384,
	    65527, 65528, 65529, 131056, 131057, 500000};
	static const size_t steps[] = {8000, 8001, 16383, 65528, 1000000};
	size_t i, k;

	(void)state;
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		for (k = 0; k < sizeof(steps) / sizeof(steps[0]); k++)
			echo(lengths[i], 65535, steps[k]);
	}
	echo(3000, 1, 7);
	echo(20000, 13, 1999);
	echo((size_t)20 << 20, 65535, (size_t)20 << 20);
}

/* Message boundaries of SOCK_SEQPACKET show each write as it was made. */
static void
a_small_answer_is_one_write(void **state)
{
	struct link l = link_open(SOCK_SEQPACKET);
	struct http_conn *c;
	struct fcgi_answer a = {0};
	struct buf records, in;
	ssize_t n;

	(void)state;
	put_request(&records, false, "");
	c = begin_with(&l, &records);
	assert_int_equal(http_conn_drain(c), 0);
	http_conn_write(c, "Status: 200 OK\r\n\r\n", 18);
	http_conn_write(c, "body", 4);
	http_fcgi_end(l.fcgi, false);
	buf_init(&in, 1 << 20);
	buf_init(&a.out, 1 << 20);
	buf_reserve(&in, 65536);
	n = recv(l.there, in.data, 65536, 0);
	assert_true(n > 0);
	in.len = (size_t)n;
	fcgi_take_all(&in, ID, &a);
	assert_true(a.ended && !a.bad && in.len == 0);
	assert_string_equal(a.out.data, "Status: 200 OK\r\n\r\nbody");
	buf_fini(&a.out);
	buf_fini(&in);
	buf_fini(&records);
	link_close(&l);
}

static void
a_head_goes_with_a_large_body(void **state)
{
	struct link l = link_open(SOCK_SEQPACKET);
	struct http_conn *c;
	struct fcgi_answer a = {0};
	struct buf records, in;
	char *body = calloc(1, 100000);
	ssize_t n;

	(void)state;
	assert_non_null(body);
	put_request(&records, false, "");
	c = begin_with(&l, &records);
	assert_int_equal(http_conn_drain(c), 0);
	http_conn_write(c, "head", 4);
	assert_int_equal(http_conn_write(c, body, 100000), 0);
	buf_init(&in, 1 << 20);
	buf_init(&a.out, 1 << 20);
	buf_reserve(&in, 200000);
	n = recv(l.there, in.data, 200000, 0);
	assert_true(n > 0);
	in.len = (size_t)n;
	fcgi_take_all(&in, ID, &a);
	assert_int_equal(a.out.len, 100004);
	http_fcgi_end(l.fcgi, false);
	buf_fini(&a.out);
	buf_fini(&in);
	buf_fini(&records);
	free(body);
	link_close(&l);
}

/* What has come can be read before the rest has. */
static void
a_body_can_be_read_as_it_comes(void **state)
{
	struct link l = link_open(SOCK_STREAM);
	struct http_conn *c;
	struct buf records;
	char out[100];

	(void)state;
	buf_init(&records, 4096);
	fcgi_put_head(&records, ID, true, "/x");
	fcgi_put_record(&records, FCGI_STDIN, ID, "first", 5);
	c = begin_with(&l, &records);
	assert_int_equal(http_conn_read(c, out, sizeof(out), NULL), 5);
	assert_int_equal(http_conn_watch_fd(c), -1);
	buf_reset(&records);
	fcgi_put_stdin(&records, ID, "second", 6, 100);
	assert_int_equal(fcgi_send_buf(l.there, &records), 0);
	assert_int_equal(http_conn_read(c, out, sizeof(out), NULL), 6);
	assert_memory_equal(out, "second", 6);
	assert_int_equal(http_conn_read(c, out, sizeof(out), NULL), 0);
	assert_int_equal(http_conn_watch_fd(c), l.here);
	assert_true(http_fcgi_end(l.fcgi, false));
	buf_fini(&records);
	close(l.here);
	link_close(&l);
}

/* ---- what goes wrong ---------------------------------------------------- */

/* A request cut anywhere is never taken for a whole one. */
static void
every_truncation_is_noticed(void **state)
{
	struct buf records, in;
	struct http_conn *c;
	struct err err;
	struct link l;
	size_t len;

	(void)state;
	put_request(&records, true, "a question");
	for (len = 0; len < records.len; len++) {
		l = link_open(SOCK_STREAM);
		assert_int_equal(fcgi_send(l.there, records.data, len), 0);
		shutdown(l.there, SHUT_WR);
		c = http_fcgi_begin(l.fcgi, l.here);
		if (c != NULL) {
			buf_init(&in, 100);
			err_clear(&err);
			assert_int_equal(http_conn_read_all(c, &in, &err), -1);
			assert_int_equal(err.code, ERR_CLIENT_GONE);
			assert_false(http_fcgi_end(l.fcgi, false));
			buf_fini(&in);
		}
		assert_false(is_open(l.here));
		link_close(&l);
	}
	buf_fini(&records);
}

/* What reading 8 bytes gives when another length was announced. */
static int
read_announced(const char *length, size_t step)
{
	struct link l = link_open(SOCK_STREAM);
	struct buf records, params, in;
	struct http_conn *c;
	int result;

	buf_init(&records, 4096);
	buf_init(&params, 4096);
	fcgi_put_param(&params, "CONTENT_LENGTH", length);
	fcgi_put_begin(&records, ID, 1, true);
	fcgi_put_record(&records, FCGI_PARAMS, ID, params.data, params.len);
	fcgi_put_record(&records, FCGI_PARAMS, ID, "", 0);
	fcgi_put_stdin(&records, ID, "12345678", 8, step);
	c = begin_with(&l, &records);
	buf_init(&in, 100);
	result = http_conn_read_all(c, &in, NULL);
	assert_int_equal(http_fcgi_end(l.fcgi, false), result == 0);
	if (result == 0)
		close(l.here);
	buf_fini(&in);
	buf_fini(&params);
	buf_fini(&records);
	link_close(&l);
	return result;
}

static void
a_body_shorter_than_announced_is_cut_short(void **state)
{
	(void)state;
	assert_int_equal(read_announced("9", 100), -1);
}

/* The rest could pass for another request on a connection upstream. */
static void
a_body_longer_than_announced_is_refused(void **state)
{
	size_t step;

	(void)state;
	for (step = 1; step <= 8; step++) {
		assert_int_equal(read_announced("0", step), -1);
		assert_int_equal(read_announced("1", step), -1);
		assert_int_equal(read_announced("7", step), -1);
		assert_int_equal(read_announced("8", step), 0);
		assert_int_equal(read_announced("", step), 0);
	}
}

static void
a_silent_sender_times_out(void **state)
{
	struct link l = link_open(SOCK_STREAM);
	struct timeval soon = {.tv_usec = 10 * 1000};
	struct buf records;
	struct http_conn *c;
	struct err err = ERR_INIT;
	char byte;

	(void)state;
	setsockopt(l.here, SOL_SOCKET, SO_RCVTIMEO, &soon, sizeof(soon));
	buf_init(&records, 4096);
	fcgi_put_head(&records, ID, true, "/x");
	c = begin_with(&l, &records);
	assert_int_equal(http_conn_read(c, &byte, 1, &err), -1);
	assert_int_equal(err.code, ERR_CLIENT_GONE);
	assert_false(http_fcgi_end(l.fcgi, false));
	buf_fini(&records);
	link_close(&l);
}

/* However much of it is there; it could not be told from a next request. */
static void
a_body_is_not_read_beyond_its_time(void **state)
{
	struct link l = link_open(SOCK_STREAM);
	struct fcgi_answer a;
	struct buf records, in;
	struct http_conn *c;
	struct err err = ERR_INIT;

	(void)state;
	put_request(&records, true, "all of a body");
	c = begin_with(&l, &records);
	c->read_until_us = 1;
	buf_init(&in, 100);
	assert_int_equal(http_conn_read_all(c, &in, &err), -1);
	assert_int_equal(err.code, ERR_CLIENT_GONE);
	assert_int_equal(in.len, 0);
	assert_int_equal(http_conn_write(c, "answer", 6), 0);
	assert_false(http_fcgi_end(l.fcgi, false));
	assert_false(is_open(l.here));
	fcgi_read_answer(l.there, ID, &a);
	assert_true(a.ended && !a.bad);
	assert_string_equal(a.out.data, "answer");
	buf_fini(&a.out);
	buf_fini(&in);
	buf_fini(&records);
	link_close(&l);
}

static void
a_receiver_that_does_not_read_times_out(void **state)
{
	struct link l = link_open(SOCK_STREAM);
	struct timeval soon = {.tv_usec = 10 * 1000};
	struct buf records;
	struct http_conn *c;
	size_t len = (size_t)8 << 20;
	char *big = calloc(1, len);

	(void)state;
	assert_non_null(big);
	setsockopt(l.here, SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof(soon));
	put_request(&records, true, "");
	c = begin_with(&l, &records);
	assert_int_equal(http_conn_drain(c), 0);
	assert_int_equal(http_conn_write(c, big, len), -1);
	assert_true(c->client_gone);
	assert_int_equal(http_conn_write(c, "x", 1), -1);
	assert_int_equal(http_conn_flush(c), -1);
	assert_false(http_fcgi_end(l.fcgi, false));
	assert_false(is_open(l.here));
	buf_fini(&records);
	free(big);
	link_close(&l);
}

static void
what_is_no_request_is_closed(void **state)
{
	static const char *const junk[] = {
		"GET / HTTP/1.1\r\n\r\n",
		"\1\1\0\1\0\0\0\0", "\2\1\0\1\0\10\0\0\0\1\0\0\0\0\0\0"
	};
	static const size_t lengths[] = {18, 8, 16};
	struct buf records;
	struct link l;
	size_t i;

	(void)state;
	for (i = 0; i < 3; i++) {
		l = link_open(SOCK_STREAM);
		assert_int_equal(fcgi_send(l.there, junk[i], lengths[i]), 0);
		assert_null(http_fcgi_begin(l.fcgi, l.here));
		assert_false(is_open(l.here));
		link_close(&l);
	}
	/* An authorizer's request, which this is no answer to. */
	l = link_open(SOCK_STREAM);
	buf_init(&records, 4096);
	fcgi_put_begin(&records, ID, 2, true);
	fcgi_put_record(&records, FCGI_PARAMS, ID, "", 0);
	assert_int_equal(fcgi_send_buf(l.there, &records), 0);
	assert_null(http_fcgi_begin(l.fcgi, l.here));
	assert_false(is_open(l.here));
	buf_fini(&records);
	link_close(&l);
}

/* ---- noticing that the client leaves ------------------------------------ */

struct departure {
	struct link l;
	struct http_conn *c;
};

static struct departure
departure_begin(void)
{
	struct departure d = {.l = link_open(SOCK_STREAM)};
	struct buf records;

	put_request(&records, true, "q");
	d.c = begin_with(&d.l, &records);
	assert_int_equal(http_conn_drain(d.c), 0);
	assert_false(http_conn_peer_left(d.c));
	assert_int_equal(http_conn_watch_fd(d.c), d.l.here);
	buf_fini(&records);
	return d;
}

static bool
is_readable(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	return poll(&p, 1, 0) == 1;
}

static void
a_close_is_noticed(void **state)
{
	struct departure d = departure_begin();

	(void)state;
	assert_false(is_readable(http_conn_watch_fd(d.c)));
	close(d.l.there);
	assert_true(is_readable(http_conn_watch_fd(d.c)));
	assert_true(http_conn_peer_left(d.c));
	assert_true(d.c->client_gone);
	assert_int_equal(http_conn_write(d.c, "x", 1), -1);
	assert_false(http_fcgi_end(d.l.fcgi, false));
	http_fcgi_free(d.l.fcgi);
}

static void
a_half_close_is_noticed(void **state)
{
	struct departure d = departure_begin();

	(void)state;
	shutdown(d.l.there, SHUT_WR);
	assert_true(http_conn_peer_left(d.c));
	assert_false(http_fcgi_end(d.l.fcgi, false));
	link_close(&d.l);
}

static void
a_close_shows_in_writing(void **state)
{
	struct departure d = departure_begin();
	int i;

	(void)state;
	close(d.l.there);
	for (i = 0; i < 10 && !d.c->client_gone; i++) {
		http_conn_write(d.c, "data: x\n\n", 9);
		http_conn_flush(d.c);
	}
	assert_true(d.c->client_gone);
	for (i = 0; i < 10; i++) {
		assert_int_equal(http_conn_write(d.c, "x", 1), -1);
		assert_int_equal(http_conn_flush(d.c), -1);
	}
	assert_false(http_fcgi_end(d.l.fcgi, false));
	http_fcgi_free(d.l.fcgi);
}

static void
an_abort_record_means_gone(void **state)
{
	struct departure d = departure_begin();
	struct buf records;

	(void)state;
	buf_init(&records, 100);
	fcgi_put_record(&records, FCGI_ABORT, ID, "", 0);
	assert_int_equal(fcgi_send_buf(d.l.there, &records), 0);
	assert_true(http_conn_peer_left(d.c));
	assert_false(http_fcgi_end(d.l.fcgi, false));
	buf_fini(&records);
	link_close(&d.l);
}

static void
the_next_request_is_no_departure(void **state)
{
	struct departure d = departure_begin();
	struct fcgi_answer a;
	struct buf records;

	(void)state;
	buf_init(&records, 4096);
	fcgi_put_request(&records, ID + 1, true, "/next", "", 0);
	assert_int_equal(fcgi_send_buf(d.l.there, &records), 0);
	assert_false(http_conn_peer_left(d.c));
	assert_int_equal(http_conn_write(d.c, "one", 3), 0);
	assert_true(http_fcgi_end(d.l.fcgi, false));
	d.c = http_fcgi_begin(d.l.fcgi, d.l.here);
	assert_non_null(d.c);
	assert_string_equal(d.c->envp[2], "REQUEST_URI=/next");
	assert_true(http_fcgi_end(d.l.fcgi, false));
	fcgi_read_answer(d.l.there, ID, &a);
	assert_true(a.ended);
	assert_string_equal(a.out.data, "one");
	buf_fini(&a.out);
	buf_fini(&records);
	close(d.l.here);
	link_close(&d.l);
}

/* ---- between two requests ----------------------------------------------- */

static void
put_abort(struct buf *b)
{
	fcgi_put_record(b, FCGI_ABORT, ID, "", 0);
}

static void
what_comes_between_requests_is_told_apart(void **state)
{
	struct link l = link_open(SOCK_STREAM);
	struct buf records;
	size_t len;

	(void)state;
	put_request(&records, false, "question");
	assert_int_equal(http_fcgi_look(l.here), HTTP_FCGI_NOTHING);
	for (len = 1; len <= records.len; len++) {
		assert_int_equal(fcgi_send(l.there, records.data + len - 1, 1),
		    0);
		assert_int_equal(http_fcgi_look(l.here), HTTP_FCGI_REQUEST);
	}
	/* It was only looked at. */
	assert_non_null(http_fcgi_begin(l.fcgi, l.here));
	assert_false(http_fcgi_end(l.fcgi, false));
	buf_fini(&records);
	link_close(&l);
	l = link_open(SOCK_STREAM);
	shutdown(l.there, SHUT_WR);
	assert_int_equal(http_fcgi_look(l.here), HTTP_FCGI_HANGUP);
	close(l.here);
	link_close(&l);
}

/* The web server sent them as we ended the request. */
static void
late_aborts_are_no_request(void **state)
{
	struct link l = link_open(SOCK_STREAM);
	struct buf records;

	(void)state;
	buf_init(&records, 4096);
	put_abort(&records);
	put_abort(&records);
	assert_int_equal(fcgi_send_buf(l.there, &records), 0);
	assert_int_equal(http_fcgi_look(l.here), HTTP_FCGI_NOTHING);
	fcgi_put_request(&records, ID, true, "/next", "", 0);
	assert_int_equal(fcgi_send_buf(l.there, &records), 0);
	assert_int_equal(http_fcgi_look(l.here), HTTP_FCGI_REQUEST);
	assert_non_null(http_fcgi_begin(l.fcgi, l.here));
	assert_true(http_fcgi_end(l.fcgi, false));
	buf_reset(&records);
	put_abort(&records);
	assert_int_equal(fcgi_send_buf(l.there, &records), 0);
	shutdown(l.there, SHUT_WR);
	assert_int_equal(http_fcgi_look(l.here), HTTP_FCGI_HANGUP);
	buf_fini(&records);
	close(l.here);
	link_close(&l);
}

static int
set_up(void **state)
{
	(void)state;
	return http_fcgi_init(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(
		    a_kept_connection_serves_request_after_request),
		cmocka_unit_test(the_connection_closes_when_not_asked_to_keep),
		cmocka_unit_test(
		    a_broken_answer_is_cut_when_the_rest_was_read),
		cmocka_unit_test(bodies_pass_both_ways_unchanged),
		cmocka_unit_test(a_small_answer_is_one_write),
		cmocka_unit_test(a_head_goes_with_a_large_body),
		cmocka_unit_test(a_body_can_be_read_as_it_comes),
		cmocka_unit_test(every_truncation_is_noticed),
		cmocka_unit_test(a_body_shorter_than_announced_is_cut_short),
		cmocka_unit_test(a_body_longer_than_announced_is_refused),
		cmocka_unit_test(a_silent_sender_times_out),
		cmocka_unit_test(a_body_is_not_read_beyond_its_time),
		cmocka_unit_test(a_receiver_that_does_not_read_times_out),
		cmocka_unit_test(what_is_no_request_is_closed),
		cmocka_unit_test(a_close_is_noticed),
		cmocka_unit_test(a_half_close_is_noticed),
		cmocka_unit_test(a_close_shows_in_writing),
		cmocka_unit_test(an_abort_record_means_gone),
		cmocka_unit_test(the_next_request_is_no_departure),
		cmocka_unit_test(what_comes_between_requests_is_told_apart),
		cmocka_unit_test(late_aborts_are_no_request),
	};

	return cmocka_run_group_tests(tests, set_up, NULL);
}
