/* SPDX-License-Identifier: Apache-2.0 */
/* Loading, listening and publishing. */
#include "devices/registry.h"

#include <stdlib.h>
#include <string.h>

#include "access/attributes.h"
#include "devices/credential.h"
#include "devices/internal.h"
#include "devices/psk_table.h"
#include "devices/wipe.h"
#include "devices/wipe_table.h"

struct mrl_registry_update {
    struct mrl_name id;
    struct mrl_name group;
    struct mrl_buf attributes;
    struct mrl_record record; /* its texts are the three above */
    size_t count;
    struct mrl_credential *credentials;
    size_t wipe_count;
    struct mrl_wipe_entry *wipes; /* open orders to it */
};

/* --- rows into values --- */

static mrl_err device_record(const struct mrl_rows *rows, struct mrl_record *out)
{
    int64_t state = mrl_row_int(rows, 2);

    *out = (struct mrl_record){
        .kind = MRL_PRINCIPAL_DEVICE,
        .id = mrl_row_bytes(rows, 0),
        .group = mrl_row_bytes(rows, 1),
        .attributes = mrl_row_bytes(rows, 3),
        .device_state = (enum mrl_device_state)state,
    };
    MRL_ENSURE(mrl_name_valid(out->id), MRL_ERR_CORRUPT);
    MRL_ENSURE(mrl_attributes_valid(out->attributes), MRL_ERR_CORRUPT);
    MRL_ENSURE(out->group.len == 0 || mrl_name_valid(out->group), MRL_ERR_CORRUPT);
    MRL_ENSURE(mrl_device_state_known(state), MRL_ERR_CORRUPT);
    return MRL_OK;
}

static mrl_err account_record(const struct mrl_rows *rows, struct mrl_record *out)
{
    int64_t kind = mrl_row_int(rows, 0), state = mrl_row_int(rows, 2), roles = mrl_row_int(rows, 3);

    *out = (struct mrl_record){
        .kind = (enum mrl_principal_kind)kind,
        .id = mrl_row_bytes(rows, 1),
        .account_state = (enum mrl_account_state)state,
        .operator_roles = (uint32_t)roles,
    };
    MRL_ENSURE(mrl_name_valid(out->id), MRL_ERR_CORRUPT);
    MRL_ENSURE(kind == MRL_PRINCIPAL_APPLICATION || kind == MRL_PRINCIPAL_OPERATOR,
               MRL_ERR_CORRUPT);
    MRL_ENSURE(state == MRL_ACCOUNT_ACTIVE || state == MRL_ACCOUNT_DISABLED, MRL_ERR_CORRUPT);
    MRL_ENSURE(roles >= 0 && roles <= UINT32_MAX, MRL_ERR_CORRUPT);
    return MRL_OK;
}

static mrl_err credential_of_row(const struct mrl_rows *rows, struct mrl_credential *out)
{
    mrl_bytes fingerprint = mrl_row_bytes(rows, 0);
    int64_t state = mrl_row_int(rows, 1);

    MRL_ENSURE(fingerprint.len == sizeof(out->fingerprint.bytes), MRL_ERR_CORRUPT);
    MRL_ENSURE(state >= MRL_CREDENTIAL_ACTIVE && state <= MRL_CREDENTIAL_REVOKED, MRL_ERR_CORRUPT);
    memcpy(out->fingerprint.bytes, fingerprint.data, fingerprint.len);
    out->state = (enum mrl_credential_state)state;
    out->not_before = mrl_row_int(rows, 2);
    out->not_after = mrl_row_int(rows, 3);
    out->seen = mrl_row_int(rows, 4) != 0;
    out->hardware_held = false;
    out->psk = mrl_row_int(rows, 5) == 0;
    return MRL_OK;
}

/* --- loading --- */

struct loading {
    struct mrl_snapshot *snapshot;
    struct mrl_why *why;
};

