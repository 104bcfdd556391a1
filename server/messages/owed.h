/* SPDX-License-Identifier: Apache-2.0 */
/* Retained messages that subscriptions have not got yet. They go when SUBACK has left, as many as
 * the session has room for, and the others when the connection has written what waited (QoS 0) and
 * when messages are acknowledged (QoS 1 and 2), a portion at a time, oldest first. They use about
 * half of the room, so that other messages have theirs. [MQTT-3.3.1-9]
 *
 * They are found by a search below the filter, a portion at a time. Where that is too large (many
 * topics that do not match), a walk goes along all that are retained. Both count as looks of the
 * session (mrl_hub_hooks.look), which waits when it has had too many: what one of them costs is not
 * for its subscriber to repeat as fast as it sends.
 *
 * Layer: messages, inside this folder. Thread: the worker that owns the hub.
 *
 * At its turn a message goes only if it still is the retained one of its topic: what replaced it
 * was delivered by itself, or goes in its place when it was of QoS 0 and the client away. What is
 * owed to a session that is kept is in the store with it, and how far it got. */
#ifndef MRL_MESSAGES_OWED_H
#define MRL_MESSAGES_OWED_H

#include "messages/internal.h"

/* All that matches now is owed to an ordinary subscription, whatever it was owed before. */
void mrl_owed_begin(struct mrl_session *s, struct mrl_subscription *to);
/* It may go; what there is room for goes at once. */
void mrl_owed_open(struct mrl_session *s, struct mrl_subscription *to);
void mrl_owed_forget(struct mrl_subscription *to); /* nothing is owed: no-op */
/* The store refused its SUBSCRIBE: what that began is not owed. Or took it, perhaps when nobody
 * waits for SUBACK any more. */
void mrl_owed_refused(struct mrl_subscription *to);
void mrl_owed_taken(struct mrl_subscription *to);

/* Its client left. Or is back: SUBACKs that have not left never will. Before the next turn. */
void mrl_owed_left(struct mrl_session *s);
void mrl_owed_back(struct mrl_session *s);

/* The hub is being freed, its sessions are gone. */
void mrl_owed_done(struct mrl_hub *h);
/* There may be room again: in a later turn. */
void mrl_owed_go_on(struct mrl_session *s);
/* p is about to be delivered at this QoS at most: an older message of its topic that is owed goes
 * first, out of its turn. When there is room for p alone the older one is dropped if their QoS is
 * the same: it may neither follow p nor take its place. [MQTT-4.6.0-6] */
void mrl_owed_before(struct mrl_session *s, const struct mrl_publication *p, uint8_t qos);

/* At start: what has a number above passed and not above until. */
void mrl_owed_restore(struct mrl_session *s, struct mrl_subscription *to, uint64_t passed,
                      uint64_t until);

void mrl_owed_restore_early(struct mrl_owed *o, uint64_t number);

#endif
