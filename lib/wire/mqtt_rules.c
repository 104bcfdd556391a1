/* SPDX-License-Identifier: Apache-2.0 */
/* What a broken rule means to the peer. Where 4.13 leaves a choice of code, the most precise one
 * stands here. */
#include "wire/mqtt_codec.h"

static const struct {
    uint8_t reason;
    const char *v5; /* normative statement or section of 5.0, then of 3.1.1 */
    const char *v311;
    const char *text;
} rules[MRL_MQTT_RULES_] = {
    [MRL_MQTT_RULE_TRUNCATED] = {0x81, "MQTT-4.13.1-1", "MQTT-4.8.0-1", "field runs past the end"},
    [MRL_MQTT_RULE_TRAILING] = {0x81, "MQTT-4.13.1-1", "MQTT-4.8.0-1",
                                "bytes after the last field"},
    [MRL_MQTT_RULE_UTF8] = {0x81, "MQTT-1.5.4-1", "MQTT-1.5.3-1", "text is not UTF-8"},
    [MRL_MQTT_RULE_NUL] = {0x81, "MQTT-1.5.4-2", "MQTT-1.5.3-2", "text holds U+0000"},
    [MRL_MQTT_RULE_TOO_LONG] = {0x81, "MQTT-4.7.3-3", "MQTT-4.7.3-3", "text above 65535 bytes"},
    [MRL_MQTT_RULE_VARINT] = {0x81, "1.5.5", "2.2.3", "variable byte integer above four bytes"},
    [MRL_MQTT_RULE_OVERLONG] = {0x81, "MQTT-1.5.5-1", "2.2.3", "variable byte integer not minimal"},
    [MRL_MQTT_RULE_TYPE] = {0x81, "2.1.2", "2.2.1", "reserved packet type"},
    [MRL_MQTT_RULE_DIRECTION] = {0x82, "2.1.2", "2.2.1", "packet type of the other direction"},
    [MRL_MQTT_RULE_FIRST] = {0x82, "MQTT-3.1.0-1", "MQTT-3.1.0-1", "first packet is not CONNECT"},
    [MRL_MQTT_RULE_SECOND_CONNECT] = {0x82, "MQTT-3.1.0-2", "MQTT-3.1.0-2", "second CONNECT"},
    [MRL_MQTT_RULE_FLAGS] = {0x81, "MQTT-2.1.3-1", "MQTT-2.2.2-2", "reserved header flags"},
    [MRL_MQTT_RULE_PACKET_ID] = {0x82, "MQTT-2.2.1-3", "MQTT-2.3.1-1", "packet identifier 0"},
    [MRL_MQTT_RULE_REASON] = {0x82, "2.4", "3.2.2.3", "reason code not of this packet"},

    [MRL_MQTT_RULE_PROTOCOL_NAME] = {0x84, "MQTT-3.1.2-1", "MQTT-3.1.2-1", "protocol name"},
    [MRL_MQTT_RULE_PROTOCOL_LEVEL] = {0x84, "MQTT-3.1.2-2", "MQTT-3.1.2-2", "protocol version"},
    [MRL_MQTT_RULE_CONNECT_RESERVED] = {0x81, "MQTT-3.1.2-3", "MQTT-3.1.2-3",
                                        "reserved connect flag"},
    [MRL_MQTT_RULE_WILL_QOS] = {0x81, "MQTT-3.1.2-12", "MQTT-3.1.2-14", "will QoS 3"},
    [MRL_MQTT_RULE_WILL_QOS_ALONE] = {0x81, "MQTT-3.1.2-11", "MQTT-3.1.2-13",
                                      "will QoS without will"},
    [MRL_MQTT_RULE_WILL_RETAIN_ALONE] = {0x81, "MQTT-3.1.2-13", "MQTT-3.1.2-15",
                                         "will retain without will"},
    [MRL_MQTT_RULE_PASSWORD_ALONE] = {0x81, "3.1.2.9", "MQTT-3.1.2-22",
                                      "password without user name"},
    [MRL_MQTT_RULE_CLIENT_ID_EMPTY] = {0x85, "MQTT-3.1.3-8", "MQTT-3.1.3-8",
                                       "empty client identifier without clean session"},
    [MRL_MQTT_RULE_WILL_TOPIC] = {0x90, "MQTT-4.7.0-1", "MQTT-4.7.1-1", "not a will topic name"},
    [MRL_MQTT_RULE_CONNACK_RESERVED] = {0x81, "MQTT-3.2.2-1", "3.2.2.1", "reserved CONNACK flags"},
    [MRL_MQTT_RULE_SESSION_PRESENT] = {0x82, "MQTT-3.2.2-6", "MQTT-3.2.2-4",
                                       "session present with a refusal"},

    [MRL_MQTT_RULE_QOS] = {0x81, "MQTT-3.3.1-4", "MQTT-3.3.1-4", "QoS 3"},
    [MRL_MQTT_RULE_DUP] = {0x81, "MQTT-3.3.1-2", "MQTT-3.3.1-2", "DUP with QoS 0"},
    [MRL_MQTT_RULE_TOPIC_NAME] = {0x90, "MQTT-3.3.2-2", "MQTT-3.3.2-2", "wildcard in a topic name"},
    [MRL_MQTT_RULE_TOPIC_EMPTY] = {0x90, "MQTT-4.7.3-1", "MQTT-4.7.3-1", "empty topic name"},
    [MRL_MQTT_RULE_TOPIC_MISSING] = {0x82, "3.3.2.1", "MQTT-4.7.3-1",
                                     "neither topic name nor topic alias"},

    [MRL_MQTT_RULE_NO_SUBSCRIPTION] = {0x82, "MQTT-3.8.3-2", "MQTT-3.8.3-3",
                                       "SUBSCRIBE without a filter"},
    [MRL_MQTT_RULE_NO_FILTER] = {0x82, "MQTT-3.10.3-2", "MQTT-3.10.3-2",
                                 "UNSUBSCRIBE without a filter"},
    [MRL_MQTT_RULE_NO_CODE] = {0x82, "MQTT-3.8.4-6", "MQTT-3.8.4-5",
                               "acknowledgement without reason codes"},
    [MRL_MQTT_RULE_FILTER] = {0x8f, "MQTT-4.7.1-1", "MQTT-4.7.1-2", "not a topic filter"},
    [MRL_MQTT_RULE_SHARE] = {0x8f, "MQTT-4.8.2-2", "4.7", "not a shared subscription"},
    [MRL_MQTT_RULE_OPTIONS_RESERVED] = {0x81, "MQTT-3.8.3-5", "MQTT-3.8.3-4",
                                        "reserved subscription option bits"},
    [MRL_MQTT_RULE_OPTIONS_QOS] = {0x82, "3.8.3.1", "MQTT-3.8.3-4", "subscription with QoS 3"},
    [MRL_MQTT_RULE_RETAIN_HANDLING] = {0x82, "3.8.3.1", "MQTT-3.8.3-4", "retain handling 3"},
    [MRL_MQTT_RULE_NO_LOCAL_SHARED] = {0x82, "MQTT-3.8.3-4", "MQTT-3.8.3-4",
                                       "no local on a shared subscription"},

    [MRL_MQTT_RULE_PROP_LENGTH] = {0x81, "2.2.2.1", "2.2.2.1", "property length past the end"},
    [MRL_MQTT_RULE_PROP_UNKNOWN] = {0x81, "2.2.2.2", "2.2.2.2", "unknown property"},
    [MRL_MQTT_RULE_PROP_MISPLACED] = {0x81, "2.2.2.2", "2.2.2.2", "property not of this packet"},
    [MRL_MQTT_RULE_PROP_TWICE] = {0x82, "2.2.2.2", "2.2.2.2", "property twice"},
    [MRL_MQTT_RULE_PROP_VALUE] = {0x82, "2.2.2.2", "2.2.2.2", "property value not allowed"},
    [MRL_MQTT_RULE_PROP_TOPIC_ALIAS] = {0x94, "MQTT-3.3.2-8", "3.3", "topic alias 0"},
    [MRL_MQTT_RULE_PROP_RESPONSE_TOPIC] = {0x82, "MQTT-3.3.2-14", "3.3",
                                           "response topic is not a topic name"},
    [MRL_MQTT_RULE_PROP_SUBSCRIPTION_ID] = {0x82, "MQTT-3.3.4-6", "3.3",
                                            "subscription identifier from a client"},
    [MRL_MQTT_RULE_PROP_SESSION_EXPIRY] = {0x82, "MQTT-3.14.2-2", "3.14",
                                           "session expiry from a server"},
    [MRL_MQTT_RULE_PROP_SERVER_REFERENCE] = {0x82, "3.14.2.2.5", "3.14",
                                             "server reference from a client"},
    [MRL_MQTT_RULE_PROP_AUTH_DATA] = {0x82, "3.1.2.11.10", "3.1",
                                      "authentication data without method"},
    [MRL_MQTT_RULE_PROP_AUTH_METHOD] = {0x82, "3.15.2.2.2", "3.1", "AUTH without method"},
};

mrl_err mrl_mqtt_judge(struct mrl_mqtt_in *in, enum mrl_mqtt_rule rule)
{
    if (rule == MRL_MQTT_RULE_NONE)
        return MRL_OK;
    in->fault->reason = rules[rule].reason;
    in->fault->version = in->version;
    in->fault->statement = in->version == MRL_MQTT_311 ? rules[rule].v311 : rules[rule].v5;
    in->fault->text = rules[rule].text;
    return rules[rule].reason == MRL_MQTT_UNSUPPORTED_VERSION ? MRL_ERR_UNSUPPORTED
                                                              : MRL_ERR_MALFORMED;
}
