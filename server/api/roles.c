/* SPDX-License-Identifier: Apache-2.0 */
/* Roles, who holds them, and why something is allowed or not. */
#include "access/roles.h"

#include "api/request.h"
#include "base/rcu.h"
#include "devices/snapshot.h"
#include "wire/mqtt_topic.h"

static const char *const new_members[] = {"name", "text", "rules", NULL};
static const char *const rules_members[] = {"rules", NULL};
static const char *const rule_members[] = {"publish", "subscribe", "filter", NULL};
static const char *const assign_members[] = {"to", NULL};

static json_t *rules_json(struct mrl_api_request *r, const struct mrl_rule *rules, size_t count)
{
    json_t *array = mrl_json_array();

    for (size_t i = 0; i < count; i++) {
        json_t *o = mrl_json_object();

        mrl_api_put_flag(r, o, "publish", (rules[i].actions & MRL_ALLOW_PUBLISH) != 0);
        mrl_api_put_flag(r, o, "subscribe", (rules[i].actions & MRL_ALLOW_SUBSCRIBE) != 0);
        mrl_api_put_text(r, o, "filter", rules[i].filter);
        mrl_api_add(r, array, o);
    }
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

static mrl_err read_rule(struct mrl_api_request *r, const json_t *o, struct mrl_rule *rule)
{
    MRL_TRY(mrl_json_only(o, rule_members, &r->why));
    MRL_TRY(read_flag(r, o, "publish", MRL_ALLOW_PUBLISH, &rule->actions));
    MRL_TRY(read_flag(r, o, "subscribe", MRL_ALLOW_SUBSCRIBE, &rule->actions));
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

struct question {
    enum mrl_principal_kind kind;
    mrl_bytes id;
    enum mrl_topic_action action;
    mrl_bytes topic;
};

static mrl_err query_text(struct mrl_api_request *r, const char *name, mrl_bytes *out)
{
    return mrl_exchange_query(r->x, name, out)
               ? MRL_OK
               : mrl_fail(&r->why, MRL_ERR_INVALID, "parameter %s is missing", name);
}

static mrl_err read_principal(struct mrl_api_request *r, struct question *q)
{
    struct mrl_role_target target;
    mrl_bytes text;

    MRL_TRY(query_text(r, "principal", &text));
    MRL_TRY(mrl_role_target_parse(text, &target, &r->why));
    if (target.kind == MRL_ROLE_TO_GROUP)
        return mrl_fail(&r->why, MRL_ERR_INVALID, "principal: device:ID or application:ID");
    q->kind = target.kind == MRL_ROLE_TO_DEVICE ? MRL_PRINCIPAL_DEVICE : MRL_PRINCIPAL_APPLICATION;
    q->id = target.name;
    return MRL_OK;
}

static mrl_err read_question(struct mrl_api_request *r, struct question *q)
{
    mrl_bytes action;

    MRL_TRY(read_principal(r, q));
    MRL_TRY(query_text(r, "action", &action));
    MRL_TRY(query_text(r, "topic", &q->topic));
    if (mrl_bytes_eq(action, MRL_LIT("publish")))
        q->action = MRL_ALLOW_PUBLISH;
    else if (mrl_bytes_eq(action, MRL_LIT("subscribe")))
        q->action = MRL_ALLOW_SUBSCRIBE;
    else
        return mrl_fail(&r->why, MRL_ERR_INVALID, "action: publish or subscribe");
    if (q->action == MRL_ALLOW_PUBLISH ? !mrl_mqtt_topic_valid(q->topic)
                                       : !mrl_mqtt_filter_valid(q->topic))
        return mrl_fail(&r->why, MRL_ERR_INVALID, "topic: not one of MQTT");
    return MRL_OK;
}

/* Between begin and end of a read: what the policy points at may go afterwards. */
static json_t *explain(struct mrl_api_request *r, const struct question *q,
                       const struct mrl_principal *p)
{
    json_t *o = mrl_json_object();
    struct mrl_policy_reason reason;
    bool is_device = q->kind == MRL_PRINCIPAL_DEVICE;

    mrl_policy_explain(p->policy, &p->subject, q->action, q->topic, &reason);
    mrl_api_put_flag(r, o, "allowed", reason.allowed);
    mrl_api_put_text(r, o, "role", reason.role);
    mrl_api_put_text(r, o, "filter", reason.filter);
    mrl_api_put_text(r, o, "reason", mrl_str(reason.text));
    mrl_api_put_text(r, o, "state",
                     mrl_str(is_device ? mrl_device_state_name(p->device_state)
                                       : mrl_account_state_name(p->account_state)));
    mrl_api_put_flag(r, o, "may_connect",
                     is_device ? mrl_device_may_connect(p->device_state)
                               : p->account_state == MRL_ACCOUNT_ACTIVE);
    return o;
}

mrl_err mrl_api_explain(struct mrl_api_request *r)
{
    const struct mrl_principal *p;
    struct question q = {0};
    json_t *o = NULL;

    MRL_TRY(read_question(r, &q));
    mrl_rcu_read_begin();
    p = mrl_snapshot_principal(r->api->registry, q.kind, q.id);
    if (p != NULL)
        o = explain(r, &q, p);
    mrl_rcu_read_end();
    return o != NULL ? mrl_api_answer(r, 200, o)
                     : mrl_fail(&r->why, MRL_ERR_NOT_FOUND, "no %s %.*s",
                                mrl_principal_kind_name(q.kind), MRL_FMT(q.id));
}