static mrl_err load_records(struct mrl_tx *tx, const struct loading *l, const char *sql,
                            mrl_err (*read)(const struct mrl_rows *rows, struct mrl_record *out))
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(mrl_tx_query(tx, sql, MRL_NO_ARGS, &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK) {
        struct mrl_record record;

        if (read(rows, &record) != MRL_OK)
            return mrl_fail(l->why, MRL_ERR_CORRUPT, "the record of a %s cannot be read",
                            mrl_principal_kind_name(record.kind));
        (void)mrl_snapshot_put(l->snapshot, &record); /* nobody is known yet */
    }
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

static mrl_err load_credentials(struct mrl_tx *tx, const struct loading *l)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(mrl_tx_query(tx,
                         "SELECT fingerprint, state, not_before, not_after, seen, length(der), "
                         "kind, principal FROM credentials",
                         MRL_NO_ARGS, &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK) {
        struct mrl_credential c;

        if (credential_of_row(rows, &c) != MRL_OK ||
            mrl_snapshot_put_credential(l->snapshot, (enum mrl_principal_kind)mrl_row_int(rows, 6),
                                        mrl_row_bytes(rows, 7), &c) != MRL_OK)
            return mrl_fail(l->why, MRL_ERR_CORRUPT,
                            "a stored certificate cannot be read or belongs to nobody");
    }
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

static mrl_err load(struct mrl_tx *tx, void *context)
{
    const struct loading *l = context;

    MRL_TRY(load_records(tx, l, "SELECT id, grp, state, attributes FROM devices", device_record));
    MRL_TRY(load_records(tx, l, "SELECT kind, id, state, roles FROM accounts", account_record));
    return load_credentials(tx, l);
}

/* --- staging: what the transaction says --- */

static mrl_err stage_record(struct mrl_tx *tx, enum mrl_principal_kind kind, mrl_bytes id,
                            struct mrl_registry_update *u)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    if (kind == MRL_PRINCIPAL_DEVICE) {
        MRL_TRY(mrl_tx_query_one(tx, "SELECT id, grp, state, attributes FROM devices WHERE id = $1",
                                 MRL_ARGS(MRL_TEXT(id)), &rows));
        MRL_TRY(device_record(rows, &u->record));
        MRL_TRY(mrl_buf_append(&u->attributes, u->record.attributes));
    } else {
        MRL_TRY(mrl_tx_query_one(
            tx, "SELECT kind, id, state, roles FROM accounts WHERE kind = $1 AND id = $2",
            MRL_ARGS(MRL_INT(kind), MRL_TEXT(id)), &rows));
        MRL_TRY(account_record(rows, &u->record));
    }
    (void)mrl_name_set(&u->id, u->record.id);       /* checked just now */
    (void)mrl_name_set(&u->group, u->record.group); /* empty: none */
    u->record.id = mrl_name_bytes(&u->id);
    u->record.group = mrl_name_bytes(&u->group);
    u->record.attributes = mrl_buf_bytes(&u->attributes);
    return MRL_OK;
}

static mrl_err add_staged(struct mrl_registry_update *u, const struct mrl_credential *c)
{
    if ((u->count & (u->count + 1)) == 0) { /* 0, 1, 3, 7 ...: the room is always 2^n - 1 */
        size_t room = 2 * u->count + 1;
        struct mrl_credential *more = realloc(u->credentials, room * sizeof(*more));

        if (more == NULL)
            abort();
        u->credentials = more;
    }
    u->credentials[u->count++] = *c;
    return MRL_OK;
}

static mrl_err stage_credentials(struct mrl_tx *tx, struct mrl_registry_update *u)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(mrl_tx_query(tx,
                         "SELECT fingerprint, state, not_before, not_after, seen, length(der) "
                         "FROM credentials WHERE kind = $1 AND principal = $2",
                         MRL_ARGS(MRL_INT(u->record.kind), MRL_TEXT(u->record.id)), &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK) {
        struct mrl_credential c;

        MRL_TRY(credential_of_row(rows, &c));
        MRL_TRY(add_staged(u, &c));
    }
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

static void add_wipe(void *context, const struct mrl_wipe_entry *entry)
{
    struct mrl_registry_update *u = context;
    struct mrl_wipe_entry *more = realloc(u->wipes, (u->wipe_count + 1) * sizeof(*more));

    if (more == NULL)
        abort();
    more[u->wipe_count++] = *entry;
    u->wipes = more;
}

static mrl_err stage_wipes(struct mrl_tx *tx, struct mrl_registry_update *u)
{
    if (u->record.kind != MRL_PRINCIPAL_DEVICE || u->record.device_state != MRL_DEVICE_RETIRED)
        return MRL_OK;
    return mrl_wipe_each_tx(tx, u->record.id, add_wipe, u);
}

/* Whatever ended a pre-shared key, nothing of it stays. */
static mrl_err erase_ended(struct mrl_tx *tx, const struct mrl_registry_update *u)
{
    for (size_t i = 0; i < u->count; i++)
        if (u->credentials[i].psk && u->credentials[i].state != MRL_CREDENTIAL_ACTIVE)
            MRL_TRY(mrl_psk_erase_tx(tx, &u->credentials[i].fingerprint));
    return MRL_OK;
}

mrl_err mrl_registry_stage(struct mrl_tx *tx, enum mrl_principal_kind kind, mrl_bytes id,
                           struct mrl_registry_update **out)
{
    MRL_AUTO(mrl_registry_update) u = calloc(1, sizeof(*u));

    if (u == NULL)
        abort();
    MRL_TRY(stage_record(tx, kind, id, u));
    MRL_TRY(stage_credentials(tx, u));
    MRL_TRY(stage_wipes(tx, u));
    MRL_TRY(erase_ended(tx, u));
    *out = MRL_TAKE(u);
    return MRL_OK;
}

void mrl_registry_update_hardware(struct mrl_registry_update *u, const struct mrl_fingerprint *f)
{
    for (size_t i = 0; i < u->count; i++)
        if (mrl_bytes_eq(mrl_fingerprint_bytes(&u->credentials[i].fingerprint),
                         mrl_fingerprint_bytes(f)))
            u->credentials[i].hardware_held = true;
}

void mrl_registry_update_free(struct mrl_registry_update *u)
{
    if (u == NULL)
        return;
    mrl_buf_done(&u->attributes);
    free(u->credentials);
    free(u->wipes);
    free(u);
}

/* --- publishing --- */

static void publish_credential(struct mrl_registry *r, const struct mrl_registry_update *u,
                               const struct mrl_credential *c)
{
    /* Its principal is there: published before. */
    (void)mrl_snapshot_put_credential(&r->snapshot, u->record.kind, u->record.id, c);
    if (c->psk && c->state != MRL_CREDENTIAL_ACTIVE)
        mrl_psk_table_drop(r->psks, &c->fingerprint);
}

static void publish_wipes(struct mrl_registry *r, const struct mrl_registry_update *u)
{
    if (u->record.kind != MRL_PRINCIPAL_DEVICE)
        return;
    for (size_t i = 0; i < u->count; i++)
        mrl_wipe_table_drop(r->wipes, &u->credentials[i].fingerprint);
    for (size_t i = 0; i < u->wipe_count; i++)
        mrl_wipe_table_put(r->wipes, &u->wipes[i].certificate, &u->wipes[i].order);
}

/* Of a record that is about to be published. */
static bool retires(struct mrl_registry *r, const struct mrl_record *record)
{
    const struct mrl_principal *p;
    bool was;

    if (record->kind != MRL_PRINCIPAL_DEVICE || record->device_state != MRL_DEVICE_RETIRED)
        return false;
    mrl_rcu_read_begin();
    p = mrl_snapshot_principal(r, record->kind, record->id);
    was = p != NULL && p->device_state == MRL_DEVICE_RETIRED;
    mrl_rcu_read_end();
    return !was;
}

/* The record first: a step that takes rights from record and certificates (revoke, retire) closes
 * the door at once, and no step gives by the one while it takes by the other. */
void mrl_registry_publish(struct mrl_registry *r, const struct mrl_registry_update *u)
{
    bool known, retired;

    mrl_rcu_register();
    retired = retires(r, &u->record);
    publish_wipes(r, u); /* before the device is refused, so that its order is found then */
    known = mrl_snapshot_put(&r->snapshot, &u->record);
    for (size_t i = 0; i < u->count; i++)
        publish_credential(r, u, &u->credentials[i]);
    if (known && r->changed != NULL)
        r->changed(r->context, u->record.kind, u->record.id);
    if (retired && r->retired != NULL)
        r->retired(r->retired_context, u->record.id);
}

void mrl_registry_put_guest(struct mrl_registry *r, const struct mrl_registry_guest *g)
{
    const struct mrl_record record = {
        .kind = g->kind,
        .id = g->id,
        .attributes = g->attributes,
        .account_state = g->active ? MRL_ACCOUNT_ACTIVE : MRL_ACCOUNT_DISABLED,
    };
    bool known;

    mrl_rcu_register();
    known = mrl_snapshot_put(&r->snapshot, &record);
    (void)mrl_snapshot_put_credential(&r->snapshot, g->kind, g->id,
                                      &g->credential); /* its principal is there: line above */
    if (known && r->changed != NULL)
        r->changed(r->context, g->kind, g->id);
}

static void put_wipe(void *context, const struct mrl_wipe_entry *entry)
{
    const struct mrl_registry *r = context;

    mrl_wipe_table_put(r->wipes, &entry->certificate, &entry->order);
}

static mrl_err load_wipes(struct mrl_tx *tx, void *context)
{
    return mrl_wipe_each_tx(tx, MRL_BYTES_NONE, put_wipe, context);
}

static void roles_changed(void *context, const struct mrl_role_target *target)
{
    struct mrl_registry *r = context;

    mrl_rcu_register();
    mrl_snapshot_roles_changed(&r->snapshot, target, r->changed, r->context);
}

/* --- begin and end --- */

mrl_err mrl_registry_open(struct mrl_store *store, struct mrl_sealer *sealer,
                          struct mrl_access *access, struct mrl_registry **out, struct mrl_why *why)
{
    MRL_AUTO(mrl_registry) r = calloc(1, sizeof(*r));
    struct loading l = {.why = why};

    if (r == NULL)
        abort();
    r->store = store;
    r->sealer = sealer;
    r->access = access;
    l.snapshot = &r->snapshot;
    MRL_TRY(mrl_snapshot_init(&r->snapshot, access, why));
    MRL_TRY(mrl_store_read(store, load, &l));
    MRL_TRY(mrl_credentials_fill_keys(r, why));
    MRL_TRY(mrl_psks_load(r));
    r->wipes = mrl_wipe_table_new();
    MRL_TRY(mrl_store_read(store, load_wipes, r));
    mrl_access_on_change(access, roles_changed, r);
    *out = MRL_TAKE(r);
    return MRL_OK;
}

void mrl_registry_free(struct mrl_registry *r)
{
    if (r == NULL)
        return;
    mrl_access_on_change(r->access, NULL, NULL);
    mrl_snapshot_done(&r->snapshot);
    mrl_psk_table_free(r->psks);
    mrl_wipe_table_free(r->wipes);
    free(r);
}

void mrl_registry_wipe_within(struct mrl_registry *r, uint64_t seconds)
{
    r->wipe_within_s = seconds;
}

void mrl_registry_on_change(struct mrl_registry *r, mrl_registry_changed *changed, void *context)
{
    r->changed = changed;
    r->context = context;
}

void mrl_registry_on_retire(struct mrl_registry *r, mrl_registry_retired *retired, void *context)
{
    r->retired = retired;
    r->retired_context = context;
}

mrl_err mrl_registry_also_on_revoke(struct mrl_registry *r, mrl_registry_also *also, void *context)
{
    MRL_ENSURE(r->also_count < MRL_COUNT(r->also), MRL_ERR_LIMIT);
    r->also[r->also_count].call = also;
    r->also[r->also_count].context = context;
    r->also_count++;
    return MRL_OK;
}

mrl_err mrl_registry_run_also(struct mrl_registry *r, struct mrl_tx *tx,
                              enum mrl_principal_kind kind, mrl_bytes id, struct mrl_why *why)
{
    for (size_t i = 0; i < r->also_count; i++)
        MRL_TRY(r->also[i].call(r->also[i].context, tx, kind, id, why));
    return MRL_OK;
}

void mrl_registry_count(const struct mrl_registry *r, struct mrl_registry_counts *out)
{
    const struct mrl_snapshot *s = &r->snapshot;

    *out = (struct mrl_registry_counts){0};
    for (size_t i = MRL_DEVICE_EXPECTED; i < MRL_COUNT(out->by_state); i++)
        out->by_state[i] = __atomic_load_n(&s->by_state[i], __ATOMIC_RELAXED);
    out->devices = __atomic_load_n(&s->by_kind[MRL_PRINCIPAL_DEVICE], __ATOMIC_RELAXED);
    out->applications = __atomic_load_n(&s->by_kind[MRL_PRINCIPAL_APPLICATION], __ATOMIC_RELAXED);
    out->operators = __atomic_load_n(&s->by_kind[MRL_PRINCIPAL_OPERATOR], __ATOMIC_RELAXED);
    out->credentials = __atomic_load_n(&s->credential_count, __ATOMIC_RELAXED);
}
