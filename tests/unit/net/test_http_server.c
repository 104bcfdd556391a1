/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_server.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/unit/net/http_fixture.h"
#include "tests/unit/unit.h"

struct client {
    int fd;
    struct mrl_buf pending;
};

static struct client client_of(const struct fixture *f)
{
    return (struct client){.fd = raw_connect(f)};
}

static void leave(struct client *c)
{
    if (c->fd >= 0)
        (void)close(c->fd);
    c->fd = -1;
    mrl_buf_done(&c->pending);
}

static struct raw_answer next_answer(struct client *c)
{
    struct raw_answer a;

    assert_true(raw_read(c->fd, &c->pending, /*to_head=*/false, &a));
    return a;
}

static struct raw_answer ask(struct client *c, const char *request)
{
    raw_send(c->fd, request);
    return next_answer(c);
}

static void expect_answer(struct client *c, unsigned status, const char *body)
{
    struct raw_answer a = next_answer(c);

    assert_int_equal(a.head.status, status);
    if (body != NULL)
        assert_bytes_equal(a.body, mrl_str(body));
    raw_answer_done(&a);
}

static void expect(struct client *c, const char *request, unsigned status, const char *body)
{
    raw_send(c->fd, request);
    expect_answer(c, status, body);
}

static mrl_bytes header(const struct raw_answer *a, const char *name)
{
    const mrl_bytes *value = mrl_http_header(&a->head.headers, name);

    return value == NULL ? MRL_BYTES_NONE : *value;
}

static struct fixture fixture;

static struct fixture *start_with(struct fixture_config config)
{
    fixture_start(&fixture, &config);
    return &fixture;
}

#define START(...) start_with((struct fixture_config){__VA_ARGS__})

