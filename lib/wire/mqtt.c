/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/mqtt.h"

#include "wire/mqtt_codec.h"

enum { ANY_FLAGS = 0x10 }; /* PUBLISH judges its own */

/* 2.1.2, 2.1.3 */
static const struct packet_rule {
    mrl_err (*body)(struct mrl_mqtt_in *in, struct mrl_mqtt_packet *out);
    uint8_t flags;
    enum mrl_mqtt_from from;
} packet_rules[MRL_MQTT_TYPES_] = {
    [MRL_MQTT_CONNECT] = {mrl_mqtt_in_connect, 0, MRL_MQTT_FROM_CLIENT},
    [MRL_MQTT_CONNACK] = {mrl_mqtt_in_connack, 0, MRL_MQTT_FROM_SERVER},
    [MRL_MQTT_PUBLISH] = {mrl_mqtt_in_publish, ANY_FLAGS, MRL_MQTT_FROM_EITHER},
    [MRL_MQTT_PUBACK] = {mrl_mqtt_in_ack, 0, MRL_MQTT_FROM_EITHER},
    [MRL_MQTT_PUBREC] = {mrl_mqtt_in_ack, 0, MRL_MQTT_FROM_EITHER},
    [MRL_MQTT_PUBREL] = {mrl_mqtt_in_ack, 2, MRL_MQTT_FROM_EITHER},
    [MRL_MQTT_PUBCOMP] = {mrl_mqtt_in_ack, 0, MRL_MQTT_FROM_EITHER},
    [MRL_MQTT_SUBSCRIBE] = {mrl_mqtt_in_subscribe, 2, MRL_MQTT_FROM_CLIENT},
    [MRL_MQTT_SUBACK] = {mrl_mqtt_in_suback, 0, MRL_MQTT_FROM_SERVER},
    [MRL_MQTT_UNSUBSCRIBE] = {mrl_mqtt_in_unsubscribe, 2, MRL_MQTT_FROM_CLIENT},
    [MRL_MQTT_UNSUBACK] = {mrl_mqtt_in_suback, 0, MRL_MQTT_FROM_SERVER},
    [MRL_MQTT_PINGREQ] = {mrl_mqtt_in_ping, 0, MRL_MQTT_FROM_CLIENT},
    [MRL_MQTT_PINGRESP] = {mrl_mqtt_in_ping, 0, MRL_MQTT_FROM_SERVER},
    [MRL_MQTT_DISCONNECT] = {mrl_mqtt_in_disconnect, 0, MRL_MQTT_FROM_EITHER},
    [MRL_MQTT_AUTH] = {mrl_mqtt_in_auth, 0, MRL_MQTT_FROM_EITHER},
};

static bool is_type(enum mrl_mqtt_type type)
{
    return type >= MRL_MQTT_CONNECT && type < MRL_MQTT_TYPES_;
}

/* What the fixed header alone tells. */
static enum mrl_mqtt_rule check_header(const struct mrl_mqtt_frame *frame,
                                       enum mrl_mqtt_version version, enum mrl_mqtt_from from)
{
    const struct packet_rule *rule;

    if (!is_type(frame->type) || (frame->type == MRL_MQTT_AUTH && version == MRL_MQTT_311))
        return MRL_MQTT_RULE_TYPE;
    rule = &packet_rules[frame->type];
    if ((rule->from & from) == 0)
        return MRL_MQTT_RULE_DIRECTION;
    if (version == MRL_MQTT_NONE && frame->type != MRL_MQTT_CONNECT)
        return MRL_MQTT_RULE_FIRST;
    if (version != MRL_MQTT_NONE && frame->type == MRL_MQTT_CONNECT)
        return MRL_MQTT_RULE_SECOND_CONNECT;
    if (version == MRL_MQTT_5 && frame->overlong)
        return MRL_MQTT_RULE_OVERLONG;
    if (rule->flags != ANY_FLAGS && rule->flags != frame->flags)
        return MRL_MQTT_RULE_FLAGS;
    return MRL_MQTT_RULE_NONE;
}

mrl_err mrl_mqtt_read(const struct mrl_mqtt_frame *frame, enum mrl_mqtt_version version,
                      enum mrl_mqtt_from from, struct mrl_mqtt_packet *out,
                      struct mrl_mqtt_fault *fault)
{
    struct mrl_mqtt_fault unwanted = {0};
    struct mrl_mqtt_in in = {
        .r = {frame->body, 0},
        .version = version,
        .from = from,
        .flags = frame->flags,
        .overlong = frame->overlong,
        .fault = fault == NULL ? &unwanted : fault,
    };
    struct mrl_mqtt_packet packet = {.type = frame->type};

    MRL_TRY(mrl_mqtt_judge(&in, check_header(frame, version, from)));
    MRL_TRY(packet_rules[frame->type].body(&in, &packet));
    *out = packet;
    return MRL_OK;
}

static void write_from_client(struct mrl_writer *w, enum mrl_mqtt_version version,
                              const struct mrl_mqtt_packet *p)
{
    if (p->type == MRL_MQTT_CONNECT)
        mrl_mqtt_write_connect(w, &p->connect);
    else if (p->type == MRL_MQTT_SUBSCRIBE)
        mrl_mqtt_write_subscribe(w, version, &p->subscribe);
    else if (p->type == MRL_MQTT_UNSUBSCRIBE)
        mrl_mqtt_write_unsubscribe(w, version, &p->unsubscribe);
    else
        mrl_mqtt_write_pingreq(w);
}

static void write_from_server(struct mrl_writer *w, enum mrl_mqtt_version version,
                              const struct mrl_mqtt_packet *p)
{
    if (p->type == MRL_MQTT_CONNACK)
        mrl_mqtt_write_connack(w, version, &p->connack);
    else if (p->type == MRL_MQTT_SUBACK)
        mrl_mqtt_write_suback(w, version, &p->suback);
    else if (p->type == MRL_MQTT_UNSUBACK)
        mrl_mqtt_write_unsuback(w, version, &p->suback);
    else
        mrl_mqtt_write_pingresp(w);
}

static void write_from_either(struct mrl_writer *w, enum mrl_mqtt_version version,
                              const struct mrl_mqtt_packet *p)
{
    if (p->type == MRL_MQTT_PUBLISH)
        mrl_mqtt_write_publish(w, version, &p->publish);
    else if (p->type == MRL_MQTT_DISCONNECT)
        mrl_mqtt_write_disconnect(w, version, &p->disconnect);
    else if (p->type == MRL_MQTT_AUTH && version == MRL_MQTT_5)
        mrl_mqtt_write_auth(w, &p->auth);
    else
        mrl_mqtt_write_ack(w, version, p->type, &p->ack); /* refuses what is none */
}

void mrl_mqtt_write(struct mrl_writer *w, enum mrl_mqtt_version version,
                    const struct mrl_mqtt_packet *packet)
{
    if (!is_type(packet->type))
        w->overflow = true;
    else if (packet_rules[packet->type].from == MRL_MQTT_FROM_CLIENT)
        write_from_client(w, version, packet);
    else if (packet_rules[packet->type].from == MRL_MQTT_FROM_SERVER)
        write_from_server(w, version, packet);
    else
        write_from_either(w, version, packet);
}

mrl_err mrl_mqtt_size(enum mrl_mqtt_version version, const struct mrl_mqtt_packet *packet,
                      size_t *out)
{
    struct mrl_writer count = mrl_writer_counting();

    mrl_mqtt_write(&count, version, packet);
    MRL_ENSURE(!count.overflow, MRL_ERR_INVALID);
    *out = count.len;
    return MRL_OK;
}
