/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/http/est_offer.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/clock.h"
#include "onboarding/offer.h"
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
    struct mrl_offer offer;
    char text[96];

    if (mrl_offer_of(o, MRL_BYTES_NONE, certificate, &offer) != MRL_OK)
        return;
    (void)snprintf(text, sizeof(text), "start=%" PRId64 ", end=%" PRId64 ", grace=%" PRIu64,
                   offer.window.start, offer.window.end, offer.grace_s); /* fits: three numbers */
    mrl_exchange_set_header(x, "Merlon-Renewal", mrl_str(text));
}
