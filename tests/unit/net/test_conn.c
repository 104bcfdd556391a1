/* SPDX-License-Identifier: Apache-2.0 */
/* Real sockets on loopback; both ends on one loop, or on two where it is about two workers. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "net/conn_internal.h"
#include "net/listener.h"
#include "tests/unit/net/one_device.h"
#include "tests/unit/net/turn.h"

enum { CERTIFICATE_REVOKED = 44, LIMIT = 5000 };

static enum mrl_tls_refusal verdict;

static enum mrl_tls_refusal judge(void *context, const struct mrl_fingerprint *fp)
{
    (void)context;
    (void)fp;
    return verdict;
}

/* One end as its user sees it. */
struct end {
    struct mrl_conn *conn; /* NULL: not yet or not any more */
    struct mrl_buf got;
    size_t take; /* bytes to take of each on_data; 0: all */
    unsigned opened, shown, drained, closed;
    struct mrl_conn_closed how;
    bool detach; /* in on_data; likewise pause */
    bool pause;
    struct mrl_conn_parcel *parcel;
};

static void on_open(struct mrl_conn *c)
{
    struct end *e = mrl_conn_user(c);

    e->opened++;
}

static void on_data(struct mrl_conn *c, struct mrl_buf *in)
{
    struct end *e = mrl_conn_user(c);
    size_t take = e->take > 0 && e->take < in->len ? e->take : in->len;

    e->shown++;
    if (e->detach) {
        assert_ok(mrl_conn_detach(c, &e->parcel));
        e->conn = NULL;
        return;
    }
    assert_ok(mrl_buf_append(&e->got, mrl_bytes_of(in->data, take)));
    mrl_buf_consume(in, take);
    if (e->pause)
        mrl_conn_pause(c);
}

static void on_drained(struct mrl_conn *c)
{
    struct end *e = mrl_conn_user(c);

    e->drained++;
}

static void on_closed(struct mrl_conn *c, const struct mrl_conn_closed *closed)
{
    struct end *e = mrl_conn_user(c);

    e->closed++;
    e->how = *closed;
    e->how.facts = NULL; /* not ours after this call */
    e->conn = NULL;
}

static const struct mrl_conn_kind kind = {.on_open = on_open,
                                          .on_data = on_data,
                                          .on_drained = on_drained,
                                          .on_closed = on_closed,
                                          .input_limit = LIMIT,
                                          .backlog_limit = LIMIT};
static const struct mrl_conn_kind roomy = {.on_data = on_data, .on_closed = on_closed};

struct world {
    struct mrl_loop *loop;
    struct mrl_conns *conns;
    struct mrl_listener *listener;
    struct mrl_tls_tickets *tickets;
    struct mrl_tls_context *server_tls;
    struct mrl_tls_context *client_tls;
    struct end server;
    struct end client;
    mrl_err accepted;
};

static void accepted(void *context, int fd, const struct mrl_peer *peer)
{
    struct world *w = context;

    assert_true(mrl_peer_is_loopback(peer));
    w->accepted =
        mrl_conn_accept_tls(w->conns, fd, peer, w->server_tls, &kind, &w->server, &w->server.conn);
}

static void make_tls(struct world *w)
{
    const struct mrl_tls_server_config server = {.client_certificate = MRL_CLIENT_CERT_REQUIRED,
                                                 .judge = judge,
                                                 .roots = &pki.roots,
                                                 .tickets = w->tickets};
    const struct mrl_tls_client_config client = {.roots = &pki.roots};

    assert_ok(mrl_tls_server_new(&server, &w->server_tls, NULL));
    assert_ok(mrl_tls_context_set_identity(w->server_tls, &pki.server.chain, pki.server.key, NULL));
    assert_ok(mrl_tls_client_new(&client, &w->client_tls, NULL));
    assert_ok(mrl_tls_context_set_identity(w->client_tls, &device.chain, device.key, NULL));
}

