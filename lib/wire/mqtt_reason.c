/* SPDX-License-Identifier: Apache-2.0 */
/* Which reason code may stand in which packet (2.4 and the section of each packet). */
#include "wire/mqtt_frame.h"

#define IN(type) (1u << MRL_MQTT_##type)
#define ACKS (IN(PUBACK) | IN(PUBREC))
#define RELS (IN(PUBREL) | IN(PUBCOMP))
#define SUBS (IN(SUBACK) | IN(UNSUBACK))

static const struct reason_rule {
    uint8_t code;
    uint16_t client; /* packets in which a client may send it */
    uint16_t server;
} reason_rules[] = {
    {0x00, ACKS | RELS | IN(DISCONNECT),
     ACKS | RELS | SUBS | IN(CONNACK) | IN(DISCONNECT) | IN(AUTH)},
    {0x01, 0, IN(SUBACK)},
    {0x02, 0, IN(SUBACK)},
    {0x04, IN(DISCONNECT), 0},
    {0x10, ACKS, ACKS},
    {0x11, 0, IN(UNSUBACK)},
    {0x18, IN(AUTH), IN(AUTH)},
    {0x19, IN(AUTH), 0},
    {0x80, ACKS | IN(DISCONNECT), ACKS | SUBS | IN(CONNACK) | IN(DISCONNECT)},
    {0x81, IN(DISCONNECT), IN(CONNACK) | IN(DISCONNECT)},
    {0x82, IN(DISCONNECT), IN(CONNACK) | IN(DISCONNECT)},
    {0x83, ACKS | IN(DISCONNECT), ACKS | SUBS | IN(CONNACK) | IN(DISCONNECT)},
    {0x84, 0, IN(CONNACK)},
    {0x85, 0, IN(CONNACK)},
    {0x86, 0, IN(CONNACK)},
    {0x87, ACKS, ACKS | SUBS | IN(CONNACK) | IN(DISCONNECT)},
    {0x88, 0, IN(CONNACK)},
    {0x89, 0, IN(CONNACK) | IN(DISCONNECT)},
    {0x8a, 0, IN(CONNACK)},
    {0x8b, 0, IN(DISCONNECT)},
    {0x8c, 0, IN(CONNACK) | IN(DISCONNECT)},
    {0x8d, 0, IN(DISCONNECT)},
    {0x8e, 0, IN(DISCONNECT)},
    {0x8f, 0, SUBS | IN(DISCONNECT)},
    {0x90, ACKS | IN(DISCONNECT), ACKS | IN(CONNACK) | IN(DISCONNECT)},
    {0x91, ACKS, ACKS | SUBS},
    {0x92, RELS, RELS},
    {0x93, IN(DISCONNECT), IN(DISCONNECT)},
    {0x94, IN(DISCONNECT), IN(DISCONNECT)},
    {0x95, IN(DISCONNECT), IN(CONNACK) | IN(DISCONNECT)},
    {0x96, IN(DISCONNECT), IN(DISCONNECT)},
    {0x97, ACKS | IN(DISCONNECT), ACKS | IN(SUBACK) | IN(CONNACK) | IN(DISCONNECT)},
    {0x98, IN(DISCONNECT), IN(DISCONNECT)},
    {0x99, ACKS | IN(DISCONNECT), ACKS | IN(CONNACK) | IN(DISCONNECT)},
    {0x9a, 0, IN(CONNACK) | IN(DISCONNECT)},
    {0x9b, 0, IN(CONNACK) | IN(DISCONNECT)},
    {0x9c, 0, IN(CONNACK) | IN(DISCONNECT)},
    {0x9d, 0, IN(CONNACK) | IN(DISCONNECT)},
    {0x9e, 0, IN(SUBACK) | IN(DISCONNECT)},
    {0x9f, 0, IN(CONNACK) | IN(DISCONNECT)},
    {0xa0, 0, IN(DISCONNECT)},
    {0xa1, 0, IN(SUBACK) | IN(DISCONNECT)},
    {0xa2, 0, IN(SUBACK) | IN(DISCONNECT)},
};

static bool allowed_in_5(enum mrl_mqtt_type type, enum mrl_mqtt_from from, uint8_t reason)
{
    for (size_t i = 0; i < MRL_COUNT(reason_rules); i++) {
        const struct reason_rule *rule = &reason_rules[i];
        unsigned types = ((from & MRL_MQTT_FROM_CLIENT) != 0 ? rule->client : 0u) |
                         ((from & MRL_MQTT_FROM_SERVER) != 0 ? rule->server : 0u);

        if (rule->code == reason)
            return (types >> type & 1) != 0;
    }
    return false;
}

/* 3.1.1: 3.2.2.3, 3.9.3; the other packets hold no code, which reads as 0. */
static bool allowed_in_311(enum mrl_mqtt_type type, uint8_t reason)
{
    if (type == MRL_MQTT_CONNACK)
        return reason <= 5;
    if (type == MRL_MQTT_SUBACK)
        return reason <= 2 || reason == 0x80;
    return reason == 0;
}

bool mrl_mqtt_reason_allowed(enum mrl_mqtt_version version, enum mrl_mqtt_type type,
                             enum mrl_mqtt_from from, uint8_t reason)
{
    return version == MRL_MQTT_5 ? allowed_in_5(type, from, reason) : allowed_in_311(type, reason);
}

bool mrl_mqtt_connack_code_311(uint8_t reason, uint8_t *out)
{
    static const struct {
        uint8_t reason;
        uint8_t code;
    } codes[] = {
        {MRL_MQTT_SUCCESS, 0},
        {MRL_MQTT_UNSUPPORTED_VERSION, 1},
        {MRL_MQTT_CLIENT_ID_NOT_VALID, 2},
        {MRL_MQTT_SERVER_UNAVAILABLE, 3},
        {MRL_MQTT_SERVER_BUSY, 3},
        {MRL_MQTT_QUOTA_EXCEEDED, 3},
        {MRL_MQTT_CONNECTION_RATE_EXCEEDED, 3},
        {MRL_MQTT_BAD_CREDENTIALS, 4},
        {MRL_MQTT_NOT_AUTHORIZED, 5},
        {MRL_MQTT_BANNED, 5},
    };

    for (size_t i = 0; i < MRL_COUNT(codes); i++) {
        if (codes[i].reason == reason) {
            *out = codes[i].code;
            return true;
        }
    }
    return false;
}
