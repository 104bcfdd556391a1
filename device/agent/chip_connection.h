/* SPDX-License-Identifier: Apache-2.0 */
/* A connection to the TPM, and the keys it makes from its seeds. Layer: device, internal. Thread:
 * one; blocks. */
#ifndef MRL_AGENT_CHIP_CONNECTION_H
#define MRL_AGENT_CHIP_CONNECTION_H

#include <tss2/tss2_esys.h>

#include "base/buf.h"
#include "base/err.h"

enum { MRL_CHIP_OBJECTS = 3 }; /* more than a TPM need have room for at once */

struct mrl_chip { /* all owned, what was loaded into the TPM too */
    TSS2_TCTI_CONTEXT *tcti;
    ESYS_CONTEXT *esys;
    ESYS_TR loaded[MRL_CHIP_OBJECTS];
    size_t count;
};
/* An empty struct is fine for done. */
mrl_err mrl_chip_connect(const char *tcti, struct mrl_chip *out, struct mrl_why *why);
void mrl_chip_done(struct mrl_chip *c);
/* Flushed by done, or with all others by clear. Gives handle back. */
ESYS_TR mrl_chip_loaded(struct mrl_chip *c, ESYS_TR handle);
void mrl_chip_clear(struct mrl_chip *c);
mrl_err mrl_chip_fail(const char *doing, TSS2_RC rc, struct mrl_why *why);

/* Made anew from the seed each time, and always the same. public_area may be NULL. */
mrl_err mrl_chip_storage_key(struct mrl_chip *c, ESYS_TR *out, struct mrl_why *why);
mrl_err mrl_chip_attestation_key(struct mrl_chip *c, ESYS_TR *out, struct mrl_buf *public_area,
                                 struct mrl_why *why);
/* The first EK that has a certificate in the TPM: RSA 2048, else P-256 (TCG EK Credential Profile
 * B.3.3, B.3.4). certificate may be NULL. */
mrl_err mrl_chip_endorsement_key(struct mrl_chip *c, ESYS_TR *out, struct mrl_buf *public_area,
                                 struct mrl_buf *certificate, struct mrl_why *why);
mrl_err mrl_chip_put_public(const TPM2B_PUBLIC *p, struct mrl_buf *out);

#endif
