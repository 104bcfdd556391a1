/* SPDX-License-Identifier: Apache-2.0 */
/* From a request to the handler of its route, and from a failure to its answer. */
#include "api/request.h"
#include "audit/witness.h"
#include "base/clock.h"
#include "base/rcu.h"
#include "devices/snapshot.h"
#include "doors/refusal.h"
#include "wire/http1.h"

/* What, by whom, on what: target is the thing named in the path, or else the path. */
static void note_denied(struct mrl_api_request *r, mrl_bytes reason)
{
    const mrl_bytes path = mrl_exchange_path(r->x);
    const struct mrl_audit_detail details[] = {
        MRL_AUDIT_TEXT("method", mrl_exchange_method(r->x)),
        MRL_AUDIT_TEXT("path", path),
    };
    struct mrl_audit_event e = mrl_actor_event(&r->actor, MRL_AUDIT_API_DENIED,
                                               r->variables[0].len > 0 ? r->variables[0] : path);

    e.outcome = MRL_AUDIT_DENIED;
    e.reason = reason;
    e.details = details;
    e.details_count = MRL_COUNT(details);
    mrl_audit_note(r->api->audit, &e);
    mrl_count(r->api->metrics, r->worker->index, MRL_COUNTER_API_DENIED);
}

static void answer_unknown(struct mrl_api_request *r)
{
    note_denied(r, MRL_LIT("unauthenticated"));
    mrl_exchange_set_header(r->x, "WWW-Authenticate",
                            MRL_LIT("ClientCertificate realm=\"merlon\""));
    mrl_api_problem(r, 401, "unauthenticated",
                    MRL_LIT("show the certificate of an operator, or use the UNIX socket"));
}

static void answer_denied(struct mrl_api_request *r)
{
    const char *permission = mrl_api_permission_name(r->route->permission);

    note_denied(r, mrl_str(permission));
    (void)mrl_fail(&r->why, MRL_ERR_DENIED, "this needs the permission %s", permission);
    mrl_api_problem_of(r, MRL_ERR_DENIED);
}

/* A browser that holds an operator's certificate shows it to us whoever made it send the request.
 * [OWASP ASVS 4.2.2] */
static bool is_cross_site(const struct mrl_api_request *r)
{
    mrl_bytes site, origin, host, scheme = MRL_LIT("https://");

    if (mrl_bytes_eq(mrl_exchange_method(r->x), MRL_LIT("GET")))
        return false; /* changes nothing, and no other site can read the answer */
    if (mrl_exchange_header(r->x, "Sec-Fetch-Site", &site) &&
        !mrl_bytes_eq(site, MRL_LIT("same-origin")) && !mrl_bytes_eq(site, MRL_LIT("none")))
        return true;
    if (!mrl_exchange_header(r->x, "Origin", &origin))
        return false;
    return !mrl_exchange_header(r->x, "Host", &host) || !mrl_bytes_starts(origin, scheme) ||
           !mrl_bytes_eq(mrl_bytes_sub(origin, scheme.len, origin.len), host);
}

static bool is_json(const struct mrl_api_request *r)
{
    mrl_bytes type;

    return mrl_exchange_body(r->x).len == 0 || (mrl_exchange_header(r->x, "Content-Type", &type) &&
                                                mrl_http_media_is(type, "application/json"));
}

/* Who verifies the log must be able to do so above all when it is in doubt. */
static bool is_unwitnessed(struct mrl_api_request *r)
{
    return r->api->require_witness && !mrl_bytes_eq(mrl_exchange_method(r->x), MRL_LIT("GET")) &&
           r->route->run != mrl_api_audit_verify &&
           mrl_witnesses_judge(r->api->witnesses, &r->why) != MRL_OK;
}

static void answer_unwitnessed(struct mrl_api_request *r)
{
    note_denied(r, MRL_LIT("unwitnessed"));
    mrl_api_problem(r, 503, "unwitnessed", mrl_str(r->why.text));
}

