/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/account.h"

#include "audit/audit.h"
#include "base/arena.h"
#include "base/clock.h"
#include "devices/internal.h"

#define COLUMNS "kind, id, roles, state, note, reason, created, changed"

struct change {
    struct mrl_change base;
    uint32_t roles;
    mrl_bytes text; /* note or reason */
    enum mrl_account_state state;
};

static bool is_account(enum mrl_principal_kind kind)
{
    return kind == MRL_PRINCIPAL_APPLICATION || kind == MRL_PRINCIPAL_OPERATOR;
}

static mrl_err check_account(enum mrl_principal_kind kind, mrl_bytes id, struct mrl_why *why)
{
    if (!is_account(kind))
        return mrl_fail(why, MRL_ERR_INVALID, "an account is an application or an operator");
    return mrl_name_check(id, mrl_principal_kind_name(kind), why);
}

static mrl_err check_roles(enum mrl_principal_kind kind, uint32_t roles, struct mrl_why *why)
{
    if (kind == MRL_PRINCIPAL_APPLICATION)
        return roles == 0 ? MRL_OK
                          : mrl_fail(why, MRL_ERR_INVALID, "applications have no operator roles");
    if (roles == 0 || (roles & ~(uint32_t)MRL_OPERATOR_ROLES_ALL) != 0)
        return mrl_fail(why, MRL_ERR_INVALID, "an operator has one or more of the known roles");
    return MRL_OK;
}

/* before: the record as it was, NULL for one that is added. */
static mrl_err audit(struct mrl_tx *tx, const struct mrl_change *change,
                     const struct mrl_audit_digest *before, const struct mrl_audit_detail *details,
                     size_t count, mrl_bytes reason)
{
    static const enum mrl_audit_action actions[2][2] = {
        {MRL_AUDIT_APPLICATION_CHANGED, MRL_AUDIT_APPLICATION_ADDED},
        {MRL_AUDIT_OPERATOR_CHANGED, MRL_AUDIT_OPERATOR_ADDED},
    };
    struct mrl_audit_event e = mrl_actor_event(
        change->actor, actions[change->kind == MRL_PRINCIPAL_OPERATOR][before == NULL], change->id);

    e.reason = reason;
    e.details = details;
    e.details_count = count;
    if (before != NULL)
        e.before = *before;
    MRL_TRY(mrl_registry_digest(tx, change->kind, change->id, &e.after));
    return mrl_audit_append(tx, &e, NULL);
}

static mrl_err audit_roles(struct mrl_tx *tx, const struct change *c,
                           const struct mrl_audit_digest *before)
{
    char roles[MRL_OPERATOR_ROLES_TEXT];
    struct mrl_audit_detail detail;

    mrl_operator_roles_format(c->roles, roles);
    detail = MRL_AUDIT_TEXT("roles", mrl_str(roles));
    return audit(tx, &c->base, before, &detail, c->roles != 0 ? 1 : 0, MRL_BYTES_NONE);
}

/* --- adding --- */

static mrl_err run_add(struct mrl_tx *tx, struct mrl_change *change)
{
    const struct change *c = MRL_CONTAINER(change, struct change, base);
    const struct mrl_note_of of = {change->kind, change->id};
    MRL_AUTO(mrl_rows) rows = NULL;
    MRL_SCOPED(mrl_buf) sealed = {0};
    struct mrl_value note;
    uint64_t added;

    MRL_TRY(mrl_tx_query_one(tx, "SELECT COUNT(*) FROM accounts WHERE kind = $1",
                             MRL_ARGS(MRL_INT(change->kind)), &rows));
    if (mrl_row_int(rows, 0) >= MRL_ACCOUNTS_MAX)
        return mrl_fail(change->why, MRL_ERR_LIMIT, "there are %d already", MRL_ACCOUNTS_MAX);
    MRL_TRY(mrl_note_seal(change->registry->sealer, &of, c->text, &sealed, &note));
    MRL_TRY(
        mrl_tx_exec(tx,
                    "INSERT INTO accounts (kind, id, roles, state, note, reason, created, changed) "
                    "VALUES ($1, $2, $3, $4, $5, '', $6, $6) ON CONFLICT DO NOTHING",
                    MRL_ARGS(MRL_INT(change->kind), MRL_TEXT(change->id), MRL_INT(c->roles),
                             MRL_INT(MRL_ACCOUNT_ACTIVE), note, MRL_INT(mrl_wall_ms())),
                    &added));
    if (added == 0)
        return mrl_fail(change->why, MRL_ERR_EXISTS, "%s %.*s is known already",
                        mrl_principal_kind_name(change->kind), MRL_FMT(change->id));
    return audit_roles(tx, c, /*before=*/NULL);
}

