/* SPDX-License-Identifier: Apache-2.0 */
#include "net/ws_link.h"

#include <stdlib.h>
#include <string.h>

#include "tests/unit/net/ws_frames.h"

struct world {
    struct mrl_ws_link *link;
    struct mrl_buf sent; /* by the client */
    struct mrl_buf in;   /* as the user sees it */
    struct mrl_buf out;
};

static struct world new_world(void)
{
    return (struct world){.link = mrl_ws_link_new()};
}

static void done(struct world *w)
{
    mrl_ws_link_free(w->link);
    mrl_buf_done(&w->sent);
    mrl_buf_done(&w->in);
    mrl_buf_done(&w->out);
}

/* What was sent arrives in pieces of this size. */
static void arrive(struct world *w, size_t piece)
{
    mrl_bytes left = mrl_buf_bytes(&w->sent);

    while (left.len > 0) {
        size_t from = w->in.len;
        mrl_bytes now = mrl_bytes_sub(left, 0, piece);

        assert_ok(mrl_buf_append(&w->in, now));
        assert_ok(mrl_ws_link_read(w->link, &w->in, from, &w->out));
        left = mrl_bytes_sub(left, now.len, left.len);
    }
    mrl_buf_clear(&w->sent);
}

static void arrive_bytes(struct world *w, mrl_bytes bytes)
{
    assert_ok(mrl_buf_append(&w->sent, bytes));
    arrive(w, bytes.len);
}

static void close_is_written(struct world *w, mrl_bytes expected)
{
    mrl_buf_clear(&w->out);
    assert_ok(mrl_ws_link_close(w->link, &w->out));
    assert_bytes_equal(mrl_buf_bytes(&w->out), expected);
    assert_ok(mrl_ws_link_close(w->link, &w->out)); /* once */
    assert_bytes_equal(mrl_buf_bytes(&w->out), expected);
}

static void a_message_over_many_frames_is_one_stream_however_it_is_cut(void **state)
{
    (void)state;
    for (size_t piece = 1; piece < 40; piece++) {
        struct world w = new_world();

        ws_add(&w.sent, MRL_WS_BINARY, false, MRL_LIT("one "));
        ws_add(&w.sent, MRL_WS_CONTINUATION, false, MRL_BYTES_NONE);
        ws_add(&w.sent, MRL_WS_PING, true, MRL_LIT("in between"));
        ws_add(&w.sent, MRL_WS_CONTINUATION, true, MRL_LIT("two "));
        ws_add(&w.sent, MRL_WS_BINARY, true, MRL_BYTES_NONE);
        ws_add(&w.sent, MRL_WS_BINARY, true, MRL_LIT("three"));
        arrive(&w, piece);
        assert_bytes_equal(mrl_buf_bytes(&w.in), MRL_LIT("one two three"));
        assert_bytes_equal(mrl_buf_bytes(&w.out), MRL_LIT("\x8a\x0ain between"));
        assert_false(mrl_ws_link_is_over(w.link));
        done(&w);
    }
}

static void a_frame_of_many_kilobytes_passes_in_pieces(void **state)
{
    enum { SIZE = 200000 };
    struct world w = new_world();
    uint8_t *payload = malloc(SIZE);

    (void)state;
    assert_non_null(payload);
    for (size_t i = 0; i < SIZE; i++)
        payload[i] = (uint8_t)(i * 31 >> 3);
    ws_add(&w.sent, MRL_WS_BINARY, true, mrl_bytes_of(payload, SIZE));
    arrive(&w, 1021);
    assert_bytes_equal(mrl_buf_bytes(&w.in), mrl_bytes_of(payload, SIZE));
    free(payload);
    done(&w);
}

