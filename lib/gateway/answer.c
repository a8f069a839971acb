#include "gateway/exchange.h"

#include "base/clock.h"
#include "base/diag.h"

#include <stdio.h>
#include <string.h>

enum { ERROR_BODY_MAX = 4096 };

enum { CACHE_STATUS_MAX = 192 };

static void
put_hit_status(const struct exchange *x, char text[CACHE_STATUS_MAX])
{
	int64_t ttl_ms = x->found.entry.fresh_until_ms - clock_wall_ms();

	snprintf(text, CACHE_STATUS_MAX,
	    "reprise; hit; ttl=%lld; key=\"%s\"%s", (long long)(ttl_ms / 1000),
	    x->key_hex, x->cache == CACHE_STATUS_RESHAPED ?
	    "; detail=reshaped" : "");
}

/* A stale entry, served at once or when the upstream had failed. */
static void
put_stale_status(const struct exchange *x, char text[CACHE_STATUS_MAX])
{
	int64_t over_ms = clock_wall_ms() - x->found.entry.fresh_until_ms;
	int64_t over_s = over_ms / 1000 + (over_ms % 1000 > 0);
	char how[40] = "hit";

	/* What is stale has not 0 seconds left, nor more. */
	if (over_s < 1)
		over_s = 1;
	if (x->rescued && x->covered > 0)
		snprintf(how, sizeof(how), "fwd=stale; fwd-status=%d",
		    x->covered);
	else if (x->rescued)
		snprintf(how, sizeof(how), "fwd=stale");
	snprintf(text, CACHE_STATUS_MAX, "reprise; %s; ttl=-%lld; key=\"%s\"%s",
	    how, (long long)over_s, x->key_hex,
	    x->rescued ? "; detail=stale-if-error" : "");
}

/* RFC 9211. */
static void
put_cache_status(struct exchange *x)
{
	char text[CACHE_STATUS_MAX];

	switch (x->cache) {
	case CACHE_STATUS_HIT:
	case CACHE_STATUS_RESHAPED:
		put_hit_status(x, text);
		break;
	case CACHE_STATUS_STALE:
		put_stale_status(x, text);
		break;
	case CACHE_STATUS_LIVE:
		snprintf(text, sizeof(text), "reprise; fwd=miss; collapsed");
		break;
	case CACHE_STATUS_BYPASS:
		snprintf(text, sizeof(text), "reprise; fwd=bypass; detail=%s",
		    wire_verdict_word(x->verdict));
		break;
	default:
		snprintf(text, sizeof(text), "reprise; %s", x->fwd);
	}
	http_response_header(&x->response, "Cache-Status", text);
}

void
answer_headers(struct exchange *x)
{
	http_response_header(&x->response, "X-Accel-Buffering", "no");
	http_response_header(&x->response, "X-Request-Id", x->request_id);
	if (x->cache == CACHE_STATUS_NONE)
		return;
	http_response_header(&x->response, "X-Cache",
	    cache_status_text(x->cache));
	put_cache_status(x);
}

static void
put_length(struct exchange *x, size_t len)
{
	char text[24];

	snprintf(text, sizeof(text), "%zu", len);
	http_response_header(&x->response, "Content-Length", text);
}

void
answer_text(struct exchange *x, int status, const char *content_type,
    const struct buf *text)
{
	http_response_status(&x->response, status);
	http_response_header(&x->response, "Content-Type", content_type);
	http_response_header(&x->response, "Cache-Control", "no-store");
	put_length(x, text->len);
	answer_headers(x);
	http_response_body(&x->response, text->data, text->len);
	http_response_end(&x->response);
}

void
answer_error(struct exchange *x, const struct err *err)
{
	struct buf body;

	x->error = err->code;
	if (err_level(err->code) <= LOG_WARNING)
		diag(err_level(err->code), "%s: %s", x->request_id, err->text);
	buf_init(&body, ERROR_BODY_MAX);
	http_response_status(&x->response, err_status(err->code));
	http_response_header(&x->response, "Content-Type", "application/json");
	http_response_header(&x->response, "Cache-Control", "no-store");
	if (err->code == ERR_METHOD)
		http_response_header(&x->response, "Allow", x->allow);
	if (err->code == ERR_OVERLOADED)
		http_response_header(&x->response, "Retry-After", "1");
	if (x->format->error_body(&body, err) == 0)
		put_length(x, body.len);
	answer_headers(x);
	http_response_body(&x->response, body.data, body.len);
	http_response_end(&x->response);
	buf_fini(&body);
}
