/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/admit.h"

#include <stdio.h>

static mrl_bytes key_of(const struct mrl_place *p)
{
    return mrl_bytes_of(p->source.bytes, sizeof(p->source.bytes));
}

struct mrl_place mrl_place_of(struct mrl_admission *a, const struct mrl_peer *peer)
{
    struct mrl_place p = {.of = a};

    mrl_peer_prefix(peer, MRL_PREFIX_IPV4_BITS, MRL_PREFIX_IPV6_BITS, &p.source);
    return p;
}

static void explain(enum mrl_admission_verdict verdict, struct mrl_deferral *d)
{
    d->of_source = verdict == MRL_ADMISSION_SOURCE_FULL;
    (void)snprintf(d->why, sizeof(d->why), "too many enrolments%s wait; come again in %u s",
                   d->of_source ? " from this address" : "", d->wait_s); /* fits: one number */
}

bool mrl_place_take(struct mrl_admission *a, const struct mrl_peer *peer, struct mrl_place *out,
                    struct mrl_deferral *deferral)
{
    struct mrl_place place = mrl_place_of(a, peer);
    enum mrl_admission_verdict verdict = MRL_ADMITTED;

    if (a != NULL)
        verdict = mrl_admission_enter(a, key_of(&place), &deferral->wait_s);
    if (verdict == MRL_ADMITTED)
        *out = place;
    else
        explain(verdict, deferral);
    return verdict == MRL_ADMITTED;
}

void mrl_place_leave(struct mrl_place *p)
{
    if (p->of != NULL)
        mrl_admission_leave(p->of, key_of(p));
    p->of = NULL;
}
