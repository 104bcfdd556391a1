/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/http/est_admit.h"

#include <stdio.h>

#include "doors/admit.h"
#include "doors/http/est.h"

static void leave(struct mrl_exchange *x, void *context)
{
    struct mrl_place place = mrl_place_of(context, mrl_exchange_peer(x));

    mrl_place_leave(&place);
}

static void set_retry_after(struct mrl_exchange *x, unsigned wait_s)
{
    char text[16];

    (void)snprintf(text, sizeof(text), "%u", wait_s); /* fits: one number */
    mrl_exchange_set_header(x, "Retry-After", mrl_str(text));
}

bool mrl_est_admit(struct mrl_exchange *x)
{
    const struct mrl_est *est = mrl_exchange_context(x);
    struct mrl_admission *a = est->onboarding->admission;
    struct mrl_deferral deferral;
    struct mrl_place place;

    if (mrl_place_take(a, mrl_exchange_peer(x), &place, &deferral)) {
        mrl_exchange_at_end(x, leave, a);
        return true;
    }
    mrl_count(est->metrics, est->index, MRL_COUNTER_ENROL_DEFERRED);
    mrl_exchange_fail(x, deferral.of_source ? 429 : 503, "%s\n", deferral.why);
    set_retry_after(x, deferral.wait_s);
    mrl_exchange_send(x);
    return false;
}

void mrl_est_come_later(struct mrl_exchange *x)
{
    const struct mrl_est *est = mrl_exchange_context(x);

    set_retry_after(x, mrl_admission_later(est->onboarding->admission));
}
