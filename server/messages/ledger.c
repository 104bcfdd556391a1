/* SPDX-License-Identifier: Apache-2.0 */
#include "messages/ledger.h"

#include <stdlib.h>

#include "base/clock.h"
#include "messages/journal.h"

enum {
    STEP_MS = 1000, /* a clock that is slewed moves less in a second */
    CALM_MS = 2000, /* without a failure: the store is well again */
};

/* Envelopes stand in mqtt_messages, mqtt_retained and the wills of mqtt_sessions only. */
static const struct mrl_migration migrations[] = {
    {"messages", 1,
     "CREATE TABLE mqtt_sessions (id INTEGER PRIMARY KEY, kind INTEGER NOT NULL,"
     " principal TEXT NOT NULL, client TEXT NOT NULL, expiry INTEGER NOT NULL,"
     " ends INTEGER NOT NULL, sent INTEGER NOT NULL, will_delay INTEGER NOT NULL,"
     " will_life INTEGER NOT NULL, version INTEGER NOT NULL, will BLOB);"
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
     " sealed BLOB NOT NULL);"
     "CREATE TABLE mqtt_clock (id INTEGER PRIMARY KEY, ahead INTEGER NOT NULL);"},
    {"messages", 2,
     "CREATE TABLE mqtt_owed (session INTEGER NOT NULL, filter TEXT NOT NULL,"
     " passed INTEGER NOT NULL, until INTEGER NOT NULL,"
     " PRIMARY KEY (session, filter)) WITHOUT ROWID;"},
    {"messages", 3,
     "CREATE TABLE mqtt_owed_early (session INTEGER NOT NULL, filter TEXT NOT NULL,"
     " number INTEGER NOT NULL, PRIMARY KEY (session, filter, number)) WITHOUT ROWID;"},
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

/* How far the clock of the rows is ahead of the wall clock, which may have been set since. */
static int64_t ahead_of_wall(const struct mrl_ledger *l)
{
    return mrl_ledger_wall(l, mrl_monotonic_ms()) - mrl_wall_ms();
}

static mrl_err write_clock(struct mrl_tx *tx, struct mrl_write *w)
{
    const struct mrl_ledger *l = MRL_CONTAINER(w, struct mrl_ledger, clock);

    return mrl_tx_exec(tx,
                       "INSERT INTO mqtt_clock (id, ahead) VALUES (1, $1)"
                       " ON CONFLICT (id) DO UPDATE SET ahead = $1",
                       MRL_ARGS(MRL_INT(l->ahead)), NULL);
}

static void clock_written(struct mrl_write *w, mrl_err result)
{
    struct mrl_ledger *l = MRL_CONTAINER(w, struct mrl_ledger, clock);

    if (result == MRL_OK) {
        l->ahead_stored = l->ahead;
        mrl_ledger_tell(l, MRL_OK, "");
    }
    atomic_store(&l->clock_busy, false); /* after an error the next tick tries again */
}

static void tell_recovery(struct mrl_ledger *l)
{
    if (!mrl_ledger_failing(l) || !atomic_load(&l->succeeded) ||
        mrl_monotonic_ms() - atomic_load(&l->failed_ms) < CALM_MS)
        return;
    atomic_store(&l->failing, false);
    if (l->config.told != NULL)
        l->config.told(l->config.context, MRL_OK, "");
}

/* The row of the clock is also what a store that failed is tried with. */
void mrl_ledger_tick(struct mrl_ledger *l)
{
    int64_t ahead;

    tell_recovery(l);
    if (atomic_load(&l->clock_busy))
        return;
    ahead = ahead_of_wall(l);
    if (llabs(ahead - l->ahead_stored) < STEP_MS && !mrl_ledger_failing(l))
        return;
    l->ahead = ahead;
    l->clock = (struct mrl_write){.run = write_clock, .done = clock_written};
    atomic_store(&l->clock_busy, true);
    mrl_store_submit(l->config.store, &l->clock);
}

mrl_err mrl_ledger_read_clock(struct mrl_ledger *l, struct mrl_tx *tx)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err =
        mrl_tx_query_one(tx, "SELECT ahead FROM mqtt_clock WHERE id = 1", MRL_NO_ARGS, &rows);

    if (err == MRL_ERR_NOT_FOUND)
        return MRL_OK;
    MRL_TRY(err);
    l->ahead_stored = mrl_row_int(rows, 0);
    l->wall_at_zero += l->ahead_stored;
    return MRL_OK;
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

/* On a disk that is nearly full small batches succeed between large ones that fail: that is one
 * failure, not many. */
void mrl_ledger_tell(struct mrl_ledger *l, mrl_err result, const char *why)
{
    if (result == MRL_OK) {
        if (atomic_load_explicit(&l->failing, memory_order_relaxed))
            atomic_store(&l->succeeded, true);
        return;
    }
    atomic_store(&l->failed_ms, mrl_monotonic_ms());
    atomic_store(&l->succeeded, false);
    if (!atomic_exchange(&l->failing, true) && l->config.told != NULL)
        l->config.told(l->config.context, result, why);
}

bool mrl_ledger_failing(const struct mrl_ledger *l)
{
    return atomic_load(&l->failing);
}
