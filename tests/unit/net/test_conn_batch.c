/* SPDX-License-Identifier: Apache-2.0 */
/* Real sockets on loopback, many connections of one server and their peers on one loop. */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "net/conn_internal.h"
#include "net/listener.h"
#include "tests/unit/net/one_device.h"
#include "tests/unit/net/turn.h"

enum { MANY = MRL_BATCH_MOST + 6 };

static enum mrl_tls_refusal judge(void *context, const struct mrl_fingerprint *fp)
{
    (void)context;
    (void)fp;
    return MRL_TLS_ACCEPTED;
}

/* One end as its user sees it. */
struct end {
    struct mrl_conn *conn; /* NULL: not yet or not any more */
    struct mrl_buf got;
    unsigned opened, closed;
    enum mrl_conn_end how;
};

static void on_open(struct mrl_conn *c)
{
    struct end *e = mrl_conn_user(c);

    e->opened++;
}

static void on_data(struct mrl_conn *c, struct mrl_buf *in)
{
    struct end *e = mrl_conn_user(c);

    assert_ok(mrl_buf_append(&e->got, mrl_buf_bytes(in)));
    mrl_buf_clear(in);
}

static void on_closed(struct mrl_conn *c, const struct mrl_conn_closed *closed)
{
    struct end *e = mrl_conn_user(c);

    e->closed++;
    e->how = closed->end;
    e->conn = NULL;
}

static const struct mrl_conn_kind kind = {
    .on_open = on_open, .on_data = on_data, .on_closed = on_closed};

struct world {
    struct mrl_loop *loop;
    struct mrl_conns *conns;
    struct mrl_listener *listener;
    struct mrl_tls_tickets *tickets;
    struct mrl_tls_context *server_tls;
    struct mrl_tls_context *client_tls;
    struct end servers[MANY];
    struct end clients[MANY];
    unsigned accepted;
    /* Runs behind the writes that were asked for before it, where their records wait. */
    struct mrl_later between;
    void (*act)(struct world *w);
    bool acted;
    struct mrl_conn_parcel *parcel;
};

static void accepted(void *context, int fd, const struct mrl_peer *peer)
{
    struct world *w = context;
    struct end *e = &w->servers[w->accepted++];

    assert_ok(mrl_conn_accept_tls(w->conns, fd, peer, w->server_tls, &kind, e, &e->conn));
}

