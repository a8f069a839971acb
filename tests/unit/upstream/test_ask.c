/* A group that is asked: what is made up for, and what passes through. */
#include "collect.h"
#include "script.h"

#include "upstream/table.h"

#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { MEMBERS = 3, SHORT_MS = 100, LONG_MS = 20000 };

#define OK(letter) "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" letter
#define STATUS(line) "HTTP/1.1 " line "\r\nContent-Length: 4\r\n\r\noops"

static const struct script_step ok_a = {.bytes = OK("a")};
static const struct script_step ok_b = {.bytes = OK("b")};
static const struct script_step ok_c = {.bytes = OK("c")};

/* Upstreams a, b and c, asked in this order; each plays one step. */
struct fixture {
	struct script *script[MEMBERS]; /* NULL: nobody listens there */
	int dead_fd[MEMBERS];
	char urls[MEMBERS][64];
	char names[MEMBERS][2];
	char key[8];
	struct conf_upstream list[MEMBERS];
	struct conf conf;
	char state_file[64];
	struct upstream_group group;
	struct upstream_health *health;
	struct upstream_pool *pool;
	struct collect c;
	const struct conf_upstream *answering;
	bool fallback;
	int announced;
	int heads_when_announced;
};

/* A port that nobody listens at, kept from others; closed by the caller. */
static int
dead_url(char *out, size_t size)
{
	struct sockaddr_in addr = {.sin_family = AF_INET};
	socklen_t len = sizeof(addr);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&addr, &len), 0);
	snprintf(out, size, "http://127.0.0.1:%u", ntohs(addr.sin_port));
	return fd;
}

/* steps: one each, NULL for an upstream that is not there. */
static void
begin(struct fixture *f, const struct script_step *a,
    const struct script_step *b, const struct script_step *c)
{
	const struct script_step *const steps[MEMBERS] = {a, b, c};

	memset(f, 0, sizeof(*f));
	for (size_t i = 0; i < MEMBERS; i++) {
		if (steps[i] != NULL) {
			f->script[i] = script_start(steps[i], 1);
			memcpy(f->urls[i], f->script[i]->url,
			    sizeof(f->urls[i]));
		} else {
			f->dead_fd[i] = dead_url(f->urls[i],
			    sizeof(f->urls[i]));
		}
		f->names[i][0] = (char)('a' + i);
		snprintf(f->key, sizeof(f->key), "key");
		f->list[i] = (struct conf_upstream){.name = f->names[i],
		    .url = f->urls[i], .credential = f->key, .weight = 1,
		    .priority = (int64_t)i,
		    .retries = 2, .rest_ms = 60000,
		    .connect_timeout_ms = LONG_MS,
		    .first_byte_timeout_ms = LONG_MS,
		    .idle_timeout_ms = LONG_MS};
	}
	f->conf.upstreams = f->list;
	f->conf.n_upstreams = MEMBERS;
	/* None that could be made: what is known is this process's own. */
	snprintf(f->state_file, sizeof(f->state_file), "/nonexistent/x");
	f->conf.server.state_file = f->state_file;
	assert_int_equal(upstream_group_of(&f->conf, "m", &f->group), 0);
	f->health = upstream_health_open(&f->conf, NULL);
	f->pool = upstream_pool_new();
	collect_init(&f->c, f->urls[0]);
	collect_post(&f->c, "{\"q\":1}");
}

static void
end(struct fixture *f)
{
	collect_fini(&f->c);
	upstream_pool_free(f->pool);
	upstream_health_close(f->health);
	for (size_t i = 0; i < MEMBERS; i++) {
		if (f->script[i] == NULL) {
			close(f->dead_fd[i]);
			continue;
		}
		script_stop(f->script[i]);
		script_free(f->script[i]);
	}
}

static int
on_head(void *arg, int status, const struct http_headers *headers)
{
	struct fixture *f = arg;

	return collect_head(&f->c, status, headers);
}

static int
on_data(void *arg, const char *bytes, size_t len)
{
	struct fixture *f = arg;

	return collect_data(&f->c, bytes, len);
}

static int
on_idle(void *arg, int *watch_fd)
{
	struct fixture *f = arg;

	return collect_idle(&f->c, watch_fd);
}

