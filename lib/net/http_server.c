/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_server.h"

#include <assert.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/random.h"
#include "net/http_internal.h"

enum {
    DEFAULT_HEAD = 16 << 10,
    DEFAULT_BODY = 64 << 10,
    DEFAULT_REQUEST_MS = 30000,
    DEFAULT_IDLE_MS = 60000,
    HEADERS_MAX = 48,
    TARGET_MAX = 4096,
    /* A client that sends requests and takes no answers gets no more of them. */
    BACKLOG_MAX = 64 << 10,
};

void mrl_http_wait(struct http_conn *h, enum http_state state)
{
    h->state = (uint8_t)state;
    h->backlog = mrl_conn_backlog(h->conn);
    mrl_loop_timer(h->server->config.loop, &h->timer, h->server->config.idle_timeout_ms);
}

/* The connection's own time for closing is short, and the last answer may be long: it is closed
 * once that left. */
void mrl_http_close(struct http_conn *h)
{
    mrl_http_wait(h, HTTP_CLOSING);
    if (h->backlog == 0)
        mrl_conn_close(h->conn);
}

/* on_data comes at the end of the turn with what it left behind. */
static void show_again(struct http_conn *h)
{
    if (h->left == 0 && !h->paused)
        return;
    mrl_conn_pause(h->conn);
    mrl_conn_resume(h->conn);
    h->paused = false;
}

void mrl_http_answered(struct http_conn *h, bool close)
{
    h->x = NULL;
    if (close || h->server->stopping) {
        mrl_http_close(h);
        return;
    }
    mrl_http_wait(h, HTTP_IDLE);
    if (!h->showing)
        show_again(h);
}

static void tell_refused(const struct http_conn *h, const struct mrl_conn_closed *closed,
                         unsigned status, const char *why)
{
    const struct mrl_http_server_config *config = &h->server->config;

    if (config->refused != NULL)
        config->refused(config->context, mrl_conn_peer(h->conn), closed, status, why);
}

/* A request that cannot be understood or waited for: what follows it neither. */
static void refuse(struct http_conn *h, unsigned status, const struct mrl_why *why)
{
    struct mrl_conn_closed closed = {.end = MRL_END_LOCAL, .facts = mrl_conn_facts(h->conn)};

    tell_refused(h, &closed, status, why->text);
    if (h->x == NULL)
        h->x = mrl_exchange_new(h);
    mrl_exchange_fail(h->x, status, "%s", why->text);
    mrl_exchange_send_last(h->x);
}

static bool hand_over(struct http_conn *h)
{
    const struct mrl_http_server_config *config = &h->server->config;

    mrl_timer_cancel(&h->timer);
    h->state = HTTP_ANSWERING;
    mrl_exchange_bind(h->x);
    config->handler(config->context, h->x);
    return true;
}

static bool read_body(struct http_conn *h, struct mrl_buf *in)
{
    unsigned status = 0;
    struct mrl_why why = {0};
    size_t used;
    mrl_err err =
        mrl_http_body_read(&h->body, mrl_buf_bytes(in), &used, &h->x->body, &status, &why);

    mrl_buf_consume(in, used);
    if (err == MRL_ERR_AGAIN)
        return false;
    if (err == MRL_OK)
        return hand_over(h);
    refuse(h, status, &why);
    return true;
}

/* RFC 9110 10.1.1: a client that sends its body already does not wait for this. */
static void invite_body(struct http_conn *h)
{
    MRL_SCOPED(mrl_buf) interim = {0};

    if (mrl_http_write_continue(&interim) != MRL_OK ||
        mrl_conn_write(h->conn, mrl_buf_bytes(&interim)) != MRL_OK)
        mrl_conn_abort(h->conn);
}

static bool read_head(struct http_conn *h, struct mrl_buf *in)
{
    const struct mrl_http_limits *limits = &h->server->limits;
    struct mrl_http_request q;
    unsigned status = 400;
    struct mrl_why why = {0};
    mrl_err err = mrl_http_read_request(mrl_buf_bytes(in), limits, &q, &status, &why);

    if (err == MRL_ERR_AGAIN)
        return false;
    if (err == MRL_OK) {
        h->x = mrl_exchange_new(h);
        err = mrl_exchange_read_head(h->x, mrl_bytes_sub(mrl_buf_bytes(in), 0, q.head_len), &status,
                                     &why);
    }
    if (err != MRL_OK) {
        refuse(h, status, &why);
        return true;
    }
    mrl_buf_consume(in, q.head_len);
    mrl_http_body_start(&h->body, q.framing, q.length, limits->body_bytes);
    if (q.expect_continue && in->len == 0)
        invite_body(h);
    return true;
}