static void what_lies_before_is_not_touched(void **state)
{
    struct world w = new_world();

    (void)state;
    assert_ok(mrl_buf_append(&w.in, MRL_LIT("kept ")));
    ws_add(&w.in, MRL_WS_BINARY, true, MRL_LIT("more"));
    assert_ok(mrl_ws_link_read(w.link, &w.in, 5, &w.out));
    assert_bytes_equal(mrl_buf_bytes(&w.in), MRL_LIT("kept more"));
    done(&w);
}

/* RFC 6455 5.5.2 and 5.5.3 */
static void a_ping_of_125_bytes_is_answered_and_a_pong_is_not(void **state)
{
    uint8_t payload[MRL_WS_CONTROL_MAX];
    struct world w = new_world();

    (void)state;
    memset(payload, 'p', sizeof(payload));
    ws_add(&w.sent, MRL_WS_PONG, true, MRL_LIT("nobody asked"));
    ws_add(&w.sent, MRL_WS_PING, true, mrl_bytes_of(payload, sizeof(payload)));
    ws_add(&w.sent, MRL_WS_PING, true, MRL_BYTES_NONE);
    arrive(&w, 7);
    assert_int_equal(w.in.len, 0);
    assert_int_equal(w.out.len, 2 + sizeof(payload) + 2);
    assert_memory_equal(w.out.data, "\x8a\x7dpppp", 6);
    assert_memory_equal(&w.out.data[2 + sizeof(payload)], "\x8a\x00", 2);
    done(&w);
}

static void frames_without_data_are_counted_with_their_headers(void **state)
{
    struct world w = new_world();
    struct mrl_ws_idle idle;

    (void)state;
    ws_add(&w.sent, MRL_WS_BINARY, false, MRL_LIT("data"));
    ws_add(&w.sent, MRL_WS_CONTINUATION, false, MRL_BYTES_NONE); /* 6 bytes */
    ws_add(&w.sent, MRL_WS_PING, true, MRL_LIT("ping"));         /* 10 */
    ws_add(&w.sent, MRL_WS_PONG, true, MRL_BYTES_NONE);          /* 6 */
    ws_add(&w.sent, MRL_WS_CONTINUATION, true, MRL_LIT("."));
    arrive(&w, 3);
    assert_bytes_equal(mrl_buf_bytes(&w.in), MRL_LIT("data."));
    idle = mrl_ws_link_take_idle(w.link);
    assert_int_equal(idle.frames, 3);
    assert_int_equal(idle.bytes, 22);
    assert_int_equal(mrl_ws_link_take_idle(w.link).frames, 0);
    done(&w);
}

static void close_is_answered_with_its_code_and_ends_reading(void **state)
{
    struct world w = new_world();

    (void)state;
    ws_add(&w.sent, MRL_WS_BINARY, true, MRL_LIT("last"));
    ws_add(&w.sent, MRL_WS_CLOSE, true,
           MRL_LIT("\x0f\xa0"
                   "bye"));
    ws_add(&w.sent, MRL_WS_BINARY, true, MRL_LIT("too late"));
    arrive(&w, 1000);
    assert_bytes_equal(mrl_buf_bytes(&w.in), MRL_LIT("last"));
    assert_true(mrl_ws_link_is_over(w.link));
    assert_null(mrl_ws_link_fault(w.link));
    close_is_written(&w, MRL_LIT("\x88\x02\x0f\xa0"));
    done(&w);
}

static void a_close_without_a_code_is_answered_without_one(void **state)
{
    struct world w = new_world();

    (void)state;
    ws_add(&w.sent, MRL_WS_CLOSE, true, MRL_BYTES_NONE);
    arrive(&w, 1);
    assert_true(mrl_ws_link_is_over(w.link));
    close_is_written(&w, MRL_LIT("\x88\x00"));
    done(&w);
}

static void our_own_close_says_normal(void **state)
{
    struct world w = new_world();

    (void)state;
    close_is_written(&w, MRL_LIT("\x88\x02\x03\xe8"));
    done(&w);
}

struct fault_case {
    mrl_bytes bytes;
    mrl_bytes close;
};

