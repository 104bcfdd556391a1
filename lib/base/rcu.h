/* SPDX-License-Identifier: Apache-2.0 */
/* Read-copy-update: liburcu (memb flavour) as Merlon uses it. Layer: base; who includes this links
 * liburcu-memb. Readers never wait; what they saw is freed after all of them have left.
 *
 * ThreadSanitizer cannot look into liburcu: these wrappers tell it what the library guarantees, and
 * are nothing in other builds. */
#ifndef MRL_BASE_RCU_H
#define MRL_BASE_RCU_H

#include <urcu/urcu-memb.h>

#if defined(__SANITIZE_THREAD__)
#define MRL_RCU_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MRL_RCU_TSAN 1
#endif
#endif

#ifdef MRL_RCU_TSAN
void __tsan_acquire(void *address);
void __tsan_release(void *address);
#define MRL_RCU_RELEASE(address) __tsan_release((void *)(address))
#define MRL_RCU_ACQUIRE(address) __tsan_acquire((void *)(address))
#else
#define MRL_RCU_RELEASE(address) ((void)(address))
#define MRL_RCU_ACQUIRE(address) ((void)(address))
#endif

/* The calling thread may read from here on, and leaves by itself when it ends. Again is harmless,
 * also when it was registered without this. */
void mrl_rcu_register(void);

/* Stands for "all readers" towards ThreadSanitizer only. */
extern char mrl_rcu_readers;

static inline void mrl_rcu_read_begin(void)
{
    urcu_memb_read_lock();
}
static inline void mrl_rcu_read_end(void)
{
    MRL_RCU_RELEASE(&mrl_rcu_readers);
    urcu_memb_read_unlock();
}

/* Calls reclaim(head) on liburcu's thread after all present readers have left; reclaim starts with
 * mrl_rcu_reclaimed(). The calling thread is registered. */
static inline void mrl_rcu_defer(struct rcu_head *head, void (*reclaim)(struct rcu_head *head))
{
    MRL_RCU_RELEASE(&mrl_rcu_readers);
    urcu_memb_call_rcu(head, reclaim);
}
static inline void mrl_rcu_reclaimed(void)
{
    MRL_RCU_ACQUIRE(&mrl_rcu_readers);
}
static inline void mrl_rcu_reclaim_done(void)
{
    MRL_RCU_RELEASE(&mrl_rcu_readers);
}
/* Waits until everything deferred so far is reclaimed. Not while reading. A reclaim that touches
 * what outlives it ends with mrl_rcu_reclaim_done(). */
static inline void mrl_rcu_barrier(void)
{
    urcu_memb_barrier();
    MRL_RCU_ACQUIRE(&mrl_rcu_readers);
}

#endif
