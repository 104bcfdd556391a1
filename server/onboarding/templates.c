/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/templates.h"

#include "audit/audit.h"
#include "base/clock.h"
#include "onboarding/hook.h"
#include "store/tx.h"

static const struct mrl_migration migrations[] = {
    {"provisioning", 1,
     "CREATE TABLE provisioning_templates ("
     " name TEXT NOT NULL PRIMARY KEY,"
     " version INTEGER NOT NULL,"
     " body TEXT NOT NULL,"
     " secret BLOB," /* sealed; NULL: none */
     " created INTEGER NOT NULL,"
     " changed INTEGER NOT NULL);"
     "CREATE TABLE claims ("
     " name TEXT NOT NULL PRIMARY KEY,"
     " templates TEXT NOT NULL," /* a set of access/attributes.h, one attribute each */
     " uses INTEGER NOT NULL,"
     " used INTEGER NOT NULL DEFAULT 0,"
     " state INTEGER NOT NULL CHECK (state BETWEEN 1 AND 3)," /* of its certificate */
     " reason TEXT NOT NULL DEFAULT '',"
     " fingerprint BLOB NOT NULL UNIQUE,"
     " serial BLOB NOT NULL,"
     " not_before INTEGER NOT NULL,"
     " not_after INTEGER NOT NULL,"
     " der BLOB NOT NULL,"
     " key BLOB NOT NULL," /* SHA-256 of the SubjectPublicKeyInfo */
     " created INTEGER NOT NULL,"
     " changed INTEGER NOT NULL,"
     " CHECK (used <= uses));"
     "CREATE INDEX claims_by_key ON claims (key);"
     "CREATE TABLE provisioning_pending ("
     " fingerprint BLOB NOT NULL PRIMARY KEY,"
     " token BLOB NOT NULL UNIQUE," /* SHA-256 of the 32 bytes */
     " claim TEXT NOT NULL,"
     " der BLOB NOT NULL,"
     " device TEXT NOT NULL DEFAULT ''," /* whose it became; '': it waits */
     " asked BLOB,"                      /* SHA-256 of the request it was registered with */
     " answer TEXT NOT NULL DEFAULT ''," /* and the configuration that went with the answer */
     " created INTEGER NOT NULL,"
     " expires INTEGER NOT NULL);"
     "CREATE INDEX provisioning_pending_end ON provisioning_pending (expires);"
     "CREATE INDEX provisioning_pending_claim ON provisioning_pending (claim, device);"},
    {"provisioning", 2, /* what nobody registered is revoked: others may trust the CA, too */
     "ALTER TABLE provisioning_pending ADD COLUMN serial BLOB;"
     "ALTER TABLE provisioning_pending ADD COLUMN not_after INTEGER NOT NULL DEFAULT 0;"
     "CREATE TABLE provisioning_lost ("
     " fingerprint BLOB NOT NULL PRIMARY KEY,"
     " serial BLOB NOT NULL,"
     " not_after INTEGER NOT NULL,"
     " der BLOB NOT NULL,"
     " changed INTEGER NOT NULL);"
     "CREATE INDEX provisioning_lost_by_change ON provisioning_lost (changed, fingerprint);"
     "CREATE INDEX claims_by_change ON claims (changed, fingerprint);"},
};
const struct mrl_migration_list mrl_provisioning_migrations = {migrations, MRL_COUNT(migrations)};

static struct mrl_seal_place place_of(mrl_bytes name)
{
    return (struct mrl_seal_place){"provisioning_templates", "secret", name};
}

static mrl_err no_template(mrl_bytes name, struct mrl_why *why)
{
    return mrl_fail(why, MRL_ERR_NOT_FOUND, "there is no template %.*s", MRL_FMT(name));
}

/* By name, and of the secret only whether there is one: its envelope is another after each
 * rotation. */
static mrl_err digest(struct mrl_tx *tx, mrl_bytes name, struct mrl_audit_digest *out)
{
    return mrl_audit_digest(tx,
                            "SELECT name, version, body, secret IS NULL, created, changed"
                            " FROM provisioning_templates WHERE name = $1",
                            MRL_ARGS(MRL_TEXT(name)), out);
}

