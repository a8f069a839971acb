/*
 * reprise check: is everything there that the handler will need, in plain
 * words, one line each.
 */
#include "cmd.h"

#include "gateway/gateway.h"
#include "ops/access_log.h"
#include "upstream/upstream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void
say(bool *well, bool ok, const char *what, const char *detail)
{
	printf("%-6s %s%s%s\n", ok ? "ok" : "FAILED", what,
	    *detail != '\0' ? ": " : "", detail);
	if (!ok)
		*well = false;
}

/* Write, read back and remove a value as large as a chunk may be. */
static const char *
try_server(struct store *store, size_t server, size_t chunk_bytes)
{
	struct store_value value = {.name = "r1:check"};
	enum store_result result;
	const char *trouble = "";
	char group[64], *data = calloc(1, chunk_bytes);
	bool same;

	if (data == NULL || store_server_group(store, server, group,
	    sizeof(group)) == -1) {
		free(data);
		return "memory is short";
	}
	result = store_set(store, group, value.name, data, chunk_bytes, 60);
	if (result == STORE_REFUSED)
		trouble = "it refuses values of cache.chunk bytes: start it "
		    "with a larger -I, or lower cache.chunk";
	else if (result != STORE_OK)
		trouble = "it does not answer";
	if (result == STORE_OK) {
		store_get(store, group, &value, 1, chunk_bytes);
		same = value.result == STORE_OK && value.len == chunk_bytes;
		free(value.data);
		store_remove(store, group, value.name);
		if (!same)
			trouble = "it did not give back what was stored";
	}
	free(data);
	return trouble;
}

static void
check_store(const struct conf *conf, bool *well)
{
	struct err err = ERR_INIT;
	struct cache *cache = gateway_open_cache(conf, &err);
	struct store *store;
	char label[256], what[300];
	const char *trouble;
	size_t i;

	if (cache == NULL) {
		say(well, false, "memcached", err.text);
		return;
	}
	store = cache_store(cache);
	for (i = 0; i < store_server_count(store); i++) {
		store_server_label(store, i, label, sizeof(label));
		snprintf(what, sizeof(what), "memcached %s", label);
		trouble = try_server(store, i, (size_t)conf->cache.chunk_bytes);
		say(well, *trouble == '\0', what, trouble);
	}
	cache_free(cache);
}

static int
note_status(void *arg, int status, const struct http_headers *headers)
{
	(void)headers;
	*(int *)arg = status;
	return 0;
}

static int
ignore_data(void *arg, const char *bytes, size_t len)
{
	(void)arg;
	(void)bytes;
	(void)len;
	return 0;
}

/* What an unhappy status probably means. */
static const char *
remark(const struct conf_upstream *u, int status)
{
	if (status == 404)
		return " (is url the part before /v1?)";
	if (status != 401 && status != 403)
		return "";
	return u->credential != NULL ? " (is the key right?)" :
	    " (without a credential, as expected)";
}

/* Any HTTP answer shows that it is there; what it says is told. */
static void
check_upstream(struct upstream_pool *pool, const struct conf_upstream *u,
    bool *well)
{
	struct http_headers headers;
	struct upstream_request request = {
	    .upstream = u,
	    .method = "GET",
	    .path = "/v1/models",
	    .headers = &headers,
	    .body = "",
	    .watch_fd = -1,
	};
	struct upstream_report report;
	struct err err = ERR_INIT;
	int status = 0;
	struct upstream_sink sink = {
	    .head = note_status, .data = ignore_data, .arg = &status};
	char what[512], detail[400];

	http_headers_init(&headers);
	snprintf(what, sizeof(what), "upstream %s at %s", u->name, u->url);
	if (upstream_perform(pool, &request, &sink, &report, &err) == -1 &&
	    status == 0)
		snprintf(detail, sizeof(detail), "%s", err.text);
	else
		snprintf(detail, sizeof(detail),
		    "GET /v1/models answers %d%s", status, remark(u, status));
	say(well, status != 0 && !(u->credential != NULL && status == 401),
	    what, detail);
	http_headers_fini(&headers);
}

/* Which sections of the same models share the work. */
static void
tell_group(void *arg, const struct upstream_group *group)
{
	const struct conf_upstream *u = group->member[0];
	size_t i;

	(void)arg;
	if (group->count == 1 && u->priority != 0)
		printf("%-6s upstream %s: priority has no effect on %.*s: no "
		    "other section lists just that\n", "note", u->name,
		    (int)group->glob_len, group->glob);
	if (group->count == 1)
		return;
	printf("%-6s group of %.*s:", "ok", (int)group->glob_len, group->glob);
	for (i = 0; i < group->count; i++) {
		u = group->member[i];
		printf("%s %s%s", i > 0 ? "," : "", u->name,
		    upstream_group_is_fallback(group, u) ?
		    " (a fallback)" : "");
	}
	putchar('\n');
}

static void
check_upstreams(const struct conf *conf, bool *well)
{
	struct upstream_pool *pool;
	struct err err = ERR_INIT;
	size_t i;

	if (conf->n_upstreams == 0)
		say(well, false, "upstreams",
		    "none is configured: add a section [upstream NAME] with "
		    "url = https://...");
	upstream_each_group(conf, tell_group, NULL);
	if (upstream_load(&err) == -1) {
		say(well, false, "libcurl", err.text);
		return;
	}
	pool = upstream_pool_new();
	if (pool == NULL)
		say(well, false, "upstreams", "memory is short");
	for (i = 0; pool != NULL && i < conf->n_upstreams; i++)
		check_upstream(pool, &conf->upstreams[i], well);
	upstream_pool_free(pool);
}

static void
check_log(const struct conf *conf, bool *well)
{
	struct err err = ERR_INIT;
	bool fine = access_log_check(conf->server.log, &err) == 0;

	say(well, fine, "access records", fine ? conf->server.log : err.text);
}

int
cmd_check(const struct conf *conf, int argc, char **argv)
{
	bool well = true;

	(void)argv;
	if (argc != 1)
		return 2;
	say(&well, true, "configuration",
	    conf->path != NULL ? conf->path : "built-in values");
	check_log(conf, &well);
	check_store(conf, &well);
	check_upstreams(conf, &well);
	return well ? 0 : 1;
}
