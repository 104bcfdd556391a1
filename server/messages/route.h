/* SPDX-License-Identifier: Apache-2.0 */
/* Who wants which topics, on all workers: one tree over filters that all hubs share. Layer:
 * messages. Thread: mrl_routes_match on any worker, without waiting for anybody (RCU: the thread is
 * registered, base/rcu.h); adding and removing on the worker the entry belongs to.
 *
 * A filter is there once, however many subscribe to it. Under it stands one stake of every worker
 * that has entries there, and one share of every $share name with stakes of its own. A stake's
 * entries belong to its worker alone; the others see only that it is there. */
#ifndef MRL_MESSAGES_ROUTE_H
#define MRL_MESSAGES_ROUTE_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/list.h"

struct mrl_routes;
struct mrl_route_stake;
struct mrl_route_share;

struct mrl_routes *mrl_routes_new(void);
void mrl_routes_free(struct mrl_routes *r); /* every entry is out; NULL is fine */

/* Embedded in what subscribes. Zeroed memory is in no table. */
struct mrl_route_entry {
    struct mrl_list link;
    struct mrl_route_stake *stake; /* NULL: in no table */
    bool ready;                    /* of a share: may be chosen before those that wait */
    bool full;                     /* of a share: only when there is nobody else */
};

/* filter has at most MRL_TOPIC_LEVELS_MAX levels. share: empty for an ordinary subscription; a
 * member of a share waits until it is said to be ready. */
void mrl_routes_add(struct mrl_routes *r, unsigned worker, mrl_bytes filter, mrl_bytes share,
                    struct mrl_route_entry *e);
void mrl_routes_remove(struct mrl_routes *r, struct mrl_route_entry *e); /* in none: no-op */
/* A member of a share is connected, or not any more. Ordinary entries: no-op. */
void mrl_routes_set_ready(struct mrl_route_entry *e, bool ready);
/* It had no room for a message, or may have some again. Ordinary entries: no-op. */
void mrl_routes_set_full(struct mrl_route_entry *e, bool full);
size_t mrl_routes_count(struct mrl_routes *r); /* distinct filters and what leads to them */

/* What a walk calls; none of it may change the table. A share is good for the call only. */
struct mrl_route_visitor {
    void (*mine)(struct mrl_route_entry *e, void *context); /* each entry of `worker` */
    void (*other)(unsigned worker, void *context);          /* at times more than once */
    void (*share)(const struct mrl_route_share *s, void *context);
    void *context;
};
/* topic has at most MRL_TOPIC_LEVELS_MAX levels. MQTT 5.0 4.7 */
void mrl_routes_match(const struct mrl_routes *r, unsigned worker, mrl_bytes topic,
                      const struct mrl_route_visitor *v);

/* Each message of a share goes to one member: round robin over those of one kind on all workers,
 * the first kind that somebody is of. What is queued (QoS 1 and 2) looks for room first: ready,
 * waiting, ready but full, waiting and full; what is not goes to who is ready, full or not, before
 * those that wait. MQTT 5.0 4.8.2 */
struct mrl_route_turn {
    unsigned worker;
    unsigned place; /* of the kind in this order */
};
uint64_t mrl_route_share_id(const struct mrl_route_share *s);    /* unique in the process, not 0 */
uint64_t mrl_route_entry_share(const struct mrl_route_entry *e); /* its share's; 0: of none */
/* false: nobody. */
bool mrl_route_share_pick(const struct mrl_route_share *s, bool queued, struct mrl_route_turn *out);
/* Of those that the turn names, on the calling worker, the member that is next; NULL: there is
 * none. */
struct mrl_route_entry *mrl_route_share_next(const struct mrl_route_share *s, bool queued,
                                             struct mrl_route_turn turn);

#endif
