/* SPDX-License-Identifier: Apache-2.0 */
/* The request side of an exchange, and its life. */
#include <stdio.h>
#include <stdlib.h>

#include "net/http_internal.h"

struct mrl_exchange *mrl_exchange_new(struct http_conn *h)
{
    const struct mrl_tls_facts *facts = mrl_conn_facts(h->conn);
    struct mrl_exchange *x = calloc(1, sizeof(*x));

    if (x == NULL)
        abort();
    x->h = h;
    x->context = h->server->config.context;
    x->mailbox = h->server->config.mailbox;
    x->status = 200;
    /* Credentials, enrolment tokens and keys pass through here. */
    x->head.secret = x->body.secret = x->answer.secret = true;
    x->body.limit = h->server->config.body_bytes;
    x->peer = *mrl_conn_peer(h->conn);
    x->has_facts = facts != NULL;
    if (facts != NULL) {
        x->facts = *facts;
        x->facts.introduced = mrl_arena_copy(&x->arena, facts->introduced);
    }
    (void)snprintf(x->id, sizeof(x->id), "%016llx", (unsigned long long)h->server->next_id++);
    return x;
}

void mrl_exchange_at_end(struct mrl_exchange *x,
                         void (*call)(struct mrl_exchange *x, void *context), void *context)
{
    x->at_end = call;
    x->at_end_context = context;
}

void mrl_exchange_free(struct mrl_exchange *x)
{
    if (x == NULL)
        return;
    if (x->at_end != NULL)
        x->at_end(x, x->at_end_context);
    mrl_buf_done(&x->head);
    mrl_buf_done(&x->body);
    mrl_buf_done(&x->answer);
    mrl_buf_done(&x->binding);
    mrl_arena_done(&x->arena);
    if (x->release != NULL)
        x->release(x->release_context);
    free(x);
}

static const mrl_bytes *find_param(const struct mrl_exchange *x, mrl_bytes name)
{
    for (size_t i = 0; i < x->param_count; i++)
        if (mrl_bytes_eq(x->params[i].name, name))
            return &x->params[i].value;
    return NULL;
}

static mrl_err read_query(struct mrl_exchange *x, struct mrl_why *why)
{
    mrl_bytes left = x->target.query;
    struct http_param p;
    mrl_err err;

    for (;;) {
        err = mrl_http_query_next(&left, &x->arena, &p.name, &p.value);
        if (err == MRL_ERR_NOT_FOUND)
            return MRL_OK;
        if (err != MRL_OK)
            return mrl_fail(why, err, "query is not well encoded");
        if (x->param_count == MRL_HTTP_QUERY_MAX)
            return mrl_fail(why, MRL_ERR_LIMIT, "more than %d parameters", MRL_HTTP_QUERY_MAX);
        if (find_param(x, p.name) != NULL)
            return mrl_fail(why, MRL_ERR_MALFORMED, "a parameter is given twice");
        x->params[x->param_count++] = p;
    }
}

mrl_err mrl_exchange_read_head(struct mrl_exchange *x, mrl_bytes head, unsigned *status,
                               struct mrl_why *why)
{
    MRL_TRY(mrl_buf_append(&x->head, head));
    MRL_TRY(mrl_http_read_request(mrl_buf_bytes(&x->head), &x->h->server->limits, &x->request,
                                  status, why));
    *status = 400;
    if (x->h->server->config.opaque_path) {
        (void)mrl_bytes_split(x->request.target, '?', &x->target.path, &x->target.query);
        return MRL_OK;
    }
    MRL_TRY(mrl_http_target_read(x->request.target, &x->arena, &x->target, why));
    return read_query(x, why);
}

void mrl_exchange_bind(struct mrl_exchange *x)
{
    /* Without one the binding is empty, and who needs it refuses. */
    if (x->has_facts &&
        mrl_conn_channel_binding(x->h->conn, &x->binding, &x->binding_kind) != MRL_OK)
        mrl_buf_clear(&x->binding);
}

mrl_bytes mrl_exchange_method(const struct mrl_exchange *x)
{
    return x->request.method;
}

mrl_bytes mrl_exchange_path(const struct mrl_exchange *x)
{
    return x->target.path;
}

bool mrl_exchange_query(struct mrl_exchange *x, const char *name, mrl_bytes *value)
{
    const mrl_bytes *found = find_param(x, mrl_str(name));

    if (found != NULL)
        *value = *found;
    return found != NULL;
}

bool mrl_exchange_header(const struct mrl_exchange *x, const char *name, mrl_bytes *value)
{
    const mrl_bytes *found = mrl_http_header(&x->request.headers, name);

    if (found != NULL)
        *value = *found;
    return found != NULL;
}

mrl_bytes mrl_exchange_body(const struct mrl_exchange *x)
{
    return mrl_buf_bytes(&x->body);
}

const struct mrl_peer *mrl_exchange_peer(const struct mrl_exchange *x)
{
    return &x->peer;
}

const struct mrl_tls_facts *mrl_exchange_facts(const struct mrl_exchange *x)
{
    return x->has_facts ? &x->facts : NULL;
}

mrl_bytes mrl_exchange_channel_binding(const struct mrl_exchange *x, enum mrl_tls_binding *kind)
{
    *kind = x->binding_kind;
    return mrl_buf_bytes(&x->binding);
}

mrl_bytes mrl_exchange_request_id(const struct mrl_exchange *x)
{
    return mrl_bytes_of(x->id, HTTP_ID_DIGITS);
}

void *mrl_exchange_context(const struct mrl_exchange *x)
{
    return x->context;
}

struct mrl_conn *mrl_exchange_conn(const struct mrl_exchange *x)
{
    return x->h == NULL ? NULL : x->h->conn;
}

struct mrl_arena *mrl_exchange_arena(struct mrl_exchange *x)
{
    return &x->arena;
}
