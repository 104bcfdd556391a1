/* SPDX-License-Identifier: Apache-2.0 */
/* The inventory of certificates, the first to end first. */
#include "devices/inventory.h"

#include <inttypes.h>
#include <stdio.h>

#include "api/request.h"
#include "base/clock.h"
#include "base/hex.h"

#define WITHIN_MAX_S (UINT64_C(100) * 365 * 86400)
enum { KEY_MAX = 24 + 1 + 2 * MRL_SHA256_SIZE };

static mrl_err read_kind(struct mrl_api_request *r, enum mrl_principal_kind *out)
{
    mrl_bytes text;

    *out = MRL_PRINCIPAL_DEVICE;
    if (!mrl_exchange_query(r->x, "kind", &text))
        return MRL_OK;
    for (int k = MRL_PRINCIPAL_DEVICE; k <= MRL_PRINCIPAL_OPERATOR; k++) {
        *out = (enum mrl_principal_kind)k;
        if (mrl_bytes_eq(text, mrl_str(mrl_principal_kind_name(*out))))
            return MRL_OK;
    }
    return mrl_fail(&r->why, MRL_ERR_INVALID, "kind: device, application or operator");
}

static mrl_err read_state(struct mrl_api_request *r, enum mrl_credential_state *out)
{
    mrl_bytes text;

    *out = MRL_CREDENTIAL_ACTIVE;
    if (!mrl_exchange_query(r->x, "state", &text))
        return MRL_OK;
    for (int s = MRL_CREDENTIAL_ACTIVE; s <= MRL_CREDENTIAL_REVOKED; s++) {
        *out = (enum mrl_credential_state)s;
        if (mrl_bytes_eq(text, mrl_str(mrl_credential_state_name(*out))))
            return MRL_OK;
    }
    return mrl_fail(&r->why, MRL_ERR_INVALID, "state: active, superseded or revoked");
}

static mrl_err read_within(struct mrl_api_request *r, int64_t *before)
{
    uint64_t seconds;
    mrl_bytes text;

    if (!mrl_exchange_query(r->x, "expires_within", &text))
        return MRL_OK;
    if (!mrl_duration_parse(text, &seconds) || seconds > WITHIN_MAX_S)
        return mrl_fail(&r->why, MRL_ERR_INVALID,
                        "expires_within: such as \"12h\" or \"30d\", at most 100 years");
    *before = mrl_wall_s() + (int64_t)seconds;
    return MRL_OK;
}

/* "SECONDS.FINGERPRINT" */
static mrl_err read_place(struct mrl_api_request *r, mrl_bytes key, struct mrl_inventory_place *out)
{
    mrl_bytes seconds, fingerprint;
    uint64_t not_after;

    if (key.len == 0)
        return MRL_OK;
    if (!mrl_bytes_split(key, '.', &seconds, &fingerprint) ||
        !mrl_bytes_to_u64(seconds, INT64_MAX, &not_after) ||
        mrl_unhex(fingerprint, out->fingerprint.bytes, sizeof(out->fingerprint.bytes)) != MRL_OK)
        return mrl_fail(&r->why, MRL_ERR_INVALID, "cursor: not one that this list gave");
    out->not_after = (int64_t)not_after;
    return MRL_OK;
}

static json_t *item_json(struct mrl_api_request *r, const struct mrl_inventory_item *item)
{
    const struct mrl_credential_info *c = &item->credential;
    json_t *o = mrl_json_object();

    mrl_api_put_text(r, o, "principal", c->id);
    mrl_api_put_hex(r, o, "fingerprint", mrl_fingerprint_bytes(&c->fingerprint));
    mrl_api_put_text(r, o, "kind", c->psk ? MRL_LIT("psk") : MRL_LIT("certificate"));
    mrl_api_put_hex(r, o, "serial", c->serial);
    mrl_api_put_text(r, o, "state", mrl_str(mrl_credential_state_name(c->state)));
    mrl_api_put_text(r, o, "reason", c->reason);
    mrl_api_put_time(r, o, "not_before", c->not_before * 1000);
    mrl_api_put_time(r, o, "not_after", c->not_after * 1000);
    mrl_api_put_flag(r, o, "expired", c->not_after < mrl_wall_s());
    mrl_api_put_flag(r, o, "renewed", item->renewed);
    return o;
}

static void on_listed(void *context, const struct mrl_inventory_item *item)
{
    struct mrl_api_page *page = context;
    char hex[2 * MRL_SHA256_SIZE + 1], key[KEY_MAX + 1];

    mrl_hex(mrl_fingerprint_bytes(&item->credential.fingerprint), hex);
    (void)snprintf(key, sizeof(key), "%" PRId64 ".%s", item->credential.not_after, hex);
    if (mrl_api_page_take(page, mrl_str(key)))
        mrl_api_add(page->r, page->items, item_json(page->r, item));
}

mrl_err mrl_api_certificate_list(struct mrl_api_request *r)
{
    MRL_SCOPED(mrl_api_page) page = {0};
    struct mrl_inventory_query query = {.ends_after = -1};

    MRL_TRY(mrl_api_page_start(r, &page));
    MRL_TRY(read_kind(r, &query.kind));
    MRL_TRY(read_state(r, &query.state));
    MRL_TRY(read_within(r, &query.ends_before));
    MRL_TRY(read_place(r, page.after, &query.after));
    (void)mrl_exchange_query(r->x, "group", &query.group); /* absent: any */
    query.limit = page.limit + 1;
    MRL_TRY(mrl_inventory_list(r->api->store, &query, on_listed, &page, &r->why));
    return mrl_api_page_answer(&page);
}
