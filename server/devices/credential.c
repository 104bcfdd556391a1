/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/credential.h"

#include <stdlib.h>
#include <string.h>

#include "audit/audit.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/hex.h"
#include "crypto/cert.h"
#include "devices/denied_key.h"
#include "devices/internal.h"

enum { HEX_SIZE = 2 * MRL_SHA256_SIZE + 1 };

/* Columns that info_of_row reads. */
#define COLUMNS                                                                             \
    "fingerprint, serial, kind, principal, not_before, not_after, state, changed, reason, " \
    "length(der)"

static enum mrl_audit_action changed_action(enum mrl_principal_kind kind)
{
    if (kind == MRL_PRINCIPAL_APPLICATION)
        return MRL_AUDIT_APPLICATION_CHANGED;
    return kind == MRL_PRINCIPAL_OPERATOR ? MRL_AUDIT_OPERATOR_CHANGED : MRL_AUDIT_DEVICE_CHANGED;
}

/* --- reading --- */

static mrl_err info_of_row(const struct mrl_rows *rows, struct mrl_credential_info *out)
{
    mrl_bytes fingerprint = mrl_row_bytes(rows, 0);

    MRL_ENSURE(fingerprint.len == sizeof(out->fingerprint.bytes), MRL_ERR_CORRUPT);
    *out = (struct mrl_credential_info){
        .serial = mrl_row_bytes(rows, 1),
        .kind = (enum mrl_principal_kind)mrl_row_int(rows, 2),
        .id = mrl_row_bytes(rows, 3),
        .not_before = mrl_row_int(rows, 4),
        .not_after = mrl_row_int(rows, 5),
        .state = (enum mrl_credential_state)mrl_row_int(rows, 6),
        .changed_ms = mrl_row_int(rows, 7),
        .reason = mrl_row_bytes(rows, 8),
        .psk = mrl_row_int(rows, 9) == 0,
    };
    memcpy(out->fingerprint.bytes, fingerprint.data, fingerprint.len);
    return MRL_OK;
}

static mrl_err count_credentials(struct mrl_tx *tx, enum mrl_principal_kind kind, mrl_bytes id,
                                 size_t *out)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query_one(tx,
                             "SELECT COUNT(*) FROM credentials WHERE kind = $1 AND principal = $2",
                             MRL_ARGS(MRL_INT(kind), MRL_TEXT(id)), &rows));
    *out = (size_t)mrl_row_int(rows, 0);
    return MRL_OK;
}

mrl_err mrl_credentials_read(struct mrl_tx *tx, struct mrl_arena *arena,
                             enum mrl_principal_kind kind, mrl_bytes id,
                             const struct mrl_credential_info **out, size_t *count)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    struct mrl_credential_info *list;
    size_t room, n = 0;
    mrl_err err;

    MRL_TRY(count_credentials(tx, kind, id, &room));
    list = mrl_arena_alloc(arena, (room + 1) * sizeof(*list));
    MRL_TRY(mrl_tx_query(tx,
                         "SELECT " COLUMNS " FROM credentials WHERE kind = $1 AND principal = $2 "
                         "ORDER BY created DESC, not_after DESC",
                         MRL_ARGS(MRL_INT(kind), MRL_TEXT(id)), &rows));
    while (n < room && (err = mrl_rows_next(rows)) == MRL_OK) {
        struct mrl_credential_info *info = &list[n++];

        MRL_TRY(info_of_row(rows, info));
        info->serial = mrl_arena_copy(arena, info->serial);
        info->id = mrl_arena_copy(arena, info->id);
        info->reason = mrl_arena_copy(arena, info->reason);
    }
    MRL_ENSURE(n == room || err == MRL_ERR_NOT_FOUND, err);
    *out = list;
    *count = n;
    return MRL_OK;
}

struct showing {
    const struct mrl_fingerprint *fingerprint;
    mrl_credential_visit *visit;
    void *context;
};

static mrl_err run_show(struct mrl_tx *tx, void *context)
{
    const struct showing *s = context;
    MRL_AUTO(mrl_rows) rows = NULL;
    struct mrl_credential_info info;

    MRL_TRY(mrl_tx_query_one(
        tx, "SELECT " COLUMNS ", der FROM credentials WHERE fingerprint = $1 AND length(der) > 0",
        MRL_ARGS(MRL_BLOB(mrl_fingerprint_bytes(s->fingerprint))), &rows));
    MRL_TRY(info_of_row(rows, &info));
    s->visit(s->context, &info, mrl_row_bytes(rows, 10));
    return MRL_OK;
}

