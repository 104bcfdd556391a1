/* SPDX-License-Identifier: Apache-2.0 */
/* Answers without an end. */
#include <stdlib.h>

#include "net/http_internal.h"

static mrl_err put_head(struct mrl_exchange *x)
{
    struct mrl_http_header headers[HTTP_HEADERS_ALL];
    struct mrl_http_reply reply = {.status = x->status, .headers = headers, .close = true};
    MRL_SCOPED(mrl_buf) head = {0};

    MRL_ENSURE(!x->broken, MRL_ERR_INVALID);
    reply.header_count = mrl_exchange_headers(x, headers);
    MRL_TRY(mrl_http_write_stream_head(&reply, !x->request.http10, &head));
    return mrl_conn_write(x->h->conn, mrl_buf_bytes(&head)) == MRL_OK ? MRL_OK : MRL_ERR_CLOSED;
}

mrl_err mrl_http_stream_start(struct mrl_exchange *x, const char *content_type,
                              void (*gone)(void *context, struct mrl_http_stream *s), void *context,
                              struct mrl_http_stream **out)
{
    struct http_conn *h = x->h;
    struct mrl_http_stream *s;

    MRL_ENSURE(h != NULL, MRL_ERR_CLOSED);
    MRL_ENSURE(!h->server->stopping, MRL_ERR_STATE);
    MRL_ENSURE(!mrl_exchange_is_head(x), MRL_ERR_UNSUPPORTED);
    mrl_exchange_set_header(x, "Content-Type", mrl_str(content_type));
    MRL_TRY(put_head(x));
    s = calloc(1, sizeof(*s));
    if (s == NULL)
        abort();
    *s = (struct mrl_http_stream){
        .h = h, .chunked = !x->request.http10, .gone = gone, .context = context};
    mrl_exchange_free(x);
    h->x = NULL;
    h->stream = s;
    h->state = HTTP_STREAMING;
    *out = s;
    return MRL_OK;
}

mrl_err mrl_http_stream_write(struct mrl_http_stream *s, mrl_bytes data)
{
    struct http_conn *h = s->h;
    MRL_SCOPED(mrl_buf) chunk = {0};

    MRL_ENSURE(h->state == HTTP_STREAMING, MRL_ERR_CLOSED);
    if (s->chunked) {
        MRL_TRY(mrl_http_write_chunk(data, &chunk));
        data = mrl_buf_bytes(&chunk);
    }
    if (data.len + mrl_conn_backlog(h->conn) > MRL_HTTP_STREAM_BACKLOG) {
        h->state = HTTP_CLOSING;
        mrl_conn_abort(h->conn);
        return MRL_ERR_LIMIT;
    }
    return mrl_conn_write(h->conn, data) == MRL_OK ? MRL_OK : MRL_ERR_CLOSED;
}

size_t mrl_http_stream_backlog(const struct mrl_http_stream *s)
{
    return mrl_conn_backlog(s->h->conn);
}

void mrl_http_stream_end(struct mrl_http_stream *s)
{
    struct http_conn *h = s->h;
    MRL_SCOPED(mrl_buf) last = {0};

    if (h->state != HTTP_STREAMING)
        return;
    /* Refused only when the connection is over already. */
    if (s->chunked && mrl_http_write_last_chunk(&last) == MRL_OK)
        (void)mrl_conn_write(h->conn, mrl_buf_bytes(&last));
    mrl_http_close(h);
}
