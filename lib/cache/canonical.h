/*
 * The canonical form of a JSON request body: what two requests must share
 * to be the same question.
 */
#ifndef CACHE_CANONICAL_H
#define CACHE_CANONICAL_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "wire/format.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CACHE_MODEL_MAX = 128 };

/* What the cache knows of a request body: a pure function of its bytes. */
struct cache_body {
	enum wire_verdict verdict; /* WIRE_STORABLE, or why it has no key */
	bool malformed;            /* not JSON at all: the caller's 400 */
	char why[96];              /* what is malformed or odd, in words */
	/*
	 * What routing needs. Of an odd body as far as it can be made out:
	 * the last of two "model" keys counts, and nothing is known of one
	 * that nests too deeply.
	 */
	bool stream;               /* it asks for a stream */
	char model[CACHE_MODEL_MAX]; /* "" when it names none or a longer one */
	uint8_t digest[DIGEST_BYTES]; /* of the canonical form, if STORABLE */
};

/*
 * Read a body and digest its canonical form: object keys sorted at every
 * level, white space gone, array order kept, escapes and numbers in one
 * spelling with 1 and 1.0 apart. "stream" is taken out and becomes a
 * dimension of the key when it is a boolean or null (any other value stays
 * in); "stream_options" counts only when streaming. All else is in,
 * known or not.
 *
 * Never canonicalised, with the verdict saying why: duplicate keys,
 * integers beyond 64 bits, reals that a double cannot hold to 17 digits
 * (overflow, underflow, more digits), "-0", invalid UTF-8 or lone
 * surrogates, a byte order mark, NUL in a key, more than 512 levels of
 * nesting, values enough to take 128 MB as a tree (WIRE_MEMORY), not an
 * object, or not what the format requires. malformed is set only for text
 * that is no JSON.
 *
 * canonical, when not NULL, gets the canonical text appended (for
 * `reprise key`). 0, or -1 only when memory is short or canonical is full.
 * Any thread.
 *
 * A program linked with this ends (SIGABRT) when Jansson finds no memory,
 * whoever uses Jansson: version 2.14 would go on with a damaged text.
 */
int cache_body_read(struct cache_body *out, const char *body, size_t len,
    const struct wire_format *format, struct buf *canonical);

#endif
