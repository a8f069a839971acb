/* A transfer's callbacks and its loop. */
#include "upstream/transfer.h"

#include "upstream/url.h"

#include "base/clock.h"

#include <limits.h>
#include <string.h>

/* Body bytes handed on in one call of data(), at most. */
enum { PENDING_MAX = 64 * 1024 };

/* What libcurl may wait when nothing of ours is due, milliseconds. */
enum { WAIT_MAX_MS = 1000 };

/*
 * A descriptor that stays readable after idle() saw it is not watched for
 * so long: it would spin.
 */
enum { WATCH_REST_US = 100 * 1000 };

static void
note_progress(struct transfer *t)
{
	t->progress_us = clock_steady_us();
}

static int
cancelled(struct transfer *t)
{
	return err_set(&t->failure, ERR_CANCELLED, "the transfer was stopped");
}

static int
deliver(struct transfer *t)
{
	struct buf *b = &t->pending;

	if (b->len == 0 || t->failure.code == ERR_CANCELLED)
		return 0;
	t->got_data = true;
	if (t->sink->data(t->sink->arg, b->data, b->len) != 0)
		return cancelled(t);
	buf_reset(b);
	/* The sink may have waited for a slow client: start anew. */
	note_progress(t);
	return 0;
}

size_t
transfer_on_header(char *line, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	bool completed;

	if (head_line(&t->head, line, size * n, &completed, &t->failure) != 0)
		return 0;
	if (completed && t->sink->head(t->sink->arg, t->head.status,
	    &t->head.fields) != 0) {
		cancelled(t);
		return 0;
	}
	return size * n;
}

/*
 * libcurl calls this for every chunk; what one network read brought is put
 * together, so that it can be passed on in one write.
 */
size_t
transfer_on_data(char *bytes, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	size_t len = size * n;

	if (t->pending.len + len > PENDING_MAX && deliver(t) != 0)
		return 0;
	if (buf_append(&t->pending, bytes, len) != 0) {
		err_set(&t->failure, ERR_MEMORY, "no memory for the answer");
		return 0;
	}
	t->surplus = sockets_tls_has_more(t->api, t->handle->easy);
	return len;
}

size_t
transfer_on_read(char *out, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	ssize_t got = t->request->read_body(t->request->read_arg, out,
	    size * n);

	note_progress(t);
	if (got >= 0)
		return (size_t)got;
	cancelled(t);
	return CURL_READFUNC_ABORT;
}

int
transfer_on_connected(void *arg, char *ip, char *local_ip, int port,
    int local_port)
{
	struct transfer *t = arg;

	(void)ip;
	(void)local_ip;
	(void)port;
	(void)local_port;
	t->connected = true;
	note_progress(t);
	return CURL_PREREQFUNC_OK;
}

/* Bytes that went up count as progress until the answer begins. */
static void
note_upload(struct transfer *t)
{
	curl_off_t sent = 0;

	if (t->head.done)
		return;
	t->api->easy_getinfo(t->handle->easy, CURLINFO_SIZE_UPLOAD_T, &sent);
	if (sent == t->uploaded)
		return;
	t->uploaded = sent;
	note_progress(t);
}

/* How long the upstream may yet be silent. INT64_MAX: libcurl's own limit. */
static int64_t
silence_left_ms(const struct transfer *t)
{
	const struct conf_upstream *u = t->request->upstream;
	int64_t limit_ms;

	if (!t->connected)
		return INT64_MAX;
	limit_ms = t->got_data ? u->idle_timeout_ms : u->first_byte_timeout_ms;
	return limit_ms - (clock_steady_us() - t->progress_us) / 1000;
}

static int
check_silence(struct transfer *t)
{
	if (silence_left_ms(t) > 0)
		return 0;
	return err_set(&t->failure, ERR_UPSTREAM_TIMEOUT, "%s", t->got_data ?
	    "its answer fell silent for longer than idle_timeout" :
	    "no byte of an answer within first_byte_timeout");
}

