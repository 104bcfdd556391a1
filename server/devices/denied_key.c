/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/denied_key.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "audit/audit.h"
#include "base/clock.h"
#include "base/hex.h"
#include "crypto/key.h"
#include "crypto/weak_key.h"
#include "devices/credential.h"
#include "devices/internal.h"

static const struct mrl_migration migrations[] = {
    {"denied_keys", 1,
     "CREATE TABLE denied_keys ("
     " key BLOB NOT NULL PRIMARY KEY," /* SHA-256 of the SubjectPublicKeyInfo, or the short name */
     " reason TEXT NOT NULL,"
     " actor TEXT NOT NULL,"
     " created INTEGER NOT NULL);"},
};
const struct mrl_migration_list mrl_denied_key_migrations = {migrations, MRL_COUNT(migrations)};

/* --- counted --- */

static _Atomic uint64_t refused[MRL_KEY_REFUSED_COUNT_];

void mrl_key_refused(enum mrl_key_refusal reason)
{
    (void)atomic_fetch_add_explicit(&refused[reason], 1, memory_order_relaxed);
}

uint64_t mrl_keys_refused(enum mrl_key_refusal reason)
{
    return atomic_load_explicit(&refused[reason], memory_order_relaxed);
}

const char *mrl_key_refusal_name(enum mrl_key_refusal reason)
{
    static const char *const names[MRL_KEY_REFUSED_WEAK] = {
        [MRL_KEY_REFUSED_DENIED] = "denied-key",      [MRL_KEY_REFUSED_DUPLICATE] = "duplicate-key",
        [MRL_KEY_REFUSED_TYPE] = "weak-key",          [MRL_KEY_REFUSED_BROKEN] = "bad-key",
        [MRL_KEY_REFUSED_UNPROVEN] = "bad-signature",
    };

    _Static_assert(MRL_KEY_REFUSED_COUNT_ - MRL_KEY_REFUSED_WEAK == MRL_KEY_WEAKNESS_COUNT_ - 1,
                   "one reason for each weakness");
    if (reason < MRL_KEY_REFUSED_WEAK)
        return names[reason];
    return mrl_key_weakness_name((enum mrl_key_weakness)(reason - MRL_KEY_REFUSED_WEAK + 1));
}

/* --- names --- */

mrl_err mrl_denied_name_read(mrl_bytes text, struct mrl_denied_name *out, struct mrl_why *why)
{
    struct mrl_denied_name n = {.len = text.len / 2};

    if ((n.len != MRL_SHA256_SIZE && n.len != MRL_DENIED_MODULUS) || text.len % 2 != 0 ||
        mrl_unhex(text, n.bytes, n.len) != MRL_OK)
        return mrl_fail(why, MRL_ERR_INVALID, "a key is named by %d or %d hexadecimal digits",
                        2 * MRL_SHA256_SIZE, 2 * MRL_DENIED_MODULUS);
    *out = n;
    return MRL_OK;
}

static mrl_err name_of(mrl_bytes spki, struct mrl_denied_name *out)
{
    out->len = MRL_SHA256_SIZE;
    return mrl_sha256(spki, out->bytes);
}

/* The name by its modulus; MRL_ERR_NOT_FOUND: it has none. */
static mrl_err modulus_name_of(mrl_bytes spki, struct mrl_denied_name *out)
{
    MRL_SCOPED(mrl_buf) text = {0};
    uint8_t hash[MRL_SHA1_SIZE];
    mrl_bytes modulus;

    MRL_TRY(mrl_spki_modulus(spki, &modulus));
    MRL_TRY(mrl_buf_append(&text, MRL_LIT("Modulus=")));
    for (size_t i = 0; i < modulus.len; i++)
        MRL_TRY(mrl_buf_printf(&text, "%02X", modulus.data[i]));
    MRL_TRY(mrl_buf_append(&text, MRL_LIT("\n")));
    MRL_TRY(mrl_sha1_key_id(mrl_buf_bytes(&text), hash));
    out->len = MRL_DENIED_MODULUS;
    memcpy(out->bytes, hash + sizeof(hash) - MRL_DENIED_MODULUS, MRL_DENIED_MODULUS);
    return MRL_OK;
}