static void
on_answering(void *arg, const struct conf_upstream *upstream, bool fallback)
{
	struct fixture *f = arg;

	f->announced++;
	f->heads_when_announced = f->c.heads;
	f->answering = upstream;
	f->fallback = fallback;
}

static int
ask(struct fixture *f)
{
	struct upstream_sink sink = {.head = on_head, .data = on_data,
	    .idle = on_idle, .answering = on_answering, .arg = f};

	http_headers_fini(&f->c.got);
	buf_reset(&f->c.body);
	f->c.heads = f->c.status = f->announced = 0;
	f->answering = NULL;
	err_clear(&f->c.err);
	return upstream_ask(f->pool, f->health, &f->group, &f->c.request,
	    &sink, &f->c.report, &f->c.err);
}

/* The answer of one member came through, and nothing else did. */
static void
assert_answer(struct fixture *f, char name, int status, const char *body,
    unsigned tries)
{
	if (ask(f) == -1)
		fail_msg("%s", f->c.err.text);
	assert_int_equal(f->c.status, status);
	assert_string_equal(f->c.body.data, body);
	assert_int_equal(f->c.heads, 1);
	assert_int_equal(f->announced, 1);
	assert_int_equal(f->heads_when_announced, 0);
	assert_string_equal(f->answering->name, ((char[]){name, '\0'}));
	assert_int_equal(f->fallback, name != 'a');
	assert_int_equal(f->c.report.tries, tries);
	assert_true(f->c.report.got_head);
}

static const struct health_slot *
slot(const struct fixture *f, char name)
{
	return health_slot_of(f->health, &f->list[name - 'a']);
}

static bool
is_out(const struct fixture *f, char name)
{
	return cell_look(&slot(f, name)->cell,
	    clock_steady_us() / 1000).resting;
}

/* Let the rest of an upstream that failed be over. */
static void
make_due(const struct fixture *f, char name)
{
	health_cell *cell = &health_slot_of(f->health,
	    &f->list[name - 'a'])->cell;
	const struct cell_failure failure = {.rest_ms = 1};
	int64_t past_ms = clock_steady_us() / 1000 - 10;
	struct cell_pass pass;

	assert_true(cell_enter(cell, past_ms, &pass));
	assert_int_equal(cell_failed(cell, &pass, &failure, past_ms), 1);
}

static void
assert_asked(const struct fixture *f, const char *counts)
{
	char got[MEMBERS + 1] = "";

	for (size_t i = 0; i < MEMBERS; i++)
		got[i] = (char)('0' + slot(f, (char)('a' + i))->tries);
	assert_string_equal(got, counts);
}

static void
test_the_first_answers(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, &ok_a, &ok_b, &ok_c);
	assert_answer(&f, 'a', 200, "a", 1);
	assert_asked(&f, "100");
	end(&f);
}

static void
test_refused(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, NULL, NULL, &ok_c);
	assert_answer(&f, 'c', 200, "c", 3);
	assert_asked(&f, "111");
	assert_int_equal(slot(&f, 'a')->failures[HEALTH_CONNECT], 1);
	assert_int_equal(slot(&f, 'a')->retries, 0);
	assert_int_equal(slot(&f, 'b')->retries, 1);
	assert_int_equal(slot(&f, 'c')->retries, 1);
	assert_int_equal(slot(&f, 'c')->fallbacks, 1);
	assert_true(is_out(&f, 'a') && is_out(&f, 'b') && !is_out(&f, 'c'));
	end(&f);
}

