/* SPDX-License-Identifier: Apache-2.0 */
/* What of the messages is in the store, and what the journals of all workers share. Layer:
 * messages. Thread: any, unless a function says otherwise.
 *
 * Kept are sessions that outlive their connection with their subscriptions, queues and packet ids,
 * retained messages and wills (docs/decisions/0008-durable-sessions.md). */
#ifndef MRL_MESSAGES_LEDGER_H
#define MRL_MESSAGES_LEDGER_H

#include "store/seal.h"
#include "store/store.h"

extern const struct mrl_migration_list mrl_messages_migrations;

struct mrl_ledger_config { /* all borrowed and outlive the ledger */
    struct mrl_store *store;
    struct mrl_sealer *sealer;
    /* When the store stops taking what is to be kept (on a worker), and with MRL_OK when it has
     * taken everything for a while (in mrl_ledger_tick). May be NULL. */
    void (*told)(void *context, mrl_err err, const char *why);
    void *context;
};

struct mrl_ledger;
struct mrl_ledger *mrl_ledger_new(const struct mrl_ledger_config *c);
/* Where the sessions go: to hubs[home(key)], each with mrl_hub_keep_in and none running. */
struct mrl_hub;
struct mrl_retained;
struct mrl_session_key;
struct mrl_ledger_places {
    struct mrl_hub *const *hubs;
    unsigned hub_count;
    unsigned (*home)(const struct mrl_session_key *k, unsigned hub_count);
    struct mrl_retained *retained;
};
struct mrl_ledger_found {
    uint64_t sessions, subscriptions, messages, entries, retained;
    uint64_t damaged;     /* envelopes that do not open: left where they are, and not delivered */
    struct mrl_why first; /* about the first of them */
};
/* Everything that was kept, as it was. A session that was connected begins to expire now, its will
 * waits for its delay. What belongs to nobody is removed. Blocks; before the workers run. */
mrl_err mrl_ledger_load(struct mrl_ledger *l, const struct mrl_ledger_places *where,
                        struct mrl_ledger_found *out, struct mrl_why *why);

/* Each second or so: a wall clock that was set is noticed, so that what expires does not take the
 * step for time that passed; a store that failed is tried. Any one thread. */
void mrl_ledger_tick(struct mrl_ledger *l);
/* The store has refused something lately. Any thread. */
bool mrl_ledger_failing(const struct mrl_ledger *l);

void mrl_ledger_free(struct mrl_ledger *l); /* the store is closed; NULL is fine */

#endif
