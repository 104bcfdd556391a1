/* SPDX-License-Identifier: Apache-2.0 */
#include "main/worker.h"

#include "base/rcu.h"
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/log.h"
#include "doors/http/mqtt_ws.h"
#include "doors/refusal.h"
#include "doors/vouch.h"
#include "main/outsiders.h"
#include "main/retirement.h"
#include "net/proxy_gate.h"

struct port {
    struct mrl_worker *worker;
    struct mrl_tls_context *tls;
    struct mrl_listener *listener;
    struct mrl_proxy_gate *gate; /* NULL: no load balancer */
    mrl_bytes door;              /* for the audit log */
};

struct mrl_worker {
    struct mrl_worker_shared shared;
    unsigned index;
    pthread_t thread;
    bool running;
    struct mrl_loop *loop;
    struct mrl_conns *conns;
    struct mrl_mailbox *mailbox;
    struct mrl_mqtt_door *door;
    struct mrl_est est;
    struct mrl_api_worker api;
    struct mrl_http_server *enrolment;
    struct mrl_http_server *management;
    struct port ports[MRL_PORT_COUNT_];
    struct mrl_listener *socket;
    struct mrl_outsiders *outsiders; /* or NULL */
    struct mrl_fingerprint leaf;     /* of the certificate shown now */
    struct mrl_timer drain;          /* while stopping */
    uint64_t stop_at_ms;
    struct mrl_timer tally;
    _Atomic size_t sessions, connected; /* as of the last tally */
};

enum { TALLY_MS = 1000, GATHER_US = 8000, DRAIN_MS = 20 };

/* What SDKs of AWS offer, and nothing else, is as good as the registered name. */
#define ALPN_AWS_MQTT "x-amzn-mqtt-ca"

static const mrl_bytes alpn_mqtt[] = {MRL_LIT_INIT("mqtt"), MRL_LIT_INIT(ALPN_AWS_MQTT)};
static const mrl_bytes alpn_http[] = {MRL_LIT_INIT("http/1.1")};
static const mrl_bytes alpn_both[] = {MRL_LIT_INIT("http/1.1"), MRL_LIT_INIT("mqtt"),
                                      MRL_LIT_INIT(ALPN_AWS_MQTT)};

struct port_rule {
    enum mrl_tls_client_certificate client_certificate;
    mrl_tls_judge judge;
    const char *door;
    const mrl_bytes *alpn;
    size_t alpn_count;
    mrl_tls_judge mqtt_judge; /* of a port where MQTT is the guest */
    mrl_tls_voucher voucher;
    mrl_tls_voucher mqtt_voucher;
};

static const struct port_rule port_rules[MRL_PORT_COUNT_] = {
    [MRL_PORT_MQTT] = {MRL_CLIENT_CERT_REQUIRED, mrl_mqtt_door_judge, "mqtt", alpn_mqtt,
                       MRL_COUNT(alpn_mqtt), NULL, mrl_vouch_mqtt, NULL},
    [MRL_PORT_ENROLMENT] = {MRL_CLIENT_CERT_OPTIONAL, mrl_device_port_judge, "enrolment", alpn_both,
                            MRL_COUNT(alpn_both), mrl_device_port_judge_mqtt, mrl_vouch_enrolment,
                            mrl_vouch_mqtt},
    [MRL_PORT_MANAGEMENT] = {MRL_CLIENT_CERT_OPTIONAL, mrl_api_judge, "management", alpn_http, 1,
                             NULL, NULL, NULL},
};

static mrl_err make_port(struct mrl_worker *w, enum mrl_port port, struct mrl_why *why)
{
    const struct port_rule *rule = &port_rules[port];
    const struct mrl_tls_server_config config = {
        .client_certificate = rule->client_certificate,
        .judge = rule->judge,
        .judge_context =
            port == MRL_PORT_ENROLMENT ? (void *)w->shared.onboarding : (void *)w->shared.registry,
        .psk = port == MRL_PORT_MQTT && w->shared.psk ? mrl_mqtt_door_psk : NULL,
        .roots = mrl_issuing_roots(w->shared.issuing),
        .alpn = rule->alpn,
        .alpn_count = rule->alpn_count,
        .strict_alpn = alpn_mqtt,
        .strict_alpn_count = rule->mqtt_judge != NULL ? MRL_COUNT(alpn_mqtt) : 0,
        .strict_judge = rule->mqtt_judge,
        .voucher = rule->voucher,
        .strict_voucher = rule->mqtt_voucher,
        .voucher_context = w->shared.onboarding->makers,
        .tickets = w->shared.tickets,
        .scope = port + 1,
        .channel_binding = port != MRL_PORT_MANAGEMENT, /* EST, and proofs over MQTT */
    };

    w->ports[port].worker = w;
    w->ports[port].door = mrl_str(rule->door);
    return mrl_tls_server_new(&config, &w->ports[port].tls, why);
}

