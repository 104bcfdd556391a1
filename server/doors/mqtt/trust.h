/* SPDX-License-Identifier: Apache-2.0 */
/* Which trust bundle a device says it has, in its CONNECT. Layer: doors. Thread: the worker. */
#ifndef MRL_DOORS_MQTT_TRUST_H
#define MRL_DOORS_MQTT_TRUST_H

#include "base/bytes.h"
#include "store/store.h"

/* The version in user properties (wire/mqtt_props.h) of a CONNECT that is let in; what is none of
 * ours is passed over. store NULL: nobody wants to know. */
void mrl_mqtt_note_trust(struct mrl_store *store, mrl_bytes device, mrl_bytes user_properties);

#endif
