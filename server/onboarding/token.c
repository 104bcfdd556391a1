/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/token.h"

#include <string.h>

#include "access/name.h"
#include "audit/audit.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/random.h"
#include "crypto/hash.h"
#include "devices/state.h"
#include "store/tx.h"

static const struct mrl_migration migrations[] = {
    {"onboarding", 1,
     "CREATE TABLE tokens ("
     " hash BLOB PRIMARY KEY," /* SHA-256 of the 32 bytes; the bytes themselves are nowhere */
     " id TEXT NOT NULL UNIQUE,"
     " device TEXT,"
     " device_group TEXT,"
     " created_ms INTEGER NOT NULL,"
     " expires INTEGER NOT NULL,"
     " uses INTEGER NOT NULL,"
     " used INTEGER NOT NULL DEFAULT 0,"
     " cancelled INTEGER NOT NULL DEFAULT 0,"
     " CHECK ((device IS NULL) <> (device_group IS NULL)),"
     " CHECK (used <= uses));"
     "CREATE INDEX tokens_device ON tokens (device);"},
    {"onboarding", 2,
     "CREATE TABLE token_answers ("
     " token TEXT NOT NULL,"
     " device TEXT NOT NULL,"
     " fingerprint BLOB NOT NULL,"
     " PRIMARY KEY (token, device));"},
    {"onboarding", 3, "ALTER TABLE tokens ADD COLUMN approval INTEGER NOT NULL DEFAULT 0;"},
    {"onboarding", 4, "CREATE TABLE token_requests (request BLOB NOT NULL PRIMARY KEY);"},
};
const struct mrl_migration_list mrl_token_migrations = {migrations, MRL_COUNT(migrations)};

static const char *const verdict_names[MRL_TOKEN_VERDICT_COUNT_] = {
    [MRL_TOKEN_GOOD] = "good",           [MRL_TOKEN_UNKNOWN] = "unknown",
    [MRL_TOKEN_USED] = "used",           [MRL_TOKEN_EXPIRED] = "expired",
    [MRL_TOKEN_CANCELLED] = "cancelled", [MRL_TOKEN_OTHER_DEVICE] = "other-device",
};

const char *mrl_token_verdict_name(enum mrl_token_verdict v)
{
    return verdict_names[v];
}

struct create {
    struct mrl_write write;
    const struct mrl_actor *actor;
    const struct mrl_token_wish *wish;
    struct mrl_why *why;
    uint8_t hash[MRL_SHA256_SIZE];
    char id[MRL_TOKEN_ID_TEXT + 1];
    int64_t expires;
};

static mrl_err check_wish(const struct mrl_token_wish *w, struct mrl_why *why)
{
    if ((w->device.len > 0) == (w->group.len > 0))
        return mrl_fail(why, MRL_ERR_INVALID, "a token is for one device or for one group");
    MRL_TRY(w->device.len > 0 ? mrl_name_check(w->device, "device id", why)
                              : mrl_name_check(w->group, "group", why));
    if (w->device.len > 0 && w->uses != 1)
        return mrl_fail(why, MRL_ERR_INVALID, "a token of a device is used once");
    if (w->uses == 0 || w->uses > MRL_TOKEN_USES_MAX)
        return mrl_fail(why, MRL_ERR_INVALID, "uses of a token: 1 to %d", MRL_TOKEN_USES_MAX);
    if (w->life_s == 0 || w->life_s > MRL_TOKEN_LIFE_MAX_S)
        return mrl_fail(why, MRL_ERR_INVALID, "life of a token: 1 s to %d days",
                        MRL_TOKEN_LIFE_MAX_S / 86400);
    return MRL_OK;
}

