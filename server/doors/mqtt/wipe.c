/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/mqtt/wipe.h"

#include <stdlib.h>

#include "base/clock.h"
#include "devices/snapshot.h"

#define PREFIX "$merlon/devices/"

enum { LEAVE_S = 5 };

bool mrl_client_takes_wipe(struct mrl_client *c)
{
    const struct mrl_tls_facts *facts = mrl_conn_facts(c->conn);
    struct mrl_wipe_order order;

    if (!facts->has_certificate || facts->resumed ||
        !mrl_wipe_find(c->door->config.registry, &facts->fingerprint, mrl_wall_s(), &order) ||
        !mrl_client_take_retired(c))
        return false;
    c->not_after = order.until_s - 1; /* the last second in which it may be here */
    c->renew_at = INT64_MAX;
    c->wiping = true;
    mrl_list_remove(&c->in_door);
    mrl_list_add(&c->door->wiping, &c->in_door);
    return true;
}

/* It stays as long as its order is open: not after a lift, nor on another connection's answer. */
static bool find_order(const struct mrl_client *c, struct mrl_wipe_order *out)
{
    return mrl_wipe_find(c->door->config.registry, &mrl_conn_facts(c->conn)->fingerprint,
                         mrl_wall_s(), out);
}

static bool is_own(const struct mrl_client *c, mrl_bytes topic, mrl_bytes last)
{
    const mrl_bytes prefix = MRL_LIT(PREFIX), id = c->subject.id;

    return topic.len == prefix.len + id.len + last.len && mrl_bytes_starts(topic, prefix) &&
           mrl_bytes_eq(mrl_bytes_sub(topic, prefix.len, id.len), id) &&
           mrl_bytes_ends(topic, last);
}

/* Whoever has answered is on its way out already, with its acknowledgement. */
static void rejudge_one(struct mrl_client *c)
{
    struct mrl_wipe_order order;

    if (c->state == MRL_CLIENT_OPEN && c->not_after > mrl_wall_s() + LEAVE_S &&
        !find_order(c, &order))
        mrl_client_end(c, MRL_MQTT_NOT_AUTHORIZED, "wipe order is not open any more");
}

void mrl_client_rejudge_wipes(struct mrl_mqtt_door *d, mrl_bytes id)
{
    MRL_LIST_EACH(c, &d->wiping, struct mrl_client, in_door)
    if (id.len == 0 || mrl_bytes_eq(id, c->subject.id))
        rejudge_one(c);
}

/* --- CONNACK --- */

static void tell_limits(struct mrl_client *c, const struct mrl_mqtt_connect *p,
                        struct mrl_mqtt_props *props)
{
    props->receive_maximum = 1; /* one receipt at a time */
    mrl_mqtt_set(props, MRL_MQTT_PROP_RECEIVE_MAXIMUM);
    props->maximum_packet_size = c->largest_packet;
    mrl_mqtt_set(props, MRL_MQTT_PROP_MAXIMUM_PACKET_SIZE);
    if (p->props.session_expiry != 0) { /* nothing is kept. MQTT 5.0 3.2.2.3.2 */
        props->session_expiry = 0;
        mrl_mqtt_set(props, MRL_MQTT_PROP_SESSION_EXPIRY);
    }
    if (c->keep_alive_ms != (uint64_t)p->keep_alive * 1500) {
        props->server_keep_alive = (uint16_t)(c->keep_alive_ms / 1500);
        mrl_mqtt_set(props, MRL_MQTT_PROP_SERVER_KEEP_ALIVE);
    }
    if (p->client_id.len == 0) { /* [MQTT-3.2.2-16] */
        props->assigned_client_id = c->subject.id;
        mrl_mqtt_set(props, MRL_MQTT_PROP_ASSIGNED_CLIENT_ID);
    }
}

void mrl_client_welcome_wipe(struct mrl_client *c, const struct mrl_mqtt_connect *p)
{
    struct mrl_mqtt_packet answer = {.type = MRL_MQTT_CONNACK};

    if (p->version == MRL_MQTT_5)
        tell_limits(c, p, &answer.connack.props);
    c->counted = true;
    mrl_client_count(c, MRL_COUNTER_CONNECTIONS_OPENED);
    if (mrl_client_send(c, &answer) != MRL_OK) { /* [MQTT-3.14.0-1] */
        mrl_client_end(c, MRL_MQTT_PACKET_TOO_LARGE, "CONNACK larger than the client takes");
        return;
    }
    c->state = MRL_CLIENT_OPEN;
    mrl_guard_proven(c->door->config.guard, mrl_conn_peer(c->conn));
    mrl_client_arm(c);
}

/* --- the order --- */

