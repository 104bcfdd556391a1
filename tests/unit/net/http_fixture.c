/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/net/http_fixture.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <urcu/urcu-memb.h>

#include "base/clock.h"
#include "base/hex.h"
#include "net/http_ws.h"
#include "tests/unit/unit.h"
#include "wire/http1_body.h"

enum { PATIENCE_MS = 30000, PAUSE_US = 2000 };

static void must(bool good)
{
    if (!good)
        abort();
}

/* ---- the handler ---- */

static void echo(struct mrl_exchange *x)
{
    mrl_exchange_set_header(x, "X-Method", mrl_exchange_method(x));
    must(mrl_buf_append(mrl_exchange_answer(x), mrl_exchange_body(x)) == MRL_OK);
}

static void answer_echo(struct mrl_exchange *x)
{
    echo(x);
    mrl_exchange_send(x);
}

static void answer_query(struct mrl_exchange *x)
{
    mrl_bytes value = MRL_BYTES_NONE;

    if (!mrl_exchange_query(x, "name", &value))
        mrl_exchange_fail(x, 404, "no name");
    else
        must(mrl_buf_append(mrl_exchange_answer(x), value) == MRL_OK);
    mrl_exchange_send(x);
}

static void answer_deferred(struct mrl_exchange *x)
{
    mrl_exchange_defer(x, echo);
}

static void work_slowly(struct mrl_exchange *x)
{
    struct fixture *f = mrl_exchange_context(x);

    sem_post(&f->began);
    sem_wait(&f->go);
    echo(x); /* the request is still there, whoever left */
    atomic_fetch_add(&f->worked, 1);
}

static void answer_slow(struct mrl_exchange *x)
{
    mrl_exchange_defer(x, work_slowly);
}

static void answer_big(struct mrl_exchange *x)
{
    mrl_bytes text = MRL_BYTES_NONE;
    uint64_t size = 0;
    uint8_t *to;

    must(mrl_exchange_query(x, "size", &text) && mrl_bytes_to_u64(text, 1 << 26, &size));
    must(mrl_buf_reserve(mrl_exchange_answer(x), size, &to) == MRL_OK);
    memset(to, 'x', size);
    mrl_buf_added(mrl_exchange_answer(x), size);
    mrl_exchange_send(x);
}

enum { LENT_MAX = 1 << 23 };
static uint8_t lent[LENT_MAX];

static void on_released(void *context)
{
    struct fixture *f = context;

    atomic_fetch_add(&f->released, 1);
}

static void answer_lent(struct mrl_exchange *x)
{
    mrl_bytes text = MRL_BYTES_NONE;
    uint64_t size = 0;

    must(mrl_exchange_query(x, "size", &text) && mrl_bytes_to_u64(text, LENT_MAX, &size));
    for (size_t i = 0; i < size; i++)
        lent[i] = (uint8_t)(i * 31 >> 8);
    mrl_exchange_lend(x, mrl_bytes_of(lent, size), on_released, mrl_exchange_context(x));
    mrl_exchange_send(x);
}

static void answer_bad_header(struct mrl_exchange *x)
{
    mrl_exchange_set_header(x, "X-Bad", MRL_LIT("one\r\nX-Injected: two"));
    mrl_exchange_send(x);
}

static void answer_own_length(struct mrl_exchange *x)
{
    mrl_exchange_set_header(x, "Content-Length", MRL_LIT("5"));
    mrl_exchange_send(x);
}

static void answer_headers(struct mrl_exchange *x)
{
    mrl_exchange_set_header(x, "Cache-Control", MRL_LIT("max-age=60"));
    mrl_exchange_set_header(x, "X-Twice", MRL_LIT("first"));
    mrl_exchange_set_header(x, "x-twice", MRL_LIT("second"));
    mrl_exchange_send(x);
}

static void answer_empty(struct mrl_exchange *x)
{
    mrl_exchange_set_status(x, 204);
    mrl_exchange_send(x);
}

