/* SPDX-License-Identifier: Apache-2.0 */
/* Messages on their way to one session: what waits, what is in flight, and the acknowledgements.
 * MQTT 5.0 4.3, 4.9 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "messages/keep.h"
#include "messages/owed.h"

static void dropped(const struct mrl_session *s, mrl_err why)
{
    s->hub->hooks.dropped(s->hub->hooks.context, s, why);
}

/* It is over: delivered, expired, refused or of a session that ends. */
static void outgoing_free(struct mrl_session *s, struct mrl_outgoing *o)
{
    mrl_keep_entry_gone(s, o);
    mrl_list_remove(&o->link);
    mrl_publication_unref(o->publication);
    free(o);
}

static struct mrl_outgoing *find_flying(struct mrl_session *s, uint16_t packet_id)
{
    MRL_LIST_EACH(o, &s->flying, struct mrl_outgoing, link)
    {
        if (o->packet_id == packet_id)
            return o;
    }
    return NULL;
}

/* The same after a restart, when only the number is known: what is sent again keeps its packet id
 * [MQTT-4.4.0-1]. */
static uint16_t packet_id_of(uint64_t seq)
{
    return (uint16_t)((seq - 1) % UINT16_MAX + 1);
}

/* Only one that is 65535 numbers away has the same id, so what is in flight is looked through but
 * rarely: flying_since is not above any of its numbers. */
static bool id_is_taken(struct mrl_session *s, uint64_t seq)
{
    if (s->flying_count == 0)
        s->flying_since = seq;
    if (seq - s->flying_since < UINT16_MAX && s->last_seq - seq < UINT16_MAX)
        return false;
    s->flying_since = seq;
    MRL_LIST_EACH(o, &s->flying, struct mrl_outgoing, link)
    {
        if (o->seq < s->flying_since)
            s->flying_since = o->seq;
    }
    return find_flying(s, packet_id_of(seq)) != NULL;
}

/* The id may still be in flight after 65535 further messages: one that is not kept takes the next
 * number, one that is waits. */
static bool take_packet_id(struct mrl_session *s, struct mrl_outgoing *o)
{
    while (id_is_taken(s, o->seq)) {
        if (o->kept)
            return false;
        o->seq = ++s->last_seq; /* ends: the window is below 65535 */
    }
    o->packet_id = packet_id_of(o->seq);
    return true;
}

static bool send(struct mrl_session *s, const struct mrl_outgoing *o)
{
    const struct mrl_delivery d = {.publication = o->publication,
                                   .packet_id = o->packet_id,
                                   .qos = o->qos,
                                   .dup = o->again,
                                   .retain = o->retain,
                                   .identifiers = o->identifiers,
                                   .identifier_count = o->identifier_count};

    return s->sink->publish(s->door, &d);
}

static void unqueue(struct mrl_session *s, struct mrl_outgoing *o)
{
    mrl_list_remove(&o->link);
    s->queued_count--;
    s->queued_bytes -= mrl_publication_size(o->publication);
    mrl_subscriptions_have_room(s);
}

static void pass_unsent(struct mrl_session *s, const struct mrl_outgoing *o)
{
    if (s->unsent == o)
        s->unsent = o->link.next == &s->flying
                        ? NULL
                        : MRL_CONTAINER(o->link.next, struct mrl_outgoing, link);
}

static void land(struct mrl_session *s, struct mrl_outgoing *o)
{
    pass_unsent(s, o);
    outgoing_free(s, o);
    s->flying_count--;
}

/* What the client cannot take is as good as acknowledged. */
static void leave(struct mrl_session *s, struct mrl_outgoing *o)
{
    if (!send(s, o)) {
        dropped(s, MRL_ERR_LIMIT);
        land(s, o);
        return;
    }
    pass_unsent(s, o);
    o->step = o->qos == 1 ? MRL_STEP_PUBACK : MRL_STEP_PUBREC;
    if (o->seq > s->sent)
        s->sent = o->seq;
}

