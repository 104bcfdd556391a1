/* SPDX-License-Identifier: Apache-2.0 */
/* Between route.c, route_match.c, route_share.c and route_table.c only. Layer: messages.
 *
 * Everything a reader follows is an atomic pointer, set with release after what it points to is
 * whole; what is taken out is freed after all readers have left. Writers hold the lock. */
#ifndef MRL_MESSAGES_ROUTE_INTERNAL_H
#define MRL_MESSAGES_ROUTE_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/rcu.h"
#include "messages/route.h"

struct mrl_route_stake {
    _Atomic(struct mrl_route_stake *) next;
    struct mrl_route_node *node;
    struct mrl_route_share *share; /* NULL: of ordinary subscriptions */
    unsigned worker;
    struct mrl_list entries; /* the worker's alone */
    struct rcu_head rcu;
};

enum mrl_member_kind {
    MRL_MEMBER_READY,
    MRL_MEMBER_WAITING,
    MRL_MEMBER_READY_FULL,
    MRL_MEMBER_WAITING_FULL,
    MRL_MEMBER_KINDS_,
};

/* The stake of a share; its entries are here. */
struct mrl_route_members {
    struct mrl_route_stake stake;
    struct mrl_list of[MRL_MEMBER_KINDS_]; /* the worker's alone */
    _Atomic unsigned count[MRL_MEMBER_KINDS_];
};

struct mrl_route_share {
    _Atomic(struct mrl_route_share *) next;
    _Atomic(struct mrl_route_stake *) stakes;
    uint64_t id;
    _Atomic uint64_t turn;
    struct rcu_head rcu;
    uint32_t name_len;
    char name[];
};

/* One level of filters. "+" and "#" hang on their parent, all others are in the hash table. */
struct mrl_route_node {
    _Atomic(struct mrl_route_node *) next[2]; /* see struct mrl_route_slots */
    uint64_t hash;
    struct mrl_route_node *parent;
    _Atomic(struct mrl_route_node *) one; /* "+" */
    _Atomic(struct mrl_route_node *) all; /* "#" */
    _Atomic(struct mrl_route_stake *) stakes;
    _Atomic(struct mrl_route_share *) shares;
    _Atomic uint32_t children; /* in the hash table */
    uint32_t level_len;
    struct rcu_head rcu;
    char level[];
};

/* The chains of one size of the table. A larger one uses the other `next` of the nodes, so that
 * readers finish their way through the old one; the table grows again when they have. */
struct mrl_route_slots {
    struct mrl_route_table *table;
    struct rcu_head rcu;
    size_t count; /* a power of two */
    unsigned link;
    _Atomic(struct mrl_route_node *) at[];
};

struct mrl_route_table {
    _Atomic(struct mrl_route_slots *) slots;
    size_t count;
    _Atomic bool busy; /* readers may still be in the slots before these */
};

struct mrl_routes {
    pthread_mutex_t lock;
    struct mrl_route_table table;
    size_t nodes;               /* under the lock, as the next */
    uint64_t shares;            /* that ever were */
    struct mrl_route_node root; /* last: its level, which is empty, would follow */
};

/* route_share.c */
struct mrl_route_stake *mrl_route_members_new(void);
void mrl_route_members_add(struct mrl_route_stake *s, struct mrl_route_entry *e);
/* true: it was the last one. */
bool mrl_route_members_remove(struct mrl_route_stake *s, struct mrl_route_entry *e);

/* route_table.c */
void mrl_route_table_init(struct mrl_route_table *t);
void mrl_route_table_done(struct mrl_route_table *t);
/* The node of this level below parent; level_hash is mrl_hash(level). */
struct mrl_route_node *mrl_route_table_find(const struct mrl_route_table *t,
                                            const struct mrl_route_node *parent, mrl_bytes level,
                                            uint64_t level_hash);
void mrl_route_table_insert(struct mrl_route_table *t, struct mrl_route_node *n,
                            uint64_t level_hash); /* parent and level are set */
void mrl_route_table_remove(struct mrl_route_table *t, struct mrl_route_node *n);

#endif
