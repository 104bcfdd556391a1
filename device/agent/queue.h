/* SPDX-License-Identifier: Apache-2.0 */
/* Readings that have no acknowledgement yet, in memory: a ring that drops and counts the oldest.
 * Layer: device. Thread: one. */
#ifndef MRL_AGENT_QUEUE_H
#define MRL_AGENT_QUEUE_H

#include "base/bytes.h"

enum { MRL_QUEUE_MAX = 600, MRL_QUEUE_ITEM_MAX = 512 };

struct mrl_queue_item {
    uint16_t packet_id; /* 0: never sent, or in a session that is gone */
    bool sent;          /* on the present connection */
    bool done;
    uint16_t len;
    uint8_t data[MRL_QUEUE_ITEM_MAX];
};
struct mrl_queue {
    struct mrl_queue_item *items; /* MRL_QUEUE_MAX of them, owned */
    size_t first;
    size_t count;
    uint64_t dropped;
};
void mrl_queue_init(struct mrl_queue *q);
void mrl_queue_done(struct mrl_queue *q);
/* Copies data (at most MRL_QUEUE_ITEM_MAX bytes, false above). */
bool mrl_queue_add(struct mrl_queue *q, mrl_bytes data);
/* The oldest that is to be sent on this connection, or NULL. */
struct mrl_queue_item *mrl_queue_next(struct mrl_queue *q);
/* An acknowledgement came. false: for nothing in here (dropped meanwhile). */
bool mrl_queue_acknowledge(struct mrl_queue *q, uint16_t packet_id);
/* A new connection: all are to be sent again; under their old ids only in a kept session. */
void mrl_queue_rewind(struct mrl_queue *q, bool session_present);

#endif