static int64_t
least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int
wait_ms(const struct transfer *t)
{
	int64_t now_us = clock_steady_us();
	int64_t wait = least(silence_left_ms(t), WAIT_MAX_MS);

	if (t->request->tick_ms > 0)
		wait = least(wait, t->request->tick_ms -
		    (now_us - t->idle_us) / 1000);
	if (t->watch_fd != -1 && t->watch_from_us > now_us)
		wait = least(wait, (t->watch_from_us - now_us) / 1000 + 1);
	return wait < 0 ? 0 : (int)wait;
}

/* Wait for the network, the watched descriptor or the next tick. */
static int
wait_for_something(struct transfer *t)
{
	struct curl_waitfd extra = {.fd = t->watch_fd, .events =
	    CURL_WAIT_POLLIN};
	int64_t now_us = clock_steady_us();
	bool watching = t->watch_fd != -1 && now_us >= t->watch_from_us;
	bool readable, due;

	if (t->api->multi_poll(t->handle->multi, &extra, watching ? 1 : 0,
	    wait_ms(t), NULL) != CURLM_OK)
		return err_set(&t->failure, ERR_MEMORY, "libcurl cannot wait");
	now_us = clock_steady_us();
	readable = watching && extra.revents != 0;
	due = t->request->tick_ms > 0 &&
	    now_us - t->idle_us >= t->request->tick_ms * 1000;
	if (!readable && !due)
		return 0;
	t->idle_us = now_us;
	if (readable)
		t->watch_from_us = now_us + WATCH_REST_US;
	if (t->sink->idle != NULL &&
	    t->sink->idle(t->sink->arg, &t->watch_fd) != 0)
		return cancelled(t);
	return 0;
}

static CURLcode
result_of(const struct transfer *t)
{
	CURLMsg *message;
	int left;

	while ((message = t->api->multi_info_read(t->handle->multi, &left)) !=
	    NULL) {
		if (message->msg == CURLMSG_DONE)
			return message->data.result;
	}
	return CURLE_ABORTED_BY_CALLBACK;
}

/* WAIT_MAX_MS bounds how late this is noticed. */
static bool
is_given_up(struct transfer *t)
{
	const atomic_bool *give_up = t->request->give_up;

	if (give_up == NULL || !atomic_load(give_up))
		return false;
	err_set(&t->failure, ERR_STOPPING,
	    "given up, as the handler is being stopped");
	return true;
}

/* Until the end, or until failure is set. */
static CURLcode
run(struct transfer *t)
{
	int running = 1;

	for (;;) {
		if (t->api->multi_perform(t->handle->multi, &running) !=
		    CURLM_OK) {
			err_set(&t->failure, ERR_MEMORY, "libcurl failed");
			break;
		}
		note_upload(t);
		if (deliver(t) != 0 || running == 0 ||
		    t->failure.code != ERR_NONE)
			break;
		if (is_given_up(t) || check_silence(t) != 0 ||
		    wait_for_something(t) != 0)
			break;
	}
	return running == 0 ? result_of(t) : CURLE_ABORTED_BY_CALLBACK;
}

static bool
is_multiplexed(const struct transfer *t)
{
	long version = 0;

	t->api->easy_getinfo(t->handle->easy, CURLINFO_HTTP_VERSION,
	    &version);
	return version >= CURL_HTTP_VERSION_2_0;
}

/* What is still to come over HTTP/2 says itself whose it is. */
static void
note_multiplexed(struct transfer *t)
{
	curl_socket_t fd = CURL_SOCKET_BAD;

	if (!is_multiplexed(t))
		return;
	t->surplus = false;
	t->api->easy_getinfo(t->handle->easy, CURLINFO_ACTIVESOCKET, &fd);
	sockets_note_multiplexed(&t->handle->sockets, fd);
}

