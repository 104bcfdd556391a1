/* SPDX-License-Identifier: Apache-2.0 */
/* Topic aliases of one connection, both ways. Layer: doors. Thread: the worker of the connection.
 * Nothing is allocated before a first alias is used. MQTT 5.0 3.3.2.3.4 */
#ifndef MRL_DOORS_MQTT_ALIAS_H
#define MRL_DOORS_MQTT_ALIAS_H

#include "base/attr.h"
#include "base/bytes.h"
#include "base/err.h"

enum { MRL_ALIASES_MAX = 256 }; /* most of one direction */

struct mrl_aliases;
void mrl_aliases_free(struct mrl_aliases *a); /* NULL is fine */

/* What a client sent. *a is made when it is NULL; most is the Topic Alias Maximum it was given.
 * *topic not empty: from now on the alias stands for it (copied). Empty: set to what the alias
 * stands for, good until the next call. MRL_ERR_LIMIT: alias 0 or above most [MQTT-3.3.2-8],
 * [MQTT-3.3.2-9]. MRL_ERR_NOT_FOUND: it stands for nothing. */
mrl_err mrl_aliases_receive(struct mrl_aliases **a, unsigned most, uint16_t alias,
                            mrl_bytes *topic);

/* What a client is sent: the alias that goes with this topic, 0: none. *known: the client has it,
 * so the topic stays away; otherwise the packet carries both, and must leave. most is the smaller
 * of our limit and the client's Topic Alias Maximum [MQTT-3.1.2-26]. A topic that comes again takes
 * the place of the one that was not used for longest. */
uint16_t mrl_aliases_send(struct mrl_aliases **a, unsigned most, mrl_bytes topic, bool *known);

#endif
