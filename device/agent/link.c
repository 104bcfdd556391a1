/* SPDX-License-Identifier: Apache-2.0 */
#include "device/agent/link.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "net/resolve.h"

enum { SESSION_S = 300 };

/* ---- what the client reads and writes through ---- */

static enum merlon_status of_err(struct mrl_link *l, mrl_err err)
{
    if (err == MRL_ERR_AGAIN)
        return MERLON_AGAIN;
    l->alert = mrl_tls_peer_alert(l->tls);
    return err == MRL_ERR_CLOSED ? MERLON_CLOSED : MERLON_IO;
}

static enum merlon_status on_read(void *context, void *to, size_t cap, size_t *done)
{
    struct mrl_link *l = context;

    if (l->read.len == 0) {
        mrl_err err = mrl_tls_read(l->tls, &l->read, MRL_TLS_RECORD);

        if (l->read.len == 0)
            return err == MRL_OK ? MERLON_AGAIN : of_err(l, err);
    }
    *done = l->read.len < cap ? l->read.len : cap;
    memcpy(to, l->read.data, *done);
    mrl_buf_consume(&l->read, *done);
    return MERLON_OK;
}

static enum merlon_status on_write(void *context, const void *from, size_t len, size_t *done)
{
    struct mrl_link *l = context;
    mrl_err err = mrl_tls_write(l->tls, mrl_bytes_of(from, len), done);

    return *done > 0 ? MERLON_OK : of_err(l, err);
}

mrl_err mrl_link_init(struct mrl_link *l, const struct mrl_home *h,
                      const struct merlon_client_events *events)
{
    memset(l, 0, sizeof(*l));
    l->fd = -1;
    l->config = (struct merlon_client_config){
        .transport = {l, on_read, on_write},
        .events = *events,
        .in = l->in,
        .in_size = sizeof(l->in),
        .out = l->out,
        .out_size = sizeof(l->out),
        .client_id = h->settings.device,
        .trust_bundle = h->bundle,
        .keep_alive_s = MRL_LINK_KEEP_ALIVE_S,
        .session_expiry_s = SESSION_S,
    };
    return merlon_client_init(&l->client, &l->config) == MERLON_OK ? MRL_OK : MRL_ERR_INVALID;
}

static void drop(struct mrl_link *l)
{
    mrl_tls_free(l->tls);
    mrl_tls_context_free(l->context);
    l->tls = NULL;
    l->context = NULL;
    if (l->fd >= 0)
        (void)close(l->fd); /* nothing is left to be lost */
    l->fd = -1;
    l->shaken = false;
    mrl_buf_clear(&l->read);
}

void mrl_link_done(struct mrl_link *l)
{
    drop(l);
    mrl_buf_done(&l->read);
}

/* ---- opening ---- */

