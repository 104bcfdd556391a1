/* SPDX-License-Identifier: Apache-2.0 */
#include "net/timer.h"

/* Level n holds timers that are due within 256^(n+1) ticks, in slots of 256^n ticks. When the time
 * reaches a slot of a higher level, its timers move down. */
enum { SLOT_BITS = 8, SLOT_MASK = MRL_TIMER_SLOTS - 1 };

void mrl_timers_init(struct mrl_timers *w, uint64_t now_ms)
{
    for (unsigned level = 0; level < MRL_TIMER_LEVELS; level++)
        for (unsigned slot = 0; slot < MRL_TIMER_SLOTS; slot++)
            mrl_list_init(&w->slots[level][slot]);
    w->now = now_ms / MRL_TIMER_TICK_MS;
    w->count = 0;
}

static void place(struct mrl_timers *w, struct mrl_timer *t)
{
    uint64_t ahead = t->due > w->now ? t->due - w->now : 0;
    unsigned level = 0;

    while (level + 1 < MRL_TIMER_LEVELS && ahead >> (SLOT_BITS * (level + 1)) != 0)
        level++;
    mrl_list_add(&w->slots[level][(t->due >> (SLOT_BITS * level)) & SLOT_MASK], &t->node);
}

void mrl_timer_set(struct mrl_timers *w, struct mrl_timer *t, uint64_t now_ms, uint64_t after_ms)
{
    uint64_t after = after_ms < MRL_TIMER_LONGEST_MS ? after_ms : MRL_TIMER_LONGEST_MS;

    mrl_timer_cancel(t);
    if (w->count == 0 && now_ms / MRL_TIMER_TICK_MS > w->now)
        w->now = now_ms / MRL_TIMER_TICK_MS; /* nobody advanced an empty wheel */
    t->wheel = w;
    t->due = (now_ms + after + MRL_TIMER_TICK_MS - 1) / MRL_TIMER_TICK_MS;
    if (t->due <= w->now)
        t->due =
            w->now + 1; /* not in the turn that sets it: a timer of 0 ms cannot starve the loop */
    place(w, t);
    w->count++;
}

void mrl_timer_cancel(struct mrl_timer *t)
{
    if (t->wheel == NULL)
        return;
    mrl_list_remove(&t->node);
    t->wheel->count--;
    t->wheel = NULL;
}

static void take_all(struct mrl_list *from, struct mrl_list *to)
{
    mrl_list_init(to);
    for (struct mrl_list *node = mrl_list_pop(from); node != NULL; node = mrl_list_pop(from))
        mrl_list_add(to, node);
}

static void move_down(struct mrl_timers *w)
{
    for (unsigned level = 1; level < MRL_TIMER_LEVELS; level++) {
        uint64_t below = (UINT64_C(1) << (SLOT_BITS * level)) - 1;
        struct mrl_list moving;

        if ((w->now & below) != 0)
            return;
        take_all(&w->slots[level][(w->now >> (SLOT_BITS * level)) & SLOT_MASK], &moving);
        for (struct mrl_list *node = mrl_list_pop(&moving); node != NULL;
             node = mrl_list_pop(&moving))
            place(w, MRL_CONTAINER(node, struct mrl_timer, node));
    }
}

static void fire_slot(struct mrl_timers *w)
{
    struct mrl_list due;

    take_all(&w->slots[0][w->now & SLOT_MASK], &due);
    for (struct mrl_list *node = mrl_list_pop(&due); node != NULL; node = mrl_list_pop(&due)) {
        struct mrl_timer *t = MRL_CONTAINER(node, struct mrl_timer, node);

        t->wheel = NULL;
        w->count--;
        t->fire(t);
    }
}

void mrl_timers_advance(struct mrl_timers *w, uint64_t now_ms)
{
    uint64_t until = now_ms / MRL_TIMER_TICK_MS;

    while (w->now < until && w->count > 0) {
        w->now++;
        move_down(w);
        fire_slot(w);
    }
    if (w->now < until)
        w->now = until;
}

/* Ticks until the next slot with timers, or until the next time that timers move down. */
static uint64_t ticks_to_next(const struct mrl_timers *w)
{
    for (uint64_t ahead = 1; ahead < MRL_TIMER_SLOTS; ahead++) {
        uint64_t at = w->now + ahead;

        if ((at & SLOT_MASK) == 0 || !mrl_list_empty(&w->slots[0][at & SLOT_MASK]))
            return ahead;
    }
    return MRL_TIMER_SLOTS;
}

int mrl_timers_wait_ms(const struct mrl_timers *w, uint64_t now_ms)
{
    uint64_t at;

    if (w->count == 0)
        return -1;
    at = (w->now + ticks_to_next(w)) * MRL_TIMER_TICK_MS;
    return at > now_ms ? (int)(at - now_ms) : 0; /* at most 2560 ms ahead */
}
