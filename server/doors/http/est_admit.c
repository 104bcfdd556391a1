/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/http/est_admit.h"

#include <stdio.h>

#include "doors/http/est.h"
#include "onboarding/admission.h"

static mrl_bytes source_of(const struct mrl_exchange *x, struct mrl_prefix *p)
{
    mrl_peer_prefix(mrl_exchange_peer(x), MRL_PREFIX_IPV4_BITS, MRL_PREFIX_IPV6_BITS, p);
    return mrl_bytes_of(p->bytes, sizeof(p->bytes));
}

static void leave(struct mrl_exchange *x, void *context)
{
    struct mrl_prefix p;

    mrl_admission_leave(context, source_of(x, &p));
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
    struct mrl_prefix p;
    unsigned wait_s = 0;
    enum mrl_admission_verdict verdict = mrl_admission_enter(a, source_of(x, &p), &wait_s);

    if (verdict == MRL_ADMITTED) {
        mrl_exchange_at_end(x, leave, a);
        return true;
    }
    mrl_count(est->metrics, est->index, MRL_COUNTER_ENROL_DEFERRED);
    if (verdict == MRL_ADMISSION_FULL)
        mrl_exchange_fail(x, 503, "too many enrolments wait; come again in %u s\n", wait_s);
    else
        mrl_exchange_fail(
            x, 429, "too many enrolments from this address wait; come again in %u s\n", wait_s);
    set_retry_after(x, wait_s);
    mrl_exchange_send(x);
    return false;
}

void mrl_est_come_later(struct mrl_exchange *x)
{
    const struct mrl_est *est = mrl_exchange_context(x);

    set_retry_after(x, mrl_admission_later(est->onboarding->admission));
}