static mrl_err no_certificate(struct mrl_why *why)
{
    return mrl_fail(why, MRL_ERR_NOT_FOUND, "there is no certificate with this fingerprint");
}

mrl_err mrl_credential_show(struct mrl_registry *r, const struct mrl_fingerprint *f,
                            mrl_credential_visit *visit, void *context, struct mrl_why *why)
{
    struct showing s = {f, visit, context};
    mrl_err err = mrl_store_read(r->store, run_show, &s);

    return err == MRL_ERR_NOT_FOUND ? no_certificate(why) : err;
}

/* --- adding --- */

static mrl_err check_new(const struct mrl_credential_new *c, struct mrl_why *why)
{
    struct mrl_fingerprint really;

    MRL_TRY(mrl_name_check(c->id, mrl_principal_kind_name(c->kind), why));
    if (c->serial.len < 1 || c->serial.len > MRL_SERIAL_MAX)
        return mrl_fail(why, MRL_ERR_INVALID, "a serial number has 1 to %d bytes", MRL_SERIAL_MAX);
    if (c->not_before > c->not_after)
        return mrl_fail(why, MRL_ERR_INVALID, "the certificate ends before it begins");
    if (c->der.len < 1 || c->der.len > MRL_CREDENTIAL_DER_MAX)
        return mrl_fail(why, MRL_ERR_INVALID, "a certificate has 1 to %d bytes",
                        MRL_CREDENTIAL_DER_MAX);
    MRL_TRY(mrl_fingerprint_of(c->der, &really));
    if (!mrl_bytes_eq(mrl_fingerprint_bytes(&really), mrl_fingerprint_bytes(&c->fingerprint)))
        return mrl_fail(why, MRL_ERR_INVALID, "the fingerprint is not that of the certificate");
    return MRL_OK;
}

static mrl_err principal_state(struct mrl_tx *tx, enum mrl_principal_kind kind, mrl_bytes id,
                               int64_t *out)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    if (kind == MRL_PRINCIPAL_DEVICE)
        MRL_TRY(mrl_tx_query_one(tx, "SELECT state FROM devices WHERE id = $1",
                                 MRL_ARGS(MRL_TEXT(id)), &rows));
    else
        MRL_TRY(mrl_tx_query_one(tx, "SELECT state FROM accounts WHERE kind = $1 AND id = $2",
                                 MRL_ARGS(MRL_INT(kind), MRL_TEXT(id)), &rows));
    *out = mrl_row_int(rows, 0);
    return MRL_OK;
}

static mrl_err check_principal(struct mrl_tx *tx, const struct mrl_credential_new *c,
                               struct mrl_why *why)
{
    const char *kind = mrl_principal_kind_name(c->kind);
    int64_t state = 0;
    mrl_err err = principal_state(tx, c->kind, c->id, &state);

    if (err == MRL_ERR_NOT_FOUND)
        return mrl_fail(why, err, "there is no %s %.*s", kind, MRL_FMT(c->id));
    MRL_TRY(err);
    if (c->kind == MRL_PRINCIPAL_DEVICE ? !mrl_device_may_enrol((enum mrl_device_state)state)
                                        : state != MRL_ACCOUNT_ACTIVE)
        return mrl_fail(why, MRL_ERR_STATE, "%s %.*s may get no credential in its state", kind,
                        MRL_FMT(c->id));
    return MRL_OK;
}

static mrl_err check_room(struct mrl_tx *tx, const struct mrl_credential_new *c,
                          struct mrl_why *why)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    /* The + keeps SQLite to the few certificates of this principal: it would rather walk all of the
     * fleet's that have not ended. */
    MRL_TRY(
        mrl_tx_query_one(tx,
                         "SELECT COUNT(*) FROM credentials"
                         " WHERE kind = $1 AND principal = $2 AND state = $3 AND +not_after >= $4",
                         MRL_ARGS(MRL_INT(c->kind), MRL_TEXT(c->id), MRL_INT(MRL_CREDENTIAL_ACTIVE),
                                  MRL_INT(mrl_wall_s())),
                         &rows));
    if (mrl_row_int(rows, 0) >= MRL_CREDENTIALS_ACTIVE_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT, "%.*s has %d active credentials already",
                        MRL_FMT(c->id), MRL_CREDENTIALS_ACTIVE_MAX);
    return MRL_OK;
}

