/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of an open connection: one function each, found by a table. */
#include "base/clock.h"
#include "base/writer.h"
#include "devices/device_log.h"
#include "doors/mqtt/client.h"
#include "doors/mqtt/merlon_topics.h"
#include "doors/mqtt/wipe.h"
#include "messages/topic_tree.h"
#include "wire/mqtt_topic.h"

/* why: of a refusal, else NULL. */
static void send_ack(struct mrl_client *c, enum mrl_mqtt_type type, uint16_t packet_id,
                     uint8_t reason, const char *why)
{
    struct mrl_mqtt_packet p = {
        .type = type,
        .ack = {.packet_id = packet_id,
                .reason = c->version == MRL_MQTT_5 ? reason : MRL_MQTT_SUCCESS}};
    mrl_err err =
        why == NULL ? mrl_client_send(c, &p) : mrl_client_send_reason(c, &p, &p.ack.props, why);

    if (err == MRL_ERR_LIMIT)
        mrl_client_end(c, MRL_MQTT_PACKET_TOO_LARGE,
                       "acknowledgement larger than the client takes");
}

void mrl_client_send_ack(struct mrl_client *c, enum mrl_mqtt_type type, uint16_t packet_id,
                         uint8_t reason, const char *why)
{
    send_ack(c, type, packet_id, reason, why);
}

struct mrl_publication mrl_client_publication(const struct mrl_mqtt_props *props)
{
    struct mrl_publication p = {
        .content_type = props->content_type,
        .response_topic = props->response_topic,
        .correlation_data = props->correlation_data,
        .user_properties = props->user,
        .has_content_type = mrl_mqtt_has(props, MRL_MQTT_PROP_CONTENT_TYPE),
        .has_correlation_data = mrl_mqtt_has(props, MRL_MQTT_PROP_CORRELATION_DATA),
        .has_payload_format = mrl_mqtt_has(props, MRL_MQTT_PROP_PAYLOAD_FORMAT),
        .payload_format = props->payload_format,
    };

    if (!mrl_mqtt_has(props, MRL_MQTT_PROP_USER))
        p.user_properties = MRL_BYTES_NONE;
    if (mrl_mqtt_has(props, MRL_MQTT_PROP_MESSAGE_EXPIRY))
        p.expires_ms = mrl_monotonic_ms() + (uint64_t)props->message_expiry * 1000;
    return p;
}

static const enum mrl_counter received_counters[] = {
    MRL_COUNTER_MESSAGES_IN_QOS0, MRL_COUNTER_MESSAGES_IN_QOS1, MRL_COUNTER_MESSAGES_IN_QOS2};

/* Says no to one message. 3.1.1 has no word for it in an acknowledgement: to acknowledge would be
 * to say that the message arrived, so the connection ends instead [MQTT-3.3.5-2 of 3.1.1]. At QoS 0
 * nothing was promised. */
static void refuse_publish(struct mrl_client *c, const struct mrl_mqtt_publish *p, uint8_t reason,
                           const char *why)
{
    struct mrl_answer answer = {.type = p->qos == 1 ? MRL_MQTT_PUBACK : MRL_MQTT_PUBREC,
                                .packet_id = p->packet_id,
                                .reason = reason,
                                .why = why};

    if (p->qos == 0)
        return;
    if (c->version == MRL_MQTT_311)
        mrl_client_end(c, reason, why);
    else
        mrl_client_answer(c, &answer, NULL);
}

/* As if it had arrived: the other way out that [MQTT-3.3.5-2] of 3.1.1 leaves, for what policy
 * denies only. PUBREL will find no packet id, which 3.1.1 cannot tell from success. */
static void acknowledge_denied(struct mrl_client *c, const struct mrl_mqtt_publish *p)
{
    struct mrl_answer answer = {.type = p->qos == 1 ? MRL_MQTT_PUBACK : MRL_MQTT_PUBREC,
                                .packet_id = p->packet_id};

    if (p->qos > 0)
        mrl_client_answer(c, &answer, NULL);
}

static const char *why_denied(const struct mrl_client *c, mrl_bytes topic)
{
    return mrl_policy_may_publish(c->policy, &c->subject, topic, /*needs=*/0)
               ? "no rule allows it with this QoS or retain flag"
               : "no rule allows it";
}

/* MQTT 5.0 has reasons of its own for QoS and retain (0x9B, 0x9A), but not for an acknowledgement,
 * and they speak of what the server supports: here it is not authorized. MQTT 5.0 3.4.2.1 */
