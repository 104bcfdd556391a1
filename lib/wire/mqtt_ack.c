/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/mqtt_ack.h"

#include "wire/mqtt_codec.h"

/* Reason code and properties at the end of a packet, each of which may be left out when nothing
 * follows it (3.4.2.1, 3.14.2.1). 3.1.1 has neither. */
static mrl_err read_reasoned(struct mrl_mqtt_in *in, enum mrl_mqtt_type type, uint8_t *reason,
                             struct mrl_mqtt_props *props)
{
    struct mrl_mqtt_in absent = *in;

    *reason = MRL_MQTT_SUCCESS;
    if (in->version == MRL_MQTT_5 && mrl_reader_left(&in->r) > 0)
        MRL_TRY(mrl_mqtt_in_u8(in, reason));
    if (in->version == MRL_MQTT_5 && mrl_reader_left(&in->r) > 0)
        MRL_TRY(mrl_mqtt_in_props(in, type, props));
    else {
        absent.version = MRL_MQTT_311;
        MRL_TRY(mrl_mqtt_in_props(&absent, type, props)); /* the defaults */
    }
    return mrl_mqtt_in_end(in);
}

static void put_reasoned(struct mrl_writer *w, enum mrl_mqtt_version version, uint8_t reason,
                         const struct mrl_mqtt_props *props)
{
    if (version != MRL_MQTT_5 || (reason == MRL_MQTT_SUCCESS && props->present == 0))
        return;
    mrl_put_u8(w, reason);
    if (props->present != 0)
        mrl_mqtt_put_props(w, version, props);
}

static enum mrl_mqtt_rule check_ack(enum mrl_mqtt_version version, enum mrl_mqtt_type type,
                                    enum mrl_mqtt_from from, const struct mrl_mqtt_ack *p)
{
    if (type < MRL_MQTT_PUBACK || type > MRL_MQTT_PUBCOMP)
        return MRL_MQTT_RULE_TYPE;
    if (p->packet_id == 0)
        return MRL_MQTT_RULE_PACKET_ID;
    /* [MQTT-3.4.2-1], [MQTT-3.5.2-1], [MQTT-3.6.2-1], [MQTT-3.7.2-1] */
    return mrl_mqtt_reason_allowed(version, type, from, p->reason) ? MRL_MQTT_RULE_NONE
                                                                   : MRL_MQTT_RULE_REASON;
}

mrl_err mrl_mqtt_in_ack(struct mrl_mqtt_in *in, struct mrl_mqtt_packet *out)
{
    struct mrl_mqtt_ack *p = &out->ack;

    MRL_TRY(mrl_mqtt_in_u16(in, &p->packet_id));
    MRL_TRY(read_reasoned(in, out->type, &p->reason, &p->props));
    return mrl_mqtt_judge(in, check_ack(in->version, out->type, in->from, p));
}

static void put_ack(struct mrl_writer *w, enum mrl_mqtt_version version, const void *packet)
{
    const struct mrl_mqtt_ack *p = packet;

    mrl_put_u16(w, p->packet_id);
    put_reasoned(w, version, p->reason, &p->props);
}

void mrl_mqtt_write_ack(struct mrl_writer *w, enum mrl_mqtt_version version,
                        enum mrl_mqtt_type type, const struct mrl_mqtt_ack *p)
{
    enum mrl_mqtt_rule broken = check_ack(version, type, MRL_MQTT_FROM_EITHER, p);

    if (broken == MRL_MQTT_RULE_NONE)
        broken = mrl_mqtt_check_props(version, &p->props, type, MRL_MQTT_FROM_EITHER);
    mrl_mqtt_put_packet(w, &(struct mrl_mqtt_out){
                               /* [MQTT-3.6.1-1] */
                               .first = mrl_mqtt_first(type, type == MRL_MQTT_PUBREL ? 2 : 0),
                               .version = version,
                               .broken = broken,
                               .packet = p,
                               .body = put_ack,
                           });
}

void mrl_mqtt_write_puback(struct mrl_writer *w, enum mrl_mqtt_version version,
                           const struct mrl_mqtt_ack *p)
{
    mrl_mqtt_write_ack(w, version, MRL_MQTT_PUBACK, p);
}

void mrl_mqtt_write_pubrec(struct mrl_writer *w, enum mrl_mqtt_version version,
                           const struct mrl_mqtt_ack *p)
{
    mrl_mqtt_write_ack(w, version, MRL_MQTT_PUBREC, p);
}

void mrl_mqtt_write_pubrel(struct mrl_writer *w, enum mrl_mqtt_version version,
                           const struct mrl_mqtt_ack *p)
{
    mrl_mqtt_write_ack(w, version, MRL_MQTT_PUBREL, p);
}

void mrl_mqtt_write_pubcomp(struct mrl_writer *w, enum mrl_mqtt_version version,
                            const struct mrl_mqtt_ack *p)
{
    mrl_mqtt_write_ack(w, version, MRL_MQTT_PUBCOMP, p);
}

mrl_err mrl_mqtt_in_ping(struct mrl_mqtt_in *in, struct mrl_mqtt_packet *out)
{
    (void)out;
    return mrl_mqtt_in_end(in); /* 3.12, 3.13: neither variable header nor payload */
}

