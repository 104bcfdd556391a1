/* SPDX-License-Identifier: Apache-2.0 */
/* What the ways to enrol share. Layer: onboarding, internal. */
#ifndef MRL_ONBOARDING_ENROL_INTERNAL_H
#define MRL_ONBOARDING_ENROL_INTERNAL_H

#include "crypto/csr.h"
#include "onboarding/enrol.h"

/* RFC 7030 4.2.2: a name does not change. */
mrl_err mrl_enrol_check_name_change(const struct mrl_csr_facts *facts, struct mrl_why *why);
/* A first request may ask for our URI and for nothing else. */
mrl_err mrl_enrol_check_san(const struct mrl_onboarding *o, const struct mrl_enrolment *e,
                            const struct mrl_csr_facts *facts, struct mrl_why *why);

#endif