static mrl_err check_device(struct mrl_tx *tx, mrl_bytes device, struct mrl_why *why)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err = mrl_tx_query_one(tx, "SELECT state FROM devices WHERE id = $1",
                                   MRL_ARGS(MRL_TEXT(device)), &rows);

    if (err == MRL_ERR_NOT_FOUND)
        return mrl_fail(why, err, "no device %.*s", MRL_FMT(device));
    MRL_TRY(err);
    if (!mrl_device_may_enrol((enum mrl_device_state)mrl_row_int(rows, 0)))
        return mrl_fail(why, MRL_ERR_STATE, "device %.*s is %s: it may not enrol", MRL_FMT(device),
                        mrl_device_state_name((enum mrl_device_state)mrl_row_int(rows, 0)));
    return MRL_OK;
}

static mrl_err check_room(struct mrl_tx *tx, struct mrl_why *why)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query_one(
        tx, "SELECT COUNT(*) FROM tokens WHERE cancelled = 0 AND used < uses AND expires > $1",
        MRL_ARGS(MRL_INT(mrl_wall_s())), &rows));
    if (mrl_row_int(rows, 0) >= MRL_TOKENS_OPEN_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT, "%d tokens are open already: cancel some",
                        MRL_TOKENS_OPEN_MAX);
    return MRL_OK;
}

static struct mrl_value text_or_null(mrl_bytes b)
{
    return b.len > 0 ? MRL_TEXT(b) : MRL_NULL;
}

static mrl_err insert(struct mrl_tx *tx, const struct create *c)
{
    return mrl_tx_exec(
        tx,
        "INSERT INTO tokens (hash, id, device, device_group, created_ms, expires, uses, approval)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        MRL_ARGS(MRL_BLOB(mrl_bytes_of(c->hash, sizeof(c->hash))), MRL_TEXT(mrl_str(c->id)),
                 text_or_null(c->wish->device), text_or_null(c->wish->group),
                 MRL_INT(mrl_wall_ms()), MRL_INT(c->expires), MRL_INT(c->wish->uses),
                 MRL_INT(c->wish->approval)),
        NULL);
}

/* Of what is public: the stored hash of a token is nothing for an entry. */
static mrl_err digest(struct mrl_tx *tx, mrl_bytes id, struct mrl_audit_digest *out)
{
    return mrl_audit_digest(tx,
                            "SELECT id, device, device_group, created_ms, expires, uses, used,"
                            " cancelled FROM tokens WHERE id = $1",
                            MRL_ARGS(MRL_TEXT(id)), out);
}

static mrl_err run_create(struct mrl_tx *tx, struct mrl_write *w)
{
    struct create *c = MRL_CONTAINER(w, struct create, write);
    bool device = c->wish->device.len > 0;
    const struct mrl_audit_detail details[] = {
        MRL_AUDIT_INT("expires", c->expires), MRL_AUDIT_TEXT("token", mrl_str(c->id)),
        MRL_AUDIT_INT("uses", c->wish->uses),
        MRL_AUDIT_TEXT("approval", MRL_LIT("yes")), /* last: not there without */
    };
    struct mrl_audit_event e = mrl_actor_event(c->actor, MRL_AUDIT_TOKEN_CREATED,
                                               device ? c->wish->device : c->wish->group);

    e.details = details;
    e.details_count = MRL_COUNT(details) - !c->wish->approval;
    if (device)
        MRL_TRY(check_device(tx, c->wish->device, c->why));
    MRL_TRY(check_room(tx, c->why));
    MRL_TRY(insert(tx, c));
    MRL_TRY(digest(tx, mrl_str(c->id), &e.after));
    return mrl_audit_append(tx, &e, NULL);
}

/* The text and what is stored of it. The id is part of another hash, so that it tells nothing of
 * the stored one. */
