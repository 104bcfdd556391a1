/* SPDX-License-Identifier: Apache-2.0 */
#include "net/conn.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/conn_internal.h"

enum { LINGER_MS = 2000, LINGER_READ = 4096, LINGER_READS = 16 };

const char *mrl_conn_end_name(enum mrl_conn_end end)
{
    static const char *const names[MRL_END_COUNT_] = {
        [MRL_END_LOCAL] = "local",       [MRL_END_PEER] = "peer",
        [MRL_END_LOST] = "lost",         [MRL_END_REFUSED] = "refused",
        [MRL_END_BACKLOG] = "backlog",   [MRL_END_INPUT_LIMIT] = "input-limit",
        [MRL_END_PROTOCOL] = "protocol", [MRL_END_OVERLOAD] = "overload",
        [MRL_END_SHUTDOWN] = "shutdown",
    };

    return (unsigned)end < MRL_END_COUNT_ ? names[end] : "unknown";
}

static struct mrl_loop *loop_of(const struct mrl_conn *c)
{
    return c->conns->config.loop;
}

/* From now on nothing is read, written or shown; on_closed comes at the end of the turn. */
void mrl_conn_finish(struct mrl_conn *c, enum mrl_conn_end end)
{
    mrl_conn_leave_batch(c);
    if (c->state >= CONN_ENDED)
        return;
    mrl_conn_stop_handshake(c);
    mrl_timer_cancel(&c->deadline);
    mrl_loop_later_cancel(&c->show);
    c->state = CONN_ENDED;
    c->end = (uint8_t)end;
    mrl_loop_remove(loop_of(c), &c->watch);
    mrl_loop_later(loop_of(c), &c->flush);
}

void mrl_conn_refuse(struct mrl_conn *c, enum mrl_tls_refusal why)
{
    c->refusal = (uint8_t)why;
    c->last_words = why != MRL_TLS_TIMEOUT;
    mrl_conn_finish(c, MRL_END_REFUSED);
}

static void tell_closed(struct mrl_conn *c)
{
    struct mrl_conn_closed closed = {
        .end = c->end,
        .refusal = c->refusal,
        .peer_alert = c->tls == NULL ? 0 : mrl_tls_peer_alert(c->tls),
        .facts = mrl_conn_facts(c),
        .fault = c->ws == NULL ? NULL : mrl_ws_link_fault(c->ws),
    };

    c->kind->on_closed(c, &closed);
}

/* Everything but the socket. */
static void let_go(struct mrl_conn *c)
{
    mrl_tls_free(MRL_TAKE(c->tls));
    mrl_ws_link_free(MRL_TAKE(c->ws));
    mrl_conns_take_back(c->conns, &c->in);
    mrl_conns_take_back(c->conns, &c->out);
}

static void discard_input(struct mrl_watch *w, uint32_t events)
{
    struct mrl_conn *c = MRL_CONTAINER(w, struct mrl_conn, watch);
    uint8_t ignored[LINGER_READ];
    ssize_t got = 1;

    (void)events;
    for (int i = 0; i < LINGER_READS && got > 0; i++)
        got = recv(w->fd, ignored, sizeof(ignored), MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR))
        mrl_conn_destroy(c);
}

static void on_lingered(struct mrl_timer *t)
{
    mrl_conn_destroy(MRL_CONTAINER(t, struct mrl_conn, deadline));
}

/* Closing a socket with unread bytes in it resets the connection, and the peer may never see our
 * last words: an alert, an answer. So only our direction is closed, and the rest is read away for a
 * while. */
void mrl_conn_linger(struct mrl_conn *c)
{
    let_go(c);
    c->state = CONN_LINGERING;
    c->watch.ready = discard_input;
    c->deadline.fire = on_lingered;
    if (shutdown(c->watch.fd, SHUT_WR) != 0 ||
        mrl_loop_add(loop_of(c), &c->watch, EPOLLIN) != MRL_OK) {
        mrl_conn_destroy(c);
        return;
    }
    mrl_loop_timer(loop_of(c), &c->deadline, LINGER_MS);
}

static void on_turn_end(struct mrl_later *l)
{
    struct mrl_conn *c = MRL_CONTAINER(l, struct mrl_conn, flush);

    if (c->state != CONN_ENDED) {
        mrl_conn_flush(c);
        return;
    }
    tell_closed(c);
    if (c->last_words)
        mrl_conn_linger(c);
    else
        mrl_conn_destroy(c);
}

