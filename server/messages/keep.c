/* SPDX-License-Identifier: Apache-2.0 */
#include "messages/keep.h"

#include <stdlib.h>

struct mrl_receipt *mrl_keep_wait(struct mrl_hub *h)
{
    if (!h->watched)
        return NULL;
    if (h->receipt == NULL)
        h->receipt = mrl_receipt_new(h->mailbox);
    return mrl_receipt_hold(h->receipt);
}

void mrl_hub_watch(struct mrl_hub *h)
{
    h->watched = true;
}

struct mrl_receipt *mrl_hub_watched(struct mrl_hub *h)
{
    struct mrl_receipt *r = h->receipt;

    h->watched = false;
    h->receipt = NULL;
    h->companion = NULL;
    return r;
}

void mrl_hub_keep_in(struct mrl_hub *h, struct mrl_ledger *l)
{
    h->journal = mrl_journal_new(l, h->loop, h->mailbox);
    mrl_retained_number(h->retained, &l->last_retained);
}

void mrl_hub_flush(struct mrl_hub *h)
{
    if (h->journal != NULL)
        mrl_journal_flush(h->journal);
}

void mrl_keep(struct mrl_hub *h, struct mrl_op *op)
{
    op->receipt = mrl_keep_wait(h);
    mrl_journal_add(h->journal, op);
}

bool mrl_keep_insist(struct mrl_hub *h, bool insists)
{
    bool before = h->insists;

    h->insists = insists;
    return before;
}

/* The last of those that wait for what the end of a will, or the like, brings on other workers. */
static struct mrl_op *last_gathered(const struct mrl_session *s)
{
    struct mrl_op *last = NULL;

    MRL_LIST_EACH(op, &s->pending, struct mrl_op, of_session)
    {
        if (op->gather != NULL)
            last = op;
    }
    return last;
}

/* A row of the session: it may not overtake one that is gathered, or what came of a will that the
 * former row had would be lost when the server dies in between. */
static void keep_row(struct mrl_hub *h, struct mrl_op *before, struct mrl_op *op)
{
    if (before == NULL) {
        mrl_keep(h, op);
        return;
    }
    op->receipt = mrl_keep_wait(h);
    mrl_journal_add_behind(h->journal, before, op);
}

static struct mrl_op *op_new(struct mrl_session *s, enum mrl_op_kind kind, mrl_bytes tail)
{
    struct mrl_op *op = mrl_op_new(kind, tail);

    op->session = s->row;
    op->by = s;
    mrl_list_add(&s->pending, &op->of_session);
    return op;
}

/* --- the session itself */

static int64_t next_row(const struct mrl_session *s)
{
    return atomic_fetch_add(&mrl_journal_ledger(s->hub->journal)->last_session, 1) + 1;
}

void mrl_keep_begin(struct mrl_session *s)
{
    s->durable = true;
    if (s->row == 0)
        s->row = next_row(s);
    atomic_fetch_add(&s->hub->durable, 1);
}

/* Not the row it may have had: that one's removal is under way. */
void mrl_keep_begin_will(struct mrl_session *s)
{
    s->will_kept = true;
    s->row = next_row(s);
    s->has_row = false;
}

/* Its operations under way find nobody any more. */
struct mrl_op *mrl_keep_end(struct mrl_session *s)
{
    struct mrl_op *before = last_gathered(s), *op;

    if (!s->durable && !s->will_kept)
        return NULL;
    if (s->durable)
        atomic_fetch_sub(&s->hub->durable, 1);
    s->durable = s->will_kept = false;
    MRL_LIST_EACH(pending, &s->pending, struct mrl_op, of_session)
    {
        mrl_list_remove(&pending->of_session);
        pending->by = NULL;
    }
    if (s->hub->journal == NULL)
        return NULL;
    op = mrl_op_new(MRL_OP_SESSION_GONE, MRL_BYTES_NONE);
    op->session = s->row;
    op->must = true;
    keep_row(s->hub, before, op);
    return op;
}

static int64_t ends_of(const struct mrl_session *s)
{
    if (s->door != NULL)
        return 0;
    return mrl_ledger_wall(mrl_journal_ledger(s->hub->journal), s->expires_at_ms);
}

static mrl_bytes names_of(const struct mrl_session_key *k, struct mrl_buf *memory)
{
    (void)mrl_buf_append(memory, k->principal); /* no limit set: cannot fail */
    (void)mrl_buf_append(memory, k->client_id);
    return mrl_buf_bytes(memory);
}

