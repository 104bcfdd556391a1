/* SPDX-License-Identifier: Apache-2.0 */
/* When to come again, in the word of HTTP (RFC 9110 10.2.3) as a user property. CONNACK and PUBLISH
 * may have one whatever the client asked for (MQTT 5.0 3.1.2.11.7). Layer: doors. Thread: any. */
#ifndef MRL_DOORS_MQTT_RETRY_H
#define MRL_DOORS_MQTT_RETRY_H

#include "base/bytes.h"

enum { MRL_RETRY_PROPERTY_MAX = 48 };
/* Encoded into memory; empty when wait_s is 0. */
mrl_bytes mrl_retry_property(unsigned wait_s, uint8_t memory[static MRL_RETRY_PROPERTY_MAX]);

#endif
