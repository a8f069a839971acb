/*
 * Talking to an upstream, by libcurl. The only room that knows it; it is
 * opened at run time (see upstream_load), so that a process that serves
 * only hits does not pay for it.
 *
 * No redirect is followed, http and https only, no proxy but a configured
 * one, no signal used.
 */
#ifndef UPSTREAM_UPSTREAM_H
#define UPSTREAM_UPSTREAM_H

#include "base/err.h"
#include "conf/conf.h"
#include "http/header.h"
#include "upstream/group.h"
#include "upstream/health.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* A pool of handles, last in first out, so that warm connections are used. */
struct upstream_pool;

/*
 * Open libcurl. 0, or -1 with err (ERR_CONFIG) when it is not installed.
 * Idempotent. A FastCGI process calls it at start from its main thread;
 * a CGI process on its first miss.
 */
int upstream_load(struct err *err);

/* Make a pool. NULL: memory. Opens nothing. */
struct upstream_pool *upstream_pool_new(void);

/* Free it and close its connections; no thread may be using it. */
void upstream_pool_free(struct upstream_pool *pool);

struct upstream_request {
	const struct conf_upstream *upstream;
	const char *method;
	const char *path;    /* raw, begins with '/' */
	const char *query;   /* raw, or NULL */
	/*
	 * End-to-end headers to send. Host, Content-Length and Expect are
	 * not taken from here; with a configured key, Authorization,
	 * x-api-key and api-key are not either.
	 */
	const struct http_headers *headers;
	const uint8_t *caller; /* digest of the caller's credentials, for
				  limits of its own; or NULL */
	bool anthropic;      /* it is in Anthropic's format, see key_header */
	bool identity;       /* ask for no content coding */
	const char *body;    /* a whole body that can be sent again, or NULL */
	size_t body_len;
	/*
	 * Or a body that is read as it goes up (body NULL): returns bytes, 0
	 * at the end, -1 to give up. Sent once: never over a connection that
	 * might be dead. body_total: its length, -1 when not known.
	 */
	ssize_t (*read_body)(void *read_arg, char *out, size_t size);
	void *read_arg;
	int64_t body_total;
	int watch_fd;        /* wake and call idle() when readable; -1: none */
	int64_t tick_ms;     /* call idle() at least so often; 0: no need */
	bool holds_head;     /* upstream_ask: a head waits for the body also
				when no other could be asked */
	int64_t hold_ms;     /* upstream_ask: how long a head may wait for the
				body; 0: as long as the body takes */
	bool only_well;      /* upstream_ask: none for want of better ones,
				neither one that is left out nor a
				fallback; see there */
	const atomic_bool *give_up; /* ERR_STOPPING within a second of its
				       becoming true; or NULL */
};

/*
 * What comes back, called on the thread of upstream_perform, in the order
 * head (once), data (any number). Non-zero from any of them stops the
 * transfer with ERR_CANCELLED.
 */
struct upstream_sink {
	int (*head)(void *arg, int status, const struct http_headers *headers);
	int (*data)(void *arg, const char *bytes, size_t len);
	/* Between reads. *watch_fd may be set to -1 to stop watching it. */
	int (*idle)(void *arg, int *watch_fd);
	/*
	 * upstream_ask only, and may be NULL: once, just before head() or,
	 * when there will be none, before the end: whose answer or failure
	 * this is, and whether it is a fallback's.
	 */
	void (*answering)(void *arg, const struct conf_upstream *upstream,
	    bool fallback);
	void *arg;
};

/* What is known of a transfer afterwards, whether it ended well or not. */
struct upstream_report {
	bool got_head;      /* sink->head was called */
	bool reused;        /* over a connection that was open already */
	/*
	 * Only the connection's end told the answer's (RFC 9112 section
	 * 6.3): a server that died looks just like one that had finished.
	 */
	bool ended_by_close;
	unsigned tries;     /* how many upstreams were asked */
};

/*
 * Send a request and pass its answer on as it comes: each network read is
 * one call of data(). headers given to head() are end-to-end ones, without
 * Transfer-Encoding but with Content-Length where the upstream sent one;
 * values with control bytes are left out.
 *
 * With a body in memory, a request is repeated once when a connection that
 * was kept alive turns out to be closed before any byte of an answer.
 *
 * 0 when the transfer ended as HTTP says it should; or -1 with err, whose
 * text names the upstream and its host, never a credential or a query:
 * ERR_UPSTREAM_CONNECT (resolve, connect, TLS), ERR_UPSTREAM_TIMEOUT (any
 * of the three limits), ERR_UPSTREAM_BROKEN (reset, cut short, not HTTP),
 * ERR_CANCELLED, ERR_MEMORY, ERR_CONFIG (no libcurl, or a url or ca_file
 * it cannot use), ERR_BAD_REQUEST (a method, target or field that may not
 * be sent). Any thread; blocks it.
 */
int upstream_perform(struct upstream_pool *pool,
    const struct upstream_request *request, const struct upstream_sink *sink,
    struct upstream_report *report, struct err *err);

/*
 * Send a request whose body is in memory to a group (request->upstream is
 * not looked at): to one after the other, each once, as long as they fail
 * before the first byte of their answer's body: no connection, or none as
 * they are configured, a connection that breaks, a time-out, 429 or 5xx.
 * The retries of the one asked first bound how often. Nothing of a try that
 * is made up for reaches the sink, but that idle() goes on being called, and
 * every second while an upstream that was left out is being tried. The last
 * try's answer passes through as it came.
 *
 * While another could yet be asked, head() waits for the first byte of the
 * body, but no longer than request->hold_ms: then no other will be asked.
 *
 * With request->only_well nobody may be there to be asked: ERR_CANCELLED, and
 * report->tries says 0.
 *
 * How each try went is noted in health; 429 to a caller's own credential
 * for that caller alone. As upstream_perform else;
 * report is of the last try.
 */
int upstream_ask(struct upstream_pool *pool, struct upstream_health *health,
    const struct upstream_group *group, const struct upstream_request *request,
    const struct upstream_sink *sink, struct upstream_report *report,
    struct err *err);

/*
 * Whether upstream_ask with only_well would ask one now, for this caller (see
 * struct upstream_request). It changes nothing, and costs no more than a look
 * at memory. Any thread.
 */
bool upstream_has_well(const struct upstream_health *health,
    const struct upstream_group *group, const uint8_t *caller);

#endif
