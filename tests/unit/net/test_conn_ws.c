/* SPDX-License-Identifier: Apache-2.0 */
/* A WebSocket on one end of a socket pair; the test holds the other end. */
#include <sys/socket.h>
#include <unistd.h>

#include "net/conn.h"
#include "tests/unit/net/turn.h"
#include "tests/unit/net/ws_frames.h"

enum { BACKLOG = 5000 };

struct world {
    struct mrl_loop *loop;
    struct mrl_conns *conns;
    struct mrl_conn *conn; /* NULL: over */
    int fd;                /* of the client */
    struct mrl_buf got;    /* by the user of the connection */
    struct mrl_buf sent;   /* frames of the client */
    size_t leave;          /* bytes of each on_data to leave behind */
    bool pause;            /* in on_data */
    unsigned opened, shown, closed, idle_frames;
    size_t idle_bytes;
    enum mrl_conn_end end;
    const char *fault;
    struct mrl_conn_parcel *parcel;
    bool detach;
    bool begin; /* the WebSocket, in on_data, behind its first two bytes */
};

static void on_open(struct mrl_conn *c)
{
    struct world *w = mrl_conn_user(c);

    w->opened++;
}

static void on_data(struct mrl_conn *c, struct mrl_buf *in)
{
    struct world *w = mrl_conn_user(c);
    size_t take = in->len > w->leave ? in->len - w->leave : 0;

    w->shown++;
    if (w->begin) {
        w->begin = false;
        mrl_buf_consume(in, 2);
        assert_ok(mrl_conn_write(c, MRL_LIT("hello")));
        assert_ok(mrl_conn_start_ws(c));
        return;
    }
    if (w->detach) {
        assert_ok(mrl_conn_detach(c, &w->parcel));
        return;
    }
    assert_ok(mrl_buf_append(&w->got, mrl_bytes_of(in->data, take)));
    mrl_buf_consume(in, take);
    if (w->pause)
        mrl_conn_pause(c);
}

static void on_idle_frames(struct mrl_conn *c, unsigned frames, size_t bytes)
{
    struct world *w = mrl_conn_user(c);

    w->idle_frames += frames;
    w->idle_bytes += bytes;
    if (w->pause)
        mrl_conn_pause(c);
}

static void on_closed(struct mrl_conn *c, const struct mrl_conn_closed *closed)
{
    struct world *w = mrl_conn_user(c);

    w->closed++;
    w->end = closed->end;
    w->fault = closed->fault;
    w->conn = NULL;
}

static const struct mrl_conn_kind kind = {.on_open = on_open,
                                          .on_data = on_data,
                                          .on_idle_frames = on_idle_frames,
                                          .on_closed = on_closed,
                                          .backlog_limit = BACKLOG};

static void open_bare(struct world *w)
{
    struct mrl_conns_config config = {0};
    const struct mrl_peer peer = {.kind = MRL_PEER_LOCAL};
    int fds[2];

    *w = (struct world){0};
    assert_ok(mrl_loop_new(&w->loop));
    config.loop = w->loop;
    assert_ok(mrl_conns_new(&config, &w->conns));
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), 0);
    w->fd = fds[1];
    assert_ok(mrl_conn_accept_unix(w->conns, fds[0], &peer, &kind, w, &w->conn));
    turn_until(w->loop, w->opened == 1);
    assert_false(mrl_conn_is_ws(w->conn));
}

static void open_world(struct world *w)
{
    open_bare(w);
    assert_ok(mrl_conn_start_ws(w->conn));
    assert_true(mrl_conn_is_ws(w->conn));
    assert_int_equal(mrl_conn_start_ws(w->conn), MRL_ERR_STATE);
}

static void close_world(struct world *w)
{
    mrl_conns_free(w->conns);
    mrl_loop_free(w->loop);
    mrl_buf_done(&w->got);
    mrl_buf_done(&w->sent);
    (void)close(w->fd);
}

static void send_now(struct world *w)
{
    assert_int_equal(write(w->fd, w->sent.data, w->sent.len), w->sent.len);
    mrl_buf_clear(&w->sent);
}

static bool has_come(const struct world *w, size_t count)
{
    uint8_t memory[512];

    return recv(w->fd, memory, sizeof(memory), MSG_PEEK | MSG_DONTWAIT) >= (ssize_t)count;
}

static void client_sees(struct world *w, mrl_bytes expected)
{
    uint8_t memory[512];
    ssize_t got;

    turn_until(w->loop, has_come(w, expected.len));
    got = recv(w->fd, memory, sizeof(memory), MSG_DONTWAIT);
    assert_bytes_equal(mrl_bytes_of(memory, (size_t)got), expected);
}