/* Every way to fail early, and whether it counts at once. */
static void
test_early_failures(void **state)
{
	static const struct {
		struct script_step step;
		enum health_kind kind;
		bool out;
	} cases[] = {
	    {{.bytes = STATUS("429 Slow Down")}, HEALTH_STATUS, true},
	    {{.bytes = STATUS("500 Oops")}, HEALTH_STATUS, false},
	    {{.bytes = STATUS("502 Oops")}, HEALTH_STATUS, true},
	    {{.bytes = STATUS("503 Oops")}, HEALTH_STATUS, true},
	    {{.bytes = STATUS("529 Overloaded"), .end = SCRIPT_CLOSE},
		HEALTH_STATUS, true},
	    /* one whose body never ends is not waited for */
	    {{.bytes = "HTTP/1.1 503 No\r\nContent-Length: 9\r\n\r\n",
		.end = SCRIPT_HOLD}, HEALTH_STATUS, true},
	    {{.end = SCRIPT_CLOSE}, HEALTH_BROKEN, true},
	    {{.end = SCRIPT_RESET}, HEALTH_BROKEN, true},
	    {{.bytes = "no http\r\n\r\n", .end = SCRIPT_CLOSE},
		HEALTH_BROKEN, true},
	    /* a head is not yet the first byte of a body */
	    {{.bytes = "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
		.end = SCRIPT_RESET}, HEALTH_BROKEN, true},
	    /* nor is it the whole of one that only the close can end */
	    {{.bytes = "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
		.end = SCRIPT_CLOSE}, HEALTH_BROKEN, true},
	};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		begin(&f, &cases[i].step, &ok_b, &ok_c);
		assert_answer(&f, 'b', 200, "b", 2);
		assert_int_equal(slot(&f, 'a')->failures[cases[i].kind], 1);
		assert_int_equal(is_out(&f, 'a'), cases[i].out);
		assert_asked(&f, "110");
		end(&f);
	}
}

static void
test_silence(void **state)
{
	static const struct script_step silent = {.end = SCRIPT_HOLD};
	static const struct script_step head_only = {.bytes =
	    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
	    .end = SCRIPT_HOLD};
	struct fixture f;

	(void)state;
	begin(&f, &silent, &head_only, &ok_c);
	f.list[0].first_byte_timeout_ms = SHORT_MS;
	f.list[1].first_byte_timeout_ms = SHORT_MS;
	assert_answer(&f, 'c', 200, "c", 3);
	assert_int_equal(slot(&f, 'a')->failures[HEALTH_TIMEOUT], 1);
	assert_int_equal(slot(&f, 'b')->failures[HEALTH_TIMEOUT], 1);
	assert_true(is_out(&f, 'a') && is_out(&f, 'b'));
	end(&f);
}

/* Anything else is an answer. */
static void
test_other_statuses_pass(void **state)
{
	static const char *const lines[] = {STATUS("400 Bad"),
	    STATUS("401 Who"), STATUS("404 What"), STATUS("302 There")};
	static const int statuses[] = {400, 401, 404, 302};
	struct script_step step = {0};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		step.bytes = lines[i];
		begin(&f, &step, &ok_b, &ok_c);
		assert_answer(&f, 'a', statuses[i], "oops", 1);
		assert_false(is_out(&f, 'a'));
		end(&f);
	}
}

static void
test_an_answer_without_a_body(void **state)
{
	static const struct script_step empty = {.bytes =
	    "HTTP/1.1 200 OK\r\nX-It: is\r\nContent-Length: 0\r\n\r\n"};
	struct fixture f;

	(void)state;
	begin(&f, &empty, &ok_b, &ok_c);
	assert_int_equal(ask(&f), 0);
	assert_int_equal(f.c.heads, 1);
	assert_string_equal(http_headers_get(&f.c.got, "X-It"), "is");
	assert_int_equal(f.c.body.len, 0);
	assert_int_equal(f.c.report.tries, 1);
	end(&f);
}

/* As it came, but it is no sign of health. */
static void
test_cut_before_the_body_with_nobody_else(void **state)
{
	static const struct script_step cut = {.bytes =
	    "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n",
	    .end = SCRIPT_CLOSE};
	struct fixture f;

	(void)state;
	begin(&f, &cut, &ok_b, &ok_c);
	f.list[0].retries = 0;
	assert_int_equal(ask(&f), 0);
	assert_int_equal(f.c.heads, 1);
	assert_int_equal(f.c.err.code, ERR_NONE);
	assert_true(f.c.report.ended_by_close);
	assert_int_equal(slot(&f, 'a')->failures[HEALTH_BROKEN], 1);
	assert_true(is_out(&f, 'a'));
	end(&f);
}

/* Other statuses have no body by their nature, or say all by themselves. */
static void
test_no_body_by_nature(void **state)
{
	static const char *const lines[] = {
	    "HTTP/1.1 204 None\r\nConnection: close\r\n\r\n",
	    "HTTP/1.1 401 Who\r\nConnection: close\r\n\r\n"};
	struct script_step step = {.end = SCRIPT_CLOSE};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		step.bytes = lines[i];
		begin(&f, &step, &ok_b, &ok_c);
		assert_int_equal(ask(&f), 0);
		assert_int_equal(f.c.status, i == 0 ? 204 : 401);
		assert_asked(&f, "100");
		assert_false(is_out(&f, 'a'));
		end(&f);
	}
}

