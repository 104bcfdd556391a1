/* SPDX-License-Identifier: Apache-2.0 */
#include "messages/receipt.h"

#include <stdatomic.h>
#include <stdlib.h>

struct mrl_receipt {
    struct mrl_message message;
    struct mrl_mailbox *home;
    _Atomic unsigned holds;
    _Atomic int result; /* an mrl_err */
    void (*done)(void *context, mrl_err result);
    void *context;
};

static void finish(struct mrl_receipt *r, mrl_err result)
{
    if (r->done != NULL)
        r->done(r->context, result);
    free(r);
}

static void on_finished(struct mrl_message *m, void *owner)
{
    struct mrl_receipt *r = MRL_CONTAINER(m, struct mrl_receipt, message);

    (void)owner;
    finish(r, (mrl_err)atomic_load_explicit(&r->result, memory_order_relaxed));
}

static void drop_finished(struct mrl_message *m)
{
    finish(MRL_CONTAINER(m, struct mrl_receipt, message), MRL_ERR_CLOSED);
}

struct mrl_receipt *mrl_receipt_new(struct mrl_mailbox *home)
{
    struct mrl_receipt *r = calloc(1, sizeof(*r));

    if (r == NULL)
        abort();
    r->message = (struct mrl_message){.handle = on_finished, .drop = drop_finished};
    r->home = home;
    atomic_init(&r->holds, 1);
    return r;
}

struct mrl_receipt *mrl_receipt_hold(struct mrl_receipt *r)
{
    atomic_fetch_add_explicit(&r->holds, 1, memory_order_relaxed);
    return r;
}

void mrl_receipt_let_go(struct mrl_receipt *r, mrl_err result)
{
    int none = MRL_OK;

    if (r == NULL)
        return;
    if (result != MRL_OK)
        (void)atomic_compare_exchange_strong(&r->result, &none, (int)result); /* else: not first */
    if (atomic_fetch_sub_explicit(&r->holds, 1, memory_order_acq_rel) == 1)
        mrl_mailbox_post(r->home, &r->message);
}

void mrl_receipt_then(struct mrl_receipt *r, void (*done)(void *context, mrl_err result),
                      void *context)
{
    r->done = done;
    r->context = context;
    mrl_receipt_let_go(r, MRL_OK);
}