static void answer_peer(struct mrl_exchange *x)
{
    const struct mrl_tls_facts *facts = mrl_exchange_facts(x);
    char text[MRL_PEER_TEXT];

    mrl_peer_format(mrl_exchange_peer(x), text);
    must(mrl_buf_printf(mrl_exchange_answer(x), "%s %s", text,
                        facts == NULL            ? "plain"
                        : facts->has_certificate ? "certificate"
                                                 : "tls") == MRL_OK);
    mrl_exchange_send(x);
}

static void answer_binding(struct mrl_exchange *x)
{
    enum mrl_tls_binding kind;

    must(mrl_buf_append(mrl_exchange_answer(x), mrl_exchange_channel_binding(x, &kind)) == MRL_OK);
    mrl_exchange_send(x);
}

static void on_gone(void *context, struct mrl_http_stream *s)
{
    struct fixture *f = context;

    must(f->stream == s);
    f->stream = NULL;
    atomic_fetch_add(&f->gone, 1);
}

static void answer_stream(struct mrl_exchange *x)
{
    struct fixture *f = mrl_exchange_context(x);

    if (f->stream != NULL ||
        mrl_http_stream_start(x, "text/event-stream", on_gone, f, &f->stream) != MRL_OK) {
        mrl_exchange_fail(x, 409, "no stream");
        mrl_exchange_send(x);
        return;
    }
    atomic_fetch_add(&f->started, 1);
    must(mrl_http_stream_write(f->stream, MRL_LIT("data: hello\n\n")) == MRL_OK);
}

/* ---- a WebSocket that says again what it hears ---- */

static void on_heard(struct mrl_conn *c, struct mrl_buf *in)
{
    must(mrl_conn_write(c, mrl_buf_bytes(in)) == MRL_OK);
    mrl_buf_clear(in);
}

static void on_ws_closed(struct mrl_conn *c, const struct mrl_conn_closed *closed)
{
    struct fixture *f = mrl_conn_user(c);

    (void)closed;
    atomic_fetch_add(&f->gone, 1);
}

static const struct mrl_conn_kind ws_kind = {.on_data = on_heard, .on_closed = on_ws_closed};

static void answer_ws(struct mrl_exchange *x)
{
    struct fixture *f = mrl_exchange_context(x);
    struct mrl_why why = {""};
    struct mrl_conn *c = NULL;
    unsigned status = 500;

    if (mrl_http_ws_check(x, MRL_LIT("echo"), &status, &why) == MRL_OK &&
        mrl_http_ws_accept(x, MRL_LIT("echo"), &c) == MRL_OK) {
        mrl_conn_set_kind(c, &ws_kind);
        mrl_conn_set_user(c, f);
        must(mrl_conn_is_ws(c));
        atomic_fetch_add(&f->started, 1);
        return;
    }
    mrl_exchange_fail(x, status, "%s", why.text);
    mrl_exchange_send(x);
}

static void handle(void *context, struct mrl_exchange *x)
{
    static const struct {
        const char *path;
        void (*answer)(struct mrl_exchange *x);
    } routes[] = {
        {"/echo", answer_echo},
        {"/query", answer_query},
        {"/defer", answer_deferred},
        {"/slow", answer_slow},
        {"/big", answer_big},
        {"/lend", answer_lent},
        {"/bad-header", answer_bad_header},
        {"/headers", answer_headers},
        {"/empty", answer_empty},
        {"/peer", answer_peer},
        {"/binding", answer_binding},
        {"/own-length", answer_own_length},
        {"/stream", answer_stream},
        {"/ws", answer_ws},
    };

    must(context == mrl_exchange_context(x));
    for (size_t i = 0; i < MRL_COUNT(routes); i++)
        if (mrl_bytes_eq(mrl_exchange_path(x), mrl_str(routes[i].path))) {
            routes[i].answer(x);
            return;
        }
    mrl_exchange_fail(x, 404, "nothing at %.*s", MRL_FMT(mrl_exchange_path(x)));
    mrl_exchange_send(x);
}

