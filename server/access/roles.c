/* SPDX-License-Identifier: Apache-2.0 */
/* Changes of roles and bindings: each a write job. */
#include "access/roles.h"

#include "access/access.h"
#include "audit/audit.h"
#include "base/clock.h"
#include "base/utf8.h"

/* One change; lives on the stack of the service thread that waits for it. */
struct change {
    struct mrl_write write;
    struct mrl_access *access;
    const struct mrl_actor *actor;
    mrl_bytes role;
    mrl_bytes text;
    const struct mrl_rule *rules;
    size_t count;
    struct mrl_role_target target;
    struct mrl_why *why;
    struct mrl_role *made; /* on its way into the model */
};

/* --- checks before the job --- */

static mrl_err check_name(mrl_bytes name, struct mrl_why *why)
{
    MRL_TRY(mrl_name_check(name, "role", why));
    if (mrl_built_in_find(name) != NULL)
        return mrl_fail(why, MRL_ERR_DENIED, "role %.*s is part of the program", MRL_FMT(name));
    return MRL_OK;
}

static mrl_err check_text(mrl_bytes text, struct mrl_why *why)
{
    if (text.len > MRL_ROLE_TEXT_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT, "the description is longer than %d bytes",
                        MRL_ROLE_TEXT_MAX);
    if (!mrl_utf8_valid(text) || mrl_bytes_find(text, 0, 0) < text.len)
        return mrl_fail(why, MRL_ERR_INVALID, "the description is not UTF-8 text");
    return MRL_OK;
}

static mrl_err check_rules(const struct mrl_rule *rules, size_t count, struct mrl_why *why)
{
    if (count > MRL_ROLE_RULES_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT, "a role has at most %d rules", MRL_ROLE_RULES_MAX);
    for (size_t i = 0; i < count; i++) {
        struct mrl_why inner;
        mrl_err err = mrl_rule_check(&rules[i], &inner);

        if (err != MRL_OK)
            return mrl_fail(why, err, "rule %zu: %.200s", i + 1, inner.text);
    }
    return MRL_OK;
}

/* --- inside the job --- */

static mrl_err count_of(struct mrl_tx *tx, const char *sql, const struct mrl_value *args, size_t n,
                        int64_t *out)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query_one(tx, sql, args, n, &rows));
    *out = mrl_row_int(rows, 0);
    return MRL_OK;
}

static mrl_err require_role(struct mrl_tx *tx, const struct change *c)
{
    int64_t found;

    MRL_TRY(count_of(tx, "SELECT COUNT(*) FROM roles WHERE name = $1", MRL_ARGS(MRL_TEXT(c->role)),
                     &found));
    if (found == 0)
        return mrl_fail(c->why, MRL_ERR_NOT_FOUND, "there is no role %.*s", MRL_FMT(c->role));
    return MRL_OK;
}

static mrl_err write_rules(struct mrl_tx *tx, const struct change *c)
{
    MRL_TRY(mrl_tx_exec(tx, "DELETE FROM role_rules WHERE role = $1", MRL_ARGS(MRL_TEXT(c->role)),
                        NULL));
    for (size_t i = 0; i < c->count; i++)
        MRL_TRY(mrl_tx_exec(tx,
                            "INSERT INTO role_rules (role, position, actions, filter, withheld) "
                            "VALUES ($1, $2, $3, $4, $5)",
                            MRL_ARGS(MRL_TEXT(c->role), MRL_INT(i), MRL_INT(c->rules[i].actions),
                                     MRL_TEXT(c->rules[i].filter), MRL_INT(c->rules[i].withheld)),
                            NULL));
    return MRL_OK;
}

/* The role with its rules. Actions and what is withheld are one number, so that a rule that
 * withholds nothing has the digest it had before there was anything to withhold. */
static mrl_err digest(struct mrl_tx *tx, const struct change *c, struct mrl_audit_digest *out)
{
    return mrl_audit_digest(tx,
                            "SELECT r.name, r.text, r.changed, u.position,"
                            " u.actions + 4 * u.withheld, u.filter"
                            " FROM roles r LEFT JOIN role_rules u ON u.role = r.name"
                            " WHERE r.name = $1 ORDER BY u.position",
                            MRL_ARGS(MRL_TEXT(c->role)), out);
}

/* The entry says which rules the role has from now on; the log cuts a very long list and says so.
 */
static mrl_err audit_rules(struct mrl_tx *tx, const struct change *c, enum mrl_audit_action action,
                           const struct mrl_audit_digest *before)
{
    struct mrl_audit_event e = mrl_actor_event(c->actor, action, c->role);
    MRL_SCOPED(mrl_buf) text = {0};
    struct mrl_audit_detail details[2];
    char rule[MRL_RULE_TEXT_MAX];

    for (size_t i = 0; i < c->count; i++)
        MRL_TRY(
            mrl_buf_printf(&text, "%s%s", i > 0 ? "\n" : "", mrl_rule_text(&c->rules[i], rule)));
    details[0] = MRL_AUDIT_INT("rule_count", c->count);
    details[1] = MRL_AUDIT_TEXT("rules", mrl_buf_bytes(&text));
    e.details = details;
    e.details_count = MRL_COUNT(details);
    e.before = *before;
    MRL_TRY(digest(tx, c, &e.after));
    return mrl_audit_append(tx, &e, NULL);
}

