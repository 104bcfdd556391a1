/* SPDX-License-Identifier: Apache-2.0 */
/* What clients may say to the server itself: the topics below $merlon/ that they publish to. No
 * rule is asked about them and no subscriber sees them; who may use one stands in the table, and
 * everything else below $merlon/ is denied as policy denies. Layer: doors, internal. Thread: the
 * worker. */
#ifndef MRL_DOORS_MQTT_MERLON_TOPICS_H
#define MRL_DOORS_MQTT_MERLON_TOPICS_H

#include "doors/mqtt/client.h"

enum { MRL_MERLON_VARIABLES_MAX = 2 };

/* true: it was for the server, and is answered. */
bool mrl_merlon_publish(struct mrl_client *c, const struct mrl_mqtt_publish *p);
/* Is filter a topic on which this subject is answered? Never with wildcards; any QoS up to 1. */
bool mrl_merlon_may_subscribe(const struct mrl_subject *who, mrl_bytes filter, uint8_t *qos);

#endif