static void send_order(struct mrl_client *c, const struct mrl_wipe_order *order)
{
    struct mrl_mqtt_packet p = {.type = MRL_MQTT_PUBLISH};
    MRL_SCOPED(mrl_buf) topic = {0};
    MRL_SCOPED(mrl_buf) json = {0};

    (void)mrl_buf_append(&topic, MRL_LIT(PREFIX)); /* no limit set: cannot fail */
    (void)mrl_buf_append(&topic, c->subject.id);
    (void)mrl_buf_append(&topic, MRL_LIT("/wipe"));
    if (mrl_wipe_order_write(order, c->subject.id, &mrl_conn_facts(c->conn)->fingerprint, &json) !=
        MRL_OK)
        return;
    p.publish.topic = mrl_buf_bytes(&topic);
    p.publish.payload = mrl_buf_bytes(&json);
    if (mrl_client_send(c, &p) == MRL_ERR_LIMIT)
        mrl_client_end(c, MRL_MQTT_PACKET_TOO_LARGE, "wipe order larger than the client takes");
}

static uint8_t subscribe_one(struct mrl_client *c, mrl_bytes filter)
{
    if (is_own(c, filter, MRL_LIT("/wipe")))
        return 0; /* QoS 0: whoever missed it subscribes again */
    mrl_client_count(c, MRL_COUNTER_SUBSCRIBE_DENIED);
    mrl_client_denied(c, MRL_AUDIT_SUBSCRIBE_DENIED, filter, "it is retired");
    return MRL_MQTT_NOT_AUTHORIZED;
}

static void on_subscribe(struct mrl_client *c, const struct mrl_mqtt_subscribe *p,
                         const struct mrl_wipe_order *order)
{
    struct mrl_mqtt_packet answer = {.type = MRL_MQTT_SUBACK, .suback.packet_id = p->packet_id};
    struct mrl_mqtt_cursor cursor = mrl_mqtt_cursor_on(p->subscriptions);
    MRL_SCOPED(mrl_buf) codes = {0};
    struct mrl_mqtt_subscription s;
    bool wanted = false;

    while (mrl_mqtt_subscription_next(&cursor, &s)) {
        uint8_t code = subscribe_one(c, s.filter);

        wanted = wanted || code == 0;
        (void)mrl_buf_append(&codes, mrl_bytes_of(&code, 1)); /* no limit set */
    }
    answer.suback.codes = mrl_buf_bytes(&codes);
    if (mrl_client_send(c, &answer) == MRL_ERR_LIMIT)
        mrl_client_end(c, MRL_MQTT_PACKET_TOO_LARGE, "SUBACK larger than the client takes");
    else if (wanted)
        send_order(c, order);
}

/* --- the receipt --- */

/* 3.1.1 has no way to refuse but to end the connection. */
static void refuse(struct mrl_client *c, const struct mrl_mqtt_publish *p, uint8_t reason,
                   const char *why)
{
    if (c->version == MRL_MQTT_311)
        mrl_client_end(c, reason, why);
    else if (p->qos > 0)
        mrl_client_send_ack(c, p->qos == 1 ? MRL_MQTT_PUBACK : MRL_MQTT_PUBREC, p->packet_id,
                            reason, why);
}

/* Each may have cost a signature check: whoever has another one comes again, at the pace of
 * connections. */
static void refuse_receipt(struct mrl_client *c, const struct mrl_mqtt_publish *p, mrl_err err,
                           const char *why)
{
    uint8_t reason = err == MRL_ERR_DENIED   ? MRL_MQTT_NOT_AUTHORIZED
                     : err == MRL_ERR_CRYPTO ? MRL_MQTT_IMPLEMENTATION_ERROR
                                             : MRL_MQTT_PAYLOAD_FORMAT_INVALID;

    mrl_client_count(c, MRL_COUNTER_WIPE_REFUSED);
    mrl_client_denied(c, MRL_AUDIT_DEVICE_WIPE_REFUSED, c->subject.id, why);
    refuse(c, p, reason, "the receipt does not hold");
    mrl_client_end(c, reason, "the receipt does not hold");
}

struct answered_message {
    struct mrl_message message;
    struct mrl_client *client;
    uint8_t qos;
    uint16_t packet_id;
    mrl_err result;
};

/* Kept: the client has a moment to take the acknowledgement and to leave by itself. */
static void tell_answered(struct mrl_client *c, const struct answered_message *a)
{
    c->state = MRL_CLIENT_OPEN;
    if (a->result != MRL_OK) {
        if (a->qos == 1 && c->version == MRL_MQTT_5)
            mrl_client_send_ack(c, MRL_MQTT_PUBACK, a->packet_id, MRL_MQTT_UNSPECIFIED_ERROR,
                                "the receipt could not be stored");
        mrl_client_end(c, MRL_MQTT_UNSPECIFIED_ERROR, "the receipt could not be stored");
        return;
    }
    if (a->qos == 1)
        mrl_client_send_ack(c, MRL_MQTT_PUBACK, a->packet_id, MRL_MQTT_SUCCESS, NULL);
    c->not_after = mrl_wall_s() + LEAVE_S;
    mrl_client_arm(c);
    mrl_conn_resume(c->conn);
}

