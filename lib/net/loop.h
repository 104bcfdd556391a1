/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop of a worker: epoll (level-triggered), timers, work for the end of the turn.
 * Layer: net. Thread: the one that runs it, for everything but mrl_loop_stop.
 *
 * RCU: a thread that runs a loop, and every service thread (net/service.h), is registered with
 * liburcu's memb flavour by the module that starts it: service threads by net/service, worker
 * threads by whoever calls pthread_create for them (rcu_register_thread before mrl_loop_run,
 * rcu_unregister_thread after it). The memb flavour needs no quiescent points; read sides are
 * delimited by rcu_read_lock, and none may span a turn of the loop. */
#ifndef MRL_NET_LOOP_H
#define MRL_NET_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/list.h"
#include "net/timer.h"

struct mrl_loop;

/* A file descriptor somebody waits for; embedded in its owner, who also owns fd. */
struct mrl_watch {
    int fd;
    uint32_t events; /* EPOLLIN, EPOLLOUT as asked for; EPOLLERR and EPOLLHUP always come */
    bool added;
    void (*ready)(struct mrl_watch *w, uint32_t events);
};

/* Work at the end of this turn; embedded. Zeroed memory is work that is not asked for. */
struct mrl_later {
    struct mrl_list node;
    bool asked;
    void (*run)(struct mrl_later *l);
};

mrl_err mrl_loop_new(struct mrl_loop **out); /* MRL_ERR_IO: no descriptors left */
void mrl_loop_free(struct mrl_loop *l);      /* every watch is removed by then; NULL is fine */
MRL_AUTO_DEFINE(mrl_loop);

/* Fill in fd and ready before. MRL_ERR_IO: the kernel refuses (limit of watches, bad fd). */
mrl_err mrl_loop_add(struct mrl_loop *l, struct mrl_watch *w, uint32_t events);
/* No-op when events is what is asked for already. events may be 0: errors only. */
mrl_err mrl_loop_change(struct mrl_loop *l, struct mrl_watch *w, uint32_t events);
/* Not added: no-op. The watch may be freed at once, also in a callback of the same turn in which it
 * is ready too: it is then not called any more. */
void mrl_loop_remove(struct mrl_loop *l, struct mrl_watch *w);

void mrl_loop_timer(struct mrl_loop *l, struct mrl_timer *t, uint64_t after_ms);

/* run is called once at the end of this turn, however often it is asked for; asked in such a run:
 * at the end of the same turn, after those asked before. In the order asked. */
void mrl_loop_later(struct mrl_loop *l, struct mrl_later *later);
bool mrl_loop_has_later(const struct mrl_loop *l);
void mrl_loop_later_cancel(struct mrl_later *later); /* not asked: no-op */

/* A loop that is busy may let work gather for so long (below a second) before it looks again:
 * net/pace.h. 0, as at first: it never waits with work to do. */
void mrl_loop_let_gather(struct mrl_loop *l, uint64_t most_us);

uint64_t mrl_loop_now(const struct mrl_loop *l); /* monotonic ms at the start of the turn */

/* One turn: waits at most wait_ms (-1: until something happens), then callbacks, timers, later. */
mrl_err mrl_loop_turn(struct mrl_loop *l, int wait_ms);
mrl_err mrl_loop_run(struct mrl_loop *l); /* turns until stopped */
void mrl_loop_stop(struct mrl_loop *l);   /* any thread: mrl_loop_run returns after its turn */

#endif
