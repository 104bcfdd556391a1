/* SPDX-License-Identifier: Apache-2.0 */
#include "net/service.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <urcu/urcu-memb.h>

enum { NAME_SIZE = 16 }; /* what the kernel keeps of a thread's name */

struct mrl_service {
    pthread_mutex_t lock;
    pthread_cond_t work;
    struct mrl_list queue;
    size_t queued;
    size_t queue_limit;
    bool stopping;
    char name[NAME_SIZE];
    unsigned count; /* of threads started */
    pthread_t threads[MRL_SERVICE_THREADS_MAX];
};

/* NULL: stopping and nothing is left. */
static struct mrl_job *next_job(struct mrl_service *s)
{
    struct mrl_list *node;

    pthread_mutex_lock(&s->lock);
    while (mrl_list_empty(&s->queue) && !s->stopping)
        pthread_cond_wait(&s->work, &s->lock);
    node = mrl_list_pop(&s->queue);
    if (node != NULL)
        s->queued--;
    pthread_mutex_unlock(&s->lock);
    return node == NULL ? NULL : MRL_CONTAINER(node, struct mrl_job, node);
}

static void *serve(void *argument)
{
    struct mrl_service *s = argument;

    (void)pthread_setname_np(pthread_self(), s->name); /* for the eye only */
    urcu_memb_register_thread();
    for (struct mrl_job *job = next_job(s); job != NULL; job = next_job(s))
        job->run(job);
    urcu_memb_unregister_thread();
    return NULL;
}

mrl_err mrl_service_new(const char *name, unsigned threads, size_t queue_limit,
                        struct mrl_service **out)
{
    MRL_AUTO(mrl_service) s = NULL;

    MRL_ENSURE(threads > 0 && threads <= MRL_SERVICE_THREADS_MAX && queue_limit > 0,
               MRL_ERR_INVALID);
    s = calloc(1, sizeof(*s));
    if (s == NULL)
        abort();
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->work, NULL);
    mrl_list_init(&s->queue);
    s->queue_limit = queue_limit;
    (void)snprintf(s->name, sizeof(s->name), "%s", name); /* cut: for the eye only */
    for (; s->count < threads; s->count++)
        MRL_ENSURE(pthread_create(&s->threads[s->count], NULL, serve, s) == 0, MRL_ERR_IO);
    *out = MRL_TAKE(s);
    return MRL_OK;
}

void mrl_service_free(struct mrl_service *s)
{
    if (s == NULL)
        return;
    pthread_mutex_lock(&s->lock);
    s->stopping = true;
    pthread_cond_broadcast(&s->work);
    pthread_mutex_unlock(&s->lock);
    for (unsigned i = 0; i < s->count; i++)
        (void)pthread_join(s->threads[i], NULL); /* ours, joined once */
    pthread_cond_destroy(&s->work);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

static mrl_err enqueue(struct mrl_service *s, struct mrl_job *job)
{
    MRL_ENSURE(!s->stopping, MRL_ERR_STATE);
    MRL_ENSURE(s->queued < s->queue_limit, MRL_ERR_BUSY);
    mrl_list_add(&s->queue, &job->node);
    s->queued++;
    pthread_cond_signal(&s->work);
    return MRL_OK;
}

mrl_err mrl_service_submit(struct mrl_service *s, struct mrl_job *job)
{
    mrl_err err;

    pthread_mutex_lock(&s->lock);
    err = enqueue(s, job);
    pthread_mutex_unlock(&s->lock);
    return err;
}
