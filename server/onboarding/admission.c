/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/admission.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/map.h"
#include "base/random.h"

enum { SLOT_MS = 1000, FIRST_MS = 10 /* for one enrolment, until it is known better */ };

struct source {
    struct mrl_map_node node;
    size_t waiting;
    char key[MRL_ADMISSION_SOURCE_MAX];
};

struct mrl_admission {
    struct mrl_admission_config config;
    pthread_mutex_t lock; /* held for a few instructions only */
    size_t waiting;
    struct mrl_map sources; /* those that wait */
    uint64_t slot_ms;       /* beginning of what is counted in done */
    uint64_t done;
    double each_ms;     /* what one enrolment takes when many wait */
    double line_end_ms; /* when the last one that was sent away is to come */
};

struct mrl_admission *mrl_admission_new(const struct mrl_admission_config *config)
{
    struct mrl_admission *a = calloc(1, sizeof(*a));

    if (a == NULL || pthread_mutex_init(&a->lock, NULL) != 0)
        abort();
    a->config = *config;
    if (a->config.now_ms == NULL)
        a->config.now_ms = mrl_monotonic_ms;
    if (a->config.of_source == 0)
        a->config.of_source = a->config.waiting;
    a->slot_ms = a->config.now_ms();
    a->each_ms = FIRST_MS;
    return a;
}

void mrl_admission_free(struct mrl_admission *a)
{
    if (a == NULL)
        return;
    for (struct mrl_map_node *n; (n = mrl_map_pop(&a->sources)) != NULL;)
        free(MRL_CONTAINER(n, struct source, node));
    mrl_map_done(&a->sources);
    (void)pthread_mutex_destroy(&a->lock); /* nobody holds it */
    free(a);
}

static void lock(struct mrl_admission *a)
{
    (void)pthread_mutex_lock(&a->lock); /* our own, not recursive: cannot fail */
}

static void unlock(struct mrl_admission *a)
{
    (void)pthread_mutex_unlock(&a->lock);
}

static mrl_bytes key_of(mrl_bytes source)
{
    return mrl_bytes_sub(source, 0, MRL_ADMISSION_SOURCE_MAX);
}

static struct source *find(const struct mrl_admission *a, mrl_bytes source)
{
    struct mrl_map_node *n = mrl_map_find(&a->sources, key_of(source));

    return n == NULL ? NULL : MRL_CONTAINER(n, struct source, node);
}

static void add(struct mrl_admission *a, mrl_bytes source)
{
    struct source *s = find(a, source);

    a->waiting++;
    if (s == NULL) {
        mrl_bytes key = key_of(source);

        s = calloc(1, sizeof(*s));
        if (s == NULL)
            abort();
        if (key.len > 0)
            memcpy(s->key, key.data, key.len);
        s->node.key = mrl_bytes_of(s->key, key.len);
        mrl_map_insert(&a->sources, &s->node);
    }
    s->waiting++;
}

/* A place in the line outside, which moves on as fast as the one inside. Nobody comes sooner than
 * it takes to serve those who wait; who comes a little later does not meet the next. */
static unsigned place(struct mrl_admission *a, uint64_t now_ms)
{
    double first = (double)now_ms + (double)a->waiting * a->each_ms, wait_ms;
    uint64_t wait_s;

    if (a->line_end_ms < first)
        a->line_end_ms = first;
    a->line_end_ms += a->each_ms;
    wait_ms = a->line_end_ms - (double)now_ms;
    if (wait_ms > MRL_ADMISSION_WAIT_MAX_S * 1000.0) { /* the line is as long as it can be */
        a->line_end_ms = (double)now_ms + MRL_ADMISSION_WAIT_MAX_S * 1000.0;
        return MRL_ADMISSION_WAIT_MAX_S / 2 + 1 + mrl_random_below(MRL_ADMISSION_WAIT_MAX_S / 2);
    }
    wait_s = (uint64_t)(wait_ms / 1000) + 1;
    wait_s += mrl_random_below((uint32_t)wait_s / 4 + 1);
    return wait_s < MRL_ADMISSION_WAIT_MAX_S ? (unsigned)wait_s : MRL_ADMISSION_WAIT_MAX_S;
}

enum mrl_admission_verdict mrl_admission_enter(struct mrl_admission *a, mrl_bytes source,
                                               unsigned *wait_s)
{
    enum mrl_admission_verdict verdict = MRL_ADMITTED;
    const struct source *s;

    lock(a);
    s = find(a, source);
    if (a->waiting >= a->config.waiting)
        verdict = MRL_ADMISSION_FULL;
    else if (s != NULL && s->waiting >= a->config.of_source)
        verdict = MRL_ADMISSION_SOURCE_FULL;
    if (verdict == MRL_ADMITTED)
        add(a, source);
    else
        *wait_s = place(a, a->config.now_ms());
    unlock(a);
    return verdict;
}

/* The speed of a second in which some always waited; a quiet one tells nothing. */
static void measure(struct mrl_admission *a, uint64_t now_ms)
{
    uint64_t passed = now_ms - a->slot_ms;

    a->done++;
    if (passed < SLOT_MS)
        return;
    if (a->waiting > 0 && passed < 2 * (uint64_t)SLOT_MS)
        a->each_ms = (a->each_ms + (double)passed / (double)a->done) / 2;
    a->slot_ms = now_ms;
    a->done = 0;
}

void mrl_admission_leave(struct mrl_admission *a, mrl_bytes source)
{
    struct source *s;

    lock(a);
    s = find(a, source);
    if (s != NULL) {
        a->waiting--;
        measure(a, a->config.now_ms());
        if (--s->waiting == 0) {
            mrl_map_remove(&a->sources, &s->node);
            free(s);
        }
    }
    unlock(a);
}

unsigned mrl_admission_later(struct mrl_admission *a)
{
    unsigned wait_s;

    lock(a);
    wait_s = place(a, a->config.now_ms());
    unlock(a);
    return wait_s;
}

size_t mrl_admission_waiting(struct mrl_admission *a)
{
    size_t waiting;

    lock(a);
    waiting = a->waiting;
    unlock(a);
    return waiting;
}