static void run_between(struct mrl_later *l)
{
    struct world *w = MRL_CONTAINER(l, struct world, between);

    assert_true(w->servers[0].conn->batched && w->servers[1].conn->batched);
    w->acted = true;
    w->act(w);
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

/* Pairs are opened one after the other: servers[i] and clients[i] are the ends of one. */
static struct world *open_world(unsigned pairs)
{
    struct world *w = calloc(1, sizeof(*w));
    struct mrl_address any;
    struct mrl_conns_config conns = {0};
    struct mrl_listener_config listener = {.address = &any, .context = w, .accepted = accepted};

    assert_non_null(w);
    w->between.run = run_between;
    assert_ok(mrl_address_parse(MRL_LIT("127.0.0.1:0"), &any, NULL));
    assert_ok(mrl_loop_new(&w->loop));
    conns.loop = listener.loop = w->loop;
    assert_ok(mrl_conns_new(&conns, &w->conns));
    assert_ok(mrl_tls_tickets_new(0, 0, &w->tickets));
    make_tls(w);
    assert_ok(mrl_listener_open(&listener, &w->listener, NULL));
    for (unsigned i = 0; i < pairs; i++) {
        struct end *e = &w->clients[i];

        assert_ok(mrl_conn_connect_tls(w->conns, mrl_listener_address(w->listener), w->client_tls,
                                       MRL_LIT("127.0.0.1"), &kind, e, &e->conn));
        turn_until(w->loop, w->servers[i].opened == 1 && e->opened == 1);
    }
    return w;
}

static void close_world(struct world *w)
{
    mrl_loop_later_cancel(&w->between);
    mrl_listener_close(w->listener);
    mrl_conns_free(w->conns);
    mrl_loop_free(w->loop);
    mrl_tls_context_free(w->server_tls);
    mrl_tls_context_free(w->client_tls);
    mrl_tls_tickets_free(w->tickets);
    for (unsigned i = 0; i < MANY; i++) {
        mrl_buf_done(&w->servers[i].got);
        mrl_buf_done(&w->clients[i].got);
    }
    free(w);
}

static bool have_all(const struct world *w, unsigned pairs, size_t len)
{
    for (unsigned i = 0; i < pairs; i++)
        if (w->clients[i].got.len < len)
            return false;
    return true;
}

static void write_to_all(struct world *w, unsigned pairs, mrl_bytes text)
{
    for (unsigned i = 0; i < pairs; i++)
        assert_ok(mrl_conn_write(w->servers[i].conn, text));
}

static void more_than_a_batch_get_all_in_order_and_hold_no_buffer(void **state)
{
    struct world *w = open_world(MANY);

    (void)state;
    write_to_all(w, MANY, MRL_LIT("one, "));
    write_to_all(w, MANY, MRL_LIT("two, "));
    assert_ok(mrl_loop_turn(w->loop, 0));
    for (unsigned i = 0; i < MANY; i++)
        assert_false(w->servers[i].conn->batched);
    write_to_all(w, MANY, MRL_LIT("three"));
    turn_until(w->loop, have_all(w, MANY, 15));
    for (unsigned i = 0; i < MANY; i++)
        assert_bytes_equal(mrl_buf_bytes(&w->clients[i].got), MRL_LIT("one, two, three"));
    assert_int_equal(mrl_conns_count(w->conns).buffers, 0);
    close_world(w);
}

static void what_is_longer_and_what_is_alone_arrives_like_the_rest(void **state)
{
    static uint8_t text[MRL_BATCH_TEXT + 1];
    struct world *w = open_world(3);

    (void)state;
    memset(text, 'x', sizeof(text));
    assert_ok(mrl_conn_write(w->servers[0].conn, mrl_bytes_of(text, sizeof(text))));
    assert_ok(mrl_conn_write(w->servers[1].conn, mrl_bytes_of(text, sizeof(text) - 1)));
    assert_ok(mrl_conn_write(w->servers[2].conn, mrl_bytes_of(text, sizeof(text))));
    turn_until(w->loop, have_all(w, 3, sizeof(text) - 1) && w->clients[0].got.len == sizeof(text) &&
                            w->clients[2].got.len == sizeof(text));
    assert_int_equal(w->clients[1].got.len, sizeof(text) - 1);
    close_world(w);
}

/* Two records wait for the others' while act is called. */
static void with_records_waiting(struct world *w, void (*act)(struct world *w))
{
    write_to_all(w, 2, MRL_LIT("first"));
    w->act = act;
    mrl_loop_later(w->loop, &w->between);
    assert_ok(mrl_loop_turn(w->loop, 0));
    assert_true(w->acted);
}

static void write_more(struct world *w)
{
    assert_ok(mrl_conn_write(w->servers[0].conn, MRL_LIT(", second")));
}

static void what_is_written_while_a_record_waits_follows_it(void **state)
{
    struct world *w = open_world(2);

    (void)state;
    with_records_waiting(w, write_more);
    turn_until(w->loop, w->clients[0].got.len == 13 && w->clients[1].got.len == 5);
    assert_bytes_equal(mrl_buf_bytes(&w->clients[0].got), MRL_LIT("first, second"));
    assert_int_equal(mrl_conns_count(w->conns).buffers, 0);
    close_world(w);
}

static void close_one(struct world *w)
{
    mrl_conn_close(w->servers[0].conn);
}

static void a_close_follows_the_record_that_waits(void **state)
{
    struct world *w = open_world(2);

    (void)state;
    with_records_waiting(w, close_one);
    turn_until(w->loop, w->clients[0].closed == 1 && w->clients[1].got.len == 5);
    assert_bytes_equal(mrl_buf_bytes(&w->clients[0].got), MRL_LIT("first"));
    assert_int_equal(w->clients[0].how, MRL_END_PEER); /* close_notify was good */
    close_world(w);
}

static void abort_one(struct world *w)
{
    mrl_conn_abort(w->servers[0].conn);
}

static void an_abort_sends_what_is_sealed(void **state)
{
    struct world *w = open_world(2);

    (void)state;
    with_records_waiting(w, abort_one);
    turn_until(w->loop, w->clients[0].closed == 1 && w->clients[1].got.len == 5);
    assert_bytes_equal(mrl_buf_bytes(&w->clients[0].got), MRL_LIT("first"));
    assert_int_equal(w->servers[0].closed, 1);
    assert_int_equal(w->servers[1].closed, 0);
    close_world(w);
}

static void detach_one(struct world *w)
{
    assert_ok(mrl_conn_detach(w->servers[0].conn, &w->parcel));
}

static void a_connection_moves_after_the_record_that_waits(void **state)
{
    struct world *w = open_world(2);

    (void)state;
    with_records_waiting(w, detach_one);
    turn_until(w->loop, w->clients[0].got.len == 5 && w->clients[1].got.len == 5);
    assert_ok(
        mrl_conn_adopt(w->conns, MRL_TAKE(w->parcel), &kind, &w->servers[0], &w->servers[0].conn));
    write_to_all(w, 2, MRL_LIT(", then"));
    turn_until(w->loop, have_all(w, 2, 11));
    assert_bytes_equal(mrl_buf_bytes(&w->clients[0].got), MRL_LIT("first, then"));
    close_world(w);
}

static void frame_one(struct world *w)
{
    assert_ok(mrl_conn_start_ws(w->servers[0].conn));
    assert_false(w->servers[0].conn->batched);
    assert_ok(mrl_conn_write(w->servers[0].conn, MRL_LIT("in a frame")));
}

/* RFC 6455 5.2: final, binary; no mask from a server; the length. */
static void frames_begin_behind_the_record_that_waits(void **state)
{
    struct world *w = open_world(2);

    (void)state;
    with_records_waiting(w, frame_one);
    turn_until(w->loop, w->clients[0].got.len == 17 && w->clients[1].got.len == 5);
    assert_bytes_equal(mrl_buf_bytes(&w->clients[0].got), MRL_LIT("first\x82\x0a"
                                                                  "in a frame"));
    write_to_all(w, 2, MRL_LIT("0123456789"));
    turn_until(w->loop, w->clients[0].got.len == 29 && w->clients[1].got.len == 15);
    assert_memory_equal(&w->clients[0].got.data[17],
                        "\x82\x0a"
                        "0123456789",
                        12);
    close_world(w);
}

static void lose_one(struct world *w)
{
    assert_int_equal(shutdown(w->servers[0].conn->watch.fd, SHUT_WR), 0);
}

static void one_that_cannot_be_sent_to_does_not_touch_the_others(void **state)
{
    struct world *w = open_world(2);

    (void)state;
    with_records_waiting(w, lose_one);
    turn_until(w->loop, w->servers[0].closed == 1 && w->clients[1].got.len == 5);
    assert_int_equal(w->servers[0].how, MRL_END_LOST);
    assert_int_equal(w->servers[1].closed, 0);
    close_world(w);
}

/* Each byte once, though the socket takes no more in the middle of a record. */
static void a_slow_reader_gets_everything_later(void **state)
{
    uint8_t text[MRL_BATCH_TEXT];
    struct world *w = open_world(2);
    size_t sent = 0;

    (void)state;
    mrl_conn_pause(w->clients[0].conn);
    for (unsigned i = 0; !w->servers[0].conn->blocked; i++) {
        memset(text, (int)(i % 251), sizeof(text));
        write_to_all(w, 2, mrl_bytes_of(text, sizeof(text)));
        sent += sizeof(text);
        assert_ok(mrl_loop_turn(w->loop, 0));
        assert_in_range(sent, 1, 64 << 20);
    }
    mrl_conn_resume(w->clients[0].conn);
    turn_until(w->loop, have_all(w, 2, sent));
    for (size_t at = 0; at < sent; at++)
        assert_int_equal(w->clients[0].got.data[at], at / sizeof(text) % 251);
    assert_int_equal(w->clients[0].got.len, sent);
    assert_false(w->servers[0].conn->blocked);
    close_world(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(more_than_a_batch_get_all_in_order_and_hold_no_buffer),
        cmocka_unit_test(what_is_longer_and_what_is_alone_arrives_like_the_rest),
        cmocka_unit_test(what_is_written_while_a_record_waits_follows_it),
        cmocka_unit_test(a_close_follows_the_record_that_waits),
        cmocka_unit_test(an_abort_sends_what_is_sealed),
        cmocka_unit_test(a_connection_moves_after_the_record_that_waits),
        cmocka_unit_test(frames_begin_behind_the_record_that_waits),
        cmocka_unit_test(one_that_cannot_be_sent_to_does_not_touch_the_others),
        cmocka_unit_test(a_slow_reader_gets_everything_later),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