/* One that cannot be asked as it is configured is like one not there. */
static void
test_a_member_that_is_misconfigured(void **state)
{
	static char no_file[] = "/nonexistent/ca.pem";
	static char bad_key[] = "key\n";
	struct fixture f;
	char url[80];

	(void)state;
	begin(&f, &ok_a, &ok_b, &ok_c);
	f.list[0].credential = bad_key;
	assert_answer(&f, 'b', 200, "b", 2);
	assert_true(is_out(&f, 'a'));
	end(&f);

	begin(&f, &ok_a, &ok_b, &ok_c);
	snprintf(url, sizeof(url), "https%.70s",
	    f.urls[0] + strlen("http"));
	f.list[0].url = url;
	f.list[0].ca_file = no_file;
	assert_answer(&f, 'b', 200, "b", 2);
	assert_true(is_out(&f, 'a'));
	end(&f);
}

/* After the first byte it is too late. */
static void
test_broken_in_the_middle(void **state)
{
	static const struct script_step half = {.bytes =
	    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf",
	    .end = SCRIPT_CLOSE};
	struct fixture f;

	(void)state;
	begin(&f, &half, &ok_b, &ok_c);
	assert_int_equal(ask(&f), -1);
	assert_int_equal(f.c.err.code, ERR_UPSTREAM_BROKEN);
	assert_string_equal(f.c.body.data, "half");
	assert_int_equal(f.c.heads, 1);
	assert_asked(&f, "100");
	assert_int_equal(slot(&f, 'a')->failures[HEALTH_BROKEN], 1);
	assert_false(is_out(&f, 'a'));
	end(&f);
}

/* The last answer as it came, head and body, and whose it is. */
static void
test_all_fail(void **state)
{
	static const struct script_step busy = {.bytes =
	    STATUS("503 Busy"), .end = SCRIPT_CLOSE};
	static const struct script_step slow = {.bytes =
	    "HTTP/1.1 429 Slow\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\n"
	    "wait"};
	struct fixture f;

	(void)state;
	begin(&f, &busy, NULL, &slow);
	assert_answer(&f, 'c', 429, "wait", 3);
	assert_string_equal(http_headers_get(&f.c.got, "Retry-After"), "7");
	assert_int_equal(slot(&f, 'c')->fallbacks, 0);
	end(&f);

	begin(&f, &busy, &slow, NULL);
	assert_int_equal(ask(&f), -1);
	assert_int_equal(f.c.err.code, ERR_UPSTREAM_CONNECT);
	assert_non_null(strstr(f.c.err.text, "upstream c"));
	assert_int_equal(f.c.heads, 0);
	assert_int_equal(f.announced, 1);
	assert_string_equal(f.answering->name, "c");
	assert_false(f.c.report.got_head);
	assert_int_equal(f.c.report.tries, 3);
	end(&f);
}

static void
test_retries_are_bounded(void **state)
{
	static const struct script_step busy = {.bytes = STATUS("503 Busy")};
	struct fixture f;

	(void)state;
	for (int64_t retries = 0; retries < 2; retries++) {
		begin(&f, &busy, &busy, &ok_c);
		f.list[0].retries = retries;
		assert_answer(&f, retries == 0 ? 'a' : 'b', 503, "oops",
		    (unsigned)retries + 1);
		end(&f);
	}
}

static void
test_alone(void **state)
{
	static const struct script_step busy = {.bytes = STATUS("503 Busy")};
	struct fixture f;

	(void)state;
	begin(&f, &busy, &ok_b, &ok_c);
	f.group.count = 1;
	assert_answer(&f, 'a', 503, "oops", 1);
	end(&f);
	/* even when it is known to fail */
	begin(&f, NULL, &ok_b, &ok_c);
	f.group.count = 1;
	for (int i = 0; i < 3; i++) {
		assert_int_equal(ask(&f), -1);
		assert_int_equal(f.c.err.code, ERR_UPSTREAM_CONNECT);
	}
	assert_asked(&f, "300");
	end(&f);
}

/* Who failed is left out of the next request. */
static void
test_left_out(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, NULL, &ok_b, &ok_c);
	assert_answer(&f, 'b', 200, "b", 2);
	/* b has played its step, and breaks now */
	assert_answer(&f, 'c', 200, "c", 2);
	assert_asked(&f, "121");
	end(&f);
}