static void
fill_report(const struct transfer *t, struct upstream_report *report)
{
	long connects = 1;

	t->api->easy_getinfo(t->handle->easy, CURLINFO_NUM_CONNECTS,
	    &connects);
	report->got_head = t->head.done;
	report->ended_by_close = t->head.done && !t->head.chunked &&
	    !is_multiplexed(t) &&
	    http_headers_get(&t->head.fields, "Content-Length") == NULL;
	report->reused = t->connected && connects == 0;
}

/*
 * Whether the request went out over a connection that had been open already
 * just as its server closed it. libcurl repeats a request by itself when it
 * learns that from a read; not when it does from a write, or over HTTP/2,
 * where the server announces it (GOAWAY, RFC 9113 section 6.8).
 */
static bool
met_closing(const struct transfer *t, CURLcode code, bool reused)
{
	const struct upstream_request *r = t->request;
	bool repeatable = r->body != NULL || r->read_body == NULL ||
	    r->body_total == 0;

	if (code != CURLE_HTTP2 && code != CURLE_PARTIAL_FILE &&
	    code != CURLE_SEND_ERROR)
		return false;
	return reused && repeatable && t->head.status == 0 &&
	    t->failure.code == ERR_NONE;
}

static int
run_in_handle(struct transfer *t, struct upstream_report *report,
    struct err *err)
{
	CURLcode code;
	int rc;

	if (t->api->multi_add_handle(t->handle->multi, t->handle->easy) !=
	    CURLM_OK)
		return err_set(err, ERR_MEMORY, "libcurl took no transfer");
	note_progress(t);
	t->idle_us = t->progress_us;
	code = run(t);
	fill_report(t, report);
	note_multiplexed(t);
	t->was_closing = met_closing(t, code, report->reused);
	rc = transfer_outcome(t, code, err);
	t->api->multi_remove_handle(t->handle->multi, t->handle->easy);
	return rc;
}

static int
perform(struct transfer *t, struct upstream_pool *pool,
    struct upstream_report *report, struct err *err)
{
	int rc;

	t->api = curl_api_open(err);
	if (t->api == NULL)
		return -1;
	t->handle = pool_take(pool, t->api, t->request->upstream, err);
	if (t->handle == NULL)
		return -1;
	url_host(t->request->upstream->url, t->host, sizeof(t->host));
	rc = transfer_prepare(t, err);
	if (rc == 0)
		rc = run_in_handle(t, report, err);
	/*
	 * After a failure libcurl may leave a handle in a state that even
	 * curl_easy_reset does not end (its buffers stay), and the
	 * connection is lost anyway: only what went well is kept. And not
	 * what would be the next one's answer.
	 */
	if (rc == 0 && !t->surplus)
		pool_give(pool, t->api, t->handle);
	else
		pool_drop(t->api, t->handle);
	t->api->slist_free_all(t->fields);
	return rc;
}

static int
perform_once(struct transfer *t, struct upstream_pool *pool,
    struct upstream_report *report, struct err *err)
{
	int rc;

	*report = (struct upstream_report){0};
	head_init(&t->head);
	buf_init(&t->pending, PENDING_MAX);
	rc = perform(t, pool, report, err);
	buf_fini(&t->pending);
	buf_fini(&t->url);
	head_fini(&t->head);
	return rc;
}

int
upstream_perform(struct upstream_pool *pool,
    const struct upstream_request *request, const struct upstream_sink *sink,
    struct upstream_report *report, struct err *err)
{
	struct transfer first = {.request = request, .sink = sink,
	    .watch_fd = request->watch_fd};
	struct transfer again = {.request = request, .sink = sink,
	    .fresh = true};
	struct err failure = ERR_INIT;

	if (perform_once(&first, pool, report, &failure) == 0)
		return 0;
	if (!first.was_closing)
		return err_set(err, failure.code, "%s", failure.text);
	again.watch_fd = first.watch_fd;
	return perform_once(&again, pool, report, err);
}