static void on_answered(struct mrl_message *m, void *owner)
{
    struct answered_message *a = MRL_CONTAINER(m, struct answered_message, message);
    struct mrl_client *c = a->client;

    (void)owner;
    if (c->conn != NULL)
        tell_answered(c, a);
    else {
        c->state = MRL_CLIENT_ENDING;
        mrl_client_drop(c);
    }
    free(a);
}

static void drop_answered(struct mrl_message *m)
{
    struct answered_message *a = MRL_CONTAINER(m, struct answered_message, message);
    struct mrl_client *c = a->client;

    free(a);
    c->state = MRL_CLIENT_ENDING;
    if (c->conn == NULL)
        mrl_client_drop(c);
}

/* On the writer thread. */
static void answer_is_durable(void *context, mrl_err result)
{
    struct answered_message *a = context;

    a->result = result;
    mrl_mailbox_post(a->client->door->config.mailbox, &a->message);
}

static void keep_receipt(struct mrl_client *c, const struct mrl_mqtt_publish *p,
                         const struct mrl_wipe_receipt *receipt)
{
    struct answered_message *a = calloc(1, sizeof(*a));

    if (a == NULL)
        abort();
    a->message = (struct mrl_message){.handle = on_answered, .drop = drop_answered};
    a->client = c;
    a->qos = p->qos;
    a->packet_id = p->packet_id;
    mrl_timer_cancel(&c->timer);
    c->state = MRL_CLIENT_RECORDING; /* what else comes is not looked at */
    mrl_conn_pause(c->conn);
    mrl_client_answer_wipe(c, receipt, answer_is_durable, a);
}

static void on_receipt(struct mrl_client *c, const struct mrl_mqtt_publish *p,
                       const struct mrl_wipe_order *order)
{
    struct mrl_wipe_receipt receipt = {0};
    struct mrl_why why = {{0}};
    mrl_err err = mrl_wipe_receipt_read(p->payload, &receipt);

    if (err != MRL_OK) {
        refuse_receipt(c, p, err, "not a receipt");
        return;
    }
    err = mrl_wipe_receipt_check(&receipt, c->subject.id, order, &why);
    if (err == MRL_OK)
        keep_receipt(c, p, &receipt);
    else
        refuse_receipt(c, p, err, why.text);
    mrl_wipe_receipt_done(&receipt);
}

static void on_publish(struct mrl_client *c, const struct mrl_mqtt_publish *p,
                       const struct mrl_wipe_order *order)
{
    if (mrl_mqtt_has(&p->props, MRL_MQTT_PROP_TOPIC_ALIAS)) { /* MQTT 5.0 3.3.2.3.4 */
        mrl_client_end(c, MRL_MQTT_TOPIC_ALIAS_INVALID, "topic alias above Topic Alias Maximum");
        return;
    }
    if (is_own(c, p->topic, MRL_LIT("/wiped")) && p->qos < 2 && !p->retain) {
        on_receipt(c, p, order);
        return;
    }
    mrl_client_count(c, MRL_COUNTER_PUBLISH_DENIED);
    mrl_client_denied(c, MRL_AUDIT_PUBLISH_DENIED, p->topic, "it is retired");
    refuse(c, p, MRL_MQTT_NOT_AUTHORIZED, "publish not allowed: it is retired");
}

static void on_disconnect(struct mrl_client *c)
{
    c->ended = "client disconnected";
    c->state = MRL_CLIENT_ENDING;
    mrl_conn_close(c->conn);
}

void mrl_client_on_wipe_packet(struct mrl_client *c, const struct mrl_mqtt_packet *p)
{
    const struct mrl_mqtt_packet pong = {.type = MRL_MQTT_PINGRESP};
    struct mrl_wipe_order order;

    if (p->type == MRL_MQTT_DISCONNECT)
        on_disconnect(c);
    else if (!find_order(c, &order))
        mrl_client_end(c, MRL_MQTT_NOT_AUTHORIZED, "wipe order is not open any more");
    else if (p->type == MRL_MQTT_SUBSCRIBE)
        on_subscribe(c, &p->subscribe, &order);
    else if (p->type == MRL_MQTT_PUBLISH)
        on_publish(c, &p->publish, &order);
    else if (p->type == MRL_MQTT_PINGREQ)
        (void)mrl_client_send(c, &pong); /* two bytes: fits every client */
    else
        mrl_client_end(c, MRL_MQTT_PROTOCOL_ERROR, "packet not allowed here");
}
