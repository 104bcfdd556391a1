/* SPDX-License-Identifier: Apache-2.0 */
#include "witness/serve.h"

#include <signal.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>
#include <urcu/urcu-memb.h>

#include "base/clock.h"
#include "base/log.h"
#include "net/http_server.h"
#include "net/listener.h"
#include "witness/rate.h"
#include "witness/web_identity.h"

enum { THREADS = 4, QUEUE = 256, DRAIN_MS = 20, GRACE_MS = 5000 };

static const char path[] = "/add-checkpoint";

struct door {
    const struct mrl_witness *witness;
    struct mrl_loop *loop;
    struct mrl_conns *conns;
    struct mrl_mailbox *mailbox;
    struct mrl_service *service;
    struct mrl_http_server *http;
    struct mrl_tls_context *tls; /* NULL on a UNIX socket */
    struct mrl_listener *listener;
    struct mrl_watch signals;
    struct mrl_timer drain;
    uint64_t stop_at_ms;
    struct mrl_witness_rate rate;
};

static void log_answer(const struct mrl_exchange *x, const struct mrl_witness_answer *a)
{
    enum mrl_log_level level = a->status >= 500 || a->is_misbehaviour ? MRL_LOG_ERROR
                               : a->status == 200                     ? MRL_LOG_DEBUG
                                                                      : MRL_LOG_WARN;
    char source[MRL_PEER_TEXT];
    const struct mrl_log_field fields[] = {
        MRL_FIELD_INT("status", a->status),
        MRL_FIELD("origin", a->origin),
        MRL_FIELD_INT("latest", a->latest),
        MRL_FIELD_STR("source", source),
        MRL_FIELD("request", mrl_exchange_request_id(x)),
        MRL_FIELD_STR("why", a->why.text),
    };

    mrl_peer_format(mrl_exchange_peer(x), source);
    mrl_log_write(level, a->is_misbehaviour ? "witness.fork" : "witness.answered", fields,
                  MRL_COUNT(fields));
}

/* On a service thread: reads and writes the disk. */
static void work(struct mrl_exchange *x)
{
    const struct door *d = mrl_exchange_context(x);
    MRL_SCOPED(mrl_witness_answer) a = {0};

    mrl_witness_add_checkpoint(d->witness, mrl_exchange_body(x), (uint64_t)mrl_wall_s(), &a);
    log_answer(x, &a);
    mrl_exchange_set_status(x, a.status);
    mrl_exchange_set_header(x, "Content-Type", mrl_str(a.content_type));
    if (mrl_buf_append(mrl_exchange_answer(x), mrl_buf_bytes(&a.body)) != MRL_OK)
        mrl_exchange_fail(x, 500, "the answer does not fit");
}

/* false: it was answered. */
static bool may_ask(struct door *d, struct mrl_exchange *x)
{
    if (!mrl_witness_rate_take(&d->rate, mrl_exchange_peer(x), mrl_loop_now(d->loop))) {
        mrl_exchange_fail(x, 429, "too many requests from here");
        mrl_exchange_set_header(x, "Retry-After", MRL_LIT("1"));
    } else if (!mrl_bytes_eq(mrl_exchange_path(x), mrl_str(path))) {
        mrl_exchange_fail(x, 404, "a witness has %s only", path);
    } else if (!mrl_bytes_eq(mrl_exchange_method(x), MRL_LIT("POST"))) {
        mrl_exchange_fail(x, 405, "%s takes POST only", path);
        mrl_exchange_set_header(x, "Allow", MRL_LIT("POST"));
    } else {
        return true;
    }
    mrl_exchange_send(x);
    return false;
}

static void handle(void *context, struct mrl_exchange *x)
{
    struct door *d = context;

    if (may_ask(d, x))
        mrl_exchange_defer(x, work);
}

static void on_accepted(void *context, int fd, const struct mrl_peer *peer)
{
    struct door *d = context;

    if (d->tls != NULL)
        mrl_http_accept_tls(d->http, fd, peer, d->tls);
    else
        mrl_http_accept_unix(d->http, fd, peer);
}

static void on_drain(struct mrl_timer *t)
{
    struct door *d = MRL_CONTAINER(t, struct door, drain);

    if (mrl_http_server_connections(d->http) == 0 || mrl_loop_now(d->loop) >= d->stop_at_ms)
        mrl_loop_stop(d->loop);
    else
        mrl_loop_timer(d->loop, t, DRAIN_MS);
}

