#include "cache/names.h"

#include "base/text.h"

#include <stdio.h>
#include <string.h>

enum {
	PLAIN_MAX = NAMES_SPACE - 1,
	PREFIX_BYTES = 24,
	TAG_BYTES = 8 /* of the digest */
};

static const char plain_bytes[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";

_Static_assert(PREFIX_BYTES + 1 + 2 * TAG_BYTES < NAMES_SPACE, "room");
/* "r1:" space ":" key ":" generation ":" a number of up to 10 digits */
_Static_assert(3 + PLAIN_MAX + 1 + 2 * CACHE_KEY_BYTES + 1 +
    2 * ENTRY_GENERATION_BYTES + 1 + 10 < NAMES_BYTES, "room");
/* The same with ":f" id ":" a number; the lock's name is shorter. */
_Static_assert(3 + PLAIN_MAX + 1 + 2 * CACHE_KEY_BYTES + 2 +
    2 * FLIGHT_ID_BYTES + 1 + 10 < NAMES_BYTES, "room");

int
names_space(char out[NAMES_SPACE], const char *ns)
{
	size_t len = strlen(ns), i;
	uint8_t digest[DIGEST_BYTES];

	if (len <= PLAIN_MAX && ns[strspn(ns, plain_bytes)] == '\0') {
		memcpy(out, ns, len + 1);
		return 0;
	}
	if (digest_sha256(ns, len, digest) == -1)
		return -1;
	for (i = 0; i < PREFIX_BYTES && i < len; i++)
		out[i] = strchr(plain_bytes, ns[i]) != NULL ? ns[i] : '_';
	out[i++] = '~';
	text_hex(digest, TAG_BYTES, out + i);
	return 0;
}

void
names_manifest(char out[NAMES_BYTES], const char *space,
    const uint8_t key[CACHE_KEY_BYTES])
{
	char hex[2 * CACHE_KEY_BYTES + 1];

	text_hex(key, CACHE_KEY_BYTES, hex);
	snprintf(out, NAMES_BYTES, "r1:%s:%s", space, hex);
}

void
names_chunk(char out[NAMES_BYTES], const char *manifest,
    const uint8_t generation[ENTRY_GENERATION_BYTES], uint32_t n)
{
	char hex[2 * ENTRY_GENERATION_BYTES + 1];

	text_hex(generation, ENTRY_GENERATION_BYTES, hex);
	snprintf(out, NAMES_BYTES, "%s:%s:%u", manifest, hex, n);
}

void
names_epoch(char out[NAMES_BYTES], const char *space)
{
	snprintf(out, NAMES_BYTES, "r1:%s:epoch", space);
}

void
names_lock(char out[NAMES_BYTES], const char *manifest,
    const uint8_t epoch[ENTRY_EPOCH_BYTES], unsigned version)
{
	char hex[2 * ENTRY_EPOCH_BYTES + 1];

	text_hex(epoch, ENTRY_EPOCH_BYTES, hex);
	snprintf(out, NAMES_BYTES, "%s:e%s:v%u:lock", manifest, hex, version);
}

void
names_flight(char out[NAMES_BYTES], const char *manifest,
    const uint8_t id[FLIGHT_ID_BYTES], const char *what)
{
	char hex[2 * FLIGHT_ID_BYTES + 1];

	text_hex(id, FLIGHT_ID_BYTES, hex);
	snprintf(out, NAMES_BYTES, "%s:f%s:%s", manifest, hex, what);
}

void
names_segment(char out[NAMES_BYTES], const char *manifest,
    const uint8_t id[FLIGHT_ID_BYTES], uint32_t n)
{
	char number[11];

	snprintf(number, sizeof(number), "%u", n);
	names_flight(out, manifest, id, number);
}
