/* SPDX-License-Identifier: Apache-2.0 */
#include "onboarding/hook.h"

#include "base/clock.h"
#include "base/hex.h"
#include "base/writer.h"
#include "crypto/cert.h"
#include "net/http_client.h"

enum { PORT_DEFAULT = 443, SENTENCE_MAX = 200, SIGNATURE_MAX = 128 };

static const mrl_bytes https = MRL_LIT_INIT("https://");
static const mrl_bytes local = MRL_LIT_INIT("unix:/");

/* Where an url leads. */
struct place {
    struct mrl_buf server; /* as lib/net wants it */
    mrl_bytes target;
    bool is_local;
};

static void place_done(struct place *p)
{
    mrl_buf_done(&p->server);
}

static bool is_clean(mrl_bytes url)
{
    for (size_t i = 0; i < url.len; i++)
        if (url.data[i] <= ' ' || url.data[i] > '~' || url.data[i] == '#' || url.data[i] == '@')
            return false;
    return true;
}

static mrl_err read_authority(mrl_bytes authority, struct mrl_buf *server, struct mrl_why *why)
{
    mrl_bytes host;
    uint16_t port;
    bool bracket = authority.len > 0 && authority.data[authority.len - 1] == ']';
    bool bare = bracket || mrl_bytes_find(authority, ':', 0) == authority.len;

    MRL_TRY(mrl_buf_append(server, authority));
    if (bare)
        MRL_TRY(mrl_buf_printf(server, ":%d", PORT_DEFAULT));
    return mrl_address_split(mrl_buf_bytes(server), &host, &port, why);
}

static mrl_err read_url(mrl_bytes url, struct place *out, struct mrl_why *why)
{
    mrl_bytes rest = mrl_bytes_sub(url, https.len, url.len);
    size_t slash = mrl_bytes_find(rest, '/', 0);

    out->is_local = mrl_bytes_starts(url, local);
    out->target = MRL_LIT("/");
    if (!is_clean(url) || (!out->is_local && !mrl_bytes_starts(url, https)))
        return mrl_fail(why, MRL_ERR_INVALID,
                        "hook: the url is https://HOST[:PORT]/PATH or unix:/PATH");
    if (out->is_local)
        return mrl_buf_append(&out->server, url);
    if (slash < rest.len)
        out->target = mrl_bytes_sub(rest, slash, rest.len);
    if (read_authority(mrl_bytes_sub(rest, 0, slash), &out->server, why) != MRL_OK)
        return mrl_fail(why, MRL_ERR_INVALID, "hook: the url has no host, or a wrong port");
    return MRL_OK;
}

static mrl_err read_roots(const struct mrl_template_hook *h, struct mrl_cert_list *roots,
                          struct mrl_why *why)
{
    if (h->ca.len == 0)
        return mrl_fail(why, MRL_ERR_INVALID,
                        "hook: \"ca\" is the certificate that its server's must lead to");
    if (mrl_cert_list_add_pem(roots, h->ca) != MRL_OK)
        return mrl_fail(why, MRL_ERR_INVALID, "hook: \"ca\" holds no certificate in PEM");
    return MRL_OK;
}

mrl_err mrl_hook_check(const struct mrl_template_hook *h, struct mrl_why *why)
{
    MRL_SCOPED(mrl_cert_list) roots = {0};
    __attribute__((cleanup(place_done))) struct place at = {0};

    if (h->url.len == 0)
        return MRL_OK;
    MRL_TRY(read_url(h->url, &at, why));
    return at.is_local ? MRL_OK : read_roots(h, &roots, why);
}

/* --- asking --- */

static mrl_err write_parameters(const struct mrl_hook_question *q, json_t *o)
{
    MRL_AUTO(json_t) all = mrl_json_object();

    for (size_t i = 0; i < q->count; i++) {
        char name[MRL_ATTRIBUTE_NAME_MAX + 1];

        MRL_ENSURE(mrl_bytes_to_cstr(q->parameters[i].name, name, sizeof(name)), MRL_ERR_INVALID);
        MRL_TRY(mrl_json_set_str(all, name, q->parameters[i].value));
    }
    return mrl_json_set(o, "parameters", MRL_TAKE(all));
}

static mrl_err write_question(const struct mrl_hook_question *q, struct mrl_buf *out)
{
    MRL_AUTO(json_t) o = mrl_json_object();

    MRL_TRY(mrl_json_set_str(o, "claimName", q->claim));
    MRL_TRY(mrl_json_set_str(o, "claimCertificateId", q->claim_certificate));
    MRL_TRY(mrl_json_set_str(o, "certificateId", q->certificate));
    MRL_TRY(mrl_json_set_str(o, "certificatePem", q->certificate_pem));
    MRL_TRY(mrl_json_set_str(o, "templateName", q->template));
    MRL_TRY(mrl_json_set_str(o, "clientId", q->client_id));
    MRL_TRY(write_parameters(q, o));
    return mrl_json_write(o, out);
}

static mrl_err sign(const struct mrl_secret *secret, mrl_bytes body,
                    char header[static SIGNATURE_MAX])
{
    struct mrl_writer w = mrl_writer_on(header, SIGNATURE_MAX - 1);
    MRL_SCOPED(mrl_buf) text = {0};
    char hex[2 * MRL_SHA256_SIZE + 1];
    uint8_t mac[MRL_SHA256_SIZE];
    long long now = (long long)mrl_wall_s();

    MRL_TRY(mrl_buf_printf(&text, "%lld.", now));
    MRL_TRY(mrl_buf_append(&text, body));
    MRL_TRY(mrl_hmac_sha256(mrl_secret_bytes(secret), mrl_buf_bytes(&text), mac));
    mrl_hex(mrl_bytes_of(mac, sizeof(mac)), hex);
    mrl_put_text(&w, "t=%lld,sha256=%s", now, hex);
    header[w.len] = '\0';
    return MRL_OK;
}

