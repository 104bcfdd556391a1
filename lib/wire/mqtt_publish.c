/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/mqtt_publish.h"

#include "wire/mqtt_codec.h"
#include "wire/mqtt_topic.h"

/* 3.3.1 */
enum { FLAG_RETAIN = 0x01, QOS_SHIFT = 1, FLAG_DUP = 0x08 };

static enum mrl_mqtt_rule check_topic(enum mrl_mqtt_version version,
                                      const struct mrl_mqtt_publish *p)
{
    enum mrl_mqtt_rule broken;

    if (p->topic.len == 0) {
        if (version != MRL_MQTT_5)
            return MRL_MQTT_RULE_TOPIC_EMPTY;
        return mrl_mqtt_has(&p->props, MRL_MQTT_PROP_TOPIC_ALIAS) ? MRL_MQTT_RULE_NONE
                                                                  : MRL_MQTT_RULE_TOPIC_MISSING;
    }
    broken = mrl_mqtt_check_text(p->topic);
    if (broken == MRL_MQTT_RULE_NONE && mrl_mqtt_has_wildcard(p->topic))
        broken = MRL_MQTT_RULE_TOPIC_NAME;
    return broken;
}

static enum mrl_mqtt_rule check_publish(enum mrl_mqtt_version version,
                                        const struct mrl_mqtt_publish *p)
{
    if (p->qos > 2)
        return MRL_MQTT_RULE_QOS;
    if (p->qos == 0 && p->dup)
        return MRL_MQTT_RULE_DUP;
    if ((p->packet_id == 0) != (p->qos == 0)) /* [MQTT-2.2.1-2], [MQTT-2.2.1-3], [MQTT-2.2.1-4] */
        return MRL_MQTT_RULE_PACKET_ID;
    return check_topic(version, p);
}

mrl_err mrl_mqtt_in_publish(struct mrl_mqtt_in *in, struct mrl_mqtt_packet *out)
{
    struct mrl_mqtt_publish *p = &out->publish;

    p->retain = (in->flags & FLAG_RETAIN) != 0;
    p->qos = in->flags >> QOS_SHIFT & 3;
    p->dup = (in->flags & FLAG_DUP) != 0;
    MRL_MQTT_ENSURE(in, p->qos <= 2, QOS); /* before the packet identifier is looked for */
    MRL_TRY(mrl_mqtt_in_blob(in, &p->topic));
    if (p->qos > 0)
        MRL_TRY(mrl_mqtt_in_u16(in, &p->packet_id));
    MRL_TRY(mrl_mqtt_in_props(in, MRL_MQTT_PUBLISH, &p->props));
    p->payload = mrl_read_rest(&in->r);
    return mrl_mqtt_judge(in, check_publish(in->version, p));
}

static void put_publish(struct mrl_writer *w, enum mrl_mqtt_version version, const void *packet)
{
    const struct mrl_mqtt_publish *p = packet;

    mrl_put_blob16(w, p->topic);
    if (p->qos > 0)
        mrl_put_u16(w, p->packet_id);
    mrl_mqtt_put_props(w, version, &p->props);
}

static unsigned publish_flags(const struct mrl_mqtt_publish *p)
{
    return (p->retain ? FLAG_RETAIN : 0u) | (unsigned)p->qos << QOS_SHIFT |
           (p->dup ? FLAG_DUP : 0u);
}

void mrl_mqtt_write_publish_header(struct mrl_writer *w, enum mrl_mqtt_version version,
                                   const struct mrl_mqtt_publish *p, size_t payload_len)
{
    enum mrl_mqtt_rule broken = check_publish(version, p);

    /* What a client may send is part of what a server may. */
    if (broken == MRL_MQTT_RULE_NONE)
        broken = mrl_mqtt_check_props(version, &p->props, MRL_MQTT_PUBLISH, MRL_MQTT_FROM_SERVER);
    mrl_mqtt_put_packet(w, &(struct mrl_mqtt_out){
                               .first = mrl_mqtt_first(MRL_MQTT_PUBLISH, publish_flags(p)),
                               .version = version,
                               .broken = broken,
                               .packet = p,
                               .body = put_publish,
                               .payload_len = payload_len,
                           });
}

void mrl_mqtt_write_publish(struct mrl_writer *w, enum mrl_mqtt_version version,
                            const struct mrl_mqtt_publish *p)
{
    mrl_mqtt_write_publish_header(w, version, p, p->payload.len);
    mrl_put_bytes(w, p->payload);
}