static mrl_err make_http(struct mrl_worker *w)
{
    struct mrl_http_server_config config = {
        .loop = w->loop,
        .conns = w->conns,
        .mailbox = w->mailbox,
        .service = w->shared.service,
        .handler = mrl_est_handle,
        .refused = mrl_est_refused,
        .other = mrl_mqtt_alpn_open,
        .context = &w->est,
        .body_bytes = w->shared.enrolment_body_bytes,
    };

    w->est = (struct mrl_est){.onboarding = w->shared.onboarding,
                              .attest = w->shared.attest,
                              .metrics = w->shared.metrics,
                              .index = w->index,
                              .guard = w->shared.guard,
                              .mqtt = w->door,
                              .origins = w->shared.origins};
    MRL_TRY(mrl_http_server_new(&config, &w->enrolment));
    w->api = (struct mrl_api_worker){.api = w->shared.api,
                                     .hub = mrl_mqtt_door_hub(w->door),
                                     .index = w->index,
                                     .loop = w->loop,
                                     .mailbox = w->mailbox};
    config.handler = mrl_api_handle;
    config.refused = mrl_api_refused;
    config.other = NULL;
    config.context = &w->api;
    config.body_bytes = 0;
    return mrl_http_server_new(&config, &w->management);
}

static void observe(void *context, mrl_bytes device, mrl_bytes topic, mrl_bytes payload)
{
    struct mrl_worker *w = context;
    unsigned refused = mrl_telemetry_observe(w->shared.telemetry, device, topic, payload);

    for (unsigned i = 0; i < refused; i++)
        mrl_count(w->shared.metrics, w->index, MRL_COUNTER_TELEMETRY_REFUSED);
}

static void make_door(struct mrl_worker *w)
{
    const struct mrl_mqtt_door_config config = {
        .loop = w->loop,
        .conns = w->conns,
        .mailbox = w->mailbox,
        .service = w->shared.service,
        .onboarding = w->shared.onboarding,
        .registry = w->shared.registry,
        .audit = w->shared.audit,
        .metrics = w->shared.metrics,
        .guard = w->shared.guard,
        .retained = w->shared.retained,
        .ledger = w->shared.ledger,
        .routes = w->shared.routes,
        .renewals = w->shared.renewals,
        .provisioning = w->shared.provisioning,
        .provisioning_service = w->shared.provisioning_service,
        .limits = &w->shared.mqtt_limits,
        .store = w->shared.onboarding->store,
        .observe = w->shared.telemetry != NULL ? observe : NULL,
        .observe_context = w,
        .index = w->index,
    };

    w->door = mrl_mqtt_door_new(&config);
}

static mrl_err make_outsiders(struct mrl_worker *w)
{
    const struct mrl_outsiders_config config = {
        .loop = w->loop,
        .conns = w->conns,
        .mailbox = w->mailbox,
        .service = w->shared.service,
        .revocation = w->shared.revocation,
        .metrics = w->shared.metrics,
        .guard = w->shared.guard,
        .index = w->index,
    };

    return w->shared.revocation == NULL ? MRL_OK : mrl_outsiders_new(&config, &w->outsiders);
}

static void on_tally(struct mrl_timer *t);
static void on_drain(struct mrl_timer *t);

