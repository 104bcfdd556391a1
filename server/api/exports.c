/* SPDX-License-Identifier: Apache-2.0 */
/* Where the audit log goes, and how far it got. */
#include "api/request.h"

static json_t *export_json(struct mrl_api_request *r, const struct mrl_export_status *s)
{
    json_t *o = mrl_json_object();

    mrl_api_put_text(r, o, "name", s->name);
    mrl_api_put_text(r, o, "type", mrl_str(mrl_export_kind_name(s->kind)));
    mrl_api_put_text(r, o, "state",
                     s->since_ms == 0 ? MRL_LIT("idle")
                                      : (s->works ? MRL_LIT("working") : MRL_LIT("failing")));
    mrl_api_put_number(r, o, "newest", (int64_t)s->newest);
    mrl_api_put_number(r, o, "sent", (int64_t)s->sent);
    mrl_api_put_number(r, o, "confirmed", (int64_t)s->confirmed);
    mrl_api_put_number(r, o, "lag", (int64_t)mrl_export_lag(s));
    mrl_api_put_flag(r, o, "lagging", s->lagging);
    if (s->since_ms != 0)
        mrl_api_put_time(r, o, "since", s->since_ms);
    mrl_api_put_text(r, o, "why", mrl_str(s->why.text));
    return o;
}

mrl_err mrl_api_export_list(struct mrl_api_request *r)
{
    struct mrl_export_status all[MRL_EXPORTS_MAX];
    json_t *items = mrl_json_array();
    json_t *o = mrl_json_object();
    size_t count = 0;
    mrl_err err = mrl_exports_status(r->api->exports, all, &count);

    for (size_t i = 0; i < count; i++)
        mrl_api_add(r, items, export_json(r, &all[i]));
    mrl_api_put(r, o, "items", items);
    if (err != MRL_OK) {
        json_decref(o);
        return err;
    }
    return mrl_api_answer(r, 200, o);
}