static void
test_retry_after_is_kept(void **state)
{
	static const struct script_step slow = {.bytes =
	    "HTTP/1.1 429 Slow\r\nRetry-After: 600\r\nContent-Length: 0\r\n"
	    "\r\n"};
	struct cell_view view;
	struct fixture f;

	(void)state;
	begin(&f, &slow, &ok_b, NULL);
	assert_answer(&f, 'b', 200, "b", 2);
	view = cell_look(&slot(&f, 'a')->cell, clock_steady_us() / 1000);
	assert_true(view.asked);
	/* b and c fail now, and a is left alone all the same */
	assert_int_equal(ask(&f), -1);
	assert_asked(&f, "121");
	end(&f);
}

/* Whatever it failed with. */
static void
test_retry_after_of_any_status(void **state)
{
	static const char *const answers[] = {
	    "HTTP/1.1 503 Busy\r\nRetry-After: 600\r\n"
	    "Content-Length: 0\r\n\r\n",
	    "HTTP/1.1 529 Overloaded\r\nRetry-After: 600\r\n"
	    "Content-Length: 0\r\n\r\n"};
	struct script_step step = {0};
	struct fixture f;

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		step.bytes = answers[i];
		begin(&f, &step, &ok_b, &ok_c);
		assert_answer(&f, 'b', 200, "b", 2);
		assert_true(cell_look(&slot(&f, 'a')->cell,
		    clock_steady_us() / 1000).asked);
		end(&f);
	}
}

/*
 * A limit of the caller's own, by its own credential: this request is
 * answered by another, and nobody else is kept from asking it.
 */
static void
test_the_callers_own_limit(void **state)
{
	static const struct script_step slow = {.bytes =
	    "HTTP/1.1 429 Slow\r\nRetry-After: 600\r\nContent-Length: 0\r\n"
	    "\r\n"};
	struct fixture f;

	(void)state;
	begin(&f, &slow, &ok_b, &ok_c);
	f.list[0].credential = NULL;
	assert_answer(&f, 'b', 200, "b", 2);
	assert_int_equal(slot(&f, 'a')->failures[HEALTH_STATUS], 1);
	assert_false(is_out(&f, 'a'));
	end(&f);

	/* nor is one that was left out found well, or worse */
	begin(&f, &slow, &ok_b, &ok_c);
	f.list[0].credential = NULL;
	make_due(&f, 'a');
	assert_answer(&f, 'b', 200, "b", 2);
	assert_int_equal(cell_look(&slot(&f, 'a')->cell,
	    clock_steady_us() / 1000).standing, CELL_DUE);
	end(&f);
}

/* A refusal of another kind is the upstream's, whoever asked. */
static void
test_busy_for_anybody(void **state)
{
	static const struct script_step busy = {.bytes = STATUS("503 Busy")};
	struct fixture f;

	(void)state;
	begin(&f, &busy, &ok_b, &ok_c);
	f.list[0].credential = NULL;
	assert_answer(&f, 'b', 200, "b", 2);
	assert_true(is_out(&f, 'a'));
	end(&f);
}

/* Who stops the transfer does not want another. */
static void
test_stopped(void **state)
{
	static const struct script_step silent = {.end = SCRIPT_HOLD};
	struct fixture f;

	(void)state;
	begin(&f, &ok_a, &ok_b, &ok_c);
	f.c.stop_head = true;
	assert_int_equal(ask(&f), -1);
	assert_int_equal(f.c.err.code, ERR_CANCELLED);
	assert_asked(&f, "100");
	assert_false(is_out(&f, 'a'));
	end(&f);

	begin(&f, &silent, &ok_b, &ok_c);
	f.c.request.tick_ms = 10;
	f.c.stop_idle = true;
	assert_int_equal(ask(&f), -1);
	assert_int_equal(f.c.err.code, ERR_CANCELLED);
	assert_asked(&f, "100");
	assert_false(is_out(&f, 'a'));
	assert_int_equal(f.announced, 1);
	end(&f);
}