static void open_world(struct world *w, uint64_t timeout_ms, size_t handshakes)
{
    struct mrl_address any;
    struct mrl_conns_config conns = {.handshake_timeout_ms = timeout_ms,
                                     .handshakes_limit = handshakes};
    struct mrl_listener_config listener = {.address = &any, .context = w, .accepted = accepted};

    *w = (struct world){0};
    verdict = MRL_TLS_ACCEPTED;
    assert_ok(mrl_address_parse(MRL_LIT("127.0.0.1:0"), &any, NULL));
    assert_ok(mrl_loop_new(&w->loop));
    conns.loop = listener.loop = w->loop;
    assert_ok(mrl_conns_new(&conns, &w->conns));
    assert_ok(mrl_tls_tickets_new(0, 0, &w->tickets));
    make_tls(w);
    assert_ok(mrl_listener_open(&listener, &w->listener, NULL));
}

static void close_world(struct world *w)
{
    mrl_listener_close(w->listener);
    mrl_conns_free(w->conns);
    mrl_loop_free(w->loop);
    mrl_tls_context_free(w->server_tls);
    mrl_tls_context_free(w->client_tls);
    mrl_tls_tickets_free(w->tickets);
    mrl_buf_done(&w->server.got);
    mrl_buf_done(&w->client.got);
}

static void dial(struct world *w)
{
    assert_ok(mrl_conn_connect_tls(w->conns, mrl_listener_address(w->listener), w->client_tls,
                                   MRL_LIT("127.0.0.1"), &kind, &w->client, &w->client.conn));
}

static void dial_and_open(struct world *w)
{
    dial(w);
    turn_until(w->loop, w->server.opened == 1 && w->client.opened == 1);
}

/* A socket that speaks whatever the test wants. */
static int dial_raw(struct world *w)
{
    const struct mrl_address *a = mrl_listener_address(w->listener);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, &a->sa.any, a->len), 0);
    return fd;
}

static void bytes_go_both_ways_and_an_idle_connection_holds_no_buffer(void **state)
{
    struct world w;

    (void)state;
    open_world(&w, 0, 0);
    dial_and_open(&w);
    assert_ok(mrl_conn_write(w.client.conn, MRL_LIT("one ")));
    assert_ok(mrl_conn_write(w.client.conn, MRL_LIT("record")));
    turn_until(w.loop, w.server.got.len == 10);
    assert_int_equal(w.server.shown, 1); /* written in one turn: one record */
    assert_ok(mrl_conn_write(w.server.conn, MRL_LIT("answer")));
    turn_until(w.loop, w.client.got.len == 6);
    assert_int_equal(w.server.drained, 1);
    assert_int_equal(mrl_conns_count(w.conns).buffers, 0);
    assert_memory_equal(&mrl_conn_facts(w.server.conn)->fingerprint, &device.fingerprint, 32);
    mrl_conn_close(w.client.conn);
    turn_until(w.loop, w.client.closed == 1 && w.server.closed == 1);
    assert_int_equal(w.client.how.end, MRL_END_LOCAL);
    assert_int_equal(w.server.how.end, MRL_END_PEER);
    close_world(&w);
}

static void what_waits_is_sent_before_closing_and_an_abort_is_not_proper(void **state)
{
    struct world w;

    (void)state;
    open_world(&w, 0, 0);
    dial_and_open(&w);
    assert_ok(mrl_conn_write(w.server.conn, MRL_LIT("last words")));
    mrl_conn_close(w.server.conn);
    assert_int_equal(mrl_conn_write(w.server.conn, MRL_LIT("late")), MRL_ERR_STATE);
    turn_until(w.loop, w.client.closed == 1);
    assert_bytes_equal(mrl_buf_bytes(&w.client.got), MRL_LIT("last words"));
    assert_int_equal(w.client.how.end, MRL_END_PEER);
    close_world(&w);
    open_world(&w, 0, 0);
    dial_and_open(&w);
    assert_ok(mrl_conn_write(w.server.conn, MRL_LIT("thrown away")));
    mrl_conn_abort(w.server.conn);
    turn_until(w.loop, w.client.closed == 1);
    assert_int_equal(w.client.got.len, 0);
    assert_int_equal(w.client.how.end, MRL_END_LOST);
    close_world(&w);
}

