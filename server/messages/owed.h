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
 * was delivered by itself. What is owed to a session that is kept is in the store with it, and how
 * far it got. */
#ifndef MRL_MESSAGES_OWED_H
#define MRL_MESSAGES_OWED_H

#include "messages/internal.h"

/* All that matches now is owed to an ordinary subscription, whatever it was owed before. */
void mrl_owed_begin(struct mrl_session *s, struct mrl_subscription *to);
/* It may go; what there is room for goes at once. */
void mrl_owed_open(struct mrl_session *s, struct mrl_subscription *to);
void mrl_owed_forget(struct mrl_subscription *to); /* nothing is owed: no-op */
/* Its SUBSCRIBE was refused: what that began is not owed. */
void mrl_owed_refused(struct mrl_subscription *to);

/* The hub is being freed, its sessions are gone. */
void mrl_owed_done(struct mrl_hub *h);
/* There may be room again: in a later turn. */
void mrl_owed_go_on(struct mrl_session *s);
/* p is about to be delivered: an older message of its topic that is owed goes first, out of its
 * turn. [MQTT-4.6.0-6] */
void mrl_owed_before(struct mrl_session *s, const struct mrl_publication *p);

/* At start: what has a number above passed and not above until. */
void mrl_owed_restore(struct mrl_session *s, struct mrl_subscription *to, uint64_t passed,
                      uint64_t until);

void mrl_owed_restore_early(struct mrl_owed *o, uint64_t number);

#endif
