/* SPDX-License-Identifier: Apache-2.0 */
/* When which client does something: an open loop. The times are fixed before the first answer
 * comes, so a server that stalls does not slow down who asks it, and every wait is counted from the
 * time something should have happened. Layer: sim. Thread: one owner.
 *
 * All clients together keep an even rate and take turns. Process `member` of `members` has the
 * clients member, member + members, and so on. */
#ifndef MRL_SIM_SCHEDULE_H
#define MRL_SIM_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

struct mrl_schedule {
    uint64_t start_ns; /* monotonic */
    double rate;       /* of all clients together, per second; above 0 */
    unsigned clients;
    unsigned members, member;
    /* where it stands; 0 at first */
    uint64_t round;
    unsigned turn;
};

struct mrl_due {
    unsigned client;
    uint64_t at_ns;
};
/* What comes next, however far away. false: no client is this member's. */
bool mrl_schedule_next(const struct mrl_schedule *s, struct mrl_due *out);
void mrl_schedule_done(struct mrl_schedule *s); /* with what next said */

#endif
