/* SPDX-License-Identifier: Apache-2.0 */
/* The lint of the roles as they are, with what the registry knows of their holders. */
#include "access/lint.h"
#include "access/roles.h"
#include "api/request.h"
#include "devices/audience.h"

enum { FINDINGS_MAX = 1000 }; /* in one answer; the rest is counted */

/* What was asked of the registry already: a group can be large, and rules often name the same
 * variable. */
struct asked {
    struct asked *next;
    struct mrl_role_target target;
    struct mrl_level variable; /* text NULL: is there anybody? */
    bool answer;
};

struct linting {
    struct mrl_api_request *r;
    struct mrl_arena *arena;
    struct mrl_lint_role *roles;
    size_t count;
    mrl_bytes last;   /* name of the last role that was listed */
    size_t listed;    /* on the present page */
    mrl_bytes wanted; /* empty: all */
    bool found;
    struct mrl_role_target *holders; /* of the role being read */
    size_t holder_count;
    struct asked *asked;
    mrl_err failed;
    json_t *findings;
    size_t counts[MRL_LINT_SEVERITIES_];
    size_t left_out;
};

/* --- reading the roles --- */

static void take_role(struct linting *l, const struct mrl_role_info *info)
{
    struct mrl_rule *rules = mrl_arena_alloc(l->arena, (info->rule_count + 1) * sizeof(*rules));

    for (size_t i = 0; i < info->rule_count; i++) {
        rules[i] = info->rules[i];
        rules[i].filter = mrl_arena_copy(l->arena, info->rules[i].filter);
    }
    l->roles[l->count++] = (struct mrl_lint_role){
        .name = l->last, .rules = rules, .count = info->rule_count, .holders_known = true};
}

static void on_role(void *context, const struct mrl_role_info *info)
{
    struct linting *l = context;

    l->listed++;
    l->last = mrl_arena_copy(l->arena, info->name);
    l->found = l->found || mrl_bytes_eq(l->wanted, info->name);
    if (!info->built_in && l->count < MRL_ROLES_MAX)
        take_role(l, info);
}

static void on_holder(void *context, mrl_bytes role, const struct mrl_role_target *target)
{
    struct linting *l = context;

    (void)role;
    if ((l->holder_count & (l->holder_count + 1)) == 0) { /* 0, 1, 3, 7 ...: room is 2^n - 1 */
        struct mrl_role_target *more =
            mrl_arena_alloc(l->arena, (2 * l->holder_count + 1) * sizeof(struct mrl_role_target));

        for (size_t i = 0; i < l->holder_count; i++)
            more[i] = l->holders[i];
        l->holders = more;
    }
    l->holders[l->holder_count++] =
        (struct mrl_role_target){target->kind, mrl_arena_copy(l->arena, target->name)};
}

static mrl_err read_holders(struct linting *l, struct mrl_lint_role *role)
{
    l->holders = NULL;
    l->holder_count = 0;
    MRL_TRY(mrl_role_holders(l->r->api->access, role->name, on_holder, l));
    role->holders = l->holders;
    role->holder_count = l->holder_count;
    return MRL_OK;
}

static mrl_err read_roles(struct linting *l)
{
    l->roles = mrl_arena_alloc(l->arena, MRL_ROLES_MAX * sizeof(*l->roles));
    do {
        l->listed = 0;
        MRL_TRY(mrl_role_list(l->r->api->access, l->last, MRL_ROLE_PAGE_MAX, on_role, l));
    } while (l->listed == MRL_ROLE_PAGE_MAX);
    if (l->wanted.len > 0 && !l->found)
        return mrl_fail(&l->r->why, MRL_ERR_NOT_FOUND, "there is no role %.*s", MRL_FMT(l->wanted));
    for (size_t i = 0; i < l->count; i++)
        MRL_TRY(read_holders(l, &l->roles[i]));
    return MRL_OK;
}

/* --- asking the registry --- */

static bool is_same(const struct asked *a, const struct mrl_role_target *target,
                    const struct mrl_level *variable)
{
    if (a->target.kind != target->kind || !mrl_bytes_eq(a->target.name, target->name))
        return false;
    if (variable == NULL || a->variable.text.data == NULL)
        return variable == NULL && a->variable.text.data == NULL;
    return a->variable.kind == variable->kind && mrl_bytes_eq(a->variable.text, variable->text);
}

static bool has(void *context, const struct mrl_role_target *target,
                const struct mrl_level *variable)
{
    struct linting *l = context;
    struct asked *a = l->asked;
    mrl_err err;

    while (a != NULL && !is_same(a, target, variable))
        a = a->next;
    if (a != NULL)
        return a->answer;
    a = mrl_arena_alloc(l->arena, sizeof(*a));
    *a = (struct asked){.next = l->asked, .target = *target};
    if (variable != NULL)
        a->variable = *variable;
    l->asked = a;
    err = mrl_audience_has(l->r->api->registry, target, variable, &a->answer);
    if (err != MRL_OK)
        l->failed = err;
    return a->answer;
}

/* --- answering --- */

static void on_finding(void *context, const struct mrl_lint_finding *f)
{
    struct linting *l = context;
    json_t *o;

    l->counts[f->severity]++;
    if (json_array_size(l->findings) == FINDINGS_MAX) {
        l->left_out++;
        return;
    }
    o = mrl_json_object();
    mrl_api_put_text(l->r, o, "id", mrl_str(f->id));
    mrl_api_put_text(l->r, o, "severity", mrl_str(mrl_lint_severity_name(f->severity)));
    mrl_api_put_text(l->r, o, "role", f->role);
    if (f->rule > 0)
        mrl_api_put_number(l->r, o, "rule", (int64_t)f->rule);
    mrl_api_put_text(l->r, o, "filter", f->filter);
    mrl_api_put_text(l->r, o, "text", mrl_str(f->text));
    mrl_api_put_text(l->r, o, "suggestion", mrl_str(f->suggestion));
    mrl_api_add(l->r, l->findings, o);
}

static json_t *answer_of(struct linting *l)
{
    json_t *o = mrl_json_object();

    mrl_api_put(l->r, o, "findings", MRL_TAKE(l->findings));
    mrl_api_put_number(l->r, o, "errors", (int64_t)l->counts[MRL_LINT_ERROR]);
    mrl_api_put_number(l->r, o, "warnings", (int64_t)l->counts[MRL_LINT_WARNING]);
    mrl_api_put_number(l->r, o, "notes", (int64_t)l->counts[MRL_LINT_NOTE]);
    if (l->left_out > 0)
        mrl_api_put_number(l->r, o, "left_out", (int64_t)l->left_out);
    return o;
}

mrl_err mrl_api_policy_lint(struct mrl_api_request *r)
{
    struct linting l = {.r = r, .arena = mrl_exchange_arena(r->x)};
    struct mrl_lint_input in = {.has = has, .context = &l};
    json_t *answer;

    (void)mrl_exchange_query(r->x, "role", &l.wanted); /* absent: all */
    MRL_TRY(read_roles(&l));
    in.roles = l.roles;
    in.count = l.count;
    in.only = l.wanted;
    l.findings = mrl_json_array();
    mrl_lint(&in, on_finding, &l);
    answer = answer_of(&l);
    if (l.failed != MRL_OK) {
        json_decref(answer);
        return l.failed;
    }
    return mrl_api_answer(r, 200, answer);
}
