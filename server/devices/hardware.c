/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/hardware.h"

#include <stdlib.h>
#include <string.h>

#include "audit/audit.h"
#include "base/clock.h"
#include "base/hex.h"
#include "devices/credential.h"
#include "devices/denied_key.h"
#include "devices/internal.h"

static const struct mrl_migration migrations[] = {
    {"hardware", 1,
     "CREATE TABLE hardware_proofs ("
     " fingerprint BLOB NOT NULL PRIMARY KEY,"
     " ek BLOB NOT NULL,"
     " ak BLOB NOT NULL,"
     " maker TEXT NOT NULL,"
     " model TEXT NOT NULL,"
     " version TEXT NOT NULL,"
     " proven INTEGER NOT NULL);"
     "CREATE TABLE hardware_owners (" /* kept when the device is retired */
     " ek BLOB NOT NULL PRIMARY KEY,"
     " device TEXT NOT NULL,"
     " since INTEGER NOT NULL);"
     "CREATE INDEX hardware_owners_by_device ON hardware_owners (device);"},
};
const struct mrl_migration_list mrl_hardware_migrations = {migrations, MRL_COUNT(migrations)};

struct mrl_hardware {
    struct mrl_store *store;
    struct mrl_registry *registry;
    bool everybody;
    size_t group_count;
    struct mrl_name groups[];
};

/* ---- begin and end ---- */

static mrl_err set_groups(struct mrl_hardware *h, const mrl_bytes *groups, size_t count,
                          struct mrl_why *why)
{
    for (size_t i = 0; i < count; i++) {
        if (mrl_bytes_eq(groups[i], MRL_LIT("*"))) {
            h->everybody = true;
            continue;
        }
        MRL_TRY(mrl_name_check(groups[i], "group", why));
        (void)mrl_name_set(&h->groups[h->group_count++], groups[i]); /* checked just now */
    }
    return MRL_OK;
}

static mrl_err load(struct mrl_tx *tx, void *context)
{
    struct mrl_hardware *h = context;
    MRL_AUTO(mrl_rows) rows = NULL;
    struct mrl_fingerprint f;
    mrl_err err;

    MRL_TRY(mrl_tx_query(tx, "SELECT fingerprint FROM hardware_proofs", MRL_NO_ARGS, &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK) {
        mrl_bytes fingerprint = mrl_row_bytes(rows, 0);

        MRL_ENSURE(fingerprint.len == sizeof(f.bytes), MRL_ERR_CORRUPT);
        memcpy(f.bytes, fingerprint.data, fingerprint.len);
        mrl_snapshot_mark_hardware(&h->registry->snapshot, &f);
    }
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

mrl_err mrl_hardware_open(struct mrl_store *store, struct mrl_registry *registry,
                          const mrl_bytes *groups, size_t group_count, struct mrl_hardware **out,
                          struct mrl_why *why)
{
    MRL_AUTO(mrl_hardware) h = calloc(1, sizeof(*h) + group_count * sizeof(h->groups[0]));

    if (h == NULL)
        abort();
    h->store = store;
    h->registry = registry;
    MRL_TRY(set_groups(h, groups, group_count, why));
    if (mrl_store_read(store, load, h) != MRL_OK)
        return mrl_fail(why, MRL_ERR_CORRUPT, "the hardware proofs cannot be read");
    *out = MRL_TAKE(h);
    return MRL_OK;
}

void mrl_hardware_free(struct mrl_hardware *h)
{
    free(h);
}

/* ---- recording ---- */

/* The first device that proves with a TPM has it. */
static mrl_err own(struct mrl_tx *tx, mrl_bytes ek, mrl_bytes device, struct mrl_why *why)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_exec(tx,
                        "INSERT INTO hardware_owners (ek, device, since) VALUES ($1, $2, $3) "
                        "ON CONFLICT DO NOTHING",
                        MRL_ARGS(MRL_BLOB(ek), MRL_TEXT(device), MRL_INT(mrl_wall_ms())), NULL));
    MRL_TRY(mrl_tx_query_one(tx, "SELECT device FROM hardware_owners WHERE ek = $1",
                             MRL_ARGS(MRL_BLOB(ek)), &rows));
    return mrl_bytes_eq(mrl_row_bytes(rows, 0), device)
               ? MRL_OK
               : mrl_fail(why, MRL_ERR_EXISTS, "this TPM is that of another device");
}