static void on_signal(struct mrl_watch *w, uint32_t events)
{
    struct door *d = MRL_CONTAINER(w, struct door, signals);
    struct signalfd_siginfo info;

    (void)events;
    if (read(w->fd, &info, sizeof(info)) != (ssize_t)sizeof(info) || d->listener == NULL)
        return;
    mrl_log_info("witness.stopping", MRL_FIELD_INT("signal", info.ssi_signo));
    mrl_listener_close(MRL_TAKE(d->listener));
    mrl_http_server_stop(d->http);
    d->stop_at_ms = mrl_loop_now(d->loop) + GRACE_MS;
    mrl_loop_timer(d->loop, &d->drain, DRAIN_MS);
}

/* Blocked before any thread begins, so that all of them inherit it. */
static mrl_err watch_signals(struct door *d)
{
    sigset_t set;

    (void)sigemptyset(&set); /* cannot fail, nor can the next two */
    (void)sigaddset(&set, SIGTERM);
    (void)sigaddset(&set, SIGINT);
    MRL_ENSURE(pthread_sigmask(SIG_BLOCK, &set, NULL) == 0, MRL_ERR_IO);
    d->signals.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    d->signals.ready = on_signal;
    MRL_ENSURE(d->signals.fd >= 0, MRL_ERR_IO);
    return mrl_loop_add(d->loop, &d->signals, EPOLLIN);
}

static mrl_err make_http(struct door *d)
{
    struct mrl_conns_config conns = {0};
    struct mrl_http_server_config http = {
        .handler = handle, .context = d, .body_bytes = MRL_WITNESS_BODY_MAX};

    MRL_TRY(mrl_loop_new(&d->loop));
    MRL_TRY(watch_signals(d));
    conns.loop = d->loop;
    MRL_TRY(mrl_conns_new(&conns, &d->conns));
    MRL_TRY(mrl_mailbox_new(d->loop, d, &d->mailbox));
    MRL_TRY(mrl_service_new("witness", THREADS, QUEUE, &d->service));
    http.loop = d->loop;
    http.conns = d->conns;
    http.mailbox = d->mailbox;
    http.service = d->service;
    return mrl_http_server_new(&http, &d->http);
}

static mrl_err listen_on(struct door *d, const struct mrl_witness_config *config,
                         struct mrl_why *why)
{
    struct mrl_address address;
    const struct mrl_listener_config listener = {
        .loop = d->loop, .address = &address, .context = d, .accepted = on_accepted};

    MRL_TRY(mrl_address_parse(config->witness.listen, &address, why));
    if (address.sa.any.sa_family != AF_UNIX)
        MRL_TRY(mrl_witness_web_identity(config, &d->tls, why));
    return mrl_listener_open(&listener, &d->listener, why);
}

static void log_start(const struct door *d)
{
    char address[MRL_ADDRESS_TEXT], vkey[MRL_NOTE_VKEY_MAX] = "";

    mrl_address_format(mrl_listener_address(d->listener), address);
    if (mrl_note_key_format(&d->witness->identity->public, vkey) == MRL_OK)
        mrl_log_info("witness.ready", MRL_FIELD_STR("listen", address),
                     MRL_FIELD_STR("vkey", vkey));
}

static mrl_err run(struct door *d, const struct mrl_witness_config *config, struct mrl_why *why)
{
    mrl_err err;

    if (make_http(d) != MRL_OK)
        return mrl_fail(why, MRL_ERR_IO, "no descriptors or threads left");
    MRL_TRY(listen_on(d, config, why));
    log_start(d);
    urcu_memb_register_thread();
    err = mrl_loop_run(d->loop);
    urcu_memb_unregister_thread();
    return err;
}

static void door_done(struct door *d)
{
    mrl_timer_cancel(&d->drain);
    mrl_listener_close(d->listener);
    mrl_conns_free(d->conns);
    mrl_service_free(d->service);
    mrl_http_server_free(d->http);
    mrl_mailbox_free(d->mailbox);
    mrl_tls_context_free(d->tls);
    if (d->loop != NULL && d->signals.ready != NULL && d->signals.fd >= 0) {
        mrl_loop_remove(d->loop, &d->signals);
        (void)close(d->signals.fd); /* only read */
    }
    mrl_loop_free(d->loop);
}

mrl_err mrl_witness_serve(const struct mrl_witness_config *config, const struct mrl_witness *w,
                          struct mrl_why *why)
{
    MRL_SCOPED(door)
    d = {.witness = w, .drain.fire = on_drain, .rate.per_second = (uint64_t)config->witness.rate};

    return run(&d, config, why);
}
