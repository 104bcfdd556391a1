/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/claim.h"

#include <string.h>

#include "audit/audit.h"
#include "base/clock.h"
#include "base/hex.h"
#include "devices/credential.h"
#include "onboarding/grant.h"
#include "onboarding/templates.h"

#define COLUMNS \
    "name, templates, uses, used, state, reason, fingerprint, not_before, not_after, created"

static mrl_err no_claim(mrl_bytes name, struct mrl_why *why)
{
    return mrl_fail(why, MRL_ERR_NOT_FOUND, "there is no claim %.*s", MRL_FMT(name));
}

static mrl_err info_of_row(const struct mrl_rows *rows, struct mrl_claim_info *out)
{
    mrl_bytes fingerprint = mrl_row_bytes(rows, 6);

    *out = (struct mrl_claim_info){
        .name = mrl_row_bytes(rows, 0),
        .templates = mrl_row_bytes(rows, 1),
        .uses = (uint64_t)mrl_row_int(rows, 2),
        .used = (uint64_t)mrl_row_int(rows, 3),
        .revoked = mrl_row_int(rows, 4) == MRL_CREDENTIAL_REVOKED,
        .reason = mrl_row_bytes(rows, 5),
        .not_before = mrl_row_int(rows, 7),
        .not_after = mrl_row_int(rows, 8),
        .created_ms = mrl_row_int(rows, 9),
    };
    MRL_ENSURE(fingerprint.len == sizeof(out->fingerprint.bytes), MRL_ERR_CORRUPT);
    MRL_ENSURE(mrl_name_valid(out->name) && mrl_attributes_valid(out->templates), MRL_ERR_CORRUPT);
    memcpy(out->fingerprint.bytes, fingerprint.data, fingerprint.len);
    return MRL_OK;
}

static void publish(struct mrl_registry *r, const struct mrl_claim_info *c)
{
    const struct mrl_registry_guest g = {
        .kind = MRL_PRINCIPAL_CLAIM,
        .id = c->name,
        .attributes = c->templates,
        .active = !c->revoked,
        .credential = {.fingerprint = c->fingerprint,
                       .state = c->revoked ? MRL_CREDENTIAL_REVOKED : MRL_CREDENTIAL_ACTIVE,
                       .seen = true,
                       .not_before = c->not_before,
                       .not_after = c->not_after},
    };

    mrl_registry_put_guest(r, &g);
}

static mrl_err digest(struct mrl_tx *tx, mrl_bytes name, struct mrl_audit_digest *out)
{
    return mrl_audit_digest(tx,
                            "SELECT name, templates, uses, used, state, reason, fingerprint, "
                            "serial, not_before, not_after, created, changed FROM claims WHERE "
                            "name = $1",
                            MRL_ARGS(MRL_TEXT(name)), out);
}

/* --- making --- */

struct creation {
    struct mrl_write write;
    struct mrl_onboarding *o;
    const struct mrl_actor *actor;
    const struct mrl_claim_wish *wish;
    const struct mrl_cert_facts *cert;
    mrl_bytes templates;
    struct mrl_why *why;
};

static mrl_err check_wish(const struct mrl_claim_wish *w, struct mrl_why *why)
{
    MRL_TRY(mrl_name_check(w->name, "name of a claim", why));
    if (w->template_count == 0 || w->template_count > MRL_CLAIM_TEMPLATES_MAX)
        return mrl_fail(why, MRL_ERR_INVALID, "a claim is for 1 to %d templates",
                        MRL_CLAIM_TEMPLATES_MAX);
    if (w->uses == 0 || w->uses > MRL_CLAIM_USES_MAX)
        return mrl_fail(why, MRL_ERR_INVALID, "uses of a claim: 1 to %d", MRL_CLAIM_USES_MAX);
    if (w->life_s == 0 || w->life_s > MRL_CLAIM_LIFE_MAX_S)
        return mrl_fail(why, MRL_ERR_INVALID, "life of a claim: 1 s to %d days",
                        MRL_CLAIM_LIFE_MAX_S / 86400);
    return MRL_OK;
}