static void
test_the_process_ends(void **state)
{
	static const struct script_step silent = {.end = SCRIPT_HOLD};
	atomic_bool give_up = true;
	struct fixture f;

	(void)state;
	begin(&f, &silent, &ok_b, &ok_c);
	f.c.request.give_up = &give_up;
	assert_int_equal(ask(&f), -1);
	assert_int_equal(f.c.err.code, ERR_STOPPING);
	assert_asked(&f, "100");
	assert_false(is_out(&f, 'a'));
	end(&f);
}

/* idle() goes on being called through all tries. */
static void
test_idle_through_all_tries(void **state)
{
	struct script_step silent = {.end = SCRIPT_HOLD};
	struct script_step gated = {.bytes = OK("b")};
	struct fixture f;
	int gate[2];

	(void)state;
	assert_int_equal(pipe(gate), 0);
	gated.gate = gate[0];
	begin(&f, &silent, &gated, &ok_c);
	f.list[0].first_byte_timeout_ms = SHORT_MS;
	f.c.request.tick_ms = 5;
	f.c.open_gate = gate[1];
	/* more than the first try can bring about */
	f.c.idles_for_gate = SHORT_MS / 5 + 10;
	assert_answer(&f, 'b', 200, "b", 2);
	end(&f);
	close(gate[0]);
	close(gate[1]);
}

/* What idle() wants to watch no more stays so through all tries. */
static void
test_unwatched_for_good(void **state)
{
	static const struct script_step silent = {.end = SCRIPT_HOLD};
	struct fixture f;
	int left[2];

	(void)state;
	assert_int_equal(pipe(left), 0);
	close(left[1]); /* readable from now on */
	begin(&f, &silent, &silent, &ok_c);
	f.list[0].first_byte_timeout_ms = SHORT_MS;
	f.list[1].first_byte_timeout_ms = SHORT_MS;
	f.c.request.watch_fd = left[0];
	f.c.unwatch = true;
	assert_answer(&f, 'c', 200, "c", 3);
	assert_int_equal(f.c.idles, 1);
	end(&f);
	close(left[0]);
}

/* The head waits for the body, but only as long as was asked for. */
static void
test_a_head_that_may_not_wait(void **state)
{
	static const struct script_step head_only = {.bytes =
	    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n",
	    .end = SCRIPT_HOLD};
	struct fixture f;
	int64_t limit_ms;

	(void)state;
	/* On a busy machine the head may take its time, too. */
	for (limit_ms = 5 * SHORT_MS;; limit_ms *= 4) {
		begin(&f, &head_only, &ok_b, &ok_c);
		f.list[0].first_byte_timeout_ms = limit_ms;
		f.c.request.tick_ms = 5;
		f.c.request.hold_ms = 5;
		if (ask(&f) == -1 || limit_ms >= LONG_MS)
			break;
		end(&f);
	}
	assert_int_equal(f.c.err.code, ERR_UPSTREAM_TIMEOUT);
	assert_int_equal(f.c.heads, 1);
	assert_asked(&f, "100");
	/* a failure all the same */
	assert_true(is_out(&f, 'a'));
	end(&f);
}

static void
test_tried_again(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, &ok_a, &ok_b, &ok_c);
	make_due(&f, 'a');
	assert_answer(&f, 'a', 200, "a", 1);
	assert_false(is_out(&f, 'a'));
	end(&f);
	/* and found no better */
	begin(&f, NULL, &ok_b, &ok_c);
	make_due(&f, 'a');
	assert_answer(&f, 'b', 200, "b", 2);
	assert_true(is_out(&f, 'a'));
	assert_int_equal(cell_look(&slot(&f, 'a')->cell,
	    clock_steady_us() / 1000).standing, CELL_OUT);
	end(&f);
}

/* Who tries it and leaves without a finding lets the next one try. */
static void
test_tried_and_stopped(void **state)
{
	static const struct script_step silent = {.end = SCRIPT_HOLD};
	struct fixture f;

	(void)state;
	begin(&f, &silent, &ok_b, &ok_c);
	make_due(&f, 'a');
	f.c.request.tick_ms = 10;
	f.c.stop_idle = true;
	assert_int_equal(ask(&f), -1);
	assert_int_equal(f.c.err.code, ERR_CANCELLED);
	assert_int_equal(cell_look(&slot(&f, 'a')->cell,
	    clock_steady_us() / 1000).standing, CELL_DUE);
	end(&f);
}