/* Two devices with one key are one device to every peer: a copied image, or a random source that
 * gives all of them the same. */
static mrl_err check_key(struct mrl_tx *tx, enum mrl_principal_kind kind, mrl_bytes id,
                         mrl_bytes key, struct mrl_why *why)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err = mrl_tx_query_one(tx,
                                   "SELECT kind, principal FROM credentials"
                                   " WHERE key = $1 AND NOT (kind = $2 AND principal = $3) LIMIT 1",
                                   MRL_ARGS(MRL_BLOB(key), MRL_INT(kind), MRL_TEXT(id)), &rows);

    if (err == MRL_ERR_NOT_FOUND)
        return MRL_OK;
    MRL_TRY(err);
    mrl_key_refused(MRL_KEY_REFUSED_DUPLICATE);
    return mrl_fail(why, MRL_ERR_EXISTS, "this key is that of %s %.*s; make a new one",
                    mrl_principal_kind_name((enum mrl_principal_kind)mrl_row_int(rows, 0)),
                    MRL_FMT(mrl_row_bytes(rows, 1)));
}

mrl_err mrl_credential_check_key(struct mrl_tx *tx, enum mrl_principal_kind kind, mrl_bytes id,
                                 mrl_bytes spki, struct mrl_why *why)
{
    uint8_t key[MRL_SHA256_SIZE];

    MRL_TRY(mrl_key_vet(tx, spki, why));
    MRL_TRY(mrl_sha256(spki, key));
    return check_key(tx, kind, id, mrl_bytes_of(key, sizeof(key)), why);
}

mrl_err mrl_credential_insert(struct mrl_tx *tx, const struct mrl_credential_new *c, mrl_bytes key,
                              struct mrl_why *why)
{
    uint64_t added;

    MRL_TRY(check_principal(tx, c, why));
    MRL_TRY(check_key(tx, c->kind, c->id, key, why));
    MRL_TRY(check_room(tx, c, why));
    MRL_TRY(mrl_tx_exec(
        tx,
        "INSERT INTO credentials (fingerprint, serial, kind, principal, not_before, not_after, "
        "state, reason, created, changed, der, key) "
        "VALUES ($1, $2, $3, $4, $5, $6, $7, '', $8, $8, $9, $10) "
        "ON CONFLICT DO NOTHING",
        MRL_ARGS(MRL_BLOB(mrl_fingerprint_bytes(&c->fingerprint)), MRL_BLOB(c->serial),
                 MRL_INT(c->kind), MRL_TEXT(c->id), MRL_INT(c->not_before), MRL_INT(c->not_after),
                 MRL_INT(MRL_CREDENTIAL_ACTIVE), MRL_INT(mrl_wall_ms()), MRL_BLOB(c->der),
                 MRL_BLOB(key)),
        &added));
    if (added == 0)
        return mrl_fail(why, MRL_ERR_EXISTS, "this %s is known already",
                        c->der.len > 0 ? "certificate" : "identity");
    return MRL_OK;
}

mrl_err mrl_registry_credential_add(struct mrl_tx *tx, const struct mrl_credential_new *c,
                                    struct mrl_why *why)
{
    uint8_t key[MRL_SHA256_SIZE];

    MRL_TRY(check_new(c, why));
    MRL_TRY(mrl_key_vet(tx, c->spki, why));
    MRL_TRY(mrl_sha256(c->spki, key));
    return mrl_credential_insert(tx, c, mrl_bytes_of(key, sizeof(key)), why);
}

/* --- keys of certificates that were stored without --- */

enum { KEYS_AT_ONCE = 256 };