static void its_user_sees_what_the_frames_carry_and_writes_into_one_frame_a_turn(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    ws_add(&w.sent, MRL_WS_BINARY, false, MRL_LIT("one "));
    ws_add(&w.sent, MRL_WS_CONTINUATION, true, MRL_LIT("stream"));
    send_now(&w);
    turn_until(w.loop, w.got.len == 10);
    assert_bytes_equal(mrl_buf_bytes(&w.got), MRL_LIT("one stream"));
    assert_ok(mrl_conn_write(w.conn, MRL_LIT("an ")));
    assert_ok(mrl_conn_write(w.conn, MRL_LIT("answer")));
    client_sees(&w, MRL_LIT("\x82\x09"
                            "an answer"));
    assert_int_equal(mrl_conns_count(w.conns).buffers, 0); /* idle: none */
    close_world(&w);
}

static void a_ping_is_answered_below_the_user(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    ws_add(&w.sent, MRL_WS_PING, true, MRL_LIT("there?"));
    send_now(&w);
    client_sees(&w, MRL_LIT("\x8a\x06there?"));
    assert_int_equal(w.shown, 0);
    assert_int_equal(mrl_conns_count(w.conns).buffers, 0);
    close_world(&w);
}

static void frames_without_data_are_told_and_may_end_reading(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    w.pause = true;
    ws_add(&w.sent, MRL_WS_BINARY, true, MRL_LIT("data"));
    ws_add(&w.sent, MRL_WS_PING, true, MRL_LIT("?"));
    send_now(&w);
    client_sees(&w, MRL_LIT("\x8a\x01?"));
    assert_int_equal(w.idle_frames, 1);
    assert_int_equal(w.idle_bytes, 7);
    assert_int_equal(w.shown, 0);
    w.pause = false;
    mrl_conn_resume(w.conn);
    turn_until(w.loop, w.got.len == 4);
    assert_int_equal(w.idle_frames, 1);
    close_world(&w);
}

static void what_is_left_behind_is_shown_again_with_more(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    w.leave = 2;
    ws_add(&w.sent, MRL_WS_BINARY, true, MRL_LIT("abcd"));
    send_now(&w);
    turn_until(w.loop, w.got.len == 2);
    ws_add(&w.sent, MRL_WS_BINARY, true, MRL_LIT("ef"));
    send_now(&w);
    turn_until(w.loop, w.got.len == 4);
    assert_bytes_equal(mrl_buf_bytes(&w.got), MRL_LIT("abcd"));
    close_world(&w);
}

static void the_last_message_is_shown_before_the_close_that_came_with_it(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    ws_add(&w.sent, MRL_WS_BINARY, true, MRL_LIT("last"));
    ws_add(&w.sent, MRL_WS_CLOSE, true, MRL_LIT("\x03\xe8"));
    send_now(&w);
    turn_until(w.loop, w.closed == 1);
    assert_bytes_equal(mrl_buf_bytes(&w.got), MRL_LIT("last"));
    assert_int_equal(w.end, MRL_END_PEER);
    assert_null(w.fault);
    client_sees(&w, MRL_LIT("\x88\x02\x03\xe8"));
    close_world(&w);
}

static void a_close_waits_for_a_user_that_paused(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    w.pause = true;
    w.leave = 2;
    ws_add(&w.sent, MRL_WS_BINARY, true, MRL_LIT("last"));
    ws_add(&w.sent, MRL_WS_CLOSE, true, MRL_BYTES_NONE);
    send_now(&w);
    turn_until(w.loop, w.shown == 1);
    for (int i = 0; i < 3; i++)
        assert_ok(mrl_loop_turn(w.loop, 0));
    assert_int_equal(w.closed, 0);
    assert_ok(mrl_conn_write(w.conn, MRL_LIT("wait")));
    w.pause = false;
    w.leave = 0;
    mrl_conn_resume(w.conn);
    turn_until(w.loop, w.closed == 1);
    assert_bytes_equal(mrl_buf_bytes(&w.got), MRL_LIT("last"));
    client_sees(&w, MRL_LIT("\x82\x04wait\x88\x00"));
    close_world(&w);
}

static void a_fault_ends_the_connection_and_is_named(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    assert_ok(mrl_buf_append(&w.sent, MRL_LIT("\x82\x01x")));
    send_now(&w);
    turn_until(w.loop, w.closed == 1);
    assert_int_equal(w.end, MRL_END_PROTOCOL);
    assert_string_equal(w.fault, "frame of a client is not masked");
    client_sees(&w, MRL_LIT("\x88\x02\x03\xea"));
    close_world(&w);
}

static void closing_says_so_behind_what_was_written(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    assert_ok(mrl_conn_write(w.conn, MRL_LIT("bye")));
    mrl_conn_close(w.conn);
    turn_until(w.loop, w.closed == 1);
    assert_int_equal(w.end, MRL_END_LOCAL);
    client_sees(&w, MRL_LIT("\x82\x03"
                            "bye\x88\x02\x03\xe8"));
    close_world(&w);
}

