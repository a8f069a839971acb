#include "cache/key.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/*
 * The first field of every key. Change it with anything that changes what
 * a key means, and no older entry is found any more.
 */
static const char key_version[] = "reprise key 2";

static void
put_flag(struct digest *d, bool flag)
{
	uint8_t byte = flag ? 1 : 0;

	digest_update(d, &byte, sizeof(byte));
}

/* A value that may be absent, which is not the same as empty. */
static void
put_bytes(struct digest *d, const void *bytes, size_t len)
{
	put_flag(d, bytes != NULL);
	if (bytes != NULL)
		digest_field(d, bytes, len);
}

static void
put_string(struct digest *d, const char *s)
{
	put_bytes(d, s, s == NULL ? 0 : strlen(s));
}

static unsigned char
lower(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
}

/* The order of two strings, NULL first; header names ignore case. */
static int
compare(const char *a, const char *b, bool is_name)
{
	unsigned char x, y;

	if (a == NULL || b == NULL)
		return (a != NULL) - (b != NULL);
	do {
		x = is_name ? lower(*a) : (unsigned char)*a;
		y = is_name ? lower(*b) : (unsigned char)*b;
		a++;
		b++;
	} while (x == y && x != '\0');
	return x - y;
}

static int
compare_headers(const void *a, const void *b)
{
	const struct text_pair *x = a, *y = b;
	int order = compare(x->name, y->name, true);

	return order != 0 ? order : compare(x->value, y->value, false);
}

/* A header's name in lower case, ended by a NUL, which no name holds. */
static void
put_name(struct digest *d, const char *name)
{
	unsigned char chunk[64];
	size_t n = 0;

	for (; name != NULL && *name != '\0'; name++) {
		chunk[n++] = lower(*name);
		if (n == sizeof(chunk)) {
			digest_update(d, chunk, n);
			n = 0;
		}
	}
	digest_update(d, chunk, n);
	put_flag(d, false);
}

static int
put_headers(struct digest *d, const struct text_pair *headers, size_t n)
{
	struct text_pair *sorted = calloc(n + 1, sizeof(*sorted));
	size_t i;

	if (sorted == NULL)
		return -1;
	if (n > 0)
		memcpy(sorted, headers, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), compare_headers);
	for (i = 0; i < n; i++) {
		put_flag(d, true); /* another one follows */
		put_name(d, sorted[i].name);
		put_string(d, sorted[i].value);
	}
	put_flag(d, false);
	free(sorted);
	return 0;
}

int
cache_key(uint8_t key[CACHE_KEY_BYTES], const struct cache_key_parts *parts)
{
	struct digest *d;

	memset(key, 0, CACHE_KEY_BYTES);
	/* A body that was never made canonical has no digest to go by. */
	if (parts->body->verdict != WIRE_STORABLE || parts->body->malformed)
		return -1;
	d = digest_new();
	if (d == NULL)
		return -1;
	put_string(d, key_version);
	put_string(d, parts->method);
	put_string(d, parts->path);
	put_string(d, parts->query);
	put_string(d, parts->upstream_name);
	put_string(d, parts->upstream_url);
	put_string(d, parts->namespace);
	put_bytes(d, parts->scope, DIGEST_BYTES);
	if (put_headers(d, parts->headers, parts->n_headers) == -1) {
		digest_free(d);
		return -1;
	}
	put_flag(d, parts->body->stream);
	put_bytes(d, parts->body->has_options ? parts->body->options : NULL,
	    DIGEST_BYTES);
	put_bytes(d, parts->body->digest, DIGEST_BYTES);
	return digest_finish(d, key);
}

bool
cache_namespace_ok(const char *ns)
{
	size_t i;

	for (i = 0; ns[i] != '\0'; i++) {
		if (ns[i] <= ' ' || ns[i] > '~' || i >= CACHE_NAMESPACE_MAX)
			return false;
	}
	return i > 0;
}
