/* SPDX-License-Identifier: Apache-2.0 */
#include "net/resolve.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

/* Of the caller and of the thread: the last one of them frees it. */
struct asked {
    pthread_mutex_t lock;
    pthread_cond_t answered;
    unsigned holders;
    bool done;
    mrl_look_up *look_up;
    char *host;
    uint16_t port;
    struct mrl_address address;
    struct mrl_why why;
    mrl_err result;
};

static _Atomic unsigned under_way;

static struct asked *asked_new(mrl_look_up *look_up, mrl_bytes host, uint16_t port)
{
    struct asked *a = calloc(1, sizeof(*a));
    pthread_condattr_t attributes;

    if (a == NULL || pthread_mutex_init(&a->lock, NULL) != 0 ||
        pthread_condattr_init(&attributes) != 0 ||
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC) != 0 ||
        pthread_cond_init(&a->answered, &attributes) != 0)
        abort(); /* memory only */
    (void)pthread_condattr_destroy(&attributes);
    a->holders = 2;
    a->look_up = look_up;
    a->host = mrl_bytes_dup_cstr(host);
    a->port = port;
    return a;
}

static void let_go(struct asked *a)
{
    bool last;

    (void)pthread_mutex_lock(&a->lock);
    last = --a->holders == 0;
    (void)pthread_mutex_unlock(&a->lock);
    if (!last)
        return;
    (void)pthread_cond_destroy(&a->answered);
    (void)pthread_mutex_destroy(&a->lock);
    free(a->host);
    free(a);
}

static void *look_up(void *context)
{
    struct asked *a = context;
    mrl_err result = a->look_up(mrl_str(a->host), a->port, &a->address, &a->why);

    (void)pthread_mutex_lock(&a->lock);
    a->result = result;
    a->done = true;
    (void)pthread_cond_signal(&a->answered);
    (void)pthread_mutex_unlock(&a->lock);
    under_way--;
    let_go(a);
    return NULL;
}

/* Signals are for the threads that wait for them. */
static mrl_err start(struct asked *a)
{
    sigset_t all, before;
    pthread_t thread;
    int rc;

    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    rc = pthread_create(&thread, NULL, look_up, a);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    MRL_ENSURE(rc == 0, MRL_ERR_BUSY);
    (void)pthread_detach(thread);
    return MRL_OK;
}

/* address and why are the thread's until it is done. */
static mrl_err wait_for(struct asked *a, uint64_t deadline_ms, struct mrl_address *out,
                        struct mrl_why *why)
{
    const struct timespec until = {.tv_sec = (time_t)(deadline_ms / 1000),
                                   .tv_nsec = (long)(deadline_ms % 1000) * 1000000};
    mrl_err err = MRL_ERR_TIMEOUT;
    int rc = 0;

    (void)pthread_mutex_lock(&a->lock);
    while (!a->done && rc == 0)
        rc = pthread_cond_timedwait(&a->answered, &a->lock, &until);
    if (a->done)
        err = a->result;
    (void)pthread_mutex_unlock(&a->lock);
    if (err == MRL_ERR_TIMEOUT)
        return mrl_fail(why, err, "%s: the name was not resolved in time", a->host);
    if (err == MRL_OK)
        *out = a->address;
    else if (why != NULL)
        *why = a->why;
    return err;
}

static mrl_err too_many(struct mrl_why *why)
{
    return mrl_fail(why, MRL_ERR_BUSY, "too many names wait to be resolved");
}

mrl_err mrl_resolve_by(mrl_look_up *by, mrl_bytes host, uint16_t port, uint64_t deadline_ms,
                       struct mrl_address *out, struct mrl_why *why)
{
    struct asked *a;
    mrl_err err;

    if (under_way++ >= MRL_RESOLVE_MAX) {
        under_way--;
        return too_many(why);
    }
    a = asked_new(by, host, port);
    if (start(a) == MRL_OK) {
        err = wait_for(a, deadline_ms, out, why);
    } else {
        under_way--;
        let_go(a);
        err = too_many(why);
    }
    let_go(a);
    return err;
}

mrl_err mrl_resolve(mrl_bytes host, uint16_t port, uint64_t deadline_ms, struct mrl_address *out,
                    struct mrl_why *why)
{
    if (mrl_address_of_host(host, port, out))
        return MRL_OK;
    return mrl_resolve_by(mrl_address_resolve, host, port, deadline_ms, out, why);
}
