/* SPDX-License-Identifier: Apache-2.0 */
#include "net/mailbox.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* ThreadSanitizer does not see the ordering inside liburcu; tell it where a message changes hands.
 */
#if defined(__SANITIZE_THREAD__)
#define SEES_THREADS 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SEES_THREADS 1
#endif
#endif
#ifdef SEES_THREADS
#include <sanitizer/tsan_interface.h>
#define HANDED_OVER(m) __tsan_release(m)
#define TAKEN_OVER(m) __tsan_acquire(m)
#else
#define HANDED_OVER(m) (void)(m)
#define TAKEN_OVER(m) (void)(m)
#endif

struct mrl_mailbox {
    struct cds_wfcq_tail tail; /* posters */
    struct cds_wfcq_head head; /* the worker */
    struct mrl_watch watch;
    struct mrl_loop *loop;
    void *owner;
};

/* Everything posted up to now; what is posted meanwhile comes in the next turn. */
static bool take_posted(struct mrl_mailbox *m,
                        void (*each)(struct mrl_mailbox *, struct mrl_message *))
{
    struct cds_wfcq_head head;
    struct cds_wfcq_tail tail;
    struct cds_wfcq_node *node;
    bool any = false;

    cds_wfcq_init(&head, &tail);
    (void)__cds_wfcq_splice_blocking(&head, &tail, &m->head, &m->tail); /* empty is fine */
    while ((node = __cds_wfcq_dequeue_blocking(&head, &tail)) != NULL) {
        struct mrl_message *message = MRL_CONTAINER(node, struct mrl_message, node);

        TAKEN_OVER(message);
        each(m, message);
        any = true;
    }
    return any;
}

static void handle_one(struct mrl_mailbox *m, struct mrl_message *message)
{
    message->handle(message, m->owner);
}

static void drop_one(struct mrl_mailbox *m, struct mrl_message *message)
{
    (void)m;
    message->drop(message);
}

static void on_posted(struct mrl_watch *w, uint32_t events)
{
    uint64_t ignored;

    (void)events;
    (void)!read(w->fd, &ignored, sizeof(ignored)); /* its only message is that it is readable */
    (void)take_posted(MRL_CONTAINER(w, struct mrl_mailbox, watch), handle_one);
}

mrl_err mrl_mailbox_new(struct mrl_loop *loop, void *owner, struct mrl_mailbox **out)
{
    struct mrl_mailbox *m = calloc(1, sizeof(*m));

    if (m == NULL)
        abort();
    cds_wfcq_init(&m->head, &m->tail);
    m->loop = loop;
    m->owner = owner;
    m->watch = (struct mrl_watch){.fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), .ready = on_posted};
    if (m->watch.fd < 0 || mrl_loop_add(loop, &m->watch, EPOLLIN) != MRL_OK) {
        mrl_mailbox_free(m);
        return MRL_ERR_IO;
    }
    *out = m;
    return MRL_OK;
}

bool mrl_mailbox_discard(struct mrl_mailbox *m)
{
    return take_posted(m, drop_one);
}

void mrl_mailbox_free(struct mrl_mailbox *m)
{
    if (m == NULL)
        return;
    mrl_loop_remove(m->loop, &m->watch);
    (void)take_posted(m, drop_one);
    if (m->watch.fd >= 0)
        (void)close(m->watch.fd);
    cds_wfcq_destroy(&m->head, &m->tail);
    free(m);
}

void mrl_mailbox_post(struct mrl_mailbox *m, struct mrl_message *message)
{
    uint64_t one = 1;

    cds_wfcq_node_init(&message->node);
    HANDED_OVER(message);
    if (!cds_wfcq_enqueue(&m->head, &m->tail, &message->node))
        (void)!write(m->watch.fd, &one, sizeof(one)); /* fails only when it is readable already */
}
