/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/http/est.h"

#include "base/rcu.h"
#include <stdio.h>

#include "base/clock.h"
#include "base/hex.h"
#include "crypto/csrattrs.h"
#include "crypto/name.h"
#include "crypto/pkcs7.h"
#include "devices/snapshot.h"
#include "doors/http/attest.h"
#include "doors/http/est_admit.h"
#include "doors/http/est_login.h"
#include "doors/http/est_offer.h"
#include "doors/http/mqtt_ws.h"
#include "doors/refusal.h"
#include "doors/skew.h"
#include "onboarding/keygen.h"
#include "onboarding/maker_enrol.h"
#include "wire/http1.h"

enum { COLUMNS = 76 };

static const mrl_bytes est_root = MRL_LIT_INIT("/.well-known/est/");
#define BOUNDARY "merlon-est-part" /* no base64 has a hyphen */
static const char pkcs8_type[] = "application/pkcs8";
static const char generated_type[] = "application/pkcs7-mime; smime-type=server-generated-key";
static const char pkcs7_type[] = "application/pkcs7-mime; smime-type=certs-only";

/* RFC 7030 3.2.2: an operation, or a label and an operation. false: neither. */
static bool split_path(mrl_bytes path, mrl_bytes *label, mrl_bytes *operation)
{
    mrl_bytes rest, first, second;

    if (!mrl_bytes_starts(path, est_root))
        return false;
    rest = mrl_bytes_sub(path, est_root.len, path.len);
    *label = MRL_BYTES_NONE;
    *operation = rest;
    if (!mrl_bytes_split(rest, '/', &first, &second))
        return true;
    *label = first;
    *operation = second;
    return first.len > 0;
}

/* NULL: its label is that of no profile. */
static const struct mrl_profile *profile_of(const struct mrl_exchange *x)
{
    const struct mrl_est *est = mrl_exchange_context(x);
    mrl_bytes label, operation;

    if (!split_path(mrl_exchange_path(x), &label, &operation))
        return NULL;
    return mrl_profiles_find(est->onboarding->profiles, label);
}

static bool is_blank(uint8_t c)
{
    return c == '\n' || c == '\r' || c == ' ' || c == '\t';
}

/* A request in base64 without a line end where others would have one. */
static bool is_one_line(mrl_bytes body)
{
    mrl_bytes text = mrl_bytes_trim(body);

    if (text.len <= COLUMNS || text.data[0] == MRL_DER_SEQUENCE)
        return false;
    for (size_t i = 0; i < text.len; i++)
        if (is_blank(text.data[i]))
            return false;
    return true;
}

/* RFC 8951 3.1 has clients read base64 with and without line ends. libest reads it with them only,
 * strongSwan without them only; each is answered as it asks. 0: one line. */
static size_t columns_of(const struct mrl_exchange *x)
{
    return profile_of(x)->one_line || is_one_line(mrl_exchange_body(x)) ? 0 : COLUMNS;
}

static void answer_base64(struct mrl_exchange *x, const char *type, mrl_bytes der)
{
    mrl_exchange_set_header(x, "Content-Type", mrl_str(type));
    mrl_exchange_set_header(x, "Content-Transfer-Encoding", MRL_LIT("base64"));
    if (mrl_base64_write(der, columns_of(x), mrl_exchange_answer(x)) != MRL_OK)
        mrl_exchange_fail(x, 500, "answer too large\n");
}

static void on_cacerts(struct mrl_exchange *x)
{
    const struct mrl_est *est = mrl_exchange_context(x);

    answer_base64(x, pkcs7_type, mrl_issuing_cacerts(est->onboarding->issuing));
    mrl_exchange_send(x);
}

/* The device behind the connection's certificate. */
static bool is_known(const struct mrl_exchange *x, struct mrl_name *id)
{
    const struct mrl_est *est = mrl_exchange_context(x);
    const struct mrl_tls_facts *facts = mrl_exchange_facts(x);
    const struct mrl_principal *p = NULL;
    bool known = false;

    mrl_rcu_read_begin();
    if (facts != NULL && facts->has_certificate)
        known = mrl_registry_judge_renewal(est->onboarding->registry, &facts->fingerprint,
                                           mrl_wall_s(), /*grace=*/0, &p) == MRL_JUDGED_ACCEPTED &&
                mrl_name_set(id, p->subject.id);
    mrl_rcu_read_end();
    return known;
}

