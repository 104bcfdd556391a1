/* SPDX-License-Identifier: Apache-2.0 */
/* MQTT 5 properties (2.2.2). Layer: wire. Thread: any. Views borrow the packet. */
#ifndef MRL_WIRE_MQTT_PROPS_H
#define MRL_WIRE_MQTT_PROPS_H

#include "wire/mqtt_frame.h"

/* 2.2.2.2 */
enum mrl_mqtt_prop {
    MRL_MQTT_PROP_PAYLOAD_FORMAT = 0x01,
    MRL_MQTT_PROP_MESSAGE_EXPIRY = 0x02,
    MRL_MQTT_PROP_CONTENT_TYPE = 0x03,
    MRL_MQTT_PROP_RESPONSE_TOPIC = 0x08,
    MRL_MQTT_PROP_CORRELATION_DATA = 0x09,
    MRL_MQTT_PROP_SUBSCRIPTION_ID = 0x0b,
    MRL_MQTT_PROP_SESSION_EXPIRY = 0x11,
    MRL_MQTT_PROP_ASSIGNED_CLIENT_ID = 0x12,
    MRL_MQTT_PROP_SERVER_KEEP_ALIVE = 0x13,
    MRL_MQTT_PROP_AUTH_METHOD = 0x15,
    MRL_MQTT_PROP_AUTH_DATA = 0x16,
    MRL_MQTT_PROP_REQUEST_PROBLEM_INFO = 0x17,
    MRL_MQTT_PROP_WILL_DELAY = 0x18,
    MRL_MQTT_PROP_REQUEST_RESPONSE_INFO = 0x19,
    MRL_MQTT_PROP_RESPONSE_INFORMATION = 0x1a,
    MRL_MQTT_PROP_SERVER_REFERENCE = 0x1c,
    MRL_MQTT_PROP_REASON_STRING = 0x1f,
    MRL_MQTT_PROP_RECEIVE_MAXIMUM = 0x21,
    MRL_MQTT_PROP_TOPIC_ALIAS_MAXIMUM = 0x22,
    MRL_MQTT_PROP_TOPIC_ALIAS = 0x23,
    MRL_MQTT_PROP_MAXIMUM_QOS = 0x24,
    MRL_MQTT_PROP_RETAIN_AVAILABLE = 0x25,
    MRL_MQTT_PROP_USER = 0x26,
    MRL_MQTT_PROP_MAXIMUM_PACKET_SIZE = 0x27,
    MRL_MQTT_PROP_WILDCARD_AVAILABLE = 0x28,
    MRL_MQTT_PROP_SUBSCRIPTION_ID_AVAILABLE = 0x29,
    MRL_MQTT_PROP_SHARED_AVAILABLE = 0x2a,
    MRL_MQTT_PROPS_
};

/* All properties of one packet or will. After a read, a field whose property is absent (or the
 * packet is 3.1.1) holds the specification's default where there is one; the others are zero or
 * empty. For a write, start from {0}: only what `present` names is written. */
struct mrl_mqtt_props {
    uint64_t present;             /* bit n: property n was there */
    uint32_t session_expiry;      /* s; 0xffffffff: never. Default 0 */
    uint32_t will_delay;          /* s. Default 0 */
    uint32_t message_expiry;      /* s. No default: absent means never */
    uint32_t maximum_packet_size; /* bytes. Default 0xffffffff: no limit */
    /* The first or only one. To write several, put them into subscription_ids instead. */
    uint32_t subscription_id;
    uint16_t receive_maximum;     /* Default 65535 */
    uint16_t topic_alias_maximum; /* Default 0 */
    uint16_t topic_alias;         /* 1.. */
    uint16_t server_keep_alive;   /* s */
    uint8_t payload_format;       /* 0 bytes, 1 UTF-8 text. Default 0 */
    uint8_t maximum_qos;          /* 0, 1; default 2 */
    bool request_problem_info;    /* Default true */
    bool request_response_info;   /* Default false */
    bool retain_available;        /* this and the next three default to true */
    bool wildcard_available;
    bool subscription_id_available;
    bool shared_available;
    mrl_bytes content_type;
    mrl_bytes response_topic;
    mrl_bytes correlation_data;
    mrl_bytes assigned_client_id;
    mrl_bytes auth_method;
    mrl_bytes auth_data;
    mrl_bytes response_information;
    mrl_bytes server_reference;
    mrl_bytes reason_string;
    /* Encoded properties among which the user properties (or subscription ids) lie; others in
     * there are passed over. A read sets both to the packet's own property block, so forwarding is
     * an assignment; a sender fills its own memory with mrl_mqtt_put_user_property and _id. */
    mrl_bytes user;
    mrl_bytes subscription_ids;
};

static inline bool mrl_mqtt_has(const struct mrl_mqtt_props *p, enum mrl_mqtt_prop id)
{
    return (p->present >> id & 1) != 0;
}
static inline void mrl_mqtt_set(struct mrl_mqtt_props *p, enum mrl_mqtt_prop id)
{
    p->present |= (uint64_t)1 << id;
}

/* On props.user, in the order sent [MQTT-3.3.2-18]. */
bool mrl_mqtt_user_property_next(struct mrl_mqtt_cursor *c, mrl_bytes *name, mrl_bytes *value);
/* On props.subscription_ids. */
bool mrl_mqtt_subscription_id_next(struct mrl_mqtt_cursor *c, uint32_t *id);

/* Append one encoded property to memory that becomes props.user / props.subscription_ids. */
void mrl_mqtt_put_user_property(struct mrl_writer *w, mrl_bytes name, mrl_bytes value);
void mrl_mqtt_put_subscription_id(struct mrl_writer *w, uint32_t id);

#endif
