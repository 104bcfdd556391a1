/* SPDX-License-Identifier: Apache-2.0 */
/* Orders to renew: all devices, or a group, at a rate. */
#include <inttypes.h>
#include <stdio.h>

#include "api/request.h"
#include "issuing/renewals.h"

static const char *const new_members[] = {"group", "rate", NULL};

static json_t *renewal_json(struct mrl_api_request *r, const struct mrl_renewal_info *info)
{
    json_t *o = mrl_json_object();

    mrl_api_put_number(r, o, "id", info->id);
    mrl_api_put_text(r, o, "group", info->group);
    mrl_api_put_text(r, o, "state", mrl_str(mrl_renewal_state_name(info->state)));
    mrl_api_put_number(r, o, "per_hour", (int64_t)info->per_hour);
    mrl_api_put_time(r, o, "started", info->started_ms);
    if (info->ended_ms > 0)
        mrl_api_put_time(r, o, "ended", info->ended_ms);
    mrl_api_put_number(r, o, "total", (int64_t)info->total);
    mrl_api_put_number(r, o, "left", (int64_t)info->left);
    mrl_api_put_number(r, o, "told", (int64_t)info->told);
    mrl_api_put_number(r, o, "unreachable", (int64_t)info->unreachable);
    mrl_api_put_number(r, o, "renewed", (int64_t)info->renewed);
    return o;
}

static void on_shown(void *context, const struct mrl_renewal_info *info)
{
    struct mrl_api_page *page = context;

    page->items = renewal_json(page->r, info);
}

static mrl_err answer_renewal(struct mrl_api_request *r, unsigned status, int64_t id)
{
    struct mrl_api_page shown = {.r = r};

    MRL_TRY(mrl_renewals_show(r->api->renewals, id, on_shown, &shown));
    return mrl_api_answer(r, status, shown.items);
}

mrl_err mrl_api_renewal_begin(struct mrl_api_request *r)
{
    MRL_AUTO(json_t) body = NULL;
    mrl_bytes group, rate;
    uint64_t per_hour;
    int64_t id;

    MRL_TRY(mrl_api_body(r, new_members, &body));
    MRL_TRY(mrl_api_text_optional(r, body, "group", &group));
    MRL_TRY(mrl_api_text(r, body, "rate", &rate));
    if (!mrl_renewal_rate_parse(rate, &per_hour))
        return mrl_fail(&r->why, MRL_ERR_INVALID,
                        "rate: such as \"100/s\", \"10/m\", \"600/h\"; "
                        "1000/s at most");
    MRL_TRY(mrl_renewals_begin(r->api->renewals, &r->actor, group, per_hour, &id, &r->why));
    return answer_renewal(r, 201, id);
}

static void on_listed(void *context, const struct mrl_renewal_info *info)
{
    struct mrl_api_page *page = context;
    char key[24];

    (void)snprintf(key, sizeof(key), "%" PRId64, info->id); /* fits: one number */
    if (mrl_api_page_take(page, mrl_str(key)))
        mrl_api_add(page->r, page->items, renewal_json(page->r, info));
}

mrl_err mrl_api_renewal_list(struct mrl_api_request *r)
{
    MRL_SCOPED(mrl_api_page) page = {0};
    uint64_t before = 0;

    MRL_TRY(mrl_api_page_start(r, &page));
    if (page.after.len > 0 && !mrl_bytes_to_u64(page.after, INT64_MAX, &before))
        return mrl_fail(&r->why, MRL_ERR_INVALID, "cursor: not one that this list gave");
    MRL_TRY(mrl_renewals_list(r->api->renewals, (int64_t)before, page.limit + 1, on_listed, &page));
    return mrl_api_page_answer(&page);
}

/* No order has a number that is none. */
static mrl_err read_id(struct mrl_api_request *r, int64_t *out)
{
    uint64_t id;

    if (!mrl_bytes_to_u64(r->variables[0], INT64_MAX, &id))
        return mrl_fail(&r->why, MRL_ERR_NOT_FOUND, "there is no order to renew %.*s",
                        MRL_FMT(mrl_bytes_sub(r->variables[0], 0, 24)));
    *out = (int64_t)id;
    return MRL_OK;
}

mrl_err mrl_api_renewal_show(struct mrl_api_request *r)
{
    int64_t id;

    MRL_TRY(read_id(r, &id));
    return answer_renewal(r, 200, id);
}

mrl_err mrl_api_renewal_cancel(struct mrl_api_request *r)
{
    int64_t id;

    MRL_TRY(read_id(r, &id));
    MRL_TRY(mrl_renewals_cancel(r->api->renewals, &r->actor, id, &r->why));
    return answer_renewal(r, 200, id);
}

mrl_err mrl_api_renewal_resume(struct mrl_api_request *r)
{
    int64_t id;

    MRL_TRY(read_id(r, &id));
    MRL_TRY(mrl_renewals_resume(r->api->renewals, &r->actor, id, &r->why));
    return answer_renewal(r, 200, id);
}