static bool may_publish(struct mrl_client *c, const struct mrl_mqtt_publish *p)
{
    if (mrl_topic_levels(p->topic) > MRL_TOPIC_LEVELS_MAX) {
        mrl_client_denied(c, MRL_AUDIT_PUBLISH_DENIED, p->topic, "too many levels");
        refuse_publish(c, p, MRL_MQTT_TOPIC_NAME_INVALID, "topic has too many levels");
        return false;
    }
    if (mrl_policy_may_publish(c->policy, &c->subject, p->topic,
                               mrl_publish_needs(p->qos, p->retain, p->payload.len == 0)))
        return true;
    mrl_client_count(c, MRL_COUNTER_PUBLISH_DENIED);
    mrl_client_denied(c, MRL_AUDIT_PUBLISH_DENIED, p->topic, why_denied(c, p->topic));
    if (c->version == MRL_MQTT_311 && c->door->config.limits->acknowledge_denied_311)
        acknowledge_denied(c, p);
    else
        refuse_publish(c, p, MRL_MQTT_NOT_AUTHORIZED, "publish not allowed by policy");
    return false;
}

static mrl_err publish(struct mrl_client *c, struct mrl_publication *p, bool *receivers)
{
    bool may_retain = mrl_session_may_retain(c->session, p);
    mrl_err err = may_retain ? mrl_hub_publish(c->door->hub, p, receivers) : MRL_ERR_LIMIT;

    if (err == MRL_ERR_LIMIT)
        mrl_client_denied(c, MRL_AUDIT_PUBLISH_DENIED, p->topic,
                          may_retain ? "too many retained messages of all"
                                     : "too many retained messages");
    return err;
}

static mrl_err route(struct mrl_client *c, const struct mrl_mqtt_publish *p, bool *receivers)
{
    const struct mrl_mqtt_door_config *config = &c->door->config;
    struct mrl_publication message = mrl_client_publication(&p->props);
    uint8_t owner[MRL_OWNER_MAX];
    struct mrl_publication *shared;
    mrl_err err;

    message.topic = p->topic;
    message.payload = p->payload;
    message.qos = p->qos;
    message.retain = p->retain;
    message.origin = mrl_session_number(c->session);
    if (p->retain)
        message.owner = mrl_client_owner(c, owner);
    shared = mrl_publication_new(&message);
    err = publish(c, shared, receivers);
    mrl_publication_unref(shared);
    mrl_client_count(c, received_counters[p->qos]);
    if (config->observe != NULL && c->subject.kind == MRL_PRINCIPAL_DEVICE)
        config->observe(config->observe_context, c->subject.id, p->topic, p->payload);
    return err;
}

static void answer_publish(struct mrl_client *c, const struct mrl_mqtt_publish *p, bool receivers,
                           struct mrl_receipt *receipt)
{
    struct mrl_answer answer = {.type = p->qos == 1 ? MRL_MQTT_PUBACK : MRL_MQTT_PUBREC,
                                .packet_id = p->packet_id,
                                .reason = receivers ? MRL_MQTT_SUCCESS
                                                    : MRL_MQTT_NO_MATCHING_SUBSCRIBERS};

    mrl_client_answer(c, &answer, receipt);
}

/* What was watched failed at once. */
static void unwatch(const struct mrl_client *c)
{
    struct mrl_receipt *receipt = mrl_hub_watched(c->door->hub);

    if (receipt != NULL)
        mrl_receipt_then(receipt, NULL, NULL);
}

/* Unanswered ones of both kinds count. MQTT 5.0 3.3.4-9, 4.9 */
static bool past_maximum(const struct mrl_client *c, unsigned more)
{
    return c->version == MRL_MQTT_5 &&
           c->answers.waiting_pubacks + mrl_session_receiving(c->session) + more >
               mrl_session_receive_maximum(c->session);
}

static void on_qos1(struct mrl_client *c, const struct mrl_mqtt_publish *p)
{
    bool receivers = false;

    if (past_maximum(c, 1)) {
        mrl_client_end(c, MRL_MQTT_RECEIVE_MAXIMUM_EXCEEDED, "more in flight than Receive Maximum");
        return;
    }
    mrl_hub_watch(c->door->hub);
    if (route(c, p, &receivers) != MRL_OK) {
        unwatch(c);
        refuse_publish(c, p, MRL_MQTT_QUOTA_EXCEEDED, "no room for another retained message");
        return;
    }
    answer_publish(c, p, receivers, mrl_hub_watched(c->door->hub));
}