static void a_refused_device_learns_why_and_so_do_we(void **state)
{
    struct world w;

    (void)state;
    open_world(&w, 0, 0);
    verdict = MRL_TLS_REVOKED;
    dial(&w);
    turn_until(w.loop, w.server.closed == 1 && w.client.closed == 1);
    assert_int_equal(w.server.opened, 0);
    assert_int_equal(w.server.how.end, MRL_END_REFUSED);
    assert_int_equal(w.server.how.refusal, MRL_TLS_REVOKED);
    assert_int_equal(w.client.how.peer_alert, CERTIFICATE_REVOKED);
    close_world(&w);
}

static void expect_answer(mrl_bytes first, mrl_bytes answer)
{
    struct world w;
    char got[256];
    size_t len = 0;
    ssize_t more;
    int fd;

    open_world(&w, 0, 0);
    fd = dial_raw(&w);
    assert_int_equal(send(fd, first.data, first.len, MSG_NOSIGNAL), first.len);
    turn_until(w.loop, w.server.closed == 1);
    assert_int_equal(w.server.how.end, MRL_END_REFUSED);
    assert_int_equal(w.server.how.refusal, MRL_TLS_PLAINTEXT);
    while ((more = recv(fd, got + len, sizeof(got) - len, 0)) > 0)
        len += (size_t)more;
    assert_int_equal(more, 0); /* an orderly end, no reset */
    assert_true(mrl_bytes_starts(mrl_bytes_of(got, len), answer));
    if (answer.len == 0)
        assert_int_equal(len, 0);
    close(fd);
    turn_until(w.loop, mrl_conns_count(w.conns).open == 0); /* does not linger longer than needed */
    close_world(&w);
}

static void plaintext_is_answered_in_its_own_protocol(void **state)
{
    (void)state;
    expect_answer(MRL_LIT("\x10\x0e\0\4MQTT\4\2\0\x3c\0\2me"), MRL_LIT("\x20\x02\x00\x05"));
    expect_answer(MRL_LIT("\x10\x0f\0\4MQTT\5\2\0\x3c\0\0\2me"), MRL_LIT("\x20\x03\x00\x87\x00"));
    expect_answer(MRL_LIT("\x10"), MRL_LIT("\x20\x02\x00\x05"));
    expect_answer(MRL_LIT("GET / HTTP/1.1\r\nHost: x\r\n\r\n"), MRL_LIT("HTTP/1.1 400 "));
    expect_answer(MRL_LIT("\x15\x03\x01 no handshake"), MRL_BYTES_NONE);
    expect_answer(MRL_LIT("\0"), MRL_BYTES_NONE);
}

static void a_silent_peer_and_a_half_handshake_time_out(void **state)
{
    struct world w;
    int fd;

    (void)state;
    for (int i = 0; i < 2; i++) {
        open_world(&w, 100, 0);
        fd = dial_raw(&w);
        if (i == 1)
            assert_int_equal(send(fd, "\x16\x03\x01\x02", 4, MSG_NOSIGNAL), 4);
        turn_until(w.loop, w.server.closed == 1);
        assert_int_equal(w.server.how.end, MRL_END_REFUSED);
        assert_int_equal(w.server.how.refusal, MRL_TLS_TIMEOUT);
        close(fd);
        close_world(&w);
    }
}

static void handshakes_in_progress_are_limited(void **state)
{
    struct world w;
    int fds[3];

    (void)state;
    open_world(&w, 0, 2);
    for (size_t i = 0; i < MRL_COUNT(fds); i++) {
        fds[i] = dial_raw(&w);
        w.accepted = MRL_ERR_AGAIN;
        turn_until(w.loop, w.accepted != MRL_ERR_AGAIN);
        assert_int_equal(w.accepted, i < 2 ? MRL_OK : MRL_ERR_BUSY);
    }
    assert_int_equal(mrl_conns_count(w.conns).handshakes, 2);
    for (size_t i = 0; i < MRL_COUNT(fds); i++)
        close(fds[i]);
    turn_until(w.loop, mrl_conns_count(w.conns).handshakes == 0);
    close_world(&w);
}