/* --- judging --- */

static mrl_err look_up(struct mrl_tx *tx, mrl_bytes name, struct mrl_why *why)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err = mrl_tx_query_one(tx, "SELECT reason FROM denied_keys WHERE key = $1",
                                   MRL_ARGS(MRL_BLOB(name)), &rows);

    if (err == MRL_ERR_NOT_FOUND)
        return MRL_OK;
    MRL_TRY(err);
    mrl_key_refused(MRL_KEY_REFUSED_DENIED);
    return mrl_fail(why, MRL_ERR_INVALID, "denied-key: this key is on the deny-list: %.*s",
                    MRL_FMT(mrl_row_bytes(rows, 0)));
}

static mrl_err check_list(struct mrl_tx *tx, mrl_bytes spki, struct mrl_why *why)
{
    struct mrl_denied_name name;
    mrl_err err;

    MRL_TRY(name_of(spki, &name));
    MRL_TRY(look_up(tx, mrl_denied_name_bytes(&name), why));
    err = modulus_name_of(spki, &name);
    MRL_ENSURE(err != MRL_ERR_NOT_FOUND, MRL_OK);
    MRL_TRY(err);
    return look_up(tx, mrl_denied_name_bytes(&name), why);
}

static mrl_err refuse_weak(enum mrl_key_weakness w, struct mrl_why *why)
{
    mrl_key_refused((enum mrl_key_refusal)(MRL_KEY_REFUSED_WEAK + w - 1));
    return mrl_fail(why, MRL_ERR_INVALID, "%s: %s", mrl_key_weakness_name(w),
                    mrl_key_weakness_text(w));
}

mrl_err mrl_key_vet_hash(struct mrl_tx *tx, mrl_bytes sha256, struct mrl_why *why)
{
    enum mrl_key_weakness w = mrl_key_hash_weakness(sha256);

    if (w != MRL_KEY_SOUND)
        return refuse_weak(w, why);
    return look_up(tx, sha256, why);
}

mrl_err mrl_key_vet(struct mrl_tx *tx, mrl_bytes spki, struct mrl_why *why)
{
    enum mrl_key_weakness w = mrl_key_weakness(spki);

    return w == MRL_KEY_SOUND ? check_list(tx, spki, why) : refuse_weak(w, why);
}

struct vetting {
    mrl_bytes spki;
    struct mrl_why *why;
};

static mrl_err run_vetting(struct mrl_tx *tx, void *context)
{
    const struct vetting *v = context;

    return mrl_key_vet(tx, v->spki, v->why);
}

mrl_err mrl_key_vet_now(struct mrl_store *s, mrl_bytes spki, struct mrl_why *why)
{
    struct vetting v = {spki, why};

    return mrl_store_read(s, run_vetting, &v);
}

/* --- denying --- */

struct lost { /* a principal that lost a credential */
    struct mrl_registry_update *update;
};

struct denying {
    struct mrl_write write;
    struct mrl_registry *registry;
    const struct mrl_actor *actor;
    const struct mrl_denied_name *names;
    size_t count;
    mrl_bytes reason;
    struct mrl_denial done;
    struct lost *lost;
    size_t lost_count;
    struct mrl_why *why;
};

static mrl_err insert(struct mrl_tx *tx, struct denying *d, const struct mrl_denied_name *name)
{
    uint64_t added;

    MRL_TRY(mrl_tx_exec(tx,
                        "INSERT INTO denied_keys (key, reason, actor, created)"
                        " VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                        MRL_ARGS(MRL_BLOB(mrl_denied_name_bytes(name)), MRL_TEXT(d->reason),
                                 MRL_TEXT(d->actor->id), MRL_INT(mrl_wall_ms())),
                        &added));
    d->done.added += added;
    return MRL_OK;
}

static void keep_update(struct denying *d, struct mrl_registry_update *u)
{
    struct lost *more = realloc(d->lost, (d->lost_count + 1) * sizeof(*more));

    if (more == NULL)
        abort();
    d->lost = more;
    d->lost[d->lost_count++].update = u;
}

