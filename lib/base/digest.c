#include "base/digest.h"

#include "base/little_endian.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

struct digest {
	EVP_MD_CTX *ctx;
	bool failed;
};

/*
 * OpenSSL 3 looks EVP_sha256() up anew for every digest, under locks that all
 * threads share. Written once, by fetch; kept to the end of the process.
 */
static pthread_once_t once = PTHREAD_ONCE_INIT;
static EVP_MD *fetched;

static void
fetch(void)
{
	fetched = EVP_MD_fetch(NULL, "SHA2-256", NULL);
}

static const EVP_MD *
sha256(void)
{
	pthread_once(&once, fetch);
	return fetched != NULL ? fetched : EVP_sha256();
}

struct digest *
digest_new(void)
{
	struct digest *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->ctx = EVP_MD_CTX_new();
	if (d->ctx == NULL ||
	    EVP_DigestInit_ex(d->ctx, sha256(), NULL) != 1) {
		digest_free(d);
		return NULL;
	}
	return d;
}

void
digest_update(struct digest *d, const void *bytes, size_t len)
{
	if (len > 0 && EVP_DigestUpdate(d->ctx, bytes, len) != 1)
		d->failed = true;
}

void
digest_field(struct digest *d, const void *bytes, size_t len)
{
	uint8_t prefix[8];

	put_le(prefix, len, sizeof(prefix));
	digest_update(d, prefix, sizeof(prefix));
	digest_update(d, bytes, len);
}

int
digest_finish(struct digest *d, uint8_t out[DIGEST_BYTES])
{
	bool failed = d->failed || EVP_DigestFinal_ex(d->ctx, out, NULL) != 1;

	digest_free(d);
	if (!failed)
		return 0;
	memset(out, 0, DIGEST_BYTES);
	return -1;
}

void
digest_free(struct digest *d)
{
	if (d == NULL)
		return;
	EVP_MD_CTX_free(d->ctx);
	free(d);
}

int
digest_sha256(const void *bytes, size_t len, uint8_t out[DIGEST_BYTES])
{
	if (EVP_Digest(bytes, len, out, NULL, sha256(), NULL) == 1)
		return 0;
	memset(out, 0, DIGEST_BYTES);
	return -1;
}

bool
digest_equal(const void *a, const void *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}

int
digest_random(void *out, size_t len)
{
	uint8_t *p = out;
	ssize_t n;

	while (len > 0) {
		n = getrandom(p, len, 0);
		if (n <= 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}
