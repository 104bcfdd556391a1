/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_client.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/secret.h"
#include "net/http_link.h"
#include "net/resolve.h"
#include "wire/http1.h"
#include "wire/http1_body.h"
#include "wire/http1_write.h"

enum {
    DEFAULT_TIMEOUT_MS = 30000,
    DEFAULT_BODY_LIMIT = 16 << 20,
    HEAD_LIMIT = 16 << 10,
    FIELDS_MAX = 32,
};

struct mrl_http_client {
    char *server;
    char *name;               /* what the certificate must hold */
    char *host;               /* of the Host header */
    struct mrl_address local; /* of a UNIX socket */
    bool is_local;
    struct mrl_tls_context *tls;
    uint64_t timeout_ms;
    size_t body_limit;
    struct mrl_http_link link;
};

static mrl_err read_server(struct mrl_http_client *c, const struct mrl_http_client_config *config,
                           struct mrl_why *why)
{
    mrl_bytes host;
    uint16_t port;

    c->is_local = mrl_bytes_starts(config->server, MRL_LIT("unix:"));
    if (c->is_local) {
        MRL_TRY(mrl_address_parse(config->server, &c->local, why));
        c->host = mrl_bytes_dup_cstr(MRL_LIT("localhost"));
        return MRL_OK;
    }
    MRL_TRY(mrl_address_split(config->server, &host, &port, why));
    if (config->tls == NULL)
        return mrl_fail(why, MRL_ERR_INVALID, "%.*s: only a UNIX socket goes without TLS",
                        MRL_FMT(config->server));
    c->host = mrl_bytes_dup_cstr(config->server);
    c->name = mrl_bytes_dup_cstr(config->server_name.len > 0 ? config->server_name : host);
    return MRL_OK;
}

mrl_err mrl_http_client_new(const struct mrl_http_client_config *config,
                            struct mrl_http_client **out, struct mrl_why *why)
{
    MRL_AUTO(mrl_http_client) c = calloc(1, sizeof(*c));

    if (c == NULL)
        abort();
    c->link.fd = -1;
    c->link.interrupt_fd = -1;
    MRL_TRY(read_server(c, config, why));
    c->server = mrl_bytes_dup_cstr(config->server);
    c->link.server = c->server;
    c->tls = c->is_local ? NULL : config->tls;
    c->timeout_ms = config->timeout_ms > 0 ? config->timeout_ms : DEFAULT_TIMEOUT_MS;
    c->body_limit = config->body_limit > 0 ? config->body_limit : DEFAULT_BODY_LIMIT;
    *out = MRL_TAKE(c);
    return MRL_OK;
}

void mrl_http_client_free(struct mrl_http_client *c)
{
    if (c == NULL)
        return;
    mrl_http_link_close(&c->link);
    free(c->server);
    free(c->name);
    free(c->host);
    free(c);
}

void mrl_http_result_done(struct mrl_http_result *r)
{
    /* Answers hold keys and tokens. */
    mrl_wipe(r->body.data, r->body.len);
    mrl_buf_done(&r->body);
    mrl_buf_done(&r->head);
    r->status = 0;
}

bool mrl_http_result_header(const struct mrl_http_result *r, const char *name, mrl_bytes *value)
{
    mrl_bytes rest = mrl_buf_bytes(&r->head), line, field;

    while (mrl_bytes_split(rest, '\n', &line, &rest)) {
        if (!mrl_bytes_split(line, ':', &field, &line) ||
            !mrl_bytes_eq_nocase(field, mrl_str(name)))
            continue;
        *value = mrl_bytes_trim(line);
        return true;
    }
    return false;
}

static mrl_err no_address(mrl_err err)
{
    return err == MRL_OK || err == MRL_ERR_TIMEOUT ? err : MRL_ERR_IO;
}

static mrl_err open_link(struct mrl_http_client *c, struct mrl_why *why)
{
    struct mrl_address to = c->local;
    mrl_bytes host;
    uint16_t port;

    if (!c->is_local) {
        MRL_TRY(mrl_address_split(mrl_str(c->server), &host, &port, why));
        MRL_TRY(no_address(mrl_resolve(host, port, c->link.deadline, &to, why)));
    }
    return mrl_http_link_open(&c->link, &to, c->tls, c->name, why);
}

static void start_clock(struct mrl_http_client *c, int interrupt_fd)
{
    c->link.deadline = mrl_monotonic_ms() + c->timeout_ms;
    c->link.interrupt_fd = interrupt_fd;
}

mrl_err mrl_http_client_connect(struct mrl_http_client *c, struct mrl_why *why)
{
    start_clock(c, -1);
    if (mrl_http_link_is_usable(&c->link))
        return MRL_OK;
    mrl_http_link_close(&c->link);
    return open_link(c, why);
}

