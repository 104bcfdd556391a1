/* SPDX-License-Identifier: Apache-2.0 */
/* The one thread that writes. Submitting pushes on a stack without a lock; the writer takes the
 * whole stack, turns it round and runs the jobs of a group between one BEGIN and one COMMIT. */
#include <errno.h>
#include <signal.h>
#include <time.h>

#include "store/state.h"

enum { GATHER_US = 1000 };

static uint64_t now_us(void)
{
    struct timespec t;

    (void)clock_gettime(CLOCK_MONOTONIC, &t); /* exists on every Linux */
    return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* Taken from the stack, oldest first. Only the writer thread touches it. */
struct fifo {
    struct mrl_write *head;
    struct mrl_write *tail;
};

void mrl_store_submit(struct mrl_store *s, struct mrl_write *w)
{
    struct mrl_write *newest = atomic_load_explicit(&s->submitted, memory_order_relaxed);

    atomic_fetch_add(&s->backlog, 1);
    w->result = MRL_OK;
    do {
        w->next = newest;
    } while (!atomic_compare_exchange_weak_explicit(&s->submitted, &newest, w, memory_order_release,
                                                    memory_order_relaxed));
    /* w may be done by now: only its predecessor, as a value, says whether the writer may sleep. */
    if (newest == NULL)
        (void)sem_post(&s->wake); /* cannot fail: one post per emptied stack */
}

static void take_submitted(struct mrl_store *s, struct fifo *f)
{
    struct mrl_write *newest = atomic_exchange_explicit(&s->submitted, NULL, memory_order_acquire);
    struct mrl_write *oldest = NULL;
    struct mrl_write *last = newest;

    while (newest != NULL) {
        struct mrl_write *before = newest->next;

        newest->next = oldest;
        oldest = newest;
        newest = before;
    }
    if (oldest == NULL)
        return;
    if (f->head == NULL)
        f->head = oldest;
    else
        f->tail->next = oldest;
    f->tail = last;
}

/* A job that refused by itself has set its own sentence: the store adds one only where it has one.
 */
static void fail_job(struct mrl_write *w, mrl_err err, const struct mrl_why *why)
{
    w->result = err;
    if (w->why != NULL && why->text[0] != '\0')
        *w->why = *why;
}

/* An error in *group means that the whole transaction is lost, not only this job. */
static void run_job(struct mrl_store *s, struct mrl_write *w, mrl_err *group, struct mrl_why *why)
{
    const struct mrl_engine *e = s->engine;
    struct mrl_tx tx = {.engine = e, .conn = s->writer, .attached = s->attached};
    mrl_err err = e->savepoint(s->writer, &tx.why);

    *group = err;
    if (err == MRL_OK) {
        err = w->run(&tx, w);
        if (err == MRL_OK)
            err = tx.failed; /* the callback did not look */
        e->end_rows(s->writer);
        if (!e->in_transaction(s->writer))
            *group = tx.failed == MRL_OK ? MRL_ERR_IO : tx.failed;
        else
            *group = err == MRL_OK ? e->release(s->writer, &tx.why) : e->undo(s->writer, why);
        if (err == MRL_OK)
            err = *group;
    }
    if (*group != MRL_OK && tx.why.text[0] != '\0')
        *why = tx.why;
    if (err != MRL_OK)
        fail_job(w, err, &tx.why);
}

/* Runs jobs from the head of f; *ran counts them also when the transaction is lost. */
static mrl_err run_jobs(struct mrl_store *s, struct fifo *f, unsigned *ran, struct mrl_why *why)
{
    mrl_err group = MRL_OK;

    for (struct mrl_write *w = f->head; w != NULL && *ran < s->group_max && group == MRL_OK;
         w = w->next) {
        run_job(s, w, &group, why);
        (*ran)++;
    }
    return group;
}

static void fail_group(struct fifo *f, unsigned count, mrl_err err, const struct mrl_why *why)
{
    for (struct mrl_write *w = f->head; w != NULL && count > 0; w = w->next, count--) {
        if (w->result == MRL_OK)
            fail_job(w, err, why);
    }
}

static void finish_job(struct mrl_store *s, struct mrl_write *w)
{
    mrl_err result = w->result;

    if (result == MRL_OK && w->committed != NULL)
        w->committed(w);
    atomic_fetch_add(&s->jobs, 1);
    atomic_fetch_sub(&s->backlog, 1);
    if (w->done != NULL)
        w->done(w, result);
}

/* Best effort at each commit until it is done: a reader must not hold up the writer. */
static void forget_old(struct mrl_store *s, const struct fifo *f, unsigned ran)
{
    struct mrl_why why;

    for (const struct mrl_write *w = f->head; w != NULL && ran > 0; w = w->next, ran--)
        s->forgetting |= w->forget && w->result == MRL_OK;
    if (s->forgetting && s->engine->forget(s->writer, &why) == MRL_OK)
        s->forgetting = false;
}

/* A group of nothing but refusals has written nothing: it proves nothing. */
static void note_health(struct mrl_store *s, const struct fifo *f, unsigned ran, mrl_err err)
{
    if (err != MRL_OK)
        atomic_store(&s->failing, true);
    for (const struct mrl_write *w = f->head; w != NULL && ran > 0; w = w->next, ran--)
        if (w->result == MRL_OK)
            atomic_store(&s->failing, false);
}

static void run_group(struct mrl_store *s, struct fifo *f)
{
    struct mrl_why why = {{0}};
    unsigned ran = 0;
    mrl_err err;

    s->group_began_us = now_us();
    err = s->engine->begin(s->writer, &why);

    if (err == MRL_OK)
        err = run_jobs(s, f, &ran, &why);
    else
        ran = s->group_max;
    if (err == MRL_OK)
        err = s->engine->commit(s->writer, &why);
    if (err != MRL_OK) {
        s->engine->rollback(s->writer);
        fail_group(f, ran, err, &why);
    }
    atomic_fetch_add(err == MRL_OK ? &s->commits : &s->failures, 1);
    note_health(s, f, ran, err);
    s->group_jobs = ran;
    if (err == MRL_OK) {
        if (s->group_committed != NULL)
            s->group_committed(s->attached);
        forget_old(s, f, ran);
    }
    for (; f->head != NULL && ran > 0; ran--) {
        struct mrl_write *w = f->head;

        f->head = w->next;
        finish_job(s, w);
    }
}

/* A commit costs the same for one job as for many. Where jobs come side by side, groups begin a
 * little apart, so that more of them share one; who writes alone never waits. */
static void gather(struct mrl_store *s, struct fifo *f)
{
    uint64_t passed = now_us() - s->group_began_us;
    struct timespec rest = {.tv_sec = 0};

    if (s->group_jobs < 2 || passed >= GATHER_US || atomic_load(&s->backlog) >= s->group_max)
        return;
    rest.tv_nsec = (long)(GATHER_US - passed) * 1000;
    (void)nanosleep(&rest, NULL); /* a signal only makes it shorter */
    take_submitted(s, f);
}

static void *write_until_stopped(void *context)
{
    struct mrl_store *s = context;
    struct fifo f = {0};

    (void)pthread_setname_np(pthread_self(), "writer"); /* for the eye only */
    for (;;) {
        bool stopping = atomic_load(&s->stopping); /* before looking: nothing comes after it */

        take_submitted(s, &f);
        if (f.head != NULL && !stopping)
            gather(s, &f);
        if (f.head != NULL)
            run_group(s, &f);
        else if (stopping)
            return NULL;
        else
            (void)sem_wait(&s->wake); /* interrupted: looks once more */
    }
}

mrl_err mrl_writer_start(struct mrl_store *s, struct mrl_why *why)
{
    sigset_t all, before;
    int rc;

    if (sem_init(&s->wake, 0, 0) != 0)
        return mrl_fail(why, MRL_ERR_IO, "cannot make a semaphore");
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the main thread */
    rc = pthread_create(&s->thread, NULL, write_until_stopped, s);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        (void)sem_destroy(&s->wake);
        return mrl_fail(why, MRL_ERR_IO, "cannot start the writer thread");
    }
    s->running = true;
    return MRL_OK;
}