/* Whether one that is asked only if all is well would be, and is. */
static void
assert_nobody_well(struct fixture *f, const char *asked)
{
	assert_false(upstream_has_well(f->health, &f->group,
	    f->c.request.caller));
	assert_int_equal(ask(f), -1);
	assert_int_equal(f->c.err.code, ERR_CANCELLED);
	assert_int_equal(f->c.heads, 0);
	assert_int_equal(f->announced, 0);
	assert_int_equal(f->c.report.tries, 0);
	assert_asked(f, asked);
}

static void
test_only_well(void **state)
{
	static const struct script_step busy = {.bytes =
	    "HTTP/1.1 503 No\r\nContent-Length: 4\r\n\r\noops"};
	struct fixture f;

	(void)state;
	begin(&f, &busy, &ok_b, &ok_c);
	f.c.request.only_well = true;
	assert_true(upstream_has_well(f.health, &f.group, NULL));
	/* No fallback makes up for it: its answer passes. */
	assert_answer(&f, 'a', 503, "oops", 1);
	assert_asked(&f, "100");
	assert_nobody_well(&f, "100");
	/* All others are asked as ever. */
	f.c.request.only_well = false;
	assert_answer(&f, 'b', 200, "b", 1);
	assert_asked(&f, "110");
	end(&f);
}

static void
test_only_well_by_a_callers_own_limit(void **state)
{
	static const struct script_step busy = {.bytes =
	    STATUS("429 Slow Down")};
	static const uint8_t poor[DIGEST_BYTES] = {1}, rich[DIGEST_BYTES] = {2};
	struct fixture f;

	(void)state;
	begin(&f, &busy, &ok_b, &ok_c);
	f.list[0].credential = NULL;
	f.c.request.only_well = true;
	f.c.request.caller = poor;
	assert_answer(&f, 'a', 429, "oops", 1);
	assert_nobody_well(&f, "100");
	assert_true(upstream_has_well(f.health, &f.group, rich));
	assert_true(upstream_has_well(f.health, &f.group, NULL));
	end(&f);
}

/* An equal makes up for it, if that one is well. */
static void
test_only_well_among_equals(void **state)
{
	struct fixture f;

	(void)state;
	begin(&f, NULL, &ok_b, &ok_c);
	f.c.request.only_well = true;
	f.list[0].priority = f.list[1].priority = 0;
	assert_int_equal(upstream_group_of(&f.conf, "m", &f.group), 0);
	f.list[1].weight = 1000;
	make_due(&f, 'a');
	assert_int_equal(ask(&f), 0);
	assert_string_equal(f.c.body.data, "b");
	assert_asked(&f, "110");
	assert_true(is_out(&f, 'a'));
	assert_int_equal(ask(&f), -1); /* b plays one step */
	assert_int_not_equal(f.c.err.code, ERR_CANCELLED);
	assert_asked(&f, "120");
	assert_nobody_well(&f, "120");
	end(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_the_first_answers),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_early_failures),
		cmocka_unit_test(test_silence),
		cmocka_unit_test(test_other_statuses_pass),
		cmocka_unit_test(test_an_answer_without_a_body),
		cmocka_unit_test(test_cut_before_the_body_with_nobody_else),
		cmocka_unit_test(test_no_body_by_nature),
		cmocka_unit_test(test_a_member_that_is_misconfigured),
		cmocka_unit_test(test_broken_in_the_middle),
		cmocka_unit_test(test_all_fail),
		cmocka_unit_test(test_retries_are_bounded),
		cmocka_unit_test(test_alone),
		cmocka_unit_test(test_left_out),
		cmocka_unit_test(test_retry_after_is_kept),
		cmocka_unit_test(test_retry_after_of_any_status),
		cmocka_unit_test(test_the_callers_own_limit),
		cmocka_unit_test(test_busy_for_anybody),
		cmocka_unit_test(test_stopped),
		cmocka_unit_test(test_the_process_ends),
		cmocka_unit_test(test_idle_through_all_tries),
		cmocka_unit_test(test_unwatched_for_good),
		cmocka_unit_test(test_a_head_that_may_not_wait),
		cmocka_unit_test(test_tried_again),
		cmocka_unit_test(test_tried_and_stopped),
		cmocka_unit_test(test_only_well),
		cmocka_unit_test(test_only_well_by_a_callers_own_limit),
		cmocka_unit_test(test_only_well_among_equals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
