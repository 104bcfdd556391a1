/* SPDX-License-Identifier: Apache-2.0 */
/* An MQTT session: subscriptions and the state of messages under way, which outlive the connection.
 * Layer: messages. Thread: the worker that owns the hub. */
#ifndef MRL_MESSAGES_SESSION_H
#define MRL_MESSAGES_SESSION_H

#include "messages/hub.h"

struct mrl_will {
    struct mrl_publication *publication; /* taken by attach; NULL: no will */
    uint32_t delay_s;
    uint64_t life_ms; /* of the message, from its publication on; 0: no end. MQTT 5.0 3.1.3.2.4 */
};

struct mrl_attach {
    struct mrl_session_key key;
    bool clean_start;
    uint32_t expiry_s; /* 0: ends with the connection; UINT32_MAX: as long as the limit allows */
    uint16_t receive_maximum; /* of the client, 1..65535 */
    unsigned most_sessions;   /* that the principal may hold on one hub, this one included */
    struct mrl_will will;
    const struct mrl_session_sink *sink; /* borrowed, static */
    void *door;                          /* given back to the sink */
};

/* Connects the session of this key, new or kept (*present). A connection it had is evicted first,
 * its will sent or dropped as MQTT 5.0 3.1.2.5 says. MRL_ERR_LIMIT: the principal has too many
 * sessions. Messages waiting in a kept session are delivered by mrl_session_start, after the door
 * sent CONNACK. */
mrl_err mrl_session_attach(struct mrl_hub *h, const struct mrl_attach *a, struct mrl_session **out,
                           bool *present);
void mrl_session_start(struct mrl_session *s);
/* Asks again whether its subscriptions may stand (mrl_hub_hooks.may). */
void mrl_session_judge(struct mrl_session *s);

enum mrl_detach {
    MRL_DETACH_CLEAN,     /* DISCONNECT 0x00: the will is dropped. MQTT 5.0 3.14.4-3 */
    MRL_DETACH_WITH_WILL, /* connection lost, protocol error, DISCONNECT 0x04 */
};
/* The connection is gone. The session may be freed by this: the door forgets it. */
void mrl_session_detach(struct mrl_session *s, enum mrl_detach how);
/* A new expiry from DISCONNECT, before detach. MRL_ERR_STATE: it was 0 at CONNECT.
 * MQTT 5.0 3.14.2.2.2 */
mrl_err mrl_session_set_expiry(struct mrl_session *s, uint32_t expiry_s);
uint32_t mrl_session_expiry(const struct mrl_session *s);

/* Most QoS 2 messages (and QoS 1) the client may have under way to us: for CONNACK. */
unsigned mrl_session_receive_maximum(const struct mrl_session *s);
/* That it may have. */
unsigned mrl_session_most_subscriptions(const struct mrl_session *s);
/* Is there room in what its principal may retain? Always when p is not to be retained. */
bool mrl_session_may_retain(const struct mrl_session *s, const struct mrl_publication *p);

const struct mrl_session_key *mrl_session_key(const struct mrl_session *s);
void *mrl_session_door(const struct mrl_session *s); /* NULL while not connected */
uint64_t
mrl_session_number(const struct mrl_session *s); /* unique in the process: origin for No Local */

/* Client to server, QoS 2: true when this packet id is new and the message must be routed.
 * MRL_ERR_LIMIT: more than the Receive Maximum we gave. MQTT 5.0 4.3.3, 3.3.4 */
mrl_err mrl_session_receive_qos2(struct mrl_session *s, uint16_t packet_id, bool *is_new);
bool mrl_session_has_received(const struct mrl_session *s,
                              uint16_t packet_id);           /* and it is not released */
unsigned mrl_session_receiving(const struct mrl_session *s); /* how many are not released */
mrl_err mrl_session_release_qos2(struct mrl_session *s,
                                 uint16_t packet_id); /* PUBREL; NOT_FOUND: unknown id */

/* Server to client. NOT_FOUND: nothing under way with this id in that step. failed: the client's
 * code >= 0x80. */
mrl_err mrl_session_puback(struct mrl_session *s, uint16_t packet_id);
mrl_err mrl_session_pubrec(struct mrl_session *s, uint16_t packet_id, bool failed);
mrl_err mrl_session_pubcomp(struct mrl_session *s, uint16_t packet_id);

/* Replaces an equal filter. Retained messages that the options ask for are delivered from the later
 * mrl_session_send_retained on, so that SUBACK leaves first. MRL_ERR_LIMIT: too many subscriptions.
 */
mrl_err mrl_session_subscribe(struct mrl_session *s, mrl_bytes filter,
                              const struct mrl_subscribe_options *o, bool *existed);
void mrl_session_send_retained(struct mrl_session *s, mrl_bytes filter);
/* The connection has written what waited: messages there was no room for go on. */
void mrl_session_drained(struct mrl_session *s);
/* One message of the server itself to this session alone, as its subscription to exactly this topic
 * asks for. false: it has none, and gets nothing. */
bool mrl_session_send(struct mrl_session *s, const struct mrl_publication *p);
mrl_err mrl_session_unsubscribe(struct mrl_session *s,
                                mrl_bytes filter); /* NOT_FOUND: there was none */

#endif