static mrl_err make(struct mrl_worker *w, struct mrl_why *why)
{
    const struct mrl_conns_config conns = {.handshake_timeout_ms = w->shared.handshake_timeout_ms,
                                           .handshakes_limit = w->shared.handshakes};
    struct mrl_conns_config config = conns;

    MRL_TRY(mrl_loop_new(&w->loop));
    mrl_loop_let_gather(w->loop, GATHER_US);
    config.loop = w->loop;
    MRL_TRY(mrl_conns_new(&config, &w->conns));
    MRL_TRY(mrl_mailbox_new(w->loop, w, &w->mailbox));
    make_door(w);
    MRL_TRY(make_http(w));
    MRL_TRY(make_outsiders(w));
    for (unsigned port = 0; port < MRL_PORT_COUNT_; port++)
        MRL_TRY(make_port(w, (enum mrl_port)port, why));
    w->tally.fire = on_tally;
    w->drain.fire = on_drain;
    return MRL_OK;
}

mrl_err mrl_worker_new(const struct mrl_worker_shared *shared, unsigned index,
                       struct mrl_worker **out, struct mrl_why *why)
{
    struct mrl_worker *w = calloc(1, sizeof(*w));
    mrl_err err;

    if (w == NULL)
        abort();
    w->shared = *shared;
    w->index = index;
    err = make(w, why);
    if (err != MRL_OK) {
        mrl_worker_close(w);
        mrl_worker_free(w);
        return err;
    }
    *out = w;
    return MRL_OK;
}

void mrl_worker_join(struct mrl_worker *w, struct mrl_mqtt_door *const *doors, unsigned count)
{
    mrl_mqtt_door_join(w->door, doors, count);
}

struct mrl_mqtt_door *mrl_worker_door(struct mrl_worker *w)
{
    return w->door;
}

static bool admit(void *context, const struct mrl_peer *peer)
{
    static const enum mrl_counter counters[] = {[MRL_GUARD_TOO_FAST] = MRL_COUNTER_REFUSED_TOO_FAST,
                                                [MRL_GUARD_BLOCKED] = MRL_COUNTER_REFUSED_BLOCKED};
    const struct mrl_worker *w = ((const struct port *)context)->worker;
    enum mrl_guard_verdict verdict = mrl_guard_admit(w->shared.guard, peer);

    if (verdict != MRL_GUARD_PASS)
        mrl_count(w->shared.metrics, w->index, counters[verdict]);
    return verdict == MRL_GUARD_PASS;
}

static void accepted_mqtt(void *context, int fd, const struct mrl_peer *peer)
{
    const struct port *p = context;

    mrl_mqtt_door_accept(p->worker->door, fd, peer, p->tls);
}

static void accepted_enrolment(void *context, int fd, const struct mrl_peer *peer)
{
    const struct port *p = context;

    mrl_http_accept_tls(p->worker->enrolment, fd, peer, p->tls);
}

static void accepted_management(void *context, int fd, const struct mrl_peer *peer)
{
    const struct port *p = context;

    mrl_http_accept_tls(p->worker->management, fd, peer, p->tls);
}

static void accepted_socket(void *context, int fd, const struct mrl_peer *peer)
{
    struct mrl_worker *w = context;

    mrl_http_accept_unix(w->management, fd, peer);
}

static void (*const accepted[MRL_PORT_COUNT_])(void *context, int fd,
                                               const struct mrl_peer *peer) = {
    [MRL_PORT_MQTT] = accepted_mqtt,
    [MRL_PORT_ENROLMENT] = accepted_enrolment,
    [MRL_PORT_MANAGEMENT] = accepted_management,
};

static void refused_proxy(void *context, const struct mrl_peer *proxy, const char *why)
{
    const struct port *p = context;
    const struct mrl_conn_closed closed = {.end = MRL_END_LOCAL};

    mrl_refusal_note(p->worker->shared.registry, p->worker->shared.audit, p->worker->shared.metrics,
                     p->worker->index, p->door, proxy, &closed, /*status=*/400, why);
}

/* Between the listener and what it was to call. */
static void put_gate(struct port *p, const struct mrl_proxies *proxies,
                     struct mrl_listener_config *listener)
{
    const struct mrl_proxy_gate_config config = {
        .loop = listener->loop,
        .proxies = proxies->at,
        .proxy_count = proxies->count,
        .timeout_ms = p->worker->shared.handshake_timeout_ms,
        .waiting_max = p->worker->shared.handshakes,
        .context = listener->context,
        .admit = listener->admit,
        .accepted = listener->accepted,
        .refused = refused_proxy,
    };

    p->gate = mrl_proxy_gate_new(&config);
    listener->context = p->gate;
    listener->admit = mrl_proxy_gate_admit;
    listener->accepted = mrl_proxy_gate_accepted;
}