/* MRL_ERR_NOT_FOUND: every certificate has its key. */
static mrl_err fill_one(struct mrl_tx *tx)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    MRL_AUTO(mrl_cert) cert = NULL;
    uint8_t key[MRL_SHA256_SIZE];

    MRL_TRY(mrl_tx_query_one(tx,
                             "SELECT fingerprint, der FROM credentials WHERE key IS NULL LIMIT 1",
                             MRL_NO_ARGS, &rows));
    MRL_TRY(mrl_cert_from_der(mrl_row_bytes(rows, 1), &cert));
    MRL_TRY(mrl_sha256(mrl_cert_facts(cert)->spki, key));
    return mrl_tx_exec(
        tx, "UPDATE credentials SET key = $2 WHERE fingerprint = $1",
        MRL_ARGS(MRL_BLOB(mrl_row_bytes(rows, 0)), MRL_BLOB(mrl_bytes_of(key, sizeof(key)))), NULL);
}

struct filling {
    struct mrl_write write;
    bool done;
};

static mrl_err run_filling(struct mrl_tx *tx, struct mrl_write *w)
{
    struct filling *f = MRL_CONTAINER(w, struct filling, write);
    mrl_err err = MRL_OK;

    for (unsigned i = 0; i < KEYS_AT_ONCE && err == MRL_OK; i++)
        err = fill_one(tx);
    f->done = err == MRL_ERR_NOT_FOUND;
    return f->done ? MRL_OK : err;
}

mrl_err mrl_credentials_fill_keys(struct mrl_registry *r, struct mrl_why *why)
{
    struct filling f = {.write.run = run_filling};

    do
        MRL_TRY(mrl_registry_write(r, &f.write, why));
    while (!f.done);
    return MRL_OK;
}

/* --- changing --- */

/* A known certificate and whose it is. */
struct owned {
    enum mrl_principal_kind kind;
    struct mrl_name id;
    enum mrl_credential_state state;
    bool psk;
};

static mrl_err find_owned(struct mrl_tx *tx, const struct mrl_fingerprint *f, struct owned *out,
                          struct mrl_why *why)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err = mrl_tx_query_one(
        tx, "SELECT kind, principal, state, length(der) FROM credentials WHERE fingerprint = $1",
        MRL_ARGS(MRL_BLOB(mrl_fingerprint_bytes(f))), &rows);

    if (err == MRL_ERR_NOT_FOUND)
        return no_certificate(why);
    MRL_TRY(err);
    out->kind = (enum mrl_principal_kind)mrl_row_int(rows, 0);
    out->state = (enum mrl_credential_state)mrl_row_int(rows, 2);
    out->psk = mrl_row_int(rows, 3) == 0;
    MRL_ENSURE(mrl_name_set(&out->id, mrl_row_bytes(rows, 1)), MRL_ERR_CORRUPT);
    return MRL_OK;
}

/* A pre-shared key is no reason to end a certificate. */
static mrl_err supersede_others(struct mrl_tx *tx, const struct owned *o,
                                const struct mrl_fingerprint *newest, uint64_t *changed)
{
    return mrl_tx_exec(
        tx,
        "UPDATE credentials SET state = $4, changed = $5 WHERE kind = $1 AND principal = $2 "
        "AND state = $6 AND fingerprint <> $3 "
        "AND (length(der) = 0 OR"
        " (SELECT length(der) FROM credentials WHERE fingerprint = $3) > 0) "
        "AND created <= (SELECT created FROM credentials WHERE fingerprint = $3)",
        MRL_ARGS(MRL_INT(o->kind), MRL_TEXT(mrl_name_bytes(&o->id)),
                 MRL_BLOB(mrl_fingerprint_bytes(newest)), MRL_INT(MRL_CREDENTIAL_SUPERSEDED),
                 MRL_INT(mrl_wall_ms()), MRL_INT(MRL_CREDENTIAL_ACTIVE)),
        changed);
}

/* All certificates of a principal. */
static mrl_err digest_all(struct mrl_tx *tx, const struct owned *o, struct mrl_audit_digest *out)
{
    return mrl_audit_digest(
        tx,
        "SELECT " MRL_CREDENTIAL_DIGESTED
        " FROM credentials WHERE kind = $1 AND principal = $2 ORDER BY fingerprint",
        MRL_ARGS(MRL_INT(o->kind), MRL_TEXT(mrl_name_bytes(&o->id))), out);
}

