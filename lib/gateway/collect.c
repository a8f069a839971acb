#include "gateway/collect.h"

#include "gateway/lead.h"

#include <stdio.h>
#include <string.h>

static void
begin(struct collect *c, struct exchange *x, bool client_left)
{
	memset(c, 0, sizeof(*c));
	c->x = x;
	relay_init(&c->record, x, true);
	relay_init(&c->pass, x, false);
	c->judging = relay_sink(&c->record);
	c->passing = relay_sink(&c->pass);
	c->record.client_left = c->pass.client_left = client_left;
	http_headers_init(&c->headers);
	buf_init(&c->body, COLLECT_BYTES_MAX);
	recorder_refuse(&c->record.recorder, x->verdict);
	if (x->control.ttl_ms == 0)
		recorder_refuse(&c->record.recorder, WIRE_ZERO_TTL);
}

void
collect_init(struct collect *c, struct exchange *x)
{
	begin(c, x, false);
}

void
collect_fini(struct collect *c)
{
	relay_fini(&c->record);
	relay_fini(&c->pass);
	http_headers_fini(&c->headers);
	buf_fini(&c->body);
}

enum wire_verdict
collect_verdict(const struct collect *c)
{
	return c->record.recorder.verdict;
}

/* ---- what comes --------------------------------------------------------- */

/* What the head alone says against an answer, whatever was said before. */
static enum wire_verdict
judge_head(const struct collect *c)
{
	struct recorder r;
	enum wire_verdict verdict;

	recorder_init(&r, &c->record.recorder.config);
	recorder_head(&r, c->status,
	    http_headers_get(&c->headers, "Content-Type"),
	    http_headers_get(&c->headers, "Content-Encoding"));
	verdict = r.verdict;
	if (verdict == WIRE_STORABLE && r.mode != ENTRY_JSON)
		verdict = WIRE_CONTENT_TYPE;
	recorder_fini(&r);
	return verdict;
}

/*
 * From here on it is the relay that sends which knows of the client, and
 * for whom the answer is.
 */
static int
change_over(struct collect *c)
{
	c->pass.client_left |= c->record.client_left;
	c->pass.unshareable |= c->record.unshareable;
	/* It may come here twice. */
	if (c->pass.vary.count > 0)
		return 0;
	return http_headers_copy(&c->pass.vary, &c->record.vary);
}

/* From here on what comes goes to the client, as it is. */
static int
begin_passing(struct collect *c, enum wire_verdict why)
{
	int rc;

	recorder_refuse(&c->record.recorder, why);
	lead_close(&c->record);
	if (c->altered && c->status < 300) {
		c->unfit = true;
		return -1;
	}
	c->passes = true;
	rc = change_over(c);
	if (rc == 0)
		rc = c->passing.head(c->passing.arg, c->status, &c->headers);
	if (rc == 0 && c->body.len > 0)
		rc = c->passing.data(c->passing.arg, c->body.data,
		    c->body.len);
	return rc;
}

/* Drop what speaks of the very bytes of a body that is replaced. */
static void
drop_about_bytes(struct http_headers *headers)
{
	size_t i = 0;

	while (i < headers->count) {
		if (headers_about_bytes(headers->list[i].name))
			http_headers_remove(headers, headers->list[i].name);
		else
			i++;
	}
}

static int
on_head(void *arg, int status, const struct http_headers *headers)
{
	struct collect *c = arg;
	enum wire_verdict verdict;

	c->status = c->record.status = status;
	if (http_headers_copy(&c->headers, headers) == -1)
		return -1;
	if (c->x->fallback)
		recorder_refuse(&c->record.recorder, WIRE_FALLBACK);
	verdict = judge_head(c);
	recorder_refuse(&c->record.recorder, verdict);
	/* For whom it is counts also where it is only passed on. */
	save_head(&c->record, &c->headers);
	if (verdict != WIRE_STORABLE)
		return begin_passing(c, verdict);
	drop_about_bytes(&c->record.replay);
	return 0;
}

static int
on_data(void *arg, const char *bytes, size_t len)
{
	struct collect *c = arg;
	int rc;

	if (c->passes)
		return c->passing.data(c->passing.arg, bytes, len);
	/* Collecting goes on without a client only for the cache's sake. */
	if (c->record.client_left && c->x->flight == NULL &&
	    collect_verdict(c) != WIRE_STORABLE)
		return -1;
	if (buf_append(&c->body, bytes, len) == 0)
		return 0;
	rc = begin_passing(c, WIRE_TOO_LARGE);
	return rc == 0 ? c->passing.data(c->passing.arg, bytes, len) : rc;
}

static int
on_idle(void *arg, int *watch_fd)
{
	struct collect *c = arg;
	const struct upstream_sink *sink = c->passes ? &c->passing :
	    &c->judging;

	return sink->idle(sink->arg, watch_fd);
}

enum collect_result
collect_ask(struct collect *c, const char *body, size_t len, bool altered)
{
	struct upstream_request request = {.identity = true, .body = body,
	    .body_len = len};
	struct upstream_sink sink = {.head = on_head, .data = on_data,
	    .idle = on_idle, .arg = c};
	struct upstream_report report = {0};
	struct exchange *x = c->x;
	bool client_left = c->record.client_left;
	struct err err = ERR_INIT;
	int rc;

	collect_fini(c);
	begin(c, x, client_left);
	c->altered = altered;
	rc = forward_ask(x, true, request, &sink, &report, &err);
	c->ended_by_close = report.ended_by_close;
	if (c->unfit)
		return COLLECT_UNFIT;
	if (rc == 0 && !c->passes)
		return COLLECT_WHOLE;
	if (rc == -1)
		recorder_refuse(&c->record.recorder, WIRE_TRANSPORT);
	c->pass.client_left |= c->record.client_left;
	x->verdict = collect_verdict(c);
	relay_end(&c->pass, rc, &err);
	return COLLECT_DONE;
}

/* ---- ends --------------------------------------------------------------- */

void
collect_pass(struct collect *c, enum wire_verdict why)
{
	static const struct err none = ERR_INIT;

	c->altered = false;
	begin_passing(c, why);
	c->x->verdict = collect_verdict(c);
	relay_end(&c->pass, 0, &none);
}

void
collect_fail(struct collect *c, enum wire_verdict why, const struct err *err)
{
	recorder_refuse(&c->record.recorder, why);
	c->pass.client_left |= c->record.client_left;
	c->x->verdict = collect_verdict(c);
	relay_end(&c->pass, -1, err);
}

void
collect_send(struct collect *c, const char *body, size_t len, bool made)
{
	static const struct err none = ERR_INIT;
	char length[24];

	if (made)
		drop_about_bytes(&c->headers);
	snprintf(length, sizeof(length), "%zu", len);
	http_headers_set(&c->headers, "Content-Length", length);
	if (change_over(c) == 0 && c->passing.head(c->passing.arg, c->status,
	    &c->headers) == 0)
		c->passing.data(c->passing.arg, body, len);
	relay_end(&c->pass, 0, &none);
}
