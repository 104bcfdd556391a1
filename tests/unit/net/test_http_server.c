/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_server.h"

#include <poll.h>
#include <semaphore.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/net/http_fixture.h"
#include "tests/unit/unit.h"

static struct fixture fixture;

static struct fixture *start_with(struct fixture_config config)
{
    fixture_start(&fixture, &config);
    return &fixture;
}

#define START(...) start_with((struct fixture_config){__VA_ARGS__})

static void query_is_decoded_and_unambiguous(void **state)
{
    struct fixture *f = START(0);
    struct raw_client c = raw_open(f);

    (void)state;
    raw_expect(&c, "GET /query?a=1&name=a%20b+c HTTP/1.1\r\nHost: h\r\n\r\n", 200, "a b c");
    raw_expect(&c, "GET /query?a=1 HTTP/1.1\r\nHost: h\r\n\r\n", 404, NULL);
    raw_expect(&c, "GET /%71uery?name= HTTP/1.1\r\nHost: h\r\n\r\n", 200, "");
    raw_expect(&c, "GET /query?name=1&name=2 HTTP/1.1\r\nHost: h\r\n\r\n", 400,
               "a parameter is given twice\n");
    assert_true(raw_is_closed(c.fd));
    raw_leave(&c);
    fixture_stop(f);
}

