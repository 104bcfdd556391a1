/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/schedule.h"

bool mrl_schedule_next(const struct mrl_schedule *s, struct mrl_due *out)
{
    unsigned client = s->member + s->turn * s->members;
    double place;

    if (client >= s->clients)
        return false;
    place = (double)s->round * s->clients + client;
    *out = (struct mrl_due){client, s->start_ns + (uint64_t)(place * 1e9 / s->rate)};
    return true;
}

void mrl_schedule_done(struct mrl_schedule *s)
{
    s->turn++;
    if (s->member + s->turn * s->members < s->clients)
        return;
    s->turn = 0;
    s->round++;
}
