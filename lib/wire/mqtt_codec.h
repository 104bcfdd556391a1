/* SPDX-License-Identifier: Apache-2.0 */
/* Between the mqtt_*.c of this folder only. Layer: wire.
 *
 * Each message has one check function that reader and writer share. It returns the rule that is
 * broken, or MRL_MQTT_RULE_NONE; the table in mqtt_rules.c says what a rule means to the peer. */
#ifndef MRL_WIRE_MQTT_CODEC_H
#define MRL_WIRE_MQTT_CODEC_H

#include "wire/mqtt.h"

enum mrl_mqtt_rule {
    MRL_MQTT_RULE_NONE,
    /* any packet */
    MRL_MQTT_RULE_TRUNCATED,
    MRL_MQTT_RULE_TRAILING,
    MRL_MQTT_RULE_UTF8,
    MRL_MQTT_RULE_NUL,
    MRL_MQTT_RULE_TOO_LONG,
    MRL_MQTT_RULE_VARINT,
    MRL_MQTT_RULE_OVERLONG,
    MRL_MQTT_RULE_TYPE,
    MRL_MQTT_RULE_DIRECTION,
    MRL_MQTT_RULE_FIRST,
    MRL_MQTT_RULE_SECOND_CONNECT,
    MRL_MQTT_RULE_FLAGS,
    MRL_MQTT_RULE_PACKET_ID,
    MRL_MQTT_RULE_REASON,
    /* CONNECT, CONNACK */
    MRL_MQTT_RULE_PROTOCOL_NAME,
    MRL_MQTT_RULE_PROTOCOL_LEVEL,
    MRL_MQTT_RULE_CONNECT_RESERVED,
    MRL_MQTT_RULE_WILL_QOS,
    MRL_MQTT_RULE_WILL_QOS_ALONE,
    MRL_MQTT_RULE_WILL_RETAIN_ALONE,
    MRL_MQTT_RULE_PASSWORD_ALONE,
    MRL_MQTT_RULE_CLIENT_ID_EMPTY,
    MRL_MQTT_RULE_WILL_TOPIC,
    MRL_MQTT_RULE_CONNACK_RESERVED,
    MRL_MQTT_RULE_SESSION_PRESENT,
    /* PUBLISH */
    MRL_MQTT_RULE_QOS,
    MRL_MQTT_RULE_DUP,
    MRL_MQTT_RULE_TOPIC_NAME,
    MRL_MQTT_RULE_TOPIC_EMPTY,
    MRL_MQTT_RULE_TOPIC_MISSING,
    /* SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK */
    MRL_MQTT_RULE_NO_SUBSCRIPTION,
    MRL_MQTT_RULE_NO_FILTER,
    MRL_MQTT_RULE_NO_CODE,
    MRL_MQTT_RULE_FILTER,
    MRL_MQTT_RULE_SHARE,
    MRL_MQTT_RULE_OPTIONS_RESERVED,
    MRL_MQTT_RULE_OPTIONS_QOS,
    MRL_MQTT_RULE_RETAIN_HANDLING,
    MRL_MQTT_RULE_NO_LOCAL_SHARED,
    /* properties */
    MRL_MQTT_RULE_PROP_LENGTH,
    MRL_MQTT_RULE_PROP_UNKNOWN,
    MRL_MQTT_RULE_PROP_MISPLACED,
    MRL_MQTT_RULE_PROP_TWICE,
    MRL_MQTT_RULE_PROP_VALUE,
    MRL_MQTT_RULE_PROP_TOPIC_ALIAS,
    MRL_MQTT_RULE_PROP_RESPONSE_TOPIC,
    MRL_MQTT_RULE_PROP_SUBSCRIPTION_ID,
    MRL_MQTT_RULE_PROP_SESSION_EXPIRY,
    MRL_MQTT_RULE_PROP_SERVER_REFERENCE,
    MRL_MQTT_RULE_PROP_AUTH_DATA,
    MRL_MQTT_RULE_PROP_AUTH_METHOD,
    MRL_MQTT_RULES_
};

/* One packet being read. */
struct mrl_mqtt_in {
    struct mrl_reader r;
    enum mrl_mqtt_version version;
    enum mrl_mqtt_from from;
    uint8_t flags; /* of the fixed header */
    bool overlong; /* of the frame, judged when the version is known */
    struct mrl_mqtt_fault *fault;
};

