/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/offer.h"

mrl_err mrl_offer_of(const struct mrl_onboarding *o, mrl_bytes device, mrl_bytes certificate,
                     struct mrl_offer *out)
{
    MRL_AUTO(mrl_cert) cert = NULL;
    struct mrl_renewal_asks asks = {0};
    const struct mrl_cert_facts *f;

    MRL_ENSURE(o->renewals != NULL, MRL_ERR_NOT_FOUND);
    MRL_ENSURE(mrl_cert_from_der(certificate, &cert) == MRL_OK, MRL_ERR_NOT_FOUND);
    f = mrl_cert_facts(cert);
    asks.device = device.len > 0 ? device : f->cn;
    asks.fingerprint = mrl_fingerprint_bytes(&f->fingerprint);
    asks.not_before = f->not_before;
    asks.not_after = f->not_after;
    MRL_ENSURE(mrl_renewals_window(o->renewals, &asks, &out->window) == MRL_OK, MRL_ERR_NOT_FOUND);
    out->grace_s = o->grace_s;
    return MRL_OK;
}
