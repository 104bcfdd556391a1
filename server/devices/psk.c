/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/psk.h"

#include <stdio.h>
#include <string.h>

#include "audit/audit.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/log.h"
#include "base/random.h"
#include "devices/credential.h"
#include "devices/internal.h"
#include "devices/psk_table.h"

enum { SUFFIX = 4, DIFFERENT_MIN = 8, DIGEST_KEY = 32, HEX_SIZE = 2 * MRL_SHA256_SIZE + 1 };

static const struct mrl_migration migrations[] = {
    {"psk", 1,
     "CREATE TABLE psks ("
     " identity TEXT NOT NULL PRIMARY KEY,"
     " fingerprint BLOB NOT NULL UNIQUE REFERENCES credentials (fingerprint),"
     " secret BLOB);"                /* NULL: the credential has ended */
     "CREATE TABLE psk_digest_key (" /* one row: what makes digests of keys */
     " id INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),"
     " sealed BLOB NOT NULL);"},
};
const struct mrl_migration_list mrl_psk_migrations = {migrations, MRL_COUNT(migrations)};

/* --- what an identity and a key are --- */

mrl_err mrl_psk_fingerprint(mrl_bytes identity, struct mrl_fingerprint *out)
{
    static const char label[] = "MERLON-PSK-IDENTITY-1"; /* no certificate begins like this */
    const mrl_bytes parts[] = {mrl_bytes_of(label, sizeof(label)), identity};

    return mrl_sha256_parts(parts, MRL_COUNT(parts), out->bytes);
}

static bool is_printable(mrl_bytes text)
{
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] <= ' ' || text.data[i] > '~')
            return false;
    return true;
}

static bool is_text(mrl_bytes key)
{
    for (size_t i = 0; i < key.len; i++)
        if ((key.data[i] < ' ' || key.data[i] > '~') &&
            mrl_bytes_find(MRL_LIT("\t\r\n"), key.data[i], 0) == 3)
            return false;
    return true;
}

static size_t count_different(mrl_bytes key)
{
    bool had[UINT8_MAX + 1] = {false};
    size_t n = 0;

    for (size_t i = 0; i < key.len; i++) {
        n += !had[key.data[i]];
        had[key.data[i]] = true;
    }
    mrl_wipe(had, sizeof(had));
    return n;
}

static bool repeats(mrl_bytes key)
{
    for (size_t period = 1; period <= key.len / 2; period++)
        if (memcmp(key.data, &key.data[period], key.len - period) == 0)
            return true;
    return false;
}

static bool is_sequence(mrl_bytes key)
{
    for (size_t i = 2; i < key.len; i++)
        if ((uint8_t)(key.data[i] - key.data[i - 1]) != (uint8_t)(key.data[1] - key.data[0]))
            return false;
    return true;
}

const char *mrl_psk_weakness(mrl_bytes key)
{
    if (is_text(key))
        return "it is text; take random bytes";
    if (repeats(key))
        return "it repeats itself";
    if (is_sequence(key))
        return "it is a sequence";
    return count_different(key) < DIFFERENT_MIN ? "too few of its bytes are different" : NULL;
}

static mrl_err check_wish(const struct mrl_psk_wish *w, struct mrl_why *why)
{
    const char *weakness = w->key.len > 0 ? mrl_psk_weakness(w->key) : NULL;

    MRL_TRY(mrl_name_check(w->device, "device id", why));
    if (w->identity.len > MRL_PSK_IDENTITY_MAX || !is_printable(w->identity) ||
        mrl_bytes_find(w->identity, '/', 0) < w->identity.len)
        return mrl_fail(why, MRL_ERR_INVALID,
                        "an identity has 1 to %d printable ASCII characters, no space and no /",
                        MRL_PSK_IDENTITY_MAX);
    if (w->key.len > 0 && (w->key.len < MRL_PSK_MIN || w->key.len > MRL_PSK_MAX))
        return mrl_fail(why, MRL_ERR_INVALID, "a key has %d to %d bytes", MRL_PSK_MIN, MRL_PSK_MAX);
    if (weakness != NULL)
        return mrl_fail(why, MRL_ERR_INVALID, "this key can be guessed: %s", weakness);
    if (w->not_after != 0 && (w->not_after <= mrl_wall_s() || w->not_after > MRL_PSK_NO_END))
        return mrl_fail(why, MRL_ERR_INVALID, "the end of a key lies ahead and before year 10000");
    return MRL_OK;
}

/* --- adding --- */

struct adding {
    struct mrl_write write;
    struct mrl_registry *registry;
    const struct mrl_actor *actor;
    const struct mrl_psk_wish *wish;
    struct mrl_psk_new *made;
    struct mrl_registry_update *update;
    struct mrl_why *why;
};

