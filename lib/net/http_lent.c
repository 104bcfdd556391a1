/* SPDX-License-Identifier: Apache-2.0 */
/* A body that is not copied whole: the next piece is written when the one before is with the
 * kernel. */
#include "net/http_internal.h"

enum { PIECE = 128 << 10 };

static void end(struct http_conn *h)
{
    bool close = h->x->close;

    mrl_exchange_free(h->x);
    mrl_http_answered(h, close);
}

void mrl_http_lend_more(struct http_conn *h)
{
    struct mrl_exchange *x = h->x;
    mrl_bytes piece = mrl_bytes_sub(x->lent, 0, PIECE);

    if (piece.len == 0) {
        end(h);
        return;
    }
    mrl_timer_cancel(&h->timer);
    x->lent = mrl_bytes_sub(x->lent, piece.len, SIZE_MAX);
    if (mrl_conn_write(h->conn, piece) != MRL_OK)
        mrl_conn_abort(h->conn); /* on_closed follows */
    mrl_http_wait(h, HTTP_LENDING);
}
