/* SPDX-License-Identifier: Apache-2.0 */
/* The retained message of each topic, shared by all workers. Layer: messages. Thread: any; one
 * mutex, held only while the tree is walked and never across a call out. MQTT 5.0 3.3.1.3 */
#ifndef MRL_MESSAGES_RETAINED_H
#define MRL_MESSAGES_RETAINED_H

#include <stdatomic.h>

#include "base/err.h"
#include "base/list.h"
#include "messages/publication.h"

struct mrl_retained;

struct mrl_retained *mrl_retained_new(size_t most_topics, size_t most_bytes);
void mrl_retained_free(struct mrl_retained *r);

/* Keeps p (takes its own reference) as the retained message of its topic; an empty payload removes
 * what was there. MRL_ERR_LIMIT when a new topic or its bytes would pass a limit: the old state
 * stays. */
mrl_err mrl_retained_set(struct mrl_retained *r, const struct mrl_publication *p);

/* Could p be kept without its owner having more than these? A topic it holds is replaced, what
 * another one holds becomes its own; an empty payload always fits. */
bool mrl_retained_has_room(struct mrl_retained *r, const struct mrl_publication *p,
                           size_t most_messages, size_t most_bytes);
/* What a change of the retained message of a topic replaced, for whoever keeps the store in step.
 */
struct mrl_retained_change {
    int64_t row;      /* of the message that is there now; 0: none is */
    int64_t old_row;  /* of what was there; 0: nothing */
    bool old_settled; /* its row is in the store, or was written on the same worker before */
    struct mrl_publication *previous; /* what was there, own reference; or NULL */
};
/* Row numbers come from counter, the last one given out: what is in the store. Before the first
 * message. */
void mrl_retained_number(struct mrl_retained *r, _Atomic int64_t *counter);
/* As mrl_retained_set, by the worker with this index. Gives *change. */
mrl_err mrl_retained_replace(struct mrl_retained *r, const struct mrl_publication *p,
                             unsigned worker, struct mrl_retained_change *change);
/* The row of this topic is in the store; or was refused: what was there before is back. Both do
 * nothing when the topic has another row by now. */
void mrl_retained_settle(struct mrl_retained *r, mrl_bytes topic, int64_t row);
void mrl_retained_take_back(struct mrl_retained *r, mrl_bytes topic,
                            const struct mrl_retained_change *change);
/* At start, in the order of the rows. *older: the row it replaces, 0: none. An empty payload takes
 * away what came before. */
void mrl_retained_load(struct mrl_retained *r, const struct mrl_publication *p, int64_t row,
                       int64_t *older);

/* Takes out what has expired, at most `most` of it, into gone (each with previous; free it as its
 * row allows). Gives how many. MQTT 5.0 3.3.1.3 */
size_t mrl_retained_expire(struct mrl_retained *r, uint64_t now_ms, unsigned worker,
                           struct mrl_retained_change *gone, size_t most);

/* Takes out what this owner has and what stands under the filter, whoever's it is
 * (empty: nothing); as above. */
size_t mrl_retained_take(struct mrl_retained *r, mrl_bytes owner, mrl_bytes filter, unsigned worker,
                         struct mrl_retained_change *gone, size_t most);

/* What is taken in one step: so many messages, and so many bytes of them or a single one. */
enum { MRL_RETAINED_AT_ONCE = 256, MRL_RETAINED_BYTES_AT_ONCE = 128 << 10 };
/* number: rises with each message that is set, with rows it was the row. place: where it stands
 * among the others, its number; later, when what replaced it was taken back. */
struct mrl_retained_one {
    struct mrl_publication *publication; /* own reference */
    uint64_t number;
    uint64_t place;
};
struct mrl_retained_batch {
    struct mrl_retained_one found[MRL_RETAINED_AT_ONCE]; /* by place */
    size_t count;
    size_t bytes;
    size_t looked; /* at so many places, whether there was something or not */
    bool more;     /* may come after them */
};
/* Places above `after` with numbers not above `until`. */
struct mrl_retained_span {
    uint64_t after;
    uint64_t until;
};
/* The first unexpired messages under the filter, looked for below it only. false: there are too
 * many places to look at; nothing is taken then, and a walk (below) finds them. out is zeroed. */
enum { MRL_RETAINED_SEARCH_MOST = 2048 }; /* nodes of the tree: nobody waits long for the lock */
bool mrl_retained_search(struct mrl_retained *r, mrl_bytes filter, struct mrl_retained_span span,
                         uint64_t now_ms, struct mrl_retained_batch *out);

/* The messages in the order in which they were set, and those who walk among them. */
struct mrl_retained_rank {
    struct mrl_list link;
    uint64_t number; /* the place; 0: somebody walks here */
};
/* A walk over all of a span, a step at a time. What is set later is not seen by it, neither is what
 * that replaces. */
struct mrl_retained_walk {
    struct mrl_retained_rank place;
    struct mrl_retained_span span;
};
void mrl_retained_walk_begin(struct mrl_retained *r, struct mrl_retained_walk *w,
                             struct mrl_retained_span span);
uint64_t mrl_retained_last(struct mrl_retained *r); /* the highest number given out */
void mrl_retained_walk_end(struct mrl_retained *r, struct mrl_retained_walk *w);
/* Looks at so many at most, and takes what comes next under the filter; out is zeroed, and may stay
 * empty though there is more.
 */
enum { MRL_RETAINED_WALK_STEP = 512 };
void mrl_retained_walk_on(struct mrl_retained *r, struct mrl_retained_walk *w, mrl_bytes filter,
                          uint64_t now_ms, struct mrl_retained_batch *out);

/* The message of a topic; false: it has none. */
bool mrl_retained_find(struct mrl_retained *r, mrl_bytes topic, struct mrl_retained_one *out);
size_t mrl_retained_count(struct mrl_retained *r);

/* What is owed to subscriptions, on all workers (owed.h): how many have not got all, and messages
 * that were found for them and have not gone. */
struct mrl_retained_owed {
    _Atomic size_t subscriptions;
    _Atomic size_t found;
};
struct mrl_retained_owed *mrl_retained_owed(struct mrl_retained *r);

#endif