/* The names that a renewal must have. RFC 7030 4.2.2 */
static mrl_err names_of(const struct mrl_est *est, mrl_bytes id, struct mrl_buf *san)
{
    MRL_SCOPED(mrl_buf) uri = {0};
    struct mrl_der d = mrl_der_on(san);
    mrl_bytes text;

    MRL_TRY(mrl_issuing_uri(est->onboarding->issuing, MRL_PRINCIPAL_DEVICE, id, &uri));
    text = mrl_buf_bytes(&uri);
    mrl_san_write(&d, (struct mrl_names){&text, 1}, (struct mrl_names){0}, (struct mrl_names){0});
    return mrl_der_finish(&d);
}

static mrl_err write_csrattrs(struct mrl_exchange *x, struct mrl_buf *der)
{
    const struct mrl_profile *p = profile_of(x);
    struct mrl_csrattrs want = {
        .has_key = true, .key = p->keys[0], .challenge_password = p->proof != MRL_PROOF_IF_PRESENT};
    MRL_SCOPED(mrl_buf) san = {0};
    struct mrl_name id;

    if (p->silent)
        return mrl_buf_append(der, MRL_LIT("\x30\x00")); /* RFC 8951 4: may be empty */
    if (is_known(x, &id)) {
        MRL_TRY(names_of(mrl_exchange_context(x), mrl_name_bytes(&id), &san));
        want.cn = mrl_name_bytes(&id);
        want.san = mrl_buf_bytes(&san);
    }
    return mrl_csrattrs_write(&want, der);
}

static void on_csrattrs(struct mrl_exchange *x)
{
    MRL_SCOPED(mrl_buf) der = {0};

    if (write_csrattrs(x, &der) == MRL_OK)
        answer_base64(x, "application/csrattrs", mrl_buf_bytes(&der));
    else
        mrl_exchange_fail(x, 500, "attributes cannot be written\n");
    mrl_exchange_send(x);
}

void mrl_est_refuse(struct mrl_exchange *x, enum mrl_enrol_refusal refusal, const char *why)
{
    const struct mrl_est *est = mrl_exchange_context(x);
    char skew[MRL_SKEW_TEXT];

    if (refusal != MRL_ENROL_WAITING)
        mrl_count(est->metrics, est->index, MRL_COUNTER_ENROL_REFUSED);
    mrl_skew_text(mrl_est_skew(x), skew);
    mrl_exchange_fail(x, (unsigned)refusal, "%s%s\n", why, skew); /* RFC 7030 4.2.3: text/plain */
    if (refusal == MRL_ENROL_WAITING || refusal == MRL_ENROL_TOO_MANY)
        mrl_exchange_set_header(x, "Retry-After", MRL_LIT("60"));
    if (refusal == MRL_ENROL_NOT_AUTHENTIC)
        mrl_est_challenge(x);
    if (refusal == MRL_ENROL_UNAVAILABLE)
        mrl_est_come_later(x);
}

static void answer_certificate(struct mrl_exchange *x, mrl_bytes der)
{
    MRL_SCOPED(mrl_buf) message = {0};

    if (mrl_pkcs7_write(&der, 1, &message) == MRL_OK) /* the leaf only. RFC 7030 4.2.3 */
        answer_base64(x, pkcs7_type, mrl_buf_bytes(&message));
    else
        mrl_exchange_fail(x, 500, "certificate cannot be wrapped\n");
}

/* Which trust bundle the device says it has; who it is, its new certificate says. */
static void note_trust(struct mrl_exchange *x, mrl_bytes der)
{
    const struct mrl_est *est = mrl_exchange_context(x);
    MRL_AUTO(mrl_cert) cert = NULL;
    struct mrl_bundle_version version;
    mrl_bytes text;

    if (mrl_exchange_header(x, MRL_BUNDLE_HEADER, &text) &&
        mrl_bundle_read(text, &version) == MRL_OK && mrl_cert_from_der(der, &cert) == MRL_OK)
        mrl_bundle_report(est->onboarding->store, mrl_cert_facts(cert)->cn, &version);
}