static void on_refused(void *context, const struct mrl_peer *peer,
                       const struct mrl_conn_closed *closed, unsigned status, const char *why)
{
    struct fixture *f = context;

    must(peer != NULL && closed != NULL && why[0] != 0);
    atomic_store(&f->refused_status, (int)status);
    atomic_fetch_add(&f->refused_count, 1);
}

/* ---- the server ---- */

static enum mrl_tls_refusal judge(void *context, const struct mrl_fingerprint *fp)
{
    struct fixture *f = context;

    (void)fp;
    return (enum mrl_tls_refusal)atomic_load(&f->verdict);
}

static void on_local(void *context, int fd, const struct mrl_peer *peer)
{
    struct fixture *f = context;

    mrl_http_accept_unix(f->server, fd, peer);
}

static void on_tls(void *context, int fd, const struct mrl_peer *peer)
{
    struct fixture *f = context;

    mrl_http_accept_tls(f->server, fd, peer, f->tls);
}

static void start_tls(struct fixture *f)
{
    const struct mrl_tls_server_config config = {
        .client_certificate = MRL_CLIENT_CERT_OPTIONAL,
        .judge = judge,
        .judge_context = f,
        .roots = &f->pki.roots,
        .channel_binding = true,
    };

    must(mrl_tls_server_new(&config, &f->tls, NULL) == MRL_OK);
    must(mrl_tls_context_set_identity(f->tls, &f->pki.server.chain, f->pki.server.key, NULL) ==
         MRL_OK);
}

static struct mrl_listener *listen_on(struct fixture *f, const char *address,
                                      void (*accepted)(void *, int, const struct mrl_peer *))
{
    struct mrl_address a;
    struct mrl_listener_config config = {
        .loop = f->loop, .address = &a, .context = f, .accepted = accepted};
    struct mrl_listener *out = NULL;

    must(mrl_address_parse(mrl_str(address), &a, NULL) == MRL_OK);
    must(mrl_listener_open(&config, &out, NULL) == MRL_OK);
    return out;
}

static void *run(void *context)
{
    struct fixture *f = context;

    urcu_memb_register_thread();
    must(mrl_loop_run(f->loop) == MRL_OK);
    urcu_memb_unregister_thread();
    return NULL;
}

static void start_server(struct fixture *f, const struct fixture_config *config)
{
    const struct mrl_conns_config conns = {.loop = f->loop};
    struct mrl_http_server_config server = {
        .handler = handle,
        .refused = on_refused,
        .context = f,
        .head_bytes = config->head_bytes,
        .body_bytes = config->body_bytes,
        .opaque_path = config->opaque_path,
        .request_timeout_ms = config->request_timeout_ms,
        .idle_timeout_ms = config->idle_timeout_ms,
    };

    must(mrl_conns_new(&conns, &f->conns) == MRL_OK);
    must(mrl_mailbox_new(f->loop, f, &f->mailbox) == MRL_OK);
    must(mrl_service_new("jobs", 1, config->queue_limit > 0 ? config->queue_limit : 16,
                         &f->service) == MRL_OK);
    server.loop = f->loop;
    server.conns = f->conns;
    server.mailbox = f->mailbox;
    server.service = f->service;
    must(mrl_http_server_new(&server, &f->server) == MRL_OK);
}

void fixture_start(struct fixture *f, const struct fixture_config *config)
{
    *f = (struct fixture){0};
    must(sem_init(&f->began, 0, 0) == 0 && sem_init(&f->go, 0, 0) == 0);
    (void)snprintf(f->folder, sizeof(f->folder), "/tmp/http-test-XXXXXX");
    must(mkdtemp(f->folder) != NULL);
    (void)snprintf(f->local, sizeof(f->local), "unix:%s/s", f->folder);
    pki_init(&f->pki);
    must(mrl_loop_new(&f->loop) == MRL_OK);
    start_server(f, config);
    start_tls(f);
    f->local_listener = listen_on(f, f->local, on_local);
    f->tls_listener = listen_on(f, "127.0.0.1:0", on_tls);
    mrl_address_format(mrl_listener_address(f->tls_listener), f->remote);
    must(pthread_create(&f->thread, NULL, run, f) == 0);
}

