/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_ws.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "tests/unit/net/http_fixture.h"
#include "tests/unit/net/ws_frames.h"
#include "tests/unit/unit.h"

static struct fixture fixture;

static struct fixture *start(void)
{
    fixture_start(&fixture, &(struct fixture_config){0});
    return &fixture;
}

#define GET "GET /ws HTTP/1.1\r\nHost: h\r\n"
#define UPGRADE "Connection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n"
#define VERSION "Sec-WebSocket-Version: 13\r\n"
#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" /* RFC 6455 1.3 */
#define PROTOCOL "Sec-WebSocket-Protocol: chat, echo\r\n"

/* Exactly so many bytes, within the patience of the fixture. */
static void receive_exactly(int fd, void *to, size_t size)
{
    struct timeval patience = {.tv_sec = 30};

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    assert_int_equal(recv(fd, to, size, MSG_WAITALL), size);
}

static void expect_bytes(int fd, mrl_bytes expected)
{
    uint8_t memory[256];

    assert_true(expected.len <= sizeof(memory));
    receive_exactly(fd, memory, expected.len);
    assert_bytes_equal(mrl_bytes_of(memory, expected.len), expected);
}

/* The head of the answer up to its empty line. */
static void read_switching(int fd, char head[static 1024])
{
    size_t len = 0;

    for (head[0] = '\0'; strstr(head, "\r\n\r\n") == NULL; head[len] = '\0') {
        assert_true(len < 1023);
        receive_exactly(fd, &head[len++], 1);
    }
}

static struct raw_client open_ws(struct fixture *f)
{
    struct raw_client c = raw_open(f);
    char head[1024];