/* --- setting --- */

struct setting {
    struct mrl_write write;
    struct mrl_sealer *sealer;
    const struct mrl_actor *actor;
    const struct mrl_template_wish *wish;
    const struct mrl_template *template;
    int64_t version;
    struct mrl_why *why;
};

static mrl_err check_secret(const struct mrl_template_wish *w, const struct mrl_template *t,
                            struct mrl_why *why)
{
    if (w->secret.len == 0)
        return MRL_OK;
    if (mrl_template_hook(t)->url.len == 0)
        return mrl_fail(why, MRL_ERR_INVALID, "a secret is for a hook, and there is none");
    if (w->secret.len < MRL_HOOK_SECRET_MIN || w->secret.len > MRL_HOOK_SECRET_MAX)
        return mrl_fail(why, MRL_ERR_INVALID, "the secret of a hook has %d to %d bytes",
                        MRL_HOOK_SECRET_MIN, MRL_HOOK_SECRET_MAX);
    return MRL_OK;
}

static mrl_err seal_secret(const struct setting *s, struct mrl_buf *memory, struct mrl_value *out)
{
    const struct mrl_seal_place at = place_of(s->wish->name);

    *out = MRL_NULL;
    if (s->wish->secret.len == 0)
        return MRL_OK;
    MRL_TRY(mrl_seal(s->sealer, &at, s->wish->secret, memory));
    *out = MRL_BLOB(mrl_buf_bytes(memory));
    return MRL_OK;
}

static mrl_err check_room(struct mrl_tx *tx, struct mrl_why *why)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(
        mrl_tx_query_one(tx, "SELECT COUNT(*) FROM provisioning_templates", MRL_NO_ARGS, &rows));
    if (mrl_row_int(rows, 0) >= MRL_TEMPLATES_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT, "there are %d templates already", MRL_TEMPLATES_MAX);
    return MRL_OK;
}

static mrl_err insert(struct mrl_tx *tx, struct setting *s, struct mrl_value secret)
{
    MRL_TRY(check_room(tx, s->why));
    s->version = 1;
    return mrl_tx_exec(
        tx,
        "INSERT INTO provisioning_templates"
        " (name, version, body, secret, created, changed)"
        " VALUES ($1, 1, $2, $3, $4, $4)",
        MRL_ARGS(MRL_TEXT(s->wish->name), MRL_TEXT(s->wish->body), secret, MRL_INT(mrl_wall_ms())),
        NULL);
}

/* Does the hook of the stored body have this address? */
static bool same_url(mrl_bytes body, mrl_bytes url)
{
    MRL_AUTO(mrl_template) t = NULL;

    return mrl_template_read(body, &t, NULL) == MRL_OK &&
           mrl_bytes_eq(mrl_template_hook(t)->url, url);
}

static mrl_err update(struct mrl_tx *tx, struct setting *s, mrl_bytes present,
                      struct mrl_value secret)
{
    mrl_bytes url = mrl_template_hook(s->template)->url;
    bool keep = s->wish->secret.len == 0 && url.len > 0 && same_url(present, url);
    const char *sql = keep ? "UPDATE provisioning_templates SET version = $2, body = $3,"
                             " changed = $4 WHERE name = $1"
                           : "UPDATE provisioning_templates SET version = $2, body = $3,"
                             " changed = $4, secret = $5 WHERE name = $1";
    const struct mrl_value args[] = {MRL_TEXT(s->wish->name), MRL_INT(s->version),
                                     MRL_TEXT(s->wish->body), MRL_INT(mrl_wall_ms()), secret};

    return mrl_tx_exec(tx, sql, args, MRL_COUNT(args) - keep, NULL);
}

static mrl_err put(struct mrl_tx *tx, struct setting *s, struct mrl_value secret)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err = mrl_tx_query_one(tx,
                                   "SELECT version, body FROM provisioning_templates"
                                   " WHERE name = $1",
                                   MRL_ARGS(MRL_TEXT(s->wish->name)), &rows);

    if (err == MRL_ERR_NOT_FOUND)
        return insert(tx, s, secret);
    MRL_TRY(err);
    s->version = mrl_row_int(rows, 0) + 1;
    return update(tx, s, mrl_row_bytes(rows, 1), secret);
}