static mrl_err dial(struct mrl_link *l, mrl_bytes server, struct mrl_why *why)
{
    struct mrl_address to;
    mrl_bytes host;
    uint16_t port;
    int one = 1;

    MRL_TRY(mrl_address_split(server, &host, &port, why));
    MRL_TRY(mrl_resolve(host, port, l->deadline_ms, &to, why));
    l->fd = socket(to.sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (l->fd < 0)
        return mrl_fail(why, MRL_ERR_IO, "socket: %s", strerror(errno));
    (void)setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* only slower without */
    if (connect(l->fd, &to.sa.any, to.len) != 0 && errno != EINPROGRESS)
        return mrl_fail(why, MRL_ERR_IO, "%.*s: %s", MRL_FMT(server), strerror(errno));
    return MRL_OK;
}

static mrl_err begin(struct mrl_link *l, const struct mrl_home *h, const struct mrl_identity *i,
                     struct mrl_why *why)
{
    const struct mrl_tls_client_config trust = {.roots = &h->roots};
    const struct mrl_tls_clock clock = {.ahead_s = h->clock.ahead_ms / 1000};
    MRL_SCOPED(mrl_cert_list) chain = {0};

    MRL_TRY(mrl_home_chain(h, i->cert, &chain));
    MRL_TRY(mrl_tls_client_new(&trust, &l->context, why));
    MRL_TRY(mrl_tls_context_set_identity(l->context, &chain, i->key, why));
    mrl_tls_client_set_clock(l->context, &clock);
    MRL_TRY(dial(l, mrl_str(h->settings.mqtt), why));
    return mrl_tls_connect(l->context, l->fd, mrl_str(h->settings.name), &l->tls);
}

mrl_err mrl_link_open(struct mrl_link *l, const struct mrl_home *h, const struct mrl_identity *i,
                      bool clean_session, struct mrl_why *why)
{
    mrl_err err;

    l->clean = clean_session;
    l->alert = 0;
    l->deadline_ms = mrl_monotonic_ms() + MRL_LINK_OPEN_MS;
    err = begin(l, h, i, why);
    if (err != MRL_OK)
        drop(l);
    return err;
}

static mrl_err shake(struct mrl_link *l, uint64_t now_ms, struct mrl_why *why)
{
    mrl_err err = mrl_tls_handshake(l->tls);

    if (err == MRL_ERR_AGAIN && now_ms >= l->deadline_ms)
        return mrl_fail(why, MRL_ERR_TIMEOUT, "no TLS connection in %d s", MRL_LINK_OPEN_MS / 1000);
    if (err == MRL_ERR_AGAIN)
        return err;
    if (err != MRL_OK) {
        l->alert = mrl_tls_peer_alert(l->tls);
        if (mrl_tls_client_off_by(l->context) != 0)
            return mrl_fail(why, err, "TLS: %s, by our clock for %lld s",
                            mrl_tls_refusal_name(mrl_tls_refused(l->tls)),
                            llabs((long long)mrl_tls_client_off_by(l->context)));
        return mrl_fail(why, l->alert != 0 ? MRL_ERR_AUTH : err, "TLS: %s, alert %u",
                        mrl_tls_refusal_name(mrl_tls_refused(l->tls)), l->alert);
    }
    l->shaken = true;
    if (merlon_client_connect(&l->client, l->clean, now_ms) != MERLON_OK)
        return mrl_fail(why, MRL_ERR_INVALID, "CONNECT cannot be written");
    return MRL_OK;
}

/* ---- open ---- */

/* Over TLS 1.3 the server refuses our certificate after the handshake: by an alert. */
static mrl_err over(const struct mrl_link *l, enum merlon_status status, struct mrl_why *why)
{
    uint8_t reason = merlon_client_reason(&l->client);
    bool refused = status == MERLON_REFUSED && (reason == 0x84 || reason == 0x85 ||
                                                reason == 0x86 || reason == 0x87 || reason == 0x8a);

    if (l->alert != 0)
        return mrl_fail(why, MRL_ERR_AUTH, "the server refused us: TLS alert %u", l->alert);
    return mrl_fail(why, refused ? MRL_ERR_AUTH : MRL_ERR_CLOSED, "MQTT: %s, reason 0x%02x",
                    merlon_status_name(status), reason);
}

mrl_err mrl_link_step(struct mrl_link *l, uint64_t now_ms, struct mrl_why *why)
{
    enum merlon_status status;

    if (!l->shaken)
        return shake(l, now_ms, why);
    status = merlon_client_step(&l->client, now_ms);
    if (status == MERLON_OK)
        return MRL_OK;
    return status == MERLON_AGAIN ? MRL_ERR_AGAIN : over(l, status, why);
}

short mrl_link_poll_events(const struct mrl_link *l)
{
    bool write =
        l->shaken ? merlon_client_wants_write(&l->client) : mrl_tls_want(l->tls) == MRL_WANT_WRITE;

    return (short)(!l->shaken && write ? POLLOUT : POLLIN | (write ? POLLOUT : 0));
}

int mrl_link_wait_ms(const struct mrl_link *l, uint64_t now_ms)
{
    uint32_t wait;

    if (!l->shaken)
        return l->deadline_ms > now_ms ? (int)(l->deadline_ms - now_ms) : 0;
    wait = merlon_client_wait_ms(&l->client, now_ms);
    return wait > INT32_MAX ? -1 : (int)wait;
}

bool mrl_link_is_up(const struct mrl_link *l)
{
    return l->fd >= 0 && merlon_client_state(&l->client) == MERLON_CLIENT_OPEN;
}

void mrl_link_close(struct mrl_link *l, uint64_t now_ms)
{
    if (l->fd < 0)
        return;
    if (mrl_link_is_up(l) && merlon_client_disconnect(&l->client, now_ms) == MERLON_OK)
        (void)merlon_client_step(&l->client, now_ms); /* best effort, as the header says */
    if (l->shaken)
        mrl_tls_shutdown(l->tls);
    drop(l);
}
