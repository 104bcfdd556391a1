/* SPDX-License-Identifier: Apache-2.0 */
/* How far apart the turns of a busy loop begin. A turn that does much costs less for each thing
 * than many that do little: one wake-up, one write to a connection for all it is sent. So a loop
 * that is busy for half of its time begins its turns a little apart, up to a limit, and lets work
 * gather; one that is mostly idle never waits. Layer: net. Thread: one owner. */
#ifndef MRL_NET_PACE_H
#define MRL_NET_PACE_H

#include <stdint.h>

struct mrl_pace { /* zeroed memory never waits */
    uint64_t most_ns;
    uint64_t apart_ns; /* beginning to beginning; 0: at once */
    uint64_t since_ns; /* of the time judged now */
    uint64_t busy_ns;  /* in it */
};

/* A turn worked from began_ns to ended_ns (monotonic). How long to wait before the next one. */
uint64_t mrl_pace_turn(struct mrl_pace *p, uint64_t began_ns, uint64_t ended_ns);

#endif
