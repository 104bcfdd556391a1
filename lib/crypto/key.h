/* SPDX-License-Identifier: Apache-2.0 */
/* Asymmetric keys. Layer: crypto. Thread: any; a key does not change once made, so several threads
 * may use one as long as its owner lives. Inputs are borrowed, *out is given. OpenSSL's error queue
 * is as before the call, whatever happens. */
#ifndef MRL_CRYPTO_KEY_H
#define MRL_CRYPTO_KEY_H

#include "base/buf.h"
#include "base/bytes.h"
#include "base/err.h"
#include "base/secret.h"

struct mrl_key;                       /* private (and public), or public only */
void mrl_key_free(struct mrl_key *k); /* wipes the private part; NULL is fine */
MRL_AUTO_DEFINE(mrl_key);

enum mrl_key_type { MRL_KEY_P256, MRL_KEY_P384, MRL_KEY_ED25519, MRL_KEY_RSA };
enum mrl_sign_alg {
    MRL_SIGN_ECDSA_SHA256, /* DER: SEQUENCE of r and s, RFC 5758 3.2 */
    MRL_SIGN_ECDSA_SHA384,
    MRL_SIGN_ECDSA_SHA512,
    MRL_SIGN_ED25519,    /* RFC 8032, pure */
    MRL_SIGN_RSA_SHA256, /* PKCS#1 v1.5, RFC 4055 5 */
    MRL_SIGN_RSA_SHA384,
    MRL_SIGN_RSA_SHA512,
};
enum {
    MRL_RSA_LEAST_BITS = 2048,
    MRL_RSA_MOST_BITS = 4096, /* a peer's key must not be a way to burn our time */
    MRL_KEY_ID_SIZE = 20,
    MRL_KEY_SPKI_MAX = 2048, /* bytes of SubjectPublicKeyInfo; MRL_ERR_LIMIT above */
};

/* P-256, P-384 or Ed25519 (RSA: MRL_ERR_UNSUPPORTED). MRL_ERR_CRYPTO for ever when the random
 * source failed its start-up check, which is made once per process. */
mrl_err mrl_key_generate(enum mrl_key_type type, struct mrl_key **out, struct mrl_why *why);

enum mrl_key_type mrl_key_type(const struct mrl_key *k);
const char *mrl_key_type_name(enum mrl_key_type type); /* "P-256", "P-384", "Ed25519", "RSA" */
unsigned mrl_key_bits(const struct mrl_key *k);        /* 256, 384, 256, size of the modulus */
bool mrl_key_is_private(const struct mrl_key *k);
bool mrl_key_public_eq(const struct mrl_key *a, const struct mrl_key *b);

/* The algorithm mrl_key_sign uses: SHA-256 for P-256 and RSA, SHA-384 for P-384. */
enum mrl_sign_alg mrl_key_algorithm(const struct mrl_key *k);
/* Appends the signature. MRL_ERR_STATE: no private part. */
mrl_err mrl_key_sign(const struct mrl_key *k, mrl_bytes data, struct mrl_buf *out);
/* MRL_OK: signed by k. MRL_ERR_CRYPTO: not, or alg does not fit the type of k. */
mrl_err mrl_key_verify(const struct mrl_key *k, enum mrl_sign_alg alg, mrl_bytes data,
                       mrl_bytes signature);

/* SubjectPublicKeyInfo DER, the whole of it. Appends to out. */
mrl_err mrl_key_to_spki(const struct mrl_key *k, struct mrl_buf *out);
/* Accepts P-256 and P-384 (uncompressed point, on the curve, RFC 5480 2.2), Ed25519 (RFC 8410) and
 * RSA of MRL_RSA_LEAST_BITS to MRL_RSA_MOST_BITS with an odd exponent from 65537 to 2^32-1.
 * MRL_ERR_UNSUPPORTED: another algorithm, curve, point form or a weak RSA key; MRL_ERR_MALFORMED:
 * not DER, a point off the curve, trailing bytes. why names the reason for a person. */
mrl_err mrl_key_from_spki(mrl_bytes der, struct mrl_key **out, struct mrl_why *why);

/* Names a public key: SHA-1 over its bits, RFC 5280 4.2.1.2 (1). MRL_ERR_MALFORMED: no SPKI. */
mrl_err mrl_spki_key_id(mrl_bytes spki, uint8_t out[static MRL_KEY_ID_SIZE]);

/* The modulus of an RSA key, big-endian without leading zeros; a view of spki. MRL_ERR_NOT_FOUND:
 * this is no RSA key. */
mrl_err mrl_spki_modulus(mrl_bytes spki, mrl_bytes *out);

/* A key whose private part is in hardware. sign appends the signature in the form of
 * mrl_key_algorithm: over data, which for ECDSA is its digest already. It must not call back. */
struct mrl_key_holder {
    mrl_err (*sign)(void *context, mrl_bytes data, struct mrl_buf *out);
    void *context; /* borrowed for the life of the key */
};
/* Not RSA (MRL_ERR_UNSUPPORTED). Errors as mrl_key_from_spki. */
mrl_err mrl_key_held(mrl_bytes spki, const struct mrl_key_holder *holder, struct mrl_key **out,
                     struct mrl_why *why);

/* PKCS#8 PrivateKeyInfo DER (RFC 5958), only ever inside a secret. MRL_ERR_STATE: no private part
 * is here. */
mrl_err mrl_key_to_pkcs8(const struct mrl_key *k, struct mrl_secret **out);
/* The same types as mrl_key_from_spki. MRL_ERR_MALFORMED, MRL_ERR_UNSUPPORTED. */
mrl_err mrl_key_from_pkcs8(mrl_bytes der, struct mrl_key **out);
/* PEM "PRIVATE KEY" (passphrase empty: for a file of mode 0600) or "ENCRYPTED PRIVATE KEY" (PBES2,
 * AES-256-CBC, scrypt n=2^14 r=8 p=5: what every OpenSSL reads without options). */
/* Of a key in a chip it is what key_outside.h was given. */
mrl_err mrl_key_to_pem(const struct mrl_key *k, mrl_bytes passphrase, struct mrl_secret **out);
/* Reads both forms and "EC PRIVATE KEY" from a file of the operator. MRL_ERR_AUTH: encrypted, and
 * the passphrase is missing or wrong. */
mrl_err mrl_key_from_pem(mrl_bytes pem, mrl_bytes passphrase, struct mrl_key **out);

/* OpenSSL's object behind k, for lib/net only. Borrowed: lives as long as k. */
struct evp_pkey_st;
struct evp_pkey_st *mrl_key_native(const struct mrl_key *k);

#endif