static void the_backlog_holds_at_limit_and_ends_one_above(void **state)
{
    static const uint8_t many[LIMIT];
    struct world w;

    (void)state;
    open_world(&w, 0, 0);
    dial_and_open(&w);
    assert_ok(mrl_conn_write(w.server.conn, mrl_bytes_of(many, LIMIT)));
    assert_int_equal(mrl_conn_backlog(w.server.conn), LIMIT);
    turn_until(w.loop, w.client.got.len == LIMIT);
    assert_ok(mrl_conn_write(w.server.conn, mrl_bytes_of(many, LIMIT)));
    assert_ok(mrl_conn_write(w.server.conn, MRL_LIT("!")));
    assert_int_equal(mrl_conn_write(w.server.conn, MRL_LIT("!")), MRL_ERR_LIMIT);
    assert_int_equal(w.server.closed, 0); /* not inside the call */
    turn_until(w.loop, w.server.closed == 1);
    assert_int_equal(w.server.how.end, MRL_END_BACKLOG);
    close_world(&w);
}

static void what_is_larger_than_the_backlog_goes_where_nothing_waits(void **state)
{
    static const uint8_t many[3 * LIMIT];
    struct world w;

    (void)state;
    open_world(&w, 0, 0);
    dial_and_open(&w);
    assert_ok(mrl_conn_write(w.server.conn, mrl_bytes_of(many, sizeof(many))));
    turn_until(w.loop, w.client.got.len == sizeof(many));
    assert_int_equal(w.server.closed, 0);
    close_world(&w);
}

static void what_is_allowed_waits_beside_the_limit_until_all_is_sent(void **state)
{
    enum { MORE = 1000 };
    static const uint8_t many[LIMIT + MORE];
    struct world w;

    (void)state;
    open_world(&w, 0, 0);
    dial_and_open(&w);
    mrl_conn_allow(w.server.conn, MORE);
    assert_ok(mrl_conn_write(w.server.conn, mrl_bytes_of(many, LIMIT + MORE)));
    assert_ok(mrl_conn_write(w.server.conn, MRL_LIT("!")));
    turn_until(w.loop, w.client.got.len == LIMIT + MORE + 1);
    assert_ok(mrl_conn_write(w.server.conn, mrl_bytes_of(many, LIMIT + 1)));
    assert_int_equal(mrl_conn_write(w.server.conn, MRL_LIT("!")), MRL_ERR_LIMIT);
    close_world(&w);
}

static void with_one_byte_more_than_is_allowed_it_ends(void **state)
{
    static const uint8_t many[LIMIT + 2];
    struct world w;

    (void)state;
    open_world(&w, 0, 0);
    dial_and_open(&w);
    mrl_conn_allow(w.server.conn, 1000);
    mrl_conn_allow(w.server.conn, 1); /* instead of it */
    assert_ok(mrl_conn_write(w.server.conn, mrl_bytes_of(many, LIMIT + 2)));
    assert_int_equal(mrl_conn_write(w.server.conn, MRL_LIT("!")), MRL_ERR_LIMIT);
    turn_until(w.loop, w.server.closed == 1);
    assert_int_equal(w.server.how.end, MRL_END_BACKLOG);
    close_world(&w);
}

static void a_mebibyte_waits_where_nothing_else_is_said(void **state)
{
    enum { MEBIBYTE = 1 << 20 };
    static const uint8_t many[MEBIBYTE];
    struct world w;

    (void)state;
    open_world(&w, 0, 0);
    dial_and_open(&w);
    mrl_conn_set_kind(w.server.conn, &roomy);
    assert_ok(mrl_conn_write(w.server.conn, mrl_bytes_of(many, MEBIBYTE)));
    assert_ok(mrl_conn_write(w.server.conn, MRL_LIT("!")));
    assert_int_equal(mrl_conn_write(w.server.conn, MRL_LIT("!")), MRL_ERR_LIMIT);
    turn_until(w.loop, w.server.closed == 1);
    assert_int_equal(w.server.how.end, MRL_END_BACKLOG);
    close_world(&w);
}