mrl_err mrl_account_add(struct mrl_registry *r, const struct mrl_actor *actor,
                        enum mrl_principal_kind kind, mrl_bytes id, uint32_t operator_roles,
                        mrl_bytes note, struct mrl_why *why)
{
    struct change c = {
        .base = {.registry = r, .actor = actor, .kind = kind, .id = id, .why = why, .run = run_add},
        .roles = operator_roles,
        .text = note,
    };

    MRL_TRY(check_account(kind, id, why));
    MRL_TRY(check_roles(kind, operator_roles, why));
    MRL_TRY(mrl_text_check(note, MRL_NOTE_MAX, "note", why));
    return mrl_change_write(&c.base);
}

/* --- changing --- */

static mrl_err read_state(struct mrl_tx *tx, const struct mrl_change *change, int64_t *out)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err = mrl_tx_query_one(tx, "SELECT state FROM accounts WHERE kind = $1 AND id = $2",
                                   MRL_ARGS(MRL_INT(change->kind), MRL_TEXT(change->id)), &rows);

    if (err == MRL_ERR_NOT_FOUND)
        return mrl_fail(change->why, err, "there is no %s %.*s",
                        mrl_principal_kind_name(change->kind), MRL_FMT(change->id));
    MRL_TRY(err);
    *out = mrl_row_int(rows, 0);
    return MRL_OK;
}

static mrl_err run_switch(struct mrl_tx *tx, struct mrl_change *change)
{
    const struct change *c = MRL_CONTAINER(change, struct change, base);
    const char *state = mrl_account_state_name(c->state);
    const struct mrl_audit_detail detail = MRL_AUDIT_TEXT("state", mrl_str(state));
    struct mrl_audit_digest before;
    int64_t now;

    MRL_TRY(read_state(tx, change, &now));
    if (now == (int64_t)c->state)
        return mrl_fail(change->why, MRL_ERR_STATE, "%s %.*s is %s already",
                        mrl_principal_kind_name(change->kind), MRL_FMT(change->id), state);
    MRL_TRY(mrl_registry_digest(tx, change->kind, change->id, &before));
    MRL_TRY(mrl_tx_exec(tx,
                        "UPDATE accounts SET state = $3, reason = $4, changed = $5 "
                        "WHERE kind = $1 AND id = $2",
                        MRL_ARGS(MRL_INT(change->kind), MRL_TEXT(change->id), MRL_INT(c->state),
                                 MRL_TEXT(c->text), MRL_INT(mrl_wall_ms())),
                        NULL));
    return audit(tx, change, &before, &detail, 1, c->text);
}

static mrl_err switch_account(struct change *c)
{
    MRL_TRY(check_account(c->base.kind, c->base.id, c->base.why));
    MRL_TRY(mrl_text_check(c->text, MRL_REASON_MAX, "reason", c->base.why));
    return mrl_change_write(&c->base);
}

