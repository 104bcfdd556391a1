/* SPDX-License-Identifier: Apache-2.0 */
/* What of a session goes into the journal of its hub, and what follows when it is durable or
 * refused. Layer: messages, inside this folder. Thread: the worker that owns the hub.
 *
 * For sessions that end with their connection, and hubs without a journal, all of these do
 * nothing; but such a session's will is kept. */
#ifndef MRL_MESSAGES_KEEP_H
#define MRL_MESSAGES_KEEP_H

#include "messages/internal.h"
#include "messages/journal.h"

/* The row of one publication in mqtt_messages, shared by the queue entries of one hub. */
struct mrl_stored {
    _Atomic unsigned refs; /* after a start with other workers, entries of several hubs share it */
    int64_t id;            /* 0: the store refused it */
    struct mrl_op *op;     /* that writes it; NULL: settled */
};

/* A session begins or ceases to outlive its connection. */
void mrl_keep_begin(struct mrl_session *s);
struct mrl_op *mrl_keep_end(struct mrl_session *s); /* gives what removes it, or NULL */
/* One that ends with its connection has a will: a row of its own until then. */
void mrl_keep_begin_will(struct mrl_session *s);

/* The row as it is now. must: nobody waits for it. */
struct mrl_op *mrl_keep_session(struct mrl_session *s, bool must);

void mrl_keep_subscription(struct mrl_session *s, struct mrl_subscription *subscription, bool must);
void mrl_keep_subscription_gone(struct mrl_session *s, mrl_bytes filter);

/* Retained messages that the subscription has not got: their numbers are above passed and not above
 * until (messages/owed.h). passed 0: none of them. */
void mrl_keep_owed(struct mrl_session *s, mrl_bytes filter, uint64_t passed, uint64_t until);
/* It got this one before its turn, or never will: becomes durable with the entry made last. */
void mrl_keep_owed_early(struct mrl_session *s, mrl_bytes filter, uint64_t number);
void mrl_keep_owed_gone(struct mrl_session *s, mrl_bytes filter);

/* While a hub insists, messages and what is owed are tried until the store takes them: they come
 * from nobody who could be told that it did not. Gives what it was. */
bool mrl_keep_insist(struct mrl_hub *h, bool insists);

/* held in o: it may not leave before it is durable. */
void mrl_keep_entry(struct mrl_session *s, struct mrl_outgoing *o);
/* o, which is durable, is to leave: held until the store knows. */
void mrl_keep_entry_begun(struct mrl_session *s, struct mrl_outgoing *o);
void mrl_keep_entry_released(struct mrl_session *s, struct mrl_outgoing *o);
/* Something that was a member's turn is on its way to the store. */
bool mrl_keep_share_is_under_way(const struct mrl_session *s);
/* o is about to be freed. */
void mrl_keep_entry_gone(struct mrl_session *s, struct mrl_outgoing *o);

void mrl_keep_received(struct mrl_session *s, uint16_t packet_id);
/* The same packet id again: the answer waits for what is under way, if anything is. */
void mrl_keep_received_again(struct mrl_session *s, uint16_t packet_id);
void mrl_keep_received_gone(struct mrl_session *s, uint16_t packet_id);

/* p becomes the retained message of its topic. MRL_ERR_LIMIT: the retained store is full. */
mrl_err mrl_keep_retained(struct mrl_hub *h, const struct mrl_publication *p);
/* The hub is being freed: what of it is on its way finds it no more. */
void mrl_keep_done(struct mrl_hub *h);
/* Takes expired retained messages out of memory and store, some at a time; true: there may be more.
 */
bool mrl_keep_expire_retained(struct mrl_hub *h);

/* Adds op of h's journal; whoever waits (mrl_hub_watch) waits for it, too. */
void mrl_keep(struct mrl_hub *h, struct mrl_op *op);

/* Options as one byte of a row, the identifier apart. */
uint8_t mrl_keep_pack(const struct mrl_subscribe_options *o);
struct mrl_subscribe_options mrl_keep_unpack(uint8_t packed, uint32_t identifier);

/* One more part the receipt of what is watched waits for; NULL: nothing is watched. */
struct mrl_receipt *mrl_keep_wait(struct mrl_hub *h);

/* Takes a reference; NULL is fine. Without journal (shutting down) only memory is freed. */
void mrl_stored_unref(struct mrl_journal *j, struct mrl_stored *stored);

#endif
