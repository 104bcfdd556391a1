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
    for (unsigned i = 0; i < MRL_MEMBER_KINDS_; i++)
        mrl_list_init(&m->of[i]);
    return &m->stake;
}

static enum mrl_member_kind kind_of(const struct mrl_route_entry *e)
{
    if (e->full)
        return e->ready ? MRL_MEMBER_READY_FULL : MRL_MEMBER_WAITING_FULL;
    return e->ready ? MRL_MEMBER_READY : MRL_MEMBER_WAITING;
}

static void put(struct mrl_route_members *m, struct mrl_route_entry *e)
{
    enum mrl_member_kind kind = kind_of(e);

    mrl_list_add(&m->of[kind], &e->link);
    atomic_fetch_add_explicit(&m->count[kind], 1, memory_order_relaxed);
}

static void take(struct mrl_route_members *m, struct mrl_route_entry *e)
{
    mrl_list_remove(&e->link);
    atomic_fetch_sub_explicit(&m->count[kind_of(e)], 1, memory_order_relaxed);
}

void mrl_route_members_add(struct mrl_route_stake *s, struct mrl_route_entry *e)
{
    e->ready = e->full = false;
    put(members_of(s), e);
}

bool mrl_route_members_remove(struct mrl_route_stake *s, struct mrl_route_entry *e)
{
    struct mrl_route_members *m = members_of(s);

    take(m, e);
    for (unsigned i = 0; i < MRL_MEMBER_KINDS_; i++) {
        if (!mrl_list_empty(&m->of[i]))
            return false;
    }
    return true;
}

static void set(struct mrl_route_entry *e, bool ready, bool full)
{
    if (e->stake == NULL || e->stake->share == NULL || (e->ready == ready && e->full == full))
        return;
    take(members_of(e->stake), e);
    e->ready = ready;
    e->full = full;
    put(members_of(e->stake), e);
}

void mrl_routes_set_ready(struct mrl_route_entry *e, bool ready)
{
    set(e, ready, e->full);
}

void mrl_routes_set_full(struct mrl_route_entry *e, bool full)
{
    set(e, e->ready, full);
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

static enum mrl_member_kind kind_at(bool queued, unsigned place)
{
    static const enum mrl_member_kind orders[2][MRL_MEMBER_KINDS_] = {
        {MRL_MEMBER_READY, MRL_MEMBER_READY_FULL, MRL_MEMBER_WAITING, MRL_MEMBER_WAITING_FULL},
        {MRL_MEMBER_READY, MRL_MEMBER_WAITING, MRL_MEMBER_READY_FULL, MRL_MEMBER_WAITING_FULL}};

    return orders[queued][place];
}

static unsigned members(struct mrl_route_stake *s, enum mrl_member_kind kind)
{
    return atomic_load_explicit(&members_of(s)->count[kind], memory_order_relaxed);
}

/* Counts may change between the two looks: then the last worker that has somebody is taken. */
static bool pick(const struct mrl_route_share *share, enum mrl_member_kind kind, unsigned *worker)
{
    struct mrl_route_share *counted = (struct mrl_route_share *)share; /* only the turn changes */
    uint64_t all = 0, turn;
    bool found = false;

    for (struct mrl_route_stake *s = first_stake(share); s != NULL; s = next_stake(s))
        all += members(s, kind);
    if (all == 0)
        return false;
    turn = atomic_fetch_add_explicit(&counted->turn, 1, memory_order_relaxed) % all;
    for (struct mrl_route_stake *s = first_stake(share); s != NULL; s = next_stake(s)) {
        unsigned here = members(s, kind);

        if (here > 0) {
            *worker = s->worker;
            found = true;
        }
        if (turn < here)
            return true;
        turn -= here;
    }
    return found;
}

bool mrl_route_share_pick(const struct mrl_route_share *s, bool queued, struct mrl_route_turn *out)
{
    for (unsigned place = 0; place < MRL_MEMBER_KINDS_; place++) {
        out->place = place;
        if (pick(s, kind_at(queued, place), &out->worker))
            return true;
    }
    return false;
}

struct mrl_route_entry *mrl_route_share_next(const struct mrl_route_share *share, bool queued,
                                             struct mrl_route_turn turn)
{
    struct mrl_route_stake *s = first_stake(share);
    struct mrl_list *list, *first;

    while (s != NULL && s->worker != turn.worker)
        s = next_stake(s);
    if (s == NULL)
        return NULL;
    list = &members_of(s)->of[kind_at(queued, turn.place)];
    first = mrl_list_pop(list);
    if (first == NULL)
        return NULL;
    mrl_list_add(list, first);
    return MRL_CONTAINER(first, struct mrl_route_entry, link);
}