static mrl_err supersede(struct mrl_tx *tx, const struct mrl_actor *actor,
                         const struct mrl_fingerprint *newest, struct owned *o, struct mrl_why *why)
{
    struct mrl_audit_detail details[2];
    struct mrl_audit_event e;
    struct mrl_audit_digest before;
    char hex[HEX_SIZE];
    uint64_t changed;

    MRL_TRY(find_owned(tx, newest, o, why));
    if (o->state != MRL_CREDENTIAL_ACTIVE)
        return mrl_fail(why, MRL_ERR_STATE, "this certificate is %s itself",
                        mrl_credential_state_name(o->state));
    MRL_TRY(digest_all(tx, o, &before));
    MRL_TRY(supersede_others(tx, o, newest, &changed));
    if (changed == 0)
        return MRL_OK;
    mrl_hex(mrl_fingerprint_bytes(newest), hex);
    details[0] = MRL_AUDIT_INT("superseded", changed);
    details[1] = MRL_AUDIT_TEXT("by", mrl_str(hex));
    e = mrl_actor_event(actor, changed_action(o->kind), mrl_name_bytes(&o->id));
    e.before = before;
    MRL_TRY(digest_all(tx, o, &e.after));
    e.details = details;
    e.details_count = MRL_COUNT(details);
    return mrl_audit_append(tx, &e, NULL);
}

mrl_err mrl_registry_credential_supersede_tx(struct mrl_tx *tx, const struct mrl_actor *actor,
                                             const struct mrl_fingerprint *newest,
                                             struct mrl_why *why)
{
    struct owned o;

    return supersede(tx, actor, newest, &o, why);
}

/* A change of one certificate: whose it is turns out inside. */
struct change {
    struct mrl_change base;
    const struct mrl_fingerprint *fingerprint;
    struct owned owned;
    mrl_bytes reason;
};

static mrl_err run_supersede(struct mrl_tx *tx, struct mrl_change *change)
{
    struct change *c = MRL_CONTAINER(change, struct change, base);

    MRL_TRY(supersede(tx, change->actor, c->fingerprint, &c->owned, change->why));
    change->kind = c->owned.kind;
    change->id = mrl_name_bytes(&c->owned.id);
    return MRL_OK;
}

mrl_err mrl_credential_supersede(struct mrl_registry *r, const struct mrl_actor *actor,
                                 const struct mrl_fingerprint *newest, struct mrl_why *why)
{
    struct change c = {
        .base = {.registry = r, .actor = actor, .why = why, .run = run_supersede},
        .fingerprint = newest,
    };

    return mrl_change_write(&c.base);
}

/* --- the first use --- */

static const struct mrl_actor system_actor = {.kind = MRL_ACTOR_SYSTEM,
                                              .id = MRL_LIT_INIT("merlond")};

struct first_use {
    struct mrl_write write;
    struct mrl_registry *registry;
    struct mrl_fingerprint fingerprint;
    struct mrl_registry_update *update;
};

/* Applications share one name among instances, each with a certificate of its own: only the
 * certificates of a device follow one another. */
static mrl_err run_first_use(struct mrl_tx *tx, struct mrl_write *w)
{
    struct first_use *u = MRL_CONTAINER(w, struct first_use, write);
    struct owned o;
    uint64_t first;

    MRL_TRY(find_owned(tx, &u->fingerprint, &o, NULL));
    MRL_TRY(mrl_tx_exec(tx,
                        "UPDATE credentials SET seen = $2 "
                        "WHERE fingerprint = $1 AND seen = 0 AND state = $3",
                        MRL_ARGS(MRL_BLOB(mrl_fingerprint_bytes(&u->fingerprint)),
                                 MRL_INT(mrl_wall_ms()), MRL_INT(MRL_CREDENTIAL_ACTIVE)),
                        &first));
    if (first == 0)
        return MRL_OK;
    if (o.kind == MRL_PRINCIPAL_DEVICE)
        MRL_TRY(supersede(tx, &system_actor, &u->fingerprint, &o, NULL));
    return mrl_registry_stage(tx, o.kind, mrl_name_bytes(&o.id), &u->update);
}

static void publish_first_use(struct mrl_write *w)
{
    const struct first_use *u = MRL_CONTAINER(w, struct first_use, write);

    if (u->update != NULL)
        mrl_registry_publish(u->registry, u->update);
}