static mrl_err write_templates(const struct mrl_claim_wish *w, struct mrl_buf *out,
                               struct mrl_why *why)
{
    for (size_t i = 0; i < w->template_count; i++) {
        MRL_SCOPED(mrl_buf) set = {0};

        if (!mrl_template_name_valid(w->templates[i]))
            return mrl_fail(why, MRL_ERR_INVALID, "template %zu has no valid name", i + 1);
        MRL_TRY(mrl_attributes_with(mrl_buf_bytes(out), w->templates[i], MRL_LIT("1"), &set, why));
        mrl_buf_clear(out);
        MRL_TRY(mrl_buf_append(out, mrl_buf_bytes(&set)));
    }
    return MRL_OK;
}

static mrl_err check_templates(struct mrl_tx *tx, const struct creation *c)
{
    for (size_t i = 0; i < c->wish->template_count; i++) {
        MRL_AUTO(mrl_rows) rows = NULL;
        mrl_bytes name = c->wish->templates[i];
        mrl_err err =
            mrl_tx_query_one(tx, "SELECT version FROM provisioning_templates WHERE name = $1",
                             MRL_ARGS(MRL_TEXT(name)), &rows);

        if (err == MRL_ERR_NOT_FOUND)
            return mrl_fail(c->why, err, "there is no template %.*s", MRL_FMT(name));
        MRL_TRY(err);
    }
    return MRL_OK;
}

static mrl_err check_room(struct mrl_tx *tx, struct mrl_why *why)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query_one(tx, "SELECT COUNT(*) FROM claims WHERE state = $1 AND not_after >= $2",
                             MRL_ARGS(MRL_INT(MRL_CREDENTIAL_ACTIVE), MRL_INT(mrl_wall_s())),
                             &rows));
    if (mrl_row_int(rows, 0) >= MRL_CLAIMS_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT, "%d claims are in force already", MRL_CLAIMS_MAX);
    return MRL_OK;
}

static mrl_err insert(struct mrl_tx *tx, const struct creation *c)
{
    uint8_t key[MRL_SHA256_SIZE];
    uint64_t added;

    MRL_TRY(mrl_sha256(c->cert->spki, key));
    MRL_TRY(mrl_tx_exec(
        tx,
        "INSERT INTO claims (name, templates, uses, state, fingerprint, serial, not_before,"
        " not_after, der, key, created, changed)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)"
        " ON CONFLICT DO NOTHING",
        MRL_ARGS(MRL_TEXT(c->wish->name), MRL_TEXT(c->templates), MRL_INT(c->wish->uses),
                 MRL_INT(MRL_CREDENTIAL_ACTIVE),
                 MRL_BLOB(mrl_fingerprint_bytes(&c->cert->fingerprint)), MRL_BLOB(c->cert->serial),
                 MRL_INT(c->cert->not_before), MRL_INT(c->cert->not_after), MRL_BLOB(c->cert->der),
                 MRL_BLOB(mrl_bytes_of(key, sizeof(key))), MRL_INT(mrl_wall_ms())),
        &added));
    if (added == 0)
        return mrl_fail(c->why, MRL_ERR_EXISTS, "there is or was a claim %.*s",
                        MRL_FMT(c->wish->name));
    return MRL_OK;
}

static mrl_err run_create(struct mrl_tx *tx, struct mrl_write *w)
{
    const struct creation *c = MRL_CONTAINER(w, struct creation, write);
    struct mrl_audit_event e = mrl_actor_event(c->actor, MRL_AUDIT_CLAIM_CREATED, c->wish->name);
    char fingerprint[2 * MRL_SHA256_SIZE + 1];
    struct mrl_audit_detail details[4];

    MRL_TRY(check_templates(tx, c));
    MRL_TRY(check_room(tx, c->why));
    MRL_TRY(
        mrl_credential_check_key(tx, MRL_PRINCIPAL_CLAIM, c->wish->name, c->cert->spki, c->why));
    MRL_TRY(mrl_claim_check_key_tx(tx, c->cert->spki, c->why));
    MRL_TRY(insert(tx, c));
    MRL_TRY(digest(tx, c->wish->name, &e.after));
    mrl_hex(mrl_fingerprint_bytes(&c->cert->fingerprint), fingerprint);
    details[0] = MRL_AUDIT_TEXT("fingerprint", mrl_str(fingerprint));
    details[1] = MRL_AUDIT_INT("not_after", c->cert->not_after);
    details[2] = MRL_AUDIT_TEXT("templates", c->templates);
    details[3] = MRL_AUDIT_INT("uses", c->wish->uses);
    e.details = details;
    e.details_count = MRL_COUNT(details);
    return mrl_audit_append(tx, &e, NULL);
}

