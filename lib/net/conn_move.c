/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <unistd.h>

#include "net/conn_internal.h"

/* On the way a connection belongs to no worker: it has no loop, no timer and no borrowed memory
 * that the old worker would count. The TLS state and the bytes travel inside. */
struct mrl_conn_parcel {
    struct mrl_conn conn;
};

mrl_err mrl_conn_detach(struct mrl_conn *c, struct mrl_conn_parcel **out)
{
    struct mrl_conns *cs = c->conns;

    mrl_conn_leave_batch(c);
    MRL_ENSURE(c->state == CONN_OPEN, MRL_ERR_STATE);
    mrl_loop_remove(cs->config.loop, &c->watch);
    mrl_loop_later_cancel(&c->flush);
    mrl_loop_later_cancel(&c->show);
    mrl_timer_cancel(&c->deadline);
    mrl_list_remove(&c->node);
    cs->counts.open--;
    cs->counts.buffers -= (size_t)(c->in.data != NULL) + (size_t)(c->out.data != NULL);
    if (cs->current == c)
        cs->current = NULL; /* whoever shows it right now must not touch it any more */
    if (c->tls != NULL)
        mrl_tls_leave(c->tls);
    c->conns = NULL;
    c->state = CONN_DETACHED;
    *out = MRL_CONTAINER(c, struct mrl_conn_parcel, conn);
    return MRL_OK;
}

void mrl_conn_parcel_free(struct mrl_conn_parcel *p)
{
    if (p == NULL)
        return;
    mrl_tls_free(p->conn.tls);
    mrl_ws_link_free(p->conn.ws);
    mrl_buf_done(&p->conn.in);
    mrl_buf_done(&p->conn.out);
    (void)close(p->conn.watch.fd);
    free(p);
}

mrl_err mrl_conn_adopt(struct mrl_conns *cs, struct mrl_conn_parcel *parcel,
                       const struct mrl_conn_kind *kind, void *user, struct mrl_conn **out)
{
    struct mrl_conn *c = &parcel->conn;

    c->state = CONN_OPEN;
    c->paused = false;
    if (mrl_loop_add(cs->config.loop, &c->watch, mrl_conn_wanted_events(c)) != MRL_OK) {
        mrl_conn_parcel_free(parcel);
        return MRL_ERR_IO;
    }
    c->conns = cs;
    c->kind = kind;
    c->user = user;
    mrl_list_add(&cs->all, &c->node);
    cs->counts.open++;
    cs->counts.buffers += (size_t)(c->in.data != NULL) + (size_t)(c->out.data != NULL);
    if (mrl_conn_has_unshown(c))
        mrl_loop_later(cs->config.loop, &c->show);
    if (c->out.len > 0)
        mrl_loop_later(cs->config.loop, &c->flush);
    *out = c;
    return MRL_OK;
}
