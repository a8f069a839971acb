/*
 * What would become of a request, told by the very functions that serve it.
 */
#include "gateway/gateway.h"

#include "gateway/exchange.h"

#include <stdlib.h>
#include <string.h>

enum { CANONICAL_MAX = 256 << 20, INPUTS_MAX = 1 << 20 };

static void
line(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, "%-12s %s\n", name, value);
}

static void
put_cacheable(const struct exchange *x, struct buf *out)
{
	enum wire_verdict why = x->verdict;

	if (why == WIRE_STORABLE && x->control.ttl_ms == 0)
		why = WIRE_ZERO_TTL;
	if (why != WIRE_STORABLE)
		buf_printf(out, "%-12s no: %s%s%s\n", "cacheable",
		    wire_verdict_text(why),
		    x->facts.why[0] != '\0' ? ": " : "", x->facts.why);
	else
		buf_printf(out, "%-12s yes, for %lld s\n", "cacheable",
		    (long long)x->control.ttl_ms / 1000);
}

/* Those it may be sent to, when there are several. */
static void
put_group(const struct exchange *x, const struct conf *conf, struct buf *out)
{
	const struct conf_upstream *u;
	struct upstream_group group;
	size_t i;

	if (upstream_group_of(conf, x->facts.model, &group) == -1 ||
	    group.count == 1)
		return;
	buf_printf(out, "%-12s", "group");
	for (i = 0; i < group.count; i++) {
		u = group.member[i];
		buf_printf(out, "%s %s (priority %lld, weight %lld%s)",
		    i > 0 ? "," : "", u->name, (long long)u->priority,
		    (long long)u->weight,
		    upstream_group_is_fallback(&group, u) ?
		    ": a fallback" : "");
	}
	buf_putc(out, '\n');
}

static void
put_question(const struct exchange *x, const struct conf *conf,
    struct buf *out)
{
	line(out, "format", x->format->name);
	line(out, "model", x->facts.model);
	line(out, "stream", x->facts.stream ? "yes" : "no");
	line(out, "upstream", x->upstream->name);
	put_group(x, conf, out);
	line(out, "namespace", x->control.namespace);
	if (conf->cache.scope == CONF_SCOPE_SHARED)
		line(out, "scope", "shared by all callers");
	else
		buf_printf(out, "%-12s caller %s\n", "scope",
		    x->caller[0] != '\0' ? x->caller : "without credential");
	put_cacheable(x, out);
}

static int
put_key(struct exchange *x, const struct buf *canonical, struct buf *out,
    struct err *err)
{
	struct buf inputs;
	int rc = lookup_key(x, err);

	buf_init(&inputs, INPUTS_MAX);
	if (rc == 0 && x->format->split_member != NULL)
		rc = embeddings_explain(x, &inputs, err);
	if (rc == 0) {
		line(out, "key", x->key_hex);
		line(out, "canonical", canonical->data);
	}
	if (inputs.len > 0)
		buf_append(out, inputs.data, inputs.len);
	buf_fini(&inputs);
	return rc;
}

static int
explain(struct exchange *x, const struct conf *conf, const char *body,
    size_t body_len, struct buf *out, struct err *err)
{
	struct buf canonical;
	int rc = -1;

	x->format = wire_format_for_path(x->request.path);
	if (x->format->body == WIRE_BODY_ANY) {
		line(out, "format", x->format->name);
		line(out, "cacheable",
		    "no: the path is none that is cached; passed through");
		return 0;
	}
	buf_init(&x->body, body_len + 1);
	buf_init(&canonical, CANONICAL_MAX);
	if (buf_append(&x->body, body, body_len) == -1) {
		err_set(err, ERR_MEMORY, "out of memory");
	} else if (question_judge(x, &canonical, err) == -1) {
		/* err says it */
	} else if ((x->upstream = upstream_select(conf, x->facts.model)) ==
	    NULL) {
		err_set(err, ERR_NO_UPSTREAM,
		    "no upstream is configured for the model '%s'",
		    x->facts.model);
	} else {
		rc = 0;
		put_question(x, conf, out);
		if (x->facts.verdict == WIRE_STORABLE)
			rc = put_key(x, &canonical, out, err);
	}
	buf_fini(&canonical);
	buf_fini(&x->body);
	return rc;
}

int
gateway_explain(const struct conf *conf, char *const *envp, const char *body,
    size_t body_len, struct buf *out, struct err *err)
{
	struct gateway gateway = {.conf = conf};
	struct http_conn conn = {.envp = envp};
	struct exchange x = {.gateway = &gateway, .conn = &conn};
	int rc;

	cache_asked_init(&x.facts.asked);
	rc = http_request_parse(&x.request, envp, conf->server.base_path, err);
	if (rc == 0)
		rc = key_headers_split(&gateway.key_headers,
		    conf->cache.key_headers, err);
	if (rc == 0) {
		identity_read(&x);
		rc = explain(&x, conf, body, body_len, out, err);
	}
	key_headers_fini(&gateway.key_headers);
	http_request_fini(&x.request);
	return rc;
}
