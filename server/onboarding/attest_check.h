/* SPDX-License-Identifier: Apache-2.0 */
/* Is this a TPM, and is the key in it? The judgement of hardware proofs, without challenges and
 * store. Layer: onboarding. Thread: any. */
#ifndef MRL_ONBOARDING_ATTEST_CHECK_H
#define MRL_ONBOARDING_ATTEST_CHECK_H

#include "crypto/tpm2_attest.h"
#include "crypto/tpm2_ek.h"
#include "onboarding/attest.h"

enum { MRL_ATTEST_SIGNERS = 3 };

/* What was found good in a claim. */
struct mrl_attest_tpm {
    struct mrl_tpm2_public ek_public; /* views into the claim */
    uint8_t ek[MRL_SHA256_SIZE];      /* SHA-256 of the EK's SubjectPublicKeyInfo */
    struct mrl_tpm2_ek names;         /* of the maker */
    struct mrl_key *ak;               /* owned */
    struct mrl_tpm2_name ak_name;
    /* How the AK may call itself: as child of the EK, or as primary key of the endorsement or the
     * owner hierarchy. */
    struct mrl_tpm2_name signers[MRL_ATTEST_SIGNERS];
};
/* MRL_ERR_MALFORMED: not readable; MRL_ERR_DENIED: not what it must be. Both with a sentence. */
mrl_err mrl_attest_check_tpm(const struct mrl_attest_claim *claim,
                             const struct mrl_cert_list *roots, int64_t now,
                             struct mrl_attest_tpm *out, struct mrl_why *why);
void mrl_attest_tpm_done(struct mrl_attest_tpm *t);

/* The AK of t certified the key whose SubjectPublicKeyInfo is spki, for this nonce. Errors as
 * above. */
mrl_err mrl_attest_check_key(const struct mrl_attest_tpm *t, const struct mrl_attest_answer *answer,
                             mrl_bytes nonce, mrl_bytes spki, struct mrl_why *why);

#endif
