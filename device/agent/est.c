/* SPDX-License-Identifier: Apache-2.0 */
#include "device/agent/est.h"

#include <string.h>

#include "base/clock.h"
#include "base/hex.h"
#include "crypto/csr.h"
#include "crypto/csrattrs.h"
#include "crypto/hash.h"
#include "crypto/pkcs7.h"
#include "device/agent/trust.h"
#include "wire/http1_auth.h"

enum { BODY_LIMIT = 512 << 10, COLUMNS = 76, FIELDS_MAX = 4 };

mrl_err mrl_est_read(mrl_bytes body, struct mrl_cert_list *out)
{
    MRL_SCOPED(mrl_buf) der = {.limit = BODY_LIMIT};

    MRL_TRY(mrl_base64_read(body, &der));
    return mrl_pkcs7_read(mrl_buf_bytes(&der), out);
}

/* What the server's status means to us. RFC 7030 4.2.3 */
mrl_err mrl_est_status(const struct mrl_http_result *r, struct mrl_why *why)
{
    static const struct {
        unsigned status;
        mrl_err err;
    } table[] = {
        {400, MRL_ERR_INVALID}, {401, MRL_ERR_AUTH}, {403, MRL_ERR_DENIED},
        {429, MRL_ERR_BUSY},    {503, MRL_ERR_BUSY},
    };
    mrl_bytes text = mrl_bytes_trim(mrl_bytes_sub(mrl_buf_bytes(&r->body), 0, 160));
    mrl_err err = MRL_ERR_UNSUPPORTED;

    if (r->status == 200)
        return MRL_OK;
    for (size_t i = 0; i < MRL_COUNT(table); i++)
        if (table[i].status == r->status)
            err = table[i].err;
    return mrl_fail(why, err, "the server answered %u: %.*s", r->status, MRL_FMT(text));
}

struct mrl_http_field mrl_est_date_field(char date[static MRL_HTTP_DATE_TEXT])
{
    mrl_http_date_format(mrl_wall_s(), date);
    return (struct mrl_http_field){"Date", mrl_str(date)};
}

void mrl_est_read_told(const struct mrl_http_result *r, struct mrl_est_told *out)
{
    mrl_bytes value;

    *out = (struct mrl_est_told){0};
    if (mrl_http_result_header(r, "Merlon-Renewal", &value))
        (void)mrl_offer_read_field(value, &out->offer); /* what is none is none */
    if (mrl_http_result_header(r, "Merlon-Time", &value))
        (void)mrl_offer_read_seconds(value, &out->time_s);
    if (mrl_http_result_header(r, "Retry-After", &value))
        (void)mrl_offer_read_seconds(value, &out->retry_after_s);
}

/* "/.well-known/est[/label]/operation": RFC 7030 3.2.2 */
static mrl_err target_of(const struct mrl_settings *s, const char *operation, struct mrl_buf *out)
{
    const char *slash = s->profile[0] != '\0' ? "/" : "";

    return mrl_buf_printf(out, "/.well-known/est/%s%s%s", s->profile, slash, operation);
}

/* der: the message as it came, out: what is in it. Both are appended to. */
static mrl_err ask(struct mrl_http_client *c, const struct mrl_http_call *call, struct mrl_buf *der,
                   struct mrl_cert_list *out, struct mrl_est_told *told, struct mrl_why *why)
{
    MRL_SCOPED(mrl_http_result) r = {0};
    struct mrl_http_field fields[FIELDS_MAX];
    struct mrl_http_call dated = *call;
    char date[MRL_HTTP_DATE_TEXT];
    mrl_err err;

    MRL_ENSURE(call->field_count < FIELDS_MAX, MRL_ERR_LIMIT);
    for (size_t i = 0; i < call->field_count; i++)
        fields[i] = call->fields[i];
    fields[dated.field_count++] = mrl_est_date_field(date);
    dated.fields = fields;
    MRL_TRY(mrl_http_client_request(c, &dated, &r, why));
    mrl_est_read_told(&r, told);
    MRL_TRY(mrl_est_status(&r, why));
    err = mrl_base64_read(mrl_buf_bytes(&r.body), der);
    if (err == MRL_OK)
        err = mrl_pkcs7_read(mrl_buf_bytes(der), out);
    return err == MRL_OK ? MRL_OK
                         : mrl_fail(why, err, "the server's answer is no certs-only message");
}

