/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/maker.h"

#include "api/request.h"

static const char *const new_members[] = {"name",    "ca",   "crl",  "group",   "prefix", "id_from",
                                          "approve", "jitp", "rate", "devices", NULL};
static const char *const crl_members[] = {"crl", NULL};

static mrl_err read_choices(struct mrl_api_request *r, const json_t *body,
                            struct mrl_maker_new *maker)
{
    mrl_bytes text;

    MRL_TRY(mrl_api_text_optional(r, body, "id_from", &text));
    if (text.len > 0 && !mrl_maker_id_parse(text, &maker->id_from))
        return mrl_fail(&r->why, MRL_ERR_INVALID, "id_from: serialNumber, cn or hardware");
    MRL_TRY(mrl_api_text_optional(r, body, "approve", &text));
    if (text.len > 0 && !mrl_maker_approve_parse(text, &maker->approve))
        return mrl_fail(&r->why, MRL_ERR_INVALID, "approve: all, listed or manual");
    return mrl_json_optional(mrl_json_get_bool(body, "jitp", &maker->jitp, &r->why));
}

static mrl_err read_numbers(struct mrl_api_request *r, const json_t *body,
                            struct mrl_maker_new *maker)
{
    int64_t rate = MRL_MAKER_RATE_DEFAULT, devices = 0;

    MRL_TRY(
        mrl_json_optional(mrl_json_get_int(body, "rate", 1, MRL_MAKER_RATE_MAX, &rate, &r->why)));
    MRL_TRY(mrl_json_optional(mrl_json_get_int(body, "devices", 0, INT64_MAX, &devices, &r->why)));
    maker->rate = (uint64_t)rate;
    maker->devices = (uint64_t)devices;
    return MRL_OK;
}

static mrl_err read_new(struct mrl_api_request *r, const json_t *body, struct mrl_maker_new *maker)
{
    MRL_TRY(mrl_api_text(r, body, "name", &maker->name));
    MRL_TRY(mrl_api_text(r, body, "ca", &maker->ca));
    MRL_TRY(mrl_api_text_optional(r, body, "crl", &maker->crl));
    MRL_TRY(mrl_api_text_optional(r, body, "group", &maker->group));
    maker->has_prefix = json_object_get(body, "prefix") != NULL;
    MRL_TRY(mrl_api_text_optional(r, body, "prefix", &maker->prefix));
    MRL_TRY(read_choices(r, body, maker));
    MRL_TRY(read_numbers(r, body, maker));
    r->why.text[0] = '\0'; /* of what was absent */
    return MRL_OK;
}

static json_t *maker_json(struct mrl_api_request *r, const struct mrl_maker_info *info)
{
    const struct mrl_maker_rule *m = info->rule;
    json_t *o = mrl_json_object();

    mrl_api_put_text(r, o, "name", mrl_name_bytes(&m->name));
    mrl_api_put_text(r, o, "group", mrl_name_bytes(&m->group));
    mrl_api_put(r, o, "prefix", json_string(m->prefix));
    mrl_api_put_text(r, o, "id_from", mrl_str(mrl_maker_id_name(m->id_from)));
    mrl_api_put_text(r, o, "approve", mrl_str(mrl_maker_approve_name(m->approve)));
    mrl_api_put_flag(r, o, "jitp", m->jitp);
    mrl_api_put_number(r, o, "rate", (int64_t)m->rate);
    mrl_api_put_number(r, o, "devices", (int64_t)m->devices);
    mrl_api_put_number(r, o, "introduced", (int64_t)info->introduced);
    mrl_api_put_number(r, o, "crls", (int64_t)info->crls);
    mrl_api_put_time(r, o, "created", info->created_ms);
    return o;
}

static json_t *ca_json(struct mrl_api_request *r, const struct mrl_cert *c)
{
    const struct mrl_cert_facts *f = mrl_cert_facts(c);
    json_t *o = mrl_json_object();

    mrl_api_put_hex(r, o, "fingerprint", mrl_fingerprint_bytes(&f->fingerprint));
    mrl_api_put_text(r, o, "name", f->cn);
    mrl_api_put_time(r, o, "not_before", f->not_before * 1000);
    mrl_api_put_time(r, o, "not_after", f->not_after * 1000);
    return o;
}

struct shown {
    struct mrl_api_request *r;
    json_t *maker;
};

static void on_shown(void *context, const struct mrl_maker_info *info)
{
    struct shown *s = context;
    json_t *cas = mrl_json_array();

    s->maker = maker_json(s->r, info);
    for (size_t i = 0; i < info->cas->count; i++)
        mrl_api_add(s->r, cas, ca_json(s->r, info->cas->certs[i]));
    mrl_api_put(s->r, s->maker, "cas", cas);
}

static mrl_err answer(struct mrl_api_request *r, unsigned status, mrl_bytes name)
{
    struct shown s = {.r = r};

    MRL_TRY(mrl_maker_show(r->api->onboarding->makers, name, on_shown, &s, &r->why));
    return mrl_api_answer(r, status, s.maker);
}

mrl_err mrl_api_maker_add(struct mrl_api_request *r)
{
    MRL_AUTO(json_t) body = NULL;
    struct mrl_maker_new maker = {.id_from = MRL_MAKER_ID_SERIAL,
                                  .approve = MRL_MAKER_APPROVE_MANUAL};

    MRL_TRY(mrl_api_body(r, new_members, &body));
    MRL_TRY(read_new(r, body, &maker));
    MRL_TRY(mrl_maker_add(r->api->onboarding->makers, &r->actor, &maker, &r->why));
    return answer(r, 201, maker.name);
}

static void on_listed(void *context, const struct mrl_maker_info *info)
{
    struct mrl_api_page *page = context;

    if (mrl_api_page_take(page, mrl_name_bytes(&info->rule->name)))
        mrl_api_add(page->r, page->items, maker_json(page->r, info));
}

mrl_err mrl_api_maker_list(struct mrl_api_request *r)
{
    MRL_SCOPED(mrl_api_page) page = {0};

    MRL_TRY(mrl_api_page_start(r, &page));
    MRL_TRY(
        mrl_maker_list(r->api->onboarding->makers, page.after, page.limit + 1, on_listed, &page));
    return mrl_api_page_answer(&page);
}

mrl_err mrl_api_maker_show(struct mrl_api_request *r)
{
    return answer(r, 200, r->variables[0]);
}

mrl_err mrl_api_maker_crl(struct mrl_api_request *r)
{
    MRL_AUTO(json_t) body = NULL;
    mrl_bytes crl;

    MRL_TRY(mrl_api_body(r, crl_members, &body));
    MRL_TRY(mrl_api_text_optional(r, body, "crl", &crl));
    MRL_TRY(
        mrl_maker_set_crl(r->api->onboarding->makers, &r->actor, r->variables[0], crl, &r->why));
    return answer(r, 200, r->variables[0]);
}

mrl_err mrl_api_maker_remove(struct mrl_api_request *r)
{
    MRL_TRY(mrl_maker_remove(r->api->onboarding->makers, &r->actor, r->variables[0], &r->why));
    return mrl_api_answer_nothing(r);
}
