/* SPDX-License-Identifier: Apache-2.0 */
/* Do two MQTT packets mean the same? For round trips, in unit tests and fuzz targets. */
#ifndef MRL_TESTS_MQTT_SAME_H
#define MRL_TESTS_MQTT_SAME_H

#include <string.h>

#include "wire/mqtt.h"

static inline bool same_user(mrl_bytes a, mrl_bytes b)
{
    struct mrl_mqtt_cursor ca = mrl_mqtt_cursor_on(a);
    struct mrl_mqtt_cursor cb = mrl_mqtt_cursor_on(b);
    mrl_bytes na;
    mrl_bytes va;
    mrl_bytes nb;
    mrl_bytes vb;

    while (mrl_mqtt_user_property_next(&ca, &na, &va))
        if (!mrl_mqtt_user_property_next(&cb, &nb, &vb) || !mrl_bytes_eq(na, nb) ||
            !mrl_bytes_eq(va, vb))
            return false;
    return !mrl_mqtt_user_property_next(&cb, &nb, &vb);
}

static inline bool same_ids(mrl_bytes a, mrl_bytes b)
{
    struct mrl_mqtt_cursor ca = mrl_mqtt_cursor_on(a);
    struct mrl_mqtt_cursor cb = mrl_mqtt_cursor_on(b);
    uint32_t ia;
    uint32_t ib;

    while (mrl_mqtt_subscription_id_next(&ca, &ia))
        if (!mrl_mqtt_subscription_id_next(&cb, &ib) || ia != ib)
            return false;
    return !mrl_mqtt_subscription_id_next(&cb, &ib);
}

static inline bool same_numbers(const struct mrl_mqtt_props *a, const struct mrl_mqtt_props *b)
{
    return a->present == b->present && a->session_expiry == b->session_expiry &&
           a->will_delay == b->will_delay && a->message_expiry == b->message_expiry &&
           a->maximum_packet_size == b->maximum_packet_size &&
           a->subscription_id == b->subscription_id && a->receive_maximum == b->receive_maximum &&
           a->topic_alias_maximum == b->topic_alias_maximum && a->topic_alias == b->topic_alias &&
           a->server_keep_alive == b->server_keep_alive && a->payload_format == b->payload_format &&
           a->maximum_qos == b->maximum_qos && a->request_problem_info == b->request_problem_info &&
           a->request_response_info == b->request_response_info &&
           a->retain_available == b->retain_available &&
           a->wildcard_available == b->wildcard_available &&
           a->subscription_id_available == b->subscription_id_available &&
           a->shared_available == b->shared_available;
}

static inline bool same_props(const struct mrl_mqtt_props *a, const struct mrl_mqtt_props *b)
{
    return same_numbers(a, b) && mrl_bytes_eq(a->content_type, b->content_type) &&
           mrl_bytes_eq(a->response_topic, b->response_topic) &&
           mrl_bytes_eq(a->correlation_data, b->correlation_data) &&
           mrl_bytes_eq(a->assigned_client_id, b->assigned_client_id) &&
           mrl_bytes_eq(a->auth_method, b->auth_method) &&
           mrl_bytes_eq(a->auth_data, b->auth_data) &&
           mrl_bytes_eq(a->response_information, b->response_information) &&
           mrl_bytes_eq(a->server_reference, b->server_reference) &&
           mrl_bytes_eq(a->reason_string, b->reason_string) && same_user(a->user, b->user) &&
           same_ids(a->subscription_ids, b->subscription_ids);
}

static inline bool same_connect(const struct mrl_mqtt_connect *a, const struct mrl_mqtt_connect *b)
{
    return a->version == b->version && a->clean_start == b->clean_start &&
           a->has_will == b->has_will && a->has_username == b->has_username &&
           a->has_password == b->has_password && a->keep_alive == b->keep_alive &&
           mrl_bytes_eq(a->client_id, b->client_id) && mrl_bytes_eq(a->username, b->username) &&
           mrl_bytes_eq(a->password, b->password) && a->will.qos == b->will.qos &&
           a->will.retain == b->will.retain && mrl_bytes_eq(a->will.topic, b->will.topic) &&
           mrl_bytes_eq(a->will.payload, b->will.payload) &&
           same_props(&a->will.props, &b->will.props) && same_props(&a->props, &b->props);
}