static mrl_err make(struct create *c, struct mrl_secret **text)
{
    MRL_AUTO(mrl_secret) bytes = mrl_secret_new(MRL_TOKEN_BYTES);
    MRL_SCOPED(mrl_buf) encoded = {0};
    uint8_t name[MRL_SHA256_SIZE];
    mrl_err err;

    mrl_random(mrl_secret_data(bytes), MRL_TOKEN_BYTES);
    MRL_TRY(mrl_sha256(mrl_secret_bytes(bytes), c->hash));
    MRL_TRY(mrl_sha256(mrl_bytes_of(c->hash, sizeof(c->hash)), name));
    mrl_hex(mrl_bytes_of(name, MRL_TOKEN_ID_TEXT / 2), c->id);
    err = mrl_base64url_write(mrl_secret_bytes(bytes), &encoded);
    if (err == MRL_OK)
        *text = mrl_secret_copy(mrl_buf_bytes(&encoded));
    mrl_wipe(encoded.data, encoded.cap);
    return err;
}

mrl_err mrl_token_create(struct mrl_store *s, const struct mrl_actor *actor,
                         const struct mrl_token_wish *wish, struct mrl_token_new *out,
                         struct mrl_why *why)
{
    struct create c = {
        .write = {.run = run_create, .why = why}, .actor = actor, .wish = wish, .why = why};
    MRL_AUTO(mrl_secret) text = NULL;

    MRL_TRY(check_wish(wish, why));
    c.expires = mrl_wall_s() + (int64_t)wish->life_s;
    MRL_TRY(make(&c, &text));
    MRL_TRY(mrl_store_write(s, &c.write));
    memcpy(out->id, c.id, sizeof(out->id));
    out->expires = c.expires;
    out->text = MRL_TAKE(text);
    return MRL_OK;
}

void mrl_token_new_done(struct mrl_token_new *t)
{
    mrl_secret_free(t->text);
    t->text = NULL;
}

struct listing {
    mrl_bytes after;
    size_t limit;
    mrl_token_visit *visit;
    void *context;
};