static void free_first_use(struct mrl_write *w, mrl_err result)
{
    struct first_use *u = MRL_CONTAINER(w, struct first_use, write);

    (void)result; /* the next connection asks again */
    mrl_registry_update_free(u->update);
    free(u);
}

void mrl_credential_seen(struct mrl_registry *r, const struct mrl_fingerprint *f)
{
    struct first_use *u = calloc(1, sizeof(*u));

    if (u == NULL)
        abort();
    u->registry = r;
    u->fingerprint = *f;
    u->write = (struct mrl_write){
        .run = run_first_use, .committed = publish_first_use, .done = free_first_use};
    mrl_store_submit(r->store, &u->write);
}

static mrl_err audit_revoked(struct mrl_tx *tx, const struct mrl_actor *actor,
                             const struct owned *o, const struct mrl_fingerprint *f,
                             mrl_bytes reason, const struct mrl_audit_digest *before)
{
    enum mrl_audit_action action =
        o->kind == MRL_PRINCIPAL_DEVICE ? MRL_AUDIT_DEVICE_REVOKED : changed_action(o->kind);
    struct mrl_audit_event e = mrl_actor_event(actor, action, mrl_name_bytes(&o->id));
    struct mrl_audit_detail details[2];
    char hex[HEX_SIZE];

    mrl_hex(mrl_fingerprint_bytes(f), hex);
    details[0] = MRL_AUDIT_TEXT("change", o->psk ? MRL_LIT("pre-shared key revoked")
                                                 : MRL_LIT("certificate revoked"));
    details[1] = MRL_AUDIT_TEXT("fingerprint", mrl_str(hex));
    e.reason = reason;
    e.details = details;
    e.details_count = MRL_COUNT(details);
    e.before = *before;
    MRL_TRY(mrl_credential_digest(tx, f, &e.after));
    return mrl_audit_append(tx, &e, NULL);
}

static mrl_err revoke(struct mrl_tx *tx, const struct mrl_actor *actor,
                      const struct mrl_fingerprint *f, mrl_bytes reason, struct owned *o,
                      struct mrl_why *why)
{
    struct mrl_audit_digest before;

    MRL_TRY(find_owned(tx, f, o, why));
    if (o->state == MRL_CREDENTIAL_REVOKED)
        return mrl_fail(why, MRL_ERR_STATE, "this %s is revoked already",
                        o->psk ? "key" : "certificate");
    MRL_TRY(mrl_credential_digest(tx, f, &before));
    MRL_TRY(mrl_tx_exec(
        tx, "UPDATE credentials SET state = $2, reason = $3, changed = $4 WHERE fingerprint = $1",
        MRL_ARGS(MRL_BLOB(mrl_fingerprint_bytes(f)), MRL_INT(MRL_CREDENTIAL_REVOKED),
                 MRL_TEXT(reason), MRL_INT(mrl_wall_ms())),
        NULL));
    return audit_revoked(tx, actor, o, f, reason, &before);
}

mrl_err mrl_credential_revoke_tx(struct mrl_tx *tx, const struct mrl_actor *actor,
                                 const struct mrl_fingerprint *f, mrl_bytes reason,
                                 enum mrl_principal_kind *kind, struct mrl_name *id,
                                 struct mrl_why *why)
{
    struct owned o;

    MRL_TRY(revoke(tx, actor, f, reason, &o, why));
    *kind = o.kind;
    *id = o.id;
    return MRL_OK;
}

static mrl_err run_revoke(struct mrl_tx *tx, struct mrl_change *change)
{
    struct change *c = MRL_CONTAINER(change, struct change, base);

    MRL_TRY(revoke(tx, change->actor, c->fingerprint, c->reason, &c->owned, change->why));
    change->kind = c->owned.kind;
    change->id = mrl_name_bytes(&c->owned.id);
    return MRL_OK;
}

mrl_err mrl_credential_revoke(struct mrl_registry *r, const struct mrl_actor *actor,
                              const struct mrl_fingerprint *f, mrl_bytes reason,
                              struct mrl_why *why)
{
    struct change c = {
        .base = {.registry = r, .actor = actor, .why = why, .run = run_revoke},
        .fingerprint = f,
        .reason = reason,
    };

    MRL_TRY(mrl_text_check(reason, MRL_REASON_MAX, "reason", why));
    return mrl_change_write(&c.base);
}
