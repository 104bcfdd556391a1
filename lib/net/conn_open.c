/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/conn_internal.h"
#include "net/plaintext.h"

static bool prepare_socket(int fd, bool tcp)
{
    int on = 1, flags = fcntl(fd, F_GETFL);

    if (flags < 0 || ((flags & O_NONBLOCK) == 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0))
        return false;
    /* Fails on no TCP socket; on a socket pair under TLS it means nothing. */
    if (tcp)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return true;
}

struct mrl_conn *mrl_conn_make(struct mrl_conns *cs, int fd, const struct mrl_peer *peer,
                               const struct mrl_conn_kind *kind, void *user)
{
    struct mrl_conn *c = calloc(1, sizeof(*c));

    if (c == NULL)
        abort();
    c->conns = cs;
    c->kind = kind;
    c->user = user;
    c->watch.fd = fd;
    if (peer != NULL)
        c->peer = *peer;
    mrl_conn_attach_callbacks(c);
    mrl_list_add(&cs->all, &c->node);
    cs->counts.open++;
    return c;
}

static mrl_err start(struct mrl_conn *c, enum conn_state state, uint32_t events,
                     struct mrl_conn **out)
{
    struct mrl_conns *cs = c->conns;

    c->state = (uint8_t)state;
    if (!prepare_socket(c->watch.fd, c->tls != NULL) ||
        mrl_loop_add(cs->config.loop, &c->watch, events) != MRL_OK) {
        mrl_conn_destroy(c);
        return MRL_ERR_IO;
    }
    if (state < CONN_OPEN) {
        c->shaking = true;
        cs->counts.handshakes++;
        mrl_loop_timer(cs->config.loop, &c->deadline, cs->config.handshake_timeout_ms);
    }
    *out = c;
    return MRL_OK;
}

void mrl_conn_stop_handshake(struct mrl_conn *c)
{
    if (!c->shaking)
        return;
    c->shaking = false;
    c->conns->counts.handshakes--;
    mrl_timer_cancel(&c->deadline);
}

static mrl_err give_up(int fd, mrl_err err)
{
    (void)close(fd);
    return err;
}

mrl_err mrl_conn_accept_tls(struct mrl_conns *cs, int fd, const struct mrl_peer *peer,
                            struct mrl_tls_context *tls, const struct mrl_conn_kind *kind,
                            void *user, struct mrl_conn **out)
{
    struct mrl_tls *t;
    struct mrl_conn *c;

    if (cs->counts.handshakes >= cs->config.handshakes_limit)
        return give_up(fd, MRL_ERR_BUSY);
    if (mrl_tls_accept(tls, fd, &t) != MRL_OK)
        return give_up(fd, MRL_ERR_CRYPTO);
    c = mrl_conn_make(cs, fd, peer, kind, user);
    c->tls = t;
    return start(c, CONN_PEEKING, EPOLLIN, out);
}

static int domain_of(int fd)
{
    int domain = AF_UNSPEC;
    socklen_t len = sizeof(domain);

    return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 ? domain : AF_UNSPEC;
}

mrl_err mrl_conn_accept_unix(struct mrl_conns *cs, int fd, const struct mrl_peer *peer,
                             const struct mrl_conn_kind *kind, void *user, struct mrl_conn **out)
{
    if (domain_of(fd) != AF_UNIX)
        return give_up(fd, MRL_ERR_INVALID);
    MRL_TRY(start(mrl_conn_make(cs, fd, peer, kind, user), CONN_CONNECTING, EPOLLOUT, out));
    return MRL_OK;
}

mrl_err mrl_conn_accept_plain(struct mrl_conns *cs, int fd, const struct mrl_peer *peer,
                              const struct mrl_conn_kind *kind, void *user, struct mrl_conn **out)
{
    int domain = domain_of(fd);

    if (domain != AF_INET && domain != AF_INET6)
        return give_up(fd, MRL_ERR_INVALID);
    return start(mrl_conn_make(cs, fd, peer, kind, user), CONN_CONNECTING, EPOLLOUT, out);
}

