/* SPDX-License-Identifier: Apache-2.0 */
/* Makers in the store: added, removed, listed. */
#include "onboarding/maker.h"

#include <string.h>

#include "audit/audit.h"
#include "base/clock.h"
#include "crypto/path.h"
#include "devices/denied_key.h"
#include "onboarding/maker_internal.h"

static const struct mrl_migration migrations[] = {
    {"makers", 1,
     "CREATE TABLE makers ("
     " name TEXT NOT NULL PRIMARY KEY,"
     " grp TEXT NOT NULL,"
     " prefix TEXT NOT NULL,"
     " id_from INTEGER NOT NULL CHECK (id_from BETWEEN 1 AND 3),"
     " approve INTEGER NOT NULL CHECK (approve BETWEEN 1 AND 3),"
     " jitp INTEGER NOT NULL,"
     " rate INTEGER NOT NULL,"
     " devices INTEGER NOT NULL,"
     " introduced INTEGER NOT NULL DEFAULT 0,"
     " crls BLOB NOT NULL,"
     " created INTEGER NOT NULL);"
     "CREATE TABLE maker_cas ("
     " fingerprint BLOB NOT NULL PRIMARY KEY,"
     " maker TEXT NOT NULL,"
     " position INTEGER NOT NULL,"
     " der BLOB NOT NULL);"
     "CREATE INDEX maker_cas_by_maker ON maker_cas (maker, position);"
     /* Never deleted, as devices are not: a key belongs to one device for ever. */
     "CREATE TABLE maker_identities ("
     " key BLOB NOT NULL PRIMARY KEY," /* SHA-256 of the SubjectPublicKeyInfo */
     " device TEXT NOT NULL UNIQUE,"
     " maker TEXT NOT NULL,"
     " fingerprint BLOB NOT NULL,"
     " revoked INTEGER NOT NULL DEFAULT 0,"
     " created INTEGER NOT NULL);"},
};
const struct mrl_migration_list mrl_maker_migrations = {migrations, MRL_COUNT(migrations)};

static const char *const id_names[] = {
    [MRL_MAKER_ID_SERIAL] = "serialNumber",
    [MRL_MAKER_ID_CN] = "cn",
    [MRL_MAKER_ID_HARDWARE] = "hardware",
};
static const char *const approve_names[] = {
    [MRL_MAKER_APPROVE_ALL] = "all",
    [MRL_MAKER_APPROVE_LISTED] = "listed",
    [MRL_MAKER_APPROVE_MANUAL] = "manual",
};

const char *mrl_maker_id_name(enum mrl_maker_id from)
{
    return (size_t)from < MRL_COUNT(id_names) && from >= 1 ? id_names[from] : "unknown";
}

const char *mrl_maker_approve_name(enum mrl_maker_approve approve)
{
    return (size_t)approve < MRL_COUNT(approve_names) && approve >= 1 ? approve_names[approve]
                                                                      : "unknown";
}

/* 0: none of them. */
static size_t parse(mrl_bytes name, const char *const *names, size_t count)
{
    for (size_t i = 1; i < count; i++)
        if (mrl_bytes_eq(name, mrl_str(names[i])))
            return i;
    return 0;
}

bool mrl_maker_id_parse(mrl_bytes name, enum mrl_maker_id *out)
{
    size_t i = parse(name, id_names, MRL_COUNT(id_names));

    if (i > 0)
        *out = (enum mrl_maker_id)i;
    return i > 0;
}

bool mrl_maker_approve_parse(mrl_bytes name, enum mrl_maker_approve *out)
{
    size_t i = parse(name, approve_names, MRL_COUNT(approve_names));

    if (i > 0)
        *out = (enum mrl_maker_approve)i;
    return i > 0;
}

/* --- adding --- */

struct addition {
    struct mrl_write write;
    struct mrl_makers *makers;
    const struct mrl_actor *actor;
    const struct mrl_maker_new *maker;
    char prefix[MRL_MAKER_PREFIX_MAX + 1];
    struct mrl_cert_list cas;
    struct mrl_buf crls;
    struct mrl_maker_set *set; /* as it will be */
    struct mrl_why *why;
};

