/* SPDX-License-Identifier: Apache-2.0 */
/* Digests, message authentication and key derivation. Layer: crypto. Thread: any; a struct
 * mrl_sha256 has one owner. Inputs are borrowed for the call. Every function fails only with
 * MRL_ERR_CRYPTO (OpenSSL could not do it, e.g. out of memory), except where named, and leaves
 * nothing in OpenSSL's error queue. */
#ifndef MRL_CRYPTO_HASH_H
#define MRL_CRYPTO_HASH_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"

enum { MRL_SHA256_SIZE = 32, MRL_SHA1_SIZE = 20 };

mrl_err mrl_sha256(mrl_bytes data, uint8_t out[static MRL_SHA256_SIZE]);
/* Of the parts one after another. Nothing is allocated after the first call of a thread: for many
 * short inputs. */
mrl_err mrl_sha256_parts(const mrl_bytes *parts, size_t count, uint8_t out[static MRL_SHA256_SIZE]);
/* To name a key (RFC 5280 4.2.1.2 method 1), and where a WebSocket handshake wants it (RFC
 * 6455 1.3): never to protect anything. */
mrl_err mrl_sha1_key_id(mrl_bytes data, uint8_t out[static MRL_SHA1_SIZE]);

/* SHA-256 in pieces. */
struct mrl_sha256;
mrl_err mrl_sha256_new(struct mrl_sha256 **out); /* gives */
void mrl_sha256_free(struct mrl_sha256 *h);      /* NULL is fine */
MRL_AUTO_DEFINE(mrl_sha256);
mrl_err mrl_sha256_add(struct mrl_sha256 *h, mrl_bytes data);
/* The digest of all added; afterwards h is as new. */
mrl_err mrl_sha256_end(struct mrl_sha256 *h, uint8_t out[static MRL_SHA256_SIZE]);

/* RFC 2104. Compare results with mrl_secret_eq only. */
mrl_err mrl_hmac_sha256(mrl_bytes key, mrl_bytes data, uint8_t out[static MRL_SHA256_SIZE]);
/* RFC 5869, extract and expand; salt and info may be empty. len in 1..8160 (MRL_ERR_INVALID
 * otherwise). Gives *out. */
mrl_err mrl_hkdf_sha256(mrl_bytes secret, mrl_bytes salt, mrl_bytes info, size_t len,
                        struct mrl_secret **out);

/* RFC 7914. Memory needed is 128 * n * r bytes. */
struct mrl_scrypt_cost {
    uint32_t n; /* a power of two above 1 */
    uint32_t r;
    uint32_t p;
};
/* For pass phrases people choose: 64 MiB, about 0.2 s. */
#define MRL_SCRYPT_DEFAULT ((struct mrl_scrypt_cost){.n = 1 << 16, .r = 8, .p = 1})
/* MRL_ERR_LIMIT: cost above 256 MiB or p above 16, so that a parameter read from a file cannot
 * exhaust the machine; MRL_ERR_INVALID: impossible parameters or len not in 16..64. Gives *out. */
mrl_err mrl_scrypt(mrl_bytes passphrase, mrl_bytes salt, struct mrl_scrypt_cost cost, size_t len,
                   struct mrl_secret **out);

/* The name of a certificate everywhere in Merlon: SHA-256 over its DER. */
struct mrl_fingerprint {
    uint8_t bytes[MRL_SHA256_SIZE];
};
mrl_err mrl_fingerprint_of(mrl_bytes cert_der, struct mrl_fingerprint *out);
static inline mrl_bytes mrl_fingerprint_bytes(const struct mrl_fingerprint *f)
{
    return mrl_bytes_of(f->bytes, sizeof(f->bytes));
}

#endif
