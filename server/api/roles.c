/* SPDX-License-Identifier: Apache-2.0 */
/* Roles and who holds them. */
#include "access/roles.h"

#include "api/request.h"

static const char *const new_members[] = {"name", "text", "rules", NULL};
static const char *const rules_members[] = {"rules", NULL};
static const char *const rule_members[] = {"publish", "subscribe", "filter",        "retain",
                                           "clear",   "max_qos",   "hardware_held", NULL};
static const char *const assign_members[] = {"to", NULL};

static json_t *rule_json(struct mrl_api_request *r, const struct mrl_rule *rule)
{
    json_t *o = mrl_json_object();

    mrl_api_put_flag(r, o, "publish", (rule->actions & MRL_ALLOW_PUBLISH) != 0);
    mrl_api_put_flag(r, o, "subscribe", (rule->actions & MRL_ALLOW_SUBSCRIBE) != 0);
    mrl_api_put_text(r, o, "filter", rule->filter);
    if ((rule->withheld & MRL_RIGHT_RETAIN) != 0) /* absent: given */
        mrl_api_put_flag(r, o, "retain", false);
    if ((rule->withheld & MRL_RIGHT_CLEAR) != 0)
        mrl_api_put_flag(r, o, "clear", false);
    if (mrl_max_qos(rule->withheld) < 2)
        mrl_api_put_number(r, o, "max_qos", mrl_max_qos(rule->withheld));
    if ((rule->withheld & MRL_RIGHT_SOFT_KEY) != 0)
        mrl_api_put_flag(r, o, "hardware_held", true);
    return o;
}

static json_t *rules_json(struct mrl_api_request *r, const struct mrl_rule *rules, size_t count)
{
    json_t *array = mrl_json_array();

    for (size_t i = 0; i < count; i++)
        mrl_api_add(r, array, rule_json(r, &rules[i]));
    return array;
}

static json_t *role_json(struct mrl_api_request *r, const struct mrl_role_info *role)
{
    json_t *o = mrl_json_object();

    mrl_api_put_text(r, o, "name", role->name);
    mrl_api_put_text(r, o, "text", role->text);
    mrl_api_put_flag(r, o, "built_in", role->built_in);
    if (!role->built_in)
        mrl_api_put_time(r, o, "changed", role->changed_ms);
    mrl_api_put(r, o, "rules", rules_json(r, role->rules, role->rule_count));
    return o;
}

static void on_shown(void *context, const struct mrl_role_info *role)
{
    struct mrl_api_page *page = context;

    page->items = role_json(page->r, role);
}

static void on_holder(void *context, mrl_bytes role, const struct mrl_role_target *target)
{
    struct mrl_api_page *page = context;
    MRL_SCOPED(mrl_buf) text = {0};

    (void)role;
    if (mrl_buf_printf(&text, "%s:%.*s", mrl_role_target_kind_name(target->kind),
                       MRL_FMT(target->name)) == MRL_OK) /* an unbounded buffer takes it */
        mrl_api_add_text(page->r, page->items, mrl_buf_bytes(&text));
}

static mrl_err answer_role(struct mrl_api_request *r, unsigned status, mrl_bytes name)
{
    struct mrl_api_page shown = {.r = r}, holders = {.r = r, .items = NULL};
    mrl_err err;

    MRL_TRY(mrl_role_show(r->api->access, name, on_shown, &shown));
    holders.items = mrl_json_array();
    err = mrl_role_holders(r->api->access, name, on_holder, &holders);
    mrl_api_put(r, shown.items, "assigned_to", holders.items);
    if (err != MRL_OK) {
        mrl_api_page_done(&shown);
        return err;
    }
    return mrl_api_answer(r, status, shown.items);
}

mrl_err mrl_api_role_show(struct mrl_api_request *r)
{
    return answer_role(r, 200, r->variables[0]);
}

static mrl_err read_flag(struct mrl_api_request *r, const json_t *o, const char *name, uint8_t bit,
                         uint8_t *actions)
{
    bool on = false;
    mrl_err err = mrl_json_get_bool(o, name, &on, &r->why);

    if (on)
        *actions |= bit;
    return mrl_json_optional(err);
}

/* A flag that is absent says nothing; false withholds. */
static mrl_err read_withheld(struct mrl_api_request *r, const json_t *o, const char *name,
                             uint8_t right, struct mrl_rule *rule)
{
    bool given = true;
    mrl_err err = mrl_json_get_bool(o, name, &given, &r->why);

    if (!given)
        rule->withheld |= right;
    return mrl_json_optional(err);
}

