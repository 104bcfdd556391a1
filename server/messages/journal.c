/* SPDX-License-Identifier: Apache-2.0 */
#include "messages/journal.h"

#include <stdlib.h>
#include <string.h>

enum { RETRY_MS = 1000 };

struct mrl_journal {
    struct mrl_ledger *ledger;
    struct mrl_loop *loop;
    struct mrl_mailbox *mailbox;
    struct mrl_list collecting;
    struct mrl_list *into; /* diverted: or NULL */
    struct mrl_later leave;
    struct mrl_timer retry;
    unsigned on_the_way; /* batches: one, but while flushing */
};

struct batch {
    struct mrl_write write;
    struct mrl_message message;
    struct mrl_journal *journal;
    struct mrl_list ops;
    mrl_err result;
    struct mrl_why why;
};

/* Operations of another worker's journal that became durable, or not, with ours. */
struct settled {
    struct mrl_message message;
    struct mrl_list ops;
    mrl_err result;
};

static void leave(struct mrl_later *l);
static void on_retry(struct mrl_timer *t);

struct mrl_journal *mrl_journal_new(struct mrl_ledger *l, struct mrl_loop *loop,
                                    struct mrl_mailbox *mailbox)
{
    struct mrl_journal *j = calloc(1, sizeof(*j));

    if (j == NULL)
        abort();
    j->ledger = l;
    j->loop = loop;
    j->mailbox = mailbox;
    j->leave.run = leave;
    j->retry.fire = on_retry;
    mrl_list_init(&j->collecting);
    return j;
}

struct mrl_ledger *mrl_journal_ledger(struct mrl_journal *j)
{
    return j->ledger;
}

struct mrl_op *mrl_op_new(enum mrl_op_kind kind, mrl_bytes tail)
{
    struct mrl_op *op = calloc(1, sizeof(*op) + tail.len);

    if (op == NULL)
        abort();
    op->kind = kind;
    op->tail_len = tail.len;
    if (tail.len > 0)
        memcpy(op->tail, tail.data, tail.len);
    mrl_list_init(&op->link);
    mrl_list_init(&op->of_session);
    return op;
}

mrl_bytes mrl_op_tail(const struct mrl_op *op)
{
    return mrl_bytes_of(op->tail, op->tail_len);
}

static void op_free(struct mrl_op *op)
{
    mrl_list_remove(&op->link);
    mrl_list_remove(&op->of_session);
    if (op->forget != NULL)
        op->forget(op);
    mrl_publication_unref(op->publication);
    free(op);
}

void mrl_op_let_go(struct mrl_op *op, mrl_err result)
{
    struct mrl_receipt *r = op->receipt;

    op->receipt = NULL;
    mrl_receipt_let_go(r, result);
}

void mrl_op_cancel(struct mrl_op *op, mrl_err result)
{
    mrl_op_let_go(op, result);
    op_free(op);
}

static bool may_be_diverted(const struct mrl_op *op)
{
    return op->kind == MRL_OP_MESSAGE || op->kind == MRL_OP_MESSAGE_GONE ||
           op->kind == MRL_OP_ENTRY || op->kind == MRL_OP_OWED_EARLY || op->kind == MRL_OP_NOTHING;
}

void mrl_journal_add(struct mrl_journal *j, struct mrl_op *op)
{
    op->journal = j;
    if (j->into != NULL && may_be_diverted(op)) {
        mrl_list_add(j->into, &op->link);
        return;
    }
    op->collecting = true;
    mrl_list_add(&j->collecting, &op->link);
    mrl_loop_later(j->loop, &j->leave);
}

void mrl_journal_add_behind(struct mrl_journal *j, struct mrl_op *gathered, struct mrl_op *op)
{
    op->journal = j;
    op->gather = gathered->gather;
    mrl_list_add_front(&gathered->link, &op->link);
}

void mrl_journal_divert(struct mrl_journal *j, struct mrl_list *into)
{
    j->into = into;
}

bool mrl_journal_diverted(const struct mrl_journal *j)
{
    return j->into != NULL;
}

static void splice(struct mrl_list *from, struct mrl_list *to)
{
    struct mrl_list *link;

    while ((link = mrl_list_pop(from)) != NULL)
        mrl_list_add(to, link);
}

void mrl_journal_take(struct mrl_journal *j, struct mrl_list *ops)
{
    MRL_LIST_EACH(op, ops, struct mrl_op, link)
    {
        if (op->gather != NULL) /* one of our own: those of others are read by their workers */
            op->gather = NULL;
    }
    splice(ops, &j->collecting);
    mrl_loop_later(j->loop, &j->leave);
}

void mrl_op_move(struct mrl_op *op, struct mrl_gather *g, struct mrl_list *into)
{
    op->collecting = false;
    op->gather = g;
    mrl_list_remove(&op->link);
    mrl_list_add(into, &op->link);
}

static mrl_err run_batch(struct mrl_tx *tx, struct mrl_write *w)
{
    struct batch *b = MRL_CONTAINER(w, struct batch, write);

    return mrl_journal_write(tx, b->journal->ledger, &b->ops);
}

/* On the writer thread. */
static void batch_done(struct mrl_write *w, mrl_err result)
{
    struct batch *b = MRL_CONTAINER(w, struct batch, write);

    b->result = result;
    mrl_mailbox_post(b->journal->mailbox, &b->message);
}

