/* SPDX-License-Identifier: Apache-2.0 */
#include "messages/route.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "messages/route_internal.h"
#include "messages/topic_tree.h"

struct mrl_routes *mrl_routes_new(void)
{
    struct mrl_routes *r = calloc(1, sizeof(*r));

    if (r == NULL || pthread_mutex_init(&r->lock, NULL) != 0)
        abort();
    mrl_route_table_init(&r->table);
    return r;
}

void mrl_routes_free(struct mrl_routes *r)
{
    if (r == NULL)
        return;
    mrl_rcu_barrier(); /* what is on its way to be freed points into the table */
    assert(r->nodes == 0);
    mrl_route_table_done(&r->table);
    (void)pthread_mutex_destroy(&r->lock); /* nobody waits any more */
    free(r);
}

static void lock(struct mrl_routes *r)
{
    (void)pthread_mutex_lock(&r->lock); /* cannot fail: a plain mutex, initialised */
}

static void unlock(struct mrl_routes *r)
{
    (void)pthread_mutex_unlock(&r->lock);
}

/* Where the wildcards hang; NULL: this level is a name. */
static _Atomic(struct mrl_route_node *) *wildcard(struct mrl_route_node *parent, mrl_bytes level)
{
    if (mrl_bytes_eq(level, MRL_LIT("+")))
        return &parent->one;
    return mrl_bytes_eq(level, MRL_LIT("#")) ? &parent->all : NULL;
}

static struct mrl_route_node *node_new(struct mrl_routes *r, struct mrl_route_node *parent,
                                       mrl_bytes level)
{
    struct mrl_route_node *n = calloc(1, sizeof(*n) + level.len);

    if (n == NULL)
        abort();
    n->parent = parent;
    n->level_len = (uint32_t)level.len;
    if (level.len > 0)
        memcpy(n->level, level.data, level.len);
    r->nodes++;
    return n;
}

static struct mrl_route_node *child_get(struct mrl_routes *r, struct mrl_route_node *parent,
                                        mrl_bytes level)
{
    _Atomic(struct mrl_route_node *) *at = wildcard(parent, level);
    uint64_t hash = at == NULL ? mrl_hash(level) : 0;
    struct mrl_route_node *n = at == NULL ? mrl_route_table_find(&r->table, parent, level, hash)
                                          : atomic_load_explicit(at, memory_order_relaxed);

    if (n != NULL)
        return n;
    n = node_new(r, parent, level);
    if (at != NULL) {
        atomic_store_explicit(at, n, memory_order_release);
    } else {
        mrl_route_table_insert(&r->table, n, hash);
        atomic_fetch_add_explicit(&parent->children, 1, memory_order_release);
    }
    return n;
}

static struct mrl_route_node *node_get(struct mrl_routes *r, mrl_bytes filter)
{
    struct mrl_route_node *n = &r->root;
    mrl_bytes level, rest = filter;
    bool more = true;

    while (more) {
        more = mrl_bytes_split(rest, '/', &level, &rest);
        n = child_get(r, n, level);
    }
    return n;
}

static struct mrl_route_share *share_get(struct mrl_routes *r, struct mrl_route_node *n,
                                         mrl_bytes name)
{
    struct mrl_route_share *first = atomic_load_explicit(&n->shares, memory_order_relaxed);
    struct mrl_route_share *s = first;

    while (s != NULL && !mrl_bytes_eq(mrl_bytes_of(s->name, s->name_len), name))
        s = atomic_load_explicit(&s->next, memory_order_relaxed);
    if (s != NULL)
        return s;
    s = calloc(1, sizeof(*s) + name.len);
    if (s == NULL)
        abort();
    memcpy(s->name, name.data, name.len);
    s->name_len = (uint32_t)name.len;
    s->id = ++r->shares;
    atomic_init(&s->next, first);
    atomic_store_explicit(&n->shares, s, memory_order_release);
    return s;
}

static _Atomic(struct mrl_route_stake *) *stakes_of(struct mrl_route_node *n,
                                                    struct mrl_route_share *share)
{
    return share != NULL ? &share->stakes : &n->stakes;
}

static struct mrl_route_stake *stake_get(struct mrl_route_node *n, struct mrl_route_share *share,
                                         unsigned worker)
{
    _Atomic(struct mrl_route_stake *) *stakes = stakes_of(n, share);
    struct mrl_route_stake *first = atomic_load_explicit(stakes, memory_order_relaxed);
    struct mrl_route_stake *s = first;

    while (s != NULL && s->worker != worker)
        s = atomic_load_explicit(&s->next, memory_order_relaxed);
    if (s != NULL)
        return s;
    s = share != NULL ? mrl_route_members_new() : calloc(1, sizeof(*s));
    if (s == NULL)
        abort();
    s->node = n;
    s->share = share;
    s->worker = worker;
    mrl_list_init(&s->entries);
    atomic_init(&s->next, first);
    atomic_store_explicit(stakes, s, memory_order_release);
    return s;
}

