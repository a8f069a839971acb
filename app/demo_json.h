/*
 * Writing and reading JSON in demo-upstream.
 */
#ifndef DEMO_JSON_H
#define DEMO_JSON_H

#include "base/buf.h"

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Append s as a JSON string, characters beyond ASCII as they are; what is
 * not UTF-8 becomes "". Any thread, like all here.
 */
void demo_put_text(struct buf *out, const char *s, size_t len);

/* Append a value as compact JSON; NULL as null. */
void demo_put_value(struct buf *out, const json_t *value);

/* Append bytes in base64 (RFC 4648 section 4), without quotes. */
void demo_put_base64(struct buf *out, const void *bytes, size_t len);

/* A member that is a positive integer, or otherwise. */
uint64_t demo_json_number(const json_t *body, const char *name,
    uint64_t otherwise);

#endif
