/* SPDX-License-Identifier: Apache-2.0 */
/* What Close of WebSocket says when a connection ends for a reason of MQTT: all that a page in a
 * browser, or a client of 3.1.1, is told. Layer: doors. Thread: any. RFC 6455 7.4.1 */
#ifndef MRL_DOORS_MQTT_WS_CODE_H
#define MRL_DOORS_MQTT_WS_CODE_H

#include "wire/mqtt_frame.h"
#include "wire/ws.h"

/* reason: of MQTT 5.0, also for a client of 3.1.1. One that has no word of its own is
 * MRL_WS_POLICY. */
enum mrl_ws_close_code mrl_mqtt_ws_code(uint8_t reason);

#endif
