/* SPDX-License-Identifier: Apache-2.0 */
/* Provisioning requests of one connection: to a service thread and back, the answer to nobody but
 * the session that asked. Layer: doors, internal. Thread: the worker. */
#ifndef MRL_DOORS_MQTT_PROVISIONING_H
#define MRL_DOORS_MQTT_PROVISIONING_H

#include "doors/mqtt/client.h"

enum { MRL_PROVISION_AT_ONCE = 4 }; /* requests of one connection under way; above: Throttling */

/* The handlers of merlon_topics.c. */
void mrl_client_on_create_from_csr(struct mrl_client *c, const struct mrl_mqtt_publish *p,
                                   const mrl_bytes *variables);
void mrl_client_on_create_keys(struct mrl_client *c, const struct mrl_mqtt_publish *p,
                               const mrl_bytes *variables);
void mrl_client_on_register_thing(struct mrl_client *c, const struct mrl_mqtt_publish *p,
                                  const mrl_bytes *variables);
/* The client is gone: what is under way ends and answers nobody. */
void mrl_client_drop_requests(struct mrl_client *c);

#endif
