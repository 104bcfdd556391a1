/* SPDX-License-Identifier: Apache-2.0 */
/* What time it is on a device whose clock may have forgotten it. A clock that stands before the
 * floor is not believed: the floor is the latest moment that has surely passed, when this program
 * was built or a certificate we hold was made. The time is then learnt from the server
 * (docs/decisions/0015-time-for-devices.md). Layer: device. Thread: one. */
#ifndef MRL_AGENT_CLOCK_H
#define MRL_AGENT_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct mrl_device_clock {
    int64_t floor_s; /* seconds since 1970 */
    int64_t
        ahead_ms; /* that the time is later than the clock of the machine; 0 while it is right */
    bool known;   /* the time is known, from the clock or from the server */
};

int64_t mrl_build_time_s(void);
/* Looks at the clock of the machine; floor_s below the time of the build counts as that. wall_ms is
 * what the clock says. */
void mrl_device_clock_look(struct mrl_device_clock *c, int64_t floor_s, int64_t wall_ms);
/* The server told the time, over a connection whose certificates are all valid from ... until.
 * MRL_ERR_CRYPTO: that cannot be; the clock stays unknown. */
mrl_err mrl_device_clock_learn(struct mrl_device_clock *c, int64_t told_s, int64_t from_s,
                               int64_t until_s, int64_t wall_ms, struct mrl_why *why);
/* While the time is not known: what the machine says, but never before the floor. */
int64_t mrl_device_now_ms(const struct mrl_device_clock *c);
int64_t mrl_device_now_s(const struct mrl_device_clock *c);

#endif