static void what_is_not_taken_is_kept_up_to_its_limit(void **state)
{
    static const uint8_t many[LIMIT];
    struct world w;

    (void)state;
    open_world(&w, 0, 0);
    dial_and_open(&w);
    w.server.take = 1;
    assert_ok(mrl_conn_write(w.client.conn, mrl_bytes_of(many, LIMIT)));
    turn_until(w.loop, w.server.shown == 1); /* LIMIT - 1 are left */
    assert_ok(mrl_conn_write(w.client.conn, MRL_LIT("ab")));
    turn_until(w.loop, w.server.shown == 2); /* LIMIT are left */
    assert_int_equal(w.server.closed, 0);
    assert_ok(mrl_conn_write(w.client.conn, MRL_LIT("ab")));
    turn_until(w.loop, w.server.closed == 1);
    assert_int_equal(w.server.how.end, MRL_END_INPUT_LIMIT);
    close_world(&w);
}

static void a_paused_connection_is_silent_and_shows_everything_later(void **state)
{
    struct world w;

    (void)state;
    open_world(&w, 0, 0);
    dial_and_open(&w);
    w.server.take = 1;
    assert_ok(mrl_conn_write(w.client.conn, MRL_LIT("abc")));
    turn_until(w.loop, w.server.shown == 1);
    mrl_conn_pause(w.server.conn);
    assert_int_equal(w.server.conn->watch.events, EPOLLIN); /* asked for until something comes */
    assert_ok(mrl_conn_write(w.client.conn, MRL_LIT("def")));
    for (int i = 0; i < 5; i++)
        assert_ok(mrl_loop_turn(w.loop, 5));
    assert_int_equal(w.server.shown, 1);
    assert_int_equal(w.server.conn->watch.events, 0); /* the loop does not spin */
    w.server.take = 0;
    mrl_conn_resume(w.server.conn);
    turn_until(w.loop, w.server.got.len == 6);
    assert_bytes_equal(mrl_buf_bytes(&w.server.got), MRL_LIT("abcdef"));
    close_world(&w);
}

/* The session ticket is with the client and not read yet. */
static void what_comes_while_closing_does_not_keep_last_words_back(void **state)
{
    struct world w;

    (void)state;
    open_world(&w, 0, 0);
    dial_and_open(&w);
    assert_ok(mrl_conn_write(w.client.conn, MRL_LIT("bye")));
    mrl_conn_close(w.client.conn);
    turn_until(w.loop, w.server.closed == 1);
    assert_bytes_equal(mrl_buf_bytes(&w.server.got), MRL_LIT("bye"));
    assert_int_equal(w.server.how.end, MRL_END_PEER);
    close_world(&w);
}

/* Both are opened from one reading of the socket, and only the data is shown before the pause. */
static void a_close_that_came_with_data_is_told_after_the_pause(void **state)
{
    struct world w;

    (void)state;
    open_world(&w, 0, 0);
    dial_and_open(&w);
    assert_ok(mrl_conn_write(w.server.conn, MRL_LIT("hello")));
    turn_until(w.loop, w.client.got.len == 5);
    w.server.pause = true;
    assert_ok(mrl_conn_write(w.client.conn, MRL_LIT("bye")));
    mrl_conn_close(w.client.conn);
    turn_until(w.loop, w.server.got.len == 3);
    for (int i = 0; i < 5; i++)
        assert_ok(mrl_loop_turn(w.loop, 5));
    assert_int_equal(w.server.closed, 0);
    mrl_conn_resume(w.server.conn);
    turn_until(w.loop, w.server.closed == 1);
    assert_int_equal(w.server.how.end, MRL_END_PEER);
    close_world(&w);
}

