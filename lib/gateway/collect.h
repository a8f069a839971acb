/*
 * Collecting an upstream's JSON answer whole before anything goes to the
 * client, which may then get another one made of it. Private to the gateway.
 */
#ifndef GATEWAY_COLLECT_H
#define GATEWAY_COLLECT_H

#include "gateway/relay.h"

/* The longest answer that is collected or made. */
#define COLLECT_BYTES_MAX ((size_t)256 << 20)

struct collect {
	struct exchange *x;
	struct relay record;         /* judges; sends nothing */
	struct relay pass;           /* sends; records nothing */
	struct upstream_sink judging, passing;
	bool altered;                /* the request is not the client's own */
	bool passes;                 /* the answer goes on as it comes */
	bool unfit;
	int status;
	struct http_headers headers; /* the answer's */
	struct buf body;             /* and its body */
	bool ended_by_close;         /* see struct upstream_report */
};

enum collect_result {
	COLLECT_WHOLE, /* it is here; one of the ends below must follow */
	COLLECT_UNFIT, /* to an altered request: no answer that could be
			  merged; nothing was sent, ask as the client did */
	COLLECT_DONE   /* passed on or failed; the response has ended */
};

/* Begin. End with collect_fini. */
void collect_init(struct collect *c, struct exchange *x);

/* Free what it holds. */
void collect_fini(struct collect *c);

/*
 * Ask the upstream with this body; what an earlier answer left is dropped.
 * altered: it is not what the client asked. An answer that is not 200 with
 * JSON, or longer than COLLECT_BYTES_MAX, is passed on as it comes, unless
 * it claims to be an answer to an altered request. x->verdict is set by
 * what is known at the end.
 */
enum collect_result collect_ask(struct collect *c, const char *body,
    size_t len, bool altered);

/* Why what was collected may not be stored, or WIRE_STORABLE. */
enum wire_verdict collect_verdict(const struct collect *c);

/* End by passing on what was collected as it came; why it is not stored. */
void collect_pass(struct collect *c, enum wire_verdict why);

/* End with an error, for the client in place of what was collected. */
void collect_fail(struct collect *c, enum wire_verdict why,
    const struct err *err);

/*
 * End with this body, under the headers of what was collected. made: it is
 * not the upstream's, so what those say of its bytes is left out.
 */
void collect_send(struct collect *c, const char *body, size_t len, bool made);

#endif
