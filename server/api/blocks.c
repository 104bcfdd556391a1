/* SPDX-License-Identifier: Apache-2.0 */
/* Who is kept out for a while, and letting them in again. */
#include "api/request.h"

static void on_block(void *context, const struct mrl_guard_block *b)
{
    struct mrl_api_page *page = context;
    struct mrl_api_request *r = page->r;
    json_t *o;

    if (!mrl_api_page_take(page, mrl_str(b->text)))
        return;
    o = mrl_json_object();
    mrl_api_put_text(r, o, "who", mrl_str(b->text));
    mrl_api_put_text(r, o, "reason", mrl_str(mrl_guard_reason_name(b->reason)));
    mrl_api_put_number(r, o, "seconds", (int64_t)(b->left_ms + 999) / 1000);
    mrl_api_put_number(r, o, "strikes", b->strikes);
    mrl_api_add(r, page->items, o);
}

mrl_err mrl_api_block_list(struct mrl_api_request *r)
{
    MRL_SCOPED(mrl_api_page) page = {0};

    MRL_TRY(mrl_api_page_start(r, &page));
    if (r->api->guard != NULL)
        mrl_guard_list(r->api->guard, page.after, page.limit + 1, on_block, &page);
    return mrl_api_page_answer(&page);
}

/* The address of a source is a personal field, which a target cannot hold: its kind stands there.
 */
static mrl_bytes target_of(mrl_bytes who)
{
    mrl_bytes kind, name;
    bool is_principal =
        mrl_bytes_starts(who, MRL_LIT("device:")) || mrl_bytes_starts(who, MRL_LIT("application:"));

    return !is_principal && mrl_bytes_split(who, ':', &kind, &name) ? kind : who;
}

/* The entry first: what cannot be logged does not happen. */
mrl_err mrl_api_block_lift(struct mrl_api_request *r)
{
    const mrl_bytes who = r->variables[0];
    const struct mrl_audit_event e =
        mrl_actor_event(&r->actor, MRL_AUDIT_BLOCK_LIFTED, target_of(who));

    if (r->api->guard == NULL)
        return mrl_fail(&r->why, MRL_ERR_NOT_FOUND, "nobody is kept out");
    MRL_TRY(mrl_guard_check_blocked(r->api->guard, who, &r->why));
    MRL_TRY(mrl_api_record(r, &e));
    MRL_TRY(mrl_guard_lift(r->api->guard, who, &r->why));
    return mrl_api_answer_nothing(r);
}
