/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/approval.h"

#include "api/request.h"

static const char *const members[] = {"reason", NULL};

static void on_listed(void *context, const struct mrl_approval_info *a)
{
    struct mrl_api_page *page = context;
    struct mrl_api_request *r = page->r;
    json_t *o;

    if (!mrl_api_page_take(page, a->id))
        return;
    o = mrl_json_object();
    mrl_api_put_text(r, o, "id", a->id);
    mrl_api_put_text(r, o, "device", a->device);
    mrl_api_put_text(r, o, "introducer", a->introducer);
    mrl_api_put_text(r, o, "door", a->door);
    mrl_api_put_text(r, o, "state", mrl_str(mrl_approval_state_name(a->state)));
    mrl_api_put_text(r, o, "reason", a->reason);
    mrl_api_put_time(r, o, "created", a->created_ms);
    if (a->decided_ms != 0)
        mrl_api_put_time(r, o, "decided", a->decided_ms);
    if (a->expires != 0)
        mrl_api_put_time(r, o, "expires", a->expires * 1000);
    mrl_api_add(r, page->items, o);
}

mrl_err mrl_api_approval_list(struct mrl_api_request *r)
{
    MRL_SCOPED(mrl_api_page) page = {0};
    enum mrl_approval_state state = MRL_APPROVAL_NONE;
    mrl_bytes text;

    if (mrl_exchange_query(r->x, "state", &text) && !mrl_approval_state_parse(text, &state))
        return mrl_fail(&r->why, MRL_ERR_INVALID, "state: pending, approved, refused or used");
    MRL_TRY(mrl_api_page_start(r, &page));
    MRL_TRY(mrl_approval_list(r->api->store, page.after, page.limit + 1, state, on_listed, &page));
    return mrl_api_page_answer(&page);
}

mrl_err mrl_api_approval_decide(struct mrl_api_request *r)
{
    MRL_AUTO(json_t) body = NULL;
    struct mrl_approval_decision decision = {.id = r->variables[0],
                                             .approve = r->route->argument != 0};

    MRL_TRY(mrl_api_body(r, members, &body));
    MRL_TRY(mrl_api_text_optional(r, body, "reason", &decision.reason));
    MRL_TRY(mrl_approval_decide(r->api->store, &r->actor, &decision, &r->why));
    return mrl_api_answer_nothing(r);
}
