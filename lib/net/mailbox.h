/* SPDX-License-Identifier: Apache-2.0 */
/* Messages to a worker: a wait-free queue and one eventfd. Layer: net. Thread: posting from any,
 * handling on the thread of the loop. Posting hands the message over, for good. */
#ifndef MRL_NET_MAILBOX_H
#define MRL_NET_MAILBOX_H

#include <urcu/wfcqueue.h>

#include "base/err.h"
#include "net/loop.h"

struct mrl_mailbox;

/* The first field of every message. handle (called on the worker, with the mailbox's owner) and
 * drop (called instead when the mailbox is freed first) each take the message. */
struct mrl_message {
    struct cds_wfcq_node node;
    void (*handle)(struct mrl_message *m, void *owner);
    void (*drop)(struct mrl_message *m);
};

/* Borrows loop and owner until freed. MRL_ERR_IO: no descriptors left. */
mrl_err mrl_mailbox_new(struct mrl_loop *loop, void *owner, struct mrl_mailbox **out);
/* The loop does not run any more: drops what was posted. false: nothing was. */
bool mrl_mailbox_discard(struct mrl_mailbox *m);
/* The loop does not run any more and nobody posts any more. Undelivered messages are dropped. */
void mrl_mailbox_free(struct mrl_mailbox *m); /* NULL is fine */
MRL_AUTO_DEFINE(mrl_mailbox);

/* Never blocks and never fails. Messages of one poster are handled in the order posted. The worker
 * is woken only when its queue was empty. */
void mrl_mailbox_post(struct mrl_mailbox *m, struct mrl_message *message);

#endif