static bool begin(struct http_conn *h, const struct mrl_buf *in)
{
    if (in->len == 0 || mrl_conn_backlog(h->conn) > BACKLOG_MAX)
        return false;
    h->state = HTTP_READING;
    mrl_loop_timer(h->server->config.loop, &h->timer, h->server->config.request_timeout_ms);
    return true;
}

/* false: nothing more to do with these bytes now. */
static bool step(struct http_conn *h, struct mrl_buf *in)
{
    if (h->state == HTTP_IDLE)
        return begin(h, in);
    if (h->state == HTTP_READING)
        return h->x == NULL ? read_head(h, in) : read_body(h, in);
    if (h->state == HTTP_STREAMING || h->state == HTTP_CLOSING)
        mrl_buf_consume(in, in->len); /* after a stream or the last answer comes no other */
    return false;
}

static void free_connection(struct http_conn *h)
{
    mrl_timer_cancel(&h->timer);
    mrl_list_remove(&h->node);
    h->server->count--;
    free(h);
}

static void on_data(struct mrl_conn *c, struct mrl_buf *in)
{
    struct http_conn *h = mrl_conn_user(c);

    h->showing = true;
    while (step(h, in))
        continue;
    h->showing = false;
    if (h->state == HTTP_GIVEN_AWAY) {
        free_connection(h);
        return;
    }
    h->left = in->len;
    if (in->len > h->server->limits.head_bytes &&
        (h->state == HTTP_ANSWERING || h->state == HTTP_LENDING || h->state == HTTP_IDLE)) {
        h->paused = true;
        mrl_conn_pause(c);
    }
}

static void on_drained(struct mrl_conn *c)
{
    struct http_conn *h = mrl_conn_user(c);

    if (h->state == HTTP_IDLE)
        show_again(h);
    else if (h->state == HTTP_LENDING)
        mrl_http_lend_more(h);
    else if (h->state == HTTP_CLOSING)
        mrl_conn_close(c);
}

/* What else was agreed on in the handshake is another's. */
static bool is_http(const struct mrl_conn *c)
{
    const struct mrl_tls_facts *facts = mrl_conn_facts(c);

    return facts == NULL || facts->alpn[0] == '\0' ||
           mrl_bytes_eq(mrl_str(facts->alpn), MRL_LIT("http/1.1"));
}

static void on_open(struct mrl_conn *c)
{
    struct http_conn *h = mrl_conn_user(c);
    const struct mrl_http_server_config *config = &h->server->config;

    if (h->server->stopping) {
        mrl_http_close(h);
    } else if (is_http(c) || config->other == NULL) {
        mrl_http_wait(h, HTTP_IDLE);
    } else {
        free_connection(h);
        config->other(config->context, c);
    }
}

/* Whoever holds the exchange finds out when giving it back. */
static void abandon(struct mrl_exchange *x)
{
    x->h = NULL;
    atomic_store(&x->abandoned, true);
}

static void on_closed(struct mrl_conn *c, const struct mrl_conn_closed *closed)
{
    struct http_conn *h = mrl_conn_user(c);

    if (closed->end == MRL_END_REFUSED)
        tell_refused(h, closed, 0, mrl_tls_refusal_name(closed->refusal));
    if (h->stream != NULL) {
        h->stream->gone(h->stream->context, h->stream);
        free(h->stream);
    }
    if (h->x != NULL && (h->state == HTTP_READING || h->state == HTTP_LENDING))
        mrl_exchange_free(h->x);
    else if (h->x != NULL)
        abandon(h->x);
    free_connection(h);
}

/* As long as the client takes bytes of its answer, however slowly, it is not idle. */
static void on_idle(struct http_conn *h)
{
    size_t waiting = mrl_conn_backlog(h->conn);

    if (waiting == 0 && h->state != HTTP_LENDING)
        mrl_http_close(h);
    else if (waiting < h->backlog)
        mrl_http_wait(h, h->state);
    else
        mrl_conn_abort(h->conn);
}

static void on_timer(struct mrl_timer *t)
{
    struct http_conn *h = MRL_CONTAINER(t, struct http_conn, timer);
    struct mrl_why why = {0};

    if (h->state != HTTP_READING) {
        on_idle(h);
        return;
    }
    (void)mrl_fail(&why, MRL_ERR_TIMEOUT, "the request was not complete within %llu ms",
                   (unsigned long long)h->server->config.request_timeout_ms);
    refuse(h, 408, &why);
}

