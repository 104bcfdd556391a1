/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates of endorsement keys: what a maker of TPMs says about one of them. TCG EK Credential
 * Profile for TPM Family 2.0, 3.2. Layer: crypto. Thread: any. */
#ifndef MRL_CRYPTO_TPM2_EK_H
#define MRL_CRYPTO_TPM2_EK_H

#include "crypto/cert.h"

enum { MRL_TPM2_EK_TEXT_MAX = 64 };

/* As the certificate has them, clean text; "" when longer than that or not clean. */
struct mrl_tpm2_ek {
    char maker[MRL_TPM2_EK_TEXT_MAX + 1];   /* "id:49465800" */
    char model[MRL_TPM2_EK_TEXT_MAX + 1];   /* "SLB9670" */
    char version[MRL_TPM2_EK_TEXT_MAX + 1]; /* "id:00070055" */
};
/* MRL_ERR_INVALID with a sentence: not the certificate of an endorsement key, because it lacks
 * tcg-kp-EKCertificate (2.23.133.8.1) in its extendedKeyUsage, is that of a CA, or has no maker,
 * model and version of a TPM in its subjectAltName. The chain is for mrl_cert_verify_chain with
 * MRL_PURPOSE_ANY. */
mrl_err mrl_tpm2_ek_read(const struct mrl_cert *c, struct mrl_tpm2_ek *out, struct mrl_why *why);

#endif
