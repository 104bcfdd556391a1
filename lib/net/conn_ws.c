/* SPDX-License-Identifier: Apache-2.0 */
/* WebSocket frames between the bytes of a connection and its user. */
#include "net/conn_internal.h"

static bool flush_answers(struct mrl_conn *c)
{
    if (c->out.len == 0)
        mrl_conns_take_back(c->conns, &c->out);
    else if (c->out.len > mrl_conn_backlog_limit(c)) /* pings, and no pong is taken */
        mrl_conn_finish(c, MRL_END_BACKLOG);
    else if (!c->blocked)
        mrl_loop_later(c->conns->config.loop, &c->flush);
    return c->state == CONN_OPEN;
}

static bool tell_idle(struct mrl_conn *c)
{
    struct mrl_ws_idle idle = mrl_ws_link_take_idle(c->ws);

    if (idle.frames > 0 && c->kind->on_idle_frames != NULL)
        c->kind->on_idle_frames(c, idle.frames, idle.bytes);
    return c->state == CONN_OPEN;
}

bool mrl_conn_ws_read(struct mrl_conn *c, size_t from)
{
    c->out.secret = c->kind->secret;
    mrl_conns_lend(c->conns, &c->out, MRL_CONN_OUT);
    if (mrl_ws_link_read(c->ws, &c->in, from, &c->out) != MRL_OK) {
        mrl_conn_finish(c, MRL_END_BACKLOG);
        return false;
    }
    if (!flush_answers(c) || !tell_idle(c))
        return false;
    if (c->in.len > from)
        return !c->paused;
    if (c->in.len == 0)
        mrl_conns_take_back(c->conns, &c->in);
    mrl_conn_ws_settle(c);
    return false;
}

void mrl_conn_ws_settle(struct mrl_conn *c)
{
    if (c->ws == NULL || !mrl_ws_link_is_over(c->ws) || c->state != CONN_OPEN || c->paused ||
        c->show.asked)
        return;
    mrl_conn_close_with(c, mrl_ws_link_fault(c->ws) == NULL ? MRL_END_PEER : MRL_END_PROTOCOL);
}

mrl_err mrl_conn_ws_flush(struct mrl_conn *c)
{
    mrl_ws_link_end_frame(c->ws, &c->out);
    if (c->state != CONN_CLOSING)
        return MRL_OK;
    mrl_conns_lend(c->conns, &c->out, MRL_CONN_OUT);
    return mrl_ws_link_close(c->ws, &c->out);
}

mrl_err mrl_conn_start_ws(struct mrl_conn *c)
{
    mrl_conn_leave_batch(c);
    MRL_ENSURE(c->state == CONN_OPEN && c->ws == NULL, MRL_ERR_STATE);
    c->ws = mrl_ws_link_new();
    if (c->in.len > 0 && mrl_conn_ws_read(c, 0))
        mrl_loop_later(c->conns->config.loop, &c->show);
    return c->state < CONN_ENDED ? MRL_OK : MRL_ERR_CLOSED;
}

void mrl_conn_close_saying(struct mrl_conn *c, enum mrl_ws_close_code code)
{
    if (c->ws != NULL && c->state == CONN_OPEN)
        mrl_ws_link_say(c->ws, code);
    mrl_conn_close(c);
}

bool mrl_conn_is_ws(const struct mrl_conn *c)
{
    return c->ws != NULL;
}