static void publish_creation(struct mrl_write *w)
{
    const struct creation *c = MRL_CONTAINER(w, struct creation, write);
    const struct mrl_claim_info info = {
        .name = c->wish->name,
        .templates = c->templates,
        .fingerprint = c->cert->fingerprint,
        .not_before = c->cert->not_before,
        .not_after = c->cert->not_after,
    };

    publish(c->o->registry, &info);
}

mrl_err mrl_claim_create(struct mrl_onboarding *o, const struct mrl_actor *actor,
                         const struct mrl_claim_wish *wish, struct mrl_buf *der,
                         struct mrl_why *why)
{
    struct creation c = {.write = {.run = run_create, .committed = publish_creation},
                         .o = o,
                         .actor = actor,
                         .wish = wish,
                         .why = why};
    MRL_AUTO(mrl_csr) csr = NULL;
    MRL_AUTO(mrl_cert) cert = NULL;
    MRL_SCOPED(mrl_buf) made = {0};
    MRL_SCOPED(mrl_buf) templates = {0};

    MRL_TRY(check_wish(wish, why));
    MRL_TRY(write_templates(wish, &templates, why));
    MRL_TRY(mrl_grant_read_request(wish->csr, wish->name, &csr, why));
    MRL_TRY(mrl_issue(o->issuing, MRL_PRINCIPAL_CLAIM, wish->name, mrl_csr_facts(csr)->spki,
                      wish->life_s, &made, why));
    MRL_TRY(mrl_cert_from_der(mrl_buf_bytes(&made), &cert));
    c.cert = mrl_cert_facts(cert);
    c.templates = mrl_buf_bytes(&templates);
    MRL_TRY(mrl_store_write(o->store, &c.write));
    return mrl_buf_append(der, mrl_buf_bytes(&made));
}

/* --- revoking --- */

struct revocation {
    struct mrl_write write;
    struct mrl_registry *registry;
    const struct mrl_actor *actor;
    mrl_bytes name, reason;
    struct mrl_buf templates;
    struct mrl_claim_info info;
    struct mrl_why *why;
};

/* What publishing needs; its name and reason are the caller's. */
static mrl_err read_claim(struct mrl_tx *tx, struct revocation *r)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err = mrl_tx_query_one(tx, "SELECT " COLUMNS " FROM claims WHERE name = $1",
                                   MRL_ARGS(MRL_TEXT(r->name)), &rows);

    if (err == MRL_ERR_NOT_FOUND)
        return no_claim(r->name, r->why);
    MRL_TRY(err);
    MRL_TRY(info_of_row(rows, &r->info));
    MRL_TRY(mrl_buf_append(&r->templates, r->info.templates));
    r->info.name = r->name;
    r->info.reason = r->reason;
    r->info.templates = mrl_buf_bytes(&r->templates);
    return MRL_OK;
}

