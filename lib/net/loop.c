/* SPDX-License-Identifier: Apache-2.0 */
#include "net/loop.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/pace.h"

enum { EVENTS_PER_TURN = 256, NS_PER_S = 1000000000, NS_PER_MS = 1000000, US_PER_S = 1000000 };

struct mrl_loop {
    int epoll;
    struct mrl_watch wake; /* eventfd that mrl_loop_stop writes */
    atomic_bool stopping;
    uint64_t now;
    struct mrl_timers timers;
    struct mrl_list later;
    struct mrl_pace pace;
    /* The batch being handled, so that a removed watch can be taken out of it. */
    struct epoll_event batch[EVENTS_PER_TURN];
    int batch_at;
    int batch_count;
};

static void drain_wake(struct mrl_watch *w, uint32_t events)
{
    uint64_t ignored;

    (void)events;
    (void)!read(w->fd, &ignored, sizeof(ignored)); /* its only message is that it is readable */
}

mrl_err mrl_loop_new(struct mrl_loop **out)
{
    struct mrl_loop *l = calloc(1, sizeof(*l));

    if (l == NULL)
        abort();
    l->now = mrl_monotonic_ms();
    mrl_timers_init(&l->timers, l->now);
    mrl_list_init(&l->later);
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    l->wake = (struct mrl_watch){.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), .ready = drain_wake};
    if (l->epoll < 0 || l->wake.fd < 0 || mrl_loop_add(l, &l->wake, EPOLLIN) != MRL_OK) {
        mrl_loop_free(l);
        return MRL_ERR_IO;
    }
    *out = l;
    return MRL_OK;
}

void mrl_loop_free(struct mrl_loop *l)
{
    if (l == NULL)
        return;
    if (l->wake.fd >= 0)
        (void)close(l->wake.fd);
    if (l->epoll >= 0)
        (void)close(l->epoll);
    free(l);
}

static mrl_err control(struct mrl_loop *l, int op, struct mrl_watch *w, uint32_t events)
{
    struct epoll_event e = {.events = events, .data.ptr = w};

    MRL_ENSURE(epoll_ctl(l->epoll, op, w->fd, &e) == 0, MRL_ERR_IO);
    w->events = events;
    return MRL_OK;
}

mrl_err mrl_loop_add(struct mrl_loop *l, struct mrl_watch *w, uint32_t events)
{
    MRL_TRY(control(l, EPOLL_CTL_ADD, w, events));
    w->added = true;
    return MRL_OK;
}

mrl_err mrl_loop_change(struct mrl_loop *l, struct mrl_watch *w, uint32_t events)
{
    MRL_ENSURE(w->added, MRL_ERR_STATE);
    return events == w->events ? MRL_OK : control(l, EPOLL_CTL_MOD, w, events);
}

void mrl_loop_remove(struct mrl_loop *l, struct mrl_watch *w)
{
    if (!w->added)
        return;
    w->added = false;
    (void)epoll_ctl(l->epoll, EPOLL_CTL_DEL, w->fd, NULL); /* fails only when fd is closed: gone */
    for (int i = l->batch_at; i < l->batch_count; i++)
        if (l->batch[i].data.ptr == w)
            l->batch[i].data.ptr = NULL;
}

void mrl_loop_timer(struct mrl_loop *l, struct mrl_timer *t, uint64_t after_ms)
{
    mrl_timer_set(&l->timers, t, l->now, after_ms);
}

void mrl_loop_later(struct mrl_loop *l, struct mrl_later *later)
{
    if (later->asked)
        return;
    later->asked = true;
    mrl_list_add(&l->later, &later->node);
}

bool mrl_loop_has_later(const struct mrl_loop *l)
{
    return !mrl_list_empty(&l->later);
}

void mrl_loop_later_cancel(struct mrl_later *later)
{
    if (!later->asked)
        return;
    later->asked = false;
    mrl_list_remove(&later->node);
}

void mrl_loop_let_gather(struct mrl_loop *l, uint64_t most_us)
{
    l->pace = (struct mrl_pace){.most_ns = most_us < US_PER_S ? most_us * 1000 : NS_PER_S - 1};
}

static uint64_t read_ns(clockid_t clock)
{
    struct timespec t;

    (void)clock_gettime(clock, &t); /* fails only for unknown clocks */
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

/* A signal ends the wait early: no harm. */
static void gather(struct mrl_loop *l, uint64_t began_ns)
{
    uint64_t now = read_ns(CLOCK_MONOTONIC);
    struct timespec wait = {0};

    if (mrl_pace_is_due(&l->pace, now))
        mrl_pace_judge(&l->pace, now, read_ns(CLOCK_THREAD_CPUTIME_ID));
    wait.tv_nsec = (long)mrl_pace_wait(&l->pace, now - began_ns);
    if (wait.tv_nsec > 0)
        (void)nanosleep(&wait, NULL);
}

uint64_t mrl_loop_now(const struct mrl_loop *l)
{
    return l->now;
}

static void run_later(struct mrl_loop *l)
{
    for (struct mrl_list *node = mrl_list_pop(&l->later); node != NULL;
         node = mrl_list_pop(&l->later)) {
        struct mrl_later *later = MRL_CONTAINER(node, struct mrl_later, node);

        later->asked = false;
        later->run(later);
    }
}

static void run_ready(struct mrl_loop *l)
{
    for (l->batch_at = 0; l->batch_at < l->batch_count;) {
        const struct epoll_event *e = &l->batch[l->batch_at++];
        struct mrl_watch *w = e->data.ptr;

        if (w != NULL)
            w->ready(w, e->events);
    }
    l->batch_count = 0;
}

static int shorter_wait(int a, int b)
{
    if (a < 0 || b < 0)
        return a < 0 ? b : a;
    return a < b ? a : b;
}

mrl_err mrl_loop_turn(struct mrl_loop *l, int wait_ms)
{
    int wait = shorter_wait(wait_ms, mrl_timers_wait_ms(&l->timers, mrl_monotonic_ms()));
    uint64_t began;
    int got;

    if (!mrl_list_empty(&l->later))
        wait = 0; /* asked for between turns */
    got = epoll_wait(l->epoll, l->batch, EVENTS_PER_TURN, wait);
    MRL_ENSURE(got >= 0 || errno == EINTR, MRL_ERR_IO);
    l->batch_count = got > 0 ? got : 0;
    mrl_pace_count(&l->pace, (unsigned)l->batch_count);
    began = read_ns(CLOCK_MONOTONIC);
    l->now = began / NS_PER_MS;
    run_ready(l);
    mrl_timers_advance(&l->timers, l->now);
    run_later(l);
    if (l->pace.most_ns > 0)
        gather(l, began);
    return MRL_OK;
}

mrl_err mrl_loop_run(struct mrl_loop *l)
{
    while (!atomic_load(&l->stopping))
        MRL_TRY(mrl_loop_turn(l, -1));
    atomic_store(&l->stopping, false);
    return MRL_OK;
}

void mrl_loop_stop(struct mrl_loop *l)
{
    uint64_t one = 1;

    atomic_store(&l->stopping, true);
    (void)!write(l->wake.fd, &one, sizeof(one)); /* fails only when it is readable already */
}
