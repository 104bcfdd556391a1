/* SPDX-License-Identifier: Apache-2.0 */
#include "access/access.h"

#include <stdlib.h>

struct loading {
    struct mrl_model *model;
    struct mrl_quota_model *quotas;
    struct mrl_why *why;
    struct mrl_name role; /* whose rules are being collected */
    struct mrl_arena arena;
    struct mrl_rule rules[MRL_ROLE_RULES_MAX];
    size_t count;
};

static mrl_err load_roles(struct mrl_tx *tx, struct loading *l)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(mrl_tx_query(tx, "SELECT name FROM roles", MRL_NO_ARGS, &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK) {
        struct mrl_name name;

        if (!mrl_name_set(&name, mrl_row_bytes(rows, 0)))
            return mrl_fail(l->why, MRL_ERR_CORRUPT, "a stored role has no valid name");
        mrl_model_put(l->model, mrl_role_new(mrl_name_bytes(&name), NULL, 0));
    }
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

static void role_complete(struct loading *l)
{
    if (l->role.len > 0)
        mrl_model_put(l->model, mrl_role_new(mrl_name_bytes(&l->role), l->rules, l->count));
    mrl_arena_done(&l->arena);
    l->count = 0;
}

static mrl_err load_rule(struct loading *l, mrl_bytes role, const struct mrl_rule *rule)
{
    struct mrl_why why;

    if (!mrl_bytes_eq(role, mrl_name_bytes(&l->role))) {
        role_complete(l);
        if (!mrl_name_set(&l->role, role))
            return mrl_fail(l->why, MRL_ERR_CORRUPT, "a stored rule has no valid role");
    }
    if (mrl_rule_check(rule, &why) != MRL_OK)
        return mrl_fail(l->why, MRL_ERR_CORRUPT, "stored role %s: %.150s", l->role.text, why.text);
    if (l->count == MRL_COUNT(l->rules))
        return mrl_fail(l->why, MRL_ERR_CORRUPT, "stored role %s: more than %d rules", l->role.text,
                        MRL_ROLE_RULES_MAX);
    l->rules[l->count++] =
        (struct mrl_rule){rule->actions, mrl_arena_copy(&l->arena, rule->filter), rule->withheld};
    return MRL_OK;
}

static mrl_err load_rules(struct mrl_tx *tx, struct loading *l)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(mrl_tx_query(
        tx, "SELECT role, actions, filter, withheld FROM role_rules ORDER BY role, position",
        MRL_NO_ARGS, &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK) {
        int64_t actions = mrl_row_int(rows, 1), withheld = mrl_row_int(rows, 3);
        struct mrl_rule rule = {actions > 0 && actions < 256 ? (uint8_t)actions : 0,
                                mrl_row_bytes(rows, 2),
                                withheld >= 0 && withheld < 256 ? (uint8_t)withheld : UINT8_MAX};

        MRL_TRY(load_rule(l, mrl_row_bytes(rows, 0), &rule));
    }
    MRL_ENSURE(err == MRL_ERR_NOT_FOUND, err);
    role_complete(l);
    return MRL_OK;
}

static mrl_err load_bindings(struct mrl_tx *tx, struct loading *l)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(mrl_tx_query(tx, "SELECT role, target_kind, target FROM role_bindings", MRL_NO_ARGS,
                         &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK) {
        struct mrl_role_target target = {(enum mrl_role_target_kind)mrl_row_int(rows, 1),
                                         mrl_row_bytes(rows, 2)};

        if (!mrl_name_valid(target.name))
            return mrl_fail(l->why, MRL_ERR_CORRUPT, "a stored role is held by no valid name");
        mrl_model_bind(l->model, mrl_row_bytes(rows, 0), &target);
    }
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

static mrl_err load(struct mrl_tx *tx, void *context)
{
    const struct loading *l = context;

    MRL_TRY(load_roles(tx, context));
    MRL_TRY(load_rules(tx, context));
    MRL_TRY(load_bindings(tx, context));
    return mrl_quota_load(tx, l->quotas, l->why);
}

mrl_err mrl_access_open(struct mrl_store *store, struct mrl_access **out, struct mrl_why *why)
{
    MRL_AUTO(mrl_access) a = calloc(1, sizeof(*a));
    struct loading l = {.why = why};
    mrl_err err;

    if (a == NULL)
        abort();
    a->store = store;
    mrl_model_init(&a->model);
    mrl_quota_model_init(&a->quotas);
    l.model = &a->model;
    l.quotas = &a->quotas;
    err = mrl_store_read(store, load, &l);
    mrl_arena_done(&l.arena);
    MRL_TRY(err);
    *out = MRL_TAKE(a);
    return MRL_OK;
}

void mrl_access_free(struct mrl_access *a)
{
    if (a == NULL)
        return;
    mrl_model_done(&a->model);
    mrl_quota_model_done(&a->quotas);
    free(a);
}

void mrl_access_on_change(struct mrl_access *a, mrl_access_changed *changed, void *context)
{
    a->changed = changed;
    a->context = context;
}

struct mrl_policy *mrl_access_policy(struct mrl_access *a, const struct mrl_subject *who,
                                     bool quarantined)
{
    return mrl_model_policy(&a->model, who, quarantined);
}
