/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/mqtt_subscribe.h"

#include "wire/mqtt_codec.h"
#include "wire/mqtt_topic.h"

/* 3.8.3.1 */
enum {
    OPTION_QOS = 0x03,
    OPTION_NO_LOCAL = 0x04,
    OPTION_RETAIN_AS_PUBLISHED = 0x08,
    RETAIN_HANDLING_SHIFT = 4,
    OPTION_RESERVED = 0xc0,
};

enum { FLAGS = 0x02 }; /* [MQTT-3.8.1-1], [MQTT-3.10.1-1] */

static enum mrl_mqtt_rule check_filter(mrl_bytes filter)
{
    enum mrl_mqtt_rule broken = mrl_mqtt_check_text(filter);

    if (broken != MRL_MQTT_RULE_NONE || mrl_mqtt_filter_valid(filter))
        return broken;
    return mrl_bytes_starts(filter, MRL_LIT("$share/")) ? MRL_MQTT_RULE_SHARE
                                                        : MRL_MQTT_RULE_FILTER;
}

static enum mrl_mqtt_rule check_options(enum mrl_mqtt_version version, mrl_bytes filter,
                                        uint8_t options)
{
    mrl_bytes group;
    mrl_bytes plain;
    unsigned reserved = version == MRL_MQTT_5 ? OPTION_RESERVED : 0xffu & ~OPTION_QOS;

    if ((options & reserved) != 0)
        return MRL_MQTT_RULE_OPTIONS_RESERVED;
    if ((options & OPTION_QOS) == 3)
        return MRL_MQTT_RULE_OPTIONS_QOS;
    if (options >> RETAIN_HANDLING_SHIFT == 3)
        return MRL_MQTT_RULE_RETAIN_HANDLING;
    if ((options & OPTION_NO_LOCAL) != 0 && mrl_mqtt_share_split(filter, &group, &plain))
        return MRL_MQTT_RULE_NO_LOCAL_SHARED;
    return MRL_MQTT_RULE_NONE;
}

static enum mrl_mqtt_rule check_entry(enum mrl_mqtt_version version, struct mrl_reader *r,
                                      bool with_options)
{
    enum mrl_mqtt_rule broken;
    mrl_bytes filter;
    uint8_t options = 0;

    if (mrl_read_blob16(r, &filter) != MRL_OK)
        return MRL_MQTT_RULE_TRUNCATED;
    if (with_options && mrl_read_u8(r, &options) != MRL_OK)
        return MRL_MQTT_RULE_TRUNCATED;
    broken = check_filter(filter);
    return broken == MRL_MQTT_RULE_NONE ? check_options(version, filter, options) : broken;
}

static enum mrl_mqtt_rule check_list(enum mrl_mqtt_version version, mrl_bytes list,
                                     bool with_options)
{
    struct mrl_reader r = {list, 0};

    while (mrl_reader_left(&r) > 0) {
        enum mrl_mqtt_rule broken = check_entry(version, &r, with_options);

        if (broken != MRL_MQTT_RULE_NONE)
            return broken;
    }
    return MRL_MQTT_RULE_NONE;
}

static enum mrl_mqtt_rule check_subscribe(enum mrl_mqtt_version version,
                                          const struct mrl_mqtt_subscribe *p)
{
    if (p->packet_id == 0)
        return MRL_MQTT_RULE_PACKET_ID;
    if (p->subscriptions.len == 0)
        return MRL_MQTT_RULE_NO_SUBSCRIPTION;
    return check_list(version, p->subscriptions, /*with_options=*/true);
}

static enum mrl_mqtt_rule check_unsubscribe(enum mrl_mqtt_version version,
                                            const struct mrl_mqtt_unsubscribe *p)
{
    if (p->packet_id == 0)
        return MRL_MQTT_RULE_PACKET_ID;
    if (p->filters.len == 0)
        return MRL_MQTT_RULE_NO_FILTER;
    return check_list(version, p->filters, /*with_options=*/false);
}