static mrl_err revoke(struct mrl_tx *tx, struct denying *d, const struct mrl_fingerprint *f)
{
    struct mrl_registry_update *update = NULL;
    enum mrl_principal_kind kind;
    struct mrl_name id;

    MRL_TRY(mrl_credential_revoke_tx(tx, d->actor, f, d->reason, &kind, &id, d->why));
    d->done.revoked++;
    MRL_TRY(mrl_registry_stage(tx, kind, mrl_name_bytes(&id), &update));
    keep_update(d, update);
    return MRL_OK;
}

/* The next one that has the key; MRL_ERR_NOT_FOUND: no more. */
static mrl_err find_holder(struct mrl_tx *tx, const struct mrl_denied_name *name,
                           struct mrl_fingerprint *out)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query_one(
        tx, "SELECT fingerprint FROM credentials WHERE key = $1 AND state <> $2 LIMIT 1",
        MRL_ARGS(MRL_BLOB(mrl_denied_name_bytes(name)), MRL_INT(MRL_CREDENTIAL_REVOKED)), &rows));
    MRL_ENSURE(mrl_row_bytes(rows, 0).len == sizeof(out->bytes), MRL_ERR_CORRUPT);
    memcpy(out->bytes, mrl_row_bytes(rows, 0).data, sizeof(out->bytes));
    return MRL_OK;
}

