/* SPDX-License-Identifier: Apache-2.0 */
#include "messages/gather.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "messages/keep.h"

struct mrl_gather {
    struct mrl_hub *home;
    _Atomic unsigned awaited; /* answers, and the end */
    struct mrl_list ops;
};

struct answer {
    struct mrl_message message;
    struct mrl_gather *gather;
    struct mrl_list ops;
};

static struct mrl_gather *gather_new(struct mrl_hub *h, struct mrl_op *with)
{
    struct mrl_gather *g = calloc(1, sizeof(*g));

    if (g == NULL)
        abort();
    g->home = h;
    atomic_init(&g->awaited, 1);
    mrl_list_init(&g->ops);
    mrl_op_move(with, g, &g->ops);
    return g;
}

struct mrl_gather *mrl_gather_begin(struct mrl_hub *h, struct mrl_op *with)
{
    struct mrl_gather *g =
        with->gather == NULL ? gather_new(h, with) : mrl_gather_ask(with->gather);

    mrl_journal_divert(h->journal, &g->ops);
    return g;
}

static void complete_one(struct mrl_gather *g)
{
    if (atomic_fetch_sub(&g->awaited, 1) != 1)
        return;
    mrl_journal_take(g->home->journal, &g->ops);
    free(g);
}

void mrl_gather_end(struct mrl_gather *g)
{
    mrl_journal_divert(g->home->journal, NULL);
    complete_one(g);
}

struct mrl_gather *mrl_gather_ask(struct mrl_gather *g)
{
    atomic_fetch_add(&g->awaited, 1);
    return g;
}

static void move_all(struct mrl_list *from, struct mrl_list *to)
{
    struct mrl_list *link;

    while ((link = mrl_list_pop(from)) != NULL)
        mrl_list_add(to, link);
}

static void on_answer(struct mrl_message *m, void *owner)
{
    struct answer *a = MRL_CONTAINER(m, struct answer, message);

    (void)owner;
    move_all(&a->ops, &a->gather->ops);
    complete_one(a->gather);
    free(a);
}

static void drop_answer(struct mrl_message *m)
{
    struct answer *a = MRL_CONTAINER(m, struct answer, message);

    mrl_ops_free(&a->ops);
    if (atomic_fetch_sub(&a->gather->awaited, 1) == 1) {
        mrl_ops_free(&a->gather->ops);
        free(a->gather);
    }
    free(a);
}

void mrl_gather_answer(struct mrl_gather *g, struct mrl_list *ops)
{
    struct answer *a = calloc(1, sizeof(*a));

    if (a == NULL)
        abort();
    a->message = (struct mrl_message){.handle = on_answer, .drop = drop_answer};
    a->gather = g;
    mrl_list_init(&a->ops);
    move_all(ops, &a->ops);
    mrl_mailbox_post(g->home->mailbox, &a->message);
}