static void every_answer_says_what_it_is(void **state)
{
    struct fixture *f = START(0);
    struct client c = client_of(f);
    struct raw_answer a, b;

    (void)state;
    a = ask(&c, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
    assert_int_equal(a.head.status, 200);
    assert_bytes_equal(a.body, MRL_LIT("hello"));
    assert_bytes_equal(header(&a, "X-Method"), MRL_LIT("POST"));
    assert_bytes_equal(header(&a, "Content-Length"), MRL_LIT("5"));
    assert_bytes_equal(header(&a, "Cache-Control"), MRL_LIT("no-store"));
    assert_bytes_equal(header(&a, "X-Content-Type-Options"), MRL_LIT("nosniff"));
    assert_true(mrl_bytes_ends(header(&a, "Date"), MRL_LIT(" GMT")));
    assert_int_equal(header(&a, "Date").len, strlen("Sun, 06 Nov 1994 08:49:37 GMT"));
    assert_int_equal(header(&a, "X-Request-Id").len, 16);
    assert_int_equal(strspn((const char *)header(&a, "X-Request-Id").data, "0123456789abcdef"), 16);
    b = ask(&c, "GET /headers HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_false(mrl_bytes_eq(header(&a, "X-Request-Id"), header(&b, "X-Request-Id")));
    assert_bytes_equal(header(&b, "Cache-Control"), MRL_LIT("max-age=60"));
    assert_bytes_equal(header(&b, "X-Twice"), MRL_LIT("second"));
    raw_answer_done(&a);
    raw_answer_done(&b);
    expect(&c, "GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n", 404, "nothing at /nowhere\n");
    expect(&c, "GET /empty HTTP/1.1\r\nHost: h\r\n\r\n", 204, "");
    leave(&c);
    assert_true(fixture_connections(f, 0));
    fixture_stop(f);
}

static void head_is_get_without_the_body(void **state)
{
    struct fixture *f = START(0);
    struct client c = client_of(f);
    struct raw_answer a;

    (void)state;
    raw_send(c.fd, "HEAD /big?size=1000 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(raw_read(c.fd, &c.pending, /*to_head=*/true, &a));
    assert_int_equal(a.head.status, 200);
    assert_bytes_equal(header(&a, "Content-Length"), MRL_LIT("1000"));
    raw_answer_done(&a);
    expect(&c, "GET /query?name=next HTTP/1.1\r\nHost: h\r\n\r\n", 200, "next");
    raw_send(c.fd, "HEAD /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(raw_read(c.fd, &c.pending, /*to_head=*/true, &a));
    assert_int_equal(a.head.status, 409);
    raw_answer_done(&a);
    leave(&c);
    fixture_stop(f);
}

static void a_header_that_would_split_the_answer_is_a_500(void **state)
{
    static const char *const paths[] = {"/bad-header", "/own-length"};
    struct fixture *f = START(0);
    struct client c = client_of(f);

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(paths); i++) {
        char request[128];
        struct raw_answer a;

        (void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", paths[i]);
        a = ask(&c, request);
        assert_int_equal(a.head.status, 500);
        assert_int_equal(header(&a, "X-Injected").len, 0);
        assert_bytes_equal(a.body, MRL_LIT("the answer could not be made\n"));
        raw_answer_done(&a);
    }
    leave(&c);
    fixture_stop(f);
}

static void query_is_decoded_and_unambiguous(void **state)
{
    struct fixture *f = START(0);
    struct client c = client_of(f);

    (void)state;
    expect(&c, "GET /query?a=1&name=a%20b+c HTTP/1.1\r\nHost: h\r\n\r\n", 200, "a b c");
    expect(&c, "GET /query?a=1 HTTP/1.1\r\nHost: h\r\n\r\n", 404, NULL);
    expect(&c, "GET /%71uery?name= HTTP/1.1\r\nHost: h\r\n\r\n", 200, "");
    expect(&c, "GET /query?name=1&name=2 HTTP/1.1\r\nHost: h\r\n\r\n", 400,
           "a parameter is given twice\n");
    assert_true(raw_is_closed(c.fd));
    leave(&c);
    fixture_stop(f);
}

static void ask_with_parameters(struct fixture *f, unsigned count, unsigned status)
{
    MRL_SCOPED(mrl_buf) request = {0};
    struct client c = client_of(f);

    assert_ok(mrl_buf_append(&request, MRL_LIT("GET /query?name=n")));
    for (unsigned i = 1; i < count; i++)
        assert_ok(mrl_buf_printf(&request, "&p%u=", i));
    assert_ok(mrl_buf_append(&request, MRL_LIT(" HTTP/1.1\r\nHost: h\r\n\r\n")));
    raw_send_bytes(c.fd, mrl_buf_bytes(&request));
    expect_answer(&c, status, NULL);
    leave(&c);
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
    struct client c = client_of(f);

    assert_ok(mrl_buf_append(&request, mrl_str(first)));
    while (request.len < len - 4)
        assert_ok(mrl_buf_append(&request, MRL_LIT("x")));
    assert_ok(mrl_buf_append(&request, MRL_LIT("\r\n\r\n")));
    assert_int_equal(request.len, len);
    raw_send_bytes(c.fd, mrl_buf_bytes(&request));
    expect_answer(&c, status, NULL);
    assert_true(status == 200 || raw_is_closed(c.fd));
    leave(&c);
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
    struct client c = client_of(f);

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
    expect_answer(&c, status, NULL);
    assert_true(status == 200 || raw_is_closed(c.fd));
    leave(&c);
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
    struct client c = client_of(f);

    (void)state;
    for (size_t i = 0; i < sizeof(request) - 1; i++)
        raw_send_bytes(c.fd, mrl_bytes_of(&request[i], 1));
    expect_answer(&c, 200, "abcdefg");
    leave(&c);
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
        struct client c = client_of(f);
        struct raw_answer a = ask(&c, cases[i].request);

        assert_int_equal(a.head.status, cases[i].status);
        assert_false(a.head.keep_alive);
        assert_true(mrl_http_media_is(header(&a, "Content-Type"), "text/plain"));
        assert_true(a.body.len > 1);
        assert_int_equal(header(&a, "X-Request-Id").len, 16);
        assert_true(raw_is_closed(c.fd));
        assert_int_equal(atomic_load(&f->refused_status), cases[i].status);
        assert_int_equal(atomic_load(&f->refused_count), i + 1);
        raw_answer_done(&a);
        leave(&c);
    }
    fixture_stop(f);
}

static void nothing_after_a_broken_request_is_answered(void **state)
{
    struct fixture *f = START(0);
    struct client c = client_of(f);

    (void)state;
    raw_send(c.fd, "GET /a/../b HTTP/1.1\r\nHost: a\r\n\r\nGET /echo HTTP/1.1\r\nHost: a\r\n\r\n");
    expect_answer(&c, 400, NULL);
    assert_true(raw_is_closed(c.fd));
    assert_int_equal(c.pending.len, 0);
    leave(&c);
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
        struct client c = client_of(f);

        expect(&c, requests[i], 200, "n");
        assert_true(raw_is_closed(c.fd));
        leave(&c);
    }
    fixture_stop(f);
}

static void a_waiting_client_is_invited_to_send_its_body(void **state)
{
    static const char interim[] = "HTTP/1.1 100 Continue\r\n\r\n";
    char got[sizeof(interim)] = {0};
    struct fixture *f = START(.body_bytes = 10);
    struct client c = client_of(f);

    (void)state;
    raw_send(c.fd, "PUT /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
                   "Content-Length: 3\r\n\r\n");
    assert_int_equal(recv(c.fd, got, sizeof(interim) - 1, MSG_WAITALL), sizeof(interim) - 1);
    assert_string_equal(got, interim);
    expect(&c, "abc", 200, "abc");
    /* Refused before it sends anything. */
    raw_send(c.fd, "PUT /echo HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n"
                   "Content-Length: 11\r\n\r\n");
    assert_int_equal(recv(c.fd, got, strlen("HTTP/1.1 413"), MSG_WAITALL), strlen("HTTP/1.1 413"));
    assert_memory_equal(got, "HTTP/1.1 413", strlen("HTTP/1.1 413"));
    leave(&c);
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
        struct client c = client_of(f);
        struct pollfd p = {c.fd, POLLIN, 0};

        raw_send(c.fd, beginnings[i]);
        for (int dribbled = 0; dribbled < 200 && poll(&p, 1, 20) == 0; dribbled++)
            raw_send(c.fd, "x"); /* a byte now and then does not help */
        expect_answer(&c, 408, NULL);
        assert_true(raw_is_closed(c.fd));
        leave(&c);
    }
    fixture_stop(f);
}

static void an_idle_connection_ends_without_a_word(void **state)
{
    struct fixture *f = START(.idle_timeout_ms = 100);
    struct client c = client_of(f), d = client_of(f);

    (void)state;
    assert_true(raw_is_closed(c.fd));
    leave(&c);
    leave(&d);
    d = client_of(f);
    expect(&d, "GET /query?name=n HTTP/1.1\r\nHost: h\r\n\r\n", 200, "n");
    assert_true(raw_is_closed(d.fd));
    leave(&d);
    assert_int_equal(atomic_load(&f->refused_count), 0);
    fixture_stop(f);
}

static void a_deferred_answer_may_take_longer_than_any_timeout(void **state)
{
    struct fixture *f = START(.idle_timeout_ms = 50, .request_timeout_ms = 50);
    struct client c = client_of(f);

    (void)state;
    raw_send(c.fd, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(sem_wait(&f->began), 0);
    (void)usleep(200 * 1000);
    sem_post(&f->go);
    expect_answer(&c, 200, "");
    leave(&c);
    fixture_stop(f);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct fixture *f = START(0);
    struct client c = client_of(f);

    (void)state;
    raw_send(c.fd, "POST /defer HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n1"
                   "GET /query?name=2 HTTP/1.1\r\nHost: h\r\n\r\n"
                   "POST /defer HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n3"
                   "GET /query?name=4 HTTP/1.1\r\nHost: h\r\n\r\n");
    expect_answer(&c, 200, "1");
    expect_answer(&c, 200, "2");
    expect_answer(&c, 200, "3");
    expect_answer(&c, 200, "4");
    leave(&c);
    fixture_stop(f);
}

static void a_client_far_ahead_is_made_to_wait(void **state)
{
    enum { REQUESTS = 500 };
    MRL_SCOPED(mrl_buf) requests = {0};
    struct fixture *f = START(.head_bytes = 256, .body_bytes = 256);
    struct client c = client_of(f);
    char body[16];

    (void)state;
    raw_send(c.fd, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
    for (int i = 0; i < REQUESTS; i++)
        assert_ok(mrl_buf_printf(
            &requests, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n%04d", i));
    raw_send_bytes(c.fd, mrl_buf_bytes(&requests));
    assert_int_equal(sem_wait(&f->began), 0);
    sem_post(&f->go);
    expect_answer(&c, 200, "");
    for (int i = 0; i < REQUESTS; i++) {
        (void)snprintf(body, sizeof(body), "%04d", i);
        expect_answer(&c, 200, body);
    }
    leave(&c);
    fixture_stop(f);
}

static void answers_wait_for_a_client_that_reads_late(void **state)
{
    enum { REQUESTS = 40, SIZE = 100000 };
    struct fixture *f = START(0);
    struct client c = client_of(f);

    (void)state;
    for (int i = 0; i < REQUESTS; i++)
        raw_send(c.fd, "GET /big?size=100000 HTTP/1.1\r\nHost: h\r\n\r\n");
    for (int i = 0; i < REQUESTS; i++) {
        struct raw_answer a = next_answer(&c);

        assert_int_equal(a.body.len, SIZE);
        raw_answer_done(&a);
    }
    leave(&c);
    fixture_stop(f);
}

static void a_client_that_takes_no_answer_is_cut_off(void **state)
{
    struct fixture *f = START(.idle_timeout_ms = 100);
    struct client c = client_of(f), d = client_of(f);

    (void)state;
    raw_send(c.fd, "GET /big?size=8000000 HTTP/1.1\r\nHost: h\r\n\r\n");
    raw_send(d.fd, "GET /big?size=8000000 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_true(fixture_connections(f, 0));
    leave(&c);
    leave(&d);
    fixture_stop(f);
}

static void a_slow_but_steady_reader_gets_everything(void **state)
{
    enum { SIZE = 4000000, PIECE = 100000 };
    static uint8_t piece[PIECE];
    struct fixture *f = START(.idle_timeout_ms = 200);
    struct client c = client_of(f);
    size_t got = 0;

    (void)state;
    raw_send(c.fd, "GET /big?size=4000000 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    for (;;) {
        ssize_t more = recv(c.fd, piece, sizeof(piece), 0);

        if (more <= 0)
            break;
        got += (size_t)more;
        (void)usleep(15 * 1000);
    }
    assert_true(got > SIZE);
    leave(&c);
    fixture_stop(f);
}

static void a_client_may_die_while_its_answer_is_made(void **state)
{
    struct fixture *f = START(0);
    struct client c = client_of(f);

    (void)state;
    raw_send(c.fd, "POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
    assert_int_equal(sem_wait(&f->began), 0);
    leave(&c);
    assert_true(fixture_connections(f, 0));
    sem_post(&f->go);
    assert_true(fixture_wait(&f->worked, 1));
    c = client_of(f); /* the server lives on */
    expect(&c, "GET /query?name=n HTTP/1.1\r\nHost: h\r\n\r\n", 200, "n");
    leave(&c);
    fixture_stop(f);
}

static void work_for_a_client_that_left_is_not_begun(void **state)
{
    struct fixture *f = START(0);
    struct client a = client_of(f), b = client_of(f), c = client_of(f);

    (void)state;
    raw_send(a.fd, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(sem_wait(&f->began), 0);
    expect(&b, "GET /query?name=n HTTP/1.1\r\nHost: h\r\n\r\n", 200, "n");
    raw_send(b.fd, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
    expect(&c, "GET /query?name=n HTTP/1.1\r\nHost: h\r\n\r\n", 200, "n");
    leave(&b);
    assert_true(fixture_connections(f, 2));
    sem_post(&f->go);
    expect_answer(&a, 200, "");
    expect(&c, "GET /defer HTTP/1.1\r\nHost: h\r\n\r\n", 200, ""); /* was behind it in the queue */
    assert_int_equal(sem_trywait(&f->began), -1);
    assert_int_equal(atomic_load(&f->worked), 1);
    leave(&a);
    leave(&c);
    fixture_stop(f);
}

static void a_full_queue_is_a_503_at_once(void **state)
{
    struct fixture *f = START(.queue_limit = 1);
    struct client a = client_of(f), b = client_of(f), c = client_of(f);
    struct raw_answer refused;

    (void)state;
    raw_send(a.fd, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(sem_wait(&f->began), 0); /* it runs, the queue is empty again */
    raw_send(b.fd, "GET /slow HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\n\r\n");
    /* c is answered after b's request was read, and the one place in the queue taken */
    expect(&c, "GET /query?name=n HTTP/1.1\r\nHost: h\r\n\r\n", 200, "n");
    refused = ask(&c, "GET /defer HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(refused.head.status, 503);
    assert_bytes_equal(header(&refused, "Retry-After"), MRL_LIT("1"));
    raw_answer_done(&refused);
    sem_post(&f->go);
    sem_post(&f->go);
    expect_answer(&a, 200, "");
    expect_answer(&b, 200, "");
    expect(&c, "GET /defer HTTP/1.1\r\nHost: h\r\n\r\n", 200, ""); /* the same connection goes on */
    leave(&a);
    leave(&b);
    leave(&c);
    fixture_stop(f);
}

static void everything_may_end_while_an_answer_is_made(void **state)
{
    struct fixture *f = START(0);
    struct client a = client_of(f), b = client_of(f);

    (void)state;
    raw_send(a.fd, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(sem_wait(&f->began), 0);
    raw_send(b.fd, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(fixture_wait(&f->started, 1));
    fixture_halt(f);
    sem_post(&f->go);
    fixture_free(f); /* the exchange is in the mailbox, and dropped there */
    assert_int_equal(atomic_load(&f->worked), 1);
    assert_int_equal(atomic_load(&f->gone), 1);
    leave(&a);
    leave(&b);
}

static void stop_server(struct fixture *f)
{
    mrl_http_server_stop(f->server);
}

static void stopping_lets_answers_end_and_nobody_in(void **state)
{
    struct fixture *f = START(0);
    struct client slow = client_of(f), idle = client_of(f), stream = client_of(f), late;
    struct raw_answer a;

    (void)state;
    expect(&idle, "GET /query?name=n HTTP/1.1\r\nHost: h\r\n\r\n", 200, "n");
    raw_send(slow.fd, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\nGET /echo HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(sem_wait(&f->began), 0);
    raw_send(stream.fd, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(fixture_wait(&f->started, 1));
    fixture_run(f, stop_server);
    assert_true(raw_is_closed(idle.fd));
    expect_answer(&stream, 200, "data: hello\n\n"); /* whole: with its last chunk */
    assert_true(raw_is_closed(stream.fd));
    assert_true(fixture_wait(&f->gone, 1));
    assert_true(fixture_connections(f, 1));
    late = client_of(f);
    assert_true(raw_is_closed(late.fd));
    sem_post(&f->go);
    a = next_answer(&slow);
    assert_int_equal(a.head.status, 200);
    assert_false(a.head.keep_alive);
    raw_answer_done(&a);
    assert_true(raw_is_closed(slow.fd)); /* the pipelined request is not begun */
    assert_true(fixture_connections(f, 0));
    leave(&slow);
    leave(&idle);
    leave(&stream);
    leave(&late);
    fixture_stop(f);
    assert_int_equal(atomic_load(&f->gone), 1);
}

static void write_event(struct fixture *f)
{
    assert_ok(mrl_http_stream_write(f->stream, MRL_LIT("data: again\n\n")));
    assert_ok(mrl_http_stream_write(f->stream, MRL_BYTES_NONE)); /* not the end of it */
}

static void end_stream(struct fixture *f)
{
    mrl_http_stream_end(f->stream);
    assert_non_null(f->stream); /* gone comes later */
    assert_int_equal(mrl_http_stream_write(f->stream, MRL_LIT("x")), MRL_ERR_CLOSED);
    mrl_http_stream_end(f->stream);
}

static void a_stream_is_chunked_and_ends_when_told(void **state)
{
    struct fixture *f = START(0);
    struct client c = client_of(f);
    struct raw_answer a;

    (void)state;
    raw_send(c.fd, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(fixture_wait(&f->started, 1));
    fixture_run(f, write_event);
    fixture_run(f, end_stream);
    a = next_answer(&c);
    assert_int_equal(a.head.framing, MRL_HTTP_BODY_CHUNKED);
    assert_bytes_equal(header(&a, "Content-Type"), MRL_LIT("text/event-stream"));
    assert_bytes_equal(a.body, MRL_LIT("data: hello\n\ndata: again\n\n"));
    raw_answer_done(&a);
    assert_true(raw_is_closed(c.fd));
    assert_true(fixture_wait(&f->gone, 1));
    leave(&c);
    fixture_stop(f);
    assert_int_equal(atomic_load(&f->gone), 1);
}

static void a_stream_for_http_1_0_is_plain(void **state)
{
    static const char events[] = "data: hello\n\ndata: again\n\n";
    char got[2048] = {0};
    struct fixture *f = START(0);
    struct client c = client_of(f);
    ssize_t more = 1;
    size_t len = 0;

    (void)state;
    raw_send(c.fd, "GET /stream HTTP/1.0\r\n\r\n");
    assert_true(fixture_wait(&f->started, 1));
    fixture_run(f, write_event);
    fixture_run(f, end_stream);
    for (; more > 0; len += more > 0 ? (size_t)more : 0)
        more = recv(c.fd, &got[len], sizeof(got) - 1 - len, 0);
    assert_null(strstr(got, "chunked"));
    assert_true(len > strlen(events));
    assert_string_equal(&got[len - strlen(events)], events);
    leave(&c);
    fixture_stop(f);
}

static void a_stream_is_gone_once_when_its_reader_leaves(void **state)
{
    struct fixture *f = START(0);
    struct client c = client_of(f);

    (void)state;
    for (int round = 1; round <= 3; round++) {
        raw_send(c.fd, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\nGET / HTTP/1.1\r\n\r\n");
        assert_true(fixture_wait(&f->started, round));
        leave(&c);
        assert_true(fixture_wait(&f->gone, round));
        c = client_of(f);
    }
    leave(&c);
    fixture_stop(f);
    assert_int_equal(atomic_load(&f->gone), 3);
}

static void write_up_to_the_limit(struct fixture *f)
{
    static uint8_t piece[1000];
    size_t before = 0;
    mrl_err err = MRL_OK;

    while (err == MRL_OK) {
        before = mrl_http_stream_backlog(f->stream);
        err = mrl_http_stream_write(f->stream, mrl_bytes_of(piece, sizeof(piece)));
    }
    assert_int_equal(err, MRL_ERR_LIMIT);
    assert_true(before <= MRL_HTTP_STREAM_BACKLOG);
    assert_true(before + 2 * sizeof(piece) > MRL_HTTP_STREAM_BACKLOG);
    assert_int_equal(mrl_http_stream_write(f->stream, mrl_bytes_of(piece, 1)), MRL_ERR_CLOSED);
}

static void a_stream_does_not_wait_for_a_slow_reader(void **state)
{
    struct fixture *f = START(0);
    struct client c = client_of(f);

    (void)state;
    raw_send(c.fd, "GET /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(fixture_wait(&f->started, 1));
    fixture_run(f, write_up_to_the_limit);
    assert_true(fixture_wait(&f->gone, 1));
    assert_true(fixture_connections(f, 0));
    leave(&c);
    fixture_stop(f);
    assert_int_equal(atomic_load(&f->gone), 1);
}

static void a_local_peer_is_known_by_its_user(void **state)
{
    struct fixture *f = START(0);
    struct client c = client_of(f);
    char wanted[MRL_PEER_TEXT];

    (void)state;
    (void)snprintf(wanted, sizeof(wanted), "local:uid=%u,pid=%d plain", getuid(), getpid());
    expect(&c, "GET /peer HTTP/1.1\r\nHost: h\r\n\r\n", 200, wanted);
    expect(&c, "GET /binding HTTP/1.1\r\nHost: h\r\n\r\n", 200, "");
    leave(&c);
    fixture_stop(f);
}

static void a_client_may_leave_anywhere(void **state)
{
    static const char request[] = "POST /defer HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc";
    struct fixture *f = START(0);

    (void)state;
    for (size_t cut = 0; cut < sizeof(request); cut++) {
        struct client c = client_of(f);

        raw_send_bytes(c.fd, mrl_bytes_of(request, cut));
        leave(&c);
    }
    assert_true(fixture_connections(f, 0));
    fixture_stop(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_answer_says_what_it_is),
        cmocka_unit_test(head_is_get_without_the_body),
        cmocka_unit_test(a_header_that_would_split_the_answer_is_a_500),
        cmocka_unit_test(query_is_decoded_and_unambiguous),
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
        cmocka_unit_test(a_deferred_answer_may_take_longer_than_any_timeout),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(a_client_far_ahead_is_made_to_wait),
        cmocka_unit_test(answers_wait_for_a_client_that_reads_late),
        cmocka_unit_test(a_client_that_takes_no_answer_is_cut_off),
        cmocka_unit_test(a_slow_but_steady_reader_gets_everything),
        cmocka_unit_test(a_client_may_die_while_its_answer_is_made),
        cmocka_unit_test(work_for_a_client_that_left_is_not_begun),
        cmocka_unit_test(a_full_queue_is_a_503_at_once),
        cmocka_unit_test(everything_may_end_while_an_answer_is_made),
        cmocka_unit_test(stopping_lets_answers_end_and_nobody_in),
        cmocka_unit_test(a_stream_is_chunked_and_ends_when_told),
        cmocka_unit_test(a_stream_for_http_1_0_is_plain),
        cmocka_unit_test(a_stream_is_gone_once_when_its_reader_leaves),
        cmocka_unit_test(a_stream_does_not_wait_for_a_slow_reader),
        cmocka_unit_test(a_local_peer_is_known_by_its_user),
        cmocka_unit_test(a_client_may_leave_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