static void settle(struct mrl_op *op, mrl_err result)
{
    mrl_list_remove(&op->link);
    mrl_list_remove(&op->of_session);
    if (op->settle != NULL)
        op->settle(op, result);
    mrl_op_let_go(op, result);
    op_free(op);
}

static void settle_all(struct mrl_list *ops, mrl_err result)
{
    struct mrl_list *link;

    while ((link = mrl_list_pop(ops)) != NULL)
        settle(MRL_CONTAINER(link, struct mrl_op, link), result);
}

void mrl_ops_free(struct mrl_list *ops)
{
    struct mrl_list *link;

    while ((link = mrl_list_pop(ops)) != NULL)
        mrl_op_cancel(MRL_CONTAINER(link, struct mrl_op, link), MRL_ERR_CLOSED);
}

static void on_settled(struct mrl_message *m, void *owner)
{
    struct settled *s = MRL_CONTAINER(m, struct settled, message);

    (void)owner;
    settle_all(&s->ops, s->result);
    free(s);
}

static void drop_settled(struct mrl_message *m)
{
    struct settled *s = MRL_CONTAINER(m, struct settled, message);

    mrl_ops_free(&s->ops);
    free(s);
}

/* All of ops that belong to the same journal as the first go to its worker. */
static void send_home(struct mrl_list *ops, mrl_err result)
{
    struct mrl_journal *home = MRL_CONTAINER(ops->next, struct mrl_op, link)->journal;
    struct settled *s = calloc(1, sizeof(*s));

    if (s == NULL)
        abort();
    s->message = (struct mrl_message){.handle = on_settled, .drop = drop_settled};
    s->result = result;
    mrl_list_init(&s->ops);
    MRL_LIST_EACH(op, ops, struct mrl_op, link)
    {
        if (op->journal != home)
            continue;
        mrl_list_remove(&op->link);
        mrl_list_add(&s->ops, &op->link);
    }
    mrl_mailbox_post(home->mailbox, &s->message);
}

/* What must be done goes to the front of the next batch: later operations build on it. An entry
 * whose receiver has it, or has gone, need not be written any more; those of other workers only
 * they know. */
static bool goes_again(const struct mrl_op *op, const struct mrl_journal *j)
{
    return op->must && (op->kind != MRL_OP_ENTRY || op->journal != j || op->owner != NULL);
}

static void sort_out(struct batch *b, struct mrl_list *again, struct mrl_list *foreign)
{
    struct mrl_journal *j = b->journal;

    MRL_LIST_EACH(op, &b->ops, struct mrl_op, link)
    {
        bool retry = b->result != MRL_OK && goes_again(op, j);

        if (!retry && op->journal == j)
            continue;
        if (retry && op->journal == j)
            op->collecting = true; /* nothing of it was written */
        mrl_list_remove(&op->link);
        mrl_list_add(retry ? again : foreign, &op->link);
    }
}

static void on_batch(struct mrl_message *m, void *owner)
{
    struct batch *b = MRL_CONTAINER(m, struct batch, message);
    struct mrl_journal *j = b->journal;
    struct mrl_list again, foreign;

    (void)owner;
    j->on_the_way--;
    mrl_ledger_tell(j->ledger, b->result, b->why.text);
    mrl_list_init(&again);
    mrl_list_init(&foreign);
    sort_out(b, &again, &foreign);
    if (!mrl_list_empty(&again)) {
        splice(&j->collecting, &again);
        splice(&again, &j->collecting);
        mrl_loop_timer(j->loop, &j->retry, RETRY_MS);
    } else if (!mrl_list_empty(&j->collecting)) {
        mrl_loop_later(j->loop, &j->leave);
    }
    settle_all(&b->ops, b->result);
    while (!mrl_list_empty(&foreign))
        send_home(&foreign, b->result);
    free(b);
}

static void drop_batch(struct mrl_message *m)
{
    struct batch *b = MRL_CONTAINER(m, struct batch, message);

    mrl_ops_free(&b->ops);
    free(b);
}

static void submit(struct mrl_journal *j)
{
    struct batch *b = calloc(1, sizeof(*b));

    if (b == NULL)
        abort();
    b->write = (struct mrl_write){.run = run_batch, .done = batch_done, .why = &b->why};
    b->message = (struct mrl_message){.handle = on_batch, .drop = drop_batch};
    b->journal = j;
    mrl_list_init(&b->ops);
    MRL_LIST_EACH(op, &j->collecting, struct mrl_op, link)
    op->collecting = false;
    splice(&j->collecting, &b->ops);
    j->on_the_way++;
    mrl_store_submit(j->ledger->config.store, &b->write);
}

static void leave(struct mrl_later *l)
{
    struct mrl_journal *j = MRL_CONTAINER(l, struct mrl_journal, leave);

    if (j->on_the_way == 0 && !mrl_list_empty(&j->collecting))
        submit(j);
}

static void on_retry(struct mrl_timer *t)
{
    leave(&MRL_CONTAINER(t, struct mrl_journal, retry)->leave);
}

void mrl_journal_flush(struct mrl_journal *j)
{
    mrl_loop_later_cancel(&j->leave);
    mrl_timer_cancel(&j->retry);
    if (!mrl_list_empty(&j->collecting))
        submit(j);
}

void mrl_journal_free(struct mrl_journal *j)
{
    if (j == NULL)
        return;
    mrl_loop_later_cancel(&j->leave);
    mrl_timer_cancel(&j->retry);
    mrl_ops_free(&j->collecting);
    free(j);
}