static mrl_err start_connect(const struct mrl_address *to, int *out)
{
    int fd = socket(to->sa.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

    MRL_ENSURE(fd >= 0, MRL_ERR_IO);
    if (connect(fd, &to->sa.any, to->len) != 0 && errno != EINPROGRESS)
        return give_up(fd, MRL_ERR_IO);
    *out = fd;
    return MRL_OK;
}

mrl_err mrl_conn_connect_tls(struct mrl_conns *cs, const struct mrl_address *to,
                             struct mrl_tls_context *tls, mrl_bytes name,
                             const struct mrl_conn_kind *kind, void *user, struct mrl_conn **out)
{
    struct mrl_peer peer;
    struct mrl_tls *t;
    struct mrl_conn *c;
    mrl_err err;
    int fd;

    MRL_TRY(start_connect(to, &fd));
    err = mrl_tls_connect(tls, fd, name, &t);
    if (err != MRL_OK)
        return give_up(fd, err);
    mrl_peer_from_address(to, &peer);
    c = mrl_conn_make(cs, fd, &peer, kind, user);
    c->tls = t;
    return start(c, CONN_CONNECTING, EPOLLOUT, out);
}

mrl_err mrl_conn_connect_unix(struct mrl_conns *cs, const struct mrl_address *to,
                              const struct mrl_conn_kind *kind, void *user, struct mrl_conn **out)
{
    struct mrl_peer peer;
    int fd;

    MRL_ENSURE(to->sa.any.sa_family == AF_UNIX, MRL_ERR_INVALID);
    MRL_TRY(start_connect(to, &fd));
    mrl_peer_from_address(to, &peer);
    return start(mrl_conn_make(cs, fd, &peer, kind, user), CONN_CONNECTING, EPOLLOUT, out);
}

static void refuse_plaintext(struct mrl_conn *c, mrl_bytes first)
{
    mrl_bytes answer = mrl_plaintext_answer(first);

    /* A new connection takes these few bytes at once, or the peer goes without. */
    if (answer.len > 0)
        (void)!send(c->watch.fd, answer.data, answer.len, MSG_NOSIGNAL | MSG_DONTWAIT);
    mrl_conn_refuse(c, MRL_TLS_PLAINTEXT);
}

/* false: not TLS, or nothing there yet, or gone. */
static bool peek(struct mrl_conn *c)
{
    mrl_bytes first;
    mrl_err err = mrl_tls_peek(c->tls, &first);

    if (err == MRL_ERR_AGAIN)
        return false;
    if (err != MRL_OK) {
        mrl_conn_finish(c, err == MRL_ERR_CLOSED ? MRL_END_PEER : MRL_END_LOST);
        return false;
    }
    if (!mrl_plaintext_is_tls(first)) {
        refuse_plaintext(c, first);
        return false;
    }
    c->state = CONN_SHAKING;
    return true;
}

static bool connected(struct mrl_conn *c)
{
    int error = 0;
    socklen_t len = sizeof(error);

    if (getsockopt(c->watch.fd, SOL_SOCKET, SO_ERROR, &error, &len) == 0 && error == 0)
        return true;
    mrl_conn_finish(c, MRL_END_LOST);
    return false;
}

static void opened(struct mrl_conn *c)
{
    struct mrl_conns *cs = c->conns;

    mrl_conn_stop_handshake(c);
    c->state = CONN_OPEN;
    mrl_conn_update_events(c);
    cs->current = c;
    if (c->state == CONN_OPEN && c->kind->on_open != NULL)
        c->kind->on_open(c);
    if (cs->current != c) /* detached there */
        return;
    cs->current = NULL;
    /* The first bytes may have come with the end of the handshake. */
    if (c->state == CONN_OPEN && c->tls != NULL && mrl_tls_waiting(c->tls))
        mrl_conn_readable(c);
}

static void shake(struct mrl_conn *c)
{
    mrl_err err = mrl_tls_handshake(c->tls);
    uint32_t events = mrl_tls_want(c->tls) == MRL_WANT_WRITE ? EPOLLOUT : EPOLLIN;

    if (err == MRL_OK)
        opened(c);
    else if (err == MRL_ERR_AUTH)
        mrl_conn_refuse(c, mrl_tls_refused(c->tls));
    else if (err != MRL_ERR_AGAIN ||
             mrl_loop_change(c->conns->config.loop, &c->watch, events) != MRL_OK)
        mrl_conn_finish(c, err == MRL_ERR_CLOSED ? MRL_END_PEER : MRL_END_LOST);
}

void mrl_conn_progress(struct mrl_conn *c)
{
    if (c->state == CONN_CONNECTING) {
        if (!connected(c))
            return;
        if (c->tls == NULL) {
            opened(c);
            return;
        }
        c->state = CONN_SHAKING;
    }
    if (c->state == CONN_PEEKING && !peek(c))
        return;
    shake(c);
}