static void run(struct mrl_api_request *r)
{
    mrl_err err = r->route->run(r);

    if (err == MRL_OK)
        return;
    if (err == MRL_ERR_DENIED)
        note_denied(r, mrl_str(r->why.text));
    mrl_api_problem_of(r, err);
}

static void answer_no_method(struct mrl_api_request *r, const struct mrl_buf *allow)
{
    mrl_exchange_set_header(r->x, "Allow", mrl_buf_bytes(allow));
    (void)mrl_fail(&r->why, MRL_ERR_INVALID, "it takes %.*s", MRL_FMT(mrl_buf_bytes(allow)));
    mrl_api_problem(r, 405, "method", mrl_str(r->why.text));
}

/* First who, then what: a stranger learns nothing of what there is. Counters for this machine are
 * the exception. */
static void serve_request(struct mrl_api_request *r)
{
    MRL_SCOPED(mrl_buf) allow = {0};
    enum mrl_api_match match = mrl_api_route_find(
        mrl_exchange_method(r->x), mrl_exchange_path(r->x), &r->route, r->variables, &allow);
    bool scrape = match == MRL_API_MATCH && r->route->permission == MRL_API_SCRAPE;

    mrl_count(r->api->metrics, r->worker->index, MRL_COUNTER_API_REQUESTS);
    mrl_api_identify(r);
    if (r->actor.kind != MRL_ACTOR_OPERATOR && !(scrape && mrl_api_permitted(r)))
        answer_unknown(r);
    else if (match == MRL_API_NO_PATH)
        mrl_api_problem_of(r, MRL_ERR_NOT_FOUND);
    else if (match == MRL_API_NO_METHOD)
        answer_no_method(r, &allow);
    else if (!mrl_api_permitted(r))
        answer_denied(r);
    else if (is_cross_site(r))
        mrl_api_problem(r, 403, "cross-site", MRL_BYTES_NONE);
    else if (!is_json(r))
        mrl_api_problem(r, 415, "media-type", MRL_LIT("a body is application/json"));
    else if (is_unwitnessed(r))
        answer_unwitnessed(r);
    else
        run(r);
}

/* false: the exchange was handed on. */
static bool serve(struct mrl_exchange *x)
{
    struct mrl_api_request *r = mrl_arena_alloc(mrl_exchange_arena(x), sizeof(*r));

    r->x = x;
    r->worker = mrl_exchange_context(x);
    r->api = r->worker->api;
    serve_request(r);
    return !r->held;
}

static void serve_deferred(struct mrl_exchange *x)
{
    (void)serve(x); /* what runs on a service thread never hands on */
}

void mrl_api_handle(void *context, struct mrl_exchange *x)
{
    mrl_bytes variables[MRL_API_VARIABLES_MAX];
    const struct mrl_api_route *route = NULL;
    MRL_SCOPED(mrl_buf) allow = {0};

    (void)context;
    if (mrl_api_route_find(mrl_exchange_method(x), mrl_exchange_path(x), &route, variables,
                           &allow) != MRL_API_MATCH ||
        !route->on_worker)
        mrl_exchange_defer(x, serve_deferred);
    else if (serve(x))
        mrl_exchange_send(x);
}

void mrl_api_refused(void *context, const struct mrl_peer *peer,
                     const struct mrl_conn_closed *closed, unsigned status, const char *why)
{
    const struct mrl_api_worker *w = context;

    mrl_refusal_note(w->api->registry, w->api->audit, w->api->metrics, w->index,
                     MRL_LIT("management"), peer, closed, status, why);
    if (mrl_refusal_is_of_stranger(closed))
        mrl_guard_failed(w->api->guard, peer);
}

enum mrl_tls_refusal mrl_api_judge(void *registry, const struct mrl_fingerprint *fp)
{
    enum mrl_judgement judged;

    mrl_rcu_read_begin();
    judged =
        mrl_registry_judge(registry, fp, mrl_wall_s(), MRL_KIND_BIT(MRL_PRINCIPAL_OPERATOR), NULL);
    mrl_rcu_read_end();
    return mrl_refusal_of(judged);
}
