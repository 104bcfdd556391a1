/* SPDX-License-Identifier: Apache-2.0 */
/* The TPM 2.0 of this machine: the device's key in it, and the proof of that. Layer: device.
 * Thread: one; blocks. Each call connects and leaves nothing in the TPM. tcti: how to reach it,
 * such as "device:/dev/tpmrm0". A build without a TPM has functions that say so.
 *
 * MRL_ERR_IO: there is no TPM there, or it could not do it; why names it. */
#ifndef MRL_AGENT_CHIP_H
#define MRL_AGENT_CHIP_H

#include "base/secret.h"
#include "crypto/key.h"

/* A P-256 key that only signs, under the storage key of the owner hierarchy; nothing of it stays in
 * the TPM. mrl_key_to_pem gives the text that finds it again (chip_key.h). Gives *out. */
mrl_err mrl_chip_key_make(const char *tcti, struct mrl_key **out, struct mrl_why *why);
/* The same from that text, or from one that holds more. */
mrl_err mrl_chip_key_open(const char *tcti, mrl_bytes pem, struct mrl_key **out,
                          struct mrl_why *why);

struct mrl_chip_claim {
    struct mrl_buf ek_certificate; /* DER, as the maker put it into the TPM */
    struct mrl_buf ek_public;      /* TPM2B_PUBLIC */
    struct mrl_buf ak_public;      /* TPM2B_PUBLIC */
};
void mrl_chip_claim_done(struct mrl_chip_claim *c);
mrl_err mrl_chip_claim(const char *tcti, struct mrl_chip_claim *out, struct mrl_why *why);

struct mrl_chip_challenge {
    mrl_bytes credential_blob;  /* TPM2B_ID_OBJECT */
    mrl_bytes encrypted_secret; /* TPM2B_ENCRYPTED_SECRET */
    mrl_bytes nonce;
};
struct mrl_chip_proof {
    struct mrl_secret *secret;
    struct mrl_buf key_public; /* TPM2B_PUBLIC */
    struct mrl_buf attest;     /* TPMS_ATTEST */
    struct mrl_buf signature;  /* TPMT_SIGNATURE */
};
void mrl_chip_proof_done(struct mrl_chip_proof *p);
/* key is one of mrl_chip_key_make or _open. */
mrl_err mrl_chip_prove(const char *tcti, const struct mrl_key *key,
                       const struct mrl_chip_challenge *challenge, struct mrl_chip_proof *out,
                       struct mrl_why *why);

#endif
