/* SPDX-License-Identifier: Apache-2.0 */
/* What a profile demands of a request and of the device behind it: decided here only, whatever the
 * device showed to say who it is. Layer: onboarding. Thread: as marked. */
#ifndef MRL_ONBOARDING_TERMS_H
#define MRL_ONBOARDING_TERMS_H

#include "crypto/csr.h"
#include "issuing/profile.h"
#include "onboarding/enrol.h"

/* The profile of a request: never NULL. Any thread. */
const struct mrl_profile *mrl_terms_profile(const struct mrl_onboarding *o,
                                            const struct mrl_enrolment *e);

/* challengePassword: the channel binding of this connection when it is there (RFC 7030 3.5), and
 * there when the profile demands it. first: not a renewal. Any thread. MRL_ERR_INVALID with why. */
mrl_err mrl_terms_check_binding(const struct mrl_profile *p, mrl_bytes binding,
                                const struct mrl_csr_facts *facts, bool first, struct mrl_why *why);
/* Is the key of a kind that the profile takes? Any thread. MRL_ERR_INVALID with why. */
mrl_err mrl_terms_check_key(const struct mrl_profile *p, const struct mrl_csr_facts *facts,
                            struct mrl_why *why);
/* [writer] May this device use the profile, by the group it is in now? MRL_ERR_DENIED with why;
 * MRL_ERR_NOT_FOUND: no such device. */
mrl_err mrl_terms_admit_tx(struct mrl_tx *tx, const struct mrl_profile *p, mrl_bytes device,
                           struct mrl_why *why);

#endif
