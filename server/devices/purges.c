/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/purges.h"

static const struct mrl_migration migrations[] = {
    {"purges", 1, "CREATE TABLE device_purges (device TEXT NOT NULL PRIMARY KEY);"},
};
const struct mrl_migration_list mrl_purges_migrations = {migrations, MRL_COUNT(migrations)};

mrl_err mrl_purges_note(void *context, struct mrl_tx *tx, enum mrl_principal_kind kind,
                        mrl_bytes id, struct mrl_why *why)
{
    (void)context;
    (void)why;
    if (kind != MRL_PRINCIPAL_DEVICE)
        return MRL_OK;
    return mrl_tx_exec(tx,
                       "INSERT INTO device_purges (device) SELECT id FROM devices WHERE id = $1"
                       " AND state = $2 ON CONFLICT DO NOTHING",
                       MRL_ARGS(MRL_TEXT(id), MRL_INT(MRL_DEVICE_RETIRED)), NULL);
}

mrl_err mrl_purges_done_tx(struct mrl_tx *tx, mrl_bytes device)
{
    return mrl_tx_exec(tx, "DELETE FROM device_purges WHERE device = $1",
                       MRL_ARGS(MRL_TEXT(device)), NULL);
}

mrl_err mrl_purges_each_tx(struct mrl_tx *tx, mrl_purges_visit *visit, void *context)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(mrl_tx_query(tx, "SELECT device FROM device_purges", MRL_NO_ARGS, &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK)
        visit(context, mrl_row_bytes(rows, 0));
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}