static mrl_err run_revoke(struct mrl_tx *tx, struct mrl_write *w)
{
    struct revocation *r = MRL_CONTAINER(w, struct revocation, write);
    struct mrl_audit_event e = mrl_actor_event(r->actor, MRL_AUDIT_CLAIM_REVOKED, r->name);

    MRL_TRY(read_claim(tx, r));
    if (r->info.revoked)
        return mrl_fail(r->why, MRL_ERR_STATE, "claim %.*s is revoked already", MRL_FMT(r->name));
    MRL_TRY(digest(tx, r->name, &e.before));
    MRL_TRY(mrl_tx_exec(tx,
                        "UPDATE claims SET state = $2, reason = $3, changed = $4 WHERE name = $1",
                        MRL_ARGS(MRL_TEXT(r->name), MRL_INT(MRL_CREDENTIAL_REVOKED),
                                 MRL_TEXT(r->reason), MRL_INT(mrl_wall_ms())),
                        NULL));
    MRL_TRY(digest(tx, r->name, &e.after));
    e.reason = r->reason;
    r->info.revoked = true;
    return mrl_audit_append(tx, &e, NULL);
}

static void publish_revocation(struct mrl_write *w)
{
    const struct revocation *r = MRL_CONTAINER(w, struct revocation, write);

    publish(r->registry, &r->info);
}

mrl_err mrl_claim_revoke(struct mrl_onboarding *o, const struct mrl_actor *actor, mrl_bytes name,
                         mrl_bytes reason, struct mrl_why *why)
{
    struct revocation r = {.write = {.run = run_revoke, .committed = publish_revocation},
                           .registry = o->registry,
                           .actor = actor,
                           .name = name,
                           .reason = reason,
                           .why = why};
    mrl_err err;

    MRL_TRY(mrl_text_check(reason, MRL_REASON_MAX, "reason", why));
    err = mrl_store_write(o->store, &r.write);
    mrl_buf_done(&r.templates);
    return err;
}

struct denied_claim {
    struct mrl_name name; /* of the next one */
};

static mrl_err find_denied(struct mrl_tx *tx, void *context)
{
    struct denied_claim *d = context;
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query_one(tx,
                             "SELECT name FROM claims WHERE state = $1"
                             " AND EXISTS (SELECT 1 FROM denied_keys d WHERE d.key = claims.key)"
                             " LIMIT 1",
                             MRL_ARGS(MRL_INT(MRL_CREDENTIAL_ACTIVE)), &rows));
    return mrl_name_set(&d->name, mrl_row_bytes(rows, 0)) ? MRL_OK : MRL_ERR_CORRUPT;
}

mrl_err mrl_claims_revoke_denied(struct mrl_onboarding *o, const struct mrl_actor *actor,
                                 mrl_bytes reason, uint64_t *revoked, struct mrl_why *why)
{
    struct denied_claim d;
    mrl_err err;

    while ((err = mrl_store_read(o->store, find_denied, &d)) == MRL_OK) {
        err = mrl_claim_revoke(o, actor, mrl_name_bytes(&d.name), reason, why);
        MRL_ENSURE(err == MRL_OK || err == MRL_ERR_STATE, err); /* somebody was faster */
        *revoked += err == MRL_OK;
    }
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

/* --- reading --- */

struct listing {
    mrl_bytes after;
    size_t limit;
    mrl_claim_visit *visit;
    void *context;
};

static mrl_err visit_rows(struct mrl_rows *rows, const struct listing *l)
{
    mrl_err err;

    while ((err = mrl_rows_next(rows)) == MRL_OK) {
        struct mrl_claim_info info;

        MRL_TRY(info_of_row(rows, &info));
        l->visit(l->context, &info);
    }
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

static mrl_err run_list(struct mrl_tx *tx, void *context)
{
    const struct listing *l = context;
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query(tx,
                         "SELECT " COLUMNS " FROM claims WHERE name > $1 ORDER BY name LIMIT $2",
                         MRL_ARGS(MRL_TEXT(l->after), MRL_INT(l->limit)), &rows));
    return visit_rows(rows, l);
}

mrl_err mrl_claim_list(struct mrl_store *s, mrl_bytes after, size_t limit, mrl_claim_visit *visit,
                       void *context)
{
    struct listing l = {after, limit, visit, context};

    MRL_ENSURE(limit >= 1 && limit <= MRL_CLAIM_PAGE_MAX, MRL_ERR_INVALID);
    return mrl_store_read(s, run_list, &l);
}

static mrl_err run_show(struct mrl_tx *tx, void *context)
{
    const struct listing *l = context;
    MRL_AUTO(mrl_rows) rows = NULL;
    struct mrl_claim_info info;

    MRL_TRY(mrl_tx_query_one(tx, "SELECT " COLUMNS " FROM claims WHERE name = $1",
                             MRL_ARGS(MRL_TEXT(l->after)), &rows));
    MRL_TRY(info_of_row(rows, &info));
    l->visit(l->context, &info);
    return MRL_OK;
}

mrl_err mrl_claim_show(struct mrl_store *s, mrl_bytes name, mrl_claim_visit *visit, void *context,
                       struct mrl_why *why)
{
    struct listing l = {.after = name, .visit = visit, .context = context};
    mrl_err err = mrl_store_read(s, run_show, &l);

    return err == MRL_ERR_NOT_FOUND ? no_claim(name, why) : err;
}

static void publish_loaded(void *context, const struct mrl_claim_info *c)
{
    publish(context, c);
}

static mrl_err run_load(struct mrl_tx *tx, void *context)
{
    const struct listing l = {.visit = publish_loaded, .context = context};
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query(tx, "SELECT " COLUMNS " FROM claims", MRL_NO_ARGS, &rows));
    return visit_rows(rows, &l);
}