static void a_connection_moves_with_its_unread_bytes(void **state)
{
    struct world w;
    struct mrl_loop *home = NULL;
    struct mrl_conns *conns = NULL;
    struct mrl_conns_config config = {0};
    struct end after = {0};

    (void)state;
    open_world(&w, 0, 0);
    assert_ok(mrl_loop_new(&home));
    config.loop = home;
    assert_ok(mrl_conns_new(&config, &conns));
    dial_and_open(&w);
    w.server.detach = true;
    assert_ok(mrl_conn_write(w.client.conn, MRL_LIT("CONNECT")));
    turn_until(w.loop, w.server.parcel != NULL);
    assert_ok(mrl_conn_write(w.client.conn, MRL_LIT(" PUBLISH")));
    assert_ok(mrl_loop_turn(w.loop, 5)); /* in the kernel, while nobody owns the connection */
    assert_int_equal(mrl_conns_count(w.conns).open, 1);
    assert_int_equal(mrl_conns_count(w.conns).buffers, 0);
    assert_ok(mrl_conn_adopt(conns, MRL_TAKE(w.server.parcel), &kind, &after, &after.conn));
    while (after.got.len < 15)
        assert_ok(mrl_loop_turn(home, 100));
    assert_bytes_equal(mrl_buf_bytes(&after.got), MRL_LIT("CONNECT PUBLISH"));
    assert_int_equal(after.opened, 0);
    assert_ok(mrl_conn_write(after.conn, MRL_LIT("CONNACK")));
    assert_ok(mrl_loop_turn(home, 0));
    turn_until(w.loop, w.client.got.len == 7);
    mrl_conns_free(conns);
    assert_int_equal(after.closed, 1);
    assert_int_equal(after.how.end, MRL_END_SHUTDOWN);
    mrl_loop_free(home);
    mrl_buf_done(&after.got);
    close_world(&w);
}

static void a_parcel_nobody_adopts_is_cut_off(void **state)
{
    struct world w;

    (void)state;
    open_world(&w, 0, 0);
    dial_and_open(&w);
    w.server.detach = true;
    assert_ok(mrl_conn_write(w.client.conn, MRL_LIT("CONNECT")));
    turn_until(w.loop, w.server.parcel != NULL);
    mrl_conn_parcel_free(w.server.parcel);
    turn_until(w.loop, w.client.closed == 1);
    assert_int_equal(w.client.how.end, MRL_END_LOST);
    assert_int_equal(w.server.closed, 0);
    close_world(&w);
}

static void plain_bytes_need_a_unix_socket(void **state)
{
    struct world w;
    int pair[2], tcp = socket(AF_INET, SOCK_STREAM, 0);

    (void)state;
    open_world(&w, 0, 0);
    assert_int_equal(mrl_conn_accept_unix(w.conns, tcp, NULL, &kind, &w.server, &w.server.conn),
                     MRL_ERR_INVALID);
    assert_int_equal(close(tcp), -1); /* taken, and closed */
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
    assert_ok(mrl_conn_accept_unix(w.conns, pair[0], NULL, &kind, &w.server, &w.server.conn));
    assert_ok(mrl_conn_accept_unix(w.conns, pair[1], NULL, &kind, &w.client, &w.client.conn));
    turn_until(w.loop, w.server.opened == 1 && w.client.opened == 1);
    assert_ok(mrl_conn_write(w.client.conn, MRL_LIT("hello")));
    turn_until(w.loop, w.server.got.len == 5);
    assert_null(mrl_conn_facts(w.server.conn));
    mrl_conn_close(w.server.conn);
    turn_until(w.loop, w.client.closed == 1);
    close_world(&w);
}

/* Two ends of a TCP connection on loopback. */
static void tcp_pair(int pair[2])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(at);
    int listener = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&at, &len), 0);
    pair[0] = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(pair[0], (struct sockaddr *)&at, sizeof(at)), 0);
    pair[1] = accept(listener, NULL, NULL);
    assert_true(pair[1] >= 0);
    (void)close(listener);
}

