/* SPDX-License-Identifier: Apache-2.0 */
/* Any MQTT packet, 3.1.1 and 5.0, read and written by server and client alike. Layer: wire.
 * Thread: any. The door's loop: mrl_mqtt_frame on the bytes received, mrl_mqtt_read on the frame.
 *
 * Both ways obey one set of rules: what a reader would refuse, a writer does not write, but sets
 * the overflow of its mrl_writer. Text, list and property values included. */
#ifndef MRL_WIRE_MQTT_H
#define MRL_WIRE_MQTT_H

#include "wire/mqtt_ack.h"
#include "wire/mqtt_connect.h"
#include "wire/mqtt_frame.h"
#include "wire/mqtt_props.h"
#include "wire/mqtt_publish.h"
#include "wire/mqtt_subscribe.h"

/* All views borrow the frame. PINGREQ and PINGRESP have no member. */
struct mrl_mqtt_packet {
    enum mrl_mqtt_type type;
    union {
        struct mrl_mqtt_connect connect;
        struct mrl_mqtt_connack connack;
        struct mrl_mqtt_publish publish;
        struct mrl_mqtt_ack ack; /* PUBACK, PUBREC, PUBREL, PUBCOMP */
        struct mrl_mqtt_subscribe subscribe;
        struct mrl_mqtt_suback suback; /* SUBACK, UNSUBACK */
        struct mrl_mqtt_unsubscribe unsubscribe;
        struct mrl_mqtt_disconnect disconnect;
        struct mrl_mqtt_auth auth;
    };
};

/* Reads and judges a whole packet as far as that is possible without state.
 * version: what CONNECT agreed on. MRL_MQTT_NONE before: then only CONNECT is read [MQTT-3.1.0-1];
 *   afterwards a CONNECT is refused [MQTT-3.1.0-2].
 * from: who sent it, MRL_MQTT_FROM_CLIENT or _SERVER.
 * *out is set on MRL_OK only; otherwise *fault (may be NULL) tells what to answer:
 * MRL_ERR_UNSUPPORTED: a protocol name or level we do not speak (0x84).
 * MRL_ERR_MALFORMED: everything else; fault->reason has the precise code. */
mrl_err mrl_mqtt_read(const struct mrl_mqtt_frame *frame, enum mrl_mqtt_version version,
                      enum mrl_mqtt_from from, struct mrl_mqtt_packet *out,
                      struct mrl_mqtt_fault *fault);

/* The typed writer that belongs to packet->type. version does not matter for CONNECT. */
void mrl_mqtt_write(struct mrl_writer *w, enum mrl_mqtt_version version,
                    const struct mrl_mqtt_packet *packet);
/* Exactly what mrl_mqtt_write will write. MRL_ERR_INVALID when it would refuse. */
mrl_err mrl_mqtt_size(enum mrl_mqtt_version version, const struct mrl_mqtt_packet *packet,
                      size_t *out);

#endif
