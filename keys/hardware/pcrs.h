/* SPDX-License-Identifier: Apache-2.0 */
/* A choice of platform configuration registers, written as tpm2-tools do: "sha256:7,11".
 * Layer: keys, merlon-unlock. */
#ifndef MRL_KEYS_HARDWARE_PCRS_H
#define MRL_KEYS_HARDWARE_PCRS_H

#include "base/bytes.h"
#include "base/err.h"

enum {
    MRL_PCR_SHA256 = 0x000b, /* TPM 2.0 part 2, 6.3: TPM_ALG_ID */
    MRL_PCR_SHA384 = 0x000c,
    MRL_PCR_LAST = 23,
    MRL_PCR_MOST = 8, /* what one TPM2_PCR_Read gives, by which the choice is checked */
};

struct mrl_pcrs {
    uint16_t bank; /* one of the above; 0 exactly when none is chosen */
    uint32_t mask; /* bit n: PCR n */
};

bool mrl_pcrs_valid(const struct mrl_pcrs *p);
/* Empty text: none. MRL_ERR_INVALID: another bank (SHA-1 is too weak), no such PCR, one named
 * twice, or more than MRL_PCR_MOST. */
mrl_err mrl_pcrs_read(mrl_bytes text, struct mrl_pcrs *out, struct mrl_why *why);

#endif