static void on_show(struct mrl_later *l)
{
    mrl_conn_show(MRL_CONTAINER(l, struct mrl_conn, show));
}

static void on_ready(struct mrl_watch *w, uint32_t events)
{
    struct mrl_conn *c = MRL_CONTAINER(w, struct mrl_conn, watch);

    if (c->state < CONN_OPEN) {
        mrl_conn_progress(c);
        return;
    }
    if ((events & EPOLLOUT) != 0) {
        c->blocked = false;
        mrl_loop_later(loop_of(c), &c->flush);
    }
    if (c->paused && (events & (EPOLLERR | EPOLLHUP)) != 0) /* would be told for ever */
        mrl_conn_finish(c, MRL_END_LOST);
    else if (c->state == CONN_CLOSING && (events & (EPOLLERR | EPOLLHUP)) == 0)
        return; /* what still comes must not keep what waits from being sent */
    else if ((events & (EPOLLIN | EPOLLERR | EPOLLHUP)) != 0 || c->read_wants_write)
        mrl_conn_readable(c);
}

static void on_deadline(struct mrl_timer *t)
{
    struct mrl_conn *c = MRL_CONTAINER(t, struct mrl_conn, deadline);

    if (c->state == CONN_PEEKING || c->state == CONN_SHAKING)
        mrl_conn_refuse(c, MRL_TLS_TIMEOUT);
    else
        mrl_conn_finish(c, c->state == CONN_CLOSING ? c->end : MRL_END_LOST);
}

void mrl_conn_attach_callbacks(struct mrl_conn *c)
{
    c->watch.ready = on_ready;
    c->deadline.fire = on_deadline;
    c->flush.run = on_turn_end;
    c->show.run = on_show;
}

void mrl_conn_destroy(struct mrl_conn *c)
{
    if (c->state == CONN_ENDED && c->flush.asked)
        tell_closed(c); /* mrl_conns_free: there will be no end of turn */
    mrl_loop_later_cancel(&c->flush);
    mrl_loop_later_cancel(&c->show);
    mrl_timer_cancel(&c->deadline);
    mrl_loop_remove(loop_of(c), &c->watch);
    let_go(c);
    (void)close(c->watch.fd);
    mrl_list_remove(&c->node);
    c->conns->counts.open--;
    if (c->conns->current == c)
        c->conns->current = NULL;
    free(c);
}

void mrl_conn_close(struct mrl_conn *c)
{
    if (c->state < CONN_OPEN)
        mrl_conn_finish(c, MRL_END_LOCAL);
    else if (c->state == CONN_OPEN)
        mrl_conn_close_with(c, MRL_END_LOCAL);
}

void mrl_conn_close_with(struct mrl_conn *c, enum mrl_conn_end end)
{
    c->state = CONN_CLOSING;
    c->end = (uint8_t)end;
    mrl_loop_later_cancel(&c->show);
    mrl_loop_timer(loop_of(c), &c->deadline, c->conns->config.handshake_timeout_ms);
    mrl_loop_later(loop_of(c), &c->flush);
}

void mrl_conn_abort(struct mrl_conn *c)
{
    mrl_conn_finish(c, MRL_END_LOCAL);
}

void *mrl_conn_user(const struct mrl_conn *c)
{
    return c->user;
}

void mrl_conn_set_user(struct mrl_conn *c, void *user)
{
    c->user = user;
}

void mrl_conn_set_kind(struct mrl_conn *c, const struct mrl_conn_kind *kind)
{
    c->kind = kind;
}

const struct mrl_peer *mrl_conn_peer(const struct mrl_conn *c)
{
    return &c->peer;
}

const struct mrl_tls_facts *mrl_conn_facts(const struct mrl_conn *c)
{
    return c->tls == NULL ? NULL : mrl_tls_facts(c->tls);
}

struct mrl_conns *mrl_conn_owner(const struct mrl_conn *c)
{
    return c->conns;
}

mrl_err mrl_conn_channel_binding(const struct mrl_conn *c, struct mrl_buf *out,
                                 enum mrl_tls_binding *kind)
{
    MRL_ENSURE(c->tls != NULL, MRL_ERR_UNSUPPORTED);
    return mrl_tls_channel_binding(c->tls, out, kind);
}