static mrl_bytes identity_of(const struct adding *a)
{
    return mrl_str(a->made->identity);
}

static struct mrl_seal_place place_of(mrl_bytes identity)
{
    return (struct mrl_seal_place){"psks", "secret", identity};
}

static const struct mrl_seal_place digest_key_place = {"psk_digest_key", "sealed",
                                                       MRL_LIT_INIT("1")};

static mrl_err make_digest_key(struct mrl_tx *tx, struct mrl_sealer *sealer,
                               struct mrl_secret **out)
{
    MRL_AUTO(mrl_secret) key = mrl_secret_new(DIGEST_KEY);
    MRL_SCOPED(mrl_buf) sealed = {0};

    mrl_random(mrl_secret_data(key), DIGEST_KEY);
    MRL_TRY(mrl_seal(sealer, &digest_key_place, mrl_secret_bytes(key), &sealed));
    MRL_TRY(mrl_tx_exec(tx, "INSERT INTO psk_digest_key (id, sealed) VALUES (1, $1)",
                        MRL_ARGS(MRL_BLOB(mrl_buf_bytes(&sealed))), NULL));
    *out = MRL_TAKE(key);
    return MRL_OK;
}

/* A plain hash would let a thief try keys; only this store can make these digests. */
static mrl_err digest_of_key(struct mrl_tx *tx, const struct adding *a,
                             uint8_t out[static MRL_SHA256_SIZE])
{
    MRL_AUTO(mrl_rows) rows = NULL;
    MRL_AUTO(mrl_secret) key = NULL;
    struct mrl_sealer *sealer = a->registry->sealer;
    mrl_err err =
        mrl_tx_query_one(tx, "SELECT sealed FROM psk_digest_key WHERE id = 1", MRL_NO_ARGS, &rows);

    if (err == MRL_ERR_NOT_FOUND)
        MRL_TRY(make_digest_key(tx, sealer, &key));
    else
        MRL_TRY(err);
    if (key == NULL)
        MRL_TRY(mrl_unseal_secret(sealer, &digest_key_place, mrl_row_bytes(rows, 0), &key, a->why));
    return mrl_hmac_sha256(mrl_secret_bytes(key), mrl_secret_bytes(a->made->key), out);
}

static mrl_err add_credential(struct mrl_tx *tx, const struct adding *a)
{
    uint8_t digest[MRL_SHA256_SIZE];
    const struct mrl_credential_new c = {
        .kind = MRL_PRINCIPAL_DEVICE,
        .id = a->wish->device,
        .fingerprint = a->made->fingerprint,
        .not_before = 0, /* devices without a clock use it too */
        .not_after = a->made->not_after,
    };

    MRL_TRY(digest_of_key(tx, a, digest));
    return mrl_credential_insert(tx, &c, mrl_bytes_of(digest, sizeof(digest)), a->why);
}

static mrl_err add_secret(struct mrl_tx *tx, const struct adding *a)
{
    const struct mrl_seal_place at = place_of(identity_of(a));
    MRL_SCOPED(mrl_buf) sealed = {0};

    MRL_TRY(mrl_seal(a->registry->sealer, &at, mrl_secret_bytes(a->made->key), &sealed));
    return mrl_tx_exec(tx, "INSERT INTO psks (identity, fingerprint, secret) VALUES ($1, $2, $3)",
                       MRL_ARGS(MRL_TEXT(identity_of(a)),
                                MRL_BLOB(mrl_fingerprint_bytes(&a->made->fingerprint)),
                                MRL_BLOB(mrl_buf_bytes(&sealed))),
                       NULL);
}

static mrl_err append_entry(struct mrl_tx *tx, const struct adding *a)
{
    struct mrl_audit_detail details[4];
    struct mrl_audit_event e =
        mrl_actor_event(a->actor, MRL_AUDIT_DEVICE_PSK_ADDED, a->wish->device);
    char hex[HEX_SIZE];

    mrl_hex(mrl_fingerprint_bytes(&a->made->fingerprint), hex);
    details[0] = MRL_AUDIT_TEXT("fingerprint", mrl_str(hex));
    details[1] = MRL_AUDIT_TEXT("identity", identity_of(a));
    details[2] =
        MRL_AUDIT_TEXT("key", a->wish->key.len > 0 ? MRL_LIT("given") : MRL_LIT("made here"));
    details[3] = MRL_AUDIT_INT("not_after", a->made->not_after);
    e.details = details;
    e.details_count = MRL_COUNT(details);
    MRL_TRY(mrl_credential_digest(tx, &a->made->fingerprint, &e.after));
    return mrl_audit_append(tx, &e, NULL);
}

