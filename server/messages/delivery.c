/* SPDX-License-Identifier: Apache-2.0 */
/* Messages on their way to one session: what waits, what is in flight, and the acknowledgements.
 * MQTT 5.0 4.3, 4.9 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "messages/internal.h"

static void dropped(const struct mrl_session *s, mrl_err why)
{
    s->hub->hooks.dropped(s->hub->hooks.context, s, why);
}

static void outgoing_free(struct mrl_outgoing *o)
{
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

static uint16_t free_packet_id(struct mrl_session *s)
{
    do
        s->last_packet_id = s->last_packet_id == UINT16_MAX ? 1 : (uint16_t)(s->last_packet_id + 1);
    while (find_flying(s, s->last_packet_id) != NULL); /* ends: the window is below 65535 */
    return s->last_packet_id;
}

static bool send(struct mrl_session *s, const struct mrl_outgoing *o, bool dup)
{
    const struct mrl_delivery d = {.publication = o->publication,
                                   .packet_id = o->packet_id,
                                   .qos = o->qos,
                                   .dup = dup,
                                   .retain = o->retain,
                                   .identifiers = o->identifiers,
                                   .identifier_count = o->identifier_count};

    return s->sink->publish(s->door, &d);
}

/* What the client cannot take is as good as acknowledged. */
static void send_or_drop(struct mrl_session *s, struct mrl_outgoing *o, bool dup)
{
    if (send(s, o, dup))
        return;
    dropped(s, MRL_ERR_LIMIT);
    outgoing_free(o);
    s->flying_count--;
}

static void unqueue(struct mrl_session *s, struct mrl_outgoing *o)
{
    mrl_list_remove(&o->link);
    s->queued_count--;
    s->queued_bytes -= mrl_publication_size(o->publication);
}

static void launch(struct mrl_session *s, struct mrl_outgoing *o)
{
    o->packet_id = free_packet_id(s);
    o->step = o->qos == 1 ? MRL_STEP_PUBACK : MRL_STEP_PUBREC;
    mrl_list_add(&s->flying, &o->link);
    s->flying_count++;
    send_or_drop(s, o, /*dup=*/false);
}

/* Sends from the queue as far as the window is open. */
static void pump(struct mrl_session *s)
{
    uint64_t now = mrl_monotonic_ms();

    while (s->door != NULL && s->flying_count < s->window && !mrl_list_empty(&s->queued)) {
        struct mrl_outgoing *o = MRL_CONTAINER(s->queued.next, struct mrl_outgoing, link);

        unqueue(s, o);
        if (mrl_publication_expired(o->publication, now)) { /* MQTT 5.0 3.3.2-5 */
            dropped(s, MRL_ERR_TIMEOUT);
            outgoing_free(o);
            continue;
        }
        launch(s, o);
    }
}

static mrl_err enqueue(struct mrl_session *s, const struct mrl_publication *p,
                       const struct mrl_hit *hit, uint8_t qos, bool retain)
{
    size_t identifiers = hit->identifier_count * sizeof(hit->identifiers[0]);
    struct mrl_outgoing *o;

    MRL_ENSURE(s->queued_count < s->hub->limits->queued_messages, MRL_ERR_LIMIT);
    MRL_ENSURE(s->queued_bytes + mrl_publication_size(p) <= s->hub->limits->queued_bytes,
               MRL_ERR_LIMIT);
    o = calloc(1, sizeof(*o) + identifiers);
    if (o == NULL)
        abort();
    o->publication = mrl_publication_ref(p);
    o->qos = qos;
    o->retain = retain;
    o->share = hit->share;
    o->identifier_count = hit->identifier_count;
    memcpy(o->identifiers, hit->identifiers, identifiers);
    mrl_list_add(&s->queued, &o->link);
    s->queued_count++;
    s->queued_bytes += mrl_publication_size(p);
    return MRL_OK;
}

static void deliver_at_most_once(struct mrl_session *s, const struct mrl_publication *p,
                                 const struct mrl_hit *hit, bool retain)
{
    const struct mrl_delivery d = {.publication = p,
                                   .retain = retain,
                                   .identifiers = hit->identifiers,
                                   .identifier_count = hit->identifier_count};

    if (s->door != NULL && s->started && !s->sink->publish(s->door, &d))
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

void mrl_delivery_resume(struct mrl_session *s)
{
    s->started = true;
    MRL_LIST_EACH(o, &s->flying, struct mrl_outgoing, link)
    { /* MQTT 5.0 4.4.0-1, 4.6 */
        if (o->step == MRL_STEP_PUBCOMP)
            s->sink->pubrel(s->door, o->packet_id);
        else
            send_or_drop(s, o, /*dup=*/true);
    }
    pump(s);
}

/* What the client may have taken at QoS 2 already must not reach another one; at QoS 1 it should.
 * MQTT 5.0 4.8.2-5 */
static void give_on(const struct mrl_session *s, const struct mrl_outgoing *o)
{
    if (o->share != 0 && (o->step == MRL_STEP_QUEUED || o->step == MRL_STEP_PUBACK))
        mrl_routing_give_on(s->hub, o->publication, o->share);
}

void mrl_delivery_clear(struct mrl_session *s)
{
    MRL_LIST_EACH(o, &s->flying, struct mrl_outgoing, link)
    {
        give_on(s, o);
        outgoing_free(o);
    }
    MRL_LIST_EACH(o, &s->queued, struct mrl_outgoing, link)
    {
        give_on(s, o);
        outgoing_free(o);
    }
    s->queued_count = s->flying_count = 0;
    s->queued_bytes = 0;
}

static void finish(struct mrl_session *s, struct mrl_outgoing *o)
{
    outgoing_free(o);
    s->flying_count--;
    pump(s);
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

    MRL_ENSURE(o != NULL && o->step != MRL_STEP_PUBACK, MRL_ERR_NOT_FOUND);
    if (failed) { /* MQTT 5.0 4.3.3: no PUBREL follows */
        finish(s, o);
        return MRL_OK;
    }
    o->step = MRL_STEP_PUBCOMP;
    mrl_publication_unref(o->publication);
    o->publication = NULL;
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

static unsigned receiving_at(const struct mrl_session *s, uint16_t packet_id)
{
    unsigned i = 0;

    while (i < s->receiving_count && s->receiving[i] != packet_id)
        i++;
    return i;
}

mrl_err mrl_session_receive_qos2(struct mrl_session *s, uint16_t packet_id, bool *is_new)
{
    *is_new = receiving_at(s, packet_id) == s->receiving_count;
    if (!*is_new)
        return MRL_OK;
    MRL_ENSURE(s->receiving_count < s->hub->limits->in_flight, MRL_ERR_LIMIT);
    if (s->receiving == NULL &&
        (s->receiving = calloc(s->hub->limits->in_flight, sizeof(uint16_t))) == NULL)
        abort();
    s->receiving[s->receiving_count++] = packet_id;
    return MRL_OK;
}

mrl_err mrl_session_release_qos2(struct mrl_session *s, uint16_t packet_id)
{
    unsigned at = receiving_at(s, packet_id);

    MRL_ENSURE(at < s->receiving_count, MRL_ERR_NOT_FOUND);
    s->receiving[at] = s->receiving[--s->receiving_count];
    if (s->receiving_count == 0) {
        free(s->receiving);
        s->receiving = NULL;
    }
    return MRL_OK;
}
