/* SPDX-License-Identifier: Apache-2.0 */
/* What the ways to enrol share. Layer: onboarding, internal. */
#ifndef MRL_ONBOARDING_ENROL_INTERNAL_H
#define MRL_ONBOARDING_ENROL_INTERNAL_H

#include "audit/actions.h"
#include "crypto/csr.h"
#include "onboarding/enrol.h"

/* Counts equal ones of a while as one entry. */
void mrl_enrol_note_refused(struct mrl_onboarding *o, const struct mrl_enrolment *e,
                            enum mrl_audit_action action, const char *reason);
/* challengePassword: MRL_ERR_INVALID when it is missing though a first request needs it, or is not
 * that of this connection. RFC 7030 3.5 */
mrl_err mrl_enrol_check_binding(const struct mrl_onboarding *o, const struct mrl_enrolment *e,
                                const struct mrl_csr_facts *facts, bool first, struct mrl_why *why);
/* RFC 7030 4.2.2: a name does not change. */
mrl_err mrl_enrol_check_name_change(const struct mrl_csr_facts *facts, struct mrl_why *why);
/* A first request may ask for our URI and for nothing else. */
mrl_err mrl_enrol_check_san(const struct mrl_onboarding *o, const struct mrl_enrolment *e,
                            const struct mrl_csr_facts *facts, struct mrl_why *why);

#endif