mrl_err mrl_account_disable(struct mrl_registry *r, const struct mrl_actor *actor,
                            enum mrl_principal_kind kind, mrl_bytes id, mrl_bytes reason,
                            struct mrl_why *why)
{
    struct change c = {
        .base =
            {.registry = r, .actor = actor, .kind = kind, .id = id, .why = why, .run = run_switch},
        .text = reason,
        .state = MRL_ACCOUNT_DISABLED,
    };

    return switch_account(&c);
}

mrl_err mrl_account_enable(struct mrl_registry *r, const struct mrl_actor *actor,
                           enum mrl_principal_kind kind, mrl_bytes id, struct mrl_why *why)
{
    struct change c = {
        .base =
            {.registry = r, .actor = actor, .kind = kind, .id = id, .why = why, .run = run_switch},
        .state = MRL_ACCOUNT_ACTIVE,
    };

    return switch_account(&c);
}

static mrl_err run_revoke(struct mrl_tx *tx, struct mrl_change *change)
{
    const struct change *c = MRL_CONTAINER(change, struct change, base);
    struct mrl_audit_detail details[2];
    struct mrl_audit_digest before;
    uint64_t revoked;
    int64_t state;

    MRL_TRY(read_state(tx, change, &state));
    MRL_TRY(mrl_registry_digest(tx, change->kind, change->id, &before));
    MRL_TRY(mrl_registry_revoke_all(change->registry, tx, change->kind, change->id, c->text,
                                    &revoked, change->why));
    details[0] = MRL_AUDIT_TEXT("change", MRL_LIT("certificates revoked"));
    details[1] = MRL_AUDIT_INT("certificates", revoked);
    return audit(tx, change, &before, details, MRL_COUNT(details), c->text);
}

mrl_err mrl_account_revoke(struct mrl_registry *r, const struct mrl_actor *actor,
                           enum mrl_principal_kind kind, mrl_bytes id, mrl_bytes reason,
                           struct mrl_why *why)
{
    struct change c = {
        .base =
            {.registry = r, .actor = actor, .kind = kind, .id = id, .why = why, .run = run_revoke},
        .text = reason,
    };

    return switch_account(&c);
}

static mrl_err run_set_roles(struct mrl_tx *tx, struct mrl_change *change)
{
    const struct change *c = MRL_CONTAINER(change, struct change, base);
    struct mrl_audit_digest before;
    int64_t state;

    MRL_TRY(read_state(tx, change, &state));
    MRL_TRY(mrl_registry_digest(tx, change->kind, change->id, &before));
    MRL_TRY(mrl_tx_exec(tx,
                        "UPDATE accounts SET roles = $3, changed = $4 WHERE kind = $1 AND id = $2",
                        MRL_ARGS(MRL_INT(change->kind), MRL_TEXT(change->id), MRL_INT(c->roles),
                                 MRL_INT(mrl_wall_ms())),
                        NULL));
    return audit_roles(tx, c, &before);
}

mrl_err mrl_operator_set_roles(struct mrl_registry *r, const struct mrl_actor *actor, mrl_bytes id,
                               uint32_t operator_roles, struct mrl_why *why)
{
    struct change c = {
        .base = {.registry = r,
                 .actor = actor,
                 .kind = MRL_PRINCIPAL_OPERATOR,
                 .id = id,
                 .why = why,
                 .run = run_set_roles},
        .roles = operator_roles,
    };

    MRL_TRY(check_account(MRL_PRINCIPAL_OPERATOR, id, why));
    MRL_TRY(check_roles(MRL_PRINCIPAL_OPERATOR, operator_roles, why));
    return mrl_change_write(&c.base);
}

/* --- reading --- */

struct reading {
    struct mrl_registry *registry;
    enum mrl_principal_kind kind;
    mrl_bytes id; /* or the cursor of a list */
    size_t limit;
    mrl_account_visit *visit;
    void *context;
    struct mrl_buf note; /* of the present row */
    struct mrl_why *why;
};

