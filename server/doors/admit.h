/* SPDX-License-Identifier: Apache-2.0 */
/* A place among the enrolments that wait (onboarding/admission.h), whatever carries them: one
 * decision and one sentence for all doors. Layer: doors. Thread: any. */
#ifndef MRL_DOORS_ADMIT_H
#define MRL_DOORS_ADMIT_H

#include "net/address.h"
#include "onboarding/admission.h"

struct mrl_place {
    struct mrl_admission *of; /* NULL: none is held */
    struct mrl_prefix source;
};
struct mrl_deferral {
    bool of_source;  /* only this source has no place: 429 rather than 503 */
    unsigned wait_s; /* come again in so many seconds */
    char why[96];
};

/* true: *out is held until mrl_place_leave. false: *deferral says when to come again. Without an
 * admission (NULL) there is always room. */
bool mrl_place_take(struct mrl_admission *a, const struct mrl_peer *peer, struct mrl_place *out,
                    struct mrl_deferral *deferral);
/* The place that was taken for that peer. */
struct mrl_place mrl_place_of(struct mrl_admission *a, const struct mrl_peer *peer);
/* Once counts; none held is fine. */
void mrl_place_leave(struct mrl_place *p);

#endif