void mrl_routes_add(struct mrl_routes *r, unsigned worker, mrl_bytes filter, mrl_bytes share,
                    struct mrl_route_entry *e)
{
    struct mrl_route_node *n;

    assert(e->stake == NULL && mrl_topic_levels(filter) <= MRL_TOPIC_LEVELS_MAX);
    lock(r);
    n = node_get(r, filter);
    e->stake = stake_get(n, share.len > 0 ? share_get(r, n, share) : NULL, worker);
    if (share.len > 0)
        mrl_route_members_add(e->stake, e);
    else
        mrl_list_add(&e->stake->entries, &e->link);
    unlock(r);
}

static void reclaim_node(struct rcu_head *head)
{
    mrl_rcu_reclaimed();
    free(MRL_CONTAINER(head, struct mrl_route_node, rcu));
}

static void reclaim_share(struct rcu_head *head)
{
    mrl_rcu_reclaimed();
    free(MRL_CONTAINER(head, struct mrl_route_share, rcu));
}

static void reclaim_stake(struct rcu_head *head)
{
    mrl_rcu_reclaimed();
    free(MRL_CONTAINER(head, struct mrl_route_stake, rcu)); /* the first field of members, too */
}

static bool is_empty(const struct mrl_route_node *n)
{
    return atomic_load_explicit(&n->stakes, memory_order_relaxed) == NULL &&
           atomic_load_explicit(&n->shares, memory_order_relaxed) == NULL &&
           atomic_load_explicit(&n->one, memory_order_relaxed) == NULL &&
           atomic_load_explicit(&n->all, memory_order_relaxed) == NULL &&
           atomic_load_explicit(&n->children, memory_order_relaxed) == 0;
}

/* Takes out n and every parent that leads nowhere any more. */
static void prune(struct mrl_routes *r, struct mrl_route_node *n)
{
    while (n != &r->root && is_empty(n)) {
        struct mrl_route_node *parent = n->parent;
        _Atomic(struct mrl_route_node *) *at =
            wildcard(parent, mrl_bytes_of(n->level, n->level_len));

        if (at != NULL) {
            atomic_store_explicit(at, NULL, memory_order_release);
        } else {
            mrl_route_table_remove(&r->table, n);
            atomic_fetch_sub_explicit(&parent->children, 1, memory_order_release);
        }
        r->nodes--;
        mrl_rcu_defer(&n->rcu, reclaim_node);
        n = parent;
    }
}

static void drop_stake(struct mrl_route_stake *s)
{
    _Atomic(struct mrl_route_stake *) *at = stakes_of(s->node, s->share);

    while (atomic_load_explicit(at, memory_order_relaxed) != s)
        at = &atomic_load_explicit(at, memory_order_relaxed)->next;
    atomic_store_explicit(at, atomic_load_explicit(&s->next, memory_order_relaxed),
                          memory_order_release);
    mrl_rcu_defer(&s->rcu, reclaim_stake);
}

static void drop_share_if_empty(struct mrl_route_node *n, struct mrl_route_share *s)
{
    _Atomic(struct mrl_route_share *) *at = &n->shares;

    if (atomic_load_explicit(&s->stakes, memory_order_relaxed) != NULL)
        return;
    while (atomic_load_explicit(at, memory_order_relaxed) != s)
        at = &atomic_load_explicit(at, memory_order_relaxed)->next;
    atomic_store_explicit(at, atomic_load_explicit(&s->next, memory_order_relaxed),
                          memory_order_release);
    mrl_rcu_defer(&s->rcu, reclaim_share);
}

/* true: the stake has no entry left. */
static bool take_out(struct mrl_route_stake *s, struct mrl_route_entry *e)
{
    if (s->share != NULL)
        return mrl_route_members_remove(s, e);
    mrl_list_remove(&e->link);
    return mrl_list_empty(&s->entries);
}

void mrl_routes_remove(struct mrl_routes *r, struct mrl_route_entry *e)
{
    struct mrl_route_stake *s = e->stake;
    struct mrl_route_share *share;
    struct mrl_route_node *node;

    if (s == NULL)
        return;
    e->stake = NULL;
    if (!take_out(s, e))
        return;
    node = s->node;
    share = s->share;
    lock(r);
    drop_stake(s); /* may be freed from here on */
    if (share != NULL)
        drop_share_if_empty(node, share);
    prune(r, node);
    unlock(r);
}

size_t mrl_routes_count(struct mrl_routes *r)
{
    size_t nodes;

    lock(r);
    nodes = r->nodes;
    unlock(r);
    return nodes;
}