static mrl_err audit_binding(struct mrl_tx *tx, const struct change *c,
                             enum mrl_audit_action action)
{
    struct mrl_audit_event e = mrl_actor_event(c->actor, action, c->role);
    const struct mrl_audit_detail details[] = {
        MRL_AUDIT_TEXT("holder_kind", mrl_str(mrl_role_target_kind_name(c->target.kind))),
        MRL_AUDIT_TEXT("holder", c->target.name),
    };

    e.details = details;
    e.details_count = MRL_COUNT(details);
    return mrl_audit_append(tx, &e, NULL);
}

static mrl_err run_create(struct mrl_tx *tx, struct mrl_write *w)
{
    struct change *c = MRL_CONTAINER(w, struct change, write);
    int64_t roles;
    uint64_t added;

    MRL_TRY(count_of(tx, "SELECT COUNT(*) FROM roles", MRL_NO_ARGS, &roles));
    if (roles >= MRL_ROLES_MAX)
        return mrl_fail(c->why, MRL_ERR_LIMIT, "there are %d roles already", MRL_ROLES_MAX);
    MRL_TRY(mrl_tx_exec(
        tx, "INSERT INTO roles (name, text, changed) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        MRL_ARGS(MRL_TEXT(c->role), MRL_TEXT(c->text), MRL_INT(mrl_wall_ms())), &added));
    if (added == 0)
        return mrl_fail(c->why, MRL_ERR_EXISTS, "role %.*s exists already", MRL_FMT(c->role));
    MRL_TRY(write_rules(tx, c));
    return audit_rules(tx, c, MRL_AUDIT_ROLE_ADDED, &(struct mrl_audit_digest){.known = false});
}

static mrl_err run_set_rules(struct mrl_tx *tx, struct mrl_write *w)
{
    struct change *c = MRL_CONTAINER(w, struct change, write);
    struct mrl_audit_digest before;

    MRL_TRY(require_role(tx, c));
    MRL_TRY(digest(tx, c, &before));
    MRL_TRY(mrl_tx_exec(tx, "UPDATE roles SET changed = $2 WHERE name = $1",
                        MRL_ARGS(MRL_TEXT(c->role), MRL_INT(mrl_wall_ms())), NULL));
    MRL_TRY(write_rules(tx, c));
    return audit_rules(tx, c, MRL_AUDIT_ROLE_CHANGED, &before);
}

static mrl_err run_delete(struct mrl_tx *tx, struct mrl_write *w)
{
    struct change *c = MRL_CONTAINER(w, struct change, write);
    struct mrl_audit_event e = mrl_actor_event(c->actor, MRL_AUDIT_ROLE_DELETED, c->role);
    int64_t holders;

    MRL_TRY(require_role(tx, c));
    MRL_TRY(count_of(tx, "SELECT COUNT(*) FROM role_bindings WHERE role = $1",
                     MRL_ARGS(MRL_TEXT(c->role)), &holders));
    if (holders > 0)
        return mrl_fail(c->why, MRL_ERR_STATE, "role %.*s is still held by %lld: unassign it first",
                        MRL_FMT(c->role), (long long)holders);
    MRL_TRY(digest(tx, c, &e.before));
    c->count = 0;
    MRL_TRY(write_rules(tx, c));
    MRL_TRY(
        mrl_tx_exec(tx, "DELETE FROM roles WHERE name = $1", MRL_ARGS(MRL_TEXT(c->role)), NULL));
    return mrl_audit_append(tx, &e, NULL);
}

static mrl_err run_assign(struct mrl_tx *tx, struct mrl_write *w)
{
    struct change *c = MRL_CONTAINER(w, struct change, write);
    int64_t held;
    uint64_t added;

    MRL_TRY(require_role(tx, c));
    MRL_TRY(mrl_tx_exec(tx,
                        "INSERT INTO role_bindings (target_kind, target, role, created) "
                        "VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING",
                        MRL_ARGS(MRL_INT(c->target.kind), MRL_TEXT(c->target.name),
                                 MRL_TEXT(c->role), MRL_INT(mrl_wall_ms())),
                        &added));
    if (added == 0)
        return mrl_fail(c->why, MRL_ERR_EXISTS, "%.*s has this role already",
                        MRL_FMT(c->target.name));
    MRL_TRY(count_of(tx,
                     "SELECT COUNT(*) FROM role_bindings WHERE target_kind = $1 AND target = $2",
                     MRL_ARGS(MRL_INT(c->target.kind), MRL_TEXT(c->target.name)), &held));
    if (held > MRL_SUBJECT_ROLES_MAX) /* the error undoes the insert */
        return mrl_fail(c->why, MRL_ERR_LIMIT, "%.*s has %d roles already", MRL_FMT(c->target.name),
                        MRL_SUBJECT_ROLES_MAX);
    return audit_binding(tx, c, MRL_AUDIT_ROLE_GRANTED);
}

static mrl_err run_unassign(struct mrl_tx *tx, struct mrl_write *w)
{
    struct change *c = MRL_CONTAINER(w, struct change, write);
    uint64_t removed;

    MRL_TRY(mrl_tx_exec(
        tx, "DELETE FROM role_bindings WHERE target_kind = $1 AND target = $2 AND role = $3",
        MRL_ARGS(MRL_INT(c->target.kind), MRL_TEXT(c->target.name), MRL_TEXT(c->role)), &removed));
    if (removed == 0)
        return mrl_fail(c->why, MRL_ERR_NOT_FOUND, "%.*s does not have this role",
                        MRL_FMT(c->target.name));
    return audit_binding(tx, c, MRL_AUDIT_ROLE_WITHDRAWN);
}

/* --- after the commit --- */

static void tell(const struct change *c, const struct mrl_role_target *target)
{
    if (c->access->changed != NULL)
        c->access->changed(c->access->context, target);
}

static void tell_holder(void *context, const struct mrl_role_target *target)
{
    tell(context, target);
}

static void committed_rules(struct mrl_write *w)
{
    struct change *c = MRL_CONTAINER(w, struct change, write);
    struct mrl_model *m = &c->access->model;

    mrl_model_put(m, MRL_TAKE(c->made));
    mrl_model_each_holder(m, mrl_model_role(m, c->role), tell_holder, c);
}

static void committed_delete(struct mrl_write *w)
{
    struct change *c = MRL_CONTAINER(w, struct change, write);

    mrl_model_remove(&c->access->model, c->role);
}

static void committed_assign(struct mrl_write *w)
{
    struct change *c = MRL_CONTAINER(w, struct change, write);

    mrl_model_bind(&c->access->model, c->role, &c->target);
    tell(c, &c->target);
}

static void committed_unassign(struct mrl_write *w)
{
    struct change *c = MRL_CONTAINER(w, struct change, write);

    mrl_model_unbind(&c->access->model, c->role, &c->target);
    tell(c, &c->target);
}

/* --- the calls --- */

static mrl_err submit(struct change *c, mrl_err (*run)(struct mrl_tx *tx, struct mrl_write *w),
                      void (*committed)(struct mrl_write *w))
{
    struct mrl_why of_store = {{0}}; /* the store writes it on every failure, also an empty one */
    mrl_err err;

    c->write = (struct mrl_write){.run = run, .committed = committed, .why = &of_store};
    err = mrl_store_write(c->access->store, &c->write);
    if (err != MRL_OK && of_store.text[0] != '\0')
        (void)mrl_fail(c->why, err, "%s", of_store.text); /* err is returned below */
    mrl_role_free(MRL_TAKE(c->made));
    return err;
}

mrl_err mrl_role_create(struct mrl_access *a, const struct mrl_actor *actor, mrl_bytes name,
                        mrl_bytes text, const struct mrl_rule *rules, size_t count,
                        struct mrl_why *why)
{
    struct change c = {.access = a,
                       .actor = actor,
                       .role = name,
                       .text = text,
                       .rules = rules,
                       .count = count,
                       .why = why};

    MRL_TRY(check_name(name, why));
    MRL_TRY(check_text(text, why));
    MRL_TRY(check_rules(rules, count, why));
    c.made = mrl_role_new(name, rules, count);
    return submit(&c, run_create, committed_rules);
}

mrl_err mrl_role_set_rules(struct mrl_access *a, const struct mrl_actor *actor, mrl_bytes name,
                           const struct mrl_rule *rules, size_t count, struct mrl_why *why)
{
    struct change c = {
        .access = a, .actor = actor, .role = name, .rules = rules, .count = count, .why = why};

    MRL_TRY(check_name(name, why));
    MRL_TRY(check_rules(rules, count, why));
    c.made = mrl_role_new(name, rules, count);
    return submit(&c, run_set_rules, committed_rules);
}

mrl_err mrl_role_delete(struct mrl_access *a, const struct mrl_actor *actor, mrl_bytes name,
                        struct mrl_why *why)
{
    struct change c = {.access = a, .actor = actor, .role = name, .why = why};

    MRL_TRY(check_name(name, why));
    return submit(&c, run_delete, committed_delete);
}

mrl_err mrl_role_assign(struct mrl_access *a, const struct mrl_actor *actor, mrl_bytes role,
                        const struct mrl_role_target *to, struct mrl_why *why)
{
    struct change c = {.access = a, .actor = actor, .role = role, .target = *to, .why = why};

    MRL_TRY(check_name(role, why));
    MRL_TRY(mrl_role_target_check(to, why));
    return submit(&c, run_assign, committed_assign);
}

mrl_err mrl_role_unassign(struct mrl_access *a, const struct mrl_actor *actor, mrl_bytes role,
                          const struct mrl_role_target *from, struct mrl_why *why)
{
    struct change c = {.access = a, .actor = actor, .role = role, .target = *from, .why = why};

    MRL_TRY(check_name(role, why));
    MRL_TRY(mrl_role_target_check(from, why));
    return submit(&c, run_unassign, committed_unassign);
}