mrl_err mrl_worker_listen(struct mrl_worker *w, enum mrl_port port, struct mrl_address *address,
                          struct mrl_why *why)
{
    struct port *p = &w->ports[port];
    struct mrl_listener_config config = {.loop = w->loop,
                                         .address = address,
                                         .context = p,
                                         .admit = admit,
                                         .accepted = accepted[port]};

    if (w->shared.proxies[port].count > 0)
        put_gate(p, &w->shared.proxies[port], &config);
    MRL_TRY(mrl_listener_open(&config, &p->listener, why));
    *address = *mrl_listener_address(p->listener);
    return MRL_OK;
}

mrl_err mrl_worker_listen_outside(struct mrl_worker *w, struct mrl_address *address,
                                  struct mrl_why *why)
{
    return mrl_outsiders_listen(w->outsiders, address, why);
}

mrl_err mrl_worker_listen_socket(struct mrl_worker *w, const struct mrl_address *address,
                                 struct mrl_why *why)
{
    const struct mrl_listener_config config = {
        .loop = w->loop, .address = address, .context = w, .accepted = accepted_socket};

    return mrl_listener_open(&config, &w->socket, why);
}

/* A device that enrols knows a root by its fingerprint only, so this port sends the roots, too. */
static mrl_err set_enrolment_identity(struct mrl_worker *w,
                                      const struct mrl_server_identity *identity,
                                      struct mrl_why *why)
{
    MRL_SCOPED(mrl_server_identity) with_root = {0};
    const struct mrl_cert_list *roots = mrl_issuing_roots(w->shared.issuing);

    MRL_TRY(mrl_server_identity_copy(identity, &with_root));
    for (size_t i = 0; i < roots->count; i++) {
        MRL_AUTO(mrl_cert) root = NULL;

        MRL_TRY(mrl_cert_from_der(mrl_cert_facts(roots->certs[i])->der, &root));
        MRL_TRY(mrl_cert_list_add(&with_root.chain, MRL_TAKE(root)));
    }
    return mrl_tls_context_set_identity(w->ports[MRL_PORT_ENROLMENT].tls, &with_root.chain,
                                        with_root.key, why);
}

mrl_err mrl_worker_set_identity(struct mrl_worker *w, const struct mrl_server_identity *identity,
                                struct mrl_why *why)
{
    for (unsigned port = 0; port < MRL_PORT_COUNT_; port++)
        mrl_tls_context_set_roots(w->ports[port].tls, mrl_issuing_roots(w->shared.issuing));
    w->leaf = mrl_cert_facts(identity->chain.certs[0])->fingerprint;
    MRL_TRY(mrl_tls_context_set_identity(w->ports[MRL_PORT_MQTT].tls, &identity->chain,
                                         identity->key, why));
    MRL_TRY(mrl_tls_context_set_identity(w->ports[MRL_PORT_MANAGEMENT].tls, &identity->chain,
                                         identity->key, why));
    return set_enrolment_identity(w, identity, why);
}

static void on_tally(struct mrl_timer *t)
{
    struct mrl_worker *w = MRL_CONTAINER(t, struct mrl_worker, tally);
    const struct mrl_hub *hub = mrl_mqtt_door_hub(w->door);

    atomic_store_explicit(&w->sessions, mrl_hub_session_count(hub), memory_order_relaxed);
    atomic_store_explicit(&w->connected, mrl_hub_connected_count(hub), memory_order_relaxed);
    mrl_loop_timer(w->loop, t, TALLY_MS);
}

static void *run(void *argument)
{
    struct mrl_worker *w = argument;

    (void)pthread_setname_np(pthread_self(), "worker"); /* for the eye only */
    mrl_rcu_register();
    on_tally(&w->tally);
    if (mrl_loop_run(w->loop) != MRL_OK)
        mrl_log_error("worker.loop_failed", MRL_FIELD_INT("worker", w->index));
    return NULL;
}

mrl_err mrl_worker_start(struct mrl_worker *w, struct mrl_why *why)
{
    if (pthread_create(&w->thread, NULL, run, w) != 0)
        return mrl_fail(why, MRL_ERR_IO, "cannot start worker thread %u", w->index);
    w->running = true;
    return MRL_OK;
}

