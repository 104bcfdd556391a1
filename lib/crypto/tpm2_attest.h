/* SPDX-License-Identifier: Apache-2.0 */
/* What TPM2_Certify says about a key, and whether the attestation key said it. Layer: crypto.
 * Thread: any. Views live as long as the input. Sections are those of the TPM 2.0 Library
 * specification. */
#ifndef MRL_CRYPTO_TPM2_ATTEST_H
#define MRL_CRYPTO_TPM2_ATTEST_H

#include "crypto/tpm2_public.h"

enum {
    MRL_TPM2_ATTEST_MAX = 1024,   /* bytes of a TPMS_ATTEST; MRL_ERR_LIMIT above */
    MRL_TPM2_SIGNATURE_MAX = 1024 /* bytes of a TPMT_SIGNATURE; MRL_ERR_LIMIT above */
};

/* A TPMS_ATTEST of type TPM_ST_ATTEST_CERTIFY. Part 2, 10.12.12 */
struct mrl_tpm2_certified {
    mrl_bytes signer;    /* qualified Name of the key that signed */
    mrl_bytes extra;     /* qualifyingData of the caller */
    mrl_bytes name;      /* of the certified key */
    mrl_bytes qualified; /* its qualified Name */
};
/* One TPMS_ATTEST and nothing after it. MRL_ERR_MALFORMED: also a magic other than
 * TPM_GENERATED_VALUE; MRL_ERR_UNSUPPORTED: an attestation of something else. */
mrl_err mrl_tpm2_certified_read(mrl_bytes attest, struct mrl_tpm2_certified *out);

/* attest was signed by ak: TPMT_SIGNATURE of RSASSA or ECDSA with SHA-256, SHA-384 or SHA-512. Part
 * 2, 11.3.4. MRL_ERR_MALFORMED, MRL_ERR_UNSUPPORTED: the signature as such; MRL_ERR_CRYPTO: not by
 * this key. */
mrl_err mrl_tpm2_attest_verify(const struct mrl_key *ak, mrl_bytes attest, mrl_bytes signature);

#endif