static mrl_err run_list(struct mrl_tx *tx, void *context)
{
    const struct listing *l = context;
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(mrl_tx_query(
        tx,
        "SELECT id, device, device_group, created_ms, expires, uses, used, cancelled, approval"
        " FROM tokens WHERE id > $1 ORDER BY id LIMIT $2",
        MRL_ARGS(MRL_TEXT(l->after), MRL_INT(l->limit)), &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK) {
        const struct mrl_token_info info = {
            .id = mrl_row_bytes(rows, 0),
            .device = mrl_row_bytes(rows, 1),
            .group = mrl_row_bytes(rows, 2),
            .created_ms = mrl_row_int(rows, 3),
            .expires = mrl_row_int(rows, 4),
            .uses = (uint64_t)mrl_row_int(rows, 5),
            .used = (uint64_t)mrl_row_int(rows, 6),
            .cancelled = mrl_row_int(rows, 7) != 0,
            .approval = mrl_row_int(rows, 8) != 0,
        };
        l->visit(l->context, &info);
    }
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

mrl_err mrl_token_list(struct mrl_store *s, mrl_bytes after, size_t limit, mrl_token_visit *visit,
                       void *context)
{
    struct listing l = {after, limit, visit, context};

    MRL_ENSURE(limit >= 1 && limit <= MRL_TOKEN_PAGE_MAX, MRL_ERR_INVALID);
    return mrl_store_read(s, run_list, &l);
}

struct cancel {
    struct mrl_write write;
    const struct mrl_actor *actor;
    mrl_bytes id;
    struct mrl_why *why;
};

static mrl_err run_cancel(struct mrl_tx *tx, struct mrl_write *w)
{
    const struct cancel *c = MRL_CONTAINER(w, struct cancel, write);
    struct mrl_audit_event e = mrl_actor_event(c->actor, MRL_AUDIT_TOKEN_DELETED, c->id);
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err = mrl_tx_query_one(tx, "SELECT cancelled, used < uses FROM tokens WHERE id = $1",
                                   MRL_ARGS(MRL_TEXT(c->id)), &rows);

    if (err == MRL_ERR_NOT_FOUND)
        return mrl_fail(c->why, err, "no token %.*s", MRL_FMT(c->id));
    MRL_TRY(err);
    if (mrl_row_int(rows, 0) != 0 || mrl_row_int(rows, 1) == 0)
        return mrl_fail(c->why, MRL_ERR_STATE, "token %.*s is %s already", MRL_FMT(c->id),
                        mrl_row_int(rows, 0) != 0 ? "cancelled" : "used up");
    MRL_TRY(digest(tx, c->id, &e.before));
    MRL_TRY(mrl_tx_exec(tx, "UPDATE tokens SET cancelled = 1 WHERE id = $1",
                        MRL_ARGS(MRL_TEXT(c->id)), NULL));
    MRL_TRY(digest(tx, c->id, &e.after));
    return mrl_audit_append(tx, &e, NULL);
}

mrl_err mrl_token_cancel(struct mrl_store *s, const struct mrl_actor *actor, mrl_bytes id,
                         struct mrl_why *why)
{
    struct cancel c = {
        .write = {.run = run_cancel, .why = why}, .actor = actor, .id = id, .why = why};

    return mrl_store_write(s, &c.write);
}

mrl_err mrl_token_waits_tx(struct mrl_tx *tx, mrl_bytes device, int64_t now, bool *out)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err = mrl_tx_query_one(tx,
                                   "SELECT id FROM tokens WHERE device = $1 AND cancelled = 0"
                                   " AND used < uses AND expires > $2 LIMIT 1",
                                   MRL_ARGS(MRL_TEXT(device), MRL_INT(now)), &rows);

    MRL_ENSURE(err == MRL_OK || err == MRL_ERR_NOT_FOUND, err);
    *out = err == MRL_OK;
    return MRL_OK;
}

mrl_err mrl_token_cancel_all(void *context, struct mrl_tx *tx, enum mrl_principal_kind kind,
                             mrl_bytes id, struct mrl_why *why)
{
    (void)context;
    (void)why;
    if (kind != MRL_PRINCIPAL_DEVICE)
        return MRL_OK;
    return mrl_tx_exec(tx, "UPDATE tokens SET cancelled = 1 WHERE device = $1 AND used < uses",
                       MRL_ARGS(MRL_TEXT(id)), NULL);
}

/* MRL_ERR_MALFORMED: not the text of any token. */
static mrl_err hash_text(mrl_bytes text, uint8_t hash[static MRL_SHA256_SIZE])
{
    MRL_SCOPED(mrl_buf) bytes = {.limit = MRL_TOKEN_BYTES};
    mrl_err err = MRL_ERR_MALFORMED;

    if (text.len == MRL_TOKEN_TEXT)
        err = mrl_base64url_read(text, &bytes);
    if (err == MRL_OK)
        err = mrl_sha256(mrl_buf_bytes(&bytes), hash);
    mrl_wipe(bytes.data, bytes.cap);
    return err;
}

static enum mrl_token_verdict judge_row(const struct mrl_rows *rows, mrl_bytes device, int64_t now)
{
    if (!mrl_row_null(rows, 1) && !mrl_bytes_eq(mrl_row_bytes(rows, 1), device))
        return MRL_TOKEN_OTHER_DEVICE;
    if (mrl_row_int(rows, 5) != 0)
        return MRL_TOKEN_CANCELLED;
    if (mrl_row_int(rows, 4) <= 0)
        return MRL_TOKEN_USED;
    return mrl_row_int(rows, 3) <= now ? MRL_TOKEN_EXPIRED : MRL_TOKEN_GOOD;
}

/* The look-up is by the hash of the whole text: what a timing could tell is a hash nobody can turn
 * back. */
static mrl_err judge(struct mrl_tx *tx, const uint8_t hash[static MRL_SHA256_SIZE],
                     mrl_bytes device, int64_t now, struct mrl_token_match *out)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err = mrl_tx_query_one(tx,
                                   "SELECT id, device, device_group, expires, uses - used, "
                                   "cancelled, approval FROM tokens WHERE hash = $1",
                                   MRL_ARGS(MRL_BLOB(mrl_bytes_of(hash, MRL_SHA256_SIZE))), &rows);

    *out = (struct mrl_token_match){.verdict = MRL_TOKEN_UNKNOWN};
    if (err == MRL_ERR_NOT_FOUND)
        return MRL_OK;
    MRL_TRY(err);
    out->verdict = judge_row(rows, device, now);
    out->approval = mrl_row_int(rows, 6) != 0;
    out->left = mrl_row_int(rows, 4);
    if (!mrl_bytes_to_cstr(mrl_row_bytes(rows, 0), out->id, sizeof(out->id)) ||
        !mrl_bytes_to_cstr(mrl_row_bytes(rows, 2), out->group, sizeof(out->group)))
        return MRL_ERR_CORRUPT;
    return MRL_OK;
}

