/* SPDX-License-Identifier: Apache-2.0 */
/* Reading roles and bindings from the store. */
#include "access/access.h"

#include <stdlib.h>
#include <string.h>

struct reading {
    mrl_bytes role; /* one role, or the cursor of a list */
    size_t limit;
    struct mrl_role_target target;
    mrl_role_visit *visit_role;
    mrl_role_binding_visit *visit_binding;
    void *context;
};

static mrl_err read_rules(struct mrl_tx *tx, struct mrl_arena *arena, struct mrl_role_info *info)
{
    struct mrl_rule *rules = mrl_arena_alloc(arena, MRL_ROLE_RULES_MAX * sizeof(*rules));
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(mrl_tx_query(tx,
                         "SELECT actions, filter, withheld FROM role_rules WHERE role = $1 "
                         "ORDER BY position",
                         MRL_ARGS(MRL_TEXT(info->name)), &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK && info->rule_count < MRL_ROLE_RULES_MAX)
        rules[info->rule_count++] = (struct mrl_rule){(uint8_t)mrl_row_int(rows, 0),
                                                      mrl_arena_copy(arena, mrl_row_bytes(rows, 1)),
                                                      (uint8_t)mrl_row_int(rows, 2)};
    info->rules = rules;
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

static mrl_err read_stored(struct mrl_tx *tx, struct mrl_arena *arena, mrl_bytes name,
                           struct mrl_role_info *info)
{
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query_one(tx, "SELECT text, changed FROM roles WHERE name = $1",
                             MRL_ARGS(MRL_TEXT(name)), &rows));
    info->name = name;
    info->text = mrl_arena_copy(arena, mrl_row_bytes(rows, 0));
    info->changed_ms = mrl_row_int(rows, 1);
    mrl_rows_free(MRL_TAKE(rows));
    return read_rules(tx, arena, info);
}

static mrl_err show_role(struct mrl_tx *tx, const struct reading *r, mrl_bytes name)
{
    const struct mrl_built_in_role *b = mrl_built_in_find(name);
    struct mrl_role_info info = {0};
    struct mrl_arena arena = {0};
    mrl_err err = MRL_OK;

    if (b != NULL)
        info = (struct mrl_role_info){name, mrl_str(b->text), true, 0, b->rules, b->count};
    else
        err = read_stored(tx, &arena, name, &info);
    if (err == MRL_OK)
        r->visit_role(r->context, &info);
    mrl_arena_done(&arena);
    return err;
}

static int by_name(const void *a, const void *b)
{
    return mrl_bytes_cmp(mrl_name_bytes(a), mrl_name_bytes(b));
}

/* The names of one page: the stored ones after the cursor and those that are built in. */
static mrl_err collect_names(struct mrl_tx *tx, const struct reading *r, struct mrl_name *names,
                             size_t *count)
{
    MRL_AUTO(mrl_rows) rows = NULL;
    mrl_err err;

    MRL_TRY(mrl_tx_query(tx, "SELECT name FROM roles WHERE name > $1 ORDER BY name LIMIT $2",
                         MRL_ARGS(MRL_TEXT(r->role), MRL_INT(r->limit)), &rows));
    while ((err = mrl_rows_next(rows)) == MRL_OK && *count < r->limit)
        if (mrl_name_set(&names[*count], mrl_row_bytes(rows, 0)))
            ++*count;
    for (size_t i = 0; i < MRL_BUILT_IN_COUNT; i++) {
        mrl_bytes name = mrl_str(mrl_built_in_roles[i].name);

        if (mrl_bytes_cmp(name, r->role) > 0)
            (void)mrl_name_set(&names[(*count)++], name); /* our own constants are valid */
    }
    qsort(names, *count, sizeof(names[0]), by_name);
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

static mrl_err run_list(struct mrl_tx *tx, void *context)
{
    const struct reading *r = context;
    struct mrl_arena arena = {0};
    struct mrl_name *names =
        mrl_arena_alloc(&arena, (r->limit + MRL_BUILT_IN_COUNT) * sizeof(*names));
    size_t count = 0;
    mrl_err err = collect_names(tx, r, names, &count);

    for (size_t i = 0; err == MRL_OK && i < count && i < r->limit; i++)
        err = show_role(tx, r, mrl_name_bytes(&names[i]));
    mrl_arena_done(&arena);
    return err;
}

mrl_err mrl_role_list(struct mrl_access *a, mrl_bytes after, size_t limit, mrl_role_visit *visit,
                      void *context)
{
    struct reading r = {.role = after, .limit = limit, .visit_role = visit, .context = context};

    MRL_ENSURE(limit >= 1 && limit <= MRL_ROLE_PAGE_MAX, MRL_ERR_INVALID);
    MRL_ENSURE(after.len == 0 || mrl_name_valid(after), MRL_ERR_INVALID);
    return mrl_store_read(a->store, run_list, &r);
}

static mrl_err run_show(struct mrl_tx *tx, void *context)
{
    const struct reading *r = context;

    return show_role(tx, r, r->role);
}

mrl_err mrl_role_show(struct mrl_access *a, mrl_bytes name, mrl_role_visit *visit, void *context)
{
    struct reading r = {.role = name, .visit_role = visit, .context = context};

    MRL_ENSURE(mrl_name_valid(name), MRL_ERR_NOT_FOUND);
    return mrl_store_read(a->store, run_show, &r);
}

static mrl_err visit_bindings(struct mrl_rows *rows, const struct reading *r)
{
    mrl_err err;

    while ((err = mrl_rows_next(rows)) == MRL_OK) {
        struct mrl_role_target target = {(enum mrl_role_target_kind)mrl_row_int(rows, 1),
                                         mrl_row_bytes(rows, 2)};

        r->visit_binding(r->context, mrl_row_bytes(rows, 0), &target);
    }
    return err == MRL_ERR_NOT_FOUND ? MRL_OK : err;
}

static mrl_err run_holders(struct mrl_tx *tx, void *context)
{
    const struct reading *r = context;
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query(tx,
                         "SELECT role, target_kind, target FROM role_bindings WHERE role = $1 "
                         "ORDER BY target_kind, target",
                         MRL_ARGS(MRL_TEXT(r->role)), &rows));
    return visit_bindings(rows, r);
}

mrl_err mrl_role_holders(struct mrl_access *a, mrl_bytes role, mrl_role_binding_visit *visit,
                         void *context)
{
    struct reading r = {.role = role, .visit_binding = visit, .context = context};

    MRL_ENSURE(mrl_name_valid(role), MRL_ERR_NOT_FOUND);
    return mrl_store_read(a->store, run_holders, &r);
}

static mrl_err run_of_target(struct mrl_tx *tx, void *context)
{
    const struct reading *r = context;
    MRL_AUTO(mrl_rows) rows = NULL;

    MRL_TRY(mrl_tx_query(tx,
                         "SELECT role, target_kind, target FROM role_bindings "
                         "WHERE target_kind = $1 AND target = $2 ORDER BY role",
                         MRL_ARGS(MRL_INT(r->target.kind), MRL_TEXT(r->target.name)), &rows));
    return visit_bindings(rows, r);
}

mrl_err mrl_role_of_target(struct mrl_access *a, const struct mrl_role_target *target,
                           mrl_role_binding_visit *visit, void *context)
{
    struct reading r = {.target = *target, .visit_binding = visit, .context = context};

    MRL_ENSURE(mrl_name_valid(target->name), MRL_ERR_NOT_FOUND);
    return mrl_store_read(a->store, run_of_target, &r);
}
