/*
 * The canonical form of a JSON request body: what two requests must share
 * to be the same question.
 */
#ifndef CACHE_CANONICAL_H
#define CACHE_CANONICAL_H

#include "base/buf.h"
#include "base/digest.h"
#include "base/err.h"
#include "cache/asked.h"
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
	struct cache_asked asked;  /* what its "cache" object says */
	size_t cut_at, cut_len;    /* bytes of that object, not to be sent on */
	/*
	 * The rest is there if STORABLE. digest: of the canonical form
	 * without stream and stream_options, which are dimensions of the key
	 * beside it; rest: of that without the format's split_member.
	 */
	uint8_t digest[DIGEST_BYTES];
	uint8_t rest[DIGEST_BYTES];
	bool has_options;          /* it streams, with stream_options */
	uint8_t options[DIGEST_BYTES]; /* of their canonical form */
	bool usage_asked;          /* stream_options.include_usage is true */
	bool options_odd;          /* they ask for more than that */
};

/*
 * Read a body and digest its canonical form: object keys sorted at every
 * level, white space gone, array order kept, escapes and numbers in one
 * spelling with 1 and 1.0 apart. "stream" is taken out and becomes a
 * dimension of the key when it is a boolean or null (any other value stays
 * in); "stream_options" becomes one when streaming, and else does not count.
 * An object "cache" is for this program and taken out. All else is in, known
 * or not.
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

/*
 * The same question in the other mode: a stream of a body that asks for
 * none (usage: with stream_options {"include_usage":true}), or JSON where it
 * asks for a stream. 0, or -1 when hashing failed. Any thread.
 */
int cache_body_twin(struct cache_body *twin, const struct cache_body *body,
    bool usage);

#endif
