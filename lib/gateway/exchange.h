/*
 * One request on its walk: all that its stages share, and the stages.
 * Private to the gateway.
 *
 * Every stage ends the response by itself (an answer, or an error) and
 * returns nothing; what became of it stands in the exchange.
 */
#ifndef GATEWAY_EXCHANGE_H
#define GATEWAY_EXCHANGE_H

#include "base/digest.h"
#include "cache/cache.h"
#include "cache/memo.h"
#include "conf/conf.h"
#include "gateway/control.h"
#include "http/cache_control.h"
#include "http/request.h"
#include "http/response.h"
#include "ops/access_log.h"
#include "ops/counters.h"
#include "upstream/upstream.h"
#include "wire/format.h"

enum { REQUEST_ID_MAX = 128, KEY_HEADERS_MAX = 32 };

/* cache.key_headers, split. */
struct key_headers {
	char *text;  /* owns the names */
	const char *name[KEY_HEADERS_MAX]; /* lower case */
	size_t count;
};

struct gateway {
	const struct conf *conf;
	struct cache *cache;
	struct cache_memo *memo;      /* NULL in CGI */
	struct upstream_pool *upstreams;
	struct upstream_health *health;
	struct counters *counters;
	struct access_log *log;
	struct key_headers key_headers;
	uint8_t id_prefix[8];         /* random, of this process's ids */
	_Atomic uint64_t id_count;
	atomic_bool giving_up;        /* the process ends: stop transfers */
};

struct exchange {
	struct gateway *gateway;
	struct http_conn *conn;
	struct http_request request;
	struct http_response response;
	struct buf body;              /* the request's, or what was read of it */
	const struct wire_format *format;
	struct control control;       /* what the caller wants of the cache */
	struct cache_body facts;      /* what the cache knows of the body */
	const struct conf_upstream *upstream;
	uint8_t key[CACHE_KEY_BYTES];
	char key_hex[CACHE_KEY_HEX];  /* "" until the key is known */
	struct cache_found found;
	bool looked_up;               /* found is to be freed */
	struct buf reshaped;          /* the entry's body in the other mode */
	bool stale;                   /* found is past its freshness, but may
					 answer when the upstream fails */
	bool rescued;                 /* it did, and ... */
	int covered;                  /* ... that was the failure's status,
					 or 0: there was no answer */
	struct flight *flight;        /* the one it leads; owned; or NULL */
	bool behind;                  /* it has no client: it renews an entry */
	bool unasked;                 /* as which no upstream was well */
	bool fallback;                /* a fallback upstream answered */
	bool paced;                   /* its replay was given a pace */
	bool asks_usage;              /* for our own sake: see usage.ask */
	enum wire_verdict verdict;    /* why it is or was not stored */
	const char *fwd;              /* why it went upstream, RFC 9211 */
	char request_id[REQUEST_ID_MAX + 1];
	char caller[13];              /* credential's fingerprint, or "" */
	bool has_credential;
	uint8_t scope[DIGEST_BYTES];  /* digest of all credentials */
	enum cache_status cache;
	enum err_code error;          /* our own error, if that was the answer */
	struct wire_tokens spent, saved;
	json_t *usage;                /* owned */
	int64_t start_us, start_wall_ms;
	const char *allow;            /* methods for a 405 */
	bool aborted;                 /* the client left */
};

/* exchange.c: begin, and end with record, counters and memory. */
void exchange_init(struct exchange *x, struct gateway *g,
    struct http_conn *conn);
void exchange_finish(struct exchange *x);

/* identity.c: who asks, and the request's name. */
void identity_read(struct exchange *x);

/*
 * question.c: read a request of a cached format: its body, what the cache
 * makes of it, what the caller wants of the cache, and the upstream it leads
 * to; sets the verdict. 0, or -1 with an error for the caller.
 */
int question_read(struct exchange *x, struct err *err);

/*
 * The part of that without reading and routing: facts and control of the
 * body that is there. canonical: see cache_body_read; or NULL.
 */
int question_judge(struct exchange *x, struct buf *canonical,
    struct err *err);

/*
 * Read the body ahead until it has ended or more than limit bytes are
 * there. 0; or -1 with ERR_CLIENT_GONE when it was cut short, ERR_MEMORY.
 */
int question_read_ahead(struct exchange *x, size_t limit, struct err *err);

/* answer.c: answers of our own. */

/*
 * Add the headers every answer carries: X-Request-Id, X-Cache, Cache-Status,
 * and what tells nginx not to buffer.
 */
void answer_headers(struct exchange *x);

/* Answer an error in the format's shape and end the response. */
void answer_error(struct exchange *x, const struct err *err);

/* Answer a text of our own (own endpoints) and end the response. */
void answer_text(struct exchange *x, int status, const char *content_type,
    const struct buf *text);