static bool connection_has_room(const struct mrl_session *s)
{
    return s->unsent == NULL && s->sink->room(s->door) != MRL_ROOM_NONE;
}

/* It is in flight whether its connection has room or not: what the client has room for must not
 * fill the queue, which may be smaller. */
static void launch(struct mrl_session *s, struct mrl_outgoing *o)
{
    o->step = MRL_STEP_UNSENT;
    mrl_list_add(&s->flying, &o->link);
    s->flying_count++;
    if (connection_has_room(s))
        leave(s, o);
    else if (s->unsent == NULL)
        s->unsent = o;
}

/* What was sent before goes on: only a delivery that did not begin expires. MQTT 5.0 3.3.2-5 */
static bool expired(const struct mrl_outgoing *o)
{
    return !o->again && o->publication->expires_ms != 0 &&
           mrl_publication_expired(o->publication, mrl_monotonic_ms());
}

/* Another member gets what never left when this session ends, and nothing else [MQTT-4.8.2-5]: the
 * store is to know what leaves, as much at once as the window takes. */
static void begin_waiting(struct mrl_session *s)
{
    unsigned room = s->window - s->flying_count;

    MRL_LIST_EACH(o, &s->queued, struct mrl_outgoing, link)
    {
        if (room-- == 0)
            return;
        if (o->waiting && !o->held) {
            o->waiting = false;
            mrl_keep_entry_begun(s, o);
        }
    }
}

static bool may_send(const struct mrl_session *s)
{
    return s->door != NULL && s->flying_count < s->window && !mrl_list_empty(&s->queued);
}

/* The store knows of it as one that left: it must not be in flight before. */
static bool waits_for_room(const struct mrl_session *s, const struct mrl_outgoing *o)
{
    return o->share != 0 && o->qos == 2 && !connection_has_room(s);
}

static void send_unsent(struct mrl_session *s)
{
    while (s->unsent != NULL && s->sink->room(s->door) != MRL_ROOM_NONE) {
        struct mrl_outgoing *o = s->unsent;

        if (expired(o)) {
            dropped(s, MRL_ERR_TIMEOUT);
            land(s, o);
        } else {
            leave(s, o);
        }
    }
}

/* Sends from the queue as far as the window is open. */
static void pump(struct mrl_session *s)
{
    while (may_send(s)) {
        struct mrl_outgoing *o = MRL_CONTAINER(s->queued.next, struct mrl_outgoing, link);

        if (expired(o)) {
            unqueue(s, o);
            dropped(s, MRL_ERR_TIMEOUT);
            outgoing_free(s, o);
            continue;
        }
        if (waits_for_room(s, o))
            return;
        if (o->waiting && !o->held)
            begin_waiting(s);
        if (o->held || !take_packet_id(s, o))
            return; /* what comes after it waits too: the order stays */
        unqueue(s, o);
        launch(s, o);
    }
}

/* As pump, when the window or the queue may have room it had not. */
static void pump_on(struct mrl_session *s)
{
    pump(s);
    if (s->owing != NULL)
        mrl_owed_go_on(s);
}

/* One that finds the window open is written as one that left. */
static bool waits(const struct mrl_session *s, const struct mrl_hit *hit, uint8_t qos)
{
    bool is_next =
        s->started && s->flying_count + s->queued_count < s->window && connection_has_room(s);

    return hit->share != 0 && qos == 2 && !is_next;
}

static mrl_err enqueue(struct mrl_session *s, const struct mrl_publication *p,
                       const struct mrl_hit *hit, uint8_t qos, bool retain)
{
    size_t identifiers = hit->identifier_count * sizeof(hit->identifiers[0]);
    struct mrl_outgoing *o;

    MRL_ENSURE(s->queued_count < s->limits.queued_messages, MRL_ERR_BUSY);
    MRL_ENSURE(s->queued_bytes + mrl_publication_size(p) <= s->limits.queued_bytes, MRL_ERR_BUSY);
    o = calloc(1, sizeof(*o) + identifiers);
    if (o == NULL)
        abort();
    o->publication = mrl_publication_ref(p);
    o->qos = qos;
    o->retain = retain;
    o->share = hit->share;
    o->waiting = waits(s, hit, qos);
    o->identifier_count = hit->identifier_count;
    if (identifiers > 0)
        memcpy(o->identifiers, hit->identifiers, identifiers);
    o->seq = ++s->last_seq;
    mrl_list_add(&s->queued, &o->link);
    s->queued_count++;
    s->queued_bytes += mrl_publication_size(p);
    mrl_keep_entry(s, o);
    return MRL_OK;
}