/* There still is no row: the next one is the first again, also one that waits for its batch. */
static void on_session_settled(struct mrl_op *op, mrl_err result)
{
    if (result == MRL_OK || !op->row.first || op->by == NULL)
        return;
    MRL_LIST_EACH(next, &op->by->pending, struct mrl_op, of_session)
    {
        if (next->kind == MRL_OP_SESSION && next->collecting) {
            next->row.first = true;
            return;
        }
    }
    op->by->has_row = false;
}

struct mrl_op *mrl_keep_session(struct mrl_session *s, bool must)
{
    MRL_SCOPED(mrl_buf) names = {0};
    struct mrl_op *before = last_gathered(s), *op;

    if ((!s->durable && !s->will_kept) || s->hub->journal == NULL)
        return NULL;
    op = op_new(s, MRL_OP_SESSION, names_of(&s->key, &names));
    op->must = must;
    op->settle = on_session_settled;
    op->row = (struct mrl_session_row){.version = ++s->row_version,
                                       .first = !s->has_row,
                                       .principal_kind = s->key.principal_kind,
                                       .principal_len = s->key.principal.len,
                                       .expiry_s = s->expiry_s,
                                       .ends = ends_of(s),
                                       .sent = s->sent,
                                       .will_delay_s = s->will.delay_s,
                                       .will_life_ms = s->will.life_ms};
    s->has_row = true;
    if (s->will.publication != NULL)
        op->publication = mrl_publication_ref(s->will.publication);
    keep_row(s->hub, before, op);
    return op;
}

/* --- subscriptions */

enum {
    PACKED_QOS = 0x03,
    PACKED_NO_LOCAL = 0x04,
    PACKED_AS_PUBLISHED = 0x08,
    PACKED_HANDLING_SHIFT = 4, /* the places of MQTT 5.0 3.8.3.1 */
    PACKED_HANDLING = 0x03,
};

uint8_t mrl_keep_pack(const struct mrl_subscribe_options *o)
{
    unsigned packed = o->qos | (unsigned)o->retain_handling << PACKED_HANDLING_SHIFT;

    if (o->no_local)
        packed |= PACKED_NO_LOCAL;
    if (o->retain_as_published)
        packed |= PACKED_AS_PUBLISHED;
    return (uint8_t)packed;
}

struct mrl_subscribe_options mrl_keep_unpack(uint8_t packed, uint32_t identifier)
{
    return (struct mrl_subscribe_options){
        .qos = packed & PACKED_QOS,
        .no_local = (packed & PACKED_NO_LOCAL) != 0,
        .retain_as_published = (packed & PACKED_AS_PUBLISHED) != 0,
        .retain_handling = (packed >> PACKED_HANDLING_SHIFT) & PACKED_HANDLING,
        .identifier = identifier,
    };
}

static void on_subscription_settled(struct mrl_op *op, mrl_err result)
{
    struct mrl_subscribe_options o = mrl_keep_unpack(op->flags, op->identifier);

    if (op->by != NULL)
        mrl_subscription_settled(op->by, mrl_op_tail(op), op->number, result == MRL_OK ? &o : NULL);
}

void mrl_keep_subscription(struct mrl_session *s, struct mrl_subscription *subscription, bool must)
{
    const struct mrl_subscribe_options *o = &subscription->options;
    struct mrl_op *op;

    if (!s->durable || s->hub->journal == NULL)
        return;
    op = op_new(s, MRL_OP_SUBSCRIPTION, subscription->in_session.key);
    op->flags = mrl_keep_pack(o);
    op->identifier = o->identifier;
    op->number = subscription->number;
    op->must = must;
    op->settle = on_subscription_settled;
    subscription->undecided++;
    mrl_keep(s->hub, op);
}

void mrl_keep_subscription_gone(struct mrl_session *s, mrl_bytes filter)
{
    struct mrl_op *op;

    if (!s->durable || s->hub->journal == NULL)
        return;
    op = op_new(s, MRL_OP_SUBSCRIPTION_GONE, filter);
    op->must = true;
    mrl_keep(s->hub, op);
}

void mrl_keep_owed(struct mrl_session *s, mrl_bytes filter, uint64_t passed, uint64_t until)
{
    struct mrl_op *op;

    if (!s->durable || s->hub->journal == NULL)
        return;
    op = op_new(s, MRL_OP_OWED, filter);
    op->must = s->hub->insists;
    op->number = (int64_t)passed;
    op->message = (int64_t)until;
    mrl_keep(s->hub, op);
}

