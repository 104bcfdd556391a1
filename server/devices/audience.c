/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/audience.h"

#include "access/attributes.h"
#include "devices/internal.h"

#define DEVICES "SELECT grp, attributes FROM devices WHERE state <> $2 AND "

struct question {
    const struct mrl_role_target *target;
    const struct mrl_level *variable;
    bool answer;
};

static bool has_value(const struct mrl_level *variable, const struct mrl_rows *rows)
{
    if (variable == NULL || variable->kind == MRL_LEVEL_ID)
        return true;
    if (variable->kind == MRL_LEVEL_GROUP)
        return mrl_row_bytes(rows, 0).len > 0;
    return mrl_attributes_get(mrl_row_bytes(rows, 1), variable->text).len > 0;
}

/* Devices without attributes need not be looked at for one. */
static const char *devices_of(const struct question *q)
{
    if (q->target->kind == MRL_ROLE_TO_DEVICE)
        return DEVICES "id = $1";
    return q->variable != NULL && q->variable->kind == MRL_LEVEL_ATTRIBUTE
               ? DEVICES "grp = $1 AND attributes <> ''"
               : DEVICES "grp = $1 LIMIT 1";
}

static mrl_err ask_devices(struct mrl_tx *tx, struct question *q)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err = MRL_OK;

    MRL_TRY(mrl_tx_query(tx, devices_of(q),
                         MRL_ARGS(MRL_TEXT(q->target->name), MRL_INT(MRL_DEVICE_RETIRED)), &rows));
    while (!q->answer && (err = mrl_rows_next(rows)) == MRL_OK)
        q->answer = has_value(q->variable, rows);
    return q->answer || err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

static mrl_err ask_applications(struct mrl_tx *tx, struct question *q)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err = mrl_tx_query_one(
        tx, "SELECT id FROM accounts WHERE kind = $1 AND id = $2",
        MRL_ARGS(MRL_INT(MRL_PRINCIPAL_APPLICATION), MRL_TEXT(q->target->name)), &rows);

    q->answer = err == MRL_OK && (q->variable == NULL || q->variable->kind == MRL_LEVEL_ID);
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

static mrl_err ask(struct mrl_tx *tx, void *context)
{
    struct question *q = context;

    return q->target->kind == MRL_ROLE_TO_APPLICATION ? ask_applications(tx, q)
                                                      : ask_devices(tx, q);
}

mrl_err mrl_audience_has(struct mrl_registry *r, const struct mrl_role_target *target,
                         const struct mrl_level *variable, bool *out)
{
    struct question q = {.target = target, .variable = variable};

    MRL_TRY(mrl_store_read(r->store, ask, &q));
    *out = q.answer;
    return MRL_OK;
}