mrl_err mrl_est_cacerts(struct mrl_http_client *c, struct mrl_cert_list *out,
                        char version[static MRL_BUNDLE_TEXT], struct mrl_why *why)
{
    const struct mrl_http_call call = {.method = "GET",
                                       .target = MRL_LIT("/.well-known/est/cacerts")};
    MRL_SCOPED(mrl_buf) der = {.limit = BODY_LIMIT};
    struct mrl_est_told told;
    uint8_t hash[MRL_SHA256_SIZE];

    MRL_TRY(ask(c, &call, &der, out, &told, why));
    MRL_TRY(mrl_sha256(mrl_buf_bytes(&der), hash));
    mrl_hex(mrl_bytes_of(hash, sizeof(hash)), version);
    return MRL_OK;
}

static mrl_err ask_certificate(struct mrl_http_client *c, struct mrl_http_call *call, mrl_bytes csr,
                               struct mrl_cert **out, struct mrl_est_told *told,
                               struct mrl_why *why)
{
    MRL_SCOPED(mrl_cert_list) got = {0};
    MRL_SCOPED(mrl_buf) body = {0};
    MRL_SCOPED(mrl_buf) der = {.limit = BODY_LIMIT};

    MRL_TRY(mrl_base64_write(csr, COLUMNS, &body));
    call->method = "POST";
    call->content_type = "application/pkcs10";
    call->body = mrl_buf_bytes(&body);
    MRL_TRY(ask(c, call, &der, &got, told, why));
    if (got.count != 1) /* RFC 7030 4.2.3 */
        return mrl_fail(why, MRL_ERR_MALFORMED, "the server sent %zu certificates, not one",
                        got.count);
    *out = MRL_TAKE(got.certs[0]);
    got.count = 0;
    return MRL_OK;
}

/* 204 and 404 mean that nothing is asked for, and so does an empty list. RFC 7030 4.5.2 */
static mrl_err read_wishes(const struct mrl_http_result *r, struct mrl_csrattrs *out,
                           struct mrl_buf *der, struct mrl_why *why)
{
    mrl_err err;

    if (r->status == 204 || r->status == 404)
        return MRL_OK;
    MRL_TRY(mrl_est_status(r, why));
    err = mrl_base64_read(mrl_buf_bytes(&r->body), der);
    if (err == MRL_OK)
        err = mrl_csrattrs_read(mrl_buf_bytes(der), out);
    if (err == MRL_ERR_UNSUPPORTED)
        return mrl_fail(why, err, "the server asks for a kind of key that is not known here");
    return err == MRL_OK ? MRL_OK : mrl_fail(why, err, "the server's csrattrs cannot be read");
}

mrl_err mrl_est_key_type(struct mrl_http_client *c, const struct mrl_settings *s,
                         enum mrl_key_type *out, struct mrl_why *why)
{
    struct mrl_http_call call = {.method = "GET"};
    MRL_SCOPED(mrl_buf) der = {.limit = MRL_CSRATTRS_DER_MAX};
    MRL_SCOPED(mrl_buf) target = {0};
    MRL_SCOPED(mrl_http_result) r = {0};
    struct mrl_csrattrs want = {0};

    MRL_TRY(target_of(s, "csrattrs", &target));
    call.target = mrl_buf_bytes(&target);
    MRL_TRY(mrl_http_client_request(c, &call, &r, why));
    MRL_TRY(read_wishes(&r, &want, &der, why));
    *out = want.has_key ? want.key : MRL_KEY_P256;
    return MRL_OK;
}

/* RFC 7030 3.5 */
static mrl_err challenge_of(const struct mrl_http_client *c, struct mrl_buf *out,
                            struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) binding = {0};
    enum mrl_tls_binding kind;
    mrl_err err = mrl_http_client_binding(c, &binding, &kind);

    if (err != MRL_OK)
        return mrl_fail(why, err, "the connection has no channel binding: %s", mrl_err_name(err));
    return mrl_base64_write(mrl_buf_bytes(&binding), 0, out);
}

mrl_err mrl_est_first_request(const struct mrl_http_client *c, mrl_bytes device,
                              const struct mrl_key *key, struct mrl_buf *csr, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) challenge = {0};
    struct mrl_csr_request request = {.cn = device};

    MRL_TRY(challenge_of(c, &challenge, why));
    request.challenge = mrl_buf_bytes(&challenge);
    return mrl_csr_write(&request, key, csr);
}