void mrl_worker_counts(const struct mrl_worker *w, size_t *sessions, size_t *connected)
{
    *sessions = atomic_load_explicit(&w->sessions, memory_order_relaxed);
    *connected = atomic_load_explicit(&w->connected, memory_order_relaxed);
}

struct rejudge_message {
    struct mrl_message message;
    enum mrl_principal_kind kind;
    struct mrl_name id;
};

static void on_rejudge(struct mrl_message *m, void *owner)
{
    struct rejudge_message *rejudge = MRL_CONTAINER(m, struct rejudge_message, message);
    struct mrl_worker *w = owner;

    mrl_mqtt_door_rejudge(w->door, rejudge->kind, mrl_name_bytes(&rejudge->id));
    free(rejudge);
}

static void drop_rejudge(struct mrl_message *m)
{
    free(MRL_CONTAINER(m, struct rejudge_message, message));
}

void mrl_worker_post_rejudge(struct mrl_worker *w, enum mrl_principal_kind kind, mrl_bytes id)
{
    struct rejudge_message *rejudge = calloc(1, sizeof(*rejudge));

    if (rejudge == NULL)
        abort();
    rejudge->message = (struct mrl_message){.handle = on_rejudge, .drop = drop_rejudge};
    rejudge->kind = kind;
    (void)mrl_name_set(&rejudge->id, id); /* empty: all of this kind */
    mrl_mailbox_post(w->mailbox, &rejudge->message);
}

struct forget_message {
    struct mrl_message message;
    struct mrl_purge *purge;
};

static void on_forget(struct mrl_message *m, void *owner)
{
    struct forget_message *forget = MRL_CONTAINER(m, struct forget_message, message);
    struct mrl_worker *w = owner;

    mrl_purge_part(forget->purge, w->door);
    free(forget);
}

static void drop_forget(struct mrl_message *m)
{
    struct forget_message *forget = MRL_CONTAINER(m, struct forget_message, message);

    mrl_purge_give_up(forget->purge);
    free(forget);
}

void mrl_worker_post_forget(struct mrl_worker *w, struct mrl_purge *purge)
{
    struct forget_message *forget = calloc(1, sizeof(*forget));

    if (forget == NULL)
        abort();
    forget->message = (struct mrl_message){.handle = on_forget, .drop = drop_forget};
    forget->purge = purge;
    mrl_mailbox_post(w->mailbox, &forget->message);
}

void mrl_worker_post(struct mrl_worker *w, struct mrl_message *m)
{
    mrl_mailbox_post(w->mailbox, m);
}

struct identity_message {
    struct mrl_message message;
    struct mrl_server_identity identity;
};

static void drop_identity(struct mrl_message *m)
{
    struct identity_message *i = MRL_CONTAINER(m, struct identity_message, message);

    mrl_server_identity_done(&i->identity);
    free(i);
}

static void on_identity(struct mrl_message *m, void *owner)
{
    struct identity_message *i = MRL_CONTAINER(m, struct identity_message, message);
    struct mrl_worker *w = owner;
    struct mrl_why why = {""};

    if (mrl_worker_set_identity(w, &i->identity, &why) != MRL_OK)
        mrl_log_error("server.certificate_not_set", MRL_FIELD_STR("why", why.text));
    drop_identity(m);
}

mrl_err mrl_worker_post_identity(struct mrl_worker *w, const struct mrl_server_identity *identity)
{
    struct identity_message *i = calloc(1, sizeof(*i));

    if (i == NULL)
        abort();
    i->message = (struct mrl_message){.handle = on_identity, .drop = drop_identity};
    if (mrl_server_identity_copy(identity, &i->identity) != MRL_OK) {
        drop_identity(&i->message);
        return MRL_ERR_CRYPTO;
    }
    mrl_mailbox_post(w->mailbox, &i->message);
    return MRL_OK;
}

struct staple_message {
    struct mrl_message message;
    struct mrl_fingerprint leaf;
    struct mrl_buf response;
};

static void drop_staple(struct mrl_message *m)
{
    struct staple_message *s = MRL_CONTAINER(m, struct staple_message, message);

    mrl_buf_done(&s->response);
    free(s);
}