static mrl_err run_set(struct mrl_tx *tx, struct mrl_write *w)
{
    struct setting *s = MRL_CONTAINER(w, struct setting, write);
    struct mrl_audit_event e = mrl_actor_event(s->actor, MRL_AUDIT_TEMPLATE_SET, s->wish->name);
    MRL_SCOPED(mrl_buf) memory = {0};
    struct mrl_audit_detail details[2];
    struct mrl_value secret;

    MRL_TRY(seal_secret(s, &memory, &secret));
    MRL_TRY(digest(tx, s->wish->name, &e.before));
    MRL_TRY(put(tx, s, secret));
    MRL_TRY(digest(tx, s->wish->name, &e.after));
    details[0] = MRL_AUDIT_TEXT("body", s->wish->body);
    details[1] = MRL_AUDIT_INT("version", s->version);
    e.details = details;
    e.details_count = MRL_COUNT(details);
    return mrl_audit_append(tx, &e, NULL);
}

mrl_err mrl_template_set(struct mrl_store *s, struct mrl_sealer *sealer,
                         const struct mrl_actor *actor, const struct mrl_template_wish *wish,
                         int64_t *version, struct mrl_why *why)
{
    MRL_AUTO(mrl_template) t = NULL;
    struct setting setting = {.write = {.run = run_set, .why = why, .forget = true},
                              .sealer = sealer,
                              .actor = actor,
                              .wish = wish,
                              .why = why};

    if (!mrl_template_name_valid(wish->name))
        return mrl_fail(why, MRL_ERR_INVALID,
                        "name of a template: 1 to %d of A-Z a-z 0-9 . _ -, '.' and '-' not first",
                        MRL_TEMPLATE_NAME_MAX);
    MRL_TRY(mrl_template_read(wish->body, &t, why));
    MRL_TRY(mrl_hook_check(mrl_template_hook(t), why));
    MRL_TRY(check_secret(wish, t, why));
    setting.template = t;
    MRL_TRY(mrl_store_write(s, &setting.write));
    *version = setting.version;
    return MRL_OK;
}

/* --- deleting --- */

struct deletion {
    struct mrl_write write;
    const struct mrl_actor *actor;
    mrl_bytes name;
    struct mrl_why *why;
};