static mrl_err deny_one(struct mrl_tx *tx, struct denying *d, const struct mrl_denied_name *name)
{
    struct mrl_fingerprint f;
    mrl_err err;

    MRL_TRY(insert(tx, d, name));
    while ((err = find_holder(tx, name, &f)) == MRL_OK)
        MRL_TRY(revoke(tx, d, &f));
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

/* Names every key of the request, however many. */
static mrl_err digest_names(const struct denying *d, char hex[static 2 * MRL_SHA256_SIZE + 1])
{
    MRL_AUTO(mrl_sha256) h = NULL;
    uint8_t digest[MRL_SHA256_SIZE];

    MRL_TRY(mrl_sha256_new(&h));
    for (size_t i = 0; i < d->count; i++)
        MRL_TRY(mrl_sha256_add(h, mrl_denied_name_bytes(&d->names[i])));
    MRL_TRY(mrl_sha256_end(h, digest));
    mrl_hex(mrl_bytes_of(digest, sizeof(digest)), hex);
    return MRL_OK;
}

static mrl_err append_denied(struct mrl_tx *tx, const struct denying *d)
{
    char first[2 * MRL_SHA256_SIZE + 1], digest[2 * MRL_SHA256_SIZE + 1];
    struct mrl_audit_detail details[4];
    struct mrl_audit_event e;

    mrl_hex(mrl_denied_name_bytes(&d->names[0]), first);
    MRL_TRY(digest_names(d, digest));
    e = mrl_actor_event(d->actor, MRL_AUDIT_KEY_DENIED, mrl_str(first));
    details[0] = MRL_AUDIT_INT("added", d->done.added);
    details[1] = MRL_AUDIT_TEXT("digest", mrl_str(digest));
    details[2] = MRL_AUDIT_INT("keys", d->count);
    details[3] = MRL_AUDIT_INT("revoked", d->done.revoked);
    e.reason = d->reason;
    e.details = details;
    e.details_count = MRL_COUNT(details);
    return mrl_audit_append(tx, &e, NULL);
}

static mrl_err run_deny(struct mrl_tx *tx, struct mrl_write *w)
{
    struct denying *d = MRL_CONTAINER(w, struct denying, write);

    for (size_t i = 0; i < d->count; i++)
        MRL_TRY(deny_one(tx, d, &d->names[i]));
    return append_denied(tx, d);
}

static void publish_deny(struct mrl_write *w)
{
    const struct denying *d = MRL_CONTAINER(w, struct denying, write);

    for (size_t i = 0; i < d->lost_count; i++)
        mrl_registry_publish(d->registry, d->lost[i].update);
}

static void denying_done(struct denying *d)
{
    for (size_t i = 0; i < d->lost_count; i++)
        mrl_registry_update_free(d->lost[i].update);
    free(d->lost);
}

static mrl_err check_reason(mrl_bytes reason, struct mrl_why *why)
{
    if (reason.len == 0)
        return mrl_fail(why, MRL_ERR_INVALID, "reason: why nobody may have these keys");
    return mrl_text_check(reason, MRL_REASON_MAX, "reason", why);
}

mrl_err mrl_keys_deny(struct mrl_registry *r, const struct mrl_actor *actor,
                      const struct mrl_denied_name *names, size_t count, mrl_bytes reason,
                      struct mrl_denial *out, struct mrl_why *why)
{
    MRL_SCOPED(denying)
    d = {.write = {.run = run_deny, .committed = publish_deny},
         .registry = r,
         .actor = actor,
         .names = names,
         .count = count,
         .reason = reason,
         .why = why};

    if (count == 0 || count > MRL_DENY_MAX)
        return mrl_fail(why, MRL_ERR_INVALID, "keys: 1 to %d in one request", MRL_DENY_MAX);
    MRL_TRY(check_reason(reason, why));
    MRL_TRY(mrl_registry_write(r, &d.write, why));
    *out = d.done;
    return MRL_OK;
}

/* --- allowing again --- */

struct allowing {
    struct mrl_write write;
    const struct mrl_actor *actor;
    const struct mrl_denied_name *name;
    mrl_bytes reason;
    struct mrl_why *why;
};

static mrl_err run_allow(struct mrl_tx *tx, struct mrl_write *w)
{
    const struct allowing *a = MRL_CONTAINER(w, struct allowing, write);
    char hex[2 * MRL_SHA256_SIZE + 1];
    struct mrl_audit_event e;
    uint64_t removed;

    MRL_TRY(mrl_tx_exec(tx, "DELETE FROM denied_keys WHERE key = $1",
                        MRL_ARGS(MRL_BLOB(mrl_denied_name_bytes(a->name))), &removed));
    if (removed == 0)
        return mrl_fail(a->why, MRL_ERR_NOT_FOUND, "this key is not on the deny-list");
    mrl_hex(mrl_denied_name_bytes(a->name), hex);
    e = mrl_actor_event(a->actor, MRL_AUDIT_KEY_ALLOWED, mrl_str(hex));
    e.reason = a->reason;
    return mrl_audit_append(tx, &e, NULL);
}

mrl_err mrl_key_allow(struct mrl_registry *r, const struct mrl_actor *actor,
                      const struct mrl_denied_name *name, mrl_bytes reason, struct mrl_why *why)
{
    struct allowing a = {
        .write = {.run = run_allow}, .actor = actor, .name = name, .reason = reason, .why = why};

    MRL_TRY(mrl_text_check(reason, MRL_REASON_MAX, "reason", why));
    return mrl_registry_write(r, &a.write, why);
}

/* --- listing --- */

struct listing {
    mrl_bytes after;
    size_t limit;
    mrl_denied_visit *visit;
    void *context;
};

static mrl_err run_list(struct mrl_tx *tx, void *context)
{
    const struct listing *l = context;
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(mrl_tx_query(tx,
                         "SELECT key, reason, actor, created FROM denied_keys WHERE key > $1"
                         " ORDER BY key LIMIT $2",
                         MRL_ARGS(MRL_BLOB(l->after), MRL_INT(l->limit)), &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK)
        l->visit(l->context,
                 &(struct mrl_denied_key){mrl_row_bytes(rows, 0), mrl_row_bytes(rows, 1),
                                          mrl_row_bytes(rows, 2), mrl_row_int(rows, 3)});
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

mrl_err mrl_denied_keys_list(struct mrl_store *s, mrl_bytes after, size_t limit,
                             mrl_denied_visit *visit, void *context)
{
    struct listing l = {after, limit, visit, context};

    MRL_ENSURE(limit >= 1 && limit <= MRL_DENY_PAGE_MAX, MRL_ERR_INVALID);
    return mrl_store_read(s, run_list, &l);
}
