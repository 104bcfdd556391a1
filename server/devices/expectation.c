/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/expectation.h"

#include "audit/audit.h"
#include "base/clock.h"
#include "base/hex.h"
#include "devices/denied_key.h"
#include "devices/device.h"
#include "devices/hardware.h"
#include "devices/internal.h"

static const struct mrl_migration migrations[] = {
    {"expectations", 1,
     "CREATE TABLE device_expectations ("
     " device TEXT NOT NULL PRIMARY KEY,"
     " key BLOB NOT NULL,"
     " serial TEXT NOT NULL,"
     " ek BLOB NOT NULL);"},
};
const struct mrl_migration_list mrl_expectation_migrations = {migrations, MRL_COUNT(migrations)};

bool mrl_expectation_eq(const struct mrl_expectation *a, const struct mrl_expectation *b)
{
    return mrl_bytes_eq(a->key, b->key) && mrl_bytes_eq(a->serial, b->serial) &&
           mrl_bytes_eq(a->ek, b->ek);
}

static bool is_hash(mrl_bytes b)
{
    return b.len == 0 || b.len == MRL_SHA256_SIZE;
}

mrl_err mrl_expectation_check(const struct mrl_expectation *e, struct mrl_why *why)
{
    if (!is_hash(e->key) || !is_hash(e->ek))
        return mrl_fail(why, MRL_ERR_INVALID, "key, ek: not a SHA-256");
    return mrl_text_check(e->serial, MRL_EXPECTED_SERIAL_MAX, "serial", why);
}

size_t mrl_expectation_describe(const struct mrl_expectation *e,
                                struct mrl_expectation_details *memory,
                                struct mrl_audit_detail *details)
{
    size_t n = 0;

    mrl_hex(e->key, memory->key);
    mrl_hex(e->ek, memory->ek);
    if (e->ek.len > 0)
        details[n++] = MRL_AUDIT_TEXT("ek", mrl_str(memory->ek));
    if (e->key.len > 0)
        details[n++] = MRL_AUDIT_TEXT("key", mrl_str(memory->key));
    if (e->serial.len > 0)
        details[n++] = MRL_AUDIT_TEXT("serial", e->serial);
    return n;
}

mrl_err mrl_expectation_find_tx(struct mrl_tx *tx, mrl_bytes device, struct mrl_rows **rows,
                                struct mrl_expectation *out)
{
    mrl_err err =
        mrl_tx_query_one(tx, "SELECT key, serial, ek FROM device_expectations WHERE device = $1",
                         MRL_ARGS(MRL_TEXT(device)), rows);

    *out = (struct mrl_expectation){0};
    if (err == MRL_ERR_NOT_FOUND)
        return MRL_OK;
    MRL_TRY(err);
    *out = (struct mrl_expectation){mrl_row_bytes(*rows, 0), mrl_row_bytes(*rows, 1),
                                    mrl_row_bytes(*rows, 2)};
    return MRL_OK;
}

/* --- writing --- */

/* A device that is expected with a key it can never get would never come. */
static mrl_err vet(struct mrl_tx *tx, const struct mrl_expectation *e, struct mrl_why *why)
{
    if (e->key.len > 0)
        MRL_TRY(mrl_key_vet_hash(tx, e->key, why));
    return e->ek.len > 0 ? mrl_key_vet_hash(tx, e->ek, why) : MRL_OK;
}

mrl_err mrl_expectation_insert_tx(struct mrl_tx *tx, mrl_bytes device,
                                  const struct mrl_expectation *e, struct mrl_why *why)
{
    if (mrl_expects_nothing(e))
        return MRL_OK;
    MRL_TRY(vet(tx, e, why));
    return mrl_tx_exec(
        tx,
        "INSERT INTO device_expectations (device, key, serial, ek) "
        "VALUES ($1, $2, $3, $4)",
        MRL_ARGS(MRL_TEXT(device), MRL_BLOB(e->key), MRL_TEXT(e->serial), MRL_BLOB(e->ek)), NULL);
}

struct setting {
    struct mrl_change base;
    const struct mrl_expectation_change *change;
};

static mrl_err check_device(struct mrl_tx *tx, const struct mrl_change *c)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err = mrl_tx_query_one(tx, "SELECT state FROM devices WHERE id = $1",
                                   MRL_ARGS(MRL_TEXT(c->id)), &rows);

    if (err == MRL_ERR_NOT_FOUND)
        return mrl_fail(c->why, err, "there is no device %.*s", MRL_FMT(c->id));
    MRL_TRY(err);
    if (mrl_row_int(rows, 0) == MRL_DEVICE_RETIRED)
        return mrl_fail(c->why, MRL_ERR_STATE, "a retired device does not change any more");
    return MRL_OK;
}

static struct mrl_expectation merged(const struct mrl_expectation *now,
                                     const struct mrl_expectation_change *c)
{
    return (struct mrl_expectation){.key = c->key ? c->to.key : now->key,
                                    .serial = c->serial ? c->to.serial : now->serial,
                                    .ek = c->ek ? c->to.ek : now->ek};
}