/* [MQTT-3.9.3-2], [MQTT-3.11.3-2]; version names whose codes these are. */
static enum mrl_mqtt_rule check_codes(enum mrl_mqtt_version version, enum mrl_mqtt_type type,
                                      const struct mrl_mqtt_suback *p)
{
    if (p->packet_id == 0)
        return MRL_MQTT_RULE_PACKET_ID;
    if (type == MRL_MQTT_UNSUBACK && version == MRL_MQTT_311)
        return MRL_MQTT_RULE_NONE;
    if (p->codes.len == 0)
        return MRL_MQTT_RULE_NO_CODE;
    for (size_t i = 0; i < p->codes.len; i++)
        if (!mrl_mqtt_reason_allowed(version, type, MRL_MQTT_FROM_SERVER, p->codes.data[i]))
            return MRL_MQTT_RULE_REASON;
    return MRL_MQTT_RULE_NONE;
}

mrl_err mrl_mqtt_in_subscribe(struct mrl_mqtt_in *in, struct mrl_mqtt_packet *out)
{
    struct mrl_mqtt_subscribe *p = &out->subscribe;

    MRL_TRY(mrl_mqtt_in_u16(in, &p->packet_id));
    MRL_TRY(mrl_mqtt_in_props(in, MRL_MQTT_SUBSCRIBE, &p->props));
    p->subscriptions = mrl_read_rest(&in->r);
    return mrl_mqtt_judge(in, check_subscribe(in->version, p));
}

mrl_err mrl_mqtt_in_unsubscribe(struct mrl_mqtt_in *in, struct mrl_mqtt_packet *out)
{
    struct mrl_mqtt_unsubscribe *p = &out->unsubscribe;

    MRL_TRY(mrl_mqtt_in_u16(in, &p->packet_id));
    MRL_TRY(mrl_mqtt_in_props(in, MRL_MQTT_UNSUBSCRIBE, &p->props));
    p->filters = mrl_read_rest(&in->r);
    return mrl_mqtt_judge(in, check_unsubscribe(in->version, p));
}

mrl_err mrl_mqtt_in_suback(struct mrl_mqtt_in *in, struct mrl_mqtt_packet *out)
{
    struct mrl_mqtt_suback *p = &out->suback;

    MRL_TRY(mrl_mqtt_in_u16(in, &p->packet_id));
    MRL_TRY(mrl_mqtt_in_props(in, out->type, &p->props));
    if (out->type == MRL_MQTT_UNSUBACK && in->version == MRL_MQTT_311)
        MRL_TRY(mrl_mqtt_in_end(in)); /* 3.1.1 3.11.3: no payload */
    p->codes = mrl_read_rest(&in->r);
    return mrl_mqtt_judge(in, check_codes(in->version, out->type, p));
}

bool mrl_mqtt_filter_next(struct mrl_mqtt_cursor *c, mrl_bytes *filter)
{
    return mrl_read_blob16(&c->at, filter) == MRL_OK;
}

bool mrl_mqtt_subscription_next(struct mrl_mqtt_cursor *c, struct mrl_mqtt_subscription *out)
{
    struct mrl_reader ahead = c->at;
    struct mrl_mqtt_subscription s = {0};
    uint8_t options;

    if (mrl_read_blob16(&ahead, &s.filter) != MRL_OK || mrl_read_u8(&ahead, &options) != MRL_OK)
        return false;
    s.qos = options & OPTION_QOS;
    s.no_local = (options & OPTION_NO_LOCAL) != 0;
    s.retain_as_published = (options & OPTION_RETAIN_AS_PUBLISHED) != 0;
    s.retain_handling = options >> RETAIN_HANDLING_SHIFT & 3;
    (void)mrl_mqtt_share_split(s.filter, &s.group, &s.plain); /* group tells which it is */
    c->at = ahead;
    *out = s;
    return true;
}

void mrl_mqtt_put_subscription(struct mrl_writer *w, const struct mrl_mqtt_subscription *s)
{
    unsigned options = s->qos | (unsigned)s->retain_handling << RETAIN_HANDLING_SHIFT;

    if (s->qos > 2 || s->retain_handling > 2) {
        w->overflow = true;
        return;
    }
    options |= s->no_local ? OPTION_NO_LOCAL : 0u;
    options |= s->retain_as_published ? OPTION_RETAIN_AS_PUBLISHED : 0u;
    mrl_put_blob16(w, s->filter);
    mrl_put_u8(w, (uint8_t)options);
}

void mrl_mqtt_put_filter(struct mrl_writer *w, mrl_bytes filter)
{
    mrl_put_blob16(w, filter);
}

static void put_subscribe(struct mrl_writer *w, enum mrl_mqtt_version version, const void *packet)
{
    const struct mrl_mqtt_subscribe *p = packet;

    mrl_put_u16(w, p->packet_id);
    mrl_mqtt_put_props(w, version, &p->props);
    mrl_put_bytes(w, p->subscriptions);
}

