/* SPDX-License-Identifier: Apache-2.0 */
/* MQTT on the HTTPS port of devices: over WebSocket at /mqtt (MQTT 5.0 6), and as it is where ALPN
 * agreed on "mqtt". Who may come in, and everything from CONNECT on, is the MQTT door's. Layer:
 * doors. Thread: the worker. */
#ifndef MRL_DOORS_HTTP_MQTT_WS_H
#define MRL_DOORS_HTTP_MQTT_WS_H

#include "net/http_server.h"

/* GET /mqtt; the context of the exchange is a struct mrl_est. */
void mrl_mqtt_ws_open(struct mrl_exchange *x);
/* For struct mrl_http_server_config: context is a struct mrl_est. */
void mrl_mqtt_alpn_open(void *context, struct mrl_conn *c);

/* Of the port: context is the onboarding. Whoever one of its doors lets in; each asks again. */
enum mrl_tls_refusal mrl_device_port_judge(void *onboarding, const struct mrl_fingerprint *fp);
/* Of those who say by ALPN that they speak MQTT here. */
enum mrl_tls_refusal mrl_device_port_judge_mqtt(void *onboarding, const struct mrl_fingerprint *fp);

#endif
