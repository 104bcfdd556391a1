/* SPDX-License-Identifier: Apache-2.0 */
/* AES-256-GCM (NIST SP 800-38D). Layer: crypto. Thread: any.
 * Keys are secrets of exactly MRL_AEAD_KEY bytes, else MRL_ERR_INVALID. Sealed bytes are the
 * ciphertext followed by the 16-byte tag; aad is authenticated, not stored. Inputs are borrowed
 * and must not overlap the output. Opening what was not sealed under the same key, nonce and aad
 * is MRL_ERR_CRYPTO, and no byte of unauthenticated plaintext is left anywhere. */
#ifndef MRL_CRYPTO_AEAD_H
#define MRL_CRYPTO_AEAD_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"

enum {
    MRL_AEAD_KEY = 32,
    MRL_AEAD_NONCE = 12,
    MRL_AEAD_TAG = 16,
    MRL_AEAD_LARGEST = 1 << 30, /* bytes of plaintext or aad; MRL_ERR_LIMIT above */
};

/* The caller guarantees that a nonce is never used twice with one key. Appends to out. */
mrl_err mrl_aead_seal(const struct mrl_secret *key, const uint8_t nonce[static MRL_AEAD_NONCE],
                      mrl_bytes aad, mrl_bytes plain, struct mrl_buf *out);
/* Appends the plaintext to out; out is unchanged on failure. MRL_ERR_MALFORMED: shorter than a tag.
 */
mrl_err mrl_aead_open(const struct mrl_secret *key, const uint8_t nonce[static MRL_AEAD_NONCE],
                      mrl_bytes aad, mrl_bytes sealed, struct mrl_buf *out);
/* The same for plaintext that is itself secret: it never touches ordinary memory. Gives *out. */
mrl_err mrl_aead_open_secret(const struct mrl_secret *key,
                             const uint8_t nonce[static MRL_AEAD_NONCE], mrl_bytes aad,
                             mrl_bytes sealed, struct mrl_secret **out);

/* A key that is used often: OpenSSL's expanded form of it is kept, in ordinary memory that is wiped
 * on free, and used by any number of threads at once. Nonces, limits and errors as above. */
struct mrl_aead;
/* Copies key. Gives *out. */
mrl_err mrl_aead_new(const struct mrl_secret *key, struct mrl_aead **out);
void mrl_aead_free(struct mrl_aead *a); /* NULL is fine */
MRL_AUTO_DEFINE(mrl_aead);
mrl_err mrl_aead_seal_with(struct mrl_aead *a, const uint8_t nonce[static MRL_AEAD_NONCE],
                           mrl_bytes aad, mrl_bytes plain, struct mrl_buf *out);
mrl_err mrl_aead_open_with(struct mrl_aead *a, const uint8_t nonce[static MRL_AEAD_NONCE],
                           mrl_bytes aad, mrl_bytes sealed, struct mrl_buf *out);
mrl_err mrl_aead_open_secret_with(struct mrl_aead *a, const uint8_t nonce[static MRL_AEAD_NONCE],
                                  mrl_bytes aad, mrl_bytes sealed, struct mrl_secret **out);

/* Envelope: a format byte, a random nonce, sealed bytes. For keys used rarely, such as a keystore
 * file: with random nonces one key may seal at most 2^32 envelopes (NIST SP 800-38D 8.3).
 * MRL_ENVELOPE_OVERHEAD bytes longer than the plaintext. The format byte is authenticated. */
enum { MRL_ENVELOPE_OVERHEAD = 1 + MRL_AEAD_NONCE + MRL_AEAD_TAG };
mrl_err mrl_envelope_seal(const struct mrl_secret *key, mrl_bytes aad, mrl_bytes plain,
                          struct mrl_buf *out);
/* MRL_ERR_MALFORMED: too short or of an unknown format. Gives *out. */
mrl_err mrl_envelope_open(const struct mrl_secret *key, mrl_bytes aad, mrl_bytes sealed,
                          struct mrl_secret **out);

#endif