static void pings_whose_pongs_nobody_takes_end_the_connection(void **state)
{
    static const uint8_t payload[MRL_WS_CONTROL_MAX] = {0};
    struct world w;
    int small = 1;

    (void)state;
    open_world(&w);
    for (int i = 0; i < 100; i++)
        ws_add(&w.sent, MRL_WS_PING, true, mrl_bytes_of(payload, sizeof(payload)));
    (void)setsockopt(w.fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    while (w.closed == 0) {
        ssize_t put = send(w.fd, w.sent.data, w.sent.len, MSG_DONTWAIT | MSG_NOSIGNAL);

        assert_true(put != 0);
        assert_ok(mrl_loop_turn(w.loop, 1));
    }
    assert_int_equal(w.end, MRL_END_BACKLOG);
    close_world(&w);
}

static void bytes_read_before_it_began_count_as_frames(void **state)
{
    struct world w;

    (void)state;
    open_bare(&w);
    w.begin = true;
    assert_ok(mrl_buf_append(&w.sent, MRL_LIT("up")));
    ws_add(&w.sent, MRL_WS_BINARY, true, MRL_LIT("early"));
    ws_add(&w.sent, MRL_WS_PING, true, MRL_BYTES_NONE);
    send_now(&w);
    turn_until(w.loop, w.got.len == 5);
    assert_bytes_equal(mrl_buf_bytes(&w.got), MRL_LIT("early"));
    client_sees(&w, MRL_LIT("hello\x8a\x00"));
    close_world(&w);
}

static void a_close_read_before_it_began_is_the_end(void **state)
{
    struct world w;

    (void)state;
    open_bare(&w);
    w.begin = true;
    assert_ok(mrl_buf_append(&w.sent, MRL_LIT("up")));
    ws_add(&w.sent, MRL_WS_BINARY, true, MRL_LIT("early"));
    ws_add(&w.sent, MRL_WS_CLOSE, true, MRL_BYTES_NONE);
    send_now(&w);
    turn_until(w.loop, w.closed == 1);
    assert_bytes_equal(mrl_buf_bytes(&w.got), MRL_LIT("early"));
    client_sees(&w, MRL_LIT("hello\x88\x00"));
    close_world(&w);
}

/* Half a frame has come and half of one was written when it moves. */
static void it_moves_to_another_worker_in_the_middle_of_a_frame(void **state)
{
    struct world w;
    struct mrl_buf frame = {0};

    (void)state;
    open_world(&w);
    ws_add(&frame, MRL_WS_BINARY, true, MRL_LIT("abcdefgh"));
    w.detach = true;
    assert_ok(mrl_conn_write(w.conn, MRL_LIT("be")));
    assert_int_equal(write(w.fd, frame.data, frame.len - 4), frame.len - 4);
    turn_until(w.loop, w.parcel != NULL);
    w.detach = false;
    assert_ok(mrl_conn_adopt(w.conns, w.parcel, &kind, &w, &w.conn));
    assert_true(mrl_conn_is_ws(w.conn));
    assert_int_equal(write(w.fd, &frame.data[frame.len - 4], 4), 4);
    turn_until(w.loop, w.got.len == 8);
    assert_bytes_equal(mrl_buf_bytes(&w.got), MRL_LIT("abcdefgh"));
    client_sees(&w, MRL_LIT("\x82\x02"
                            "be"));
    mrl_buf_done(&frame);
    close_world(&w);
}

static void on_the_way_it_can_be_cut_off(void **state)
{
    struct world w;

    (void)state;
    open_world(&w);
    assert_ok(mrl_conn_detach(w.conn, &w.parcel));
    mrl_conn_parcel_free(w.parcel);
    turn_until(w.loop, has_come(&w, 0));
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(its_user_sees_what_the_frames_carry_and_writes_into_one_frame_a_turn),
        cmocka_unit_test(a_ping_is_answered_below_the_user),
        cmocka_unit_test(frames_without_data_are_told_and_may_end_reading),
        cmocka_unit_test(what_is_left_behind_is_shown_again_with_more),
        cmocka_unit_test(the_last_message_is_shown_before_the_close_that_came_with_it),
        cmocka_unit_test(a_close_waits_for_a_user_that_paused),
        cmocka_unit_test(a_fault_ends_the_connection_and_is_named),
        cmocka_unit_test(closing_says_so_behind_what_was_written),
        cmocka_unit_test(pings_whose_pongs_nobody_takes_end_the_connection),
        cmocka_unit_test(bytes_read_before_it_began_count_as_frames),
        cmocka_unit_test(a_close_read_before_it_began_is_the_end),
        cmocka_unit_test(it_moves_to_another_worker_in_the_middle_of_a_frame),
        cmocka_unit_test(on_the_way_it_can_be_cut_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
