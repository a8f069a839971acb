#include "cmd.h"

#include "gateway/gateway.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int
purge(struct cache *cache, const char *ns, const char *hex, struct err *err)
{
	uint8_t key[CACHE_KEY_BYTES];
	int found;

	if (hex == NULL) {
		if (cache_purge_namespace(cache, ns, err) == -1)
			return 1;
		printf("purged the namespace %s\n", ns);
		return 0;
	}
	if (text_unhex(hex, key, sizeof(key)) == -1) {
		err_set(err, ERR_BAD_REQUEST, "a key is %d hex digits",
		    CACHE_KEY_HEX - 1);
		return 1;
	}
	found = cache_purge_key(cache, ns, key, err);
	if (found == -1)
		return 1;
	printf(found ? "purged the entry\n" : "there was no such entry\n");
	return 0;
}

int
cmd_purge(const struct conf *conf, int argc, char **argv)
{
	const char *ns = conf->cache.namespace, *hex = NULL;
	struct err err = ERR_INIT;
	struct cache *cache;
	int c, status = 1;

	while ((c = getopt(argc, argv, "n:k:")) != -1) {
		if (c == 'n')
			ns = optarg;
		else if (c == 'k')
			hex = optarg;
		else
			return 2;
	}
	if (optind != argc || !cache_namespace_ok(ns))
		return 2;
	cache = gateway_open_cache(conf, &err);
	if (cache != NULL)
		status = purge(cache, ns, hex, &err);
	if (err.code != ERR_NONE)
		fprintf(stderr, "reprise: %s\n", err.text);
	cache_free(cache);
	return status;
}
