/* SPDX-License-Identifier: Apache-2.0 */
/* CONNECT and CONNACK (3.1, 3.2). Layer: wire. Thread: any. Views borrow the packet. */
#ifndef MRL_WIRE_MQTT_CONNECT_H
#define MRL_WIRE_MQTT_CONNECT_H

#include "wire/mqtt_props.h"

struct mrl_mqtt_will {
    mrl_bytes topic;
    mrl_bytes payload;
    uint8_t qos;
    bool retain;
    struct mrl_mqtt_props props;
};

struct mrl_mqtt_connect {
    enum mrl_mqtt_version version; /* from the protocol level */
    bool clean_start; /* 3.1.1: Clean Session, which also ends the session at the end */
    bool has_will;
    bool has_username;
    bool has_password;
    uint16_t keep_alive; /* s; 0: none */
    mrl_bytes client_id; /* may be empty: the server assigns one */
    mrl_bytes username;
    mrl_bytes password;
    struct mrl_mqtt_will will;
    struct mrl_mqtt_props props;
};

struct mrl_mqtt_connack {
    bool session_present;
    uint8_t reason; /* 3.1.1: return code 0 to 5, see mrl_mqtt_connack_code_311 */
    struct mrl_mqtt_props props;
};

void mrl_mqtt_write_connect(struct mrl_writer *w, const struct mrl_mqtt_connect *p);
void mrl_mqtt_write_connack(struct mrl_writer *w, enum mrl_mqtt_version version,
                            const struct mrl_mqtt_connack *p);

#endif