static mrl_err put_part(struct mrl_buf *to, const char *type, mrl_bytes der, size_t columns)
{
    MRL_TRY(mrl_buf_printf(to,
                           "--" BOUNDARY "\r\nContent-Type: %s\r\n"
                           "Content-Transfer-Encoding: base64\r\n\r\n",
                           type));
    MRL_TRY(mrl_base64_write(der, columns, to));
    return mrl_buf_append(to, MRL_LIT("\r\n"));
}

static mrl_err put_made(struct mrl_buf *to, const struct mrl_made *made, size_t columns)
{
    mrl_bytes der = mrl_buf_bytes(&made->certificate);
    MRL_SCOPED(mrl_buf) message = {0};

    MRL_TRY(mrl_pkcs7_write(&der, 1, &message));
    MRL_TRY(put_part(to, made->encrypted ? generated_type : pkcs8_type, mrl_buf_bytes(&made->key),
                     columns));
    MRL_TRY(put_part(to, pkcs7_type, mrl_buf_bytes(&message), columns));
    return mrl_buf_append(to, MRL_LIT("--" BOUNDARY "--\r\n"));
}

/* RFC 7030 4.4.2: the key, then the certificate. */
static void answer_made(struct mrl_exchange *x, const struct mrl_made *made)
{
    mrl_exchange_set_header(x, "Content-Type", MRL_LIT("multipart/mixed; boundary=" BOUNDARY));
    if (put_made(mrl_exchange_answer(x), made, columns_of(x)) != MRL_OK)
        mrl_exchange_fail(x, 500, "the answer cannot be made\n");
}

/* How a device is enrolled, and how its answer looks: with its own key or with one made here. */
typedef void run_function(struct mrl_exchange *x, mrl_enrol_function *enrol,
                          struct mrl_enrolment *e, enum mrl_counter counter);

static void describe(struct mrl_exchange *x, char source[static MRL_PEER_TEXT],
                     struct mrl_enrolment *e)
{
    const struct mrl_tls_facts *facts = mrl_exchange_facts(x);
    enum mrl_tls_binding kind;

    mrl_peer_format(mrl_exchange_peer(x), source);
    e->profile = profile_of(x);
    e->source = mrl_str(source);
    e->request_id = mrl_exchange_request_id(x);
    e->request = mrl_exchange_body(x);
    e->skew_s = mrl_est_skew(x);
    e->binding = mrl_exchange_channel_binding(x, &kind);
    e->present = facts != NULL && facts->has_certificate ? &facts->fingerprint : NULL;
    e->introduced = facts != NULL ? facts->introduced : MRL_BYTES_NONE;
}

void mrl_est_refuse_login(struct mrl_exchange *x, const struct mrl_why *why)
{
    const struct mrl_est *est = mrl_exchange_context(x);
    struct mrl_enrolment e = {0};
    char source[MRL_PEER_TEXT];

    describe(x, source, &e);
    mrl_enrol_note_refused(est->onboarding, &e, why->text);
    mrl_guard_token_refused(est->guard, mrl_exchange_peer(x));
    mrl_est_refuse(x, MRL_ENROL_NOT_AUTHENTIC, why->text);
}

/* Tells the guard and the metrics; false: refused, and answered as such. */
static bool is_granted(struct mrl_exchange *x, enum mrl_enrol_refusal refusal,
                       enum mrl_counter counter, const char *why)
{
    const struct mrl_est *est = mrl_exchange_context(x);

    if (refusal == MRL_ENROL_NOT_AUTHENTIC)
        mrl_guard_token_refused(est->guard, mrl_exchange_peer(x));
    if (refusal != MRL_ENROL_OK) {
        mrl_est_refuse(x, refusal, why);
        return false;
    }
    mrl_guard_proven(est->guard, mrl_exchange_peer(x));
    mrl_count(est->metrics, est->index, counter);
    return true;
}

static void run_enrol(struct mrl_exchange *x, mrl_enrol_function *enrol, struct mrl_enrolment *e,
                      enum mrl_counter counter)
{
    const struct mrl_est *est = mrl_exchange_context(x);
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_why why = {""};
    char source[MRL_PEER_TEXT];
    enum mrl_enrol_refusal refusal;

