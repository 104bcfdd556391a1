/* SPDX-License-Identifier: Apache-2.0 */
/* PUBLISH (3.3). Layer: wire. Thread: any. Views borrow the packet. */
#ifndef MRL_WIRE_MQTT_PUBLISH_H
#define MRL_WIRE_MQTT_PUBLISH_H

#include "wire/mqtt_props.h"

struct mrl_mqtt_publish {
    mrl_bytes topic;    /* empty only in MQTT 5 with a topic alias */
    mrl_bytes payload;  /* any bytes; payload_format is not checked against it */
    uint16_t packet_id; /* not 0 when qos is 1 or 2, else 0 */
    uint8_t qos;
    bool dup;
    bool retain;
    struct mrl_mqtt_props props;
};

void mrl_mqtt_write_publish(struct mrl_writer *w, enum mrl_mqtt_version version,
                            const struct mrl_mqtt_publish *p);
/* All but the payload, of which payload_len bytes must follow: many receivers can share one
 * payload. p->payload is not looked at. */
void mrl_mqtt_write_publish_header(struct mrl_writer *w, enum mrl_mqtt_version version,
                                   const struct mrl_mqtt_publish *p, size_t payload_len);

#endif
