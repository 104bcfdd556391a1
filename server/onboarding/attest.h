/* SPDX-License-Identifier: Apache-2.0 */
/* Hardware proof: a device shows, in two steps of one connection, that the key of its request is in
 * a TPM 2.0 of a maker we trust. Layer: onboarding. Thread: [service], blocks.
 *
 * begin: the certificate of the endorsement key (EK) leads to a maker's root and is for the EK that
 * is really used; the attestation key (AK) has the attributes of one that signs only what its TPM
 * made. The answer is a secret that only that TPM gives back, and only with that AK in it. finish:
 * the secret, and the AK's word for the key of the request. Then the enrolment goes on as every
 * other one. */
#ifndef MRL_ONBOARDING_ATTEST_H
#define MRL_ONBOARDING_ATTEST_H

#include "crypto/tpm2_credential.h"
#include "onboarding/enrol.h"

enum {
    MRL_ATTEST_ID_TEXT = 32,  /* hex digits */
    MRL_ATTEST_SECRET = 32,   /* bytes */
    MRL_ATTEST_NONCE = 32,    /* bytes */
    MRL_ATTEST_CHAIN_MAX = 8, /* CA certificates a device may send along */
    MRL_ATTEST_OPEN = 4096,   /* challenges, for open_max */
};

struct mrl_attest;
/* Borrows onboarding; takes roots, on failure too: with none, every proof is refused. open_max:
 * challenges that may wait for an answer. */
mrl_err mrl_attest_new(struct mrl_onboarding *onboarding, struct mrl_cert_list *roots,
                       uint64_t life_s, unsigned open_max, struct mrl_attest **out);
void mrl_attest_free(struct mrl_attest *a); /* NULL is fine */
MRL_AUTO_DEFINE(mrl_attest);

struct mrl_attest_claim {
    mrl_bytes ek_certificate; /* DER */
    mrl_bytes ek_chain[MRL_ATTEST_CHAIN_MAX];
    size_t ek_chain_count;
    mrl_bytes ek_public; /* TPM2B_PUBLIC */
    mrl_bytes ak_public; /* TPM2B_PUBLIC */
};
struct mrl_attest_challenge {
    char id[MRL_ATTEST_ID_TEXT + 1];
    struct mrl_tpm2_credential credential;
    uint8_t nonce[MRL_ATTEST_NONCE]; /* qualifyingData of TPM2_Certify */
    uint64_t life_s;
};
/* For a device that a token, its certificate or that of its maker admit, on a connection with a
 * channel binding. A device has one open challenge, the last. */
enum mrl_enrol_refusal mrl_attest_begin(struct mrl_attest *a, const struct mrl_enrolment *e,
                                        const struct mrl_attest_claim *claim,
                                        struct mrl_attest_challenge *out, struct mrl_why *why);

struct mrl_attest_answer {
    mrl_bytes challenge; /* id */
    mrl_bytes secret;
    mrl_bytes key_public; /* TPM2B_PUBLIC of the key of the request */
    mrl_bytes attest;     /* TPMS_ATTEST */
    mrl_bytes signature;  /* TPMT_SIGNATURE */
};
/* A challenge is gone with the first answer, good or not. The certificate's DER is appended to
 * der. */
enum mrl_enrol_refusal mrl_attest_finish(struct mrl_attest *a, const struct mrl_enrolment *e,
                                         const struct mrl_attest_answer *answer,
                                         struct mrl_buf *der, struct mrl_why *why);

#endif
