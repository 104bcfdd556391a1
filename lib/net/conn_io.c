/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net/conn_internal.h"

enum {
    READS_PER_TURN = 4, /* of a record's size: one connection must not keep the others waiting */
    DEFAULT_INPUT_LIMIT = 64 << 10,
    DEFAULT_BACKLOG_LIMIT = 1 << 20,
};

static size_t input_limit(const struct mrl_conn *c)
{
    return c->kind->input_limit > 0 ? c->kind->input_limit : DEFAULT_INPUT_LIMIT;
}

size_t mrl_conn_backlog_limit(const struct mrl_conn *c)
{
    return (c->kind->backlog_limit > 0 ? c->kind->backlog_limit : DEFAULT_BACKLOG_LIMIT) +
           c->allowed;
}

uint32_t mrl_conn_wanted_events(const struct mrl_conn *c)
{
    uint32_t events = 0;

    if (c->state == CONN_OPEN && !c->paused && !c->read_wants_write)
        events |= EPOLLIN;
    if (c->blocked || c->read_wants_write)
        events |= EPOLLOUT;
    return events;
}

void mrl_conn_update_events(struct mrl_conn *c)
{
    if (c->state < CONN_OPEN || c->state > CONN_CLOSING)
        return;
    if (mrl_loop_change(c->conns->config.loop, &c->watch, mrl_conn_wanted_events(c)) != MRL_OK)
        mrl_conn_finish(c, MRL_END_LOST);
}

/* The user's turn. false: the connection is not ours any more (detached), or not open. */
static bool show(struct mrl_conn *c)
{
    struct mrl_conns *cs = c->conns;

    cs->current = c;
    c->kind->on_data(c, &c->in);
    if (cs->current != c)
        return false;
    cs->current = NULL;
    if (c->in.len == 0)
        mrl_conns_take_back(cs, &c->in);
    else if (c->in.len > input_limit(c) && !c->paused)
        mrl_conn_finish(c, MRL_END_INPUT_LIMIT);
    mrl_conn_ws_settle(c);
    return c->state == CONN_OPEN;
}

/* Something that no readiness of the socket will tell of. */
static bool waits_inside(const struct mrl_conn *c)
{
    return c->tls != NULL && mrl_tls_waiting(c->tls);
}

void mrl_conn_show(struct mrl_conn *c)
{
    if (c->state != CONN_OPEN || c->paused || c->in.len == 0)
        mrl_conn_ws_settle(c);
    else if (!show(c)) /* what is left waits for more bytes */
        return;
    if (c->state == CONN_OPEN && !c->paused && waits_inside(c))
        mrl_conn_readable(c);
}

bool mrl_conn_has_unshown(const struct mrl_conn *c)
{
    return c->in.len > 0 || c->ws != NULL || waits_inside(c);
}

static mrl_err read_plain(struct mrl_conn *c)
{
    uint8_t *to;
    ssize_t got;

    MRL_TRY(mrl_buf_reserve(&c->in, MRL_TLS_RECORD, &to));
    got = recv(c->watch.fd, to, MRL_TLS_RECORD, 0);
    if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR))
        return MRL_ERR_AGAIN;
    MRL_ENSURE(got != 0, MRL_ERR_CLOSED);
    MRL_ENSURE(got > 0, MRL_ERR_IO);
    mrl_buf_added(&c->in, (size_t)got);
    return MRL_OK;
}

static void read_failed(struct mrl_conn *c, mrl_err err)
{
    if (c->in.len == 0)
        mrl_conns_take_back(c->conns, &c->in);
    if (err == MRL_ERR_AGAIN) {
        c->read_wants_write = c->tls != NULL && mrl_tls_want(c->tls) == MRL_WANT_WRITE;
        mrl_conn_update_events(c);
    } else if (err == MRL_ERR_CLOSED) {
        mrl_conn_finish(c, MRL_END_PEER);
    } else {
        c->last_words = err == MRL_ERR_MALFORMED; /* an alert */
        mrl_conn_finish(c, err == MRL_ERR_MALFORMED ? MRL_END_PROTOCOL : MRL_END_LOST);
    }
}

void mrl_conn_readable(struct mrl_conn *c)
{
    mrl_conn_leave_batch(c); /* an alert would overtake it */
    if (c->paused)
        mrl_conn_update_events(c);
    for (int i = 0; i < READS_PER_TURN || waits_inside(c); i++) {
        size_t kept = c->in.len;
        mrl_err err;

        if (c->state == CONN_CLOSING) { /* only to notice that the peer is gone */
            mrl_conn_finish(c, c->end);
            return;
        }
        if (c->state != CONN_OPEN || c->paused)
            return;
        c->read_wants_write = false;
        c->in.secret = c->kind->secret;
        mrl_conns_lend(c->conns, &c->in, MRL_TLS_READ);
        err = c->tls == NULL ? read_plain(c) : mrl_tls_read(c->tls, &c->in, MRL_TLS_READ);
        if (err != MRL_OK) {
            read_failed(c, err);
            return;
        }
        if (c->ws != NULL && !mrl_conn_ws_read(c, kept)) {
            if (c->state == CONN_OPEN)
                continue;
            return;
        }
        if (!show(c) || (c->tls != NULL && mrl_tls_drained(c->tls)))
            return;
    }
}

