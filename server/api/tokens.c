/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/token.h"

#include "api/request.h"
#include "base/clock.h"
#include "crypto/cert.h"

static const char *const new_members[] = {"device", "group", "life", "uses", "approval", NULL};

enum { LIFE_DEFAULT_S = 3600 };

static mrl_err read_wish(struct mrl_api_request *r, const json_t *body, struct mrl_token_wish *wish)
{
    mrl_bytes life;
    int64_t uses = 1;
    mrl_err err;

    wish->life_s = LIFE_DEFAULT_S;
    MRL_TRY(mrl_api_text_optional(r, body, "device", &wish->device));
    MRL_TRY(mrl_api_text_optional(r, body, "group", &wish->group));
    MRL_TRY(mrl_api_text_optional(r, body, "life", &life));
    if (life.len > 0 && !mrl_duration_parse(life, &wish->life_s))
        return mrl_fail(&r->why, MRL_ERR_INVALID, "life: such as \"30m\", \"1h\", \"7d\"");
    MRL_TRY(mrl_json_optional(mrl_json_get_bool(body, "approval", &wish->approval, &r->why)));
    err = mrl_json_get_int(body, "uses", 1, MRL_TOKEN_USES_MAX, &uses, &r->why);
    wish->uses = (uint64_t)uses;
    return mrl_json_optional(err);
}

/* All an agent needs to enrol: where, whom to trust there, and with what. */
static json_t *token_json(struct mrl_api_request *r, const struct mrl_token_wish *wish,
                          const struct mrl_token_new *t)
{
    const struct mrl_cert_list *roots = mrl_issuing_roots(r->api->issuing);
    json_t *o = mrl_json_object();

    mrl_api_put_text(r, o, "id", mrl_str(t->id));
    mrl_api_put_text(r, o, "token", mrl_secret_bytes(t->text));
    mrl_api_put_text(r, o, "device", wish->device);
    mrl_api_put_text(r, o, "group", wish->group);
    mrl_api_put_number(r, o, "uses", (int64_t)wish->uses);
    mrl_api_put_flag(r, o, "approval", wish->approval);
    mrl_api_put_time(r, o, "expires", t->expires * 1000);
    mrl_api_put_text(r, o, "enrolment_address", mrl_str(r->api->enrolment_address));
    mrl_api_put_text(r, o, "mqtt_address", mrl_str(r->api->mqtt_address));
    mrl_api_put_text(r, o, "server_name", r->api->server_name);
    if (roots->count > 0)
        mrl_api_put_hex(r, o, "root_sha256",
                        mrl_fingerprint_bytes(&mrl_cert_facts(roots->certs[0])->fingerprint));
    return o;
}

/* jansson does not wipe what it frees; the answer's own memory the server wipes. */
static void forget(json_t *o)
{
    json_t *token = json_object_get(o, "token");

    mrl_wipe((char *)json_string_value(token), json_string_length(token));
    json_decref(o);
}

mrl_err mrl_api_token_create(struct mrl_api_request *r)
{
    MRL_AUTO(json_t) body = NULL;
    struct mrl_token_wish wish = {0};
    struct mrl_token_new t = {0};
    json_t *o;
    mrl_err err;

    MRL_TRY(mrl_api_body(r, new_members, &body));
    MRL_TRY(read_wish(r, body, &wish));
    MRL_TRY(mrl_token_create(r->api->store, &r->actor, &wish, &t, &r->why));
    o = token_json(r, &wish, &t);
    err = mrl_api_answer(r, 201, json_incref(o));
    forget(o);
    mrl_token_new_done(&t);
    return err;
}

static const char *state_of(const struct mrl_token_info *t)
{
    if (t->cancelled)
        return "cancelled";
    if (t->used >= t->uses)
        return "used";
    return t->expires <= mrl_wall_s() ? "expired" : "open";
}

static void on_listed(void *context, const struct mrl_token_info *t)
{
    struct mrl_api_page *page = context;
    struct mrl_api_request *r = page->r;
    json_t *o;

    if (!mrl_api_page_take(page, t->id))
        return;
    o = mrl_json_object();
    mrl_api_put_text(r, o, "id", t->id);
    mrl_api_put_text(r, o, "state", mrl_str(state_of(t)));
    mrl_api_put_text(r, o, "device", t->device);
    mrl_api_put_text(r, o, "group", t->group);
    mrl_api_put_number(r, o, "uses", (int64_t)t->uses);
    mrl_api_put_number(r, o, "used", (int64_t)t->used);
    mrl_api_put_flag(r, o, "approval", t->approval);
    mrl_api_put_time(r, o, "created", t->created_ms);
    mrl_api_put_time(r, o, "expires", t->expires * 1000);
    mrl_api_add(r, page->items, o);
}

mrl_err mrl_api_token_list(struct mrl_api_request *r)
{
    MRL_SCOPED(mrl_api_page) page = {0};

    MRL_TRY(mrl_api_page_start(r, &page));
    MRL_TRY(mrl_token_list(r->api->store, page.after, page.limit + 1, on_listed, &page));
    return mrl_api_page_answer(&page);
}

mrl_err mrl_api_token_cancel(struct mrl_api_request *r)
{
    MRL_TRY(mrl_token_cancel(r->api->store, &r->actor, r->variables[0], &r->why));
    return mrl_api_answer_nothing(r);
}