mrl_err mrl_est_enrol(struct mrl_http_client *c, const struct mrl_settings *s, mrl_bytes token,
                      const struct mrl_key *key, struct mrl_cert **out, struct mrl_est_told *told,
                      struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) csr = {0};
    MRL_SCOPED(mrl_buf) basic = {0};
    MRL_SCOPED(mrl_buf) target = {0};
    mrl_bytes device = mrl_str(s->device);
    mrl_err err;

    MRL_TRY(target_of(s, "simpleenroll", &target));
    MRL_TRY(mrl_est_first_request(c, device, key, &csr, why));
    err = mrl_http_basic_write(device, token, &basic);
    if (err == MRL_OK) {
        const struct mrl_http_field fields[] = {{"Authorization", mrl_buf_bytes(&basic)}};
        struct mrl_http_call call = {
            .target = mrl_buf_bytes(&target), .fields = fields, .field_count = 1, .bound = true};

        err = ask_certificate(c, &call, mrl_buf_bytes(&csr), out, told, why);
    } else {
        err = mrl_fail(why, err, "the token is not clean text");
    }
    mrl_wipe(basic.data, basic.len);
    return err;
}

mrl_err mrl_est_judge(const struct mrl_cert *cert, const struct mrl_key *key, mrl_bytes device,
                      const struct mrl_cert_list *ca, const struct mrl_cert_list *roots,
                      int64_t now_s, struct mrl_why *why)
{
    MRL_AUTO(mrl_key) certified = NULL;
    enum mrl_chain_reason reason = MRL_CHAIN_OTHER;
    mrl_err err = mrl_cert_key(cert, &certified);

    if (err != MRL_OK || !mrl_key_public_eq(key, certified))
        return mrl_fail(why, MRL_ERR_CRYPTO, "the certificate is not for our key");
    if (!mrl_bytes_eq(mrl_cert_facts(cert)->cn, device))
        return mrl_fail(why, MRL_ERR_CRYPTO, "the certificate is for another device");
    if (mrl_cert_verify_chain(cert, ca, roots, MRL_PURPOSE_CLIENT, now_s, &reason) != MRL_OK)
        return mrl_fail(why, MRL_ERR_CRYPTO, "the certificate does not hold: %s",
                        mrl_chain_reason_name(reason));
    return MRL_OK;
}

/* ---- renewal ---- */

static mrl_err open_client(const struct mrl_home *h, struct mrl_tls_context **tls,
                           struct mrl_http_client **out, struct mrl_why *why)
{
    const struct mrl_tls_client_config trust = {.roots = &h->roots};
    const struct mrl_http_client_config config = {.server = mrl_str(h->settings.server),
                                                  .server_name = mrl_str(h->settings.name),
                                                  .timeout_ms = MRL_EST_TIMEOUT_MS,
                                                  .body_limit = BODY_LIMIT};
    const struct mrl_tls_clock clock = {h->clock.ahead_ms / 1000, !h->clock.known};
    struct mrl_http_client_config full = config;
    MRL_SCOPED(mrl_cert_list) chain = {0};

    MRL_TRY(mrl_home_chain(h, h->identity.cert, &chain));
    MRL_TRY(mrl_tls_client_new(&trust, tls, why));
    MRL_TRY(mrl_tls_context_set_identity(*tls, &chain, h->identity.key, why));
    mrl_tls_client_set_clock(*tls, &clock);
    full.tls = *tls;
    return mrl_http_client_new(&full, out, why);
}

enum { URIS_MAX = 8 };

/* Subject and SAN as in the present certificate: RFC 7030 4.2.2 */
static mrl_err same_request(const struct mrl_cert_facts *present, const struct mrl_key *key,
                            mrl_bytes challenge, struct mrl_buf *out, struct mrl_why *why)
{
    mrl_bytes uris[URIS_MAX], value;
    struct mrl_csr_request request = {.cn = present->cn, .uris = {uris, 0}, .challenge = challenge};
    enum mrl_san_kind kind;
    struct mrl_san names;

    MRL_TRY(mrl_san_start(present->san, &names));
    while (mrl_san_next(&names, &kind, &value)) {
        if (kind != MRL_SAN_URI || request.uris.count == URIS_MAX)
            return mrl_fail(why, MRL_ERR_UNSUPPORTED,
                            "the certificate has names we cannot ask for");
        uris[request.uris.count++] = value;
    }
    return mrl_csr_write(&request, key, out);
}

