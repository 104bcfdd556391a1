/* SPDX-License-Identifier: Apache-2.0 */
/* Provisioning templates. The body of a PUT is the template itself; the secret of its hook stands
 * in it, is taken out, and is never shown again. */
#include "onboarding/templates.h"

#include "api/request.h"

static const char *const members[] = {"parameters", "device",        "group", "attributes",
                                      "devices",    "configuration", "hook",  NULL};

static json_t *template_json(struct mrl_api_request *r, const struct mrl_template_info *t)
{
    json_t *o = mrl_json_object();
    json_t *body = NULL;

    mrl_api_put_text(r, o, "name", t->name);
    mrl_api_put_number(r, o, "version", t->version);
    if (mrl_json_read(t->body, &MRL_JSON_LIMITS_DEFAULT, &body, NULL) == MRL_OK)
        mrl_api_put(r, o, "template", body);
    mrl_api_put_flag(r, o, "has_secret", t->has_secret);
    mrl_api_put_time(r, o, "created", t->created_ms);
    mrl_api_put_time(r, o, "changed", t->changed_ms);
    return o;
}

static void on_shown(void *context, const struct mrl_template_info *t)
{
    struct mrl_api_page *page = context;

    page->items = template_json(page->r, t);
}

mrl_err mrl_api_template_show(struct mrl_api_request *r)
{
    struct mrl_api_page shown = {.r = r};

    MRL_TRY(mrl_template_show(r->api->store, r->variables[0], on_shown, &shown, &r->why));
    return mrl_api_answer(r, 200, shown.items);
}

/* jansson does not wipe what it frees. */
static mrl_err take_secret(struct mrl_api_request *r, json_t *body, struct mrl_secret **out)
{
    json_t *hook = json_object_get(body, "hook"), *secret = json_object_get(hook, "secret");

    if (secret == NULL)
        return MRL_OK;
    if (!json_is_string(secret))
        return mrl_fail(&r->why, MRL_ERR_INVALID, "hook: secret is a text");
    *out = mrl_secret_copy(mrl_bytes_of(json_string_value(secret), json_string_length(secret)));
    mrl_wipe((char *)json_string_value(secret), json_string_length(secret));
    (void)json_object_del(hook, "secret"); /* it is there */
    return MRL_OK;
}

mrl_err mrl_api_template_set(struct mrl_api_request *r)
{
    struct mrl_template_wish wish = {.name = r->variables[0]};
    MRL_AUTO(json_t) body = NULL;
    MRL_AUTO(mrl_secret) secret = NULL;
    MRL_SCOPED(mrl_buf) text = {0};
    int64_t version;

    MRL_TRY(mrl_api_body(r, members, &body));
    MRL_TRY(take_secret(r, body, &secret));
    MRL_TRY(mrl_json_write(body, &text));
    wish.body = mrl_buf_bytes(&text);
    if (secret != NULL)
        wish.secret = mrl_secret_bytes(secret);
    MRL_TRY(mrl_template_set(r->api->store, r->api->sealer, &r->actor, &wish, &version, &r->why));
    return mrl_api_template_show(r);
}

static void on_listed(void *context, const struct mrl_template_info *t)
{
    struct mrl_api_page *page = context;

    if (mrl_api_page_take(page, t->name))
        mrl_api_add(page->r, page->items, template_json(page->r, t));
}

mrl_err mrl_api_template_list(struct mrl_api_request *r)
{
    MRL_SCOPED(mrl_api_page) page = {0};

    MRL_TRY(mrl_api_page_start(r, &page));
    MRL_TRY(mrl_template_list(r->api->store, page.after, page.limit + 1, on_listed, &page));
    return mrl_api_page_answer(&page);
}

mrl_err mrl_api_template_delete(struct mrl_api_request *r)
{
    MRL_TRY(mrl_template_delete(r->api->store, &r->actor, r->variables[0], &r->why));
    return mrl_api_answer_nothing(r);
}
