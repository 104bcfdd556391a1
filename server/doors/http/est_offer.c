/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/http/est_offer.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "wire/http1_date.h"

void mrl_est_offer_time(struct mrl_exchange *x)
{
    char text[24];

    (void)snprintf(text, sizeof(text), "%" PRId64, mrl_wall_s()); /* fits: one number */
    mrl_exchange_set_header(x, "Merlon-Time", mrl_str(text));
}

int64_t mrl_est_skew(const struct mrl_exchange *x)
{
    mrl_bytes value;
    int64_t date;

    if (!mrl_exchange_header(x, "Date", &value) || mrl_http_date_read(value, &date) != MRL_OK)
        return 0;
    return date - mrl_wall_s();
}

void mrl_est_offer_renewal(struct mrl_exchange *x, const struct mrl_onboarding *o,
                           mrl_bytes certificate)
{
    MRL_AUTO(mrl_cert) cert = NULL;
    const struct mrl_cert_facts *f;
    struct mrl_renewal_asks asks = {0};
    struct mrl_window w;
    char text[96];

    if (mrl_cert_from_der(certificate, &cert) != MRL_OK)
        return;
    f = mrl_cert_facts(cert);
    asks.device = f->cn;
    asks.fingerprint = mrl_fingerprint_bytes(&f->fingerprint);
    asks.not_before = f->not_before;
    asks.not_after = f->not_after;
    if (mrl_renewals_window(o->renewals, &asks, &w) != MRL_OK)
        return; /* a device renews without it, too */
    (void)snprintf(text, sizeof(text), "start=%" PRId64 ", end=%" PRId64 ", grace=%" PRIu64,
                   w.start, w.end, o->grace_s); /* fits: three numbers */
    mrl_exchange_set_header(x, "Merlon-Renewal", mrl_str(text));
}
