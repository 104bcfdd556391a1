/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the age format share. Layer: crypto, internal. */
#ifndef MRL_CRYPTO_AGE_INTERNAL_H
#define MRL_CRYPTO_AGE_INTERNAL_H

#include "base/buf.h"
#include "crypto/age.h"
#include "crypto/hash.h"

#define AGE_VERSION "age-encryption.org/v1"

enum {
    AGE_FILE_KEY = 16,
    AGE_NONCE = 16,
    AGE_TAG = 16,
    AGE_WRAPPED = AGE_FILE_KEY + AGE_TAG,
    AGE_SEALED_CHUNK = MRL_AGE_CHUNK + AGE_TAG,
};

/* ChaCha20-Poly1305 without associated data. to has room for the tag, or for in without it; what
 * could not be opened leaves zeros. MRL_ERR_CRYPTO. */
mrl_err mrl_age_seal(const struct mrl_secret *key, const uint8_t nonce[static 12], mrl_bytes in,
                     uint8_t *to);
mrl_err mrl_age_open(const struct mrl_secret *key, const uint8_t nonce[static 12], mrl_bytes in,
                     uint8_t *to);

/* The secret of the scalar and the point; MRL_ERR_CRYPTO for points of low order (RFC 7748 6.1). */
mrl_err mrl_age_x25519(const struct mrl_secret *scalar, const uint8_t point[static MRL_AGE_KEY],
                       struct mrl_secret **out);
/* The key that wraps the file key: both sides know share, recipient and the common secret. */
mrl_err mrl_age_wrap_key(const struct mrl_secret *shared, const uint8_t share[static MRL_AGE_KEY],
                         const struct mrl_age_recipient *r, struct mrl_secret **out);

/* The header, from its first line to the end of its MAC. */
mrl_err mrl_age_header_write(const struct mrl_secret *file_key,
                             const struct mrl_age_recipient *recipients, size_t count,
                             struct mrl_buf *out);
/* Errors as mrl_age_read. Gives the file key. */
mrl_err mrl_age_header_open(mrl_bytes header, const struct mrl_secret *identity,
                            struct mrl_secret **file_key);

mrl_err mrl_age_payload_key(const struct mrl_secret *file_key, mrl_bytes nonce,
                            struct mrl_secret **out);
/* The nonce of chunk number n: eleven bytes of counter and the mark of the last one. */
void mrl_age_chunk_nonce(uint64_t n, bool last, uint8_t out[static 12]);

#endif