static mrl_err read_rule(struct mrl_api_request *r, const json_t *o, struct mrl_rule *rule)
{
    int64_t max_qos = 2;

    MRL_TRY(mrl_json_only(o, rule_members, &r->why));
    MRL_TRY(read_flag(r, o, "publish", MRL_ALLOW_PUBLISH, &rule->actions));
    MRL_TRY(read_flag(r, o, "subscribe", MRL_ALLOW_SUBSCRIBE, &rule->actions));
    MRL_TRY(read_withheld(r, o, "retain", MRL_RIGHT_RETAIN, rule));
    MRL_TRY(read_withheld(r, o, "clear", MRL_RIGHT_CLEAR, rule));
    MRL_TRY(read_flag(r, o, "hardware_held", MRL_RIGHT_SOFT_KEY, &rule->withheld));
    MRL_TRY(mrl_json_optional(mrl_json_get_int(o, "max_qos", 0, 2, &max_qos, &r->why)));
    rule->withheld |= mrl_withheld_above((uint8_t)max_qos);
    return mrl_api_text(r, o, "filter", &rule->filter);
}

struct rules {
    struct mrl_rule *at; /* in the arena; filters are views into the body */
    size_t count;
};

static mrl_err read_rules(struct mrl_api_request *r, const json_t *body, struct rules *out)
{
    const json_t *array = json_object_get(body, "rules");

    if (!json_is_array(array) || json_array_size(array) > MRL_ROLE_RULES_MAX)
        return mrl_fail(&r->why, MRL_ERR_INVALID, "rules: a list of at most %d",
                        MRL_ROLE_RULES_MAX);
    out->count = json_array_size(array);
    out->at = mrl_arena_alloc(mrl_exchange_arena(r->x), (out->count + 1) * sizeof(*out->at));
    for (size_t i = 0; i < out->count; i++)
        MRL_TRY(read_rule(r, json_array_get(array, i), &out->at[i]));
    return MRL_OK;
}

mrl_err mrl_api_role_create(struct mrl_api_request *r)
{
    MRL_AUTO(json_t) body = NULL;
    struct rules rules = {0};
    mrl_bytes name, text;

    MRL_TRY(mrl_api_body(r, new_members, &body));
    MRL_TRY(mrl_api_text(r, body, "name", &name));
    MRL_TRY(mrl_api_text_optional(r, body, "text", &text));
    MRL_TRY(read_rules(r, body, &rules));
    MRL_TRY(mrl_role_create(r->api->access, &r->actor, name, text, rules.at, rules.count, &r->why));
    return answer_role(r, 201, name);
}

mrl_err mrl_api_role_rules(struct mrl_api_request *r)
{
    MRL_AUTO(json_t) body = NULL;
    struct rules rules = {0};

    MRL_TRY(mrl_api_body(r, rules_members, &body));
    MRL_TRY(read_rules(r, body, &rules));
    MRL_TRY(mrl_role_set_rules(r->api->access, &r->actor, r->variables[0], rules.at, rules.count,
                               &r->why));
    return answer_role(r, 200, r->variables[0]);
}

mrl_err mrl_api_role_delete(struct mrl_api_request *r)
{
    MRL_TRY(mrl_role_delete(r->api->access, &r->actor, r->variables[0], &r->why));
    return mrl_api_answer_nothing(r);
}

static void on_listed(void *context, const struct mrl_role_info *role)
{
    struct mrl_api_page *page = context;

    if (mrl_api_page_take(page, role->name))
        mrl_api_add(page->r, page->items, role_json(page->r, role));
}

mrl_err mrl_api_role_list(struct mrl_api_request *r)
{
    MRL_SCOPED(mrl_api_page) page = {0};

    MRL_TRY(mrl_api_page_start(r, &page));
    MRL_TRY(mrl_role_list(r->api->access, page.after, page.limit + 1, on_listed, &page));
    return mrl_api_page_answer(&page);
}

mrl_err mrl_api_role_assign(struct mrl_api_request *r)
{
    MRL_AUTO(json_t) body = NULL;
    struct mrl_role_target target;
    mrl_bytes to;

    MRL_TRY(mrl_api_body(r, assign_members, &body));
    MRL_TRY(mrl_api_text(r, body, "to", &to));
    MRL_TRY(mrl_role_target_parse(to, &target, &r->why));
    MRL_TRY(mrl_role_assign(r->api->access, &r->actor, r->variables[0], &target, &r->why));
    return answer_role(r, 201, r->variables[0]);
}

mrl_err mrl_api_role_unassign(struct mrl_api_request *r)
{
    struct mrl_role_target target;

    MRL_TRY(mrl_role_target_parse(r->variables[1], &target, &r->why));
    MRL_TRY(mrl_role_unassign(r->api->access, &r->actor, r->variables[0], &target, &r->why));
    return mrl_api_answer_nothing(r);
}