/* RFC 6455 5 and 7.4.1; the masks are zero. */
static void each_fault_ends_with_its_code(void **state)
{
    static const struct fault_case cases[] = {
        {MRL_LIT_INIT("\x82\x01x"), MRL_LIT_INIT("\x88\x02\x03\xea")}, /* not masked */
        {MRL_LIT_INIT("\xc2\x80\0\0\0\0"), MRL_LIT_INIT("\x88\x02\x03\xea")},
        {MRL_LIT_INIT("\x83\x80\0\0\0\0"), MRL_LIT_INIT("\x88\x02\x03\xea")},
        {MRL_LIT_INIT("\x8b\x80\0\0\0\0"), MRL_LIT_INIT("\x88\x02\x03\xea")},
        {MRL_LIT_INIT("\x09\x80\0\0\0\0"), MRL_LIT_INIT("\x88\x02\x03\xea")}, /* half a Ping */
        {MRL_LIT_INIT("\x89\xfe\0\x7e\0\0\0\0"), MRL_LIT_INIT("\x88\x02\x03\xea")},
        {MRL_LIT_INIT("\x82\xfe\0\x01\0\0\0\0x"), MRL_LIT_INIT("\x88\x02\x03\xea")},
        {MRL_LIT_INIT("\x80\x80\0\0\0\0"),
         MRL_LIT_INIT("\x88\x02\x03\xea")}, /* continues nothing */
        {MRL_LIT_INIT("\x02\x80\0\0\0\0\x82\x80\0\0\0\0"), MRL_LIT_INIT("\x88\x02\x03\xea")},
        {MRL_LIT_INIT("\x81\x81\0\0\0\0x"), MRL_LIT_INIT("\x88\x02\x03\xeb")}, /* text */
        {MRL_LIT_INIT("\x01\x81\0\0\0\0x"), MRL_LIT_INIT("\x88\x02\x03\xeb")},
        {MRL_LIT_INIT("\x82\xff\0\0\0\0\x10\0\0\x05"), MRL_LIT_INIT("\x88\x02\x03\xf1")},
        {MRL_LIT_INIT("\x88\x81\0\0\0\0\x03"), MRL_LIT_INIT("\x88\x02\x03\xea")},
        {MRL_LIT_INIT("\x88\x82\0\0\0\0\x03\xed"), MRL_LIT_INIT("\x88\x02\x03\xea")}, /* 1005 */
        {MRL_LIT_INIT("\x88\x83\0\0\0\0\x03\xe8\xff"), MRL_LIT_INIT("\x88\x02\x03\xef")},
    };

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(cases); i++) {
        struct world w = new_world();

        arrive_bytes(&w, cases[i].bytes);
        assert_true(mrl_ws_link_is_over(w.link));
        assert_non_null(mrl_ws_link_fault(w.link));
        assert_int_equal(w.in.len, 0);
        close_is_written(&w, cases[i].close);
        done(&w);
    }
}

static void what_is_written_before_sending_shares_a_frame(void **state)
{
    struct world w = new_world();

    (void)state;
    assert_ok(mrl_ws_link_write(w.link, MRL_LIT("one "), &w.out));
    assert_ok(mrl_ws_link_write(w.link, MRL_BYTES_NONE, &w.out));
    assert_ok(mrl_ws_link_write(w.link, MRL_LIT("two"), &w.out));
    mrl_ws_link_end_frame(w.link, &w.out);
    mrl_ws_link_end_frame(w.link, &w.out);
    assert_bytes_equal(mrl_buf_bytes(&w.out), MRL_LIT("\x82\x07one two"));
    done(&w);
}

