/* SPDX-License-Identifier: Apache-2.0 */
/* What every answer with a certificate says besides it: when to renew it. Layer: onboarding.
 * Thread: any. */
#ifndef MRL_ONBOARDING_OFFER_H
#define MRL_ONBOARDING_OFFER_H

#include "issuing/renewals.h"
#include "onboarding/enrol.h"

struct mrl_offer {
    struct mrl_window window;
    uint64_t grace_s; /* so long past its end it still renews itself */
};
/* Of a certificate in DER. device: empty when it is the one that the certificate names.
 * MRL_ERR_NOT_FOUND: nothing is offered, and a device renews without it, too. */
mrl_err mrl_offer_of(const struct mrl_onboarding *o, mrl_bytes device, mrl_bytes certificate,
                     struct mrl_offer *out);

#endif