static mrl_err append_entry(struct mrl_tx *tx, const struct mrl_actor *actor,
                            const struct mrl_credential_new *c, const struct mrl_hardware_proof *p)
{
    struct mrl_audit_event event = mrl_actor_event(actor, MRL_AUDIT_DEVICE_HARDWARE_PROVEN, c->id);
    char fingerprint[2 * MRL_SHA256_SIZE + 1], ek[2 * MRL_SHA256_SIZE + 1],
        ak[2 * MRL_HARDWARE_NAME_MAX + 1];
    struct mrl_audit_detail details[5];

    MRL_ENSURE(p->ek.len == MRL_SHA256_SIZE && p->ak.len <= MRL_HARDWARE_NAME_MAX, MRL_ERR_INVALID);
    mrl_hex(mrl_fingerprint_bytes(&c->fingerprint), fingerprint);
    mrl_hex(p->ek, ek);
    mrl_hex(p->ak, ak);
    details[0] = MRL_AUDIT_TEXT("ak", mrl_str(ak));
    details[1] = MRL_AUDIT_TEXT("ek", mrl_str(ek));
    details[2] = MRL_AUDIT_TEXT("fingerprint", mrl_str(fingerprint));
    details[3] = MRL_AUDIT_TEXT("maker", p->maker);
    details[4] = MRL_AUDIT_TEXT("model", p->model);
    event.details = details;
    event.details_count = MRL_COUNT(details);
    return mrl_audit_append(tx, &event, NULL);
}

static mrl_err keep(struct mrl_tx *tx, const struct mrl_actor *actor,
                    const struct mrl_credential_new *c, const struct mrl_hardware_proof *p,
                    struct mrl_why *why)
{
    MRL_TRY(mrl_key_vet_hash(tx, p->ek, why));
    MRL_TRY(own(tx, p->ek, c->id, why));
    MRL_TRY(mrl_tx_exec(
        tx,
        "INSERT INTO hardware_proofs (fingerprint, ek, ak, maker, model, version, proven) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7)",
        MRL_ARGS(MRL_BLOB(mrl_fingerprint_bytes(&c->fingerprint)), MRL_BLOB(p->ek), MRL_BLOB(p->ak),
                 MRL_TEXT(p->maker), MRL_TEXT(p->model), MRL_TEXT(p->version),
                 MRL_INT(mrl_wall_ms())),
        NULL));
    return append_entry(tx, actor, c, p);
}

/* The key did not change, so neither did where it is. */
static mrl_err inherit(struct mrl_tx *tx, const struct mrl_credential_new *c, bool *held)
{
    uint8_t key[MRL_SHA256_SIZE];
    uint64_t changed = 0;

    MRL_TRY(mrl_sha256(c->spki, key));
    MRL_TRY(mrl_tx_exec(
        tx,
        "INSERT INTO hardware_proofs (fingerprint, ek, ak, maker, model, version, proven) "
        "SELECT $1, p.ek, p.ak, p.maker, p.model, p.version, p.proven"
        " FROM credentials c JOIN hardware_proofs p ON p.fingerprint = c.fingerprint"
        " WHERE c.key = $2 AND c.kind = $3 AND c.principal = $4 AND c.state <> $5"
        " ORDER BY p.proven DESC LIMIT 1",
        MRL_ARGS(MRL_BLOB(mrl_fingerprint_bytes(&c->fingerprint)),
                 MRL_BLOB(mrl_bytes_of(key, sizeof(key))), MRL_INT(c->kind), MRL_TEXT(c->id),
                 MRL_INT(MRL_CREDENTIAL_REVOKED)),
        &changed));
    *held = changed > 0;
    return MRL_OK;
}

static mrl_err is_demanded(const struct mrl_hardware *h, struct mrl_tx *tx, mrl_bytes device,
                           bool *out)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    *out = h->everybody;
    if (h->everybody || h->group_count == 0)
        return MRL_OK;
    MRL_TRY(mrl_tx_query_one(tx, "SELECT grp FROM devices WHERE id = $1",
                             MRL_ARGS(MRL_TEXT(device)), &rows));
    for (size_t i = 0; i < h->group_count; i++)
        if (mrl_bytes_eq(mrl_name_bytes(&h->groups[i]), mrl_row_bytes(rows, 0)))
            *out = true;
    return MRL_OK;
}

mrl_err mrl_hardware_record_tx(const struct mrl_hardware *h, struct mrl_tx *tx,
                               const struct mrl_actor *actor,
                               const struct mrl_credential_new *credential,
                               const struct mrl_hardware_proof *proof, bool *held,
                               struct mrl_why *why)
{
    bool demanded;