static void put_unsubscribe(struct mrl_writer *w, enum mrl_mqtt_version version, const void *packet)
{
    const struct mrl_mqtt_unsubscribe *p = packet;

    mrl_put_u16(w, p->packet_id);
    mrl_mqtt_put_props(w, version, &p->props);
    mrl_put_bytes(w, p->filters);
}

static void put_suback(struct mrl_writer *w, enum mrl_mqtt_version version, const void *packet)
{
    const struct mrl_mqtt_suback *p = packet;

    mrl_put_u16(w, p->packet_id);
    mrl_mqtt_put_props(w, version, &p->props);
    for (size_t i = 0; i < p->codes.len; i++) {
        uint8_t code = p->codes.data[i];

        mrl_put_u8(w, version == MRL_MQTT_311 && code > 0x80 ? 0x80 : code);
    }
}

static void put_unsuback(struct mrl_writer *w, enum mrl_mqtt_version version, const void *packet)
{
    const struct mrl_mqtt_suback *p = packet;

    mrl_put_u16(w, p->packet_id);
    mrl_mqtt_put_props(w, version, &p->props);
    if (version == MRL_MQTT_5)
        mrl_put_bytes(w, p->codes);
}

void mrl_mqtt_write_subscribe(struct mrl_writer *w, enum mrl_mqtt_version version,
                              const struct mrl_mqtt_subscribe *p)
{
    enum mrl_mqtt_rule broken = check_subscribe(version, p);

    if (broken == MRL_MQTT_RULE_NONE)
        broken = mrl_mqtt_check_props(version, &p->props, MRL_MQTT_SUBSCRIBE, MRL_MQTT_FROM_CLIENT);
    mrl_mqtt_put_packet(w, &(struct mrl_mqtt_out){
                               .first = mrl_mqtt_first(MRL_MQTT_SUBSCRIBE, FLAGS),
                               .version = version,
                               .broken = broken,
                               .packet = p,
                               .body = put_subscribe,
                           });
}

void mrl_mqtt_write_unsubscribe(struct mrl_writer *w, enum mrl_mqtt_version version,
                                const struct mrl_mqtt_unsubscribe *p)
{
    enum mrl_mqtt_rule broken = check_unsubscribe(version, p);

    if (broken == MRL_MQTT_RULE_NONE)
        broken =
            mrl_mqtt_check_props(version, &p->props, MRL_MQTT_UNSUBSCRIBE, MRL_MQTT_FROM_CLIENT);
    mrl_mqtt_put_packet(w, &(struct mrl_mqtt_out){
                               .first = mrl_mqtt_first(MRL_MQTT_UNSUBSCRIBE, FLAGS),
                               .version = version,
                               .broken = broken,
                               .packet = p,
                               .body = put_unsubscribe,
                           });
}

static void write_answer(struct mrl_writer *w, enum mrl_mqtt_version version,
                         enum mrl_mqtt_type type, const struct mrl_mqtt_suback *p)
{
    /* SUBACK of 3.1.1 is judged by the codes of 5, its failures become 0x80 on the way. */
    enum mrl_mqtt_version codes = type == MRL_MQTT_SUBACK ? MRL_MQTT_5 : version;
    enum mrl_mqtt_rule broken = check_codes(codes, type, p);

    if (broken == MRL_MQTT_RULE_NONE)
        broken = mrl_mqtt_check_props(version, &p->props, type, MRL_MQTT_FROM_SERVER);
    mrl_mqtt_put_packet(w, &(struct mrl_mqtt_out){
                               .first = mrl_mqtt_first(type, 0),
                               .version = version,
                               .broken = broken,
                               .packet = p,
                               .body = type == MRL_MQTT_SUBACK ? put_suback : put_unsuback,
                           });
}

void mrl_mqtt_write_suback(struct mrl_writer *w, enum mrl_mqtt_version version,
                           const struct mrl_mqtt_suback *p)
{
    write_answer(w, version, MRL_MQTT_SUBACK, p);
}

void mrl_mqtt_write_unsuback(struct mrl_writer *w, enum mrl_mqtt_version version,
                             const struct mrl_mqtt_suback *p)
{
    write_answer(w, version, MRL_MQTT_UNSUBACK, p);
}