    describe(x, source, e);
    refusal = enrol(est->onboarding, e, &der, &why);
    if (!is_granted(x, refusal, counter, why.text))
        return;
    note_trust(x, mrl_buf_bytes(&der));
    answer_certificate(x, mrl_buf_bytes(&der));
    mrl_est_offer_renewal(x, est->onboarding, mrl_buf_bytes(&der));
}

static void run_keygen(struct mrl_exchange *x, mrl_enrol_function *enrol, struct mrl_enrolment *e,
                       enum mrl_counter counter)
{
    const struct mrl_est *est = mrl_exchange_context(x);
    MRL_SCOPED(mrl_made) made = {0};
    struct mrl_why why = {""};
    char source[MRL_PEER_TEXT];
    enum mrl_enrol_refusal refusal;

    describe(x, source, e);
    refusal = mrl_keygen(est->onboarding, e, enrol, &made, &why);
    if (!is_granted(x, refusal, counter, why.text))
        return;
    answer_made(x, &made);
    mrl_est_offer_renewal(x, est->onboarding, mrl_buf_bytes(&made.certificate));
}

static bool is_introduced(struct mrl_exchange *x)
{
    const struct mrl_tls_facts *facts = mrl_exchange_facts(x);

    return facts != NULL && facts->introduced.len > 0;
}

/* [service] With a token, or else with a certificate: of its maker, or of ours. RFC 7030 3.2.3,
 * 3.3.2 */
static void authenticate(struct mrl_exchange *x, run_function *run)
{
    MRL_SCOPED(mrl_est_login) login = {0};
    struct mrl_enrolment e = {0};
    struct mrl_why why = {""};

    if (mrl_est_login_read(x, &login, &why) != MRL_OK) {
        mrl_est_refuse_login(x, &why);
        return;
    }
    e.device = login.device;
    e.token = login.token;
    if (login.present)
        run(x, mrl_enrol, &e, MRL_COUNTER_ENROLLED);
    else if (is_introduced(x))
        run(x, mrl_maker_enrol, &e, MRL_COUNTER_ENROLLED);
    else
        run(x, mrl_reenrol, &e, MRL_COUNTER_REENROLLED);
}

/* [service] */
static void simpleenroll(struct mrl_exchange *x)
{
    authenticate(x, run_enrol);
}

/* [service] */
static void serverkeygen(struct mrl_exchange *x)
{
    authenticate(x, run_keygen);
}

/* [service] */
static void simplereenroll(struct mrl_exchange *x)
{
    struct mrl_enrolment e = {0};

    run_enrol(x, mrl_reenrol, &e, MRL_COUNTER_REENROLLED);
}

/* Before anything is looked up for it. RFC 6585 4 */
bool mrl_est_is_kept_out(struct mrl_exchange *x)
{
    const struct mrl_est *est = mrl_exchange_context(x);
    uint64_t wait = mrl_guard_enrol_wait_ms(est->guard, mrl_exchange_peer(x));
    char seconds[24];

    if (wait == 0)
        return false;
    (void)snprintf(seconds, sizeof(seconds), "%llu", (unsigned long long)(wait + 999) / 1000);
    mrl_count(est->metrics, est->index, MRL_COUNTER_ENROL_REFUSED);
    mrl_exchange_fail(x, 429, "too many wrong tokens came from this address\n");
    mrl_exchange_set_header(x, "Retry-After", mrl_str(seconds));
    mrl_exchange_send(x);
    return true;
}

static bool is_pkcs10(struct mrl_exchange *x)
{
    mrl_bytes type;

    if (mrl_exchange_header(x, "Content-Type", &type) &&
        mrl_http_media_is(type, "application/pkcs10"))
        return true;
    mrl_exchange_fail(x, 415, "the body of an enrolment is application/pkcs10\n");
    mrl_exchange_send(x);
    return false;
}

static void on_simpleenroll(struct mrl_exchange *x)
{
    if (is_pkcs10(x) && !mrl_est_is_kept_out(x) && mrl_est_admit(x))
        mrl_exchange_defer(x, simpleenroll);
}

static void on_simplereenroll(struct mrl_exchange *x)
{
    if (is_pkcs10(x) && !mrl_est_is_kept_out(x) && mrl_est_admit(x))
        mrl_exchange_defer(x, simplereenroll);
}

