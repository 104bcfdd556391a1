/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/mqtt_connect.h"

#include "wire/mqtt_codec.h"
#include "wire/mqtt_topic.h"

/* 3.1.2.3 */
enum {
    FLAG_RESERVED = 0x01,
    FLAG_CLEAN = 0x02,
    FLAG_WILL = 0x04,
    WILL_QOS_SHIFT = 3,
    FLAG_WILL_RETAIN = 0x20,
    FLAG_PASSWORD = 0x40,
    FLAG_USERNAME = 0x80,
};

static enum mrl_mqtt_rule check_will(const struct mrl_mqtt_connect *p)
{
    enum mrl_mqtt_rule broken;

    if (!p->has_will && p->will.qos != 0)
        return MRL_MQTT_RULE_WILL_QOS_ALONE;
    if (!p->has_will && p->will.retain)
        return MRL_MQTT_RULE_WILL_RETAIN_ALONE;
    if (!p->has_will)
        return MRL_MQTT_RULE_NONE;
    if (p->will.qos > 2)
        return MRL_MQTT_RULE_WILL_QOS;
    broken = mrl_mqtt_check_text(p->will.topic);
    if (broken == MRL_MQTT_RULE_NONE && !mrl_mqtt_topic_valid(p->will.topic))
        broken = MRL_MQTT_RULE_WILL_TOPIC;
    return broken;
}

static enum mrl_mqtt_rule check_connect(const struct mrl_mqtt_connect *p)
{
    enum mrl_mqtt_rule broken = check_will(p);

    if (p->version != MRL_MQTT_311 && p->version != MRL_MQTT_5)
        return MRL_MQTT_RULE_PROTOCOL_LEVEL;
    if (broken == MRL_MQTT_RULE_NONE)
        broken = mrl_mqtt_check_text(p->client_id);
    if (broken == MRL_MQTT_RULE_NONE && p->has_username)
        broken = mrl_mqtt_check_text(p->username);
    if (broken != MRL_MQTT_RULE_NONE || p->version == MRL_MQTT_5)
        return broken;
    if (p->has_password && !p->has_username)
        return MRL_MQTT_RULE_PASSWORD_ALONE;
    return p->client_id.len == 0 && !p->clean_start ? MRL_MQTT_RULE_CLIENT_ID_EMPTY
                                                    : MRL_MQTT_RULE_NONE;
}

static mrl_err read_protocol(struct mrl_mqtt_in *in, struct mrl_mqtt_connect *p)
{
    mrl_bytes name;
    uint8_t level;

    MRL_TRY(mrl_mqtt_in_blob(in, &name));
    /* An MQTT 3.1 client understands the refusal of 3.1.1; what else this is, nobody knows. */
    in->version = mrl_bytes_eq(name, MRL_LIT("MQIsdp")) ? MRL_MQTT_311 : MRL_MQTT_NONE;
    MRL_MQTT_ENSURE(in, mrl_bytes_eq(name, MRL_LIT("MQTT")), PROTOCOL_NAME);
    MRL_TRY(mrl_mqtt_in_u8(in, &level));
    in->version = level < MRL_MQTT_5 ? MRL_MQTT_311 : MRL_MQTT_5;
    MRL_MQTT_ENSURE(in, level == MRL_MQTT_311 || level == MRL_MQTT_5, PROTOCOL_LEVEL);
    MRL_MQTT_ENSURE(in, !in->overlong || level == MRL_MQTT_311, OVERLONG);
    p->version = in->version;
    return MRL_OK;
}

static mrl_err read_flags(struct mrl_mqtt_in *in, struct mrl_mqtt_connect *p)
{
    uint8_t flags;

    MRL_TRY(mrl_mqtt_in_u8(in, &flags));
    MRL_MQTT_ENSURE(in, (flags & FLAG_RESERVED) == 0, CONNECT_RESERVED);
    p->clean_start = (flags & FLAG_CLEAN) != 0;
    p->has_will = (flags & FLAG_WILL) != 0;
    p->will.qos = flags >> WILL_QOS_SHIFT & 3;
    p->will.retain = (flags & FLAG_WILL_RETAIN) != 0;
    p->has_password = (flags & FLAG_PASSWORD) != 0;
    p->has_username = (flags & FLAG_USERNAME) != 0;
    return MRL_OK;
}

static mrl_err read_will(struct mrl_mqtt_in *in, struct mrl_mqtt_will *will)
{
    MRL_TRY(mrl_mqtt_in_props(in, MRL_MQTT_IN_WILL, &will->props));
    MRL_TRY(mrl_mqtt_in_blob(in, &will->topic));
    return mrl_mqtt_in_blob(in, &will->payload);
}

/* [MQTT-3.1.3-1]: the order of the payload */
mrl_err mrl_mqtt_in_connect(struct mrl_mqtt_in *in, struct mrl_mqtt_packet *out)
{
    struct mrl_mqtt_connect *p = &out->connect;

    MRL_TRY(read_protocol(in, p));
    MRL_TRY(read_flags(in, p));
    MRL_TRY(mrl_mqtt_in_u16(in, &p->keep_alive));
    MRL_TRY(mrl_mqtt_in_props(in, MRL_MQTT_CONNECT, &p->props));
    MRL_TRY(mrl_mqtt_in_blob(in, &p->client_id));
    if (p->has_will)
        MRL_TRY(read_will(in, &p->will));
    if (p->has_username)
        MRL_TRY(mrl_mqtt_in_blob(in, &p->username));
    if (p->has_password)
        MRL_TRY(mrl_mqtt_in_blob(in, &p->password));
    MRL_TRY(mrl_mqtt_in_end(in));
    return mrl_mqtt_judge(in, check_connect(p));
}

