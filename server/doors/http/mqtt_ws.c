/* SPDX-License-Identifier: Apache-2.0 */
#include "doors/http/mqtt_ws.h"

#include "doors/http/est.h"
#include "doors/refusal.h"
#include "net/http_ws.h"
#include "wire/http1_write.h"

static const mrl_bytes subprotocol = MRL_LIT_INIT("mqtt"); /* [MQTT-6.0.0-3], [MQTT-6.0.0-4] */

/* RFC 9457. All texts are ours: nothing is to be escaped. */
static void answer_problem(struct mrl_exchange *x, unsigned status, const char *slug,
                           const char *detail)
{
    mrl_bytes id = mrl_exchange_request_id(x);

    mrl_exchange_set_status(x, status);
    mrl_exchange_set_header(x, "Content-Type", MRL_LIT("application/problem+json"));
    if (mrl_buf_printf(mrl_exchange_answer(x),
                       "{\"type\":\"urn:merlon:problem:%s\",\"title\":\"%s\",\"status\":%u,"
                       "\"detail\":\"%s\",\"request\":\"%.*s\"}",
                       slug, mrl_http_reason(status), status, detail, MRL_FMT(id)) != MRL_OK)
        mrl_exchange_fail(x, status, "%s", slug);
    mrl_exchange_send(x);
}

static void refuse_client(struct mrl_exchange *x, enum mrl_tls_refusal refusal)
{
    if (refusal != MRL_TLS_NO_CERTIFICATE) {
        answer_problem(x, 403, "denied", mrl_tls_refusal_name(refusal));
        return;
    }
    mrl_exchange_set_header(x, "WWW-Authenticate", MRL_LIT("ClientCertificate realm=\"merlon\""));
    answer_problem(x, 401, "unauthenticated", "show the certificate of a device or application");
}

/* The origin is this server, as the client names it: TLS makes sure of the name. */
static bool is_own_page(const struct mrl_exchange *x, mrl_bytes origin)
{
    mrl_bytes host, scheme = MRL_LIT("https://");

    return mrl_exchange_header(x, "Host", &host) && mrl_bytes_starts(origin, scheme) &&
           mrl_bytes_eq(mrl_bytes_sub(origin, scheme.len, origin.len), host);
}

/* A browser shows its user's certificate whatever page made it connect. RFC 6455 10.2 */
static bool is_foreign_page(const struct mrl_exchange *x, const struct mrl_est *est)
{
    mrl_bytes origin;

    if (!mrl_exchange_header(x, "Origin", &origin) || is_own_page(x, origin))
        return false;
    for (size_t i = 0; i < est->origins->count; i++)
        if (mrl_bytes_eq(origin, est->origins->at[i]))
            return false;
    return true;
}

static void refuse_page(struct mrl_exchange *x, const struct mrl_est *est)
{
    const struct mrl_conn_closed closed = {.end = MRL_END_LOCAL, .facts = mrl_exchange_facts(x)};

    mrl_refusal_note(est->onboarding->registry, est->onboarding->audit, est->metrics, est->index,
                     MRL_LIT("mqtt-ws"), mrl_exchange_peer(x), &closed, 403, "origin not allowed");
    answer_problem(x, 403, "cross-site", "this origin is not in [mqtt] origins");
}

static void open_ws(struct mrl_exchange *x, const struct mrl_est *est)
{
    struct mrl_why why = {""};
    struct mrl_conn *c;
    unsigned status;

    if (mrl_http_ws_check(x, subprotocol, &status, &why) != MRL_OK)
        answer_problem(x, status, status == 426 ? "upgrade-required" : "malformed", why.text);
    else if (mrl_http_ws_accept(x, subprotocol, &c) == MRL_OK)
        mrl_mqtt_door_take(est->mqtt, c);
    else
        answer_problem(x, 503, "unavailable", "the server stops");
}

void mrl_mqtt_ws_open(struct mrl_exchange *x)
{
    const struct mrl_est *est = mrl_exchange_context(x);
    enum mrl_tls_refusal refusal = mrl_mqtt_door_ask(est->mqtt, mrl_exchange_conn(x));

    if (refusal != MRL_TLS_ACCEPTED)
        refuse_client(x, refusal);
    else if (is_foreign_page(x, est))
        refuse_page(x, est);
    else
        open_ws(x, est);
}

void mrl_mqtt_alpn_open(void *context, struct mrl_conn *c)
{
    const struct mrl_est *est = context;

    mrl_mqtt_door_take(est->mqtt, c);
}

enum mrl_tls_refusal mrl_device_port_judge_mqtt(void *onboarding, const struct mrl_fingerprint *fp)
{
    const struct mrl_onboarding *o = onboarding;

    return mrl_mqtt_door_judge(o->registry, fp);
}

enum mrl_tls_refusal mrl_device_port_judge(void *onboarding, const struct mrl_fingerprint *fp)
{
    enum mrl_tls_refusal refusal = mrl_device_port_judge_mqtt(onboarding, fp);

    return refusal == MRL_TLS_ACCEPTED || refusal == MRL_TLS_ACCEPTED_ONCE
               ? refusal
               : mrl_est_judge(onboarding, fp);
}