static mrl_err run_add(struct mrl_tx *tx, struct mrl_write *w)
{
    struct adding *a = MRL_CONTAINER(w, struct adding, write);

    MRL_TRY(add_credential(tx, a));
    MRL_TRY(add_secret(tx, a));
    MRL_TRY(append_entry(tx, a));
    MRL_TRY(mrl_device_activate_tx(tx, a->actor, a->wish->device, a->why));
    return mrl_registry_stage(tx, MRL_PRINCIPAL_DEVICE, a->wish->device, &a->update);
}

static void publish_add(struct mrl_write *w)
{
    const struct adding *a = MRL_CONTAINER(w, struct adding, write);

    mrl_rcu_register();
    if (mrl_psk_table_put(a->registry->psks, &a->made->fingerprint, identity_of(a),
                          mrl_secret_bytes(a->made->key)) != MRL_OK)
        mrl_log_error("psk.not_loaded", MRL_FIELD("identity", identity_of(a)));
    mrl_registry_publish(a->registry, a->update);
}

static mrl_err make(const struct mrl_psk_wish *wish, struct mrl_psk_new *out)
{
    uint8_t random[SUFFIX];
    char suffix[2 * SUFFIX + 1];

    mrl_random(random, sizeof(random));
    mrl_hex(mrl_bytes_of(random, sizeof(random)), suffix);
    if (wish->identity.len > 0) /* checked: it fits */
        (void)mrl_bytes_to_cstr(wish->identity, out->identity, sizeof(out->identity));
    else
        (void)snprintf(out->identity, sizeof(out->identity), "%.*s#%s", MRL_FMT(wish->device),
                       suffix);
    out->not_after = wish->not_after != 0 ? wish->not_after : MRL_PSK_NO_END;
    MRL_TRY(mrl_psk_fingerprint(mrl_str(out->identity), &out->fingerprint));
    if (wish->key.len > 0) {
        out->key = mrl_secret_copy(wish->key);
        return MRL_OK;
    }
    out->key = mrl_secret_new(MRL_PSK_MADE);
    mrl_random(mrl_secret_data(out->key), MRL_PSK_MADE);
    return MRL_OK;
}

mrl_err mrl_psk_add(struct mrl_registry *r, const struct mrl_actor *actor,
                    const struct mrl_psk_wish *wish, struct mrl_psk_new *out, struct mrl_why *why)
{
    struct mrl_psk_new made = {.key = NULL};
    struct adding a = {.write = {.run = run_add, .committed = publish_add},
                       .registry = r,
                       .actor = actor,
                       .wish = wish,
                       .made = &made,
                       .why = why};
    mrl_err err;

    MRL_TRY(check_wish(wish, why));
    MRL_TRY(make(wish, &made));
    err = mrl_registry_write(r, &a.write, why);
    mrl_registry_update_free(a.update);
    if (err == MRL_OK)
        *out = made;
    else
        mrl_psk_new_done(&made);
    return err;
}

void mrl_psk_new_done(struct mrl_psk_new *p)
{
    mrl_secret_free(MRL_TAKE(p->key));
}

/* --- listing and revoking --- */

struct listing {
    mrl_bytes device;
    mrl_psk_visit *visit;
    void *context;
};

static mrl_err info_of_row(const struct mrl_rows *rows, struct mrl_psk_info *out)
{
    mrl_bytes fingerprint = mrl_row_bytes(rows, 1);

    MRL_ENSURE(fingerprint.len == sizeof(out->fingerprint.bytes), MRL_ERR_CORRUPT);
    *out = (struct mrl_psk_info){
        .identity = mrl_row_bytes(rows, 0),
        .state = (enum mrl_credential_state)mrl_row_int(rows, 2),
        .seen = mrl_row_int(rows, 3) != 0,
        .created_ms = mrl_row_int(rows, 4),
        .not_after = mrl_row_int(rows, 5),
        .reason = mrl_row_bytes(rows, 6),
    };
    memcpy(out->fingerprint.bytes, fingerprint.data, fingerprint.len);
    return MRL_OK;
}

static mrl_err check_device(struct mrl_tx *tx, mrl_bytes device)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    return mrl_tx_query_one(tx, "SELECT id FROM devices WHERE id = $1", MRL_ARGS(MRL_TEXT(device)),
                            &rows);
}