static mrl_err write_request(struct mrl_http_client *c, const struct mrl_http_call *call,
                             struct mrl_why *why)
{
    struct mrl_http_header headers[FIELDS_MAX + 1];
    struct mrl_http_request_parts parts = {
        .method = mrl_str(call->method),
        .target = call->target,
        .host = mrl_str(c->host),
        .headers = headers,
        .header_count = call->field_count,
    };
    MRL_SCOPED(mrl_buf) request = {0};
    mrl_err err;

    if (call->field_count > FIELDS_MAX)
        return mrl_fail(why, MRL_ERR_INVALID, "more than %d header fields", FIELDS_MAX);
    for (size_t i = 0; i < call->field_count; i++)
        headers[i] = (struct mrl_http_header){mrl_str(call->fields[i].name), call->fields[i].value};
    if (call->content_type != NULL)
        headers[parts.header_count++] =
            (struct mrl_http_header){MRL_LIT("Content-Type"), mrl_str(call->content_type)};
    if (mrl_http_write_request(&parts, call->body, &request) != MRL_OK)
        return mrl_fail(why, MRL_ERR_INVALID, "method, target or a header field cannot be sent");
    err = mrl_http_link_write(&c->link, mrl_buf_bytes(&request), why);
    mrl_wipe(request.data, request.len); /* credentials */
    return err;
}

static mrl_err lost(mrl_err err, const struct mrl_http_client *c, const char *when,
                    struct mrl_why *why)
{
    if (err != MRL_ERR_CLOSED)
        return err;
    return mrl_fail(why, MRL_ERR_IO, "%s closed the connection %s", c->server, when);
}

/* MRL_ERR_CLOSED: ended before the first byte of an answer. */
static mrl_err read_head(struct mrl_http_client *c, const struct mrl_http_call *call,
                         struct mrl_http_response *out, struct mrl_why *why)
{
    const struct mrl_http_limits limits = {HEAD_LIMIT, MRL_HTTP_HEADERS_MAX, 0, c->body_limit};
    bool to_head = strcmp(call->method, "HEAD") == 0;
    mrl_err err;

    for (;;) {
        err = c->link.in.len == 0
                  ? MRL_ERR_AGAIN
                  : mrl_http_read_response(mrl_buf_bytes(&c->link.in), &limits, to_head, out, why);
        if (err != MRL_ERR_AGAIN)
            return err;
        err = mrl_http_link_read(&c->link, why);
        if (err != MRL_OK)
            return c->link.in.len == 0 ? err : lost(err, c, "in the middle of its answer", why);
    }
}

static mrl_err copy_head(const struct mrl_http_response *head, struct mrl_http_result *out)
{
    out->status = head->status;
    for (size_t i = 0; i < head->headers.count; i++) {
        MRL_TRY(mrl_buf_append(&out->head, head->headers.at[i].name));
        MRL_TRY(mrl_buf_append(&out->head, MRL_LIT(": ")));
        MRL_TRY(mrl_buf_append(&out->head, head->headers.at[i].value));
        MRL_TRY(mrl_buf_append(&out->head, MRL_LIT("\r\n")));
    }
    return MRL_OK;
}

/* More of the body: what is here, or what comes next. */
static mrl_err read_more(struct mrl_http_client *c, struct mrl_http_body *body, struct mrl_buf *out,
                         struct mrl_why *why)
{
    size_t used;
    mrl_err err = mrl_http_body_read(body, mrl_buf_bytes(&c->link.in), &used, out, NULL, why);

    mrl_buf_consume(&c->link.in, used);
    if (err != MRL_ERR_AGAIN)
        return err;
    return mrl_http_link_read(&c->link, why);
}

static mrl_err read_body(struct mrl_http_client *c, const struct mrl_http_response *head,
                         struct mrl_http_result *out, struct mrl_why *why)
{
    bool until_close = head->framing == MRL_HTTP_BODY_UNTIL_CLOSE, ended = false;
    struct mrl_http_body body;

    mrl_http_body_start(&body, head->framing, head->length, c->body_limit);
    while (!ended && !mrl_http_body_complete(&body)) {
        mrl_err err = read_more(c, &body, &out->body, why);

        ended = err == MRL_ERR_CLOSED && until_close;
        if (err != MRL_OK && !ended)
            return lost(err, c, "in the middle of its answer", why);
    }
    if (!head->keep_alive || c->link.in.len > 0 || c->link.cut || until_close)
        mrl_http_link_close(&c->link);
    return MRL_OK;
}

struct attempt {
    bool answered; /* at least one byte came back */
    struct mrl_http_response head;
};

static mrl_err ask(struct mrl_http_client *c, const struct mrl_http_call *call, struct attempt *a,
                   struct mrl_http_result *out, struct mrl_why *why)
{
    mrl_err err = write_request(c, call, why);

    /* A server that does not want the whole request says why before it closes. */
    if (err == MRL_OK || err == MRL_ERR_IO)
        err = read_head(c, call, &a->head, why);
    a->answered = err == MRL_OK || c->link.in.len > 0;
    MRL_TRY(err);
    MRL_TRY(copy_head(&a->head, out));
    mrl_buf_consume(&c->link.in, a->head.head_len);
    return MRL_OK;
}