void mrl_keep_owed_early(struct mrl_session *s, mrl_bytes filter, uint64_t number)
{
    struct mrl_op *op;

    if (!s->durable || s->hub->journal == NULL)
        return;
    op = op_new(s, MRL_OP_OWED_EARLY, filter);
    op->must = s->hub->insists;
    op->number = (int64_t)number;
    mrl_keep(s->hub, op);
}

void mrl_keep_owed_gone(struct mrl_session *s, mrl_bytes filter)
{
    struct mrl_op *op;

    if (!s->durable || s->ending || s->hub->journal == NULL) /* the end takes it along */
        return;
    op = op_new(s, MRL_OP_OWED_GONE, filter);
    op->must = true;
    mrl_keep(s->hub, op);
}

/* --- messages, one row for all entries of a hub */

static void on_message_settled(struct mrl_op *op, mrl_err result)
{
    struct mrl_stored *stored = op->stored;

    if (stored == NULL)
        return;
    op->stored = NULL;
    stored->op = NULL;
    if (result != MRL_OK)
        stored->id = 0;
}

/* Shutting down: the row may outlive it in memory. */
static void forget_message(struct mrl_op *op)
{
    if (op->stored != NULL)
        op->stored->op = NULL;
}

static struct mrl_stored *stored_new(struct mrl_hub *h, const struct mrl_publication *p)
{
    struct mrl_ledger *l = mrl_journal_ledger(h->journal);
    struct mrl_stored *stored = calloc(1, sizeof(*stored));
    struct mrl_op *op = mrl_op_new(MRL_OP_MESSAGE, MRL_BYTES_NONE);

    if (stored == NULL)
        abort();
    atomic_init(&stored->refs, 1);
    stored->id = atomic_fetch_add(&l->last_message, 1) + 1;
    stored->op = op;
    op->must = h->insists;
    op->number = stored->id;
    op->expires = p->expires_ms == 0 ? 0 : mrl_ledger_wall(l, p->expires_ms);
    op->publication = mrl_publication_ref(p);
    op->stored = stored;
    op->settle = on_message_settled;
    op->forget = forget_message;
    mrl_journal_add(h->journal, op);
    return stored;
}

void mrl_stored_unref(struct mrl_journal *j, struct mrl_stored *stored)
{
    struct mrl_op *op;

    if (stored == NULL || atomic_fetch_sub(&stored->refs, 1) != 1)
        return;
    op = stored->op;
    if (op != NULL)
        op->stored = NULL;
    if (op != NULL && op->collecting) {
        mrl_op_cancel(op, MRL_OK);
    } else if (j != NULL && stored->id != 0) {
        op = mrl_op_new(MRL_OP_MESSAGE_GONE, MRL_BYTES_NONE);
        op->must = true;
        op->number = stored->id;
        mrl_journal_add(j, op);
    }
    free(stored);
}

void mrl_keep_forget_message(struct mrl_hub *h)
{
    struct mrl_stored *stored = h->stored;

    h->stored = NULL;
    mrl_stored_unref(h->journal, stored);
    mrl_publication_unref(h->stored_of);
    h->stored_of = NULL;
}

/* The entries of one routing share a row; the hub remembers the latest until the routing is over.
 */
static struct mrl_stored *stored_of(struct mrl_hub *h, const struct mrl_publication *p)
{
    if (h->stored == NULL || h->stored_of != p) {
        mrl_keep_forget_message(h);
        h->stored = stored_new(h, p);
        h->stored_of = mrl_publication_ref(p);
    }
    atomic_fetch_add(&h->stored->refs, 1);
    return h->stored;
}

/* --- entries of the queue */

static uint8_t flags_of(const struct mrl_outgoing *o)
{
    unsigned flags = o->qos == 2 ? MRL_ENTRY_QOS2 : 0;

    if (o->retain)
        flags |= MRL_ENTRY_RETAIN;
    if (o->step == MRL_STEP_PUBCOMP)
        flags |= MRL_ENTRY_RELEASED;
    if (o->share != 0)
        flags |= MRL_ENTRY_SHARED;
    if (o->waiting)
        flags |= MRL_ENTRY_WAITING;
    return (uint8_t)flags;
}

