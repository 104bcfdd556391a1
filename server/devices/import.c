/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/import.h"

#include "audit/audit.h"
#include "devices/internal.h"

enum { ENTRIES = 64 }; /* audit entries appended at once */

struct job {
    struct mrl_write write;
    struct mrl_registry *registry;
    const struct mrl_actor *actor;
    struct mrl_import *import;
    struct mrl_buf note; /* of the row that is compared */
    bool undone;         /* on purpose, after all rows were looked at */
};

static mrl_err differs(const struct mrl_device_new *d, const char *what, struct mrl_why *why)
{
    return mrl_fail(why, MRL_ERR_EXISTS, "device %.*s is known with another %s", MRL_FMT(d->id),
                    what);
}

static mrl_err same_note(struct job *j, const struct mrl_device_new *d, mrl_bytes stored,
                         struct mrl_why *why)
{
    const struct mrl_note_of of = {MRL_PRINCIPAL_DEVICE, d->id};

    MRL_TRY(mrl_note_open(j->registry->sealer, &of, stored, &j->note, why));
    return mrl_bytes_eq(mrl_buf_bytes(&j->note), d->note) ? MRL_OK : differs(d, "note", why);
}

static mrl_err same_expectation(struct mrl_tx *tx, const struct mrl_device_new *d,
                                struct mrl_why *why)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    struct mrl_expectation stored;

    MRL_TRY(mrl_expectation_find_tx(tx, d->id, &rows, &stored));
    return mrl_expectation_eq(&stored, &d->expectation)
               ? MRL_OK
               : differs(d, "key, serial number or TPM", why);
}

static mrl_err compare(struct job *j, struct mrl_tx *tx, const struct mrl_device_new *d,
                       struct mrl_why *why)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query_one(tx, "SELECT state, grp, attributes, note FROM devices WHERE id = $1",
                             MRL_ARGS(MRL_TEXT(d->id)), &rows));
    if (mrl_row_int(rows, 0) == MRL_DEVICE_RETIRED)
        return mrl_fail(why, MRL_ERR_EXISTS, "device %.*s is retired: an id never comes back",
                        MRL_FMT(d->id));
    if (!mrl_bytes_eq(mrl_row_bytes(rows, 1), d->group))
        return differs(d, "group", why);
    if (!mrl_bytes_eq(mrl_row_bytes(rows, 2), d->attributes))
        return differs(d, "set of attributes", why);
    MRL_TRY(same_expectation(tx, d, why));
    return same_note(j, d, mrl_row_bytes(rows, 3), why);
}

/* An error of the store, and not of the row, ends the job. */
static mrl_err take(struct job *j, struct mrl_tx *tx, struct mrl_import_row *row)
{
    if (row->err == MRL_OK)
        row->err = mrl_device_insert(tx, j->registry->sealer, &row->device, &row->why);
    row->added = row->err == MRL_OK;
    if (row->err == MRL_ERR_EXISTS)
        row->err = compare(j, tx, &row->device, &row->why);
    j->import->added += row->added;
    j->import->unchanged += !row->added && row->err == MRL_OK;
    j->import->refused += row->err != MRL_OK;
    return row->err == MRL_ERR_EXISTS || row->err == MRL_ERR_INVALID ? MRL_OK : row->err;
}

struct entry {
    struct mrl_audit_detail details[3 + MRL_EXPECTATION_DETAILS];
    struct mrl_expectation_details memory;
};

static mrl_err describe(const struct job *j, struct mrl_tx *tx, const struct mrl_device_new *d,
                        struct entry *entry, struct mrl_audit_event *out)
{
    size_t n = 0;

    *out = mrl_actor_event(j->actor, MRL_AUDIT_DEVICE_ADDED, d->id);
    entry->details[n++] = MRL_AUDIT_INT("batch", j->import->added);
    if (d->group.len > 0)
        entry->details[n++] = MRL_AUDIT_TEXT("group", d->group);
    if (d->attributes.len > 0)
        entry->details[n++] = MRL_AUDIT_TEXT("attributes", d->attributes);
    n += mrl_expectation_describe(&d->expectation, &entry->memory, &entry->details[n]);
    out->details = entry->details;
    out->details_count = n;
    return mrl_registry_digest(tx, MRL_PRINCIPAL_DEVICE, d->id, &out->after);
}

static mrl_err audit(const struct job *j, struct mrl_tx *tx)
{
    struct mrl_audit_event events[ENTRIES];
    struct entry entries[ENTRIES];
    size_t n = 0;

    for (size_t i = 0; i < j->import->count; i++) {
        const struct mrl_import_row *row = &j->import->rows[i];

        if (!row->added)
            continue;
        MRL_TRY(describe(j, tx, &row->device, &entries[n], &events[n]));
        if (++n == ENTRIES) {
            MRL_TRY(mrl_audit_append_many(tx, events, n, NULL));
            n = 0;
        }
    }
    return n > 0 ? mrl_audit_append_many(tx, events, n, NULL) : MRL_OK;
}

static mrl_err run_import(struct mrl_tx *tx, struct mrl_write *w)
{
    struct job *j = MRL_CONTAINER(w, struct job, write);
    struct mrl_import *import = j->import;

    for (size_t i = 0; i < import->count; i++)
        MRL_TRY(take(j, tx, &import->rows[i]));
    j->undone = import->refused > 0 || import->dry_run;
    return j->undone ? MRL_ERR_INVALID : audit(j, tx);
}

static void committed_import(struct mrl_write *w)
{
    const struct job *j = MRL_CONTAINER(w, struct job, write);

    mrl_rcu_register();
    for (size_t i = 0; i < j->import->count; i++) {
        const struct mrl_device_new *d = &j->import->rows[i].device;

        if (j->import->rows[i].added)
            (void)mrl_snapshot_put(&j->registry->snapshot, /* new: nobody is told */
                                   &(struct mrl_record){.kind = MRL_PRINCIPAL_DEVICE,
                                                        .id = d->id,
                                                        .group = d->group,
                                                        .attributes = d->attributes,
                                                        .device_state = MRL_DEVICE_EXPECTED});
    }
}

static void check(struct mrl_import_row *row)
{
    if (row->err != MRL_OK || mrl_device_check(&row->device, &row->why) != MRL_OK)
        row->err = MRL_ERR_INVALID;
}

mrl_err mrl_device_import(struct mrl_registry *r, const struct mrl_actor *actor,
                          struct mrl_import *import, struct mrl_why *why)
{
    struct job j = {.write = {.run = run_import, .committed = committed_import},
                    .registry = r,
                    .actor = actor,
                    .import = import};
    mrl_err err;

    if (import->count > MRL_IMPORT_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT, "at most %d rows at once", MRL_IMPORT_MAX);
    for (size_t i = 0; i < import->count; i++)
        check(&import->rows[i]);
    err = mrl_registry_write(r, &j.write, why);
    mrl_buf_done(&j.note);
    if (!j.undone)
        return err;
    if (import->refused == 0)
        return MRL_OK;
    import->added = 0;
    return mrl_fail(why, MRL_ERR_INVALID, "%zu of %zu rows are refused, and nothing was added",
                    import->refused, import->count);
}
