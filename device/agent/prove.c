/* SPDX-License-Identifier: Apache-2.0 */
#include "device/agent/prove.h"

#include "base/hex.h"
#include "base/json.h"
#include "device/agent/chip.h"
#include "wire/http1_auth.h"

/* ---- JSON ---- */

static mrl_err set_base64(json_t *json, const char *name, mrl_bytes value)
{
    MRL_SCOPED(mrl_buf) text = {0};

    MRL_TRY(mrl_base64_write(value, 0, &text));
    return mrl_json_set_str(json, name, mrl_buf_bytes(&text));
}

static mrl_err get_base64(const json_t *json, const char *name, struct mrl_buf *out,
                          struct mrl_why *why)
{
    mrl_bytes text;

    MRL_TRY(mrl_json_get_str(json, name, &text, why));
    if (mrl_base64_read(text, out) != MRL_OK)
        return mrl_fail(why, MRL_ERR_MALFORMED, "%s of the server's answer is not base64", name);
    return MRL_OK;
}

/* ---- a step ---- */

struct speaking {
    struct mrl_http_client *client;
    mrl_bytes authorization;
};

static mrl_err ask(const struct speaking *s, const char *target, const json_t *question,
                   json_t **out, struct mrl_est_told *told, struct mrl_why *why)
{
    char date[MRL_HTTP_DATE_TEXT];
    const struct mrl_http_field fields[] = {{"Authorization", s->authorization},
                                            mrl_est_date_field(date)};
    struct mrl_http_call call = {.method = "POST",
                                 .target = mrl_str(target),
                                 .fields = fields,
                                 .field_count = MRL_COUNT(fields),
                                 .content_type = "application/json",
                                 .bound = true};
    MRL_SCOPED(mrl_http_result) r = {0};
    MRL_SCOPED(mrl_buf) body = {.secret = true};

    MRL_TRY(mrl_json_write(question, &body));
    call.body = mrl_buf_bytes(&body);
    MRL_TRY(mrl_http_client_request(s->client, &call, &r, why));
    mrl_est_read_told(&r, told);
    MRL_TRY(mrl_est_status(&r, why));
    return mrl_json_read(mrl_buf_bytes(&r.body), &MRL_JSON_LIMITS_DEFAULT, out, why);
}

/* ---- begin ---- */

static mrl_err put_chain(const struct mrl_cert_list *chain, json_t *json)
{
    MRL_AUTO(json_t) list = mrl_json_array();

    for (size_t i = 0; i < chain->count; i++) {
        MRL_SCOPED(mrl_buf) text = {0};

        MRL_TRY(mrl_base64_write(mrl_cert_facts(chain->certs[i])->der, 0, &text));
        MRL_TRY(mrl_json_append_str(list, mrl_buf_bytes(&text)));
    }
    return mrl_json_set(json, "ek_chain", MRL_TAKE(list));
}

static mrl_err write_claim(const struct mrl_prove *p, json_t *json, struct mrl_why *why)
{
    MRL_SCOPED(mrl_chip_claim) claim = {0};

    MRL_TRY(mrl_chip_claim(p->tcti, &claim, why));
    MRL_TRY(set_base64(json, "ek_certificate", mrl_buf_bytes(&claim.ek_certificate)));
    MRL_TRY(set_base64(json, "ek_public", mrl_buf_bytes(&claim.ek_public)));
    MRL_TRY(set_base64(json, "ak_public", mrl_buf_bytes(&claim.ak_public)));
    return put_chain(p->chain, json);
}

/* ---- finish ---- */

struct given {
    struct mrl_buf blob, secret, nonce;
};

static void given_done(struct given *g)
{
    mrl_buf_done(&g->blob);
    mrl_buf_done(&g->secret);
    mrl_buf_done(&g->nonce);
}

static mrl_err read_challenge(const json_t *json, struct given *out, struct mrl_why *why)
{
    MRL_TRY(get_base64(json, "credential_blob", &out->blob, why));
    MRL_TRY(get_base64(json, "encrypted_secret", &out->secret, why));
    return get_base64(json, "nonce", &out->nonce, why);
}

static mrl_err put_proof(const struct mrl_prove *p, const struct mrl_key *key,
                         const struct given *g, json_t *json, struct mrl_why *why)
{
    const struct mrl_chip_challenge challenge = {mrl_buf_bytes(&g->blob), mrl_buf_bytes(&g->secret),
                                                 mrl_buf_bytes(&g->nonce)};
    MRL_SCOPED(mrl_chip_proof) proof = {0};

    MRL_TRY(mrl_chip_prove(p->tcti, key, &challenge, &proof, why));
    MRL_TRY(set_base64(json, "secret", mrl_secret_bytes(proof.secret)));
    MRL_TRY(set_base64(json, "key_public", mrl_buf_bytes(&proof.key_public)));
    MRL_TRY(set_base64(json, "attest", mrl_buf_bytes(&proof.attest)));
    return set_base64(json, "signature", mrl_buf_bytes(&proof.signature));
}

static mrl_err write_answer(const struct speaking *s, const struct mrl_prove *p,
                            const struct mrl_key *key, const json_t *begun, json_t *json,
                            struct mrl_why *why)
{
    __attribute__((cleanup(given_done))) struct given g = {0};
    MRL_SCOPED(mrl_buf) csr = {0};
    mrl_bytes challenge;

    MRL_TRY(mrl_json_get_str(begun, "challenge", &challenge, why));
    MRL_TRY(mrl_json_set_str(json, "challenge", challenge));
    MRL_TRY(read_challenge(begun, &g, why));
    MRL_TRY(put_proof(p, key, &g, json, why));
    MRL_TRY(mrl_est_first_request(s->client, p->device, key, &csr, why));
    return set_base64(json, "request", mrl_buf_bytes(&csr));
}

static mrl_err read_certificate(const json_t *json, struct mrl_cert **out, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) der = {0};

    MRL_TRY(get_base64(json, "certificate", &der, why));
    if (mrl_cert_from_der(mrl_buf_bytes(&der), out) != MRL_OK)
        return mrl_fail(why, MRL_ERR_MALFORMED, "the server sent no certificate");
    return MRL_OK;
}

static mrl_err prove(const struct speaking *s, const struct mrl_prove *p, const struct mrl_key *key,
                     struct mrl_cert **out, struct mrl_est_told *told, struct mrl_why *why)
{
    MRL_AUTO(json_t) claim = mrl_json_object();
    MRL_AUTO(json_t) begun = NULL;
    MRL_AUTO(json_t) answer = mrl_json_object();
    MRL_AUTO(json_t) done = NULL;

    MRL_TRY(write_claim(p, claim, why));
    MRL_TRY(ask(s, "/.well-known/merlon/attest/begin", claim, &begun, told, why));
    MRL_TRY(write_answer(s, p, key, begun, answer, why));
    MRL_TRY(ask(s, "/.well-known/merlon/attest/finish", answer, &done, told, why));
    return read_certificate(done, out, why);
}

mrl_err mrl_prove_enrol(struct mrl_http_client *c, const struct mrl_prove *p,
                        const struct mrl_key *key, struct mrl_cert **out, struct mrl_est_told *told,
                        struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) basic = {.secret = true};
    struct speaking s = {.client = c};

    if (mrl_http_basic_write(p->device, p->token, &basic) != MRL_OK)
        return mrl_fail(why, MRL_ERR_INVALID, "the token is not clean text");
    s.authorization = mrl_buf_bytes(&basic);
    return prove(&s, p, key, out, told, why);
}
