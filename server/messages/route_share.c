/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "messages/route_internal.h"

static struct mrl_route_members *members_of(struct mrl_route_stake *s)
{
    return MRL_CONTAINER(s, struct mrl_route_members, stake);
}

struct mrl_route_stake *mrl_route_members_new(void)
{
    struct mrl_route_members *m = calloc(1, sizeof(*m));

    if (m == NULL)
        abort();
    mrl_list_init(&m->waiting);
    return &m->stake;
}

static _Atomic unsigned *count_of(struct mrl_route_members *m, bool ready)
{
    return ready ? &m->ready_count : &m->waiting_count;
}

static struct mrl_list *list_of(struct mrl_route_members *m, bool ready)
{
    return ready ? &m->stake.entries : &m->waiting;
}

static void put(struct mrl_route_members *m, struct mrl_route_entry *e, bool ready)
{
    e->ready = ready;
    mrl_list_add(list_of(m, ready), &e->link);
    atomic_fetch_add_explicit(count_of(m, ready), 1, memory_order_relaxed);
}

static void take(struct mrl_route_members *m, struct mrl_route_entry *e)
{
    mrl_list_remove(&e->link);
    atomic_fetch_sub_explicit(count_of(m, e->ready), 1, memory_order_relaxed);
}

void mrl_route_members_add(struct mrl_route_stake *s, struct mrl_route_entry *e)
{
    put(members_of(s), e, /*ready=*/false);
}

bool mrl_route_members_remove(struct mrl_route_stake *s, struct mrl_route_entry *e)
{
    struct mrl_route_members *m = members_of(s);

    take(m, e);
    return mrl_list_empty(&m->stake.entries) && mrl_list_empty(&m->waiting);
}

void mrl_routes_set_ready(struct mrl_route_entry *e, bool ready)
{
    if (e->stake == NULL || e->stake->share == NULL || e->ready == ready)
        return;
    take(members_of(e->stake), e);
    put(members_of(e->stake), e, ready);
}

uint64_t mrl_route_share_id(const struct mrl_route_share *s)
{
    return s->id;
}

uint64_t mrl_route_entry_share(const struct mrl_route_entry *e)
{
    return e->stake != NULL && e->stake->share != NULL ? e->stake->share->id : 0;
}

static struct mrl_route_stake *first_stake(const struct mrl_route_share *s)
{
    return atomic_load_explicit(&s->stakes, memory_order_acquire);
}

static struct mrl_route_stake *next_stake(const struct mrl_route_stake *s)
{
    return atomic_load_explicit(&s->next, memory_order_acquire);
}

static unsigned members(struct mrl_route_stake *s, bool ready)
{
    return atomic_load_explicit(count_of(members_of(s), ready), memory_order_relaxed);
}

/* Counts may change between the two looks: then the first worker that has somebody is taken. */
static bool pick(const struct mrl_route_share *share, bool ready, unsigned *worker)
{
    struct mrl_route_share *counted = (struct mrl_route_share *)share; /* only the turn changes */
    uint64_t all = 0, turn;

    for (struct mrl_route_stake *s = first_stake(share); s != NULL; s = next_stake(s))
        all += members(s, ready);
    if (all == 0)
        return false;
    turn = atomic_fetch_add_explicit(&counted->turn, 1, memory_order_relaxed) % all;
    for (struct mrl_route_stake *s = first_stake(share); s != NULL; s = next_stake(s)) {
        unsigned here = members(s, ready);

        if (here > 0)
            *worker = s->worker;
        if (turn < here)
            return true;
        turn -= here;
    }
    return *worker != UINT32_MAX;
}

bool mrl_route_share_pick(const struct mrl_route_share *s, unsigned *worker)
{
    *worker = UINT32_MAX;
    return pick(s, /*ready=*/true, worker) || pick(s, /*ready=*/false, worker);
}

struct mrl_route_entry *mrl_route_share_next(const struct mrl_route_share *share, unsigned worker)
{
    struct mrl_route_stake *s = first_stake(share);
    struct mrl_list *list, *first;

    while (s != NULL && s->worker != worker)
        s = next_stake(s);
    if (s == NULL)
        return NULL;
    list = list_of(members_of(s), !mrl_list_empty(&s->entries));
    first = mrl_list_pop(list);
    if (first == NULL)
        return NULL;
    mrl_list_add(list, first);
    return MRL_CONTAINER(first, struct mrl_route_entry, link);
}