static inline bool same_publish(const struct mrl_mqtt_publish *a, const struct mrl_mqtt_publish *b)
{
    return mrl_bytes_eq(a->topic, b->topic) && mrl_bytes_eq(a->payload, b->payload) &&
           a->packet_id == b->packet_id && a->qos == b->qos && a->dup == b->dup &&
           a->retain == b->retain && same_props(&a->props, &b->props);
}

/* id, list of bytes and properties: the shape of many packets */
static inline bool same_shape(uint32_t id_a, uint32_t id_b, mrl_bytes list_a, mrl_bytes list_b,
                              const struct mrl_mqtt_props *a, const struct mrl_mqtt_props *b)
{
    return id_a == id_b && mrl_bytes_eq(list_a, list_b) && same_props(a, b);
}

static inline bool same_packet(const struct mrl_mqtt_packet *a, const struct mrl_mqtt_packet *b)
{
    if (a->type != b->type)
        return false;
    if (a->type == MRL_MQTT_CONNECT)
        return same_connect(&a->connect, &b->connect);
    if (a->type == MRL_MQTT_CONNACK)
        return a->connack.session_present == b->connack.session_present &&
               same_shape(a->connack.reason, b->connack.reason, MRL_BYTES_NONE, MRL_BYTES_NONE,
                          &a->connack.props, &b->connack.props);
    if (a->type == MRL_MQTT_PUBLISH)
        return same_publish(&a->publish, &b->publish);
    if (a->type == MRL_MQTT_SUBSCRIBE)
        return same_shape(a->subscribe.packet_id, b->subscribe.packet_id,
                          a->subscribe.subscriptions, b->subscribe.subscriptions,
                          &a->subscribe.props, &b->subscribe.props);
    if (a->type == MRL_MQTT_UNSUBSCRIBE)
        return same_shape(a->unsubscribe.packet_id, b->unsubscribe.packet_id,
                          a->unsubscribe.filters, b->unsubscribe.filters, &a->unsubscribe.props,
                          &b->unsubscribe.props);
    if (a->type == MRL_MQTT_SUBACK || a->type == MRL_MQTT_UNSUBACK)
        return same_shape(a->suback.packet_id, b->suback.packet_id, a->suback.codes,
                          b->suback.codes, &a->suback.props, &b->suback.props);
    if (a->type == MRL_MQTT_DISCONNECT)
        return same_shape(a->disconnect.reason, b->disconnect.reason, MRL_BYTES_NONE,
                          MRL_BYTES_NONE, &a->disconnect.props, &b->disconnect.props);
    if (a->type == MRL_MQTT_AUTH)
        return same_shape(a->auth.reason, b->auth.reason, MRL_BYTES_NONE, MRL_BYTES_NONE,
                          &a->auth.props, &b->auth.props);
    if (a->type == MRL_MQTT_PINGREQ || a->type == MRL_MQTT_PINGRESP)
        return true;
    return a->ack.packet_id == b->ack.packet_id &&
           same_shape(a->ack.reason, b->ack.reason, MRL_BYTES_NONE, MRL_BYTES_NONE, &a->ack.props,
                      &b->ack.props);
}

/* Writes what was read into to and reads it again. false: not the same, or not the size said. */
static inline bool survives_writing(const struct mrl_mqtt_packet *p, enum mrl_mqtt_version version,
                                    enum mrl_mqtt_from from, struct mrl_writer *to)
{
    enum mrl_mqtt_version spoken = p->type == MRL_MQTT_CONNECT ? MRL_MQTT_NONE : version;
    struct mrl_mqtt_packet again;
    struct mrl_mqtt_frame frame;
    mrl_bytes bytes;
    size_t size;

    mrl_mqtt_write(to, version, p);
    if (mrl_writer_end(to, &bytes) != MRL_OK)
        return false;
    if (mrl_mqtt_size(version, p, &size) != MRL_OK || size != bytes.len)
        return false;
    if (mrl_mqtt_frame(bytes, bytes.len, &frame) != MRL_OK || frame.total != bytes.len)
        return false;
    return mrl_mqtt_read(&frame, spoken, from, &again, NULL) == MRL_OK && same_packet(p, &again);
}

#endif
