/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/policy_file.h"

#include "base/json.h"

static const char *const role_members[] = {"name",  "text",        "built_in", "changed",
                                           "rules", "assigned_to", NULL};
static const char *const rule_members[] = {"publish", "subscribe", "filter",        "retain",
                                           "clear",   "max_qos",   "hardware_held", NULL};

/* A flag that is absent is what absent says; *bits gets bit when the flag is not. */
static mrl_err read_flag(const json_t *o, const char *name, bool absent, uint8_t bit, uint8_t *bits,
                         struct mrl_why *why)
{
    bool value = absent;

    MRL_TRY(mrl_json_optional(mrl_json_get_bool(o, name, &value, why)));
    if (value != absent)
        *bits |= bit;
    return MRL_OK;
}

static mrl_err read_rule(const json_t *o, struct mrl_arena *arena, struct mrl_rule *out,
                         struct mrl_why *why)
{
    struct mrl_rule rule = {0};
    int64_t max_qos = 2;

    MRL_TRY(mrl_json_only(o, rule_members, why));
    MRL_TRY(read_flag(o, "publish", false, MRL_ALLOW_PUBLISH, &rule.actions, why));
    MRL_TRY(read_flag(o, "subscribe", false, MRL_ALLOW_SUBSCRIBE, &rule.actions, why));
    MRL_TRY(read_flag(o, "retain", true, MRL_RIGHT_RETAIN, &rule.withheld, why));
    MRL_TRY(read_flag(o, "clear", true, MRL_RIGHT_CLEAR, &rule.withheld, why));
    MRL_TRY(read_flag(o, "hardware_held", false, MRL_RIGHT_SOFT_KEY, &rule.withheld, why));
    MRL_TRY(mrl_json_optional(mrl_json_get_int(o, "max_qos", 0, 2, &max_qos, why)));
    MRL_TRY(mrl_json_get_str(o, "filter", &rule.filter, why));
    rule.withheld |= mrl_withheld_above((uint8_t)max_qos);
    rule.filter = mrl_arena_copy(arena, rule.filter);
    *out = rule;
    return MRL_OK;
}

static mrl_err read_rules(const json_t *o, struct mrl_arena *arena, struct mrl_lint_role *role,
                          struct mrl_why *why)
{
    json_t *list = NULL;
    struct mrl_rule *rules;

    MRL_TRY(mrl_json_get_array(o, "rules", &list, why));
    if (json_array_size(list) > MRL_ROLE_RULES_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT, "a role has at most %d rules", MRL_ROLE_RULES_MAX);
    rules = mrl_arena_alloc(arena, (json_array_size(list) + 1) * sizeof(*rules));
    for (size_t i = 0; i < json_array_size(list); i++)
        MRL_TRY(read_rule(json_array_get(list, i), arena, &rules[i], why));
    role->rules = rules;
    role->count = json_array_size(list);
    return MRL_OK;
}

static mrl_err read_holders(const json_t *o, struct mrl_arena *arena, struct mrl_lint_role *role,
                            struct mrl_why *why)
{
    json_t *list = NULL;
    struct mrl_role_target *holders;
    mrl_err err = mrl_json_get_array(o, "assigned_to", &list, why);

    if (err != MRL_OK)
        return mrl_json_optional(err);
    holders = mrl_arena_alloc(arena, (json_array_size(list) + 1) * sizeof(*holders));
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *text = json_array_get(list, i);
        mrl_bytes copy =
            mrl_arena_copy(arena, mrl_bytes_of(json_string_value(text), json_string_length(text)));

        MRL_TRY(mrl_role_target_parse(copy, &holders[i], why));
    }
    role->holders_known = true;
    role->holders = holders;
    role->holder_count = json_array_size(list);
    return MRL_OK;
}

static mrl_err read_role(const json_t *o, struct mrl_arena *arena, struct mrl_policy_file *out,
                         struct mrl_why *why)
{
    struct mrl_lint_role role = {0};
    bool built_in = false;

    MRL_TRY(mrl_json_only(o, role_members, why));
    MRL_TRY(mrl_json_optional(mrl_json_get_bool(o, "built_in", &built_in, why)));
    if (built_in)
        return MRL_OK;
    MRL_TRY(mrl_json_get_str(o, "name", &role.name, why));
    role.name = mrl_arena_copy(arena, role.name);
    MRL_TRY(read_rules(o, arena, &role, why));
    MRL_TRY(read_holders(o, arena, &role, why));
    out->roles[out->count++] = role;
    return MRL_OK;
}

/* The list inside root; NULL: root is one role. */
static const json_t *list_in(const json_t *root)
{
    if (json_is_array(root))
        return root;
    if (json_is_array(json_object_get(root, "roles")))
        return json_object_get(root, "roles");
    return json_is_array(json_object_get(root, "items")) ? json_object_get(root, "items") : NULL;
}

/* Which role it was is part of the sentence. */
static mrl_err read_one(const json_t *o, size_t number, struct mrl_arena *arena,
                        struct mrl_policy_file *out, struct mrl_why *why)
{
    struct mrl_why inner = {{0}};
    mrl_err err = read_role(o, arena, out, &inner);

    if (err == MRL_OK)
        return MRL_OK;
    if (err == MRL_ERR_NOT_FOUND)
        err = MRL_ERR_INVALID; /* a member is missing */
    return mrl_fail(why, err, "role %zu: %.200s", number, inner.text);
}

mrl_err mrl_policy_file_read(mrl_bytes text, struct mrl_arena *arena, struct mrl_policy_file *out,
                             struct mrl_why *why)
{
    MRL_AUTO(json_t) root = NULL;
    struct mrl_policy_file file = {0};
    const json_t *list;
    size_t count;

    MRL_TRY(mrl_json_read(text, &MRL_JSON_LIMITS_DEFAULT, &root, why));
    list = list_in(root);
    count = list != NULL ? json_array_size(list) : 1;
    if (count > MRL_POLICY_FILE_ROLES_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT, "more than %d roles", MRL_POLICY_FILE_ROLES_MAX);
    file.roles = mrl_arena_alloc(arena, (count + 1) * sizeof(*file.roles));
    for (size_t i = 0; i < count; i++)
        MRL_TRY(read_one(list != NULL ? json_array_get(list, i) : root, i + 1, arena, &file, why));
    *out = file;
    return MRL_OK;
}