static void remove_entry(struct mrl_journal *j, int64_t session, int64_t seq)
{
    struct mrl_op *op = mrl_op_new(MRL_OP_ENTRY_GONE, MRL_BYTES_NONE);

    op->session = session;
    op->number = seq;
    op->must = true;
    mrl_journal_add(j, op);
}

/* NULL: it went before its operation. */
static struct mrl_outgoing *entry_of(struct mrl_op *op)
{
    struct mrl_outgoing *o = op->owner;

    op->owner = NULL;
    if (o != NULL)
        o->op = NULL;
    return o;
}

static void forget_entry(struct mrl_op *op)
{
    (void)entry_of(op);
}

static void on_entry_settled(struct mrl_op *op, mrl_err result)
{
    struct mrl_outgoing *o = entry_of(op);
    struct mrl_session *s = op->by;

    if (o != NULL) {
        if (result == MRL_OK)
            mrl_delivery_kept(s, o);
        else
            mrl_delivery_refused(s, o);
        mrl_session_go_on_ending(s);
        return;
    }
    if (result == MRL_OK) /* finished while it was on the way */
        remove_entry(op->journal, op->session, op->number);
    mrl_stored_unref(op->journal, op->stored);
}

void mrl_keep_entry(struct mrl_session *s, struct mrl_outgoing *o)
{
    struct mrl_op *op;

    if (!s->durable || s->hub->journal == NULL)
        return;
    o->stored = stored_of(s->hub, o->publication);
    o->kept = true;
    o->held = o->qos == 2 || mrl_journal_diverted(s->hub->journal);
    op = op_new(s, MRL_OP_ENTRY,
                mrl_bytes_of(o->identifiers, o->identifier_count * sizeof(o->identifiers[0])));
    op->number = (int64_t)o->seq;
    op->must = s->hub->insists;
    op->message = o->stored->id;
    op->flags = flags_of(o);
    op->owner = o;
    op->stored = o->stored;
    op->settle = on_entry_settled;
    op->forget = forget_entry;
    o->op = op;
    mrl_keep(s->hub, op);
}

/* An operation on the row of o, tried until it is there. */
static void change_entry(struct mrl_session *s, struct mrl_outgoing *o, enum mrl_op_kind kind,
                         void (*settled)(struct mrl_op *op, mrl_err result))
{
    struct mrl_op *op = op_new(s, kind, MRL_BYTES_NONE);

    op->number = (int64_t)o->seq;
    op->flags = flags_of(o);
    op->must = true;
    op->owner = o;
    op->settle = settled;
    op->forget = forget_entry;
    o->op = op;
    mrl_journal_add(s->hub->journal, op);
}

static void on_begun_settled(struct mrl_op *op, mrl_err result)
{
    struct mrl_outgoing *o = entry_of(op);

    (void)result;
    if (o != NULL)
        mrl_delivery_kept(op->by, o);
}

void mrl_keep_entry_begun(struct mrl_session *s, struct mrl_outgoing *o)
{
    if (!o->kept)
        return;
    o->held = true;
    change_entry(s, o, MRL_OP_ENTRY_BEGUN, on_begun_settled);
}

bool mrl_keep_share_is_under_way(const struct mrl_session *s)
{
    MRL_LIST_EACH(op, &s->pending, struct mrl_op, of_session)
    {
        const struct mrl_outgoing *o = op->owner;

        if (op->kind == MRL_OP_ENTRY && o != NULL && o->share != 0)
            return s->hub->journal != NULL;
    }
    return false;
}

static void on_released_settled(struct mrl_op *op, mrl_err result)
{
    struct mrl_outgoing *o = entry_of(op);

    (void)result;
    if (o != NULL)
        mrl_delivery_released(op->by, o);
}

void mrl_keep_entry_released(struct mrl_session *s, struct mrl_outgoing *o)
{
    if (!o->kept)
        return;
    change_entry(s, o, MRL_OP_ENTRY_RELEASED, on_released_settled);
    mrl_stored_unref(s->hub->journal, o->stored);
    o->stored = NULL;
}

/* The entry's own operation has not settled: what is written later must be removed later. */
static void leave_to_op(struct mrl_outgoing *o)
{
    struct mrl_op *op = o->op;

    mrl_op_let_go(op, MRL_OK); /* its receiver has it, or nobody is to get it */
    mrl_list_remove(&op->of_session);
    op->owner = NULL;
    op->by = NULL;
}