static mrl_err receive(struct mrl_client *c, uint16_t packet_id, bool *is_new)
{
    MRL_TRY(mrl_session_receive_qos2(c->session, packet_id, is_new));
    if (!*is_new || !past_maximum(c, 0))
        return MRL_OK;
    (void)mrl_session_release_qos2(c->session, packet_id); /* taken above */
    return MRL_ERR_LIMIT;
}

/* MQTT 5.0 4.3.3, method B: routed at the PUBLISH, the packet id is kept until PUBREL. */
static void on_qos2(struct mrl_client *c, const struct mrl_mqtt_publish *p)
{
    bool is_new = false, receivers = true;

    mrl_hub_watch(c->door->hub);
    if (receive(c, p->packet_id, &is_new) != MRL_OK) {
        unwatch(c);
        mrl_client_end(c, MRL_MQTT_RECEIVE_MAXIMUM_EXCEEDED, "more in flight than Receive Maximum");
        return;
    }
    if (is_new && route(c, p, &receivers) != MRL_OK) {
        (void)mrl_session_release_qos2(c->session, p->packet_id); /* taken a line above */
        unwatch(c);
        refuse_publish(c, p, MRL_MQTT_QUOTA_EXCEEDED, "no room for another retained message");
        return;
    }
    answer_publish(c, p, receivers, mrl_hub_watched(c->door->hub));
}

void mrl_client_take_publish(struct mrl_client *c, const struct mrl_mqtt_publish *p)
{
    if (p->qos == 1)
        answer_publish(c, p, /*receivers=*/true, NULL);
}

/* Heads that come too often are taken and let go: the next one covers them. */
void mrl_client_on_log_head(struct mrl_client *c, const struct mrl_mqtt_publish *p,
                            const mrl_bytes *variables)
{
    uint64_t now = mrl_monotonic_ms();
    struct mrl_device_log_head head;

    (void)variables; /* its topic has none */
    if (mrl_device_log_read(p->payload, &head) != MRL_OK) {
        mrl_client_denied(c, MRL_AUDIT_PUBLISH_DENIED, p->topic, "not the head of an event log");
        refuse_publish(c, p, MRL_MQTT_PAYLOAD_FORMAT_INVALID, "not the head of an event log");
        return;
    }
    if (c->log_head_ms == 0 || now - c->log_head_ms >= MRL_LOG_HEAD_EVERY_MS) {
        c->log_head_ms = now;
        mrl_client_anchor_log(c, &head);
    }
    mrl_client_take_publish(c, p);
}

/* Sets the topic an alias stands for. A denied message sets its alias, too: the client relies on
 * it. MQTT 5.0 3.3.2.3.4 */
static bool resolve_alias(struct mrl_client *c, struct mrl_mqtt_publish *p)
{
    mrl_err err;

    if (!mrl_mqtt_has(&p->props, MRL_MQTT_PROP_TOPIC_ALIAS))
        return true;
    err = mrl_aliases_receive(&c->aliases, c->door->config.limits->topic_aliases,
                              p->props.topic_alias, &p->topic);
    if (err == MRL_ERR_LIMIT)
        mrl_client_end(c, MRL_MQTT_TOPIC_ALIAS_INVALID, "topic alias above Topic Alias Maximum");
    else if (err != MRL_OK)
        mrl_client_end(c, MRL_MQTT_PROTOCOL_ERROR, "topic alias that stands for nothing");
    return err == MRL_OK;
}

/* It was taken and routed: what holds now is asked of new messages only. [MQTT-4.3.3-10] */
static bool is_repetition(const struct mrl_client *c, const struct mrl_mqtt_publish *p)
{
    return p->qos == 2 && mrl_session_has_received(c->session, p->packet_id);
}

static void on_publish(struct mrl_client *c, const struct mrl_mqtt_packet *packet)
{
    struct mrl_mqtt_publish resolved = packet->publish;
    const struct mrl_mqtt_publish *p = &resolved;

    if (!resolve_alias(c, &resolved))
        return;
    if (is_repetition(c, p)) {
        on_qos2(c, p);
        return;
    }
    if (mrl_merlon_publish(c, p))
        return;
    if (!may_publish(c, p))
        return;
    if (p->qos == 2)
        on_qos2(c, p);
    else if (p->qos == 1)
        on_qos1(c, p);
    else
        (void)route(c, p, NULL); /* QoS 0: nobody to tell */
}

/* Late or double, which does no harm; whoever sends many is slowed down. */
static void on_stray(struct mrl_client *c, mrl_err err)
{
    if (err != MRL_OK)
        c->extra = 1;
}

static void on_puback(struct mrl_client *c, const struct mrl_mqtt_packet *packet)
{
    on_stray(c, mrl_session_puback(c->session, packet->ack.packet_id));
}

