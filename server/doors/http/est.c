/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/http/est.h"

#include "base/rcu.h"
#include <stdio.h>

#include "base/clock.h"
#include "base/hex.h"
#include "crypto/csrattrs.h"
#include "crypto/pkcs7.h"
#include "devices/snapshot.h"
#include "doors/http/est_admit.h"
#include "doors/http/est_offer.h"
#include "doors/http/mqtt_ws.h"
#include "doors/refusal.h"
#include "doors/skew.h"
#include "wire/http1.h"
#include "wire/http1_auth.h"

enum {
    COLUMNS = 76
}; /* what the strictest clients read: lines of base64, each with LF. RFC 8951 3.1 */

static const char pkcs7_type[] = "application/pkcs7-mime; smime-type=certs-only";

static void answer_base64(struct mrl_exchange *x, const char *type, mrl_bytes der)
{
    mrl_exchange_set_header(x, "Content-Type", mrl_str(type));
    mrl_exchange_set_header(x, "Content-Transfer-Encoding", MRL_LIT("base64"));
    if (mrl_base64_write(der, COLUMNS, mrl_exchange_answer(x)) != MRL_OK)
        mrl_exchange_fail(x, 500, "answer too large\n");
}

static void on_cacerts(struct mrl_exchange *x)
{
    const struct mrl_est *est = mrl_exchange_context(x);

    answer_base64(x, pkcs7_type, mrl_issuing_cacerts(est->onboarding->issuing));
    mrl_exchange_send(x);
}

static void on_csrattrs(struct mrl_exchange *x)
{
    const struct mrl_est *est = mrl_exchange_context(x);
    const struct mrl_csrattrs want = {.key = MRL_KEY_P256,
                                      .challenge_password = est->onboarding->binding_required};
    MRL_SCOPED(mrl_buf) der = {0};

    if (mrl_csrattrs_write(&want, &der) == MRL_OK)
        answer_base64(x, "application/csrattrs", mrl_buf_bytes(&der));
    else
        mrl_exchange_fail(x, 500, "attributes cannot be written\n");
    mrl_exchange_send(x);
}