/* The characters of an id; it may begin with any of them that an id may begin with. */
static mrl_err check_prefix(struct addition *a)
{
    MRL_SCOPED(mrl_buf) made = {0};
    mrl_bytes prefix = a->maker->prefix;

    if (!a->maker->has_prefix) {
        MRL_TRY(mrl_buf_printf(&made, "%.*s-", MRL_FMT(a->maker->name)));
        prefix = mrl_buf_bytes(&made);
    }
    if (!mrl_bytes_to_cstr(prefix, a->prefix, sizeof(a->prefix)))
        return mrl_fail(a->why, MRL_ERR_INVALID, "prefix: longer than %d characters",
                        MRL_MAKER_PREFIX_MAX);
    return prefix.len == 0 ? MRL_OK : mrl_name_check(prefix, "prefix", a->why);
}

static mrl_err check_ca(const struct mrl_cert *c, struct mrl_why *why)
{
    const struct mrl_cert_facts *f = mrl_cert_facts(c);

    if (!f->is_ca)
        return mrl_fail(why, MRL_ERR_INVALID, "a certificate of --ca is not that of a CA: %.*s",
                        MRL_FMT(f->cn));
    if (f->not_after <= mrl_wall_s())
        return mrl_fail(why, MRL_ERR_INVALID, "the CA certificate %.*s has expired",
                        MRL_FMT(f->cn));
    return MRL_OK;
}

static mrl_err read_cas(struct addition *a)
{
    mrl_err err = mrl_cert_list_add_pem(&a->cas, a->maker->ca);

    if (err != MRL_OK)
        return mrl_fail(a->why, MRL_ERR_INVALID, "ca: %s",
                        err == MRL_ERR_NOT_FOUND ? "there is no certificate in it"
                                                 : "a certificate in it cannot be read");
    if (a->cas.count > MRL_MAKER_CAS_MAX)
        return mrl_fail(a->why, MRL_ERR_LIMIT, "a maker has up to %d CA certificates",
                        MRL_MAKER_CAS_MAX);
    for (size_t i = 0; i < a->cas.count; i++)
        MRL_TRY(check_ca(a->cas.certs[i], a->why));
    return MRL_OK;
}

static mrl_err read_crls(mrl_bytes pem, struct mrl_buf *out, struct mrl_why *why)
{
    size_t count;
    mrl_err err;

    out->limit = MRL_MAKER_CRL_BYTES_MAX;
    if (pem.len == 0)
        return MRL_OK;
    err = mrl_crls_from_pem(pem, MRL_MAKER_CRLS_MAX, out, &count);
    if (err == MRL_ERR_LIMIT)
        return mrl_fail(why, err, "a maker has up to %d CRLs of %d KiB together",
                        MRL_MAKER_CRLS_MAX, MRL_MAKER_CRL_BYTES_MAX >> 10);
    return err == MRL_OK
               ? MRL_OK
               : mrl_fail(why, MRL_ERR_INVALID, "crl: no CRL, or one that cannot be read");
}

static mrl_err check_new(struct addition *a)
{
    const struct mrl_maker_new *n = a->maker;

    MRL_TRY(mrl_name_check(n->name, "maker", a->why));
    if (n->group.len > 0)
        MRL_TRY(mrl_name_check(n->group, "group", a->why));
    if (n->rate < 1 || n->rate > MRL_MAKER_RATE_MAX)
        return mrl_fail(a->why, MRL_ERR_INVALID, "rate: 1 to %d new devices a minute",
                        MRL_MAKER_RATE_MAX);
    if (n->devices > INT64_MAX)
        return mrl_fail(a->why, MRL_ERR_INVALID, "devices: too many");
    MRL_TRY(check_prefix(a));
    MRL_TRY(read_cas(a));
    return read_crls(n->crl, &a->crls, a->why);
}

