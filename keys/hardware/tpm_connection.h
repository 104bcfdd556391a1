/* SPDX-License-Identifier: Apache-2.0 */
/* A TPM 2.0 as it is used here: one storage key, one session, one object. Layer: keys,
 * merlon-unlock. Thread: one owner.
 *
 * Sessions are salted by the storage key and encrypt the first parameter, so that what is sealed
 * or unsealed cannot be read on the bus; the name of the storage key is compared with that of the
 * day when it was sealed, so nobody on the bus can put an own key in its place. */
#ifndef MRL_KEYS_HARDWARE_TPM_CONNECTION_H
#define MRL_KEYS_HARDWARE_TPM_CONNECTION_H

#include <tss2/tss2_esys.h>

#include "keys/hardware/pcrs.h"

struct mrl_tpm {
    TSS2_TCTI_CONTEXT *tcti; /* all owned, what was loaded into the TPM too */
    ESYS_CONTEXT *esys;
    ESYS_TR storage;
    ESYS_TR session;
    ESYS_TR object;
};
#define MRL_TPM_NONE ((struct mrl_tpm){NULL, NULL, ESYS_TR_NONE, ESYS_TR_NONE, ESYS_TR_NONE})

/* Connects and makes the storage key. MRL_ERR_NOT_FOUND: no TPM there, or it may not be opened. */
mrl_err mrl_tpm_connect(mrl_bytes tcti, struct mrl_tpm *out, struct mrl_why *why);
void mrl_tpm_done(struct mrl_tpm *t);

struct mrl_tpm_name {
    uint16_t len; /* 0: could not be made */
    uint8_t bytes[sizeof(TPMU_NAME)];
};
mrl_err mrl_tpm_storage_name(const struct mrl_tpm *t, struct mrl_tpm_name *out,
                             struct mrl_why *why);
/* Of a key under the endorsement seed, which TPM2_Clear leaves as it is. */
void mrl_tpm_endorsement_name(struct mrl_tpm *t, struct mrl_tpm_name *out);

/* t->session; ends the one before. */
mrl_err mrl_tpm_begin_session(struct mrl_tpm *t, TPM2_SE type, struct mrl_why *why);
void mrl_tpm_end_session(struct mrl_tpm *t);
/* What must hold to unseal, into t->session: the command, the PCRs as they are now, the PIN. */
mrl_err mrl_tpm_apply_policy(struct mrl_tpm *t, const struct mrl_pcrs *pcrs, bool pin,
                             struct mrl_why *why);
/* MRL_ERR_INVALID: the TPM has no such bank, so a binding to it would be none. */
mrl_err mrl_tpm_check_pcrs(struct mrl_tpm *t, const struct mrl_pcrs *pcrs, struct mrl_why *why);

/* The code without what says which session or parameter it is about. */
TSS2_RC mrl_tpm_code(TSS2_RC rc);
mrl_err mrl_tpm_fail(const char *doing, TSS2_RC rc, struct mrl_why *why);

#endif
