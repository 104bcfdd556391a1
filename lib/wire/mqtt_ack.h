/* SPDX-License-Identifier: Apache-2.0 */
/* PUBACK, PUBREC, PUBREL, PUBCOMP (3.4 to 3.7), PINGREQ, PINGRESP, DISCONNECT, AUTH (3.12 to 3.15).
 * Layer: wire. Thread: any. Views borrow the packet. The short forms are read, and written whenever
 * the packet allows them. */
#ifndef MRL_WIRE_MQTT_ACK_H
#define MRL_WIRE_MQTT_ACK_H

#include "wire/mqtt_props.h"

/* PUBACK, PUBREC, PUBREL, PUBCOMP. 3.1.1 has no reason and no properties: a failure cannot be
 * written there. */
struct mrl_mqtt_ack {
    uint16_t packet_id;
    uint8_t reason;
    struct mrl_mqtt_props props;
};

struct mrl_mqtt_disconnect {
    uint8_t reason; /* 3.1.1: 0, and only a client sends it */
    struct mrl_mqtt_props props;
};

struct mrl_mqtt_auth {
    uint8_t reason;
    struct mrl_mqtt_props props;
};

/* type: one of the four. */
void mrl_mqtt_write_ack(struct mrl_writer *w, enum mrl_mqtt_version version,
                        enum mrl_mqtt_type type, const struct mrl_mqtt_ack *p);
void mrl_mqtt_write_puback(struct mrl_writer *w, enum mrl_mqtt_version version,
                           const struct mrl_mqtt_ack *p);
void mrl_mqtt_write_pubrec(struct mrl_writer *w, enum mrl_mqtt_version version,
                           const struct mrl_mqtt_ack *p);
void mrl_mqtt_write_pubrel(struct mrl_writer *w, enum mrl_mqtt_version version,
                           const struct mrl_mqtt_ack *p);
void mrl_mqtt_write_pubcomp(struct mrl_writer *w, enum mrl_mqtt_version version,
                            const struct mrl_mqtt_ack *p);
void mrl_mqtt_write_pingreq(struct mrl_writer *w);
void mrl_mqtt_write_pingresp(struct mrl_writer *w);
void mrl_mqtt_write_disconnect(struct mrl_writer *w, enum mrl_mqtt_version version,
                               const struct mrl_mqtt_disconnect *p);
void mrl_mqtt_write_auth(struct mrl_writer *w, const struct mrl_mqtt_auth *p); /* MQTT 5 only */

#endif