/* Two makers must never be able to name the same device. */
static mrl_err check_overlap(struct mrl_tx *tx, const struct addition *a)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_bytes mine = mrl_str(a->prefix), other;
    mrl_err err;

    MRL_TRY(mrl_tx_query(tx, "SELECT name, prefix FROM makers WHERE name <> $1",
                         MRL_ARGS(MRL_TEXT(a->maker->name)), &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK) {
        other = mrl_row_bytes(rows, 1);
        if (mrl_bytes_starts(mine, other) || mrl_bytes_starts(other, mine))
            return mrl_fail(a->why, MRL_ERR_EXISTS,
                            "prefix \"%s\" overlaps with \"%.*s\" of maker %.*s", a->prefix,
                            MRL_FMT(other), MRL_FMT(mrl_row_bytes(rows, 0)));
    }
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

static mrl_err check_room(struct mrl_tx *tx, struct mrl_why *why)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query_one(tx, "SELECT COUNT(*) FROM makers", MRL_NO_ARGS, &rows));
    return mrl_row_int(rows, 0) < MRL_MAKERS_MAX
               ? MRL_OK
               : mrl_fail(why, MRL_ERR_LIMIT, "there are %d makers already", MRL_MAKERS_MAX);
}

static mrl_err insert_maker(struct mrl_tx *tx, const struct addition *a)
{
    const struct mrl_maker_new *n = a->maker;
    uint64_t added;

    MRL_TRY(mrl_tx_exec(
        tx,
        "INSERT INTO makers (" MRL_MAKER_COLUMNS ", crls, created)"
        " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT DO NOTHING",
        MRL_ARGS(MRL_TEXT(n->name), MRL_TEXT(n->group), MRL_TEXT(mrl_str(a->prefix)),
                 MRL_INT(n->id_from), MRL_INT(n->approve), MRL_INT(n->jitp), MRL_INT(n->rate),
                 MRL_INT(n->devices), MRL_BLOB(mrl_buf_bytes(&a->crls)), MRL_INT(mrl_wall_ms())),
        &added));
    return added > 0 ? MRL_OK
                     : mrl_fail(a->why, MRL_ERR_EXISTS, "there is a maker %.*s already",
                                MRL_FMT(n->name));
}

static mrl_err insert_ca(struct mrl_tx *tx, const struct addition *a, size_t i)
{
    const struct mrl_cert_facts *f = mrl_cert_facts(a->cas.certs[i]);
    uint64_t added;

    MRL_TRY(mrl_key_vet(tx, f->spki, a->why));
    MRL_TRY(mrl_tx_exec(tx,
                        "INSERT INTO maker_cas (fingerprint, maker, position, der)"
                        " VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                        MRL_ARGS(MRL_BLOB(mrl_fingerprint_bytes(&f->fingerprint)),
                                 MRL_TEXT(a->maker->name), MRL_INT(i), MRL_BLOB(f->der)),
                        &added));
    return added > 0 ? MRL_OK
                     : mrl_fail(a->why, MRL_ERR_EXISTS,
                                "the CA certificate %.*s is given twice, or is another maker's",
                                MRL_FMT(f->cn));
}

static mrl_err digest(struct mrl_tx *tx, mrl_bytes name, struct mrl_audit_digest *out)
{
    return mrl_audit_digest(tx,
                            "SELECT " MRL_MAKER_COLUMNS ", crls, created, fingerprint, position"
                            " FROM makers JOIN maker_cas ON maker = name WHERE name = $1"
                            " ORDER BY position",
                            MRL_ARGS(MRL_TEXT(name)), out);
}

static mrl_err record_added(struct mrl_tx *tx, const struct addition *a)
{
    const struct mrl_maker_new *n = a->maker;
    const struct mrl_audit_detail details[] = {
        MRL_AUDIT_TEXT("approve", mrl_str(mrl_maker_approve_name(n->approve))),
        MRL_AUDIT_INT("cas", a->cas.count),
        MRL_AUDIT_TEXT("id_from", mrl_str(mrl_maker_id_name(n->id_from))),
        MRL_AUDIT_TEXT("jitp", n->jitp ? MRL_LIT("yes") : MRL_LIT("no")),
        MRL_AUDIT_TEXT("prefix", mrl_str(a->prefix)),
        MRL_AUDIT_TEXT("group", n->group),
    };
    struct mrl_audit_event e = mrl_actor_event(a->actor, MRL_AUDIT_MAKER_ADDED, n->name);

    e.details = details;
    e.details_count = MRL_COUNT(details);
    MRL_TRY(digest(tx, n->name, &e.after));
    return mrl_audit_append(tx, &e, NULL);
}

