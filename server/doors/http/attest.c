/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/http/attest.h"

#include "base/hex.h"
#include "base/json.h"
#include "doors/http/est.h"
#include "doors/http/est_admit.h"
#include "doors/http/est_login.h"
#include "doors/http/est_offer.h"
#include "onboarding/attest.h"
#include "wire/http1.h"

enum { FIELD_MAX = 16 << 10, DEPTH = 3 };

/* ---- fields ---- */

static mrl_err read_json(struct mrl_exchange *x, const char *const *names, json_t **out,
                         struct mrl_why *why)
{
    const mrl_bytes body = mrl_exchange_body(x);
    const struct mrl_json_limits limits = {body.len, DEPTH};
    MRL_AUTO(json_t) json = NULL;

    MRL_TRY(mrl_json_read(body, &limits, &json, why));
    MRL_TRY(mrl_json_only(json, names, why));
    *out = MRL_TAKE(json);
    return MRL_OK;
}

/* Into the arena of the exchange. */
static mrl_err decode(struct mrl_exchange *x, const char *name, mrl_bytes text, mrl_bytes *out,
                      struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) raw = {.limit = FIELD_MAX};

    if (mrl_base64_read(text, &raw) != MRL_OK)
        return mrl_fail(why, MRL_ERR_MALFORMED, "%s is not base64, or over %d bytes", name,
                        FIELD_MAX);
    *out = mrl_arena_copy(mrl_exchange_arena(x), mrl_buf_bytes(&raw));
    return MRL_OK;
}

static mrl_err read_field(struct mrl_exchange *x, const json_t *json, const char *name,
                          mrl_bytes *out, struct mrl_why *why)
{
    mrl_bytes text;

    MRL_TRY(mrl_json_get_str(json, name, &text, why));
    return decode(x, name, text, out, why);
}

/* Whom a bearer token is for: nothing else of a proof says so before its request. */
static mrl_err read_device(struct mrl_exchange *x, const json_t *json, mrl_bytes *out,
                           struct mrl_why *why)
{
    mrl_bytes name = MRL_BYTES_NONE;

    MRL_TRY(mrl_json_optional(mrl_json_get_str(json, "device", &name, why)));
    *out = mrl_arena_copy(mrl_exchange_arena(x), name);
    return MRL_OK;
}

static mrl_err read_chain(struct mrl_exchange *x, const json_t *json, struct mrl_attest_claim *out,
                          struct mrl_why *why)
{
    json_t *chain = NULL;

    MRL_TRY(mrl_json_optional(mrl_json_get_array(json, "ek_chain", &chain, why)));
    if (json_array_size(chain) > MRL_ATTEST_CHAIN_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT, "ek_chain has more than %d certificates",
                        MRL_ATTEST_CHAIN_MAX);
    for (size_t i = 0; i < json_array_size(chain); i++) {
        const json_t *item = json_array_get(chain, i);

        if (!json_is_string(item))
            return mrl_fail(why, MRL_ERR_INVALID, "ek_chain holds something else than text");
        MRL_TRY(decode(x, "ek_chain",
                       mrl_bytes_of(json_string_value(item), json_string_length(item)),
                       &out->ek_chain[out->ek_chain_count++], why));
    }
    return MRL_OK;
}

static mrl_err read_claim(struct mrl_exchange *x, struct mrl_attest_claim *out, mrl_bytes *device,
                          struct mrl_why *why)
{
    static const char *const names[] = {"ek_certificate", "ek_chain", "ek_public",
                                        "ak_public",      "device",   NULL};
    MRL_AUTO(json_t) json = NULL;

    MRL_TRY(read_json(x, names, &json, why));
    MRL_TRY(read_device(x, json, device, why));
    MRL_TRY(read_field(x, json, "ek_certificate", &out->ek_certificate, why));
    MRL_TRY(read_field(x, json, "ek_public", &out->ek_public, why));
    MRL_TRY(read_field(x, json, "ak_public", &out->ak_public, why));
    return read_chain(x, json, out, why);
}