static void deliver_at_most_once(struct mrl_session *s, const struct mrl_publication *p,
                                 const struct mrl_hit *hit, bool retain)
{
    const struct mrl_delivery d = {.publication = p,
                                   .retain = retain,
                                   .identifiers = hit->identifiers,
                                   .identifier_count = hit->identifier_count};

    if (p->expires_ms != 0 && mrl_publication_expired(p, mrl_monotonic_ms()))
        dropped(s, MRL_ERR_TIMEOUT); /* one that may wait for 0 seconds. MQTT 5.0 3.3.2-5 */
    else if (s->door != NULL && s->started && !s->sink->publish(s->door, &d))
        dropped(s, MRL_ERR_LIMIT);
}

void mrl_deliver(struct mrl_session *s, const struct mrl_publication *p, const struct mrl_hit *hit,
                 bool retain)
{
    uint8_t qos = p->qos < hit->qos ? p->qos : hit->qos; /* MQTT 5.0 3.8.4-8 */
    mrl_err err;

    if (qos == 0) {
        deliver_at_most_once(s, p, hit, retain);
        return;
    }
    err = enqueue(s, p, hit, qos, retain);
    if (err != MRL_OK)
        dropped(s, err);
    else if (s->started)
        pump(s);
}

/* What was sent and not acknowledged stands before what waits, in the order of its numbers. */
static void requeue(struct mrl_session *s)
{
    struct mrl_list again;

    mrl_list_init(&again);
    s->unsent = NULL;
    MRL_LIST_EACH(o, &s->flying, struct mrl_outgoing, link)
    {
        if (o->step == MRL_STEP_PUBCOMP)
            continue;
        mrl_list_remove(&o->link);
        mrl_list_add(&again, &o->link);
        o->again = o->again || o->step != MRL_STEP_UNSENT;
        o->step = MRL_STEP_QUEUED;
        s->flying_count--;
        s->queued_count++;
        s->queued_bytes += mrl_publication_size(o->publication);
    }
    while (!mrl_list_empty(&again)) {
        struct mrl_list *last = again.prev;

        mrl_list_remove(last);
        mrl_list_add_front(&s->queued, last);
    }
}

/* MQTT 5.0 4.4.0-1, 4.6. The window is that of the new connection: what does not fit waits. */
void mrl_delivery_resume(struct mrl_session *s)
{
    s->started = true;
    requeue(s);
    MRL_LIST_EACH(o, &s->flying, struct mrl_outgoing, link)
    {
        if (o->op == NULL)
            s->sink->pubrel(s->door, o->packet_id);
    }
    pump_on(s);
}

/* What the client may have taken at QoS 2 already must not reach another one; at QoS 1 it should.
 * MQTT 5.0 4.8.2-5 */
static void give_on(const struct mrl_session *s, const struct mrl_outgoing *o)
{
    bool may_be_taken = o->qos == 2 && o->again; /* also one that an earlier run sent */

    if (o->share != 0 && !may_be_taken &&
        (o->step == MRL_STEP_QUEUED || o->step == MRL_STEP_UNSENT || o->step == MRL_STEP_PUBACK))
        mrl_routing_give_on(s->hub, o->publication, o->share);
}