static mrl_err send_plain(struct mrl_conn *c, mrl_bytes data, size_t *written)
{
    *written = 0;
    while (*written < data.len) {
        mrl_bytes rest = mrl_bytes_sub(data, *written, data.len);
        ssize_t sent = send(c->watch.fd, rest.data, rest.len, MSG_NOSIGNAL);

        if (sent < 0)
            return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? MRL_ERR_AGAIN
                                                                             : MRL_ERR_IO;
        *written += (size_t)sent;
    }
    return MRL_OK;
}

static void drained(struct mrl_conn *c)
{
    struct mrl_conns *cs = c->conns;

    if (c->state == CONN_CLOSING) {
        if (c->tls != NULL)
            mrl_tls_shutdown(c->tls);
        c->last_words = true;
        mrl_conn_finish(c, c->end);
        return;
    }
    mrl_conn_update_events(c);
    cs->current = c;
    if (c->state == CONN_OPEN && c->kind->on_drained != NULL)
        c->kind->on_drained(c);
    cs->current = NULL;
}

void mrl_conn_sent(struct mrl_conn *c, size_t bytes, mrl_err err)
{
    mrl_buf_consume(&c->out, bytes);
    if (c->out.len == 0) {
        mrl_conns_take_back(c->conns, &c->out);
        c->allowed = 0;
    }
    if (err == MRL_ERR_AGAIN) {
        c->blocked = true;
        mrl_conn_update_events(c);
    } else if (err != MRL_OK) {
        mrl_conn_finish(c, MRL_END_LOST);
    } else if (c->out.len == 0) { /* else more was written since, and flush is asked for */
        drained(c);
    }
}

static void send_waiting(struct mrl_conn *c)
{
    mrl_bytes data = mrl_buf_bytes(&c->out);
    size_t written = 0;
    mrl_err err =
        c->tls == NULL ? send_plain(c, data, &written) : mrl_tls_write(c->tls, data, &written);

    mrl_conn_sent(c, written, err);
}

void mrl_conn_flush(struct mrl_conn *c)
{
    mrl_err err = MRL_OK;

    mrl_conn_leave_batch(c);
    if (c->state != CONN_OPEN && c->state != CONN_CLOSING)
        return;
    if (c->ws != NULL)
        err = mrl_conn_ws_flush(c);
    if (err != MRL_OK)
        mrl_conn_sent(c, 0, err);
    else if (c->out.len == 0 && c->state == CONN_OPEN)
        mrl_conn_update_events(c);
    else if (c->out.len == 0)
        drained(c);
    else if (!mrl_conn_batch(c))
        send_waiting(c);
}

mrl_err mrl_conn_write(struct mrl_conn *c, mrl_bytes data)
{
    MRL_ENSURE(c->state == CONN_OPEN, MRL_ERR_STATE);
    if (data.len == 0)
        return MRL_OK;
    if (c->out.len > mrl_conn_backlog_limit(c)) {
        mrl_conn_finish(c, MRL_END_BACKLOG);
        return MRL_ERR_LIMIT;
    }
    c->out.secret = c->kind->secret;
    mrl_conns_lend(c->conns, &c->out, MRL_CONN_OUT);
    MRL_TRY(c->ws != NULL ? mrl_ws_link_write(c->ws, data, &c->out)
                          : mrl_buf_append(&c->out, data));
    if (!c->blocked)
        mrl_loop_later(c->conns->config.loop, &c->flush);
    return MRL_OK;
}

void mrl_conn_allow(struct mrl_conn *c, uint32_t bytes)
{
    c->allowed = bytes;
}

size_t mrl_conn_backlog(const struct mrl_conn *c)
{
    return c->out.len;
}

/* Most pauses end before anything comes: the loop stops asking only once it was told. */
void mrl_conn_pause(struct mrl_conn *c)
{
    c->paused = true;
    mrl_loop_later_cancel(&c->show);
}

void mrl_conn_resume(struct mrl_conn *c)
{
    if (!c->paused)
        return;
    c->paused = false;
    mrl_conn_update_events(c);
    if (c->state == CONN_OPEN && mrl_conn_has_unshown(c))
        mrl_loop_later(c->conns->config.loop, &c->show);
}