static void on_end_settled(struct mrl_op *op, mrl_err result)
{
    struct mrl_stored *stored = op->stored;

    (void)result;
    op->stored = NULL;
    mrl_stored_unref(op->journal, stored);
}

static void forget_end(struct mrl_op *op)
{
    mrl_stored_unref(NULL, op->stored);
}

/* The end of the session, which is gathered, removes the entry: until it is durable the message
 * stays, whoever else had it. */
static void unref_with_end(struct mrl_journal *j, struct mrl_stored *stored)
{
    struct mrl_op *op;

    if (stored == NULL || atomic_load(&stored->refs) == 1) {
        mrl_stored_unref(j, stored);
        return;
    }
    op = mrl_op_new(MRL_OP_NOTHING, MRL_BYTES_NONE);
    op->stored = stored;
    op->settle = on_end_settled;
    op->forget = forget_end;
    mrl_journal_add(j, op);
}

void mrl_keep_entry_gone(struct mrl_session *s, struct mrl_outgoing *o)
{
    struct mrl_journal *j = s->hub->journal;
    struct mrl_op *op = o->op;

    if (!o->kept)
        return;
    if (op != NULL && op->kind == MRL_OP_ENTRY && op->collecting) {
        mrl_op_cancel(op, MRL_OK);
        mrl_stored_unref(j, o->stored);
    } else if (op != NULL && op->kind == MRL_OP_ENTRY) {
        leave_to_op(o);
    } else {
        if (op != NULL)
            leave_to_op(o);
        if (j != NULL && s->durable)
            remove_entry(j, s->row, (int64_t)o->seq);
        if (j != NULL && mrl_journal_diverted(j))
            unref_with_end(j, o->stored);
        else
            mrl_stored_unref(j, o->stored);
    }
}

/* --- packet ids of the client */

static struct mrl_op *received_under_way(const struct mrl_session *s, uint16_t packet_id)
{
    MRL_LIST_EACH(op, &s->pending, struct mrl_op, of_session)
    {
        if (op->kind == MRL_OP_RECEIVED && op->number == packet_id)
            return op;
    }
    return NULL;
}

static void remove_received(struct mrl_session *s, uint16_t packet_id)
{
    struct mrl_op *op = op_new(s, MRL_OP_RECEIVED_GONE, MRL_BYTES_NONE);

    op->number = packet_id;
    op->must = true;
    mrl_keep(s->hub, op);
}

static void on_received_settled(struct mrl_op *op, mrl_err result)
{
    uint16_t packet_id = (uint16_t)op->number;

    if (op->by == NULL)
        return;
    if (result != MRL_OK)
        mrl_received_forget(op->by, packet_id);
    else if (!mrl_session_has_received(op->by, packet_id)) /* released while it was on the way */
        remove_received(op->by, packet_id);
}

void mrl_keep_received(struct mrl_session *s, uint16_t packet_id)
{
    struct mrl_op *op;

    if (!s->durable || s->hub->journal == NULL)
        return;
    op = op_new(s, MRL_OP_RECEIVED, MRL_BYTES_NONE);
    op->number = packet_id;
    op->settle = on_received_settled;
    mrl_keep(s->hub, op);
    if (s->hub->watched)
        s->hub->companion = op;
}

static void on_again_settled(struct mrl_op *op, mrl_err result)
{
    if (result == MRL_OK && op->by != NULL &&
        !mrl_session_has_received(op->by, (uint16_t)op->number))
        mrl_op_let_go(op, MRL_ERR_NO_SPACE); /* the first one was refused */
}

void mrl_keep_received_again(struct mrl_session *s, uint16_t packet_id)
{
    struct mrl_op *op;

    if (!s->durable || s->hub->journal == NULL || received_under_way(s, packet_id) == NULL)
        return;
    op = op_new(s, MRL_OP_NOTHING, MRL_BYTES_NONE);
    op->number = packet_id;
    op->settle = on_again_settled;
    mrl_keep(s->hub, op);
}

void mrl_keep_received_gone(struct mrl_session *s, uint16_t packet_id)
{
    struct mrl_op *op;

    if (!s->durable || s->hub->journal == NULL)
        return;
    op = received_under_way(s, packet_id);
    if (op != NULL && op->collecting) {
        if (s->hub->companion == op)
            s->hub->companion = NULL;
        mrl_op_cancel(op, MRL_OK);
        return;
    }
    remove_received(s, packet_id);
}
