/* SPDX-License-Identifier: Apache-2.0 */
#include "messages/ledger.h"

#include <stdlib.h>

#include "base/clock.h"
#include "messages/journal.h"

/* Envelopes stand in mqtt_messages, mqtt_retained and the wills of mqtt_sessions only. */
static const struct mrl_migration migrations[] = {
    {"messages", 1,
     "CREATE TABLE mqtt_sessions (id INTEGER PRIMARY KEY, kind INTEGER NOT NULL,"
     " principal TEXT NOT NULL, client TEXT NOT NULL, expiry INTEGER NOT NULL,"
     " ends INTEGER NOT NULL, sent INTEGER NOT NULL, will_delay INTEGER NOT NULL,"
     " will_life INTEGER NOT NULL, will BLOB);"
     "CREATE TABLE mqtt_subscriptions (session INTEGER NOT NULL, filter TEXT NOT NULL,"
     " options INTEGER NOT NULL, identifier INTEGER NOT NULL,"
     " PRIMARY KEY (session, filter)) WITHOUT ROWID;"
     "CREATE TABLE mqtt_messages (id INTEGER PRIMARY KEY, expires INTEGER NOT NULL,"
     " sealed BLOB NOT NULL);"
     "CREATE TABLE mqtt_queue (session INTEGER NOT NULL, seq INTEGER NOT NULL,"
     " message INTEGER NOT NULL, flags INTEGER NOT NULL, identifiers BLOB,"
     " PRIMARY KEY (session, seq)) WITHOUT ROWID;"
     "CREATE TABLE mqtt_received (session INTEGER NOT NULL, packet INTEGER NOT NULL,"
     " PRIMARY KEY (session, packet)) WITHOUT ROWID;"
     "CREATE TABLE mqtt_retained (id INTEGER PRIMARY KEY, expires INTEGER NOT NULL,"
     " sealed BLOB NOT NULL);"},
};
const struct mrl_migration_list mrl_messages_migrations = {migrations, MRL_COUNT(migrations)};

struct mrl_ledger *mrl_ledger_new(const struct mrl_ledger_config *c)
{
    struct mrl_ledger *l = calloc(1, sizeof(*l));

    if (l == NULL)
        abort();
    l->config = *c;
    l->wall_at_zero = mrl_wall_ms() - (int64_t)mrl_monotonic_ms();
    return l;
}

void mrl_ledger_free(struct mrl_ledger *l)
{
    free(l);
}

int64_t mrl_ledger_wall(const struct mrl_ledger *l, uint64_t monotonic_ms)
{
    return l->wall_at_zero + (int64_t)monotonic_ms;
}

uint64_t mrl_ledger_monotonic(const struct mrl_ledger *l, int64_t wall_ms)
{
    int64_t at = wall_ms - l->wall_at_zero;

    return at > 0 ? (uint64_t)at : 1;
}

bool mrl_ledger_failing(const struct mrl_ledger *l)
{
    return atomic_load(&l->failing);
}

void mrl_ledger_tell(struct mrl_ledger *l, mrl_err result, const char *why)
{
    bool failing = result != MRL_OK;

    if (atomic_exchange(&l->failing, failing) != failing && l->config.told != NULL)
        l->config.told(l->config.context, result, why);
}
