/* SPDX-License-Identifier: Apache-2.0 */
#include "main/attestation.h"

#include "export/files.h"

mrl_err mrl_attestation_of_config(const struct mrl_config *c, struct mrl_onboarding *onboarding,
                                  struct mrl_attest **out, struct mrl_why *why)
{
    MRL_SCOPED(mrl_cert_list) roots = {0};

    for (size_t i = 0; i < c->attestation.ek_roots.count; i++)
        MRL_TRY(mrl_export_read_certificates(&c->attestation.ek_roots.at[i], &roots, why));
    return mrl_attest_new(onboarding, &roots, c->attestation.challenge_life_s, MRL_ATTEST_OPEN,
                          out);
}
