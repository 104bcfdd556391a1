/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "base/map.h"
#include "messages/route_internal.h"

enum { FIRST_SLOTS = 256 };

static struct mrl_route_slots *slots_new(struct mrl_route_table *t, size_t count, unsigned link)
{
    struct mrl_route_slots *s =
        calloc(1, sizeof(*s) + count * sizeof(_Atomic(struct mrl_route_node *)));

    if (s == NULL)
        abort();
    s->table = t;
    s->count = count;
    s->link = link;
    return s;
}

void mrl_route_table_init(struct mrl_route_table *t)
{
    atomic_init(&t->slots, slots_new(t, FIRST_SLOTS, 0));
}

void mrl_route_table_done(struct mrl_route_table *t)
{
    free(atomic_load_explicit(&t->slots, memory_order_relaxed));
}

/* The level's own hash has a secret seed: a peer cannot aim at one chain. */
static uint64_t hash_of(const struct mrl_route_node *parent, uint64_t level_hash)
{
    uint64_t hash = (level_hash ^ (uintptr_t)parent) * UINT64_C(0x9e3779b97f4a7c15);

    return hash ^ hash >> 32;
}

static _Atomic(struct mrl_route_node *) *slot_of(struct mrl_route_slots *s, uint64_t hash)
{
    return &s->at[hash & (s->count - 1)];
}

struct mrl_route_node *mrl_route_table_find(const struct mrl_route_table *t,
                                            const struct mrl_route_node *parent, mrl_bytes level,
                                            uint64_t level_hash)
{
    struct mrl_route_slots *s = atomic_load_explicit(&t->slots, memory_order_acquire);
    uint64_t hash = hash_of(parent, level_hash);
    struct mrl_route_node *n = atomic_load_explicit(slot_of(s, hash), memory_order_acquire);

    while (n != NULL && (n->hash != hash || n->parent != parent ||
                         !mrl_bytes_eq(mrl_bytes_of(n->level, n->level_len), level)))
        n = atomic_load_explicit(&n->next[s->link], memory_order_acquire);
    return n;
}

static void link_node(struct mrl_route_slots *s, struct mrl_route_node *n)
{
    _Atomic(struct mrl_route_node *) *slot = slot_of(s, n->hash);

    atomic_store_explicit(&n->next[s->link], atomic_load_explicit(slot, memory_order_relaxed),
                          memory_order_relaxed);
    atomic_store_explicit(slot, n, memory_order_release);
}

static void reclaim_slots(struct rcu_head *head)
{
    struct mrl_route_slots *s = MRL_CONTAINER(head, struct mrl_route_slots, rcu);

    mrl_rcu_reclaimed();
    atomic_store_explicit(&s->table->busy, false, memory_order_release);
    free(s);
    mrl_rcu_reclaim_done();
}

static void grow(struct mrl_route_table *t)
{
    struct mrl_route_slots *old = atomic_load_explicit(&t->slots, memory_order_relaxed);
    size_t count = old->count;
    struct mrl_route_slots *bigger;

    while (count <= t->count) /* more came while it was busy */
        count *= 2;
    bigger = slots_new(t, count, 1 - old->link);
    for (size_t i = 0; i < old->count; i++) {
        struct mrl_route_node *n = atomic_load_explicit(&old->at[i], memory_order_relaxed);

        for (; n != NULL; n = atomic_load_explicit(&n->next[old->link], memory_order_relaxed))
            link_node(bigger, n);
    }
    atomic_store_explicit(&t->busy, true, memory_order_relaxed);
    atomic_store_explicit(&t->slots, bigger, memory_order_release);
    mrl_rcu_defer(&old->rcu, reclaim_slots);
}

void mrl_route_table_insert(struct mrl_route_table *t, struct mrl_route_node *n,
                            uint64_t level_hash)
{
    struct mrl_route_slots *s = atomic_load_explicit(&t->slots, memory_order_relaxed);

    n->hash = hash_of(n->parent, level_hash);
    link_node(s, n);
    t->count++;
    if (t->count > s->count && !atomic_load_explicit(&t->busy, memory_order_acquire))
        grow(t);
}

void mrl_route_table_remove(struct mrl_route_table *t, struct mrl_route_node *n)
{
    struct mrl_route_slots *s = atomic_load_explicit(&t->slots, memory_order_relaxed);
    _Atomic(struct mrl_route_node *) *at = slot_of(s, n->hash);

    while (atomic_load_explicit(at, memory_order_relaxed) != n)
        at = &atomic_load_explicit(at, memory_order_relaxed)->next[s->link];
    atomic_store_explicit(at, atomic_load_explicit(&n->next[s->link], memory_order_relaxed),
                          memory_order_release);
    t->count--;
}
