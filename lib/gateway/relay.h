/*
 * Passing an upstream's answer on to the client as it comes, and keeping a
 * record of it on the way. Private to the gateway.
 */
#ifndef GATEWAY_RELAY_H
#define GATEWAY_RELAY_H

#include "cache/recorder.h"
#include "gateway/exchange.h"
#include "gateway/usage_filter.h"

struct relay {
	struct exchange *x;
	bool follow;              /* a cached format: the recorder follows */
	struct recorder recorder;
	bool filters;             /* a stream goes through filter first */
	struct usage_filter filter;
	struct http_headers replay;  /* to be stored with the answer */
	struct http_headers vary;    /* request headers it depends on */
	bool got_head;
	int status;               /* the upstream's */
	int64_t expected;         /* bytes by its Content-Length; -1 */
	int64_t received;
	struct buf held;          /* the last piece of a known length */
	int64_t last_write_us;
	bool client_left;
	bool live;                /* the answer is another request's, of the
				     flight that this one follows */
	bool unshareable;         /* it is for nobody who follows this one */
	bool closed;              /* nobody may follow it any more */
	size_t led_bytes;         /* of the body, given to those who do */
	struct buf lag;           /* what the client of one that leads could
				     not take yet */
	size_t lag_sent;          /* bytes of it that it has taken since */
	bool ending;              /* from here on, it is waited for */
	int rescued;              /* a status that a stale entry covers; 0 */
	int64_t rescue_us;        /* steady clock: that is read no longer for
				     those who follow */
	bool ended_by_close;      /* see struct upstream_report */
};

/*
 * Begin. follow: the exchange's format is one that is cached, so the
 * answer is recorded, or at least followed. End with relay_fini.
 */
void relay_init(struct relay *r, struct exchange *x, bool follow);

/* Free what it holds. */
void relay_fini(struct relay *r);

/* The sink for upstream_perform that passes an answer on. */
struct upstream_sink relay_sink(struct relay *r);

/*
 * The transfer has ended: rc and err as upstream_perform gave them. Stores
 * the answer if it may be, tells the client of a failure in the way that
 * is left, and ends the response.
 */
void relay_end(struct relay *r, int rc, const struct err *err);

/*
 * The client has left: whether the transfer goes on without it, 0 or -1 as
 * a sink returns it.
 */
int relay_client_left(struct relay *r);

/* save.c: note on arrival what must be stored with an answer. */
void save_head(struct relay *r, const struct http_headers *headers);

/* save.c: store the recorded answer; sets the exchange's verdict. */
void save_answer(struct relay *r);

/* What of an answer is stored under one key. */
struct save_part {
	const uint8_t *key;
	const struct cache_found *found; /* of the look-up for it */
	json_t *usage;                   /* or NULL */
	const char *body;
	size_t body_len;
	const char *times;               /* as in struct cache_answer */
	size_t times_len;
};

/*
 * save.c: the same list as pairs of borrowed strings, for free(); NULL when
 * memory is short.
 */
struct text_pair *save_pairs(const struct http_headers *h);

/*
 * save.c: store a part of an answer that r has seen the head of. 0, or -1
 * with err as cache_save.
 */
int save_part(const struct relay *r, const struct save_part *part,
    struct err *err);

/* save.c: say and count that it could not be stored; sets the verdict. */
void save_failed(struct exchange *x, const struct err *err);

#endif