static mrl_err run_add(struct mrl_tx *tx, struct mrl_write *w)
{
    struct addition *a = MRL_CONTAINER(w, struct addition, write);

    MRL_TRY(check_room(tx, a->why));
    MRL_TRY(insert_maker(tx, a));
    MRL_TRY(check_overlap(tx, a));
    for (size_t i = 0; i < a->cas.count; i++)
        MRL_TRY(insert_ca(tx, a, i));
    MRL_TRY(record_added(tx, a));
    return mrl_maker_set_load(tx, &a->set);
}

static void publish_added(struct mrl_write *w)
{
    struct addition *a = MRL_CONTAINER(w, struct addition, write);

    mrl_makers_publish(a->makers, MRL_TAKE(a->set));
}

mrl_err mrl_maker_add(struct mrl_makers *m, const struct mrl_actor *actor,
                      const struct mrl_maker_new *maker, struct mrl_why *why)
{
    struct addition a = {.write = {.run = run_add, .committed = publish_added},
                         .makers = m,
                         .actor = actor,
                         .maker = maker,
                         .why = why};
    mrl_err err = check_new(&a);

    if (err == MRL_OK)
        err = mrl_store_write(m->store, &a.write);
    mrl_maker_set_free(a.set);
    mrl_cert_list_done(&a.cas);
    mrl_buf_done(&a.crls);
    return err;
}

/* --- changing --- */

struct change {
    struct mrl_write write;
    struct mrl_makers *makers;
    const struct mrl_actor *actor;
    mrl_bytes name;
    struct mrl_buf crls;
    struct mrl_maker_set *set;
    struct mrl_why *why;
};

static mrl_err no_maker(mrl_bytes name, struct mrl_why *why)
{
    return mrl_fail(why, MRL_ERR_NOT_FOUND, "there is no maker %.*s", MRL_FMT(name));
}

static mrl_err run_remove(struct mrl_tx *tx, struct mrl_write *w)
{
    struct change *c = MRL_CONTAINER(w, struct change, write);
    struct mrl_audit_event e = mrl_actor_event(c->actor, MRL_AUDIT_MAKER_REMOVED, c->name);
    uint64_t gone;

    MRL_TRY(digest(tx, c->name, &e.before));
    MRL_TRY(
        mrl_tx_exec(tx, "DELETE FROM makers WHERE name = $1", MRL_ARGS(MRL_TEXT(c->name)), &gone));
    if (gone == 0)
        return no_maker(c->name, c->why);
    MRL_TRY(mrl_tx_exec(tx, "DELETE FROM maker_cas WHERE maker = $1", MRL_ARGS(MRL_TEXT(c->name)),
                        NULL));
    MRL_TRY(mrl_audit_append(tx, &e, NULL));
    return mrl_maker_set_load(tx, &c->set);
}

static mrl_err run_set_crl(struct mrl_tx *tx, struct mrl_write *w)
{
    struct change *c = MRL_CONTAINER(w, struct change, write);
    struct mrl_audit_event e = mrl_actor_event(c->actor, MRL_AUDIT_MAKER_CHANGED, c->name);
    const struct mrl_audit_detail detail = MRL_AUDIT_INT("crl_bytes", c->crls.len);
    uint64_t changed;

    MRL_TRY(digest(tx, c->name, &e.before));
    MRL_TRY(mrl_tx_exec(tx, "UPDATE makers SET crls = $2 WHERE name = $1",
                        MRL_ARGS(MRL_TEXT(c->name), MRL_BLOB(mrl_buf_bytes(&c->crls))), &changed));
    if (changed == 0)
        return no_maker(c->name, c->why);
    MRL_TRY(digest(tx, c->name, &e.after));
    e.details = &detail;
    e.details_count = 1;
    MRL_TRY(mrl_audit_append(tx, &e, NULL));
    return mrl_maker_set_load(tx, &c->set);
}

static void publish_changed(struct mrl_write *w)
{
    struct change *c = MRL_CONTAINER(w, struct change, write);

    mrl_makers_publish(c->makers, MRL_TAKE(c->set));
}

