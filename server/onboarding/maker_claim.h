/* SPDX-License-Identifier: Apache-2.0 */
/* "This certificate is of that device": what a maker's certificate may claim, decided and written
 * in a transaction. Layer: onboarding. Thread: inside a transaction; [writer] inside a write job.
 *
 * - A key belongs to one device for ever, and a device has one key of a maker.
 * - A device that was made otherwise is out of reach, unless the rule is `listed` and the device is
 *   expected and never had a certificate: then an operator made it for this.
 * - Who was revoked needs an approval, whatever the rule says. Who is retired never comes back. */
#ifndef MRL_ONBOARDING_MAKER_CLAIM_H
#define MRL_ONBOARDING_MAKER_CLAIM_H

#include "access/policy.h"
#include "onboarding/approval.h"
#include "onboarding/maker.h"

struct mrl_maker_claim { /* borrowed */
    const struct mrl_maker_rule *maker;
    mrl_bytes device;
    const struct mrl_cert_facts *certificate; /* its path was verified */
    const struct mrl_actor *actor;            /* the device */
    bool first;     /* only who has no certificate yet: its certificate becomes its credential */
    mrl_bytes door; /* for the request of an approval */
};

struct mrl_maker_verdict {
    bool known;                       /* the key is that of the device already */
    bool asks;                        /* an approval is needed ... */
    enum mrl_approval_state approval; /* ... and stands like this */
};
/* Nothing is written. MRL_ERR_EXISTS: key or device are another's; MRL_ERR_DENIED: not listed, not
 * of this maker, or refused by an operator; MRL_ERR_STATE: the device may not enrol; MRL_ERR_LIMIT:
 * the maker has as many devices as it may. Each with a sentence. */
mrl_err mrl_maker_claim_judge(struct mrl_tx *tx, const struct mrl_maker_claim *c, int64_t now,
                              struct mrl_maker_verdict *out, struct mrl_why *why);
/* [writer] Judges again. A device that is not known is made (expected), its key is remembered, a
 * request for approval is written when one is needed. *waits: it is still to be approved, and that
 * is all; else an approval is used up and the caller goes on in the same job. Who calls this stages
 * and publishes the device. */
mrl_err mrl_maker_claim_tx(struct mrl_tx *tx, const struct mrl_maker_claim *c, int64_t now,
                           bool *waits, struct mrl_why *why);

/* For mrl_registry_also_on_revoke, whose shape it has. */
mrl_err mrl_maker_on_revoke(void *context, struct mrl_tx *tx, enum mrl_principal_kind kind,
                            mrl_bytes id, struct mrl_why *why);

#endif
