/* SPDX-License-Identifier: Apache-2.0 */
/* One PUBLISH as bytes, for all receivers for whom it is the same but for its packet id: encoded
 * once. Layer: doors. Thread: the worker of its door. */
#ifndef MRL_DOORS_MQTT_ENCODED_H
#define MRL_DOORS_MQTT_ENCODED_H

#include "base/buf.h"
#include "messages/hub.h"
#include "wire/mqtt.h"

enum { MRL_ENCODED_PAYLOAD_MAX = 4096 }; /* a larger one is not copied once more to be shared */

struct mrl_encoded {                  /* zeroed memory holds nothing */
    const struct mrl_publication *of; /* own reference */
    enum mrl_mqtt_version version;
    uint8_t qos;
    bool retain;
    size_t id_at; /* of the packet id; with QoS 0 there is none */
    struct mrl_buf packet;
};
void mrl_encoded_done(struct mrl_encoded *e);

/* Nothing in it is for one receiver alone: no repetition, no identifiers of its subscriptions, no
 * time that is left. Topic aliases are the caller's to know. */
bool mrl_encoded_can(enum mrl_mqtt_version version, const struct mrl_delivery *d);
/* Encodes it unless it is there already. props: those of the message, for version 5. The bytes hold
 * until the next call. MRL_ERR_INVALID: it cannot be written. */
mrl_err mrl_encoded_get(struct mrl_encoded *e, enum mrl_mqtt_version version,
                        const struct mrl_delivery *d, const struct mrl_mqtt_props *props,
                        mrl_bytes *out);
/* Is it there? Then props are not looked at. */
bool mrl_encoded_has(const struct mrl_encoded *e, enum mrl_mqtt_version version,
                     const struct mrl_delivery *d);

#endif