static struct http_conn *new_connection(struct mrl_http_server *s)
{
    struct http_conn *h = calloc(1, sizeof(*h));

    if (h == NULL)
        abort();
    h->server = s;
    h->state = HTTP_OPENING;
    h->timer.fire = on_timer;
    mrl_list_add(&s->connections, &h->node);
    s->count++;
    return h;
}

void mrl_http_accept_tls(struct mrl_http_server *s, int fd, const struct mrl_peer *peer,
                         struct mrl_tls_context *tls)
{
    const struct mrl_conn_closed overload = {.end = MRL_END_OVERLOAD};
    struct http_conn *h;
    mrl_err err;

    if (s->stopping) {
        (void)close(fd);
        return;
    }
    h = new_connection(s);
    err = mrl_conn_accept_tls(s->config.conns, fd, peer, tls, &s->kind, h, &h->conn);
    if (err == MRL_OK)
        return;
    free_connection(h);
    if (err == MRL_ERR_BUSY && s->config.refused != NULL)
        s->config.refused(s->config.context, peer, &overload, 0,
                          mrl_conn_end_name(MRL_END_OVERLOAD));
}

void mrl_http_accept_unix(struct mrl_http_server *s, int fd, const struct mrl_peer *peer)
{
    struct http_conn *h;

    if (s->stopping) {
        (void)close(fd);
        return;
    }
    h = new_connection(s);
    if (mrl_conn_accept_unix(s->config.conns, fd, peer, &s->kind, h, &h->conn) != MRL_OK)
        free_connection(h);
}

void mrl_http_accept_plain(struct mrl_http_server *s, int fd, const struct mrl_peer *peer)
{
    struct http_conn *h;

    if (s->stopping) {
        (void)close(fd);
        return;
    }
    h = new_connection(s);
    if (mrl_conn_accept_plain(s->config.conns, fd, peer, &s->kind, h, &h->conn) != MRL_OK)
        free_connection(h);
}

static void set_defaults(struct mrl_http_server_config *c)
{
    if (c->head_bytes == 0)
        c->head_bytes = DEFAULT_HEAD;
    if (c->body_bytes == 0)
        c->body_bytes = DEFAULT_BODY;
    if (c->request_timeout_ms == 0)
        c->request_timeout_ms = DEFAULT_REQUEST_MS;
    if (c->idle_timeout_ms == 0)
        c->idle_timeout_ms = DEFAULT_IDLE_MS;
}

mrl_err mrl_http_server_new(const struct mrl_http_server_config *config,
                            struct mrl_http_server **out)
{
    struct mrl_http_server *s = calloc(1, sizeof(*s));

    if (s == NULL)
        abort();
    s->config = *config;
    set_defaults(&s->config);
    s->limits = (struct mrl_http_limits){s->config.head_bytes, HEADERS_MAX, TARGET_MAX,
                                         s->config.body_bytes};
    s->kind = (struct mrl_conn_kind){
        .on_open = on_open,
        .on_data = on_data,
        .on_drained = on_drained,
        .on_closed = on_closed,
        .input_limit = s->config.head_bytes, /* on_data leaves at most this, or pauses */
        .backlog_limit = SIZE_MAX,           /* an answer is ours; see BACKLOG_MAX */
        .secret = true,                      /* passwords and tokens */
    };
    mrl_list_init(&s->connections);
    /* Ids of one server follow each other and so never meet; those of two start far apart. */
    mrl_random(&s->next_id, sizeof(s->next_id));
    *out = s;
    return MRL_OK;
}

void mrl_http_server_free(struct mrl_http_server *s)
{
    assert(s == NULL || mrl_list_empty(&s->connections));
    free(s);
}

static void stop_connection(struct http_conn *h)
{
    if (h->state == HTTP_STREAMING)
        mrl_http_stream_end(h->stream);
    else if (h->state == HTTP_OPENING || h->state == HTTP_IDLE)
        mrl_http_close(h);
}

void mrl_http_server_stop(struct mrl_http_server *s)
{
    s->stopping = true;
    MRL_LIST_EACH(h, &s->connections, struct http_conn, node)
    stop_connection(h);
}

size_t mrl_http_server_connections(const struct mrl_http_server *s)
{
    return s->count;
}