static uint8_t connect_flags(const struct mrl_mqtt_connect *p)
{
    unsigned flags = (unsigned)p->will.qos << WILL_QOS_SHIFT;

    flags |= p->clean_start ? FLAG_CLEAN : 0;
    flags |= p->has_will ? FLAG_WILL : 0;
    flags |= p->will.retain ? FLAG_WILL_RETAIN : 0;
    flags |= p->has_password ? FLAG_PASSWORD : 0;
    flags |= p->has_username ? FLAG_USERNAME : 0;
    return (uint8_t)flags;
}

static void put_connect(struct mrl_writer *w, enum mrl_mqtt_version version, const void *packet)
{
    const struct mrl_mqtt_connect *p = packet;

    mrl_put_blob16(w, MRL_LIT("MQTT"));
    mrl_put_u8(w, (uint8_t)version);
    mrl_put_u8(w, connect_flags(p));
    mrl_put_u16(w, p->keep_alive);
    mrl_mqtt_put_props(w, version, &p->props);
    mrl_put_blob16(w, p->client_id);
    if (p->has_will) {
        mrl_mqtt_put_props(w, version, &p->will.props);
        mrl_put_blob16(w, p->will.topic);
        mrl_put_blob16(w, p->will.payload);
    }
    if (p->has_username)
        mrl_put_blob16(w, p->username);
    if (p->has_password)
        mrl_put_blob16(w, p->password);
}

static enum mrl_mqtt_rule check_connect_whole(const struct mrl_mqtt_connect *p)
{
    enum mrl_mqtt_rule broken = check_connect(p);

    if (broken == MRL_MQTT_RULE_NONE)
        broken =
            mrl_mqtt_check_props(p->version, &p->props, MRL_MQTT_CONNECT, MRL_MQTT_FROM_CLIENT);
    if (broken == MRL_MQTT_RULE_NONE && p->has_will)
        broken = mrl_mqtt_check_props(p->version, &p->will.props, MRL_MQTT_IN_WILL,
                                      MRL_MQTT_FROM_CLIENT);
    return broken;
}

void mrl_mqtt_write_connect(struct mrl_writer *w, const struct mrl_mqtt_connect *p)
{
    mrl_mqtt_put_packet(w, &(struct mrl_mqtt_out){
                               .first = mrl_mqtt_first(MRL_MQTT_CONNECT, 0),
                               .version = p->version,
                               .broken = check_connect_whole(p),
                               .packet = p,
                               .body = put_connect,
                           });
}

static enum mrl_mqtt_rule check_connack(enum mrl_mqtt_version version,
                                        const struct mrl_mqtt_connack *p)
{
    if (!mrl_mqtt_reason_allowed(version, MRL_MQTT_CONNACK, MRL_MQTT_FROM_SERVER, p->reason))
        return MRL_MQTT_RULE_REASON; /* [MQTT-3.2.2-8] */
    return p->session_present && p->reason != 0 ? MRL_MQTT_RULE_SESSION_PRESENT
                                                : MRL_MQTT_RULE_NONE;
}

mrl_err mrl_mqtt_in_connack(struct mrl_mqtt_in *in, struct mrl_mqtt_packet *out)
{
    struct mrl_mqtt_connack *p = &out->connack;
    uint8_t flags;

    MRL_TRY(mrl_mqtt_in_u8(in, &flags));
    MRL_MQTT_ENSURE(in, flags <= 1, CONNACK_RESERVED);
    p->session_present = flags == 1;
    MRL_TRY(mrl_mqtt_in_u8(in, &p->reason));
    MRL_TRY(mrl_mqtt_in_props(in, MRL_MQTT_CONNACK, &p->props));
    MRL_TRY(mrl_mqtt_in_end(in));
    return mrl_mqtt_judge(in, check_connack(in->version, p));
}

static void put_connack(struct mrl_writer *w, enum mrl_mqtt_version version, const void *packet)
{
    const struct mrl_mqtt_connack *p = packet;

    mrl_put_u8(w, p->session_present ? 1 : 0);
    mrl_put_u8(w, p->reason);
    mrl_mqtt_put_props(w, version, &p->props);
}

void mrl_mqtt_write_connack(struct mrl_writer *w, enum mrl_mqtt_version version,
                            const struct mrl_mqtt_connack *p)
{
    enum mrl_mqtt_rule broken = check_connack(version, p);

    if (broken == MRL_MQTT_RULE_NONE)
        broken = mrl_mqtt_check_props(version, &p->props, MRL_MQTT_CONNACK, MRL_MQTT_FROM_SERVER);
    mrl_mqtt_put_packet(w, &(struct mrl_mqtt_out){
                               .first = mrl_mqtt_first(MRL_MQTT_CONNACK, 0),
                               .version = version,
                               .broken = broken,
                               .packet = p,
                               .body = put_connack,
                           });
}
