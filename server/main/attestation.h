/* SPDX-License-Identifier: Apache-2.0 */
/* Hardware proof as the configuration wants it. Layer: main. Thread: main. */
#ifndef MRL_MAIN_ATTESTATION_H
#define MRL_MAIN_ATTESTATION_H

#include "main/config.h"
#include "onboarding/attest.h"

/* Reads the makers' roots. Borrows onboarding. MRL_ERR_INVALID: a file that cannot be read or holds
 * no certificate. Gives *out. */
mrl_err mrl_attestation_of_config(const struct mrl_config *c, struct mrl_onboarding *onboarding,
                                  struct mrl_attest **out, struct mrl_why *why);

#endif
