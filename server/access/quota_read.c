/* SPDX-License-Identifier: Apache-2.0 */
/* Reading given limits from the store. */
#include <stdio.h>

#include "access/access.h"

mrl_bytes mrl_quota_target_text(const struct mrl_role_target *target,
                                char to[static MRL_QUOTA_TARGET_MAX])
{
    (void)snprintf(to, MRL_QUOTA_TARGET_MAX, "%s:%.*s", mrl_role_target_kind_name(target->kind),
                   MRL_FMT(target->name));
    return mrl_str(to);
}

/* A limit that this program does not know is of a newer one: it is left alone. */
static void take(struct mrl_quota_override *o, const struct mrl_rows *rows, unsigned column)
{
    enum mrl_quota_limit limit;
    int64_t value = mrl_row_int(rows, column + 1);

    if (!mrl_quota_limit_find(mrl_row_bytes(rows, column), &limit) || value < 0 ||
        mrl_quota_check(limit, (uint64_t)value, NULL) != MRL_OK)
        return;
    o->given |= 1u << limit;
    o->of[limit] = (uint64_t)value;
}

mrl_err mrl_quota_read_given(struct mrl_tx *tx, mrl_bytes target, struct mrl_quota_override *out)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    *out = (struct mrl_quota_override){0};
    MRL_TRY(mrl_tx_query(tx, "SELECT name, value FROM quotas WHERE target = $1",
                         MRL_ARGS(MRL_TEXT(target)), &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK)
        take(out, rows, 0);
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

/* Rows of one target stand together: each is put when the next begins. */
mrl_err mrl_quota_load(struct mrl_tx *tx, struct mrl_quota_model *m, struct mrl_why *why)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    struct mrl_quota_override given = {0};
    struct mrl_role_target target = {0};
    struct mrl_name name = {0};
    mrl_err err;

    MRL_TRY(mrl_tx_query(tx, "SELECT target, name, value FROM quotas ORDER BY target", MRL_NO_ARGS,
                         &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK) {
        struct mrl_role_target next;

        if (mrl_role_target_parse(mrl_row_bytes(rows, 0), &next, NULL) != MRL_OK)
            return mrl_fail(why, MRL_ERR_CORRUPT, "stored limits belong to no valid name");
        if (next.kind != target.kind || !mrl_bytes_eq(next.name, mrl_name_bytes(&name))) {
            if (name.len > 0)
                mrl_quota_model_put(m, &target, &given);
            (void)mrl_name_set(&name, next.name); /* valid: parsed just now */
            target = (struct mrl_role_target){next.kind, mrl_name_bytes(&name)};
            given = (struct mrl_quota_override){0};
        }
        take(&given, rows, 1);
    }
    if (name.len > 0)
        mrl_quota_model_put(m, &target, &given);
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

struct reading {
    mrl_bytes after; /* or the one that is asked for */
    size_t limit;
    mrl_quota_visit *visit;
    void *context;
    struct mrl_quota_override *out;
};

static mrl_err show(struct mrl_tx *tx, const struct reading *r, mrl_bytes text)
{
    struct mrl_quota_override given;
    struct mrl_role_target target;

    MRL_TRY(mrl_role_target_parse(text, &target, NULL));
    MRL_TRY(mrl_quota_read_given(tx, text, &given));
    r->visit(r->context, &target, &given);
    return MRL_OK;
}

static mrl_err run_list(struct mrl_tx *tx, void *context)
{
    const struct reading *r = context;
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(mrl_tx_query(
        tx, "SELECT DISTINCT target FROM quotas WHERE target > $1 ORDER BY target LIMIT $2",
        MRL_ARGS(MRL_TEXT(r->after), MRL_INT(r->limit)), &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK)
        MRL_TRY(show(tx, r, mrl_row_bytes(rows, 0)));
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

mrl_err mrl_quota_list(struct mrl_access *a, mrl_bytes after, size_t limit, mrl_quota_visit *visit,
                       void *context)
{
    struct reading r = {.after = after, .limit = limit, .visit = visit, .context = context};

    return mrl_store_read(a->store, run_list, &r);
}

static mrl_err run_given(struct mrl_tx *tx, void *context)
{
    const struct reading *r = context;

    MRL_TRY(mrl_quota_read_given(tx, r->after, r->out));
    return r->out->given != 0 ? MRL_OK : MRL_ERR_NOT_FOUND;
}

mrl_err mrl_quota_given(struct mrl_access *a, const struct mrl_role_target *target,
                        struct mrl_quota_override *out)
{
    char text[MRL_QUOTA_TARGET_MAX];
    struct reading r = {.after = mrl_quota_target_text(target, text), .out = out};

    return mrl_store_read(a->store, run_given, &r);
}
