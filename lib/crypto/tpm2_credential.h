/* SPDX-License-Identifier: Apache-2.0 */
/* TPM2_MakeCredential without a TPM: a secret that only the TPM with this endorsement key gives
 * back, and only while a key of this Name is in it. Layer: crypto. Thread: any. Sections are those
 * of the TPM 2.0 Library specification. */
#ifndef MRL_CRYPTO_TPM2_CREDENTIAL_H
#define MRL_CRYPTO_TPM2_CREDENTIAL_H

#include "base/secret.h"
#include "crypto/tpm2_public.h"

enum {
    MRL_TPM2_ID_OBJECT_MAX = 2 + 2 + MRL_TPM2_DIGEST_MAX + 2 + MRL_TPM2_DIGEST_MAX,
    MRL_TPM2_ENCRYPTED_SECRET_MAX = 2 + 512,
};

struct mrl_tpm2_credential {
    size_t id_object_len, secret_len;
    uint8_t id_object[MRL_TPM2_ID_OBJECT_MAX];     /* TPM2B_ID_OBJECT */
    uint8_t secret[MRL_TPM2_ENCRYPTED_SECRET_MAX]; /* TPM2B_ENCRYPTED_SECRET */
};
/* Part 1, 24. ek: RSA or ECC storage key (AES in CFB mode); secret is no longer than the digest of
 * its nameAlg (MRL_ERR_INVALID). MRL_ERR_UNSUPPORTED: no such storage key; otherwise as
 * mrl_tpm2_public_key. */
mrl_err mrl_tpm2_credential_make(const struct mrl_tpm2_public *ek, const struct mrl_tpm2_name *ak,
                                 mrl_bytes secret, struct mrl_tpm2_credential *out,
                                 struct mrl_why *why);

/* What it is made with, for tests of their own. label without its NUL, which belongs to it. */
/* Part 1, 11.4.10.2. Writes len bytes (at most MRL_TPM2_DIGEST_MAX). */
mrl_err mrl_tpm2_kdfa(uint16_t hash, mrl_bytes key, const char *label, mrl_bytes context,
                      size_t len, uint8_t *out);
/* Part 1, 11.4.10.3: at most one digest long. */
mrl_err mrl_tpm2_kdfe(uint16_t hash, mrl_bytes z, const char *label, mrl_bytes party_u,
                      mrl_bytes party_v, size_t len, uint8_t *out);

#endif