static void put_empty(struct mrl_writer *w, enum mrl_mqtt_type type)
{
    mrl_put_u8(w, mrl_mqtt_first(type, 0));
    mrl_put_u8(w, 0);
}

void mrl_mqtt_write_pingreq(struct mrl_writer *w)
{
    put_empty(w, MRL_MQTT_PINGREQ);
}

void mrl_mqtt_write_pingresp(struct mrl_writer *w)
{
    put_empty(w, MRL_MQTT_PINGRESP);
}

static enum mrl_mqtt_rule check_disconnect(enum mrl_mqtt_version version, enum mrl_mqtt_from from,
                                           const struct mrl_mqtt_disconnect *p)
{
    if (version == MRL_MQTT_311 && from != MRL_MQTT_FROM_CLIENT)
        return MRL_MQTT_RULE_DIRECTION; /* 3.1.1 3.14 */
    return mrl_mqtt_reason_allowed(version, MRL_MQTT_DISCONNECT, from, p->reason)
               ? MRL_MQTT_RULE_NONE
               : MRL_MQTT_RULE_REASON; /* [MQTT-3.14.2-1] */
}

mrl_err mrl_mqtt_in_disconnect(struct mrl_mqtt_in *in, struct mrl_mqtt_packet *out)
{
    struct mrl_mqtt_disconnect *p = &out->disconnect;

    MRL_TRY(read_reasoned(in, MRL_MQTT_DISCONNECT, &p->reason, &p->props));
    return mrl_mqtt_judge(in, check_disconnect(in->version, in->from, p));
}

static void put_disconnect(struct mrl_writer *w, enum mrl_mqtt_version version, const void *packet)
{
    const struct mrl_mqtt_disconnect *p = packet;

    put_reasoned(w, version, p->reason, &p->props);
}

static enum mrl_mqtt_rule check_disconnect_of(enum mrl_mqtt_version version,
                                              enum mrl_mqtt_from from,
                                              const struct mrl_mqtt_disconnect *p)
{
    enum mrl_mqtt_rule broken = check_disconnect(version, from, p);

    if (broken == MRL_MQTT_RULE_NONE)
        broken = mrl_mqtt_check_props(version, &p->props, MRL_MQTT_DISCONNECT, from);
    return broken;
}

void mrl_mqtt_write_disconnect(struct mrl_writer *w, enum mrl_mqtt_version version,
                               const struct mrl_mqtt_disconnect *p)
{
    enum mrl_mqtt_rule broken = check_disconnect_of(version, MRL_MQTT_FROM_CLIENT, p);

    /* The packet must be right as a whole from one side; which one, only the caller knows. */
    if (broken != MRL_MQTT_RULE_NONE)
        broken = check_disconnect_of(version, MRL_MQTT_FROM_SERVER, p);
    mrl_mqtt_put_packet(w, &(struct mrl_mqtt_out){
                               .first = mrl_mqtt_first(MRL_MQTT_DISCONNECT, 0),
                               .version = version,
                               .broken = broken,
                               .packet = p,
                               .body = put_disconnect,
                           });
}

/* 3.15.2.2.2: the method is left out only when everything is (3.15.2.1). */
static enum mrl_mqtt_rule check_auth(enum mrl_mqtt_from from, const struct mrl_mqtt_auth *p)
{
    bool bare = p->reason == MRL_MQTT_SUCCESS && p->props.present == 0;

    if (!mrl_mqtt_reason_allowed(MRL_MQTT_5, MRL_MQTT_AUTH, from, p->reason))
        return MRL_MQTT_RULE_REASON; /* [MQTT-3.15.2-1] */
    return bare || mrl_mqtt_has(&p->props, MRL_MQTT_PROP_AUTH_METHOD)
               ? MRL_MQTT_RULE_NONE
               : MRL_MQTT_RULE_PROP_AUTH_METHOD;
}

mrl_err mrl_mqtt_in_auth(struct mrl_mqtt_in *in, struct mrl_mqtt_packet *out)
{
    struct mrl_mqtt_auth *p = &out->auth;

    MRL_TRY(read_reasoned(in, MRL_MQTT_AUTH, &p->reason, &p->props));
    return mrl_mqtt_judge(in, check_auth(in->from, p));
}

static void put_auth(struct mrl_writer *w, enum mrl_mqtt_version version, const void *packet)
{
    const struct mrl_mqtt_auth *p = packet;

    put_reasoned(w, version, p->reason, &p->props);
}

void mrl_mqtt_write_auth(struct mrl_writer *w, const struct mrl_mqtt_auth *p)
{
    enum mrl_mqtt_rule broken = check_auth(MRL_MQTT_FROM_EITHER, p);

    if (broken == MRL_MQTT_RULE_NONE)
        broken = mrl_mqtt_check_props(MRL_MQTT_5, &p->props, MRL_MQTT_AUTH, MRL_MQTT_FROM_EITHER);
    mrl_mqtt_put_packet(w, &(struct mrl_mqtt_out){
                               .first = mrl_mqtt_first(MRL_MQTT_AUTH, 0),
                               .version = MRL_MQTT_5,
                               .broken = broken,
                               .packet = p,
                               .body = put_auth,
                           });
}