static mrl_err run_list(struct mrl_tx *tx, void *context)
{
    const struct listing *l = context;
    MRL_AUTO(mrl_rows) rows = NULL;
    struct mrl_psk_info info;
    mrl_err err;

    MRL_TRY(check_device(tx, l->device));
    MRL_TRY(mrl_tx_query(tx,
                         "SELECT p.identity, c.fingerprint, c.state, c.seen, c.created,"
                         " c.not_after, c.reason FROM credentials c"
                         " JOIN psks p ON p.fingerprint = c.fingerprint"
                         " WHERE c.kind = $1 AND c.principal = $2 ORDER BY c.created DESC",
                         MRL_ARGS(MRL_INT(MRL_PRINCIPAL_DEVICE), MRL_TEXT(l->device)), &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK) {
        MRL_TRY(info_of_row(rows, &info));
        l->visit(l->context, &info);
    }
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

mrl_err mrl_psk_list(struct mrl_registry *r, mrl_bytes device, mrl_psk_visit *visit, void *context,
                     struct mrl_why *why)
{
    struct listing l = {device, visit, context};
    mrl_err err =
        mrl_name_valid(device) ? mrl_store_read(r->store, run_list, &l) : MRL_ERR_NOT_FOUND;

    return err == MRL_ERR_NOT_FOUND ? mrl_fail(why, err, "there is no such device") : err;
}

struct owner {
    mrl_bytes device;
    const struct mrl_fingerprint *fingerprint;
};

static mrl_err run_owner(struct mrl_tx *tx, void *context)
{
    const struct owner *o = context;
    MRL_AUTO(mrl_rows) rows = NULL;

    return mrl_tx_query_one(
        tx, "SELECT kind FROM credentials WHERE fingerprint = $1 AND kind = $2 AND principal = $3",
        MRL_ARGS(MRL_BLOB(mrl_fingerprint_bytes(o->fingerprint)), MRL_INT(MRL_PRINCIPAL_DEVICE),
                 MRL_TEXT(o->device)),
        &rows);
}

mrl_err mrl_psk_revoke(struct mrl_registry *r, const struct mrl_actor *actor, mrl_bytes device,
                       mrl_bytes identity, mrl_bytes reason, struct mrl_why *why)
{
    struct mrl_fingerprint f;
    struct owner o = {device, &f};
    mrl_err err;

    MRL_TRY(mrl_psk_fingerprint(identity, &f));
    err = mrl_name_valid(device) ? mrl_store_read(r->store, run_owner, &o) : MRL_ERR_NOT_FOUND;
    if (err == MRL_ERR_NOT_FOUND)
        return mrl_fail(why, err, "the device has no key with this identity");
    MRL_TRY(err);
    return mrl_credential_revoke(r, actor, &f, reason, why); /* whose a key is never changes */
}

/* --- its end, and its way into memory --- */

mrl_err mrl_psk_erase_tx(struct mrl_tx *tx, const struct mrl_fingerprint *f)
{
    return mrl_tx_exec(tx,
                       "UPDATE psks SET secret = NULL WHERE fingerprint = $1"
                       " AND secret IS NOT NULL",
                       MRL_ARGS(MRL_BLOB(mrl_fingerprint_bytes(f))), NULL);
}

/* One that does not open keeps only its own device out. */
static mrl_err load_one(struct mrl_registry *r, const struct mrl_rows *rows)
{
    const struct mrl_seal_place at = place_of(mrl_row_bytes(rows, 0));
    mrl_bytes fingerprint = mrl_row_bytes(rows, 1);
    MRL_AUTO(mrl_secret) key = NULL;
    struct mrl_fingerprint f;
    struct mrl_why why = {{0}};
    mrl_err err;

    MRL_ENSURE(fingerprint.len == sizeof(f.bytes), MRL_ERR_CORRUPT);
    memcpy(f.bytes, fingerprint.data, fingerprint.len);
    err = mrl_unseal_secret(r->sealer, &at, mrl_row_bytes(rows, 2), &key, &why);
    if (err == MRL_ERR_CORRUPT) {
        mrl_log_error("psk.damaged", MRL_FIELD_STR("why", why.text));
        return MRL_OK;
    }
    MRL_TRY(err);
    return mrl_psk_table_put(r->psks, &f, at.row, mrl_secret_bytes(key));
}

static mrl_err run_load(struct mrl_tx *tx, void *context)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(mrl_tx_query(tx,
                         "SELECT identity, fingerprint, secret FROM psks WHERE secret IS NOT NULL",
                         MRL_NO_ARGS, &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK)
        MRL_TRY(load_one(context, rows));
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

mrl_err mrl_psks_load(struct mrl_registry *r)
{
    MRL_TRY(mrl_psk_table_new(&r->psks));
    return mrl_store_read(r->store, run_load, r);
}

/* --- handshakes --- */

mrl_err mrl_psk_open(struct mrl_registry *r, const struct mrl_fingerprint *f,
                     enum mrl_judgement judged, struct mrl_secret **key)
{
    static const struct mrl_fingerprint nobody = {{0}};
    mrl_err err;

    mrl_rcu_read_begin();
    err = mrl_psk_table_open(r->psks, judged == MRL_JUDGED_ACCEPTED ? f : &nobody, key);
    mrl_rcu_read_end();
    return err;
}

mrl_bytes mrl_psk_identity(struct mrl_registry *r, const struct mrl_fingerprint *f)
{
    return mrl_psk_table_identity(r->psks, f);
}
