/*
 * The key of an entry: 256 bits over everything that makes an answer
 * somebody's answer to something.
 */
#ifndef CACHE_KEY_H
#define CACHE_KEY_H

#include "base/digest.h"
#include "base/text.h"
#include "cache/canonical.h"

enum {
	CACHE_KEY_BYTES = DIGEST_BYTES,
	CACHE_KEY_HEX = 2 * CACHE_KEY_BYTES + 1
};

struct cache_key_parts {
	const char *method;
	const char *path;          /* below the base path */
	const char *query;         /* raw, or NULL */
	const char *upstream_name; /* of the section that serves the model */
	const char *upstream_url;
	const char *namespace;     /* as asked for */
	/*
	 * The callers who may share it: a digest of the credential, or NULL
	 * for scope = shared.
	 */
	const uint8_t *scope;      /* DIGEST_BYTES, or NULL */
	const struct text_pair *headers; /* those that change the answer,
					    names in lower case, any order */
	size_t n_headers;
	const struct cache_body *body;
};

/* Compute a key. 0, or -1 when hashing failed. Any thread. */
int cache_key(uint8_t key[CACHE_KEY_BYTES],
    const struct cache_key_parts *parts);

/*
 * Whether a namespace may be asked for: 1 to CACHE_NAMESPACE_MAX bytes,
 * all printable ASCII without blanks. Any thread.
 */
bool cache_namespace_ok(const char *ns);

#endif
