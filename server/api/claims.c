/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/claim.h"

#include "api/request.h"
#include "base/clock.h"
#include "crypto/cert.h"

static const char *const new_members[] = {"name", "templates", "uses", "life", "csr", NULL};
static const char *const reason_members[] = {"reason", NULL};

enum { LIFE_DEFAULT_S = 30 * 86400 };

static mrl_err read_templates(struct mrl_api_request *r, const json_t *body,
                              mrl_bytes out[static MRL_CLAIM_TEMPLATES_MAX], size_t *count)
{
    json_t *array = NULL;

    if (mrl_json_get_array(body, "templates", &array, NULL) != MRL_OK ||
        json_array_size(array) > MRL_CLAIM_TEMPLATES_MAX)
        return mrl_fail(&r->why, MRL_ERR_INVALID, "templates: a list of 1 to %d names",
                        MRL_CLAIM_TEMPLATES_MAX);
    for (*count = 0; *count < json_array_size(array); (*count)++) {
        const json_t *item = json_array_get(array, *count);

        if (!json_is_string(item))
            return mrl_fail(&r->why, MRL_ERR_INVALID, "templates: a list of names");
        out[*count] = mrl_bytes_of(json_string_value(item), json_string_length(item));
    }
    return MRL_OK;
}

static mrl_err read_wish(struct mrl_api_request *r, const json_t *body, struct mrl_claim_wish *wish)
{
    mrl_bytes life;
    int64_t uses = 0;

    wish->life_s = LIFE_DEFAULT_S;
    MRL_TRY(mrl_api_text(r, body, "name", &wish->name));
    MRL_TRY(mrl_api_text(r, body, "csr", &wish->csr));
    MRL_TRY(mrl_api_text_optional(r, body, "life", &life));
    if (life.len > 0 && !mrl_duration_parse(life, &wish->life_s))
        return mrl_fail(&r->why, MRL_ERR_INVALID, "life: such as \"12h\", \"30d\"");
    if (mrl_json_get_int(body, "uses", 1, MRL_CLAIM_USES_MAX, &uses, NULL) != MRL_OK)
        return mrl_fail(&r->why, MRL_ERR_INVALID, "uses: a number from 1 to %d",
                        MRL_CLAIM_USES_MAX);
    wish->uses = (uint64_t)uses;
    return MRL_OK;
}

static const char *state_of(const struct mrl_claim_info *c)
{
    if (c->revoked)
        return "revoked";
    if (c->not_after < mrl_wall_s())
        return "expired";
    return c->used >= c->uses ? "used" : "active";
}

static json_t *templates_json(struct mrl_api_request *r, mrl_bytes set)
{
    json_t *array = mrl_json_array();
    mrl_bytes name, value;

    while (mrl_attributes_next(&set, &name, &value))
        mrl_api_add_text(r, array, name);
    return array;
}

static json_t *claim_json(struct mrl_api_request *r, const struct mrl_claim_info *c)
{
    json_t *o = mrl_json_object();

    mrl_api_put_text(r, o, "name", c->name);
    mrl_api_put_text(r, o, "state", mrl_str(state_of(c)));
    mrl_api_put(r, o, "templates", templates_json(r, c->templates));
    mrl_api_put_number(r, o, "uses", (int64_t)c->uses);
    mrl_api_put_number(r, o, "used", (int64_t)c->used);
    mrl_api_put_text(r, o, "reason", c->reason);
    mrl_api_put_hex(r, o, "fingerprint", mrl_fingerprint_bytes(&c->fingerprint));
    mrl_api_put_time(r, o, "created", c->created_ms);
    mrl_api_put_time(r, o, "expires", c->not_after * 1000);
    return o;
}

static void on_shown(void *context, const struct mrl_claim_info *c)
{
    struct mrl_api_page *page = context;

    page->items = claim_json(page->r, c);
}

static mrl_err answer_claim(struct mrl_api_request *r, unsigned status, mrl_bytes name,
                            mrl_bytes pem)
{
    struct mrl_api_page shown = {.r = r};

    MRL_TRY(mrl_claim_show(r->api->store, name, on_shown, &shown, &r->why));
    mrl_api_put_text(r, shown.items, "certificate", pem);
    return mrl_api_answer(r, status, shown.items);
}

mrl_err mrl_api_claim_create(struct mrl_api_request *r)
{
    mrl_bytes templates[MRL_CLAIM_TEMPLATES_MAX];
    struct mrl_claim_wish wish = {.templates = templates};
    MRL_AUTO(json_t) body = NULL;
    MRL_AUTO(mrl_cert) cert = NULL;
    MRL_SCOPED(mrl_buf) der = {0};
    MRL_SCOPED(mrl_buf) pem = {0};

    MRL_TRY(mrl_api_body(r, new_members, &body));
    MRL_TRY(read_wish(r, body, &wish));
    MRL_TRY(read_templates(r, body, templates, &wish.template_count));
    MRL_TRY(mrl_claim_create(r->api->onboarding, &r->actor, &wish, &der, &r->why));
    MRL_TRY(mrl_cert_from_der(mrl_buf_bytes(&der), &cert));
    MRL_TRY(mrl_cert_to_pem(cert, &pem));
    return answer_claim(r, 201, wish.name, mrl_buf_bytes(&pem));
}

mrl_err mrl_api_claim_show(struct mrl_api_request *r)
{
    return answer_claim(r, 200, r->variables[0], MRL_BYTES_NONE);
}

static void on_listed(void *context, const struct mrl_claim_info *c)
{
    struct mrl_api_page *page = context;

    if (mrl_api_page_take(page, c->name))
        mrl_api_add(page->r, page->items, claim_json(page->r, c));
}

mrl_err mrl_api_claim_list(struct mrl_api_request *r)
{
    MRL_SCOPED(mrl_api_page) page = {0};

    MRL_TRY(mrl_api_page_start(r, &page));
    MRL_TRY(mrl_claim_list(r->api->store, page.after, page.limit + 1, on_listed, &page));
    return mrl_api_page_answer(&page);
}

mrl_err mrl_api_claim_revoke(struct mrl_api_request *r)
{
    MRL_AUTO(json_t) body = NULL;
    mrl_bytes reason;

    MRL_TRY(mrl_api_body(r, reason_members, &body));
    MRL_TRY(mrl_api_text_optional(r, body, "reason", &reason));
    MRL_TRY(mrl_claim_revoke(r->api->onboarding, &r->actor, r->variables[0], reason, &r->why));
    return answer_claim(r, 200, r->variables[0], MRL_BYTES_NONE);
}
