/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_server.h"

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

static void every_answer_says_what_it_is(void **state)
{
    struct fixture *f = START(0);
    struct raw_client c = raw_open(f);
    struct raw_answer a, b;

    (void)state;
    a = raw_ask(&c, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello");
    assert_int_equal(a.head.status, 200);
    assert_bytes_equal(a.body, MRL_LIT("hello"));
    assert_bytes_equal(raw_header(&a, "X-Method"), MRL_LIT("POST"));
    assert_bytes_equal(raw_header(&a, "Content-Length"), MRL_LIT("5"));
    assert_bytes_equal(raw_header(&a, "Cache-Control"), MRL_LIT("no-store"));
    assert_bytes_equal(raw_header(&a, "X-Content-Type-Options"), MRL_LIT("nosniff"));
    assert_true(mrl_bytes_ends(raw_header(&a, "Date"), MRL_LIT(" GMT")));
    assert_int_equal(raw_header(&a, "Date").len, strlen("Sun, 06 Nov 1994 08:49:37 GMT"));
    assert_int_equal(raw_header(&a, "X-Request-Id").len, 16);
    assert_int_equal(strspn((const char *)raw_header(&a, "X-Request-Id").data, "0123456789abcdef"),
                     16);
    b = raw_ask(&c, "GET /headers HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_false(mrl_bytes_eq(raw_header(&a, "X-Request-Id"), raw_header(&b, "X-Request-Id")));
    assert_bytes_equal(raw_header(&b, "Cache-Control"), MRL_LIT("max-age=60"));
    assert_bytes_equal(raw_header(&b, "X-Twice"), MRL_LIT("second"));
    raw_answer_done(&a);
    raw_answer_done(&b);
    raw_expect(&c, "GET /nowhere HTTP/1.1\r\nHost: h\r\n\r\n", 404, "nothing at /nowhere\n");
    raw_expect(&c, "GET /empty HTTP/1.1\r\nHost: h\r\n\r\n", 204, "");
    raw_leave(&c);
    assert_true(fixture_connections(f, 0));
    fixture_stop(f);
}

static void head_is_get_without_the_body(void **state)
{
    struct fixture *f = START(0);
    struct raw_client c = raw_open(f);
    struct raw_answer a;

    (void)state;
    raw_send(c.fd, "HEAD /big?size=1000 HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(raw_read(c.fd, &c.pending, /*to_head=*/true, &a));
    assert_int_equal(a.head.status, 200);
    assert_bytes_equal(raw_header(&a, "Content-Length"), MRL_LIT("1000"));
    raw_answer_done(&a);
    raw_expect(&c, "GET /query?name=next HTTP/1.1\r\nHost: h\r\n\r\n", 200, "next");
    raw_send(c.fd, "HEAD /stream HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_true(raw_read(c.fd, &c.pending, /*to_head=*/true, &a));
    assert_int_equal(a.head.status, 409);
    raw_answer_done(&a);
    raw_leave(&c);
    fixture_stop(f);
}

static void a_header_that_would_split_the_answer_is_a_500(void **state)
{
    static const char *const paths[] = {"/bad-header", "/own-length"};
    struct fixture *f = START(0);
    struct raw_client c = raw_open(f);

    (void)state;
    for (size_t i = 0; i < MRL_COUNT(paths); i++) {
        char request[128];
        struct raw_answer a;

        (void)snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", paths[i]);
        a = raw_ask(&c, request);
        assert_int_equal(a.head.status, 500);
        assert_int_equal(raw_header(&a, "X-Injected").len, 0);
        assert_bytes_equal(a.body, MRL_LIT("the answer could not be made\n"));
        raw_answer_done(&a);
    }
    raw_leave(&c);
    fixture_stop(f);
}

static void a_deferred_answer_may_take_longer_than_any_timeout(void **state)
{
    struct fixture *f = START(.idle_timeout_ms = 1000, .request_timeout_ms = 1000);
    struct raw_client c = raw_open(f);

    (void)state;
    raw_send(c.fd, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(sem_wait(&f->began), 0);
    (void)usleep(1500 * 1000);
    sem_post(&f->go);
    raw_expect_answer(&c, 200, "");
    raw_leave(&c);
    fixture_stop(f);
}

static void pipelined_requests_are_answered_in_order(void **state)
{
    struct fixture *f = START(0);
    struct raw_client c = raw_open(f);

    (void)state;
    raw_send(c.fd, "POST /defer HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n1"
                   "GET /query?name=2 HTTP/1.1\r\nHost: h\r\n\r\n"
                   "POST /defer HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\n3"
                   "GET /query?name=4 HTTP/1.1\r\nHost: h\r\n\r\n");
    raw_expect_answer(&c, 200, "1");
    raw_expect_answer(&c, 200, "2");
    raw_expect_answer(&c, 200, "3");
    raw_expect_answer(&c, 200, "4");
    raw_leave(&c);
    fixture_stop(f);
}

static void a_client_far_ahead_is_made_to_wait(void **state)
{
    enum { REQUESTS = 500 };
    MRL_SCOPED(mrl_buf) requests = {0};
    struct fixture *f = START(.head_bytes = 256, .body_bytes = 256);
    struct raw_client c = raw_open(f);
    char body[16];

    (void)state;
    raw_send(c.fd, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
    for (int i = 0; i < REQUESTS; i++)
        assert_ok(mrl_buf_printf(
            &requests, "POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\n%04d", i));
    raw_send_bytes(c.fd, mrl_buf_bytes(&requests));
    assert_int_equal(sem_wait(&f->began), 0);
    sem_post(&f->go);
    raw_expect_answer(&c, 200, "");
    for (int i = 0; i < REQUESTS; i++) {
        (void)snprintf(body, sizeof(body), "%04d", i);
        raw_expect_answer(&c, 200, body);
    }
    raw_leave(&c);
    fixture_stop(f);
}

static void answers_wait_for_a_client_that_reads_late(void **state)
{
    enum { REQUESTS = 40, SIZE = 100000 };
    struct fixture *f = START(0);
    struct raw_client c = raw_open(f);

    (void)state;
    for (int i = 0; i < REQUESTS; i++)
        raw_send(c.fd, "GET /big?size=100000 HTTP/1.1\r\nHost: h\r\n\r\n");
    for (int i = 0; i < REQUESTS; i++) {
        struct raw_answer a = raw_next(&c);

        assert_int_equal(a.body.len, SIZE);
        raw_answer_done(&a);
    }
    raw_leave(&c);
    fixture_stop(f);
}

static void a_client_that_takes_no_answer_is_cut_off(void **state)
{
    struct fixture *f = START(.idle_timeout_ms = 500);
    struct raw_client c = raw_open(f), d = raw_open(f);

    (void)state;
    raw_send(c.fd, "GET /big?size=8000000 HTTP/1.1\r\nHost: h\r\n\r\n");
    raw_send(d.fd, "GET /big?size=8000000 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    assert_true(fixture_connections(f, 0));
    raw_leave(&c);
    raw_leave(&d);
    fixture_stop(f);
}

static void a_slow_but_steady_reader_gets_everything(void **state)
{
    enum { SIZE = 4000000, PIECE = 100000 };
    static uint8_t piece[PIECE];
    struct fixture *f = START(.idle_timeout_ms = 1500);
    struct raw_client c = raw_open(f);
    size_t got = 0;

    (void)state;
    raw_send(c.fd, "GET /big?size=4000000 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
    for (;;) {
        ssize_t more = recv(c.fd, piece, sizeof(piece), 0);

        if (more <= 0)
            break;
        got += (size_t)more;
        (void)usleep(60 * 1000); /* 40 times and more */
    }
    assert_true(got > SIZE);
    raw_leave(&c);
    fixture_stop(f);
}

static void a_client_may_die_while_its_answer_is_made(void **state)
{
    struct fixture *f = START(0);
    struct raw_client c = raw_open(f);

    (void)state;
    raw_send(c.fd, "POST /slow HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
    assert_int_equal(sem_wait(&f->began), 0);
    raw_leave(&c);
    assert_true(fixture_connections(f, 0));
    sem_post(&f->go);
    assert_true(fixture_wait(&f->worked, 1));
    c = raw_open(f); /* the server lives on */
    raw_expect(&c, "GET /query?name=n HTTP/1.1\r\nHost: h\r\n\r\n", 200, "n");
    raw_leave(&c);
    fixture_stop(f);
}

static void a_client_far_ahead_may_die_too(void **state)
{
    MRL_SCOPED(mrl_buf) requests = {0};
    struct fixture *f = START(.head_bytes = 256);
    struct raw_client c = raw_open(f);

    (void)state;
    assert_ok(mrl_buf_append(&requests, MRL_LIT("GET /slow HTTP/1.1\r\nHost: h\r\n\r\n")));
    for (int i = 0; i < 20; i++)
        assert_ok(mrl_buf_append(&requests, MRL_LIT("GET /echo HTTP/1.1\r\nHost: h\r\n\r\n")));
    raw_send_bytes(c.fd, mrl_buf_bytes(&requests));
    assert_int_equal(sem_wait(&f->began), 0);
    raw_leave(&c);
    assert_true(fixture_connections(f, 0)); /* seen, though nothing is read from it */
    sem_post(&f->go);
    assert_true(fixture_wait(&f->worked, 1));
    fixture_stop(f);
}

static void work_for_a_client_that_left_is_not_begun(void **state)
{
    struct fixture *f = START(0);
    struct raw_client a = raw_open(f), b = raw_open(f), c = raw_open(f);

    (void)state;
    raw_send(a.fd, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(sem_wait(&f->began), 0);
    raw_expect(&b, "GET /query?name=n HTTP/1.1\r\nHost: h\r\n\r\n", 200, "n");
    raw_send(b.fd, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
    raw_expect(&c, "GET /query?name=n HTTP/1.1\r\nHost: h\r\n\r\n", 200, "n");
    raw_leave(&b);
    assert_true(fixture_connections(f, 2));
    sem_post(&f->go);
    raw_expect_answer(&a, 200, "");
    raw_expect(&c, "GET /defer HTTP/1.1\r\nHost: h\r\n\r\n", 200,
               ""); /* was behind it in the queue */
    assert_int_equal(sem_trywait(&f->began), -1);
    assert_int_equal(atomic_load(&f->worked), 1);
    raw_leave(&a);
    raw_leave(&c);
    fixture_stop(f);
}

static void a_full_queue_is_a_503_at_once(void **state)
{
    struct fixture *f = START(.queue_limit = 1);
    struct raw_client a = raw_open(f), b = raw_open(f), c = raw_open(f);
    struct raw_answer refused;

    (void)state;
    raw_send(a.fd, "GET /slow HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(sem_wait(&f->began), 0); /* it runs, the queue is empty again */
    raw_send(b.fd, "GET /slow HTTP/1.1\r\nHost: h\r\nConnection: keep-alive\r\n\r\n");
    /* c is answered after b's request was read, and the one place in the queue taken */
    raw_expect(&c, "GET /query?name=n HTTP/1.1\r\nHost: h\r\n\r\n", 200, "n");
    refused = raw_ask(&c, "GET /defer HTTP/1.1\r\nHost: h\r\n\r\n");
    assert_int_equal(refused.head.status, 503);
    assert_bytes_equal(raw_header(&refused, "Retry-After"), MRL_LIT("1"));
    raw_answer_done(&refused);
    sem_post(&f->go);
    sem_post(&f->go);
    raw_expect_answer(&a, 200, "");
    raw_expect_answer(&b, 200, "");
    raw_expect(&c, "GET /defer HTTP/1.1\r\nHost: h\r\n\r\n", 200,
               ""); /* the same connection goes on */
    raw_leave(&a);
    raw_leave(&b);
    raw_leave(&c);
    fixture_stop(f);
}

static void everything_may_end_while_an_answer_is_made(void **state)
{
    struct fixture *f = START(0);
    struct raw_client a = raw_open(f), b = raw_open(f);

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
    raw_leave(&a);
    raw_leave(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_answer_says_what_it_is),
        cmocka_unit_test(head_is_get_without_the_body),
        cmocka_unit_test(a_header_that_would_split_the_answer_is_a_500),
        cmocka_unit_test(a_deferred_answer_may_take_longer_than_any_timeout),
        cmocka_unit_test(pipelined_requests_are_answered_in_order),
        cmocka_unit_test(a_client_far_ahead_is_made_to_wait),
        cmocka_unit_test(answers_wait_for_a_client_that_reads_late),
        cmocka_unit_test(a_client_that_takes_no_answer_is_cut_off),
        cmocka_unit_test(a_slow_but_steady_reader_gets_everything),
        cmocka_unit_test(a_client_may_die_while_its_answer_is_made),
        cmocka_unit_test(a_client_far_ahead_may_die_too),
        cmocka_unit_test(work_for_a_client_that_left_is_not_begun),
        cmocka_unit_test(a_full_queue_is_a_503_at_once),
        cmocka_unit_test(everything_may_end_while_an_answer_is_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
