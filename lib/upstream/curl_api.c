#include "upstream/curl_api.h"

#include "upstream/upstream.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define LIBRARY "libcurl.so.4"

/* CURLOPT_PROTOCOLS_STR came with 7.85.0. */
enum { OLDEST = 0x075500 };

struct symbol {
	const char *name;
	size_t offset;
};

#define CURL_API_SYMBOL(name) {"curl_" #name, offsetof(struct curl_api, name)},
static const struct symbol symbols[] = {
	CURL_API_FUNCTIONS(CURL_API_SYMBOL)
};
#undef CURL_API_SYMBOL

/* Written by open_once under its pthread_once, constant afterwards. */
static struct {
	pthread_once_t once;
	struct curl_api api;
	struct err err;
} loaded = {.once = PTHREAD_ONCE_INIT};

/* Whether a library, or one it was linked with, has a function. */
static bool
find(void *library, const char *name, size_t offset)
{
	void *address = dlsym(library, name);

	/* POSIX lets a function's address be kept in a void *. */
	memcpy((char *)&loaded.api + offset, &address, sizeof(address));
	return address != NULL;
}

static int
resolve(void *library)
{
	for (size_t i = 0; i < sizeof(symbols) / sizeof(symbols[0]); i++) {
		if (!find(library, symbols[i].name, symbols[i].offset))
			return err_set(&loaded.err, ERR_CONFIG,
			    LIBRARY " has no %s", symbols[i].name);
	}
	(void)find(library, "SSL_pending",
	    offsetof(struct curl_api, openssl_pending));
	(void)find(library, "gnutls_record_check_pending",
	    offsetof(struct curl_api, gnutls_pending));
	return 0;
}

/*
 * The library is never closed: libcurl's own threads (name resolution) and
 * OpenSSL's exit handlers may still run its code.
 */
static void
open_once(void)
{
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);

	if (library == NULL) {
		err_set(&loaded.err, ERR_CONFIG, "%s", dlerror());
		return;
	}
	if (resolve(library) != 0)
		return;
	if (loaded.api.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		err_set(&loaded.err, ERR_CONFIG,
		    LIBRARY " cannot be initialised");
	else if (loaded.api.version_info(CURLVERSION_NOW)->version_num <
	    OLDEST)
		err_set(&loaded.err, ERR_CONFIG,
		    LIBRARY " is too old: 7.85.0 is needed");
}

const struct curl_api *
curl_api_open(struct err *err)
{
	pthread_once(&loaded.once, open_once);
	if (loaded.err.code == ERR_NONE)
		return &loaded.api;
	err_set(err, loaded.err.code, "%s", loaded.err.text);
	return NULL;
}

int
upstream_load(struct err *err)
{
	return curl_api_open(err) == NULL ? -1 : 0;
}