/* The note is in r until the next row. */
static mrl_err open_note(struct reading *r, const struct mrl_rows *rows,
                         struct mrl_account_info *info)
{
    const struct mrl_note_of of = {info->kind, info->id};

    MRL_TRY(mrl_note_open(r->registry->sealer, &of, mrl_row_bytes(rows, 4), &r->note, r->why));
    info->note = mrl_buf_bytes(&r->note);
    return MRL_OK;
}

static struct mrl_account_info info_of_row(const struct mrl_rows *rows)
{
    return (struct mrl_account_info){
        .kind = (enum mrl_principal_kind)mrl_row_int(rows, 0),
        .id = mrl_row_bytes(rows, 1),
        .operator_roles = (uint32_t)mrl_row_int(rows, 2),
        .state = (enum mrl_account_state)mrl_row_int(rows, 3),
        .reason = mrl_row_bytes(rows, 5),
        .created_ms = mrl_row_int(rows, 6),
        .changed_ms = mrl_row_int(rows, 7),
    };
}

static mrl_err run_list(struct mrl_tx *tx, void *context)
{
    struct reading *r = context;
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(mrl_tx_query(tx,
                         "SELECT " COLUMNS " FROM accounts WHERE kind = $1 AND id > $2 "
                         "ORDER BY id LIMIT $3",
                         MRL_ARGS(MRL_INT(r->kind), MRL_TEXT(r->id), MRL_INT(r->limit)), &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK) {
        struct mrl_account_info info = info_of_row(rows);

        MRL_TRY(open_note(r, rows, &info));
        r->visit(r->context, &info);
    }
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

mrl_err mrl_account_list(struct mrl_registry *r, enum mrl_principal_kind kind, mrl_bytes after,
                         size_t limit, mrl_account_visit *visit, void *context, struct mrl_why *why)
{
    struct reading reading = {.registry = r,
                              .kind = kind,
                              .id = after,
                              .limit = limit,
                              .visit = visit,
                              .context = context,
                              .why = why};
    mrl_err err;

    MRL_TRY(check_account(kind, after.len == 0 ? MRL_LIT("any") : after, why));
    if (limit < 1 || limit > MRL_DEVICE_PAGE_MAX)
        return mrl_fail(why, MRL_ERR_INVALID, "a page has 1 to %d accounts", MRL_DEVICE_PAGE_MAX);
    err = mrl_store_read(r->store, run_list, &reading);
    mrl_buf_done(&reading.note);
    return err;
}

static mrl_err run_show(struct mrl_tx *tx, void *context)
{
    struct reading *r = context;
    MRL_AUTO(mrl_rows) rows = NULL;
    struct mrl_arena arena = {0};
    struct mrl_account_info info;
    mrl_err err;

    MRL_TRY(mrl_tx_query_one(tx, "SELECT " COLUMNS " FROM accounts WHERE kind = $1 AND id = $2",
                             MRL_ARGS(MRL_INT(r->kind), MRL_TEXT(r->id)), &rows));
    info = info_of_row(rows);
    MRL_TRY(open_note(r, rows, &info));
    err =
        mrl_credentials_read(tx, &arena, r->kind, r->id, &info.credentials, &info.credential_count);
    if (err == MRL_OK)
        r->visit(r->context, &info);
    mrl_arena_done(&arena);
    return err;
}

mrl_err mrl_account_show(struct mrl_registry *r, enum mrl_principal_kind kind, mrl_bytes id,
                         mrl_account_visit *visit, void *context, struct mrl_why *why)
{
    struct reading reading = {
        .registry = r, .kind = kind, .id = id, .visit = visit, .context = context, .why = why};
    mrl_err err;

    MRL_TRY(check_account(kind, id, why));
    err = mrl_store_read(r->store, run_show, &reading);
    mrl_buf_done(&reading.note);
    return err == MRL_ERR_NOT_FOUND ? mrl_fail(why, err, "there is no such account") : err;
}