void mrl_delivery_clear(struct mrl_session *s)
{
    MRL_LIST_EACH(o, &s->flying, struct mrl_outgoing, link)
    {
        give_on(s, o);
        outgoing_free(s, o);
    }
    MRL_LIST_EACH(o, &s->queued, struct mrl_outgoing, link)
    {
        give_on(s, o);
        outgoing_free(s, o);
    }
    s->unsent = NULL;
    s->queued_count = s->flying_count = 0;
    s->queued_bytes = 0;
}

static void unkeep(struct mrl_session *s, struct mrl_list *list)
{
    MRL_LIST_EACH(o, list, struct mrl_outgoing, link)
    {
        mrl_keep_entry_gone(s, o);
        o->stored = NULL;
        o->op = NULL;
        o->kept = o->held = false;
    }
}

void mrl_delivery_unkeep(struct mrl_session *s)
{
    unkeep(s, &s->queued);
    unkeep(s, &s->flying);
}

void mrl_session_drained(struct mrl_session *s)
{
    if (s->door == NULL || !s->started)
        return;
    send_unsent(s);
    pump_on(s);
}

void mrl_delivery_kept(struct mrl_session *s, struct mrl_outgoing *o)
{
    o->held = false;
    if (s->started && o->link.prev == &s->queued)
        pump_on(s);
}

/* One that has left already stays in flight: its receiver may have it, and answers. */
void mrl_delivery_refused(struct mrl_session *s, struct mrl_outgoing *o)
{
    mrl_stored_unref(s->hub->journal, o->stored);
    o->stored = NULL;
    o->kept = o->held = false;
    if (o->step != MRL_STEP_QUEUED && o->step != MRL_STEP_UNSENT)
        return;
    dropped(s, MRL_ERR_NO_SPACE);
    if (o->step == MRL_STEP_UNSENT) {
        land(s, o);
    } else {
        unqueue(s, o);
        outgoing_free(s, o);
    }
    if (s->started)
        pump_on(s);
}

void mrl_delivery_released(struct mrl_session *s, struct mrl_outgoing *o)
{
    if (s->door != NULL && s->started)
        s->sink->pubrel(s->door, o->packet_id);
}

static void finish(struct mrl_session *s, struct mrl_outgoing *o)
{
    land(s, o);
    pump_on(s);
}

mrl_err mrl_session_puback(struct mrl_session *s, uint16_t packet_id)
{
    struct mrl_outgoing *o = find_flying(s, packet_id);

    MRL_ENSURE(o != NULL && o->step == MRL_STEP_PUBACK, MRL_ERR_NOT_FOUND);
    finish(s, o);
    return MRL_OK;
}

mrl_err mrl_session_pubrec(struct mrl_session *s, uint16_t packet_id, bool failed)
{
    struct mrl_outgoing *o = find_flying(s, packet_id);

    MRL_ENSURE(o != NULL && (o->step == MRL_STEP_PUBREC || o->step == MRL_STEP_PUBCOMP),
               MRL_ERR_NOT_FOUND);
    if (failed) { /* MQTT 5.0 4.3.3: no PUBREL follows */
        finish(s, o);
        return MRL_OK;
    }
    if (o->op != NULL)
        return MRL_OK; /* a second PUBREC: PUBREL leaves once the first is durable */
    o->step = MRL_STEP_PUBCOMP;
    mrl_publication_unref(o->publication);
    o->publication = NULL;
    mrl_keep_entry_released(s, o);
    if (o->op == NULL)
        s->sink->pubrel(s->door, packet_id);
    return MRL_OK;
}

mrl_err mrl_session_pubcomp(struct mrl_session *s, uint16_t packet_id)
{
    struct mrl_outgoing *o = find_flying(s, packet_id);

    MRL_ENSURE(o != NULL && o->step == MRL_STEP_PUBCOMP, MRL_ERR_NOT_FOUND);
    finish(s, o);
    return MRL_OK;
}

static struct mrl_outgoing *restored(const struct mrl_restored_entry *e)
{
    struct mrl_outgoing *o = calloc(1, sizeof(*o) + e->identifiers.len);

