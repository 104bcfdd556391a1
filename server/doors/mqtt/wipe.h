/* SPDX-License-Identifier: Apache-2.0 */
/* A retired device that comes for its wipe order: it has no session and no policy; it may subscribe
 * to $merlon/devices/ID/wipe, publish to $merlon/devices/ID/wiped, and nothing else. Layer: doors,
 * internal. Thread: the worker. */
#ifndef MRL_DOORS_MQTT_WIPE_H
#define MRL_DOORS_MQTT_WIPE_H

#include "devices/wipe.h"
#include "doors/mqtt/client.h"

/* Is an order open for the certificate of this connection, which was not let in otherwise? Then c
 * is the device. */
bool mrl_client_takes_wipe(struct mrl_client *c);
/* Its entry is durable: CONNACK. */
void mrl_client_welcome_wipe(struct mrl_client *c, const struct mrl_mqtt_connect *p);
/* Ends those whose order is not open any more; id empty: of every device. */
void mrl_client_rejudge_wipes(struct mrl_mqtt_door *d, mrl_bytes id);
void mrl_client_on_wipe_packet(struct mrl_client *c, const struct mrl_mqtt_packet *p);

#endif