static void refuse(struct mrl_exchange *x, enum mrl_enrol_refusal refusal, const char *why)
{
    const struct mrl_est *est = mrl_exchange_context(x);
    char skew[MRL_SKEW_TEXT];

    mrl_count(est->metrics, est->index, MRL_COUNTER_ENROL_REFUSED);
    mrl_skew_text(mrl_est_skew(x), skew);
    mrl_exchange_fail(x, (unsigned)refusal, "%s%s\n", why, skew); /* RFC 7030 4.2.3: text/plain */
    if (refusal == MRL_ENROL_NOT_AUTHENTIC)
        mrl_exchange_set_header(x, "WWW-Authenticate", MRL_LIT("Basic realm=\"merlon enrolment\""));
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

typedef enum mrl_enrol_refusal enrol_function(struct mrl_onboarding *o,
                                              const struct mrl_enrolment *e, struct mrl_buf *der,
                                              struct mrl_why *why);

static void run_enrol(struct mrl_exchange *x, enrol_function *enrol, struct mrl_enrolment *e,
                      enum mrl_counter counter)
{
    const struct mrl_est *est = mrl_exchange_context(x);
    const struct mrl_tls_facts *facts = mrl_exchange_facts(x);
    MRL_SCOPED(mrl_buf) der = {0};
    struct mrl_why why = {""};
    char source[MRL_PEER_TEXT];
    enum mrl_tls_binding kind;
    enum mrl_enrol_refusal refusal;

    mrl_peer_format(mrl_exchange_peer(x), source);
    e->source = mrl_str(source);
    e->request_id = mrl_exchange_request_id(x);
    e->request = mrl_exchange_body(x);
    e->skew_s = mrl_est_skew(x);
    e->binding = mrl_exchange_channel_binding(x, &kind);
    e->present = facts != NULL && facts->has_certificate ? &facts->fingerprint : NULL;
    refusal = enrol(est->onboarding, e, &der, &why);
    if (refusal == MRL_ENROL_NOT_AUTHENTIC)
        mrl_guard_token_refused(est->guard, mrl_exchange_peer(x));
    if (refusal != MRL_ENROL_OK) {
        refuse(x, refusal, why.text);
        return;
    }
    mrl_guard_proven(est->guard, mrl_exchange_peer(x));
    mrl_count(est->metrics, est->index, counter);
    answer_certificate(x, mrl_buf_bytes(&der));
    mrl_est_offer_renewal(x, est->onboarding, mrl_buf_bytes(&der));
}

/* [service] With the token of HTTP Basic, or else with a certificate. RFC 7030 3.2.3, 3.3.2 */
static void simpleenroll(struct mrl_exchange *x)
{
    MRL_SCOPED(mrl_http_basic) basic = {0};
    struct mrl_enrolment e = {0};
    struct mrl_why why = {""};
    mrl_bytes value;

    if (!mrl_exchange_header(x, "Authorization", &value)) {
        run_enrol(x, mrl_reenrol, &e, MRL_COUNTER_REENROLLED);
        return;
    }
    if (mrl_http_basic_read(value, &basic, &why) != MRL_OK) {
        refuse(x, MRL_ENROL_NOT_AUTHENTIC, why.text);
        return;
    }
    e.device = basic.user;
    e.token = basic.password;
    run_enrol(x, mrl_enrol, &e, MRL_COUNTER_ENROLLED);
}

/* [service] */
static void simplereenroll(struct mrl_exchange *x)
{
    struct mrl_enrolment e = {0};

    run_enrol(x, mrl_reenrol, &e, MRL_COUNTER_REENROLLED);
}

/* Before anything is looked up for it. RFC 6585 4 */
static bool is_kept_out(struct mrl_exchange *x)
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
    if (is_pkcs10(x) && !is_kept_out(x) && mrl_est_admit(x))
        mrl_exchange_defer(x, simpleenroll);
}

static void on_simplereenroll(struct mrl_exchange *x)
{
    if (is_pkcs10(x) && !is_kept_out(x) && mrl_est_admit(x))
        mrl_exchange_defer(x, simplereenroll);
}

static const struct operation {
    mrl_bytes path;
    mrl_bytes method;
    void (*run)(struct mrl_exchange *x);
} operations[] = {
    {MRL_LIT_INIT("/.well-known/est/cacerts"), MRL_LIT_INIT("GET"), on_cacerts},
    {MRL_LIT_INIT("/.well-known/est/csrattrs"), MRL_LIT_INIT("GET"), on_csrattrs},
    {MRL_LIT_INIT("/.well-known/est/simpleenroll"), MRL_LIT_INIT("POST"), on_simpleenroll},
    {MRL_LIT_INIT("/.well-known/est/simplereenroll"), MRL_LIT_INIT("POST"), on_simplereenroll},
    {MRL_LIT_INIT("/mqtt"), MRL_LIT_INIT("GET"), mrl_mqtt_ws_open},
};

void mrl_est_handle(void *context, struct mrl_exchange *x)
{
    (void)context;
    mrl_est_offer_time(x);
    for (size_t i = 0; i < MRL_COUNT(operations); i++) {
        if (!mrl_bytes_eq(operations[i].path, mrl_exchange_path(x)))
            continue;
        if (mrl_bytes_eq(operations[i].method, mrl_exchange_method(x))) {
            operations[i].run(x);
            return;
        }
        mrl_exchange_fail(x, 405, "this operation takes %.*s\n", MRL_FMT(operations[i].method));
        mrl_exchange_set_header(x, "Allow", operations[i].method);
        mrl_exchange_send(x);
        return;
    }
    mrl_exchange_fail(x, 404, "nothing is here; EST is at /.well-known/est/, MQTT at /mqtt\n");
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