static void close_listeners(struct fixture *f)
{
    mrl_listener_close(f->local_listener);
    mrl_listener_close(f->tls_listener);
}

void fixture_halt(struct fixture *f)
{
    fixture_run(f, close_listeners);
    mrl_loop_stop(f->loop);
    must(pthread_join(f->thread, NULL) == 0);
}

void fixture_free(struct fixture *f)
{
    mrl_conns_free(f->conns);
    mrl_service_free(f->service);
    mrl_http_server_free(f->server);
    mrl_mailbox_free(f->mailbox);
    mrl_tls_context_free(f->tls);
    mrl_loop_free(f->loop);
    pki_done(&f->pki);
    must(rmdir(f->folder) == 0);
    sem_destroy(&f->began);
    sem_destroy(&f->go);
}

void fixture_stop(struct fixture *f)
{
    fixture_halt(f);
    fixture_free(f);
}

struct request_to_run {
    struct mrl_message message;
    void (*run)(struct fixture *f);
    sem_t done;
};

static void run_request(struct mrl_message *m, void *owner)
{
    struct request_to_run *r = MRL_CONTAINER(m, struct request_to_run, message);

    r->run(owner);
    sem_post(&r->done);
}

void fixture_run(struct fixture *f, void (*run_there)(struct fixture *f))
{
    struct request_to_run r = {.message.handle = run_request, .run = run_there};

    must(sem_init(&r.done, 0, 0) == 0);
    mrl_mailbox_post(f->mailbox, &r.message);
    must(sem_wait(&r.done) == 0);
    sem_destroy(&r.done);
}

bool fixture_wait(atomic_int *value, int wanted)
{
    uint64_t until = mrl_monotonic_ms() + PATIENCE_MS;

    while (atomic_load(value) < wanted) {
        if (mrl_monotonic_ms() > until)
            return false;
        (void)usleep(PAUSE_US); /* woken early: asks again */
    }
    return true;
}

static atomic_int counted;

static void count(struct fixture *f)
{
    atomic_store(&counted, (int)mrl_http_server_connections(f->server));
}

bool fixture_connections(struct fixture *f, size_t wanted)
{
    uint64_t until = mrl_monotonic_ms() + PATIENCE_MS;

    for (fixture_run(f, count); atomic_load(&counted) != (int)wanted; fixture_run(f, count)) {
        if (mrl_monotonic_ms() > until)
            return false;
        (void)usleep(PAUSE_US);
    }
    return true;
}

/* ---- the raw client ---- */

int raw_connect(const struct fixture *f)
{
    struct mrl_address a;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    must(mrl_address_parse(mrl_str(f->local), &a, NULL) == MRL_OK);
    must(fd >= 0 && connect(fd, &a.sa.any, a.len) == 0);
    return fd;
}

void raw_send_bytes(int fd, mrl_bytes bytes)
{
    while (bytes.len > 0) {
        ssize_t sent = send(fd, bytes.data, bytes.len, MSG_NOSIGNAL);

        if (sent <= 0)
            return; /* the server closed: what it said is still to be read */
        bytes = mrl_bytes_sub(bytes, (size_t)sent, bytes.len);
    }
}

void raw_send(int fd, const char *text)
{
    raw_send_bytes(fd, mrl_str(text));
}

static bool receive(int fd, struct mrl_buf *to)
{
    struct pollfd p = {fd, POLLIN, 0};
    uint8_t *room;
    ssize_t got;

    if (poll(&p, 1, PATIENCE_MS) != 1)
        return false;
    must(mrl_buf_reserve(to, 4096, &room) == MRL_OK);
    got = recv(fd, room, 4096, 0);
    mrl_buf_added(to, got > 0 ? (size_t)got : 0);
    return got > 0;
}

