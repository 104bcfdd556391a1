/* SPDX-License-Identifier: Apache-2.0 */
/* The deny-list of keys. */
#include "devices/denied_key.h"

#include "api/request.h"
#include "base/hex.h"
#include "onboarding/claim.h"

static const char *const deny_members[] = {"keys", "reason", NULL};
static const char *const allow_members[] = {"reason", NULL};

/* *out is in the arena of the exchange. */
static mrl_err read_names(struct mrl_api_request *r, const json_t *body,
                          struct mrl_denied_name **out, size_t *count)
{
    struct mrl_denied_name *names;
    json_t *array = NULL;
    size_t n;

    if (mrl_json_get_array(body, "keys", &array, NULL) != MRL_OK || json_array_size(array) == 0 ||
        json_array_size(array) > MRL_DENY_MAX)
        return mrl_fail(&r->why, MRL_ERR_INVALID, "keys: a list of 1 to %d names", MRL_DENY_MAX);
    names = mrl_arena_alloc(mrl_exchange_arena(r->x), json_array_size(array) * sizeof(*names));
    for (n = 0; n < json_array_size(array); n++) {
        const json_t *item = json_array_get(array, n);
        mrl_bytes text = json_is_string(item)
                             ? mrl_bytes_of(json_string_value(item), json_string_length(item))
                             : MRL_BYTES_NONE;

        MRL_TRY(mrl_denied_name_read(text, &names[n], &r->why));
    }
    *out = names;
    *count = n;
    return MRL_OK;
}

mrl_err mrl_api_key_deny(struct mrl_api_request *r)
{
    struct mrl_denied_name *names = NULL;
    MRL_AUTO(json_t) body = NULL;
    struct mrl_denial done;
    mrl_bytes reason;
    size_t count = 0;
    json_t *o;

    MRL_TRY(mrl_api_body(r, deny_members, &body));
    MRL_TRY(mrl_api_text(r, body, "reason", &reason));
    MRL_TRY(read_names(r, body, &names, &count));
    MRL_TRY(mrl_keys_deny(r->api->registry, &r->actor, names, count, reason, &done, &r->why));
    MRL_TRY(
        mrl_claims_revoke_denied(r->api->onboarding, &r->actor, reason, &done.revoked, &r->why));
    o = mrl_json_object();
    mrl_api_put_number(r, o, "added", (int64_t)done.added);
    mrl_api_put_number(r, o, "revoked", (int64_t)done.revoked);
    return mrl_api_answer(r, 200, o);
}

mrl_err mrl_api_key_allow(struct mrl_api_request *r)
{
    MRL_AUTO(json_t) body = NULL;
    struct mrl_denied_name name;
    mrl_bytes reason;

    MRL_TRY(mrl_api_body(r, allow_members, &body));
    MRL_TRY(mrl_api_text_optional(r, body, "reason", &reason));
    MRL_TRY(mrl_denied_name_read(r->variables[0], &name, &r->why));
    MRL_TRY(mrl_key_allow(r->api->registry, &r->actor, &name, reason, &r->why));
    return mrl_api_answer_nothing(r);
}

static void on_key(void *context, const struct mrl_denied_key *k)
{
    struct mrl_api_page *page = context;
    char hex[2 * MRL_SHA256_SIZE + 1] = "";
    json_t *o;

    if (k->name.len <= MRL_SHA256_SIZE)
        mrl_hex(k->name, hex);
    if (!mrl_api_page_take(page, mrl_str(hex)))
        return;
    o = mrl_json_object();
    mrl_api_put_text(page->r, o, "key", mrl_str(hex));
    mrl_api_put_text(page->r, o, "reason", k->reason);
    mrl_api_put_text(page->r, o, "by", k->actor);
    mrl_api_put_time(page->r, o, "created", k->created_ms);
    mrl_api_add(page->r, page->items, o);
}

mrl_err mrl_api_denied_key_list(struct mrl_api_request *r)
{
    MRL_SCOPED(mrl_api_page) page = {0};
    struct mrl_denied_name after = {.len = 0};

    MRL_TRY(mrl_api_page_start(r, &page));
    if (page.after.len > 0)
        MRL_TRY(mrl_denied_name_read(page.after, &after, &r->why));
    MRL_TRY(mrl_denied_keys_list(r->api->store, mrl_denied_name_bytes(&after), page.limit + 1,
                                 on_key, &page));
    return mrl_api_page_answer(&page);
}
