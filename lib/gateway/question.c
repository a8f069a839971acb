/*
 * Reading the question: the body of a request of a cached format, JSON or a
 * form, and all that follows from it.
 */
#include "gateway/exchange.h"

#include "cache/form.h"
#include "http/multipart.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { READ_STEP = 8192 };

/* A compressed body is the upstream's to read, not ours. */
static bool
is_coded(const struct http_headers *h)
{
	const char *coding = http_headers_get(h, "Content-Encoding");

	return coding != NULL && strcasecmp(coding, "identity") != 0;
}

/* ---- forms -------------------------------------------------------------- */

static void
describe_part(struct cache_form_part *out, const struct http_part *part)
{
	const char *semicolon = NULL;

	out->name = part->name;
	out->is_file = part->is_file;
	out->content = part->content;
	out->len = part->len;
	if (part->is_file && part->type != NULL)
		semicolon = memchr(part->type, ';', part->type_len);
	if (semicolon == NULL)
		return;
	out->parameters = semicolon;
	out->parameters_len =
	    part->type_len - (size_t)(semicolon - part->type);
}

static int
judge_parts(struct exchange *x, const struct http_form *form,
    struct buf *canonical, struct err *err)
{
	struct cache_form_part *parts = calloc(form->count + 1,
	    sizeof(*parts));
	int rc = -1;
	size_t i;

	for (i = 0; parts != NULL && i < form->count; i++)
		describe_part(&parts[i], &form->parts[i]);
	if (parts != NULL)
		rc = cache_form_read(&x->facts, parts, form->count, x->format,
		    canonical);
	free(parts);
	return rc == 0 ? 0 : err_set(err, ERR_MEMORY, "out of memory");
}

/* A body that is no form, or an odd one, is the upstream's to refuse. */
static int
judge_form(struct exchange *x, struct buf *canonical, struct err *err)
{
	struct err why = ERR_INIT;
	struct http_form form;
	int rc = 0;

	if (http_form_parse(&form,
	    http_headers_get(&x->request.headers, "Content-Type"),
	    x->body.data != NULL ? x->body.data : "", x->body.len,
	    &why) == 0) {
		rc = judge_parts(x, &form, canonical, err);
	} else if (why.code == ERR_MEMORY) {
		rc = err_set(err, ERR_MEMORY, "out of memory");
	} else {
		x->facts.verdict = WIRE_NOT_A_FORM;
		snprintf(x->facts.why, sizeof(x->facts.why), "%.90s",
		    why.text);
	}
	http_form_fini(&form);
	return rc;
}

/*
 * A form is held once, to be hashed, looked up and sent. One that is too
 * long for that goes up as it comes.
 */
static int
read_form(struct exchange *x, struct err *err)
{
	int64_t announced = x->request.content_length;
	size_t limit = (size_t)x->gateway->conf->server.max_body_bytes;

	/* Its whole size at once: growing would hold it twice. */
	x->body.max = limit + READ_STEP;
	if (announced > 0 && (uint64_t)announced <= limit)
		buf_reserve(&x->body, (size_t)announced);
	if (question_read_ahead(x, limit, err) == -1)
		return -1;
	if (!x->conn->body_ended)
		x->facts.verdict = WIRE_FORM_TOO_LARGE;
	return 0;
}

int
question_read_ahead(struct exchange *x, size_t limit, struct err *err)
{
	char piece[READ_STEP];
	ssize_t n = 1;

	while (n > 0 && x->body.len <= limit) {
		n = http_conn_read(x->conn, piece, sizeof(piece), err);
		if (n > 0 && buf_append(&x->body, piece, (size_t)n) == -1)
			return err_set(err, ERR_MEMORY, "out of memory");
	}
	return n < 0 ? -1 : 0;
}

/* ---- JSON --------------------------------------------------------------- */

/* What the caller told us in the body is not for the upstream. */
static void
cut_out_asked(struct exchange *x)
{
	struct buf *b = &x->body;
	size_t from = x->facts.cut_at, to = from + x->facts.cut_len;

	if (x->facts.cut_len == 0)
		return;
	memmove(b->data + from, b->data + to, b->len - to + 1);
	b->len -= x->facts.cut_len;
}

static int
judge_json(struct exchange *x, struct buf *canonical, struct err *err)
{
	const char *body = x->body.data != NULL ? x->body.data : "";
	int rc;

	if (canonical != NULL)
		rc = cache_body_read(&x->facts, body, x->body.len, x->format,
		    canonical);
	else
		rc = cache_memo_read(x->gateway->memo, &x->facts, body,
		    x->body.len, x->format);
	if (rc == -1)
		return err_set(err, ERR_MEMORY, "out of memory");
	if (x->facts.malformed)
		return err_set(err, ERR_BAD_REQUEST,
		    "the request body is not JSON: %s", x->facts.why);
	cut_out_asked(x);
	return 0;
}

/* ---- both --------------------------------------------------------------- */

static void
set_verdict(struct exchange *x)
{
	x->verdict = x->facts.verdict;
	if (x->verdict == WIRE_STORABLE && !x->control.used)
		x->verdict = WIRE_NOT_OPTED_IN;
	if (x->verdict == WIRE_STORABLE && !x->control.store)
		x->verdict = WIRE_NO_STORE_ASKED;
}

int
question_judge(struct exchange *x, struct buf *canonical, struct err *err)
{
	int rc = 0;

	if (is_coded(&x->request.headers))
		x->facts.verdict = WIRE_BODY_CODED;
	else if (x->facts.verdict == WIRE_FORM_TOO_LARGE)
		rc = 0;
	else if (x->format->body == WIRE_BODY_FORM)
		rc = judge_form(x, canonical, err);
	else
		rc = judge_json(x, canonical, err);
	if (rc == 0)
		rc = control_read(&x->control, &x->request.headers,
		    &x->facts.asked, x->gateway->conf, err);
	if (rc == 0)
		set_verdict(x);
	return rc;
}

int
question_read(struct exchange *x, struct err *err)
{
	const struct conf *conf = x->gateway->conf;
	int rc;

	if (x->format->body == WIRE_BODY_FORM)
		rc = read_form(x, err);
	else
		rc = http_conn_read_all(x->conn, &x->body, err);
	if (rc == -1 || question_judge(x, NULL, err) == -1)
		return -1;
	x->upstream = upstream_select(conf, x->facts.model);
	if (x->upstream == NULL)
		return err_set(err, ERR_NO_UPSTREAM,
		    "no upstream is configured for the model '%s'",
		    x->facts.model);
	return 0;
}