static mrl_err make_client(const struct mrl_template_hook *h, const struct place *at,
                           struct mrl_tls_context **tls, struct mrl_http_client **out,
                           struct mrl_why *why)
{
    MRL_SCOPED(mrl_cert_list) roots = {0};
    struct mrl_http_client_config config = {.server = mrl_buf_bytes(&at->server),
                                            .timeout_ms = h->timeout_s * 1000,
                                            .body_limit = MRL_HOOK_ANSWER_MAX};

    if (!at->is_local) {
        const struct mrl_tls_client_config of_tls = {.roots = &roots};

        MRL_TRY(read_roots(h, &roots, why));
        MRL_TRY(mrl_tls_client_new(&of_tls, tls, why));
    }
    config.tls = *tls;
    return mrl_http_client_new(&config, out, why);
}

static mrl_err post(const struct mrl_template_hook *h, const struct mrl_secret *secret,
                    mrl_bytes body, struct mrl_http_result *result, struct mrl_why *why)
{
    __attribute__((cleanup(place_done))) struct place at = {0};
    MRL_AUTO(mrl_tls_context) tls = NULL;
    MRL_AUTO(mrl_http_client) client = NULL;
    char signature[SIGNATURE_MAX] = "";
    struct mrl_http_field field = {.name = "Merlon-Signature"};
    struct mrl_http_call call = {
        .method = "POST", .body = body, .content_type = "application/json", .fields = &field};

    MRL_TRY(read_url(h->url, &at, why));
    MRL_TRY(make_client(h, &at, &tls, &client, why));
    if (secret != NULL) {
        MRL_TRY(sign(secret, body, signature));
        field.value = mrl_str(signature);
        call.field_count = 1;
    }
    call.target = at.target;
    return mrl_http_client_request(client, &call, result, why);
}

/* --- the answer --- */

void mrl_hook_answer_done(struct mrl_hook_answer *a)
{
    json_decref(a->json);
    *a = (struct mrl_hook_answer){0};
}

static mrl_err read_overrides(struct mrl_hook_answer *a, struct mrl_why *why)
{
    json_t *all = NULL;
    mrl_err err = mrl_json_get_object(a->json, "parameterOverrides", &all, why);

    MRL_TRY(mrl_json_optional(err));
    if (err != MRL_OK)
        return MRL_OK;
    if (json_object_size(all) > MRL_TEMPLATE_PARAMETERS_MAX)
        return mrl_fail(why, MRL_ERR_LIMIT, "the hook overrides more than %d parameters",
                        MRL_TEMPLATE_PARAMETERS_MAX);
    for (void *i = json_object_iter(all); i != NULL; i = json_object_iter_next(all, i)) {
        struct mrl_parameter *p = &a->overrides[a->count];

        p->name = mrl_str(json_object_iter_key(i));
        MRL_TRY(mrl_json_get_str(all, json_object_iter_key(i), &p->value, why));
        a->count++;
    }
    return MRL_OK;
}

static mrl_err refused(const json_t *answer, struct mrl_why *why)
{
    mrl_bytes reason = MRL_BYTES_NONE;

    (void)mrl_json_get_str(answer, "reason", &reason, NULL); /* or it stays */
    if (reason.len == 0)
        reason = MRL_LIT("no reason given");
    return mrl_fail(why, MRL_ERR_DENIED, "%.*s",
                    (int)(reason.len < SENTENCE_MAX ? reason.len : SENTENCE_MAX),
                    (const char *)reason.data);
}

mrl_err mrl_hook_read_answer(mrl_bytes body, struct mrl_hook_answer *out, struct mrl_why *why)
{
    static const struct mrl_json_limits limits = {.bytes = MRL_HOOK_ANSWER_MAX, .depth = 4};
    MRL_SCOPED(mrl_hook_answer) a = {0};
    bool allowed = false;

    MRL_TRY(mrl_json_read(body, &limits, &a.json, why));
    if (!json_is_object(a.json) ||
        mrl_json_get_bool(a.json, "allowProvisioning", &allowed, NULL) != MRL_OK)
        return mrl_fail(why, MRL_ERR_MALFORMED, "the hook's answer has no allowProvisioning");
    if (!allowed)
        return refused(a.json, why);
    MRL_TRY(read_overrides(&a, why));
    *out = a;
    a = (struct mrl_hook_answer){0};
    return MRL_OK;
}

mrl_err mrl_hook_ask(const struct mrl_template_hook *h, const struct mrl_secret *secret,
                     const struct mrl_hook_question *q, struct mrl_hook_answer *out,
                     struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) body = {0};
    MRL_SCOPED(mrl_http_result) result = {0};

    MRL_TRY(write_question(q, &body));
    MRL_TRY(post(h, secret, mrl_buf_bytes(&body), &result, why));
    if (result.status != 200)
        return mrl_fail(why, MRL_ERR_MALFORMED, "the hook answered with status %u", result.status);
    return mrl_hook_read_answer(mrl_buf_bytes(&result.body), out, why);
}