void mrl_writer_stop(struct mrl_store *s)
{
    if (!s->running)
        return;
    atomic_store(&s->stopping, true);
    (void)sem_post(&s->wake);
    (void)pthread_join(s->thread, NULL);
    (void)sem_destroy(&s->wake);
    s->running = false;
}

/* mrl_store_write: a job around the caller's, so that the waiter never touches what done freed. */
struct waiting_job {
    struct mrl_write write;
    struct mrl_write *inner;
    sem_t finished;
    mrl_err result;
};

static mrl_err run_inner(struct mrl_tx *tx, struct mrl_write *w)
{
    struct waiting_job *j = MRL_CONTAINER(w, struct waiting_job, write);

    return j->inner->run(tx, j->inner);
}

static void inner_committed(struct mrl_write *w)
{
    struct waiting_job *j = MRL_CONTAINER(w, struct waiting_job, write);

    if (j->inner->committed != NULL)
        j->inner->committed(j->inner);
}

static void inner_done(struct mrl_write *w, mrl_err result)
{
    struct waiting_job *j = MRL_CONTAINER(w, struct waiting_job, write);

    if (j->inner->done != NULL)
        j->inner->done(j->inner, result);
    j->result = result;
    (void)sem_post(&j->finished);
}

mrl_err mrl_store_write(struct mrl_store *s, struct mrl_write *w)
{
    struct waiting_job j = {
        .write = {.run = run_inner,
                  .committed = inner_committed,
                  .done = inner_done,
                  .why = w->why,
                  .forget = w->forget},
        .inner = w,
    };

    MRL_ENSURE(sem_init(&j.finished, 0, 0) == 0, MRL_ERR_IO);
    mrl_store_submit(s, &j.write);
    while (sem_wait(&j.finished) != 0 && errno == EINTR)
        continue;
    (void)sem_destroy(&j.finished);
    return j.result;
}
