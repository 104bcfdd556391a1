/* SPDX-License-Identifier: Apache-2.0 */
#include "net/pace.h"

enum {
    JUDGED_NS = 10000000, /* 10 ms */
    STEP_NS = 50000,      /* a shorter wait is not worth its own wake-up */
    BUSY_PERCENT = 50,
    IDLE_PERCENT = 30,
};

static void judge(struct mrl_pace *p, uint64_t passed_ns)
{
    uint64_t percent = p->busy_ns * 100 / passed_ns;

    if (percent > BUSY_PERCENT) {
        p->apart_ns = p->apart_ns * 2 + STEP_NS;
        if (p->apart_ns > p->most_ns)
            p->apart_ns = p->most_ns;
    } else if (percent < IDLE_PERCENT) {
        p->apart_ns = p->apart_ns > STEP_NS ? p->apart_ns / 2 : 0;
    }
}

uint64_t mrl_pace_turn(struct mrl_pace *p, uint64_t began_ns, uint64_t ended_ns)
{
    uint64_t worked = ended_ns - began_ns;

    p->busy_ns += worked;
    if (ended_ns - p->since_ns >= JUDGED_NS) {
        judge(p, ended_ns - p->since_ns);
        p->since_ns = ended_ns;
        p->busy_ns = 0;
    }
    return worked + STEP_NS <= p->apart_ns ? p->apart_ns - worked : 0;
}