static void plain_connections_are_tcp_only_and_carry_bytes(void **state)
{
    struct world w;
    int local[2], pair[2];

    (void)state;
    open_world(&w, 0, 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, local), 0);
    assert_int_equal(
        mrl_conn_accept_plain(w.conns, local[0], NULL, &kind, &w.server, &w.server.conn),
        MRL_ERR_INVALID);
    assert_int_equal(close(local[0]), -1); /* taken, and closed */
    (void)close(local[1]);
    tcp_pair(pair);
    assert_ok(mrl_conn_accept_plain(w.conns, pair[0], NULL, &kind, &w.server, &w.server.conn));
    assert_ok(mrl_conn_accept_plain(w.conns, pair[1], NULL, &kind, &w.client, &w.client.conn));
    turn_until(w.loop, w.server.opened == 1 && w.client.opened == 1);
    assert_ok(mrl_conn_write(w.client.conn, MRL_LIT("hello")));
    turn_until(w.loop, w.server.got.len == 5);
    assert_null(mrl_conn_facts(w.server.conn));
    mrl_conn_close(w.server.conn);
    turn_until(w.loop, w.client.closed == 1);
    close_world(&w);
}

/* Both ends take descriptors; a third of the limit is for others. The clients have a loop of their
 * own, so that what the heap gains in the turns of the server is the server's. */
static void many_idle_connections_are_cheap(void **state)
{
    enum { MANY = 1000 };
    static struct end clients[MANY];
    struct mrl_conns_config config = {0};
    struct mrl_loop *outside = NULL;
    struct mrl_conns *conns = NULL;
    struct rlimit files;
    struct world w;
    size_t count, heap = 0;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &files), 0);
    count = files.rlim_cur / 3 < MANY ? files.rlim_cur / 3 : MANY;
    memset(clients, 0, sizeof(clients));
    open_world(&w, 0, 0);
    assert_ok(mrl_loop_new(&outside));
    config.loop = outside;
    assert_ok(mrl_conns_new(&config, &conns));
    for (size_t i = 0; i < count; i++) {
        assert_ok(mrl_conn_connect_tls(conns, mrl_listener_address(w.listener), w.client_tls,
                                       MRL_LIT("127.0.0.1"), &roomy, &clients[i],
                                       &clients[i].conn));
        while (w.server.opened == i) {
            assert_ok(mrl_loop_turn(outside, 0));
            heap -= mallinfo2().uordblks;
            assert_ok(mrl_loop_turn(w.loop, 0));
            heap += mallinfo2().uordblks;
        }
    }
    assert_int_equal(mrl_conns_count(w.conns).open, count);
    assert_int_equal(mrl_conns_count(w.conns).buffers, 0);
    printf("# %zu idle connections: %zu bytes of heap each at the server\n", count, heap / count);
    mrl_conns_free(conns);
    mrl_loop_free(outside);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_go_both_ways_and_an_idle_connection_holds_no_buffer),
        cmocka_unit_test(what_waits_is_sent_before_closing_and_an_abort_is_not_proper),
        cmocka_unit_test(a_refused_device_learns_why_and_so_do_we),
        cmocka_unit_test(plaintext_is_answered_in_its_own_protocol),
        cmocka_unit_test(a_silent_peer_and_a_half_handshake_time_out),
        cmocka_unit_test(handshakes_in_progress_are_limited),
        cmocka_unit_test(the_backlog_holds_at_limit_and_ends_one_above),
        cmocka_unit_test(what_is_larger_than_the_backlog_goes_where_nothing_waits),
        cmocka_unit_test(what_is_allowed_waits_beside_the_limit_until_all_is_sent),
        cmocka_unit_test(with_one_byte_more_than_is_allowed_it_ends),
        cmocka_unit_test(a_mebibyte_waits_where_nothing_else_is_said),
        cmocka_unit_test(what_is_not_taken_is_kept_up_to_its_limit),
        cmocka_unit_test(a_paused_connection_is_silent_and_shows_everything_later),
        cmocka_unit_test(what_comes_while_closing_does_not_keep_last_words_back),
        cmocka_unit_test(a_close_that_came_with_data_is_told_after_the_pause),
        cmocka_unit_test(a_connection_moves_with_its_unread_bytes),
        cmocka_unit_test(a_parcel_nobody_adopts_is_cut_off),
        cmocka_unit_test(plain_bytes_need_a_unix_socket),
        cmocka_unit_test(plain_connections_are_tcp_only_and_carry_bytes),
        cmocka_unit_test(many_idle_connections_are_cheap),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