static void on_staple(struct mrl_message *m, void *owner)
{
    const struct staple_message *s = MRL_CONTAINER(m, struct staple_message, message);
    struct mrl_worker *w = owner;

    for (unsigned port = 0; port < MRL_PORT_COUNT_; port++)
        if (mrl_bytes_eq(mrl_fingerprint_bytes(&s->leaf), mrl_fingerprint_bytes(&w->leaf)))
            mrl_tls_context_set_staple(w->ports[port].tls, mrl_buf_bytes(&s->response));
    drop_staple(m);
}

void mrl_worker_post_staple(struct mrl_worker *w, const struct mrl_fingerprint *leaf,
                            mrl_bytes response)
{
    struct staple_message *s = calloc(1, sizeof(*s));

    if (s == NULL || mrl_buf_append(&s->response, response) != MRL_OK)
        abort(); /* a kilobyte, without a limit */
    s->message = (struct mrl_message){.handle = on_staple, .drop = drop_staple};
    s->leaf = *leaf;
    mrl_mailbox_post(w->mailbox, &s->message);
}

static bool drained(const struct mrl_worker *w)
{
    return mrl_conns_count(w->conns).open == 0 || mrl_loop_now(w->loop) >= w->stop_at_ms;
}

static void on_drain(struct mrl_timer *t)
{
    struct mrl_worker *w = MRL_CONTAINER(t, struct mrl_worker, drain);

    if (drained(w))
        mrl_loop_stop(w->loop);
    else
        mrl_loop_timer(w->loop, t, DRAIN_MS);
}

struct stop_message {
    struct mrl_message message;
    uint64_t grace_ms;
};

static void close_listeners(struct mrl_worker *w)
{
    for (unsigned port = 0; port < MRL_PORT_COUNT_; port++) {
        mrl_listener_close(w->ports[port].listener);
        w->ports[port].listener = NULL;
        mrl_proxy_gate_free(MRL_TAKE(w->ports[port].gate));
    }
    mrl_listener_close(w->socket);
    w->socket = NULL;
    mrl_outsiders_close(w->outsiders);
}

static void on_stop(struct mrl_message *m, void *owner)
{
    struct stop_message *stop = MRL_CONTAINER(m, struct stop_message, message);
    struct mrl_worker *w = owner;

    w->stop_at_ms = mrl_loop_now(w->loop) + stop->grace_ms;
    free(stop);
    close_listeners(w);
    mrl_mqtt_door_stop(w->door);
    mrl_http_server_stop(w->enrolment);
    mrl_http_server_stop(w->management);
    mrl_outsiders_stop(w->outsiders);
    mrl_loop_timer(w->loop, &w->drain, DRAIN_MS);
}

static void drop_stop(struct mrl_message *m)
{
    free(MRL_CONTAINER(m, struct stop_message, message));
}

void mrl_worker_stop(struct mrl_worker *w, uint64_t grace_ms)
{
    struct stop_message *stop = calloc(1, sizeof(*stop));

    if (stop == NULL)
        abort();
    stop->message = (struct mrl_message){.handle = on_stop, .drop = drop_stop};
    stop->grace_ms = grace_ms;
    mrl_mailbox_post(w->mailbox, &stop->message);
}

void mrl_worker_wait(struct mrl_worker *w)
{
    if (!w->running)
        return;
    (void)pthread_join(w->thread, NULL); /* our own thread, joined once */
    w->running = false;
}

void mrl_worker_close(struct mrl_worker *w)
{
    close_listeners(w);
    mrl_conns_free(w->conns);
    w->conns = NULL;
    if (w->door != NULL)
        mrl_mqtt_door_flush(w->door);
}

bool mrl_worker_discard(struct mrl_worker *w)
{
    return mrl_mailbox_discard(w->mailbox);
}

void mrl_worker_free(struct mrl_worker *w)
{
    if (w == NULL)
        return;
    mrl_mailbox_free(w->mailbox);
    mrl_mqtt_door_free(w->door);
    mrl_http_server_free(w->enrolment);
    mrl_http_server_free(w->management);
    mrl_outsiders_free(w->outsiders);
    for (unsigned port = 0; port < MRL_PORT_COUNT_; port++)
        mrl_tls_context_free(w->ports[port].tls);
    mrl_timer_cancel(&w->tally);
    mrl_timer_cancel(&w->drain);
    mrl_loop_free(w->loop);
    free(w);
}