static mrl_err change(struct change *c)
{
    mrl_err err;

    c->write.committed = publish_changed;
    if (!mrl_name_valid(c->name))
        return no_maker(MRL_LIT("of that name"), c->why);
    err = mrl_store_write(c->makers->store, &c->write);
    mrl_maker_set_free(c->set);
    return err;
}

mrl_err mrl_maker_remove(struct mrl_makers *m, const struct mrl_actor *actor, mrl_bytes name,
                         struct mrl_why *why)
{
    struct change c = {
        .write.run = run_remove, .makers = m, .actor = actor, .name = name, .why = why};

    return change(&c);
}

mrl_err mrl_maker_set_crl(struct mrl_makers *m, const struct mrl_actor *actor, mrl_bytes name,
                          mrl_bytes crl, struct mrl_why *why)
{
    struct change c = {
        .write.run = run_set_crl, .makers = m, .actor = actor, .name = name, .why = why};
    mrl_err err = read_crls(crl, &c.crls, why);

    if (err == MRL_OK)
        err = change(&c);
    mrl_buf_done(&c.crls);
    return err;
}

/* --- finding --- */

struct reading {
    mrl_bytes name; /* after it, or this one */
    size_t limit;
    mrl_maker_visit *visit;
    void *context;
};

/* Behind the columns of the rule: created, introduced, crls. */
#define LISTED MRL_MAKER_COLUMNS ", created, introduced, crls"

static mrl_err visit_row(const struct reading *r, const struct mrl_rows *rows,
                         const struct mrl_cert_list *cas)
{
    mrl_bytes crls[MRL_MAKER_CRLS_MAX];
    struct mrl_maker_rule rule;
    size_t count = 0;

    MRL_TRY(mrl_maker_rule_of_row(rows, &rule));
    MRL_TRY(mrl_maker_crls_split(mrl_row_bytes(rows, MRL_MAKER_COLUMN_COUNT + 2), crls, &count));
    r->visit(r->context, &(struct mrl_maker_info){
                             .rule = &rule,
                             .created_ms = mrl_row_int(rows, MRL_MAKER_COLUMN_COUNT),
                             .introduced = (uint64_t)mrl_row_int(rows, MRL_MAKER_COLUMN_COUNT + 1),
                             .crls = count,
                             .cas = cas,
                         });
    return MRL_OK;
}

static mrl_err run_list(struct mrl_tx *tx, void *context)
{
    const struct reading *r = context;
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(mrl_tx_query(tx, "SELECT " LISTED " FROM makers WHERE name > $1 ORDER BY name LIMIT $2",
                         MRL_ARGS(MRL_TEXT(r->name), MRL_INT(r->limit)), &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK)
        MRL_TRY(visit_row(r, rows, /*cas=*/NULL));
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

mrl_err mrl_maker_list(struct mrl_makers *m, mrl_bytes after, size_t limit, mrl_maker_visit *visit,
                       void *context)
{
    struct reading r = {after, limit, visit, context};

    MRL_ENSURE(limit >= 1 && limit <= MRL_MAKER_PAGE_MAX, MRL_ERR_INVALID);
    return mrl_store_read(m->store, run_list, &r);
}

static mrl_err run_show(struct mrl_tx *tx, void *context)
{
    const struct reading *r = context;
    MRL_SCOPED(mrl_cert_list) cas = {0};
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query_one(tx, "SELECT " LISTED " FROM makers WHERE name = $1",
                             MRL_ARGS(MRL_TEXT(r->name)), &rows));
    MRL_TRY(mrl_maker_cas_read(tx, r->name, &cas));
    return visit_row(r, rows, &cas);
}

mrl_err mrl_maker_show(struct mrl_makers *m, mrl_bytes name, mrl_maker_visit *visit, void *context,
                       struct mrl_why *why)
{
    struct reading r = {.name = name, .visit = visit, .context = context};
    mrl_err err = mrl_name_valid(name) ? mrl_store_read(m->store, run_show, &r) : MRL_ERR_NOT_FOUND;

    return err == MRL_ERR_NOT_FOUND ? no_maker(name, why) : err;
}
