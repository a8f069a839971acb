#include "gateway/exchange.h"

#include "base/diag.h"

#include <stdio.h>
#include <string.h>

enum { ERROR_BODY_MAX = 4096 };

static void
put_cache_status(struct exchange *x)
{
	int64_t ttl_s;
	char text[192];

	if (x->cache == CACHE_STATUS_HIT || x->cache == CACHE_STATUS_RESHAPED) {
		ttl_s = (x->found.entry.fresh_until_ms - x->start_wall_ms) /
		    1000;
		snprintf(text, sizeof(text),
		    "reprise; hit; ttl=%lld; key=\"%s\"%s", (long long)ttl_s,
		    x->key_hex, x->cache == CACHE_STATUS_RESHAPED ?
		    "; detail=reshaped" : "");
	} else if (x->cache == CACHE_STATUS_BYPASS) {
		snprintf(text, sizeof(text), "reprise; fwd=bypass; detail=%s",
		    wire_verdict_word(x->verdict));
	} else {
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
