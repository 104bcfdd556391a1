/* SPDX-License-Identifier: Apache-2.0 */
/* Two workers in two threads: one shakes hands, the other is the home of every connection. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "net/conn.h"
#include "net/listener.h"
#include "net/mailbox.h"
#include "tests/unit/net/one_device.h"
#include "tests/unit/unit.h"

enum { CLIENTS = 20, PATIENCE_MS = 30000 };

struct worker {
    pthread_t thread;
    struct mrl_loop *loop;
    struct mrl_conns *conns;
    struct mrl_mailbox *mailbox;
    struct mrl_tls_context *tls;
    struct worker *home;
    unsigned closed;
};

struct move {
    struct mrl_message message;
    struct mrl_conn_parcel *parcel;
};

static enum mrl_tls_refusal judge(void *context, const struct mrl_fingerprint *fp)
{
    (void)context;
    (void)fp;
    return MRL_TLS_ACCEPTED;
}

static void on_closed(struct mrl_conn *c, const struct mrl_conn_closed *closed)
{
    struct worker *w = mrl_conn_user(c);

    (void)closed;
    w->closed++;
}

static void echo(struct mrl_conn *c, struct mrl_buf *in)
{
    if (mrl_conn_write(c, mrl_buf_bytes(in)) != MRL_OK)
        abort();
    mrl_buf_clear(in);
}

static const struct mrl_conn_kind at_home = {.on_data = echo, .on_closed = on_closed};

static void arrive(struct mrl_message *message, void *owner)
{
    struct move *m = MRL_CONTAINER(message, struct move, message);
    struct worker *w = owner;
    struct mrl_conn *c;

    if (mrl_conn_adopt(w->conns, m->parcel, &at_home, w, &c) != MRL_OK)
        abort();
    free(m);
}

static void drop(struct mrl_message *message)
{
    struct move *m = MRL_CONTAINER(message, struct move, message);

    mrl_conn_parcel_free(m->parcel);
    free(m);
}

static void send_home(struct mrl_conn *c, struct mrl_buf *in)
{
    struct worker *w = mrl_conn_user(c);
    struct move *m = calloc(1, sizeof(*m));

    (void)in; /* travels with the connection */
    if (m == NULL || mrl_conn_detach(c, &m->parcel) != MRL_OK)
        abort();
    m->message.handle = arrive;
    m->message.drop = drop;
    mrl_mailbox_post(w->home->mailbox, &m->message);
}

static const struct mrl_conn_kind at_door = {.on_data = send_home, .on_closed = on_closed};

static void accepted(void *context, int fd, const struct mrl_peer *peer)
{
    struct worker *w = context;
    struct mrl_conn *c;

    if (mrl_conn_accept_tls(w->conns, fd, peer, w->tls, &at_door, w, &c) != MRL_OK)
        abort();
}

static void *work(void *argument)
{
    struct worker *w = argument;

    return mrl_loop_run(w->loop) == MRL_OK ? NULL : w;
}

static void open_worker(struct worker *w, struct worker *home)
{
    struct mrl_conns_config config = {0};

    *w = (struct worker){.home = home};
    assert_ok(mrl_loop_new(&w->loop));
    config.loop = w->loop;
    assert_ok(mrl_conns_new(&config, &w->conns));
    assert_ok(mrl_mailbox_new(w->loop, w, &w->mailbox));
}

static void close_worker(struct worker *w)
{
    mrl_mailbox_free(w->mailbox);
    mrl_conns_free(w->conns);
    mrl_loop_free(w->loop);
    mrl_tls_context_free(w->tls);
}

struct client {
    struct mrl_conn *conn;
    size_t got;
    unsigned *done;
};

static void say_hello(struct mrl_conn *c)
{
    if (mrl_conn_write(c, MRL_LIT("hello")) != MRL_OK)
        abort();
}

static void hear(struct mrl_conn *c, struct mrl_buf *in)
{
    struct client *me = mrl_conn_user(c);

    if (!mrl_bytes_starts(MRL_LIT("hello"), mrl_bytes_sub(mrl_buf_bytes(in), 0, 5)))
        abort();
    me->got += in->len;
    mrl_buf_clear(in);
    if (me->got == 5)
        (*me->done)++;
}

static void client_closed(struct mrl_conn *c, const struct mrl_conn_closed *closed)
{
    (void)c;
    (void)closed;
}

static const struct mrl_conn_kind client_kind = {
    .on_open = say_hello, .on_data = hear, .on_closed = client_closed};

static void connections_move_between_running_workers(void **state)
{
    const struct mrl_tls_server_config server = {.client_certificate = MRL_CLIENT_CERT_REQUIRED,
                                                 .judge = judge};
    const struct mrl_tls_client_config outward = {.roots = &pki.roots};
    static struct client clients[CLIENTS];
    struct mrl_listener_config listening = {.accepted = accepted};
    struct mrl_listener *listener = NULL;
    struct worker door, home, outside;
    struct mrl_address any;
    uint64_t end = mrl_monotonic_ms() + PATIENCE_MS;
    unsigned done = 0;
    void *failed;

    (void)state;
    open_worker(&home, NULL);
    open_worker(&door, &home);
    open_worker(&outside, NULL);
    assert_ok(mrl_tls_server_new(&server, &door.tls, NULL));
    assert_ok(mrl_tls_context_set_identity(door.tls, &pki.server.chain, pki.server.key, NULL));
    assert_ok(mrl_tls_client_new(&outward, &outside.tls, NULL));
    assert_ok(mrl_tls_context_set_identity(outside.tls, &device.chain, device.key, NULL));
    assert_ok(mrl_address_parse(MRL_LIT("127.0.0.1:0"), &any, NULL));
    listening.loop = door.loop;
    listening.address = &any;
    listening.context = &door;
    assert_ok(mrl_listener_open(&listening, &listener, NULL));
    any = *mrl_listener_address(listener);
    assert_int_equal(pthread_create(&home.thread, NULL, work, &home), 0);
    assert_int_equal(pthread_create(&door.thread, NULL, work, &door), 0);
    for (size_t i = 0; i < CLIENTS; i++) {
        clients[i] = (struct client){.done = &done};
        assert_ok(mrl_conn_connect_tls(outside.conns, &any, outside.tls, MRL_LIT("localhost"),
                                       &client_kind, &clients[i], &clients[i].conn));
    }
    while (done < CLIENTS) {
        assert_true(mrl_monotonic_ms() < end);
        assert_ok(mrl_loop_turn(outside.loop, 20));
    }
    mrl_loop_stop(door.loop);
    mrl_loop_stop(home.loop);
    assert_int_equal(pthread_join(door.thread, &failed), 0);
    assert_null(failed);
    assert_int_equal(pthread_join(home.thread, &failed), 0);
    assert_null(failed);
    assert_int_equal(mrl_conns_count(door.conns).open, 0);
    assert_int_equal(mrl_conns_count(home.conns).open, CLIENTS);
    mrl_listener_close(listener);
    close_worker(&door); /* its TLS context goes before the connections that came from it */
    close_worker(&home);
    assert_int_equal(home.closed, CLIENTS);
    assert_int_equal(door.closed, 0);
    close_worker(&outside);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(connections_move_between_running_workers)};

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