static void on_pubrec(struct mrl_client *c, const struct mrl_mqtt_packet *packet)
{
    const struct mrl_mqtt_ack *p = &packet->ack;
    bool failed = p->reason >= 0x80; /* MQTT 5.0 4.3.3-4: no PUBREL answers it */

    mrl_err err = mrl_session_pubrec(c->session, p->packet_id, failed);

    if (err != MRL_OK && !failed)
        send_ack(c, MRL_MQTT_PUBREL, p->packet_id, MRL_MQTT_PACKET_ID_NOT_FOUND,
                 NULL); /* MQTT 5.0 3.6.2.1 */
    on_stray(c, err);
}

static void on_pubrel(struct mrl_client *c, const struct mrl_mqtt_packet *packet)
{
    struct mrl_answer answer = {.type = MRL_MQTT_PUBCOMP, .packet_id = packet->ack.packet_id};

    mrl_err err;

    mrl_hub_watch(c->door->hub);
    err = mrl_session_release_qos2(c->session, answer.packet_id);
    if (err != MRL_OK)
        answer.reason = MRL_MQTT_PACKET_ID_NOT_FOUND;
    mrl_client_answer(c, &answer, mrl_hub_watched(c->door->hub));
    on_stray(c, err);
}

static void on_pubcomp(struct mrl_client *c, const struct mrl_mqtt_packet *packet)
{
    on_stray(c, mrl_session_pubcomp(c->session, packet->ack.packet_id));
}

static uint8_t refuse_filter(const struct mrl_client *c, mrl_bytes filter)
{
    mrl_client_denied(c, MRL_AUDIT_SUBSCRIBE_DENIED, filter, "too many subscriptions");
    return MRL_MQTT_QUOTA_EXCEEDED;
}

/* The code for SUBACK; *send_retained says whether retained messages follow it.
 * MQTT 5.0 3.8.4, 3.9.3 */
static uint8_t subscribe_one(struct mrl_client *c, const struct mrl_mqtt_subscription *s,
                             uint32_t identifier, bool *send_retained)
{
    struct mrl_subscribe_options options = {.qos = s->qos,
                                            .no_local = s->no_local,
                                            .retain_as_published = s->retain_as_published,
                                            .retain_handling = s->retain_handling,
                                            .identifier = identifier};
    bool existed;
    mrl_err err;

    *send_retained = false;
    if (mrl_topic_levels(s->filter) > MRL_TOPIC_LEVELS_MAX) {
        mrl_client_denied(c, MRL_AUDIT_SUBSCRIBE_DENIED, s->filter, "too many levels");
        return MRL_MQTT_TOPIC_FILTER_INVALID;
    }
    if (!mrl_merlon_may_subscribe(&c->subject, s->filter, &options.qos) &&
        !mrl_policy_may_subscribe(c->policy, &c->subject, s->filter, &options.qos)) {
        mrl_client_count(c, MRL_COUNTER_SUBSCRIBE_DENIED);
        mrl_client_denied(c, MRL_AUDIT_SUBSCRIBE_DENIED, s->filter, "no rule allows it");
        return MRL_MQTT_NOT_AUTHORIZED;
    }
    err = mrl_session_subscribe(c->session, s->filter, &options, &existed);
    if (err != MRL_OK)
        return refuse_filter(c, s->filter);
    *send_retained =
        s->group.len == 0 && (s->retain_handling == 0 || (s->retain_handling == 1 && !existed));
    return options.qos; /* or less than asked for. MQTT 5.0 3.8.4-7 */
}

static void want_retained(struct mrl_answer *answer, mrl_bytes filter)
{
    uint8_t head[2];
    struct mrl_writer w = mrl_writer_on(head, sizeof(head));

    mrl_put_u16(&w, (uint16_t)filter.len);                                   /* MQTT bounds it */
    (void)mrl_buf_append(&answer->wanted, mrl_bytes_of(head, sizeof(head))); /* no limit set */
    (void)mrl_buf_append(&answer->wanted, filter);
}

/* One packet is as much work as a packet for each of its filters [MQTT-3.8.4-5]: so much it counts.
 */
static void answer_filters(struct mrl_client *c, struct mrl_answer *answer)
{
    c->extra = (unsigned)answer->codes.len - 1;
    mrl_client_answer(c, answer, mrl_hub_watched(c->door->hub));
}

/* A packet makes no more subscriptions than a session may have: one filter again and again would
 * be work without end. MQTT 5.0 3.9.3, 0x97 */