mrl_err mrl_claims_load(struct mrl_store *s, struct mrl_registry *r, struct mrl_why *why)
{
    mrl_err err = mrl_store_read(s, run_load, r);

    return err == MRL_OK ? MRL_OK : mrl_fail(why, err, "the claims of the store cannot be read");
}

/* --- using --- */

mrl_err mrl_claim_check_key_tx(struct mrl_tx *tx, mrl_bytes spki, struct mrl_why *why)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    uint8_t key[MRL_SHA256_SIZE];
    mrl_err err;

    MRL_TRY(mrl_sha256(spki, key));
    err = mrl_tx_query_one(tx, "SELECT name FROM claims WHERE key = $1 LIMIT 1",
                           MRL_ARGS(MRL_BLOB(mrl_bytes_of(key, sizeof(key)))), &rows);
    if (err == MRL_ERR_NOT_FOUND)
        return MRL_OK;
    MRL_TRY(err);
    return mrl_fail(why, MRL_ERR_EXISTS, "this key is that of claim %.*s; make a new one",
                    MRL_FMT(mrl_row_bytes(rows, 0)));
}

mrl_err mrl_claim_judge_tx(struct mrl_tx *tx, mrl_bytes name, struct mrl_why *why)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err = mrl_tx_query_one(tx,
                                   "SELECT state, not_after, used < uses, EXISTS"
                                   " (SELECT 1 FROM denied_keys d WHERE d.key = claims.key)"
                                   " FROM claims WHERE name = $1",
                                   MRL_ARGS(MRL_TEXT(name)), &rows);

    if (err == MRL_ERR_NOT_FOUND)
        return mrl_fail(why, MRL_ERR_AUTH, "the claim is unknown");
    MRL_TRY(err);
    if (mrl_row_int(rows, 0) != MRL_CREDENTIAL_ACTIVE)
        return mrl_fail(why, MRL_ERR_AUTH, "the claim is revoked");
    if (mrl_row_int(rows, 3) != 0)
        return mrl_fail(why, MRL_ERR_AUTH, "the key of the claim is on the deny-list");
    if (mrl_row_int(rows, 1) < mrl_wall_s())
        return mrl_fail(why, MRL_ERR_AUTH, "the claim has expired");
    if (mrl_row_int(rows, 2) == 0)
        return mrl_fail(why, MRL_ERR_LIMIT, "the claim is used up");
    return MRL_OK;
}

mrl_err mrl_claim_use_tx(struct mrl_tx *tx, mrl_bytes name, struct mrl_why *why)
{
    MRL_TRY(mrl_claim_judge_tx(tx, name, why));
    return mrl_tx_exec(tx, "UPDATE claims SET used = used + 1, changed = $2 WHERE name = $1",
                       MRL_ARGS(MRL_TEXT(name), MRL_INT(mrl_wall_ms())), NULL);
}