    *held = false;
    if (credential->kind != MRL_PRINCIPAL_DEVICE)
        return MRL_OK;
    if (proof != NULL)
        MRL_TRY(keep(tx, actor, credential, proof, why));
    else
        MRL_TRY(inherit(tx, credential, held));
    *held = *held || proof != NULL;
    MRL_TRY(is_demanded(h, tx, credential->id, &demanded));
    if (demanded && !*held)
        return mrl_fail(why, MRL_ERR_DENIED,
                        "devices of this group need a key that is proven to be in a TPM");
    return MRL_OK;
}

/* ---- asking ---- */

bool mrl_hardware_is_held(struct mrl_registry *r, const struct mrl_fingerprint *f)
{
    const struct mrl_credential *credential;
    const struct mrl_principal *principal;
    bool held;

    mrl_rcu_register();
    mrl_rcu_read_begin();
    held = mrl_snapshot_credential(r, f, &credential, &principal) && credential->hardware_held;
    mrl_rcu_read_end();
    return held;
}

/* ---- listing ---- */

struct listing {
    mrl_bytes device;
    mrl_hardware_visit *visit;
    void *context;
};

static mrl_err run_list(struct mrl_tx *tx, void *context)
{
    const struct listing *l = context;
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(mrl_tx_query(tx,
                         "SELECT p.fingerprint, p.ek, p.ak, p.maker, p.model, p.version, p.proven"
                         " FROM credentials c JOIN hardware_proofs p"
                         " ON p.fingerprint = c.fingerprint"
                         " WHERE c.kind = $1 AND c.principal = $2 ORDER BY c.created DESC",
                         MRL_ARGS(MRL_INT(MRL_PRINCIPAL_DEVICE), MRL_TEXT(l->device)), &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK) {
        struct mrl_hardware_info info = {.proof = {mrl_row_bytes(rows, 1), mrl_row_bytes(rows, 2),
                                                   mrl_row_bytes(rows, 3), mrl_row_bytes(rows, 4),
                                                   mrl_row_bytes(rows, 5)},
                                         .proven_ms = mrl_row_int(rows, 6)};
        mrl_bytes fingerprint = mrl_row_bytes(rows, 0);

        MRL_ENSURE(fingerprint.len == sizeof(info.fingerprint.bytes), MRL_ERR_CORRUPT);
        memcpy(info.fingerprint.bytes, fingerprint.data, fingerprint.len);
        l->visit(l->context, &info);
    }
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

mrl_err mrl_hardware_list(const struct mrl_hardware *h, mrl_bytes device, mrl_hardware_visit *visit,
                          void *context)
{
    struct listing l = {device, visit, context};

    return mrl_store_read(h->store, run_list, &l);
}

/* ---- lifting ---- */

struct lift {
    struct mrl_write write;
    const struct mrl_actor *actor;
    mrl_bytes device;
    mrl_bytes reason;
    uint64_t lifted;
};

static mrl_err run_lift(struct mrl_tx *tx, struct mrl_write *w)
{
    struct lift *l = MRL_CONTAINER(w, struct lift, write);
    struct mrl_audit_event event =
        mrl_actor_event(l->actor, MRL_AUDIT_DEVICE_HARDWARE_LIFTED, l->device);
    struct mrl_audit_detail count;

    MRL_TRY(mrl_tx_exec(tx, "DELETE FROM hardware_owners WHERE device = $1",
                        MRL_ARGS(MRL_TEXT(l->device)), &l->lifted));
    if (l->lifted == 0)
        return mrl_fail(w->why, MRL_ERR_NOT_FOUND, "no TPM belongs to %.*s", MRL_FMT(l->device));
    count = MRL_AUDIT_INT("tpms", (int64_t)l->lifted);
    event.reason = l->reason;
    event.details = &count;
    event.details_count = 1;
    return mrl_audit_append(tx, &event, NULL);
}

mrl_err mrl_hardware_lift(const struct mrl_hardware *h, const struct mrl_actor *actor,
                          mrl_bytes device, mrl_bytes reason, uint64_t *lifted, struct mrl_why *why)
{
    struct lift l = {
        .write = {.run = run_lift, .why = why}, .actor = actor, .device = device, .reason = reason};

    if (reason.len == 0)
        return mrl_fail(why, MRL_ERR_INVALID, "a reason is needed");
    MRL_TRY(mrl_text_check(reason, MRL_REASON_MAX, "reason", why));
    MRL_TRY(mrl_registry_write(h->registry, &l.write, why));
    *lifted = l.lifted;
    return MRL_OK;
}
