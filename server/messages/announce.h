/* SPDX-License-Identifier: Apache-2.0 */
/* What the server itself has to say to one device: $merlon/devices/ID/NAME. Only that device can be
 * subscribed there (access/policy.h), and no client publishes there. Layer: messages. Thread: the
 * worker that owns the hub. */
#ifndef MRL_MESSAGES_ANNOUNCE_H
#define MRL_MESSAGES_ANNOUNCE_H

#include "messages/session.h"

enum { MRL_ANNOUNCE_NAME_MAX = 64 };

struct mrl_announcement { /* borrowed */
    mrl_bytes device;
    mrl_bytes name; /* levels below the device: "renew" */
    mrl_bytes payload;
    mrl_bytes content_type;
    uint64_t life_ms; /* how long it may wait in the queue of a session; 0: for ever */
};

/* To all its sessions, on whatever worker: those that are connected, and the queues of those that
 * are kept. true: there is one that is subscribed. */
bool mrl_announce(struct mrl_hub *h, const struct mrl_announcement *a);
/* To this session alone: for a filter it has just subscribed to, as if it were a retained message
 * (MQTT 5.0 3.3.1.3); or, filter empty, for any of its subscriptions. false: none matches. */
bool mrl_announce_to(struct mrl_session *s, mrl_bytes filter, const struct mrl_announcement *a);

#endif