static bool read_head(int fd, struct mrl_buf *pending, bool to_head, struct raw_answer *out)
{
    const struct mrl_http_limits limits = {1 << 16, MRL_HTTP_HEADERS_MAX, 0, 1 << 26};
    mrl_err err = MRL_ERR_AGAIN;

    while (err == MRL_ERR_AGAIN) {
        if (pending->len > 0)
            err =
                mrl_http_read_response(mrl_buf_bytes(pending), &limits, to_head, &out->head, NULL);
        if (err == MRL_ERR_AGAIN && !receive(fd, pending))
            return false;
    }
    if (err != MRL_OK)
        return false;
    must(mrl_buf_append(&out->bytes,
                        mrl_bytes_sub(mrl_buf_bytes(pending), 0, out->head.head_len)) == MRL_OK);
    mrl_buf_consume(pending, out->head.head_len);
    return mrl_http_read_response(mrl_buf_bytes(&out->bytes), &limits, to_head, &out->head, NULL) ==
           MRL_OK;
}

bool raw_read(int fd, struct mrl_buf *pending, bool to_head, struct raw_answer *out)
{
    MRL_SCOPED(mrl_buf) content = {0};
    struct mrl_http_body body;
    mrl_err err = MRL_ERR_AGAIN;

    *out = (struct raw_answer){0};
    if (!read_head(fd, pending, to_head, out))
        return false;
    mrl_http_body_start(&body, out->head.framing, out->head.length, 1 << 26);
    while (err == MRL_ERR_AGAIN) {
        size_t used;

        err = mrl_http_body_read(&body, mrl_buf_bytes(pending), &used, &content, NULL, NULL);
        mrl_buf_consume(pending, used);
        if (err == MRL_ERR_AGAIN && !receive(fd, pending))
            return false;
    }
    out->body.len = content.len;
    out->body.data = content.data;
    content = (struct mrl_buf){0}; /* the answer owns it now */
    return err == MRL_OK;
}

void raw_answer_done(struct raw_answer *a)
{
    free((void *)(uintptr_t)a->body.data);
    mrl_buf_done(&a->bytes);
    *a = (struct raw_answer){0};
}

bool raw_is_closed(int fd)
{
    struct pollfd p = {fd, POLLIN, 0};
    uint8_t byte;

    return poll(&p, 1, PATIENCE_MS) == 1 && recv(fd, &byte, 1, 0) <= 0;
}

struct raw_client raw_open(const struct fixture *f)
{
    return (struct raw_client){.fd = raw_connect(f)};
}

void raw_leave(struct raw_client *c)
{
    if (c->fd >= 0)
        (void)close(c->fd);
    c->fd = -1;
    mrl_buf_done(&c->pending);
}

struct raw_answer raw_next(struct raw_client *c)
{
    struct raw_answer a;

    assert_true(raw_read(c->fd, &c->pending, /*to_head=*/false, &a));
    return a;
}

struct raw_answer raw_ask(struct raw_client *c, const char *request)
{
    raw_send(c->fd, request);
    return raw_next(c);
}

void raw_expect_answer(struct raw_client *c, unsigned status, const char *body)
{
    struct raw_answer a = raw_next(c);

    assert_int_equal(a.head.status, status);
    if (body != NULL)
        assert_bytes_equal(a.body, mrl_str(body));
    raw_answer_done(&a);
}

void raw_expect(struct raw_client *c, const char *request, unsigned status, const char *body)
{
    raw_send(c->fd, request);
    raw_expect_answer(c, status, body);
}

mrl_bytes raw_header(const struct raw_answer *a, const char *name)
{
    const mrl_bytes *value = mrl_http_header(&a->head.headers, name);

    return value == NULL ? MRL_BYTES_NONE : *value;
}
