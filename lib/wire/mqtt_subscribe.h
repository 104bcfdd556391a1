/* SPDX-License-Identifier: Apache-2.0 */
/* SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK (3.8 to 3.11). Layer: wire. Thread: any. Views borrow
 * the packet. Lists were judged whole by the read and are walked with a cursor. */
#ifndef MRL_WIRE_MQTT_SUBSCRIBE_H
#define MRL_WIRE_MQTT_SUBSCRIBE_H

#include "wire/mqtt_props.h"

struct mrl_mqtt_subscription {
    mrl_bytes filter; /* as sent; this is what SUBACK, UNSUBSCRIBE and a session go by */
    mrl_bytes group;  /* of $share/group/plain, else empty; not looked at by a write */
    mrl_bytes plain;  /* the filter that is matched; not looked at by a write */
    uint8_t qos;
    uint8_t retain_handling; /* 0 send retained, 1 only when new, 2 never; 3.1.1: 0 */
    bool no_local;
    bool retain_as_published;
};

struct mrl_mqtt_subscribe {
    uint16_t packet_id;
    mrl_bytes subscriptions; /* encoded, at least one */
    struct mrl_mqtt_props props;
};

struct mrl_mqtt_unsubscribe {
    uint16_t packet_id;
    mrl_bytes filters; /* encoded, at least one */
    struct mrl_mqtt_props props;
};

/* SUBACK and UNSUBACK. */
struct mrl_mqtt_suback {
    uint16_t packet_id;
    /* One reason code a filter, in its order. UNSUBACK of 3.1.1 has none: empty after a read, not
     * looked at by a write. SUBACK of 3.1.1 is written with 0x80 for every failure. */
    mrl_bytes codes;
    struct mrl_mqtt_props props;
};

/* On subscribe.subscriptions. */
bool mrl_mqtt_subscription_next(struct mrl_mqtt_cursor *c, struct mrl_mqtt_subscription *out);
/* On unsubscribe.filters. */
bool mrl_mqtt_filter_next(struct mrl_mqtt_cursor *c, mrl_bytes *filter);
/* Append one entry to memory that becomes subscriptions / filters. */
void mrl_mqtt_put_subscription(struct mrl_writer *w, const struct mrl_mqtt_subscription *s);
void mrl_mqtt_put_filter(struct mrl_writer *w, mrl_bytes filter);

void mrl_mqtt_write_subscribe(struct mrl_writer *w, enum mrl_mqtt_version version,
                              const struct mrl_mqtt_subscribe *p);
void mrl_mqtt_write_suback(struct mrl_writer *w, enum mrl_mqtt_version version,
                           const struct mrl_mqtt_suback *p);
void mrl_mqtt_write_unsubscribe(struct mrl_writer *w, enum mrl_mqtt_version version,
                                const struct mrl_mqtt_unsubscribe *p);
void mrl_mqtt_write_unsuback(struct mrl_writer *w, enum mrl_mqtt_version version,
                             const struct mrl_mqtt_suback *p);

#endif
