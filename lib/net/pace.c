/* SPDX-License-Identifier: Apache-2.0 */
#include "net/pace.h"

enum {
    EVERY_NS = 10000000, /* 10 ms */
    STEP_NS = 50000,     /* a shorter wait is not worth its own wake-up */
    BUSY_PERCENT = 25,
    IDLE_PERCENT = 12, /* gathering halves the work at best: no to and fro */
};

bool mrl_pace_is_due(const struct mrl_pace *p, uint64_t now_ns)
{
    return now_ns - p->judged_ns >= EVERY_NS;
}

void mrl_pace_judge(struct mrl_pace *p, uint64_t now_ns, uint64_t cpu_ns)
{
    uint64_t passed = now_ns - p->judged_ns, used = cpu_ns - p->cpu_ns;

    if (used * 100 > passed * BUSY_PERCENT) {
        p->apart_ns = p->apart_ns * 2 + STEP_NS;
        if (p->apart_ns > p->most_ns)
            p->apart_ns = p->most_ns;
    } else if (used * 100 < passed * IDLE_PERCENT) {
        p->apart_ns = p->apart_ns > STEP_NS ? p->apart_ns / 2 : 0;
    }
    p->judged_ns = now_ns;
    p->cpu_ns = cpu_ns;
}

uint64_t mrl_pace_wait(const struct mrl_pace *p, uint64_t worked_ns)
{
    return worked_ns + STEP_NS <= p->apart_ns ? p->apart_ns - worked_ns : 0;
}