/* A claim in force that names it would name nothing. */
static mrl_err check_unused(struct mrl_tx *tx, mrl_bytes name, struct mrl_why *why)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(mrl_tx_query(tx,
                         "SELECT name, templates FROM claims"
                         " WHERE state = 1 AND used < uses AND not_after > $1",
                         MRL_ARGS(MRL_INT(mrl_wall_s())), &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK) {
        if (mrl_attributes_get(mrl_row_bytes(rows, 1), name).len > 0)
            return mrl_fail(why, MRL_ERR_STATE, "claim %.*s names this template",
                            MRL_FMT(mrl_row_bytes(rows, 0)));
    }
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

static mrl_err run_delete(struct mrl_tx *tx, struct mrl_write *w)
{
    const struct deletion *d = MRL_CONTAINER(w, struct deletion, write);
    struct mrl_audit_event e = mrl_actor_event(d->actor, MRL_AUDIT_TEMPLATE_DELETED, d->name);
    uint64_t gone;

    MRL_TRY(check_unused(tx, d->name, d->why));
    MRL_TRY(digest(tx, d->name, &e.before));
    MRL_TRY(mrl_tx_exec(tx, "DELETE FROM provisioning_templates WHERE name = $1",
                        MRL_ARGS(MRL_TEXT(d->name)), &gone));
    if (gone == 0)
        return no_template(d->name, d->why);
    return mrl_audit_append(tx, &e, NULL);
}

mrl_err mrl_template_delete(struct mrl_store *s, const struct mrl_actor *actor, mrl_bytes name,
                            struct mrl_why *why)
{
    struct deletion d = {.write = {.run = run_delete, .why = why, .forget = true},
                         .actor = actor,
                         .name = name,
                         .why = why};

    return mrl_store_write(s, &d.write);
}

/* --- reading --- */

#define COLUMNS "name, version, body, secret IS NULL, created, changed"

static void show_row(const struct mrl_rows *rows, mrl_template_visit *visit, void *context)
{
    const struct mrl_template_info info = {
        .name = mrl_row_bytes(rows, 0),
        .version = mrl_row_int(rows, 1),
        .body = mrl_row_bytes(rows, 2),
        .has_secret = mrl_row_int(rows, 3) == 0,
        .created_ms = mrl_row_int(rows, 4),
        .changed_ms = mrl_row_int(rows, 5),
    };

    visit(context, &info);
}

struct listing {
    mrl_bytes after;
    size_t limit;
    mrl_template_visit *visit;
    void *context;
};

static mrl_err run_list(struct mrl_tx *tx, void *context)
{
    const struct listing *l = context;
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(mrl_tx_query(
        tx, "SELECT " COLUMNS " FROM provisioning_templates WHERE name > $1 ORDER BY name LIMIT $2",
        MRL_ARGS(MRL_TEXT(l->after), MRL_INT(l->limit)), &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK)
        show_row(rows, l->visit, l->context);
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

mrl_err mrl_template_list(struct mrl_store *s, mrl_bytes after, size_t limit,
                          mrl_template_visit *visit, void *context)
{
    struct listing l = {after, limit, visit, context};

    MRL_ENSURE(limit >= 1 && limit <= MRL_TEMPLATE_PAGE_MAX, MRL_ERR_INVALID);
    return mrl_store_read(s, run_list, &l);
}

static mrl_err run_show(struct mrl_tx *tx, void *context)
{
    const struct listing *l = context;
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query_one(tx, "SELECT " COLUMNS " FROM provisioning_templates WHERE name = $1",
                             MRL_ARGS(MRL_TEXT(l->after)), &rows));
    show_row(rows, l->visit, l->context);
    return MRL_OK;
}

mrl_err mrl_template_show(struct mrl_store *s, mrl_bytes name, mrl_template_visit *visit,
                          void *context, struct mrl_why *why)
{
    struct listing l = {.after = name, .visit = visit, .context = context};
    mrl_err err = mrl_store_read(s, run_show, &l);

    return err == MRL_ERR_NOT_FOUND ? no_template(name, why) : err;
}

/* --- to work with --- */

struct loading {
    struct mrl_sealer *sealer;
    mrl_bytes name;
    struct mrl_template_loaded loaded;
    struct mrl_why *why;
};

static mrl_err run_load(struct mrl_tx *tx, void *context)
{
    struct loading *l = context;
    const struct mrl_seal_place at = place_of(l->name);
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query_one(tx,
                             "SELECT version, body, secret FROM provisioning_templates"
                             " WHERE name = $1",
                             MRL_ARGS(MRL_TEXT(l->name)), &rows));
    l->loaded.version = mrl_row_int(rows, 0);
    if (!mrl_row_null(rows, 2))
        MRL_TRY(
            mrl_unseal_secret(l->sealer, &at, mrl_row_bytes(rows, 2), &l->loaded.secret, l->why));
    if (mrl_template_read(mrl_row_bytes(rows, 1), &l->loaded.template, l->why) != MRL_OK)
        return MRL_ERR_CORRUPT; /* it was read before it was stored */
    return MRL_OK;
}

mrl_err mrl_template_load(struct mrl_store *s, struct mrl_sealer *sealer, mrl_bytes name,
                          struct mrl_template_loaded *out, struct mrl_why *why)
{
    struct loading l = {.sealer = sealer, .name = name, .why = why};
    mrl_err err = mrl_store_read(s, run_load, &l);

    if (err == MRL_OK)
        *out = l.loaded;
    else
        mrl_template_loaded_done(&l.loaded);
    return err == MRL_ERR_NOT_FOUND ? no_template(name, why) : err;
}

void mrl_template_loaded_done(struct mrl_template_loaded *l)
{
    mrl_template_free(l->template);
    mrl_secret_free(l->secret);
    *l = (struct mrl_template_loaded){0};
}