static mrl_err replace(struct mrl_tx *tx, const struct mrl_change *c,
                       const struct mrl_expectation *e)
{
    MRL_TRY(mrl_tx_exec(tx, "DELETE FROM device_expectations WHERE device = $1",
                        MRL_ARGS(MRL_TEXT(c->id)), NULL));
    MRL_TRY(mrl_expectation_insert_tx(tx, c->id, e, c->why));
    return mrl_tx_exec(tx, "UPDATE devices SET changed = $2 WHERE id = $1",
                       MRL_ARGS(MRL_TEXT(c->id), MRL_INT(mrl_wall_ms())), NULL);
}

static mrl_err run_set(struct mrl_tx *tx, struct mrl_change *change)
{
    const struct setting *s = MRL_CONTAINER(change, struct setting, base);
    struct mrl_audit_event e = mrl_actor_event(change->actor, MRL_AUDIT_DEVICE_CHANGED, change->id);
    struct mrl_audit_detail details[1 + MRL_EXPECTATION_DETAILS];
    struct mrl_expectation_details memory;
    MRL_AUTO(mrl_rows) rows = NULL;
    struct mrl_expectation now, next;

    MRL_TRY(check_device(tx, change));
    MRL_TRY(mrl_expectation_find_tx(tx, change->id, &rows, &now));
    next = merged(&now, s->change);
    details[0] = MRL_AUDIT_TEXT("field", MRL_LIT("expectation"));
    e.details_count = 1 + mrl_expectation_describe(&next, &memory, &details[1]);
    e.details = details;
    MRL_TRY(mrl_registry_digest(tx, MRL_PRINCIPAL_DEVICE, change->id, &e.before));
    MRL_TRY(replace(tx, change, &next));
    MRL_TRY(mrl_registry_digest(tx, MRL_PRINCIPAL_DEVICE, change->id, &e.after));
    return mrl_audit_append(tx, &e, NULL);
}

mrl_err mrl_device_set_expectation(struct mrl_registry *r, const struct mrl_actor *actor,
                                   mrl_bytes id, const struct mrl_expectation_change *change,
                                   struct mrl_why *why)
{
    struct setting s = {.base = {.registry = r,
                                 .actor = actor,
                                 .kind = MRL_PRINCIPAL_DEVICE,
                                 .id = id,
                                 .why = why,
                                 .run = run_set},
                        .change = change};

    if (!mrl_name_valid(id))
        return mrl_fail(why, MRL_ERR_NOT_FOUND, "there is no such device");
    MRL_TRY(mrl_expectation_check(&change->to, why));
    return mrl_change_write(&s.base);
}

/* --- judging --- */

static mrl_err is_key(mrl_bytes hash, mrl_bytes spki, bool *out)
{
    uint8_t own[MRL_SHA256_SIZE];

    *out = false;
    if (spki.len == 0)
        return MRL_OK;
    MRL_TRY(mrl_sha256(spki, own));
    *out = mrl_bytes_eq(hash, mrl_bytes_of(own, sizeof(own)));
    return MRL_OK;
}

static mrl_err judge_key(const struct mrl_expectation *e, mrl_bytes device,
                         const struct mrl_shown *s, struct mrl_why *why)
{
    bool certified, of_maker;

    if (e->key.len == 0 || s->renews)
        return MRL_OK;
    MRL_TRY(is_key(e->key, s->spki, &certified));
    MRL_TRY(is_key(e->key, s->maker_key, &of_maker));
    return certified || of_maker
               ? MRL_OK
               : mrl_fail(why, MRL_ERR_DENIED, "device %.*s is expected with another key",
                          MRL_FMT(device));
}

static mrl_err judge_serial(const struct mrl_expectation *e, mrl_bytes device,
                            const struct mrl_shown *s, struct mrl_why *why)
{
    if (e->serial.len == 0 || s->renews || mrl_bytes_eq(e->serial, s->serial))
        return MRL_OK;
    if (s->maker_key.len == 0)
        return mrl_fail(why, MRL_ERR_DENIED,
                        "device %.*s is expected with the certificate of its maker",
                        MRL_FMT(device));
    return mrl_fail(why, MRL_ERR_DENIED,
                    "device %.*s is expected with another serial number of its maker",
                    MRL_FMT(device));
}

static mrl_err judge_tpm(const struct mrl_expectation *e, mrl_bytes device,
                         const struct mrl_shown *s, struct mrl_why *why)
{
    if (e->ek.len == 0)
        return MRL_OK;
    if (s->proof != NULL && !mrl_bytes_eq(s->proof->ek, e->ek))
        return mrl_fail(why, MRL_ERR_DENIED, "device %.*s is expected with another TPM",
                        MRL_FMT(device));
    return s->held ? MRL_OK
                   : mrl_fail(why, MRL_ERR_DENIED,
                              "device %.*s is expected with a key that is proven to be in its TPM",
                              MRL_FMT(device));
}

mrl_err mrl_expectation_judge_tx(struct mrl_tx *tx, mrl_bytes device, const struct mrl_shown *shown,
                                 struct mrl_why *why)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    struct mrl_expectation e;

    MRL_TRY(mrl_expectation_find_tx(tx, device, &rows, &e));
    MRL_TRY(judge_key(&e, device, shown, why));
    MRL_TRY(judge_serial(&e, device, shown, why));
    return judge_tpm(&e, device, shown, why);
}