/* Fills in->fault and returns the error class; MRL_OK for MRL_MQTT_RULE_NONE. */
mrl_err mrl_mqtt_judge(struct mrl_mqtt_in *in, enum mrl_mqtt_rule rule);
#define MRL_MQTT_ENSURE(in, cond, rule)                        \
    do {                                                       \
        if (!(cond))                                           \
            return mrl_mqtt_judge((in), MRL_MQTT_RULE_##rule); \
    } while (0)

/* Field readers that fill in->fault. Text is not judged: that is the message's check. */
mrl_err mrl_mqtt_in_u8(struct mrl_mqtt_in *in, uint8_t *out);
mrl_err mrl_mqtt_in_u16(struct mrl_mqtt_in *in, uint16_t *out);
mrl_err mrl_mqtt_in_varint(struct mrl_mqtt_in *in, uint32_t *out);
mrl_err mrl_mqtt_in_blob(struct mrl_mqtt_in *in, mrl_bytes *out);
mrl_err mrl_mqtt_in_end(struct mrl_mqtt_in *in);

/* 1.5.4 */
enum mrl_mqtt_rule mrl_mqtt_check_text(mrl_bytes text);

/* Where properties stand: a packet type, or the will inside CONNECT. */
enum { MRL_MQTT_IN_WILL = 0 };
/* 3.1.1: reads nothing, sets the defaults. */
mrl_err mrl_mqtt_in_props(struct mrl_mqtt_in *in, unsigned where, struct mrl_mqtt_props *out);
/* For a write; a read judges while it reads. 3.1.1: nothing to judge. from: one side, as what only
 * a client and what only a server may send do not go together. */
enum mrl_mqtt_rule mrl_mqtt_check_props(enum mrl_mqtt_version version,
                                        const struct mrl_mqtt_props *p, unsigned where,
                                        enum mrl_mqtt_from from);
/* With their length in front; 3.1.1: nothing. */
void mrl_mqtt_put_props(struct mrl_writer *w, enum mrl_mqtt_version version,
                        const struct mrl_mqtt_props *p);

/* One packet being written. body is called twice: to count, then to write. */
struct mrl_mqtt_out {
    uint8_t first; /* type and flags */
    enum mrl_mqtt_version version;
    enum mrl_mqtt_rule broken; /* what the check said */
    const void *packet;
    void (*body)(struct mrl_writer *w, enum mrl_mqtt_version version, const void *packet);
    size_t payload_len; /* follows the body, is put by the caller */
};
void mrl_mqtt_put_packet(struct mrl_writer *w, const struct mrl_mqtt_out *out);
static inline uint8_t mrl_mqtt_first(enum mrl_mqtt_type type, unsigned flags)
{
    return (uint8_t)((unsigned)type << 4 | flags);
}

/* Bodies, after the fixed header was judged. */
mrl_err mrl_mqtt_in_connect(struct mrl_mqtt_in *in, struct mrl_mqtt_packet *out);
mrl_err mrl_mqtt_in_connack(struct mrl_mqtt_in *in, struct mrl_mqtt_packet *out);
mrl_err mrl_mqtt_in_publish(struct mrl_mqtt_in *in, struct mrl_mqtt_packet *out);
mrl_err mrl_mqtt_in_ack(struct mrl_mqtt_in *in, struct mrl_mqtt_packet *out);
mrl_err mrl_mqtt_in_subscribe(struct mrl_mqtt_in *in, struct mrl_mqtt_packet *out);
mrl_err mrl_mqtt_in_suback(struct mrl_mqtt_in *in, struct mrl_mqtt_packet *out);
mrl_err mrl_mqtt_in_unsubscribe(struct mrl_mqtt_in *in, struct mrl_mqtt_packet *out);
mrl_err mrl_mqtt_in_ping(struct mrl_mqtt_in *in, struct mrl_mqtt_packet *out);
mrl_err mrl_mqtt_in_disconnect(struct mrl_mqtt_in *in, struct mrl_mqtt_packet *out);
mrl_err mrl_mqtt_in_auth(struct mrl_mqtt_in *in, struct mrl_mqtt_packet *out);

#endif