static void on_subscribe(struct mrl_client *c, const struct mrl_mqtt_packet *packet)
{
    const struct mrl_mqtt_subscribe *p = &packet->subscribe;
    struct mrl_mqtt_cursor cursor = mrl_mqtt_cursor_on(p->subscriptions);
    uint32_t identifier =
        mrl_mqtt_has(&p->props, MRL_MQTT_PROP_SUBSCRIPTION_ID) ? p->props.subscription_id : 0;
    struct mrl_answer answer = {.type = MRL_MQTT_SUBACK, .packet_id = p->packet_id};
    unsigned left = mrl_session_most_subscriptions(c->session);
    struct mrl_mqtt_subscription s;

    mrl_hub_watch(c->door->hub);
    while (mrl_mqtt_subscription_next(&cursor, &s)) {
        bool retained = false;
        uint8_t code =
            left == 0 ? refuse_filter(c, s.filter) : subscribe_one(c, &s, identifier, &retained);

        (void)mrl_buf_append(&answer.codes, mrl_bytes_of(&code, 1)); /* no limit set */
        left -= code < MRL_MQTT_UNSPECIFIED_ERROR;
        if (retained)
            want_retained(&answer, s.filter);
    }
    answer_filters(c, &answer);
}

static void on_unsubscribe(struct mrl_client *c, const struct mrl_mqtt_packet *packet)
{
    const struct mrl_mqtt_unsubscribe *p = &packet->unsubscribe;
    struct mrl_mqtt_cursor cursor = mrl_mqtt_cursor_on(p->filters);
    struct mrl_answer answer = {.type = MRL_MQTT_UNSUBACK, .packet_id = p->packet_id};
    mrl_bytes filter;

    mrl_hub_watch(c->door->hub);
    while (mrl_mqtt_filter_next(&cursor, &filter)) {
        bool was_there = mrl_session_unsubscribe(c->session, filter) == MRL_OK;
        uint8_t code = was_there ? MRL_MQTT_SUCCESS : MRL_MQTT_NO_SUBSCRIPTION_EXISTED;

        (void)mrl_buf_append(&answer.codes, mrl_bytes_of(&code, 1)); /* no limit set */
    }
    answer_filters(c, &answer);
}

static void on_pingreq(struct mrl_client *c, const struct mrl_mqtt_packet *packet)
{
    const struct mrl_mqtt_packet answer = {.type = MRL_MQTT_PINGRESP};

    (void)packet;
    (void)mrl_client_send(c, &answer); /* two bytes: fits every client */
}

static void on_disconnect(struct mrl_client *c, const struct mrl_mqtt_packet *packet)
{
    const struct mrl_mqtt_disconnect *p = &packet->disconnect;

    if (mrl_mqtt_has(&p->props, MRL_MQTT_PROP_SESSION_EXPIRY) &&
        mrl_session_set_expiry(c->session, p->props.session_expiry) != MRL_OK) {
        mrl_client_end(c, MRL_MQTT_PROTOCOL_ERROR,
                       "session expiry was 0 at CONNECT"); /* 3.14.2.2.2 */
        return;
    }
    c->clean = p->reason == MRL_MQTT_SUCCESS;
    c->ended = "client disconnected";
    c->state = MRL_CLIENT_ENDING;
    mrl_conn_close(c->conn);
}

static void on_auth(struct mrl_client *c, const struct mrl_mqtt_packet *packet)
{
    mrl_client_on_auth(c, &packet->auth);
}

static void (*const on_type[MRL_MQTT_TYPES_])(struct mrl_client *,
                                              const struct mrl_mqtt_packet *) = {
    [MRL_MQTT_PUBLISH] = on_publish,         [MRL_MQTT_PUBACK] = on_puback,
    [MRL_MQTT_PUBREC] = on_pubrec,           [MRL_MQTT_PUBREL] = on_pubrel,
    [MRL_MQTT_PUBCOMP] = on_pubcomp,         [MRL_MQTT_SUBSCRIBE] = on_subscribe,
    [MRL_MQTT_UNSUBSCRIBE] = on_unsubscribe, [MRL_MQTT_PINGREQ] = on_pingreq,
    [MRL_MQTT_DISCONNECT] = on_disconnect,   [MRL_MQTT_AUTH] = on_auth,
};

void mrl_client_on_packet(struct mrl_client *c, const struct mrl_mqtt_packet *p)
{
    if (c->wiping) {
        mrl_client_on_wipe_packet(c, p);
        return;
    }
    if (on_type[p->type] == NULL) { /* the codec refuses those already */
        mrl_client_end(c, MRL_MQTT_PROTOCOL_ERROR, "packet not allowed here");
        return;
    }
    on_type[p->type](c, p);
}