static mrl_err read_answer(struct mrl_exchange *x, struct mrl_attest_answer *out,
                           struct mrl_enrolment *e, mrl_bytes *device, struct mrl_why *why)
{
    static const char *const names[] = {"challenge", "secret",  "key_public", "attest",
                                        "signature", "request", "device",     NULL};
    MRL_AUTO(json_t) json = NULL;
    mrl_bytes challenge;

    MRL_TRY(read_json(x, names, &json, why));
    MRL_TRY(read_device(x, json, device, why));
    MRL_TRY(mrl_json_get_str(json, "challenge", &challenge, why));
    out->challenge = mrl_arena_copy(mrl_exchange_arena(x), challenge);
    MRL_TRY(read_field(x, json, "secret", &out->secret, why));
    MRL_TRY(read_field(x, json, "key_public", &out->key_public, why));
    MRL_TRY(read_field(x, json, "attest", &out->attest, why));
    MRL_TRY(read_field(x, json, "signature", &out->signature, why));
    return read_field(x, json, "request", &e->request, why);
}

/* ---- answers ---- */

static mrl_err set_base64(json_t *json, const char *name, mrl_bytes value)
{
    MRL_SCOPED(mrl_buf) text = {0};

    MRL_TRY(mrl_base64_write(value, 0, &text));
    return mrl_json_set_str(json, name, mrl_buf_bytes(&text));
}

static mrl_err fill_challenge(const struct mrl_attest_challenge *c, json_t *json)
{
    const struct mrl_tpm2_credential *made = &c->credential;

    MRL_TRY(mrl_json_set_str(json, "challenge", mrl_str(c->id)));
    MRL_TRY(
        set_base64(json, "credential_blob", mrl_bytes_of(made->id_object, made->id_object_len)));
    MRL_TRY(set_base64(json, "encrypted_secret", mrl_bytes_of(made->secret, made->secret_len)));
    MRL_TRY(set_base64(json, "nonce", mrl_bytes_of(c->nonce, sizeof(c->nonce))));
    return mrl_json_set_int(json, "expires_in", (int64_t)c->life_s);
}

static void answer(struct mrl_exchange *x, mrl_err filled, const json_t *json)
{
    mrl_exchange_set_header(x, "Content-Type", MRL_LIT("application/json"));
    mrl_exchange_set_header(x, "Cache-Control", MRL_LIT("no-store"));
    if (filled != MRL_OK || mrl_json_write(json, mrl_exchange_answer(x)) != MRL_OK)
        mrl_exchange_fail(x, 500, "the answer cannot be written\n");
}

/* ---- the two steps ---- */

/* Who asks, over which connection. false: refused already. */
static bool identify(struct mrl_exchange *x, struct mrl_est_login *login,
                     char source[static MRL_PEER_TEXT], struct mrl_enrolment *e)
{
    const struct mrl_tls_facts *facts = mrl_exchange_facts(x);
    enum mrl_tls_binding kind;
    struct mrl_why why = {""};

    if (mrl_est_login_read(x, login, &why) != MRL_OK) {
        mrl_est_refuse_login(x, &why);
        return false;
    }
    mrl_peer_format(mrl_exchange_peer(x), source);
    *e = (struct mrl_enrolment){
        .device = login->device,
        .token = login->token,
        .present = facts != NULL && facts->has_certificate ? &facts->fingerprint : NULL,
        .introduced = facts != NULL ? facts->introduced : MRL_BYTES_NONE,
        .binding = mrl_exchange_channel_binding(x, &kind),
        .source = mrl_str(source),
        .skew_s = mrl_est_skew(x),
        .request_id = mrl_exchange_request_id(x),
    };
    return true;
}

/* Of a bearer token only: who comes otherwise has said it already. */
static void name_device(struct mrl_enrolment *e, mrl_bytes device)
{
    if (e->device.len == 0)
        e->device = device;
}