mrl_err mrl_token_judge(struct mrl_tx *tx, mrl_bytes text, mrl_bytes device, int64_t now,
                        struct mrl_token_match *out)
{
    uint8_t hash[MRL_SHA256_SIZE];
    mrl_err err = hash_text(text, hash);

    *out = (struct mrl_token_match){.verdict = MRL_TOKEN_UNKNOWN};
    if (err == MRL_ERR_MALFORMED)
        return MRL_OK;
    MRL_TRY(err);
    return judge(tx, hash, device, now, out);
}

mrl_err mrl_token_use_tx(struct mrl_tx *tx, mrl_bytes text, mrl_bytes device, int64_t now,
                         struct mrl_token_match *out)
{
    uint8_t hash[MRL_SHA256_SIZE];

    MRL_TRY(mrl_token_judge(tx, text, device, now, out));
    if (out->verdict != MRL_TOKEN_GOOD)
        return MRL_OK;
    MRL_TRY(hash_text(text, hash));
    return mrl_tx_exec(tx, "UPDATE tokens SET used = used + 1 WHERE hash = $1",
                       MRL_ARGS(MRL_BLOB(mrl_bytes_of(hash, sizeof(hash)))), NULL);
}

mrl_err mrl_token_request_tx(struct mrl_tx *tx, const uint8_t request[static MRL_SHA256_SIZE],
                             struct mrl_why *why)
{
    uint64_t added = 0;

    MRL_TRY(mrl_tx_exec(tx,
                        "INSERT INTO token_requests (request) VALUES ($1) ON CONFLICT DO NOTHING",
                        MRL_ARGS(MRL_BLOB(mrl_bytes_of(request, MRL_SHA256_SIZE))), &added));
    return added == 1
               ? MRL_OK
               : mrl_fail(why, MRL_ERR_EXISTS, "this request was used before; make a new one");
}

mrl_err mrl_token_answered_tx(struct mrl_tx *tx, mrl_bytes id, mrl_bytes device,
                              const struct mrl_fingerprint *certificate)
{
    return mrl_tx_exec(
        tx,
        "INSERT INTO token_answers (token, device, fingerprint) VALUES ($1, $2, $3)"
        " ON CONFLICT (token, device) DO UPDATE SET fingerprint = $3",
        MRL_ARGS(MRL_TEXT(id), MRL_TEXT(device), MRL_BLOB(mrl_fingerprint_bytes(certificate))),
        NULL);
}

mrl_err mrl_token_answer(struct mrl_tx *tx, mrl_bytes id, mrl_bytes device, int64_t now,
                         struct mrl_fingerprint *out)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_bytes found;

    MRL_TRY(mrl_tx_query_one(tx,
                             "SELECT fingerprint FROM token_answers JOIN tokens ON id = token"
                             " WHERE token = $1 AND token_answers.device = $2 AND cancelled = 0"
                             " AND expires > $3",
                             MRL_ARGS(MRL_TEXT(id), MRL_TEXT(device), MRL_INT(now)), &rows));
    found = mrl_row_bytes(rows, 0);
    MRL_ENSURE(found.len == sizeof(out->bytes), MRL_ERR_CORRUPT);
    memcpy(out->bytes, found.data, found.len);
    return MRL_OK;
}