/* Off unless the profile says otherwise. RFC 7030 4.4 */
static void on_serverkeygen(struct mrl_exchange *x)
{
    if (!profile_of(x)->serverkeygen) {
        mrl_exchange_fail(x, 404, "this profile makes no keys\n");
        mrl_exchange_send(x);
    } else if (is_pkcs10(x) && !mrl_est_is_kept_out(x) && mrl_est_admit(x)) {
        mrl_exchange_defer(x, serverkeygen);
    }
}

static const struct operation {
    mrl_bytes name;
    mrl_bytes method;
    void (*run)(struct mrl_exchange *x);
} operations[] = {
    {MRL_LIT_INIT("cacerts"), MRL_LIT_INIT("GET"), on_cacerts},
    {MRL_LIT_INIT("csrattrs"), MRL_LIT_INIT("GET"), on_csrattrs},
    {MRL_LIT_INIT("simpleenroll"), MRL_LIT_INIT("POST"), on_simpleenroll},
    {MRL_LIT_INIT("simplereenroll"), MRL_LIT_INIT("POST"), on_simplereenroll},
    {MRL_LIT_INIT("serverkeygen"), MRL_LIT_INIT("POST"), on_serverkeygen},
};
/* By their whole path. */
static const struct operation others[] = {
    {MRL_LIT_INIT("/.well-known/merlon/attest/begin"), MRL_LIT_INIT("POST"), mrl_attest_on_begin},
    {MRL_LIT_INIT("/.well-known/merlon/attest/finish"), MRL_LIT_INIT("POST"), mrl_attest_on_finish},
    {MRL_LIT_INIT("/mqtt"), MRL_LIT_INIT("GET"), mrl_mqtt_ws_open},
};

static const struct operation *named(const struct operation *from, size_t count, mrl_bytes name)
{
    for (size_t i = 0; i < count; i++)
        if (mrl_bytes_eq(from[i].name, name))
            return &from[i];
    return NULL;
}

/* NULL, with why not. */
static const struct operation *find(const struct mrl_exchange *x, const char **why)
{
    mrl_bytes path = mrl_exchange_path(x), label, name;
    const struct operation *o = NULL;

    *why = "nothing is here; EST is at /.well-known/est/, MQTT at /mqtt\n";
    if (!split_path(path, &label, &name))
        return named(others, MRL_COUNT(others), path);
    o = named(operations, MRL_COUNT(operations), name);
    if (o != NULL && profile_of(x) == NULL) {
        *why = "there is no profile of this name\n";
        return NULL;
    }
    return o;
}

void mrl_est_handle(void *context, struct mrl_exchange *x)
{
    const char *why;
    const struct operation *o = find(x, &why);

    (void)context;
    mrl_est_offer_time(x);
    if (o == NULL) {
        mrl_exchange_fail(x, 404, "%s", why);
        mrl_exchange_send(x);
        return;
    }
    if (mrl_bytes_eq(o->method, mrl_exchange_method(x))) {
        o->run(x);
        return;
    }
    mrl_exchange_fail(x, 405, "this operation takes %.*s\n", MRL_FMT(o->method));
    mrl_exchange_set_header(x, "Allow", o->method);
    mrl_exchange_send(x);
}

void mrl_est_refused(void *context, const struct mrl_peer *peer,
                     const struct mrl_conn_closed *closed, unsigned status, const char *why)
{
    const struct mrl_est *est = context;

    mrl_refusal_note(est->onboarding->registry, est->onboarding->audit, est->metrics, est->index,
                     MRL_LIT("enrolment"), peer, closed, status, why);
    if (mrl_refusal_is_of_stranger(closed))
        mrl_guard_failed(est->guard, peer);
}

enum mrl_tls_refusal mrl_est_judge(void *onboarding, const struct mrl_fingerprint *fp)
{
    const struct mrl_onboarding *o = onboarding;
    enum mrl_judgement judged;

    mrl_rcu_read_begin();
    judged = mrl_registry_judge_renewal(o->registry, fp, mrl_wall_s(), (int64_t)o->grace_s, NULL);
    mrl_rcu_read_end();
    return mrl_refusal_of(judged);
}
