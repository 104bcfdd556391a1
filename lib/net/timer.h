/* SPDX-License-Identifier: Apache-2.0 */
/* Timers: a wheel of four levels with slots of 10 ms. Layer: net. Thread: the owner of the wheel.
 * Setting and cancelling are O(1); a timer never fires early and at most two ticks late (plus what
 * the loop is busy). The wheel knows no clock: the loop tells it the time. */
#ifndef MRL_NET_TIMER_H
#define MRL_NET_TIMER_H

#include <stdint.h>

#include "base/list.h"

enum { MRL_TIMER_TICK_MS = 10, MRL_TIMER_LEVELS = 4, MRL_TIMER_SLOTS = 256 };
/* Longer times are shortened to this (about 497 days). */
#define MRL_TIMER_LONGEST_MS \
    ((UINT64_C(1) << 32) * MRL_TIMER_TICK_MS - UINT64_C(2) * MRL_TIMER_TICK_MS)

struct mrl_timers;

/* Embedded in what it wakes up. Zeroed memory is a timer that is not set. */
struct mrl_timer {
    struct mrl_list node;
    struct mrl_timers *wheel; /* NULL: not set */
    uint64_t due;             /* in ticks */
    void (*fire)(struct mrl_timer *t);
};

struct mrl_timers {
    struct mrl_list slots[MRL_TIMER_LEVELS][MRL_TIMER_SLOTS];
    uint64_t now;   /* in ticks: everything due up to here has fired */
    uint64_t count; /* of set timers */
};

void mrl_timers_init(struct mrl_timers *w, uint64_t now_ms);
/* fire is called once by mrl_timers_advance, not before after_ms have passed since now_ms; the
 * timer is then not set, and may be set again or freed in fire. A set timer is moved. */
void mrl_timer_set(struct mrl_timers *w, struct mrl_timer *t, uint64_t now_ms, uint64_t after_ms);
void mrl_timer_cancel(struct mrl_timer *t); /* not set: no-op */
static inline bool mrl_timer_is_set(const struct mrl_timer *t)
{
    return t->wheel != NULL;
}
/* Fires what is due. A timer that fires may set and cancel any timer of the wheel. */
void mrl_timers_advance(struct mrl_timers *w, uint64_t now_ms);
/* How long to sleep at most before the next advance: 0 or more, -1 for ever. Never too long; may be
 * short of the next timer, because far timers move down a level on the way. */
int mrl_timers_wait_ms(const struct mrl_timers *w, uint64_t now_ms);

#endif
