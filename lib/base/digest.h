/*
 * SHA-256 (FIPS 180-4) and random bytes, by OpenSSL's libcrypto.
 * The only module that knows libcrypto.
 */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DIGEST_BYTES = 32 };

struct digest; /* a hash in progress */

/*
 * Begin a hash. NULL when memory is short. End with digest_finish or
 * digest_free. A struct digest serves one thread at a time.
 */
struct digest *digest_new(void);

/* Feed len bytes. Failures are kept and reported by digest_finish. */
void digest_update(struct digest *d, const void *bytes, size_t len);

/*
 * Feed one field of a record: its length as eight bytes, the least first,
 * then its bytes, so that no two lists of fields feed the same stream.
 */
void digest_field(struct digest *d, const void *bytes, size_t len);

/*
 * End a hash: its 32 bytes go to out, and d is freed. 0, or -1 when any
 * step failed (out is then all zero).
 */
int digest_finish(struct digest *d, uint8_t out[DIGEST_BYTES]);

/* Give a hash up. d may be NULL. */
void digest_free(struct digest *d);

/* SHA-256 of one block. 0 or -1 as digest_finish. Any thread. */
int digest_sha256(const void *bytes, size_t len, uint8_t out[DIGEST_BYTES]);

/*
 * Compare len bytes in a time that does not depend on where they differ.
 * Any thread.
 */
bool digest_equal(const void *a, const void *b, size_t len);

/*
 * Fill out with len bytes nobody can guess. 0, or -1 when the system gives
 * none. Any thread.
 */
int digest_random(void *out, size_t len);

#endif