static void a_pong_and_a_close_stand_between_frames_and_not_inside(void **state)
{
    struct world w = new_world();

    (void)state;
    assert_ok(mrl_ws_link_write(w.link, MRL_LIT("one"), &w.out));
    ws_add(&w.sent, MRL_WS_PING, true, MRL_LIT("?"));
    arrive(&w, 1000);
    assert_ok(mrl_ws_link_write(w.link, MRL_LIT("two"), &w.out));
    assert_ok(mrl_ws_link_close(w.link, &w.out));
    assert_bytes_equal(mrl_buf_bytes(&w.out),
                       MRL_LIT("\x82\x03one\x8a\x01?\x82\x03two\x88\x02\x03\xe8"));
    done(&w);
}

static void close_says_what_was_to_be_said_unless_the_peer_closed_first(void **state)
{
    struct world w = new_world();

    (void)state;
    mrl_ws_link_say(w.link, MRL_WS_GOING_AWAY);
    assert_ok(mrl_ws_link_close(w.link, &w.out));
    assert_bytes_equal(mrl_buf_bytes(&w.out), MRL_LIT("\x88\x02\x03\xe9"));
    done(&w);
    w = new_world();
    ws_add(&w.sent, MRL_WS_CLOSE, true, MRL_LIT("\x03\xe8"));
    arrive(&w, 1000);
    mrl_ws_link_say(w.link, MRL_WS_GOING_AWAY);
    assert_ok(mrl_ws_link_close(w.link, &w.out));
    assert_bytes_equal(mrl_buf_bytes(&w.out), MRL_LIT("\x88\x02\x03\xe8"));
    done(&w);
}

/* Headers of 2 and 4 bytes, and never one of 10: the next frame begins instead. */
static void frames_leave_in_their_shortest_form(void **state)
{
    static const size_t sizes[] = {1, 125, 126, 127, 65534, 65535, 65536, 131070, 131071};
    static uint8_t payload[131071];

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(sizes); i++) {
        struct world w = new_world();
        struct mrl_buf back = {0};
        size_t at = 0;

        for (size_t k = 0; k < sizes[i]; k++)
            payload[k] = (uint8_t)(k ^ (k >> 8));
        assert_ok(mrl_ws_link_write(w.link, mrl_bytes_of(payload, sizes[i]), &w.out));
        mrl_ws_link_end_frame(w.link, &w.out);
        while (at < w.out.len) {
            mrl_bytes rest = mrl_bytes_sub(mrl_buf_bytes(&w.out), at, w.out.len);
            struct mrl_ws_fault fault;
            struct mrl_ws_frame f;

            assert_ok(mrl_ws_read_header(rest, MRL_WS_FROM_SERVER, &f, &fault));
            assert_true(f.fin && f.opcode == MRL_WS_BINARY && f.length <= 65535);
            assert_ok(mrl_buf_append(&back, mrl_bytes_sub(rest, f.header_len, f.length)));
            at += f.header_len + f.length;
        }
        assert_int_equal(at, w.out.len);
        assert_bytes_equal(mrl_buf_bytes(&back), mrl_bytes_of(payload, sizes[i]));
        mrl_buf_done(&back);
        done(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_over_many_frames_is_one_stream_however_it_is_cut),
        cmocka_unit_test(a_frame_of_many_kilobytes_passes_in_pieces),
        cmocka_unit_test(what_lies_before_is_not_touched),
        cmocka_unit_test(a_ping_of_125_bytes_is_answered_and_a_pong_is_not),
        cmocka_unit_test(frames_without_data_are_counted_with_their_headers),
        cmocka_unit_test(close_is_answered_with_its_code_and_ends_reading),
        cmocka_unit_test(a_close_without_a_code_is_answered_without_one),
        cmocka_unit_test(our_own_close_says_normal),
        cmocka_unit_test(each_fault_ends_with_its_code),
        cmocka_unit_test(what_is_written_before_sending_shares_a_frame),
        cmocka_unit_test(a_pong_and_a_close_stand_between_frames_and_not_inside),
        cmocka_unit_test(close_says_what_was_to_be_said_unless_the_peer_closed_first),
        cmocka_unit_test(frames_leave_in_their_shortest_form),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