/*
 * lookup.c: the key, and the entry if there is one fit for this request.
 * key_headers_split: 0 or -1 with err; ends with key_headers_fini.
 */
int key_headers_split(struct key_headers *k, const char *words,
    struct err *err);
void key_headers_fini(struct key_headers *k);
int lookup_key(struct exchange *x, struct err *err);

/*
 * The key of this request with another body, as lookup_key makes x->key. 0
 * or -1.
 */
int lookup_key_of(const struct exchange *x, const struct cache_body *body,
    uint8_t key[CACHE_KEY_BYTES]);

/*
 * Make a key the one this exchange goes by: it is shown, and may be purged.
 */
void lookup_take_key(struct exchange *x, const uint8_t key[CACHE_KEY_BYTES]);

/* May be called again: what an earlier look-up found is dropped. */
bool lookup_entry(struct exchange *x);

/*
 * For cache_found_each over "vary": whether the request's header of that
 * name differs from value (RFC 9111 section 4.1). arg: the exchange.
 */
int lookup_vary_differs(void *arg, const char *name, const char *value);

/*
 * twin.c: with cache.cross_mode an entry of the same question in the
 * other mode, reshaped into x->reshaped. Whether there is one; x->found and
 * the key are then its.
 */
bool lookup_twin(struct exchange *x);

/*
 * Whether an entry may answer this request as to Vary and age; x->fwd says
 * why not.
 */
bool lookup_is_fit(struct exchange *x, const struct cache_found *found);

/*
 * hit.c: replay the entry that was found, at the pace that was asked for.
 * how: CACHE_STATUS_HIT, CACHE_STATUS_STALE or CACHE_STATUS_RESHAPED (then
 * x->reshaped is the body).
 */
void hit_serve(struct exchange *x, enum cache_status how);

/*
 * stale.c: whether the entry that was found may answer though it is stale,
 * as the upstream failed: with this status, or 0 without any.
 */
bool stale_may_rescue(const struct exchange *x, int status);

/* Serve it; status as above. Nothing may have gone to the client yet. */
void stale_rescue(struct exchange *x, int status);

/*
 * stale.c: whether the entry that was found may be served at once while it
 * is renewed (cache.stale_while_revalidate).
 */
bool stale_may_serve(const struct exchange *x);

/*
 * Serve it, and have it renewed by one request once the response has been
 * finished (http_conn.after), unless somebody does so already.
 */
void stale_serve_and_refresh(struct exchange *x);

/* forward.c: ask the upstream, pass its answer on, record and store it. */
void forward_cached_format(struct exchange *x);
void forward_untouched(struct exchange *x);

/*
 * Ask the upstream for this exchange, with the body that request has. As
 * upstream_perform. cached_format: see headers_for_upstream.
 */
int forward_ask(struct exchange *x, bool cached_format,
    struct upstream_request request, const struct upstream_sink *sink,
    struct upstream_report *report, struct err *err);

/* The upstream would have to be asked, but only-if-cached was: the error. */
void forward_refuse(struct exchange *x, struct err *err);

/*
 * embeddings.c: serve a request of several inputs, each a question of its
 * own: from the cache, from the upstream, or merged from both. Whether it
 * did (err is set when that ends in our own error); else its inputs cannot
 * be told apart, and it is for the ordinary walk.
 */
bool embeddings_serve(struct exchange *x, struct err *err);

/*
 * Append the key of each of its inputs, a line each, for `reprise key`;
 * nothing when they cannot be told apart. The key of the only one becomes
 * x->key, as when it is served. 0, or -1 with err.
 */
int embeddings_explain(struct exchange *x, struct buf *out, struct err *err);

/* own.c: the endpoints below /-/. */
bool own_path(const char *path);
void own_serve(struct exchange *x);

/* headers.c: which headers go where. */

/* Whether a response header may be stored and replayed later. */
bool headers_replayable(const char *name, enum entry_mode mode);

/* Whether an upstream's response header may pass to the client. */
bool headers_pass_down(const char *name);

/*
 * Whether a response header speaks of the very bytes of a body (ETag,
 * Content-Digest, ...), and so not of what was made of it.
 */
bool headers_about_bytes(const char *name);

enum { VARY_HEX = 2 * DIGEST_BYTES + 1 };

/*
 * What stands in an entry for a request header that a Vary names: the
 * digest of its value, which may be a credential; an absent one counts as
 * empty. 0 or -1.
 */
int headers_vary_value(char out[VARY_HEX], const struct http_headers *in,
    const char *name);

/*
 * Copy a request's headers for the upstream into out (initialised by the
 * caller), without what was said to this cache alone. 0 or -1: memory.
 */
int headers_for_upstream(struct http_headers *out,
    const struct http_headers *in, bool cached_format);

#endif
