/*
 * Storing an answer: what of its headers is kept, and what of the request
 * it depends on.
 */
#include "gateway/relay.h"

#include "base/diag.h"
#include "http/cache_control.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Neither for the cache, then, nor for who follows this request. */
static void
keep_apart(struct relay *r, enum wire_verdict why)
{
	recorder_refuse(&r->recorder, why);
	r->unshareable = true;
}

/*
 * Remember the request headers that a Vary names (RFC 9111 section 4.1).
 * Accept-Encoding does not count: no coding was asked for.
 */
static void
note_vary(struct relay *r, const char *list)
{
	char name[128], value[VARY_HEX];
	const char *item;
	size_t len;

	while ((item = text_next_item(&list, ",", &len)) != NULL) {
		if (len == 1 && *item == '*') {
			keep_apart(r, WIRE_VARY_ANY);
			return;
		}
		if (len >= sizeof(name)) {
			keep_apart(r, WIRE_MEMORY);
			return;
		}
		memcpy(name, item, len);
		name[len] = '\0';
		if (strcasecmp(name, "Accept-Encoding") == 0)
			continue;
		if (headers_vary_value(value, &r->x->request.headers,
		    name) == -1 ||
		    http_headers_add(&r->vary, name, value) == -1)
			keep_apart(r, WIRE_MEMORY);
	}
}

/*
 * What the upstream's Cache-Control says against storing. "private" forbids
 * only a cache whose answers callers share.
 */
static void
heed_cache_control(struct relay *r, const struct http_headers *headers)
{
	const struct conf_cache *c = &r->x->gateway->conf->cache;
	struct http_cache_control cc;

	if (c->upstream_no_store == CONF_NO_STORE_IGNORE)
		return;
	http_cache_control_parse(&cc, headers);
	if (cc.is_private && c->scope == CONF_SCOPE_SHARED)
		keep_apart(r, WIRE_NO_STORE_ANSWERED);
	else if (cc.no_store)
		recorder_refuse(&r->recorder, WIRE_NO_STORE_ANSWERED);
}

void
save_head(struct relay *r, const struct http_headers *headers)
{
	const struct http_header *h;
	size_t i;

	heed_cache_control(r, headers);
	for (i = 0; i < headers->count; i++) {
		h = &headers->list[i];
		if (strcasecmp(h->name, "Vary") == 0)
			note_vary(r, h->value);
		if (r->filters && headers_about_bytes(h->name))
			continue;
		if (headers_replayable(h->name, r->recorder.mode) &&
		    http_headers_add(&r->replay, h->name, h->value) == -1)
			recorder_refuse(&r->recorder, WIRE_MEMORY);
	}
}

struct text_pair *
save_pairs(const struct http_headers *h)
{
	struct text_pair *pairs = calloc(h->count + 1, sizeof(*pairs));
	size_t i;

	for (i = 0; pairs != NULL && i < h->count; i++) {
		pairs[i].name = h->list[i].name;
		pairs[i].value = h->list[i].value;
	}
	return pairs;
}

int
save_part(const struct relay *r, const struct save_part *part,
    struct err *err)
{
	const struct exchange *x = r->x;
	struct text_pair *headers = save_pairs(&r->replay);
	struct text_pair *vary = save_pairs(&r->vary);
	struct cache_answer answer = {
	    .mode = r->recorder.mode,
	    .format = (uint8_t)r->recorder.format->id,
	    .status = r->status,
	    .ttl_ms = x->control.ttl_ms,
	    .headers = headers,
	    .n_headers = r->replay.count,
	    .vary = vary,
	    .n_vary = r->vary.count,
	    .model = x->facts.model,
	    .usage = part->usage,
	    .body = part->body,
	    .body_len = part->body_len,
	    .times = part->times,
	    .times_len = part->times_len,
	};
	int rc;

	if (headers == NULL || vary == NULL)
		rc = err_set(err, ERR_MEMORY, "out of memory");
	else
		rc = cache_save(x->gateway->cache, x->control.namespace,
		    part->key, part->found, &answer, err);
	free(headers);
	free(vary);
	return rc;
}

void
save_failed(struct exchange *x, const struct err *err)
{
	x->verdict = err->code == ERR_MEMORY ? WIRE_MEMORY : WIRE_STORE_DOWN;
	counter_add(&x->gateway->counters->save_failed, 1);
	diag(LOG_NOTICE, "%s: not stored: %s", x->request_id, err->text);
}

void
save_answer(struct relay *r)
{
	struct exchange *x = r->x;
	struct save_part whole = {
	    .key = x->key,
	    .found = &x->found,
	    .usage = r->recorder.usage,
	    .body = r->recorder.body.data,
	    .body_len = r->recorder.body.len,
	};
	struct err err = ERR_INIT;

	whole.times = timeline_bytes(&r->recorder.times, &whole.times_len);
	if (cache_is_purged(x->gateway->cache, x->control.namespace, x->key,
	    &x->found))
		x->verdict = WIRE_PURGED;
	else if (save_part(r, &whole, &err) == -1)
		save_failed(x, &err);
}
