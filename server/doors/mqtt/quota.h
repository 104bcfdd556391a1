/* SPDX-License-Identifier: Apache-2.0 */
/* What a client may use up: its buckets, and what happens above a rate. Layer: doors, internal.
 * Thread: the worker.
 *
 * The rates are those of the device: its connections share one struct mrl_usage, made when the
 * first of them sends something and kept as long as it says anything. */
#ifndef MRL_DOORS_MQTT_QUOTA_H
#define MRL_DOORS_MQTT_QUOTA_H

#include "access/subject.h"
#include "base/list.h"
#include "base/map.h"
#include "guard/guard.h"
#include "messages/hub.h"
#include "wire/mqtt_frame.h"

struct mrl_client;

enum {
    MRL_QUOTA_BURST_S = 10,    /* seconds of its rate that a device may send at once */
    MRL_EARLY_FRAMES_MAX = 16, /* WebSocket frames without data before it is let in */
    MRL_LOOKS_A_MESSAGE = 512, /* for retained messages: about as much work, or a little more */
};

struct mrl_usage;
struct mrl_usages { /* of one door */
    struct mrl_map by_principal;
    struct mrl_list resting; /* no connection holds them, longest first */
};
void mrl_usages_init(struct mrl_usages *u);
void mrl_usages_done(struct mrl_usages *u); /* every client is gone */

/* Counts one packet. Above the rate the connection is not read until it is even again; a device
 * that does not stop is disconnected and kept out for a while. */
void mrl_client_charge(struct mrl_client *c, enum mrl_mqtt_type type, size_t bytes);
/* WebSocket frames without data, Pings above all: each counts as a message of that size. */
void mrl_client_charge_frames(struct mrl_client *c, unsigned frames, size_t bytes);
/* It is not read at the moment. */
bool mrl_client_is_slowed(const struct mrl_client *c);
/* Reads it again when its time has come. */
void mrl_client_go_on(struct mrl_client *c);
/* The client is gone. */
void mrl_client_release_usage(struct mrl_client *c);

/* What the guard knows it as. source: memory for its address. */
struct mrl_guard_principal mrl_client_principal(const struct mrl_client *c,
                                                char source[static MRL_PEER_TEXT]);
/* May it connect once more this minute? Counts it. */
bool mrl_client_may_connect(const struct mrl_client *c);

/* Hook of the hub: from the quota of a principal. context: the door. */
void mrl_quota_session_limits(void *context, const struct mrl_session_key *key,
                              struct mrl_session_limits *out);
/* Looks for retained messages go by the rate of messages, beside them. Gives for how many ms it
 * must not look any further; it is read as before. */
uint64_t mrl_client_look(struct mrl_client *c, size_t places);
uint64_t mrl_quota_look(void *context, const struct mrl_session *s, size_t places); /* hook */
/* Whose retained message it is. */
enum { MRL_OWNER_MAX = 1 + 64 };
mrl_bytes mrl_subject_owner(const struct mrl_subject *s, uint8_t memory[static MRL_OWNER_MAX]);
mrl_bytes mrl_client_owner(const struct mrl_client *c, uint8_t memory[static MRL_OWNER_MAX]);

#endif