/* ---- trust ---- */

static mrl_err refresh_over(struct mrl_http_client *c, struct mrl_home *h, bool *changed,
                            struct mrl_why *why)
{
    MRL_SCOPED(mrl_cert_list) bundle = {0};
    char version[MRL_BUNDLE_TEXT];

    MRL_TRY(mrl_est_cacerts(c, &bundle, version, why));
    *changed = strcmp(version, h->bundle) != 0;
    if (!*changed)
        return MRL_OK;
    MRL_TRY(mrl_trust_take(h, &bundle, why));
    memcpy(h->bundle, version, sizeof(h->bundle));
    return mrl_trust_save(h, why);
}

mrl_err mrl_est_refresh_trust(struct mrl_home *h, bool *changed, struct mrl_why *why)
{
    MRL_AUTO(mrl_tls_context) tls = NULL;
    MRL_AUTO(mrl_http_client) c = NULL;

    MRL_TRY(open_client(h, &tls, &c, why));
    return refresh_over(c, h, changed, why);
}

static mrl_err renew_over(struct mrl_http_client *c, const struct mrl_home *h,
                          const struct mrl_key *key, struct mrl_cert **out,
                          struct mrl_est_told *told, struct mrl_why *why)
{
    const struct mrl_http_field bundle[] = {{"Merlon-Trust-Bundle", mrl_str(h->bundle)}};
    MRL_AUTO(mrl_cert) cert = NULL;
    MRL_SCOPED(mrl_buf) csr = {0};
    MRL_SCOPED(mrl_buf) target = {0};
    MRL_SCOPED(mrl_buf) challenge = {0};
    struct mrl_http_call call = {.fields = bundle, .field_count = MRL_COUNT(bundle), .bound = true};
    const struct mrl_cert_facts *present = mrl_cert_facts(h->identity.cert);

    MRL_TRY(target_of(&h->settings, "simplereenroll", &target));
    call.target = mrl_buf_bytes(&target);
    MRL_TRY(mrl_http_client_connect(c, why));
    MRL_TRY(challenge_of(c, &challenge, why));
    MRL_TRY(same_request(present, key, mrl_buf_bytes(&challenge), &csr, why));
    MRL_TRY(ask_certificate(c, &call, mrl_buf_bytes(&csr), &cert, told, why));
    MRL_TRY(
        mrl_est_judge(cert, key, present->cn, &h->ca, &h->roots, mrl_device_now_s(&h->clock), why));
    if (!mrl_bytes_eq(mrl_cert_facts(cert)->san, present->san))
        return mrl_fail(why, MRL_ERR_CRYPTO,
                        "the certificate has other names than the present one");
    *out = MRL_TAKE(cert);
    return MRL_OK;
}

mrl_err mrl_est_time(const struct mrl_home *h, struct mrl_device_clock *clock, struct mrl_why *why)
{
    const struct mrl_http_call call = {.method = "GET",
                                       .target = MRL_LIT("/.well-known/est/cacerts")};
    MRL_AUTO(mrl_tls_context) tls = NULL;
    MRL_AUTO(mrl_http_client) c = NULL;
    MRL_SCOPED(mrl_buf) der = {.limit = BODY_LIMIT};
    MRL_SCOPED(mrl_cert_list) certs = {0};
    struct mrl_est_told told;
    int64_t from, until;

    MRL_TRY(open_client(h, &tls, &c, why));
    MRL_TRY(ask(c, &call, &der, &certs, &told, why));
    if (told.time_s == 0)
        return mrl_fail(why, MRL_ERR_UNSUPPORTED, "the server does not tell the time");
    MRL_TRY(mrl_tls_client_validity(tls, &from, &until));
    return mrl_device_clock_learn(clock, told.time_s, from, until, mrl_wall_ms(), why);
}

/* The bundle first: the new certificate may be of an issuing CA that we do not know yet. */
mrl_err mrl_est_renew(struct mrl_home *h, const struct mrl_key *key, struct mrl_cert **out,
                      struct mrl_est_told *told, struct mrl_why *why)
{
    MRL_AUTO(mrl_tls_context) tls = NULL;
    MRL_AUTO(mrl_http_client) c = NULL;
    bool changed;

    MRL_TRY(open_client(h, &tls, &c, why));
    MRL_TRY(refresh_over(c, h, &changed, why));
    return renew_over(c, h, key, out, told, why);
}