    raw_send(c.fd, GET UPGRADE VERSION KEY PROTOCOL "\r\n");
    read_switching(c.fd, head);
    assert_ptr_equal(strstr(head, "HTTP/1.1 101 "), head);
    assert_non_null(strstr(head, "Connection: Upgrade\r\n"));
    assert_non_null(strstr(head, "Upgrade: websocket\r\n"));
    assert_non_null(strstr(head, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
    assert_non_null(strstr(head, "Sec-WebSocket-Protocol: echo\r\n"));
    assert_null(strstr(head, "Content-Length"));
    return c;
}

static void a_request_becomes_a_websocket_and_the_server_forgets_it(void **state)
{
    struct fixture *f = start();
    struct raw_client c = open_ws(f);
    struct mrl_buf frame = {0};

    (void)state;
    assert_true(fixture_connections(f, 0)); /* of HTTP */
    ws_add(&frame, MRL_WS_BINARY, true, MRL_LIT("hello"));
    raw_send_bytes(c.fd, mrl_buf_bytes(&frame));
    expect_bytes(c.fd, MRL_LIT("\x82\x05hello"));
    raw_leave(&c);
    assert_true(fixture_wait(&f->gone, 1));
    mrl_buf_done(&frame);
    fixture_stop(f);
}

static void frames_sent_together_with_the_request_are_heard(void **state)
{
    struct fixture *f = start();
    struct raw_client c = raw_open(f);
    struct mrl_buf sent = {0};
    char head[1024];

    (void)state;
    assert_ok(mrl_buf_append(&sent, mrl_str(GET UPGRADE VERSION KEY PROTOCOL "\r\n")));
    ws_add(&sent, MRL_WS_BINARY, true, MRL_LIT("early"));
    ws_add(&sent, MRL_WS_CLOSE, true, MRL_LIT("\x03\xe8"));
    raw_send_bytes(c.fd, mrl_buf_bytes(&sent));
    read_switching(c.fd, head);
    expect_bytes(c.fd, MRL_LIT("\x82\x05"
                               "early\x88\x02\x03\xe8"));
    assert_true(raw_is_closed(c.fd));
    assert_true(fixture_wait(&f->gone, 1));
    raw_leave(&c);
    mrl_buf_done(&sent);
    fixture_stop(f);
}

static void it_begins_behind_requests_on_the_same_connection(void **state)
{
    struct fixture *f = start();
    struct raw_client c = raw_open(f);
    char head[1024];

    (void)state;
    raw_expect(&c, "GET /echo HTTP/1.1\r\nHost: h\r\n\r\n", 200, "");
    raw_send(c.fd, GET UPGRADE VERSION KEY PROTOCOL "\r\n");
    read_switching(c.fd, head);
    assert_ptr_equal(strstr(head, "HTTP/1.1 101 "), head);
    raw_leave(&c);
    assert_true(fixture_wait(&f->gone, 1));
    fixture_stop(f);
}

struct bad_request {
    const char *request;
    unsigned status;
    const char *header, *value;
};

/* RFC 6455 4.2.1, 4.2.2, 4.4; the connection goes on as HTTP. */
static void what_is_missing_or_wrong_is_answered_in_http(void **state)
{
    static const struct bad_request cases[] = {
        {GET "\r\n", 426, "Upgrade", "websocket"},
        {GET "Upgrade: websocket\r\n" VERSION KEY PROTOCOL "\r\n", 426, "Upgrade", "websocket"},
        {GET "Connection: Upgrade\r\n" VERSION KEY PROTOCOL "\r\n", 426, "Upgrade", "websocket"},
        {GET "Connection: Upgrade\r\nUpgrade: h2c\r\n" VERSION KEY PROTOCOL "\r\n", 426, "Upgrade",
         "websocket"},
        {GET UPGRADE KEY PROTOCOL "\r\n", 426, "Sec-WebSocket-Version", "13"},
        {GET UPGRADE "Sec-WebSocket-Version: 8\r\n" KEY PROTOCOL "\r\n", 426,
         "Sec-WebSocket-Version", "13"},
        {GET UPGRADE "Sec-WebSocket-Version: 013\r\n" KEY PROTOCOL "\r\n", 426,
         "Sec-WebSocket-Version", "13"},
        {GET UPGRADE VERSION VERSION KEY PROTOCOL "\r\n", 426, "Sec-WebSocket-Version", "13"},
        {GET UPGRADE VERSION PROTOCOL "\r\n", 400, "", ""},
        {GET UPGRADE VERSION KEY KEY PROTOCOL "\r\n", 400, "", ""},
        {GET UPGRADE VERSION PROTOCOL "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n\r\n", 400, "",
         ""},
        {GET UPGRADE VERSION PROTOCOL "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25j\r\n\r\n", 400, "",
         ""},
        {GET UPGRADE VERSION PROTOCOL "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZTEy\r\n\r\n", 400,
         "", ""},
        {GET UPGRADE VERSION KEY "\r\n", 400, "", ""},
        {GET UPGRADE VERSION KEY "Sec-WebSocket-Protocol: ECHO, echo2, ech\r\n\r\n", 400, "", ""},
        {GET UPGRADE VERSION KEY PROTOCOL "Content-Length: 1\r\n\r\nx", 400, "", ""},
    };
    struct fixture *f = start();
    struct raw_client c = raw_open(f);

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(cases); i++) {
        struct raw_answer a = raw_ask(&c, cases[i].request);

        assert_int_equal(a.head.status, cases[i].status);
        assert_bytes_equal(raw_header(&a, cases[i].header), mrl_str(cases[i].value));
        assert_int_equal(raw_header(&a, "Connection").len > 0, cases[i].status == 426);
        raw_answer_done(&a);
    }
    assert_int_equal(atomic_load(&f->started), 0);
    raw_leave(&c);
    fixture_stop(f);
}

static void http_1_0_cannot_be_upgraded(void **state)
{
    struct fixture *f = start();
    struct raw_client c = raw_open(f);

    (void)state;
    raw_expect(&c, "GET /ws HTTP/1.0\r\n" UPGRADE VERSION KEY PROTOCOL "\r\n", 426, NULL);
    raw_leave(&c);
    fixture_stop(f);
}

static void the_protocol_may_stand_in_a_second_header(void **state)
{
    struct fixture *f = start();
    struct raw_client c = raw_open(f);
    char head[1024];

    (void)state;
    raw_send(c.fd, GET UPGRADE VERSION KEY "Sec-WebSocket-Protocol: chat\r\n"
                                           "sec-websocket-protocol:\techo\r\n\r\n");
    read_switching(c.fd, head);
    assert_ptr_equal(strstr(head, "HTTP/1.1 101 "), head);
    raw_leave(&c);
    assert_true(fixture_wait(&f->gone, 1));
    fixture_stop(f);
}

static void stop_server(struct fixture *f)
{
    mrl_http_server_stop(f->server);
}

static void a_server_that_stops_lets_it_go_on(void **state)
{
    struct fixture *f = start();
    struct raw_client c = open_ws(f);
    struct mrl_buf frame = {0};

    (void)state;
    assert_true(fixture_connections(f, 0));
    fixture_run(f, stop_server);
    ws_add(&frame, MRL_WS_PING, true, MRL_LIT("?"));
    raw_send_bytes(c.fd, mrl_buf_bytes(&frame));
    expect_bytes(c.fd, MRL_LIT("\x8a\x01?"));
    fixture_halt(f);
    fixture_free(f); /* its user ends it */
    assert_int_equal(atomic_load(&f->gone), 1);
    raw_leave(&c);
    mrl_buf_done(&frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_becomes_a_websocket_and_the_server_forgets_it),
        cmocka_unit_test(frames_sent_together_with_the_request_are_heard),
        cmocka_unit_test(it_begins_behind_requests_on_the_same_connection),
        cmocka_unit_test(what_is_missing_or_wrong_is_answered_in_http),
        cmocka_unit_test(http_1_0_cannot_be_upgraded),
        cmocka_unit_test(the_protocol_may_stand_in_a_second_header),
        cmocka_unit_test(a_server_that_stops_lets_it_go_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
