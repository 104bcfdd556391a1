/* SPDX-License-Identifier: Apache-2.0 */
#include "devices/psk.h"

#include "api/request.h"
#include "base/clock.h"
#include "base/hex.h"

static const char *const new_members[] = {"identity", "key", "life", NULL};
static const char *const revoke_members[] = {"reason", NULL};

#define LIFE_MAX_S (UINT64_C(100) * 365 * 86400)

static mrl_err read_key(struct mrl_api_request *r, const json_t *body, struct mrl_secret **out)
{
    MRL_AUTO(mrl_secret) key = NULL;
    mrl_bytes text;

    MRL_TRY(mrl_api_text_optional(r, body, "key", &text));
    if (text.len == 0)
        return MRL_OK;
    key = mrl_secret_new(text.len / 2);
    if (text.len % 2 != 0 || mrl_unhex(text, mrl_secret_data(key), text.len / 2) != MRL_OK)
        return mrl_fail(&r->why, MRL_ERR_INVALID, "key: bytes in hexadecimal");
    *out = MRL_TAKE(key);
    return MRL_OK;
}

static mrl_err read_end(struct mrl_api_request *r, const json_t *body, int64_t *not_after)
{
    uint64_t life_s = 0;
    mrl_bytes life;

    MRL_TRY(mrl_api_text_optional(r, body, "life", &life));
    if (life.len == 0)
        return MRL_OK;
    if (!mrl_duration_parse(life, &life_s) || life_s == 0 || life_s > LIFE_MAX_S)
        return mrl_fail(&r->why, MRL_ERR_INVALID, "life: such as \"12h\" or \"365d\"");
    *not_after = mrl_wall_s() + (int64_t)life_s;
    return MRL_OK;
}

static void put_end(struct mrl_api_request *r, json_t *o, int64_t not_after)
{
    if (not_after < MRL_PSK_NO_END)
        mrl_api_put_time(r, o, "expires", not_after * 1000);
}

/* By no memory that is not wiped: see mrl_json_wipe_what_is_freed. */
static void put_key(struct mrl_api_request *r, json_t *o, const struct mrl_secret *key)
{
    mrl_bytes bytes = mrl_secret_bytes(key);
    MRL_AUTO(mrl_secret) hex = mrl_secret_new(2 * bytes.len + 1);

    mrl_hex(bytes, (char *)mrl_secret_data(hex));
    mrl_api_put_text(r, o, "key", mrl_bytes_sub(mrl_secret_bytes(hex), 0, 2 * bytes.len));
}

/* All a device needs to connect. */
static json_t *new_json(struct mrl_api_request *r, const struct mrl_psk_new *p)
{
    json_t *o = mrl_json_object();

    mrl_api_put_text(r, o, "device", r->variables[0]);
    mrl_api_put_text(r, o, "identity", mrl_str(p->identity));
    put_key(r, o, p->key);
    mrl_api_put_hex(r, o, "fingerprint", mrl_fingerprint_bytes(&p->fingerprint));
    put_end(r, o, p->not_after);
    mrl_api_put_text(r, o, "mqtt_address", mrl_str(r->api->mqtt_address));
    mrl_api_put_text(r, o, "server_name", r->api->server_name);
    return o;
}

mrl_err mrl_api_psk_add(struct mrl_api_request *r)
{
    MRL_AUTO(json_t) body = NULL;
    MRL_AUTO(mrl_secret) key = NULL;
    struct mrl_psk_wish wish = {.device = r->variables[0]};
    struct mrl_psk_new made = {.key = NULL};
    mrl_err err;

    if (!r->api->psk)
        return mrl_fail(&r->why, MRL_ERR_STATE,
                        "pre-shared keys are off: [mqtt] psk in the configuration");
    MRL_TRY(mrl_api_body(r, new_members, &body));
    MRL_TRY(mrl_api_text_optional(r, body, "identity", &wish.identity));
    MRL_TRY(read_key(r, body, &key));
    MRL_TRY(read_end(r, body, &wish.not_after));
    wish.key = mrl_secret_bytes(key);
    MRL_TRY(mrl_psk_add(r->api->registry, &r->actor, &wish, &made, &r->why));
    err = mrl_api_answer(r, 201, new_json(r, &made));
    mrl_psk_new_done(&made);
    return err;
}

static void on_listed(void *context, const struct mrl_psk_info *p)
{
    struct mrl_api_page *page = context;
    struct mrl_api_request *r = page->r;
    json_t *o = mrl_json_object();

    mrl_api_put_text(r, o, "identity", p->identity);
    mrl_api_put_hex(r, o, "fingerprint", mrl_fingerprint_bytes(&p->fingerprint));
    mrl_api_put_text(r, o, "state", mrl_str(mrl_credential_state_name(p->state)));
    mrl_api_put_flag(r, o, "seen", p->seen);
    mrl_api_put_text(r, o, "reason", p->reason);
    mrl_api_put_time(r, o, "created", p->created_ms);
    put_end(r, o, p->not_after);
    mrl_api_add(r, page->items, o);
}

/* A device has few: one page. */
mrl_err mrl_api_psk_list(struct mrl_api_request *r)
{
    MRL_SCOPED(mrl_api_page) page = {0};

    MRL_TRY(mrl_api_page_start(r, &page));
    MRL_TRY(mrl_psk_list(r->api->registry, r->variables[0], on_listed, &page, &r->why));
    return mrl_api_page_answer(&page);
}

mrl_err mrl_api_psk_revoke(struct mrl_api_request *r)
{
    MRL_AUTO(json_t) body = NULL;
    mrl_bytes reason;

    MRL_TRY(mrl_api_body(r, revoke_members, &body));
    MRL_TRY(mrl_api_text_optional(r, body, "reason", &reason));
    MRL_TRY(mrl_psk_revoke(r->api->registry, &r->actor, r->variables[0], r->variables[1], reason,
                           &r->why));
    return mrl_api_answer_nothing(r);
}