static void a_path_can_be_left_as_it_was_sent(void **state)
{
    struct fixture *f = START(.opaque_path = true);
    struct raw_client c = raw_open(f);

    (void)state;
    raw_expect(&c, "GET /a%2fb//c/../%zz?x=1 HTTP/1.1\r\nHost: h\r\n\r\n", 404,
               "nothing at /a%2fb//c/../%zz\n");
    raw_expect(&c, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nhi", 200, "hi");
    raw_leave(&c);
    fixture_stop(f);
}

static void ask_with_parameters(struct fixture *f, unsigned count, unsigned status)
{
    MRL_SCOPED(mrl_buf) request = {0};
    struct raw_client c = raw_open(f);

    assert_ok(mrl_buf_append(&request, MRL_LIT("GET /query?name=n")));
    for (unsigned i = 1; i < count; i++)
        assert_ok(mrl_buf_printf(&request, "&p%u=", i));
    assert_ok(mrl_buf_append(&request, MRL_LIT(" HTTP/1.1\r\nHost: h\r\n\r\n")));
    raw_send_bytes(c.fd, mrl_buf_bytes(&request));
    raw_expect_answer(&c, status, NULL);
    raw_leave(&c);
}

static void parameters_are_limited(void **state)
{
    struct fixture *f = START(0);

    (void)state;
    ask_with_parameters(f, MRL_HTTP_QUERY_MAX, 200);
    ask_with_parameters(f, MRL_HTTP_QUERY_MAX + 1, 400);
    fixture_stop(f);
}

/* A request whose head is exactly that long. */
static void ask_with_head(struct fixture *f, size_t len, unsigned status)
{
    static const char first[] = "GET /query?name=n HTTP/1.1\r\nHost: h\r\nX-Pad: ";
    MRL_SCOPED(mrl_buf) request = {0};
    struct raw_client c = raw_open(f);

    assert_ok(mrl_buf_append(&request, mrl_str(first)));
    while (request.len < len - 4)
        assert_ok(mrl_buf_append(&request, MRL_LIT("x")));
    assert_ok(mrl_buf_append(&request, MRL_LIT("\r\n\r\n")));
    assert_int_equal(request.len, len);
    raw_send_bytes(c.fd, mrl_buf_bytes(&request));
    raw_expect_answer(&c, status, NULL);
    assert_true(status == 200 || raw_is_closed(c.fd));
    raw_leave(&c);
}

static void the_head_is_limited(void **state)
{
    struct fixture *f = START(.head_bytes = 256);

    (void)state;
    ask_with_head(f, 256, 200);
    ask_with_head(f, 257, 431);
    assert_int_equal(atomic_load(&f->refused_status), 431);
    fixture_stop(f);
}

static void ask_with_body(struct fixture *f, size_t len, bool chunked, unsigned status)
{
    MRL_SCOPED(mrl_buf) request = {0};
    struct raw_client c = raw_open(f);

    assert_ok(mrl_buf_append(&request, MRL_LIT("POST /echo HTTP/1.1\r\nHost: h\r\n")));
    if (chunked) /* in two chunks */
        assert_ok(mrl_buf_printf(&request, "Transfer-Encoding: chunked\r\n\r\n1\r\nb\r\n%zx\r\n",
                                 len - 1));
    else
        assert_ok(mrl_buf_printf(&request, "Content-Length: %zu\r\n\r\nb", len));
    for (size_t i = 1; i < len; i++)
        assert_ok(mrl_buf_append(&request, MRL_LIT("b")));
    if (chunked)
        assert_ok(mrl_buf_append(&request, MRL_LIT("\r\n0\r\n\r\n")));
    raw_send_bytes(c.fd, mrl_buf_bytes(&request));
    raw_expect_answer(&c, status, NULL);
    assert_true(status == 200 || raw_is_closed(c.fd));
    raw_leave(&c);
}

static void the_body_is_limited(void **state)
{
    struct fixture *f = START(.body_bytes = 100);

    (void)state;
    ask_with_body(f, 100, /*chunked=*/false, 200);
    ask_with_body(f, 101, /*chunked=*/false, 413);
    ask_with_body(f, 100, /*chunked=*/true, 200);
    ask_with_body(f, 101, /*chunked=*/true, 413);
    fixture_stop(f);
}

static void a_body_comes_in_chunks_and_in_single_bytes(void **state)
{
    static const char request[] = "POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n"
                                  "\r\n3\r\nabc\r\n4;x=y\r\ndefg\r\n0\r\nTrailer: t\r\n\r\n";
    struct fixture *f = START(0);
    struct raw_client c = raw_open(f);

    (void)state;
    for (size_t i = 0; i < sizeof(request) - 1; i++)
        raw_send_bytes(c.fd, mrl_bytes_of(&request[i], 1));
    raw_expect_answer(&c, 200, "abcdefg");
    raw_leave(&c);
    fixture_stop(f);
}

static void broken_requests_get_their_status_and_the_door(void **state)
{
    static const struct {
        const char *request;
        unsigned status;
    } cases[] = {
        {"GET\r\n\r\n", 400},
        {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400},
        {"GET / HTTP/1.1\nHost: a\n\n", 400},
        {"GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505},
        {"GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /%2e%2e/b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /a%00b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"GET /?a=%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
         400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n", 501},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", 400},
        {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: magic\r\n\r\n", 417},
        {"POST / HTTP/1.0\r\nHost: a\r\n\r\n", 411},
    };
    struct fixture *f = START(0);

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(cases); i++) {
        struct raw_client c = raw_open(f);
        struct raw_answer a = raw_ask(&c, cases[i].request);

        assert_int_equal(a.head.status, cases[i].status);
        assert_false(a.head.keep_alive);
        assert_true(mrl_http_media_is(raw_header(&a, "Content-Type"), "text/plain"));
        assert_true(a.body.len > 1);
        assert_int_equal(raw_header(&a, "X-Request-Id").len, 16);
        assert_true(raw_is_closed(c.fd));
        assert_int_equal(atomic_load(&f->refused_status), cases[i].status);
        assert_int_equal(atomic_load(&f->refused_count), i + 1);
        raw_answer_done(&a);
        raw_leave(&c);
    }
    fixture_stop(f);
}

static void nothing_after_a_broken_request_is_answered(void **state)
{
    struct fixture *f = START(0);
    struct raw_client c = raw_open(f);

    (void)state;
    raw_send(c.fd, "GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\nGET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    raw_expect_answer(&c, 400, NULL);
    assert_true(raw_is_closed(c.fd));
    assert_int_equal(c.pending.len, 0);
    raw_leave(&c);
    fixture_stop(f);
}

static void http_1_0_and_connection_close_end_the_connection(void **state)
{
    static const char *const requests[] = {"GET /query?name=n HTTP/1.0\r\n\r\n",
                                           "GET /query?name=n HTTP/1.1\r\nHost: h\r\n"
                                           "Connection: close\r\n\r\n"};
    struct fixture *f = START(0);

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(requests); i++) {
        struct raw_client c = raw_open(f);

        raw_expect(&c, requests[i], 200, "n");
        assert_true(raw_is_closed(c.fd));
        raw_leave(&c);
    }
    fixture_stop(f);
}

static void a_waiting_client_is_invited_to_send_its_body(void **state)
{
    static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";
    char got[sizeof(interim)] = {0};
    struct fixture *f = START(.body_bytes = 10);
    struct raw_client c = raw_open(f);

    (void)state;
    raw_send(c.fd, "PUT /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
                   "Content-Length: 3\r\n\r\n");
    assert_int_equal(recv(c.fd, got, sizeof(interim) - 1, MSG_WAITALL), sizeof(interim) - 1);
    assert_string_equal(got, interim);
    raw_expect(&c, "abc", 200, "abc");
    /* Refused before it sends anything. */
    raw_send(c.fd, "PUT /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
                   "Content-Length: 11\r\n\r\n");
    assert_int_equal(recv(c.fd, got, strlen("HTTP/1.1 413"), MSG_WAITALL), strlen("HTTP/1.1 413"));
    assert_memory_equal(got, "HTTP/1.1 413", strlen("HTTP/1.1 413"));
    raw_leave(&c);
    fixture_stop(f);
}

static void a_request_that_dribbles_is_cut_off(void **state)
{
    static const char *const beginnings[] = {
        "G", "GET /echo HTTP/1.1\r\nX: ",
        "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n"};
    struct fixture *f = START(.request_timeout_ms = 150);

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(beginnings); i++) {
        struct raw_client c = raw_open(f);
        struct pollfd p = {c.fd, POLLIN, 0};

        raw_send(c.fd, beginnings[i]);
        for (int dribbled = 0; dribbled < 200 && poll(&p, 1, 20) == 0; dribbled++)
            raw_send(c.fd, "x"); /* a byte now and then does not help */
        raw_expect_answer(&c, 408, NULL);
        assert_true(raw_is_closed(c.fd));
        raw_leave(&c);
    }
    fixture_stop(f);
}

static void an_idle_connection_ends_without_a_word(void **state)
{
    struct fixture *f = START(.idle_timeout_ms = 1000);
    struct raw_client c = raw_open(f), d = raw_open(f);

    (void)state;
    assert_true(raw_is_closed(c.fd));
    raw_leave(&c);
    raw_leave(&d);
    d = raw_open(f);
    raw_expect(&d, "GET /query?name=n HTTP/1.1\r\nHost: h\r\n\r\n", 200, "n");
    assert_true(raw_is_closed(d.fd));
    raw_leave(&d);
    assert_int_equal(atomic_load(&f->refused_count), 0);
    fixture_stop(f);
}

static void stop_server(struct fixture *f)
{
    mrl_http_server_stop(f->server);
}

static void stopping_lets_answers_end_and_nobody_in(void **state)
{
    struct fixture *f = START(0);
    struct raw_client slow = raw_open(f), idle = raw_open(f), stream = raw_open(f), late;
    struct raw_answer a;

    (void)state;
    raw_expect(&idle, "GET /query?name=n HTTP/1.1\r\nHost: h\r\n\r\n", 200, "n");
    raw_send(slow.fd, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\nGET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(sem_wait(&f->began), 0);
    raw_send(stream.fd, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(fixture_wait(&f->started, 1));
    fixture_run(f, stop_server);
    assert_true(raw_is_closed(idle.fd));
    raw_expect_answer(&stream, 200, "data: hello\n\n"); /* whole: with its last chunk */
    assert_true(raw_is_closed(stream.fd));
    assert_true(fixture_wait(&f->gone, 1));
    assert_true(fixture_connections(f, 1));
    late = raw_open(f);
    assert_true(raw_is_closed(late.fd));
    sem_post(&f->go);
    a = raw_next(&slow);
    assert_int_equal(a.head.status, 200);
    assert_false(a.head.keep_alive);
    raw_answer_done(&a);
    assert_true(raw_is_closed(slow.fd)); /* the pipelined request is not begun */
    assert_true(fixture_connections(f, 0));
    raw_leave(&slow);
    raw_leave(&idle);
    raw_leave(&stream);
    raw_leave(&late);
    fixture_stop(f);
    assert_int_equal(atomic_load(&f->gone), 1);
}

static void a_local_peer_is_known_by_its_user(void **state)
{
    struct fixture *f = START(0);
    struct raw_client c = raw_open(f);
    char wanted[MRL_PEER_TEXT];

    (void)state;
    (void)snprintf(wanted, sizeof(wanted), "local:uid=%u,pid=%d plain", getuid(), getpid());
    raw_expect(&c, "GET /peer HTTP/1.1\r\nHost: h\r\n\r\n", 200, wanted);
    raw_expect(&c, "GET /binding HTTP/1.1\r\nHost: h\r\n\r\n", 200, "");
    raw_leave(&c);
    fixture_stop(f);
}

static void a_client_may_leave_anywhere(void **state)
{
    static const char request[] = "POST /defer HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";
    struct fixture *f = START(0);

    (void)state;
    for (size_t cut = 0; cut < sizeof(request); cut++) {
        struct raw_client c = raw_open(f);

        raw_send_bytes(c.fd, mrl_bytes_of(request, cut));
        raw_leave(&c);
    }
    assert_true(fixture_connections(f, 0));
    fixture_stop(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(query_is_decoded_and_unambiguous),
        cmocka_unit_test(a_path_can_be_left_as_it_was_sent),
        cmocka_unit_test(parameters_are_limited),
        cmocka_unit_test(the_head_is_limited),
        cmocka_unit_test(the_body_is_limited),
        cmocka_unit_test(a_body_comes_in_chunks_and_in_single_bytes),
        cmocka_unit_test(broken_requests_get_their_status_and_the_door),
        cmocka_unit_test(nothing_after_a_broken_request_is_answered),
        cmocka_unit_test(http_1_0_and_connection_close_end_the_connection),
        cmocka_unit_test(a_waiting_client_is_invited_to_send_its_body),
        cmocka_unit_test(a_request_that_dribbles_is_cut_off),
        cmocka_unit_test(an_idle_connection_ends_without_a_word),
        cmocka_unit_test(stopping_lets_answers_end_and_nobody_in),
        cmocka_unit_test(a_local_peer_is_known_by_its_user),
        cmocka_unit_test(a_client_may_leave_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