static bool may_repeat(const struct mrl_http_call *call, const struct attempt *a, mrl_err err)
{
    /* RFC 9110 9.2.2, RFC 9112 9.3.1 */
    bool safe = strcmp(call->method, "GET") == 0 || strcmp(call->method, "HEAD") == 0;

    return safe && !call->bound && !a->answered && (err == MRL_ERR_IO || err == MRL_ERR_CLOSED);
}

static void clear(struct mrl_http_client *c, struct mrl_http_result *out)
{
    out->status = 0;
    mrl_buf_clear(&out->head);
    mrl_buf_clear(&out->body);
    out->body.limit = c->body_limit;
}

/* Up to the head of the answer, on a kept connection or a new one. */
static mrl_err start(struct mrl_http_client *c, const struct mrl_http_call *call, struct attempt *a,
                     struct mrl_http_result *out, struct mrl_why *why)
{
    bool kept = mrl_http_link_is_usable(&c->link);
    mrl_err err;

    clear(c, out);
    if (kept) {
        err = ask(c, call, a, out, why);
        if (!may_repeat(call, a, err))
            return lost(err, c, "without an answer", why);
    }
    mrl_http_link_close(&c->link);
    if (call->bound)
        return mrl_fail(why, MRL_ERR_CLOSED, "the connection the request is bound to is gone");
    MRL_TRY(open_link(c, why));
    return lost(ask(c, call, a, out, why), c, "without an answer", why);
}

mrl_err mrl_http_client_request(struct mrl_http_client *c, const struct mrl_http_call *call,
                                struct mrl_http_result *out, struct mrl_why *why)
{
    struct attempt a = {0};
    mrl_err err;

    start_clock(c, -1);
    err = start(c, call, &a, out, why);
    if (err == MRL_OK)
        err = read_body(c, &a.head, out, why);
    if (err != MRL_OK)
        mrl_http_link_close(&c->link);
    return err;
}

struct listener {
    bool (*see)(void *context, mrl_bytes piece);
    void *context;
    uint64_t idle_ms;
};

static mrl_err listen_to(struct mrl_http_client *c, const struct mrl_http_response *head,
                         const struct listener *to, struct mrl_why *why)
{
    MRL_SCOPED(mrl_buf) piece = {0};
    struct mrl_http_body body;
    mrl_err err = MRL_ERR_AGAIN;

    mrl_http_body_start(&body, head->framing, head->length, UINT64_MAX);
    while (err == MRL_ERR_AGAIN) {
        size_t used;

        err = mrl_http_body_read(&body, mrl_buf_bytes(&c->link.in), &used, &piece, NULL, why);
        mrl_buf_consume(&c->link.in, used);
        if (piece.len > 0 && !to->see(to->context, mrl_buf_bytes(&piece)))
            return MRL_OK;
        mrl_buf_clear(&piece);
        if (err != MRL_ERR_AGAIN)
            break;
        c->link.deadline =
            to->idle_ms == 0 ? MRL_HTTP_LINK_FOR_EVER : mrl_monotonic_ms() + to->idle_ms;
        MRL_TRY(mrl_http_link_read(&c->link, why));
    }
    return err != MRL_OK ? err : mrl_fail(why, MRL_ERR_CLOSED, "%s ended the stream", c->server);
}

mrl_err mrl_http_client_stream(struct mrl_http_client *c, const struct mrl_http_call *call,
                               bool (*see)(void *context, mrl_bytes piece), void *context,
                               uint64_t idle_ms, int interrupt_fd, struct mrl_http_result *out,
                               struct mrl_why *why)
{
    const struct listener to = {see, context, idle_ms};
    struct attempt a = {0};
    mrl_err err;

    start_clock(c, interrupt_fd);
    err = start(c, call, &a, out, why);
    if (err == MRL_OK && a.head.status != 200)
        err = read_body(c, &a.head, out, why);
    else if (err == MRL_OK)
        err = listen_to(c, &a.head, &to, why);
    if (err != MRL_OK || a.head.status == 200)
        mrl_http_link_close(&c->link);
    return err;
}

const struct mrl_tls_facts *mrl_http_client_facts(const struct mrl_http_client *c)
{
    return c->link.tls == NULL ? NULL : mrl_tls_facts(c->link.tls);
}

mrl_err mrl_http_client_binding(const struct mrl_http_client *c, struct mrl_buf *out,
                                enum mrl_tls_binding *kind)
{
    MRL_ENSURE(mrl_http_link_is_open(&c->link), MRL_ERR_STATE);
    MRL_ENSURE(c->link.tls != NULL, MRL_ERR_UNSUPPORTED);
    return mrl_tls_channel_binding(c->link.tls, out, kind);
}
