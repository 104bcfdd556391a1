/* SPDX-License-Identifier: Apache-2.0 */
/* Retained messages on their way to the store. */
#include "messages/keep.h"

#include <stdlib.h>

#include "base/clock.h"
#include "messages/retained.h"

/* A row of its own each time: the highest of a topic counts at a start, so that rows which two
 * workers write in any order mean the same. */
struct retained_owner {
    struct mrl_map_node in_hub; /* by row, until it is settled */
    struct mrl_hub *hub;        /* NULL: it is, or the hub is gone */
    struct mrl_retained *retained;
    struct mrl_retained_change change;
    struct retained_owner *later; /* replaced it meanwhile; or NULL */
    bool cleared;                 /* or nothing did */
};

static mrl_bytes key_of(const int64_t *row)
{
    return mrl_bytes_of(row, sizeof(*row));
}

/* On another worker it is not found: what that writes is in no order with what this one does. */
static struct retained_owner *find_unsettled(const struct mrl_hub *h, int64_t row)
{
    struct mrl_map_node *n = mrl_map_find(&h->unsettled, key_of(&row));

    return n == NULL ? NULL : MRL_CONTAINER(n, struct retained_owner, in_hub);
}

static void leave_hub(struct retained_owner *owner)
{
    if (owner->hub != NULL)
        mrl_map_remove(&owner->hub->unsettled, &owner->in_hub);
    owner->hub = NULL;
}

void mrl_keep_done(struct mrl_hub *h)
{
    struct mrl_map_node *n;

    while ((n = mrl_map_pop(&h->unsettled)) != NULL)
        MRL_CONTAINER(n, struct retained_owner, in_hub)->hub = NULL;
    mrl_map_done(&h->unsettled);
}

static void remove_retained(struct mrl_hub *h, struct mrl_journal *j, int64_t row)
{
    struct mrl_op *op = mrl_op_new(MRL_OP_RETAINED_GONE, MRL_BYTES_NONE);

    op->must = true;
    op->number = row;
    if (h != NULL)
        op->receipt = mrl_keep_wait(h);
    mrl_journal_add(j, op);
}

/* What replaced it replaced what stood before it, then. */
static void hand_on(struct retained_owner *owner)
{
    struct mrl_retained_change *change = &owner->change, *later = &owner->later->change;
    struct mrl_publication *refused = later->previous;

    later->old_row = change->old_row;
    later->old_settled = change->old_settled;
    later->previous = change->previous;
    change->previous = refused;
}

static void on_retained_refused(struct mrl_op *op)
{
    struct retained_owner *owner = op->owner;

    if (owner->later != NULL)
        hand_on(owner);
    else if (!owner->cleared)
        mrl_retained_take_back(owner->retained, op->publication->topic, &owner->change);
    else if (owner->change.old_row != 0)
        remove_retained(NULL, op->journal, owner->change.old_row);
}

static void on_retained_settled(struct mrl_op *op, mrl_err result)
{
    struct retained_owner *owner = op->owner;

    leave_hub(owner);
    if (result != MRL_OK) {
        on_retained_refused(op);
    } else {
        mrl_retained_settle(owner->retained, op->publication->topic, op->number);
        if (owner->change.old_row != 0)
            remove_retained(NULL, op->journal, owner->change.old_row);
    }
}

static void forget_retained(struct mrl_op *op)
{
    struct retained_owner *owner = op->owner;

    leave_hub(owner);
    mrl_publication_unref(owner->change.previous);
    free(owner);
}

static struct retained_owner *retained_owner_new(struct mrl_hub *h,
                                                 const struct mrl_retained_change *change)
{
    struct retained_owner *owner = calloc(1, sizeof(*owner));
    struct retained_owner *earlier = find_unsettled(h, change->old_row);

    if (owner == NULL)
        abort();
    owner->hub = h;
    owner->retained = h->retained;
    owner->change = *change;
    owner->in_hub.key = key_of(&owner->change.row);
    mrl_map_insert(&h->unsettled, &owner->in_hub);
    if (earlier != NULL)
        earlier->later = owner; /* which is settled after it */
    return owner;
}

static void write_retained(struct mrl_hub *h, const struct mrl_publication *p,
                           const struct mrl_retained_change *change)
{
    struct mrl_ledger *l = mrl_journal_ledger(h->journal);
    struct mrl_op *op = mrl_op_new(MRL_OP_RETAINED, MRL_BYTES_NONE);

    op->number = change->row;
    op->expires = p->expires_ms == 0 ? 0 : mrl_ledger_wall(l, p->expires_ms);
    op->publication = mrl_publication_ref(p);
    op->owner = retained_owner_new(h, change);
    op->settle = on_retained_settled;
    op->forget = forget_retained;
    op->must = h->insists;
    mrl_keep(h, op);
}

/* What another worker may still be writing must not come back: the cleared topic gets a row, too.
 */
static void clear_retained(struct mrl_hub *h, const struct mrl_publication *p,
                           struct mrl_retained_change *change)
{
    struct retained_owner *earlier = find_unsettled(h, change->old_row);

    if (change->old_row == 0)
        return;
    if (change->old_settled) {
        if (earlier != NULL)
            earlier->cleared = true;
        remove_retained(h, h->journal, change->old_row);
        return;
    }
    change->row = atomic_fetch_add(&mrl_journal_ledger(h->journal)->last_retained, 1) + 1;
    write_retained(h, p, change);
    change->previous = NULL;
}

mrl_err mrl_keep_retained(struct mrl_hub *h, const struct mrl_publication *p)
{
    struct mrl_retained_change change;

    if (h->journal == NULL)
        return mrl_retained_set(h->retained, p);
    MRL_TRY(mrl_retained_replace(h->retained, p, h->index, &change));
    if (p->payload.len > 0) {
        write_retained(h, p, &change);
    } else {
        clear_retained(h, p, &change);
        mrl_publication_unref(change.previous);
    }
    return MRL_OK;
}

enum { AT_ONCE = 256 };

static void let_go(struct mrl_hub *h, struct mrl_retained_change *gone)
{
    const struct mrl_publication like = {.topic = gone->previous->topic, .retain = true};
    struct mrl_publication *nothing;

    if (h->journal != NULL) {
        nothing = mrl_publication_new(&like);
        clear_retained(h, nothing, gone);
        mrl_publication_unref(nothing);
    }
    mrl_publication_unref(gone->previous);
}

bool mrl_keep_expire_retained(struct mrl_hub *h)
{
    struct mrl_retained_change gone[AT_ONCE];
    size_t count = mrl_retained_expire(h->retained, mrl_monotonic_ms(), h->index, gone, AT_ONCE);

    for (size_t i = 0; i < count; i++)
        let_go(h, &gone[i]);
    return count == AT_ONCE;
}

void mrl_hub_forget(struct mrl_hub *h, mrl_bytes owner, mrl_bytes filter)
{
    struct mrl_retained_change gone[AT_ONCE];
    size_t count;

    do {
        count = mrl_retained_take(h->retained, owner, filter, h->index, gone, AT_ONCE);
        for (size_t i = 0; i < count; i++)
            let_go(h, &gone[i]);
    } while (count == AT_ONCE);
}
