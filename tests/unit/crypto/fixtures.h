/* SPDX-License-Identifier: Apache-2.0 */
/* What several tests of lib/crypto need: a small hierarchy of our own making, and requests as a
 * stranger's OpenSSL makes them. Every function fails the running test when it cannot. */
#ifndef MRL_TESTS_CRYPTO_FIXTURES_H
#define MRL_TESTS_CRYPTO_FIXTURES_H

#include <openssl/ec.h>
#include <openssl/evp.h>

#include "crypto/cert_build.h"
#include "crypto/csr.h"
#include "tests/unit/unit.h"

#define FIXTURE_NOW INT64_C(1800000000) /* 2027-01-15 */
enum { DAY = 86400 };

struct mrl_key *make_key(enum mrl_key_type type);
/* A device by default; the caller changes what it wants. */
struct mrl_cert_profile make_profile(enum mrl_cert_kind kind, const char *cn);
/* The SPKI of subject_key goes into the certificate. */
struct mrl_cert *issue(struct mrl_cert_profile profile, const struct mrl_key *subject_key,
                       const struct mrl_cert *issuer, const struct mrl_key *issuer_key);

/* root -> issuing */
struct hierarchy {
    struct mrl_key *root_key, *issuing_key;
    struct mrl_cert_list roots, intermediates;
};
void hierarchy_new(struct hierarchy *h, enum mrl_key_type type);
void hierarchy_done(struct hierarchy *h);
static inline struct mrl_cert *root_of(const struct hierarchy *h)
{
    return h->roots.certs[0];
}
static inline struct mrl_cert *issuing_of(const struct hierarchy *h)
{
    return h->intermediates.certs[0];
}

/* CN "stranger", signed with digest (NULL for EdDSA); takes pkey. Appends DER. */
void foreign_csr(EVP_PKEY *pkey, const char *digest, struct mrl_buf *out);
EVP_PKEY *foreign_rsa(unsigned bits, unsigned exponent);

/* Copies, flips the lowest bit of byte `at`. */
void flipped(mrl_bytes from, size_t at, struct mrl_buf *out);

#endif
