/*
 * Names in the store, and the namespace's part in them. Private to the
 * cache room.
 */
#ifndef CACHE_NAMES_H
#define CACHE_NAMES_H

#include "cache/entry.h"
#include "cache/key.h"

#include <stdint.h>

enum {
	NAMES_SPACE = 49,  /* bytes of a sanitised namespace, with its NUL */
	NAMES_BYTES = 176, /* bytes of the longest name, with its NUL */
	FLIGHT_ID_BYTES = 16
};

/*
 * Write what stands for ns in names. Plain ones (letters, digits, '.', '_',
 * '-', 48 bytes at most) stand for themselves; others are cut to 24 bytes
 * and told apart by a digest after a '~', which no plain one has. 0, or -1
 * when hashing failed. Any thread, like all below.
 */
int names_space(char out[NAMES_SPACE], const char *ns);

/* r1:<space>:<64 hex>, the manifest of a key and its group. */
void names_manifest(char out[NAMES_BYTES], const char *space,
    const uint8_t key[CACHE_KEY_BYTES]);

/* <manifest>:<generation>:<n>, a chunk. */
void names_chunk(char out[NAMES_BYTES], const char *manifest,
    const uint8_t generation[ENTRY_GENERATION_BYTES], uint32_t n);

/* r1:<space>:epoch. */
void names_epoch(char out[NAMES_BYTES], const char *space);

/*
 * <manifest>:e<epoch>:v<version>:lock, who leads the flight of a question;
 * version: of what flights keep in the store.
 */
void names_lock(char out[NAMES_BYTES], const char *manifest,
    const uint8_t epoch[ENTRY_EPOCH_BYTES], unsigned version);

/* <manifest>:f<id>:<what>, what being of 10 bytes at most. */
void names_flight(char out[NAMES_BYTES], const char *manifest,
    const uint8_t id[FLIGHT_ID_BYTES], const char *what);

/* <manifest>:f<id>:<n>, a segment of a flight. */
void names_segment(char out[NAMES_BYTES], const char *manifest,
    const uint8_t id[FLIGHT_ID_BYTES], uint32_t n);

#endif
