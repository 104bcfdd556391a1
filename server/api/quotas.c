/* SPDX-License-Identifier: Apache-2.0 */
/* What a device, group or application may use up. */
#include "access/quotas.h"

#include "api/request.h"
#include "base/rcu.h"
#include "devices/snapshot.h"

static json_t *given_json(struct mrl_api_request *r, const struct mrl_quota_override *given)
{
    json_t *o = mrl_json_object();

    for (size_t i = 0; i < MRL_QUOTA_COUNT_; i++)
        if (mrl_quota_gives(given, (enum mrl_quota_limit)i))
            mrl_api_put_number(r, o, mrl_quota_rules[i].name, (int64_t)given->of[i]);
    return o;
}

static json_t *holds_json(struct mrl_api_request *r, const struct mrl_quota *q)
{
    json_t *o = mrl_json_object();

    for (size_t i = 0; i < MRL_QUOTA_COUNT_; i++)
        mrl_api_put_number(r, o, mrl_quota_rules[i].name, (int64_t)q->of[i]);
    return o;
}

static json_t *target_json(struct mrl_api_request *r, const struct mrl_role_target *target,
                           const struct mrl_quota_override *given)
{
    MRL_SCOPED(mrl_buf) text = {0};
    json_t *o = mrl_json_object();

    if (mrl_buf_printf(&text, "%s:%.*s", mrl_role_target_kind_name(target->kind),
                       MRL_FMT(target->name)) == MRL_OK) /* an unbounded buffer takes it */
        mrl_api_put_text(r, o, "target", mrl_buf_bytes(&text));
    mrl_api_put(r, o, "given", given_json(r, given));
    return o;
}

/* What the workers apply to a principal; NULL: there is none, or it is a group. */
static const struct mrl_quota *published(const struct mrl_api_request *r,
                                         const struct mrl_role_target *target)
{
    bool is_app = target->kind == MRL_ROLE_TO_APPLICATION;
    const struct mrl_quota *q = NULL;
    const struct mrl_principal *p;

    if (target->kind == MRL_ROLE_TO_GROUP)
        return NULL;
    mrl_rcu_read_begin();
    p = mrl_snapshot_principal(
        r->api->registry, is_app ? MRL_PRINCIPAL_APPLICATION : MRL_PRINCIPAL_DEVICE, target->name);
    if (p != NULL)
        q = mrl_quota_ref(p->quota);
    mrl_rcu_read_end();
    return q;
}

static mrl_err answer_quota(struct mrl_api_request *r, const struct mrl_role_target *target)
{
    enum mrl_principal_kind kind =
        target->kind == MRL_ROLE_TO_APPLICATION ? MRL_PRINCIPAL_APPLICATION : MRL_PRINCIPAL_DEVICE;
    struct mrl_quota_override given = {0};
    const struct mrl_quota *holds;
    mrl_err err = mrl_quota_given(r->api->access, target, &given);
    json_t *o;

    MRL_ENSURE(err == MRL_OK || err == MRL_ERR_NOT_FOUND, err);
    holds = published(r, target);
    if (holds == NULL)
        holds = mrl_quota_new(mrl_quota_defaults(r->api->access, kind), &given);
    o = target_json(r, target, &given);
    mrl_api_put(r, o, "holds", holds_json(r, holds));
    mrl_quota_unref(holds);
    return mrl_api_answer(r, 200, o);
}

mrl_err mrl_api_quota_show(struct mrl_api_request *r)
{
    struct mrl_role_target target;

    MRL_TRY(mrl_role_target_parse(r->variables[0], &target, &r->why));
    return answer_quota(r, &target);
}

/* The members a body may have: the names of all limits. */
static void members_of(const char *to[static MRL_QUOTA_COUNT_ + 1])
{
    for (size_t i = 0; i < MRL_QUOTA_COUNT_; i++)
        to[i] = mrl_quota_rules[i].name;
    to[MRL_QUOTA_COUNT_] = NULL;
}

/* A number, a text with its unit, or null: back to what else holds. */
static mrl_err read_limit(struct mrl_api_request *r, const json_t *body, enum mrl_quota_limit limit,
                          struct mrl_quota_override *set, uint32_t *unset)
{
    const char *name = mrl_quota_rules[limit].name;
    const json_t *value = json_object_get(body, name);
    int64_t number;
    mrl_bytes text;

    if (value == NULL)
        return MRL_OK;
    if (json_is_null(value)) {
        *unset |= 1u << limit;
        return MRL_OK;
    }
    set->given |= 1u << limit;
    if (json_is_string(value)) {
        MRL_TRY(mrl_json_get_str(body, name, &text, &r->why));
        return mrl_quota_parse(limit, text, &set->of[limit], &r->why);
    }
    MRL_TRY(mrl_json_get_int(body, name, 0, INT64_MAX, &number, &r->why));
    set->of[limit] = (uint64_t)number;
    return mrl_quota_check(limit, set->of[limit], &r->why);
}

mrl_err mrl_api_quota_change(struct mrl_api_request *r)
{
    const char *members[MRL_QUOTA_COUNT_ + 1];
    struct mrl_quota_override set = {0};
    struct mrl_role_target target;
    MRL_AUTO(json_t) body = NULL;
    uint32_t unset = 0;

    MRL_TRY(mrl_role_target_parse(r->variables[0], &target, &r->why));
    members_of(members);
    MRL_TRY(mrl_api_body(r, members, &body));
    for (size_t i = 0; i < MRL_QUOTA_COUNT_; i++)
        MRL_TRY(read_limit(r, body, (enum mrl_quota_limit)i, &set, &unset));
    MRL_TRY(mrl_quota_change(r->api->access, &r->actor, &target, &set, unset, &r->why));
    return answer_quota(r, &target);
}

mrl_err mrl_api_quota_clear(struct mrl_api_request *r)
{
    struct mrl_role_target target;

    MRL_TRY(mrl_role_target_parse(r->variables[0], &target, &r->why));
    MRL_TRY(mrl_quota_clear(r->api->access, &r->actor, &target, &r->why));
    return mrl_api_answer_nothing(r);
}

static void on_listed(void *context, const struct mrl_role_target *target,
                      const struct mrl_quota_override *given)
{
    struct mrl_api_page *page = context;
    MRL_SCOPED(mrl_buf) key = {0};

    if (mrl_buf_printf(&key, "%s:%.*s", mrl_role_target_kind_name(target->kind),
                       MRL_FMT(target->name)) == MRL_OK && /* an unbounded buffer takes it */
        mrl_api_page_take(page, mrl_buf_bytes(&key)))
        mrl_api_add(page->r, page->items, target_json(page->r, target, given));
}

mrl_err mrl_api_quota_list(struct mrl_api_request *r)
{
    MRL_SCOPED(mrl_api_page) page = {0};

    MRL_TRY(mrl_api_page_start(r, &page));
    MRL_TRY(mrl_quota_list(r->api->access, page.after, page.limit + 1, on_listed, &page));
    return mrl_api_page_answer(&page);
}
