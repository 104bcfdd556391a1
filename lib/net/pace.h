/* SPDX-License-Identifier: Apache-2.0 */
/* How far apart the turns of a busy loop begin. A turn that does much costs less for each thing
 * than many that do little: one wake-up, one write to a connection for all it is sent. So a loop
 * that finds several connections ready at each turn for half a second, and uses a quarter of a
 * processor, begins its turns a little apart, up to a limit and no further than it takes to use
 * less, and lets work gather. A few at a turn are enough where it uses more than half; one that
 * serves each alone, however busy it is, never waits. Layer: net. Thread: one
 * owner. */
#ifndef MRL_NET_PACE_H
#define MRL_NET_PACE_H

#include <stdbool.h>
#include <stdint.h>

struct mrl_pace { /* zeroed memory never waits */
    uint64_t most_ns;
    uint64_t apart_ns; /* beginning to beginning; 0: at once */
    uint64_t judged_ns;
    uint64_t cpu_ns;       /* used until then */
    unsigned crowded;      /* judgements that found it so, less those that did not */
    unsigned steady;       /* judgements since turns came apart */
    unsigned looks;        /* judgements left that tell whether it must still wait */
    uint64_t before_ns;    /* apart_ns until it looked */
    uint64_t used_sum;     /* of percents used while apart: the mean, times its length */
    uint64_t turns, ready; /* connections found ready by so many turns since it judged */
};

/* Is it time to judge how busy the loop is? (Reading the clock of a thread's CPU is a system call.)
 */
bool mrl_pace_is_due(const struct mrl_pace *p, uint64_t now_ns);
/* A turn that found so many ready. */
void mrl_pace_count(struct mrl_pace *p, unsigned ready);
/* cpu_ns: what the thread has used ever. */
void mrl_pace_judge(struct mrl_pace *p, uint64_t now_ns, uint64_t cpu_ns);
/* A turn took so long. How long to wait before the next one. */
uint64_t mrl_pace_wait(const struct mrl_pace *p, uint64_t worked_ns);

#endif