    if (o == NULL)
        abort();
    o->publication = e->publication;
    o->stored = e->stored;
    o->seq = e->seq;
    o->packet_id = packet_id_of(e->seq);
    o->qos = (e->flags & MRL_ENTRY_QOS2) != 0 ? 2 : 1;
    o->retain = (e->flags & MRL_ENTRY_RETAIN) != 0;
    o->kept = true;
    o->waiting = (e->flags & MRL_ENTRY_WAITING) != 0;
    o->identifier_count = e->identifiers.len / sizeof(o->identifiers[0]);
    if (o->identifier_count > 0)
        memcpy(o->identifiers, e->identifiers.data, e->identifiers.len);
    return o;
}

void mrl_delivery_restore(struct mrl_session *s, const struct mrl_restored_entry *e,
                          bool maybe_sent)
{
    struct mrl_outgoing *o = restored(e);

    if (o->seq > s->last_seq)
        s->last_seq = o->seq;
    if (maybe_sent && o->seq > s->sent)
        s->sent = o->seq;
    o->again = maybe_sent;
    if ((e->flags & MRL_ENTRY_SHARED) != 0 && o->publication != NULL)
        o->share = mrl_subscriptions_share(s, o->publication->topic);
    if ((e->flags & MRL_ENTRY_RELEASED) != 0) {
        o->step = MRL_STEP_PUBCOMP;
        mrl_list_add(&s->flying, &o->link);
        s->flying_count++;
        return;
    }
    mrl_list_add(&s->queued, &o->link);
    s->queued_count++;
    s->queued_bytes += mrl_publication_size(o->publication);
}

static unsigned receiving_at(const struct mrl_session *s, uint16_t packet_id)
{
    unsigned i = 0;

    while (i < s->receiving_count && s->receiving[i] != packet_id)
        i++;
    return i;
}

bool mrl_session_has_received(const struct mrl_session *s, uint16_t packet_id)
{
    return receiving_at(s, packet_id) < s->receiving_count;
}

unsigned mrl_session_receiving(const struct mrl_session *s)
{
    return s->receiving_count;
}

void mrl_received_forget(struct mrl_session *s, uint16_t packet_id)
{
    unsigned at = receiving_at(s, packet_id);

    if (at == s->receiving_count)
        return;
    s->receiving[at] = s->receiving[--s->receiving_count];
    if (s->receiving_count == 0) {
        free(s->receiving);
        s->receiving = NULL;
    }
}

/* 1, 2, 4 ...: the room is the next power of two. */
static void make_room_to_receive(struct mrl_session *s)
{
    unsigned count = s->receiving_count;

    if ((count & (count - 1)) != 0)
        return;
    s->receiving = reallocarray(s->receiving, count == 0 ? 1 : 2 * count, sizeof(uint16_t));
    if (s->receiving == NULL)
        abort();
}

static void remember(struct mrl_session *s, uint16_t packet_id)
{
    make_room_to_receive(s);
    s->receiving[s->receiving_count++] = packet_id;
}

/* Also above a limit that was lowered since: what is forgotten would come twice. */
void mrl_received_restore(struct mrl_session *s, uint16_t packet_id)
{
    remember(s, packet_id);
}

mrl_err mrl_session_receive_qos2(struct mrl_session *s, uint16_t packet_id, bool *is_new)
{
    *is_new = !mrl_session_has_received(s, packet_id);
    if (!*is_new) {
        mrl_keep_received_again(s, packet_id);
        return MRL_OK;
    }
    MRL_ENSURE(s->receiving_count < s->receive_maximum, MRL_ERR_LIMIT);
    remember(s, packet_id);
    mrl_keep_received(s, packet_id);
    return MRL_OK;
}

mrl_err mrl_session_release_qos2(struct mrl_session *s, uint16_t packet_id)
{
    MRL_ENSURE(mrl_session_has_received(s, packet_id), MRL_ERR_NOT_FOUND);
    mrl_received_forget(s, packet_id);
    mrl_keep_received_gone(s, packet_id);
    return MRL_OK;
}