static bool is_refused(struct mrl_exchange *x, enum mrl_enrol_refusal refusal,
                       const struct mrl_why *why)
{
    const struct mrl_est *est = mrl_exchange_context(x);

    if (refusal == MRL_ENROL_NOT_AUTHENTIC)
        mrl_guard_token_refused(est->guard, mrl_exchange_peer(x));
    if (refusal != MRL_ENROL_OK)
        mrl_est_refuse(x, refusal, why->text);
    return refusal != MRL_ENROL_OK;
}

static void refuse_body(struct mrl_exchange *x, const struct mrl_enrolment *e,
                        const struct mrl_why *why)
{
    const struct mrl_est *est = mrl_exchange_context(x);

    mrl_enrol_note_refused(est->onboarding, e, why->text);
    mrl_est_refuse(x, MRL_ENROL_BAD_REQUEST, why->text);
}

/* [service] */
static void begin(struct mrl_exchange *x)
{
    const struct mrl_est *est = mrl_exchange_context(x);
    MRL_SCOPED(mrl_est_login) login = {0};
    MRL_AUTO(json_t) json = mrl_json_object();
    struct mrl_attest_challenge challenge;
    struct mrl_attest_claim claim = {0};
    struct mrl_why why = {""};
    char source[MRL_PEER_TEXT];
    struct mrl_enrolment e;
    mrl_bytes device;

    if (!identify(x, &login, source, &e))
        return;
    if (read_claim(x, &claim, &device, &why) != MRL_OK) {
        refuse_body(x, &e, &why);
        return;
    }
    name_device(&e, device);
    if (!is_refused(x, mrl_attest_begin(est->attest, &e, &claim, &challenge, &why), &why))
        answer(x, fill_challenge(&challenge, json), json);
}

/* [service] */
static void finish(struct mrl_exchange *x)
{
    const struct mrl_est *est = mrl_exchange_context(x);
    MRL_SCOPED(mrl_est_login) login = {0};
    MRL_SCOPED(mrl_buf) der = {0};
    MRL_AUTO(json_t) json = mrl_json_object();
    struct mrl_attest_answer given = {0};
    struct mrl_why why = {""};
    char source[MRL_PEER_TEXT];
    struct mrl_enrolment e;
    mrl_bytes device;

    if (!identify(x, &login, source, &e))
        return;
    if (read_answer(x, &given, &e, &device, &why) != MRL_OK) {
        refuse_body(x, &e, &why);
        return;
    }
    name_device(&e, device);
    if (is_refused(x, mrl_attest_finish(est->attest, &e, &given, &der, &why), &why))
        return;
    mrl_guard_proven(est->guard, mrl_exchange_peer(x));
    mrl_count(est->metrics, est->index,
              e.token.len > 0 || e.introduced.len > 0 ? MRL_COUNTER_ENROLLED
                                                      : MRL_COUNTER_REENROLLED);
    answer(x, set_base64(json, "certificate", mrl_buf_bytes(&der)), json);
    mrl_est_offer_renewal(x, est->onboarding, mrl_buf_bytes(&der));
}

static void defer(struct mrl_exchange *x, void (*work)(struct mrl_exchange *x))
{
    mrl_bytes type;

    if (mrl_est_is_kept_out(x))
        return;
    if (mrl_exchange_header(x, "Content-Type", &type) &&
        mrl_http_media_is(type, "application/json")) {
        if (mrl_est_admit(x))
            mrl_exchange_defer(x, work);
        return;
    }
    mrl_exchange_fail(x, 415, "the body of a hardware proof is application/json\n");
    mrl_exchange_send(x);
}

void mrl_attest_on_begin(struct mrl_exchange *x)
{
    defer(x, begin);
}

void mrl_attest_on_finish(struct mrl_exchange *x)
{
    defer(x, finish);
}
